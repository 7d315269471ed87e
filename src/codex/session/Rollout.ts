/**
 * A thread's rollout as a copy for another home: the file that Codex appends one line to for all that happens, and from
 * which it resumes (0.171.0). A copy holds whole lines, and its checkpoint tells where they end and what came last, so a
 * file that was written anew is noticed.
 */
import { Effect, FileSystem, Path, Schema, Stream } from "effect"
import { createHash } from "node:crypto"
import { type InstanceId, SessionId } from "../../domain/Ids.ts"
import { errorCode } from "../../process/ErrorCode.ts"
import { type AgentError, AgentProtocolError, AgentUnreachable, CopyRejected } from "../../provider/AdapterError.ts"
import * as NativeCopy from "../../provider/NativeCopy.ts"
import type { AppServer } from "../process/AppServer.ts"
import { provider } from "../protocol/Cursor.ts"
import * as Opening from "./Opening.ts"

const version = 1

const Part = Schema.Struct({
  /** Below the home's `sessions`, with `/`. Codex finds a thread by the name, and lists it by the folders. */
  file: Schema.String.check(Schema.isPattern(/^\d{4}\/\d\d\/\d\d\/rollout-[\w:.-]+\.jsonl$/)),
  lines: Schema.String
})

const decodePart = Schema.decodeUnknownEffect(Part)

/** So much before the end of a copy is compared when the next one is made. */
const overlap = 4096

export const exportThread = Effect.fnUntraced(function*(
  server: AppServer,
  threadId: SessionId,
  since: string | undefined
): Effect.fn.Return<NativeCopy.NativeCopy, AgentError, FileSystem.FileSystem | Path.Path> {
  const { instanceId } = server
  const path = yield* Path.Path
  const { path: file } = yield* Effect.mapError(Opening.read(server, threadId), Opening.toAgentError(server))
  if (file === undefined) {
    return yield* new AgentProtocolError({ instanceId, operation: "thread/read", name: "no rollout", body: threadId })
  }
  return yield* Effect.gen(function*() {
    const from = since === undefined ? 0 : yield* continued(file, since)
    const before = Math.max(0, from - overlap)
    const bytes = yield* bytesFrom(file, before)
    const end = bytes.lastIndexOf(newline) + 1
    const lines = bytes.subarray(from - before, end)
    return {
      provider,
      sessionId: threadId,
      version,
      agentVersion: server.version,
      ...(from === 0 || since === undefined ? {} : { since }),
      part: {
        _tag: "Json" as const,
        value: {
          file: path.relative(path.join(server.home, "sessions"), file).split(path.sep).join("/"),
          lines: lines.toString("utf8")
        }
      },
      checkpoint: checkpointOf(before + end, bytes.subarray(Math.max(0, end - overlap), end))
    }
  }).pipe(Effect.mapError((error) => unreachable(instanceId, "exportSession", error)))
})

const newline = 10

const bytesFrom = Effect.fnUntraced(function*(file: string, offset: number, bytesToRead?: number) {
  const fs = yield* FileSystem.FileSystem
  const chunks = yield* Stream.runCollect(
    fs.stream(file, { offset, ...(bytesToRead === undefined ? {} : { bytesToRead }) })
  )
  return Buffer.concat(chunks)
})

const checkpointOf = (end: number, last: Uint8Array): string =>
  `${end}:${createHash("sha256").update(last).digest("hex")}`

/** Where the copy ended that has this checkpoint; 0 where the file does not go on from there. */
const continued = Effect.fnUntraced(function*(file: string, since: string) {
  const end = Number(/^\d+(?=:)/.exec(since)?.[0] ?? 0)
  const before = Math.max(0, end - overlap)
  const last = yield* bytesFrom(file, before, end - before)
  return last.length === end - before && checkpointOf(end, last) === since ? end : 0
})

const unreachable = (
  instanceId: InstanceId,
  operation: string,
  error: { readonly reason: { readonly _tag: string } }
) => new AgentUnreachable({ instanceId, operation, code: errorCode(error.reason) ?? error.reason._tag })

/** What copies hold, once they are proved whole. */
export interface Imported {
  readonly sessionId: SessionId
  readonly file: string
  readonly lines: string
}

const Meta = Schema.fromJsonString(
  Schema.Struct({ type: Schema.Literal("session_meta"), payload: Schema.Struct({ id: SessionId }) })
)

export const accept = Effect.fnUntraced(function*(instanceId: InstanceId, copies: ReadonlyArray<unknown>) {
  const accepted = yield* NativeCopy.accept({ instanceId, provider, version }, copies)
  const malformed = (found: string) => new CopyRejected({ instanceId, outcome: "Malformed", found })
  const parts = yield* Effect.forEach(
    accepted,
    ({ part }) => Effect.mapError(decodePart(part._tag === "Json" ? part.value : part), () => malformed("part"))
  )
  const [{ sessionId }] = accepted
  const lines = parts.map(({ lines }) => lines).join("")
  const { payload } = yield* Effect.mapError(
    Schema.decodeEffect(Meta)(lines.slice(0, lines.indexOf("\n"))),
    () => malformed("its first line")
  )
  const file = parts[0]?.file ?? ""
  if (payload.id !== sessionId || !file.endsWith(`${sessionId}.jsonl`)) return yield* malformed("its thread")
  const imported: Imported = { sessionId, file, lines }
  return imported
})

/** Puts the rollout where Codex looks for it, in place of any that is there. */
export const write = Effect.fnUntraced(
  function*(server: AppServer, { file, lines, sessionId }: Imported) {
    const fs = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    const target = path.join(server.home, "sessions", ...file.split("/"))
    const known = yield* Effect.orElseSucceed(Opening.read(server, sessionId), () => ({ path: undefined }))
    yield* fs.makeDirectory(path.dirname(target), { recursive: true, mode: 0o700 })
    const next = `${target}.next`
    yield* fs.writeFileString(next, lines, { mode: 0o600 })
    yield* fs.rename(next, target)
    if (known.path !== undefined && known.path !== target) yield* fs.remove(known.path, { force: true })
  },
  (effect, { instanceId }) => Effect.mapError(effect, (error) => unreachable(instanceId, "importSession", error))
)
