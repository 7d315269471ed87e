/**
 * Copies of a session: its file under another id, in which each line names that id.
 */
import { Effect, FileSystem, Option, Path } from "effect"
import { AgentProtocolError } from "../../provider/AdapterError.ts"
import { newId } from "./Delivery.ts"
import * as History from "./History.ts"
import type { LiveSession } from "./LiveSession.ts"
import * as Transcript from "./Transcript.ts"

/** The id of the copy. No process is needed: Claude finds a session by the name of its file. */
export const fork = Effect.fnUntraced(function*(live: LiveSession) {
  const { cli, sessionId } = live
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  yield* History.caughtUp(live)
  const failed = (name: string) =>
    new AgentProtocolError({ instanceId: cli.instanceId, operation: "fork", name, body: null })
  const file = yield* Transcript.find(cli.environment.config, sessionId)
  if (Option.isNone(file)) return yield* failed("no transcript")
  const copy = yield* newId
  yield* fs.readFileString(file.value).pipe(
    Effect.flatMap((text) =>
      fs.writeFileString(path.join(path.dirname(file.value), `${copy}.jsonl`), renamed(text, sessionId, copy), {
        mode: 0o600,
        flag: "wx"
      })
    ),
    Effect.mapError(({ reason }) => failed(reason._tag))
  )
  return copy
})

const renamed = (text: string, from: string, to: string): string =>
  ["sessionId", "session_id"].reduce((text, name) => text.replaceAll(`"${name}":"${from}"`, `"${name}":"${to}"`), text)
