/**
 * A session's file on its way to another home: as bytes, and after the first copy only what is new, since the file is appended
 * to and never rewritten.
 */
import { Effect, FileSystem, Option, Path } from "effect"
import { createHash } from "node:crypto"
import type { InstanceId, SessionId } from "../../domain/Ids.ts"
import { AgentUnreachable, CopyRejected, SessionInUse } from "../../provider/AdapterError.ts"
import * as NativeCopy from "../../provider/NativeCopy.ts"
import { isSessionId, provider } from "../protocol/Cursor.ts"
import * as Occupied from "./Occupied.ts"
import * as Transcript from "./Transcript.ts"

const version = 1

/** How many bytes a copy ends after, and what they are. */
const checkpointOf = (bytes: Uint8Array): string =>
  `${bytes.length}:${createHash("sha256").update(bytes).digest("hex")}`

/** A copy of what came after the checkpoint `since`, or of all where the file does not go on from there. */
export const copyOf = (
  { agentVersion, bytes, sessionId, since }: {
    readonly sessionId: SessionId
    readonly agentVersion: string
    readonly bytes: Uint8Array
    readonly since: string | undefined
  }
): NativeCopy.NativeCopy => {
  const from = Number(/^\d+(?=:)/.exec(since ?? "")?.[0] ?? 0)
  const goesOn = since !== undefined && checkpointOf(bytes.subarray(0, from)) === since
  return {
    provider,
    sessionId,
    version,
    agentVersion,
    ...(goesOn ? { since } : {}),
    part: { _tag: "Bytes", base64: Buffer.from(bytes.subarray(goesOn ? from : 0)).toString("base64") },
    checkpoint: checkpointOf(bytes)
  }
}

/** Puts the session where Claude finds it, in place of any that is there. Answers its id. */
export const importSession = Effect.fnUntraced(function*(
  instanceId: InstanceId,
  config: string,
  copies: ReadonlyArray<unknown>
): Effect.fn.Return<SessionId, CopyRejected | SessionInUse | AgentUnreachable, FileSystem.FileSystem | Path.Path> {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const accepted = yield* NativeCopy.accept({ instanceId, provider, version }, copies)
  const { sessionId } = accepted[0]
  const malformed = (found: string) => new CopyRejected({ instanceId, outcome: "Malformed", found })
  if (!isSessionId(sessionId)) return yield* malformed("sessionId")
  const parts = yield* Effect.forEach(
    accepted,
    ({ part }, n) => part._tag === "Bytes" ? Effect.succeed(Buffer.from(part.base64, "base64")) : malformed(`part ${n}`)
  )
  const bytes = Buffer.concat(parts)
  if (checkpointOf(bytes) !== accepted.at(-1)?.checkpoint) return yield* malformed("checkpoint")
  // Its file would become another one under a Claude that works with it.
  if (yield* Occupied.isTaken(config, sessionId)) return yield* new SessionInUse({ instanceId, sessionId })
  const there = yield* Transcript.find(config, sessionId)
  const file = Option.getOrElse(there, () => path.join(config, "projects", "imported", `${sessionId}.jsonl`))
  const next = `${file}.next`
  yield* fs.makeDirectory(path.dirname(file), { recursive: true, mode: 0o700 }).pipe(
    Effect.andThen(fs.writeFile(next, bytes, { mode: 0o600 })),
    Effect.andThen(fs.rename(next, file)),
    Effect.mapError(({ reason }) => new AgentUnreachable({ instanceId, operation: "import", code: reason._tag }))
  )
  return sessionId
})
