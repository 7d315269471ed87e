/**
 * Copies of a session's file: under another id, cut at a turn, and for another home.
 *
 * What lies beside the file (transcripts of subagents, versions of files) is not copied; the session's own context needs none
 * of it.
 */
import { Effect, FileSystem, Option, Path } from "effect"
import type { InstanceId } from "../../domain/Ids.ts"
import { AgentProtocolError, TurnNotInSession } from "../../provider/AdapterError.ts"
import type { TurnPlace } from "../../provider/ProviderAdapter.ts"
import { newSessionId } from "../protocol/Cursor.ts"
import * as History from "./History.ts"
import type { LiveSession } from "./LiveSession.ts"
import * as Portable from "./Portable.ts"
import * as Transcript from "./Transcript.ts"

/** The session's file, once it has all that was shown. */
export const open = Effect.fnUntraced(function*(live: LiveSession, operation: string) {
  const { cli: { environment, instanceId }, sessionId } = live
  const fs = yield* FileSystem.FileSystem
  const failed = (name: string) => new AgentProtocolError({ instanceId, operation, name, body: null })
  yield* History.caughtUp(live)
  const file = yield* Transcript.find(environment.config, sessionId)
  if (Option.isNone(file)) return yield* failed("no transcript")
  const bytes = yield* Effect.mapError(fs.readFile(file.value), ({ reason }) => failed(reason._tag))
  // A line is whole once it has its end.
  return { file: file.value, bytes: bytes.subarray(0, bytes.lastIndexOf(newline) + 1), failed }
})

const newline = 10

/** The id and size of the copy. No process is needed: Claude finds a session by the name of its file. */
export const fork = Effect.fnUntraced(function*(live: LiveSession, at: TurnPlace | undefined) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const { bytes, failed, file } = yield* open(live, "fork")
  const text = new TextDecoder().decode(bytes)
  const kept = at === undefined ? text : yield* upTo(live.cli.instanceId, text, at)
  const copy = yield* newSessionId
  const content = new TextEncoder().encode(renamed(kept, live.sessionId, copy))
  yield* Effect.mapError(
    fs.writeFile(path.join(path.dirname(file), `${copy}.jsonl`), content, { mode: 0o600, flag: "wx" }),
    ({ reason }) => failed(reason._tag)
  )
  return { sessionId: copy, size: content.length }
})

/** The lines before the prompt that follows the turn. */
const upTo = Effect.fnUntraced(function*(instanceId: InstanceId, text: string, { ref, turnId }: TurnPlace) {
  if (ref === undefined) return yield* new TurnNotInSession({ instanceId, turnId, reason: "no-ref" })
  const lines = Transcript.linesOf(text)
  const start = lines.findIndex(({ entry }) => entry?.line.uuid === ref)
  if (start === -1) return yield* new TurnNotInSession({ instanceId, turnId, reason: "not-found" })
  const next = lines.findIndex(({ entry }, at) => at > start && entry !== undefined && Transcript.begins(entry.line))
  return next === -1 ? text : Transcript.textOf(lines.slice(0, Transcript.beginningOf(lines, next)))
})

const renamed = (text: string, from: string, to: string): string =>
  ["sessionId", "session_id"].reduce((text, name) => text.replaceAll(`"${name}":"${from}"`, `"${name}":"${to}"`), text)

export const exportSession = Effect.fnUntraced(function*(live: LiveSession, since: string | undefined) {
  const { bytes } = yield* open(live, "export")
  return Portable.copyOf({ sessionId: live.sessionId, agentVersion: live.cli.version, bytes, since })
})
