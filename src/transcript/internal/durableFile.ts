/**
 * Files that exist completely or not at all, whether the process or the power fails.
 *
 * A file is written under a temporary name in its own directory, flushed, renamed, read back and compared. The rename
 * is durable after {@link sync} has flushed the directory, once for several renames. Windows has no such flush: a power
 * cut there can undo a rename, but never tears a file.
 *
 * A process that dies meanwhile leaves a temporary file; {@link isLeftover} recognises them.
 */
import { Clock, Effect, FileSystem, Option, Path, Predicate, Schema } from "effect"
import type { PlatformError } from "effect/PlatformError"
import { createHash, randomUUID } from "node:crypto"
import { pid, platform } from "node:process"
import * as ProcessIdentity from "../../process/ProcessIdentity.ts"

/** `code` is the system's, or `VERIFY` if the disk returns something else than was written. */
export class WriteFailed extends Schema.TaggedError<WriteFailed>("effect-coding-agents/WriteFailed")("WriteFailed", {
  code: Schema.String,
  message: Schema.String
}) {}

/** The system's own error code: `ENOSPC`, `EACCES`, ... */
export const codeOf = ({ reason }: PlatformError): string =>
  Predicate.hasProperty(reason.cause, "code") && typeof reason.cause.code === "string"
    ? reason.cause.code
    : reason._tag

const failed = (error: PlatformError) => new WriteFailed({ code: codeOf(error), message: error.message })

const temporary = ".tmp-"
const trash = ".trash-"

/** Renames the file before removing it, so that no reader finds part of it. A missing file is fine. */
export const remove = Effect.fnUntraced(function*(directory: string, name: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const discarded = path.join(directory, `${trash}${randomUUID()}`)
  yield* fs.rename(path.join(directory, name), discarded).pipe(
    Effect.andThen(fs.remove(discarded, { force: true })),
    Effect.catchIf((error) => codeOf(error) === "ENOENT", () => Effect.void)
  )
})

/** Writes, renames, reads back. Call {@link sync} afterwards. */
export const write = Effect.fnUntraced(function*(
  directory: string,
  name: string,
  content: Uint8Array
): Effect.fn.Return<void, WriteFailed, FileSystem.FileSystem | Path.Path> {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const target = path.join(directory, name)
  const draft = path.join(directory, yield* draftName)
  const fill = Effect.scoped(Effect.gen(function*() {
    const file = yield* fs.open(draft, { flag: "wx", mode: 0o600 })
    yield* file.writeAll(content)
    yield* file.sync
  }))
  yield* fill.pipe(
    Effect.andThen(fs.rename(draft, target)),
    Effect.onError(() => Effect.ignore(fs.remove(draft, { force: true }))),
    Effect.mapError(failed)
  )
  const found = yield* Effect.mapError(fs.readFile(target), failed)
  if (Buffer.compare(found, content) === 0) return
  yield* Effect.ignore(remove(directory, name))
  return yield* new WriteFailed({ code: "VERIFY", message: `${target} does not hold what was written` })
})

/** Makes the renames in a directory durable. */
export const sync = (directory: string): Effect.Effect<void, WriteFailed, FileSystem.FileSystem> =>
  platform === "win32" ? Effect.void : FileSystem.FileSystem.pipe(
    Effect.flatMap((fs) => Effect.scoped(Effect.flatMap(fs.open(directory, { flag: "r" }), (file) => file.sync))),
    Effect.mapError(failed)
  )

/** Creates a durable directory with access for its owner alone, and its parents as needed. */
export const makeDirectory = (
  directory: string
): Effect.Effect<void, WriteFailed, FileSystem.FileSystem | Path.Path> =>
  Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    if (yield* Effect.mapError(fs.exists(directory), failed)) return
    const parent = path.dirname(directory)
    if (parent !== directory) yield* makeDirectory(parent)
    yield* fs.makeDirectory(directory, { mode: 0o700 }).pipe(
      // Created by another process meanwhile.
      Effect.catchIf((error) => codeOf(error) === "EEXIST", () => Effect.void),
      Effect.mapError(failed)
    )
    yield* sync(parent)
  })

// --- leftovers ---

const hostMark = Effect.map(
  ProcessIdentity.HostName,
  (host) => createHash("sha256").update(host).digest("hex").slice(0, 8)
)

const draftName = Effect.map(hostMark, (host) => `${temporary}${host}-${pid}-${randomUUID()}`)

const draftPattern = /^\.tmp-([0-9a-f]{8})-(\d+)-/

/** Longer than any write takes. */
const abandonedAfterMillis = 5 * 60_000

/** Whether the file is an abandoned draft, of a dead process or too old, or was about to be removed. */
export const isLeftover = Effect.fnUntraced(function*(directory: string, name: string) {
  if (name.startsWith(trash)) return true
  if (!name.startsWith(temporary)) return false
  const [, host, owner] = draftPattern.exec(name) ?? []
  const sameHost = host === (yield* hostMark)
  if (sameHost && Number(owner) !== pid && Option.isNone(yield* ProcessIdentity.startTime(Number(owner)))) return true
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const now = yield* Clock.currentTimeMillis
  return yield* fs.stat(path.join(directory, name)).pipe(
    Effect.map(({ mtime }) => Option.exists(mtime, (mtime) => mtime.getTime() < now - abandonedAfterMillis)),
    Effect.orElseSucceed(() => false)
  )
})
