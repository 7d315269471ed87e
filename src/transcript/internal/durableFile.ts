/**
 * Files that exist completely or not at all, whether the process or the power fails.
 *
 * A file is written under a temporary name in its own directory, flushed, read back, compared and renamed. The rename is
 * durable after {@link sync} has flushed the directory, once for several renames. Windows has no such flush: a power
 * cut there can undo a rename, but never tears a file.
 *
 * A process that dies meanwhile leaves a temporary file; {@link isLeftover} recognises them.
 *
 * An agent can write to these directories. Their paths are real ones (see {@link realFolder}), and a path that has
 * become a link, in any component, is refused before each write, rename and removal.
 */
import { Clock, Effect, FileSystem, Option, Path, Schema } from "effect"
import { type PlatformError, systemError } from "effect/PlatformError"
import { createHash, randomUUID } from "node:crypto"
import { pid } from "node:process"
import { fileErrorCode } from "../../process/ErrorCode.ts"
import * as ProcessIdentity from "../../process/ProcessIdentity.ts"

/** `code` is the system's, or `VERIFY` if the disk returns something else than was written. */
export class WriteFailed extends Schema.TaggedError<WriteFailed>("effect-coding-agents/WriteFailed")("WriteFailed", {
  code: Schema.String,
  message: Schema.String
}) {}

const failed = (error: PlatformError) => new WriteFailed({ code: fileErrorCode(error), message: error.message })

const temporary = ".tmp-"
const trash = ".trash-"

/** Fails with `ELOOP` if a component of the directory's path is a link by now. A missing directory is fine. */
export const assertReal = Effect.fnUntraced(function*(
  directory: string
): Effect.fn.Return<void, PlatformError, FileSystem.FileSystem> {
  const fs = yield* FileSystem.FileSystem
  const real = yield* fs.realPath(directory).pipe(
    Effect.catchIf((error) => fileErrorCode(error) === "ENOENT", () => Effect.succeed(directory))
  )
  if (real === directory) return
  return yield* systemError({
    _tag: "PermissionDenied",
    module: "FileSystem",
    method: "realPath",
    pathOrDescriptor: directory,
    description: `The path leads through a link to ${real}`,
    cause: { code: "ELOOP" }
  })
})

/** Whether there is a regular file, and no link to one. */
export const isRegular = (file: string): Effect.Effect<boolean, never, FileSystem.FileSystem> =>
  FileSystem.FileSystem.pipe(
    Effect.flatMap((fs) => fs.lstat(file)),
    Effect.match({ onSuccess: ({ type }) => type === "File", onFailure: () => false })
  )

/** Renames the file before removing it, so that no reader finds part of it. What is not a regular file stays. */
export const remove = Effect.fnUntraced(function*(directory: string, name: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const discarded = path.join(directory, `${trash}${randomUUID()}`)
  yield* assertReal(directory)
  if (!(yield* isRegular(path.join(directory, name)))) return
  yield* fs.rename(path.join(directory, name), discarded).pipe(
    Effect.andThen(assertReal(directory)),
    Effect.andThen(fs.remove(discarded, { force: true })),
    Effect.catchIf((error) => fileErrorCode(error) === "ENOENT", () => Effect.void)
  )
})

/** Writes and flushes a file that does not exist, and gives back what the disk holds then. */
const fill = (file: string, content: Uint8Array) =>
  Effect.scoped(Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    // The flag follows no link. The file is read through the same descriptor, whatever its name leads to by then.
    const draft = yield* fs.open(file, { flag: "wx+", mode: 0o600 })
    yield* draft.writeAll(content)
    yield* draft.sync
    yield* draft.seek(0n, "start")
    const found: Array<Uint8Array> = []
    let bytes = 0
    while (bytes < content.length) {
      const read = yield* draft.readAlloc(content.length - bytes)
      if (Option.isNone(read)) break
      found.push(read.value)
      bytes += read.value.length
    }
    return Buffer.concat(found)
  }))

/** Writes, reads back, renames. Call {@link sync} afterwards. */
export const write = Effect.fnUntraced(function*(
  directory: string,
  name: string,
  content: Uint8Array
): Effect.fn.Return<void, WriteFailed, FileSystem.FileSystem | Path.Path> {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const target = path.join(directory, name)
  const draft = path.join(directory, yield* draftName)
  yield* Effect.mapError(assertReal(directory), failed)
  yield* fill(draft, content).pipe(
    Effect.mapError(failed),
    Effect.filterOrFail(
      (found) => Buffer.compare(found, content) === 0,
      () => new WriteFailed({ code: "VERIFY", message: `${target} does not hold what was written` })
    ),
    Effect.andThen(Effect.mapError(Effect.andThen(assertReal(directory), fs.rename(draft, target)), failed)),
    Effect.onError(() => Effect.ignore(Effect.andThen(assertReal(directory), fs.remove(draft, { force: true }))))
  )
})

/** Makes the renames in a directory durable. */
export const sync = Effect.fnUntraced(function*(
  directory: string
): Effect.fn.Return<void, WriteFailed, FileSystem.FileSystem | Path.Path> {
  const fs = yield* FileSystem.FileSystem
  if ((yield* Path.Path).sep === "\\") return
  // The dot makes the system refuse whatever is not a directory: to open a FIFO would wait for a writer.
  yield* Effect.flatMap(fs.open(`${directory}/.`, { flag: "r" }), (file) => file.sync).pipe(
    Effect.scoped,
    Effect.mapError(failed)
  )
})

/** Creates a durable directory with access for its owner alone, and its parents as needed. Follows no link. */
export const makeDirectory = (
  directory: string
): Effect.Effect<void, WriteFailed, FileSystem.FileSystem | Path.Path> =>
  Effect.andThen(Effect.mapError(assertReal(directory), failed), ensureDirectory(directory, true))

const ensureDirectory = (
  directory: string,
  real: boolean
): Effect.Effect<void, WriteFailed, FileSystem.FileSystem | Path.Path> =>
  Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    if (yield* Effect.mapError(fs.exists(directory), failed)) return
    const parent = path.dirname(directory)
    if (parent !== directory) yield* ensureDirectory(parent, real)
    if (real) yield* Effect.mapError(assertReal(parent), failed)
    yield* fs.makeDirectory(directory, { mode: 0o700 }).pipe(
      // Created by another process meanwhile.
      Effect.catchIf((error) => fileErrorCode(error) === "EEXIST", () => real ? assertReal(directory) : Effect.void),
      Effect.mapError(failed)
    )
    yield* sync(parent)
  })

/**
 * The real path of a folder. Links on the way to `base`, which the app has named, are followed; below it, where an agent
 * or a repository can put one, {@link makeDirectory} refuses them. `base` is created if it is missing.
 */
export const realFolder = Effect.fnUntraced(function*(base: string, folder: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const below = path.relative(base, folder)
  const outside = below === ".." || below.startsWith(`..${path.sep}`) || path.isAbsolute(below)
  const trusted = outside ? folder : base
  yield* ensureDirectory(trusted, false)
  const real = yield* Effect.mapError(fs.realPath(trusted), failed)
  return outside ? real : path.join(real, below)
})

// --- leftovers ---

const hostMark = Effect.map(
  ProcessIdentity.HostName,
  (host) => createHash("sha256").update(host).digest("hex").slice(0, 8)
)

const draftName = Effect.map(hostMark, (host) => `${temporary}${host}-${pid}-${randomUUID()}`)

const uuid = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
const draftPattern = new RegExp(`^\\.tmp-([0-9a-f]{8})-(\\d+)-${uuid}$`)
const trashPattern = new RegExp(`^\\.trash-${uuid}$`)

/** Whether files of ours can have this name while they are written or removed. */
export const isTransient = (name: string): boolean => draftPattern.test(name) || trashPattern.test(name)

/** Longer than any write takes. */
const abandonedAfterMillis = 5 * 60_000

/** Whether a file or directory was changed too long ago for a write that is under way, in whichever process. */
export const isAbandoned = Effect.fnUntraced(function*(file: string) {
  const fs = yield* FileSystem.FileSystem
  const now = yield* Clock.currentTimeMillis
  return yield* fs.lstat(file).pipe(
    Effect.map(({ mtime }) => Option.exists(mtime, (mtime) => mtime.getTime() < now - abandonedAfterMillis)),
    Effect.orElseSucceed(() => false)
  )
})

/** Whether a transient file is an abandoned draft, of a dead process or too old, or was about to be removed. */
export const isLeftover = Effect.fnUntraced(function*(directory: string, name: string) {
  if (trashPattern.test(name)) return true
  const [, host, owner] = draftPattern.exec(name) ?? []
  const sameHost = host === (yield* hostMark)
  if (sameHost && Number(owner) !== pid && Option.isNone(yield* ProcessIdentity.startTime(Number(owner)))) return true
  const path = yield* Path.Path
  return yield* isAbandoned(path.join(directory, name))
})
