/**
 * Reads files in directories that other programs write to.
 *
 * A file is opened without following a link in its last component and without waiting for a writer, and is read only if
 * it is a regular file within the limit. A FIFO under the name of a file therefore cannot hold up the host's file I/O,
 * and a link cannot lead out of the directory. Windows has no such way to open a file: links are followed there.
 *
 * On another machine ({@link Elsewhere}) a file is looked at and then opened by that machine's file system: what is put in
 * its place between the two is not noticed.
 *
 * @since 0.1.0
 */
import { Context, Effect, type FileSystem, Option, Schema } from "effect"
import { constants } from "node:fs"
import { type FileHandle, open } from "node:fs/promises"
import { errorCode, fileErrorCode } from "./ErrorCode.ts"

/**
 * The files of the machine that is read from. Default: this machine's.
 *
 * @category references
 * @since 0.1.0
 */
export const Elsewhere = Context.Reference<FileSystem.FileSystem | undefined>(
  "effect-coding-agents/RegularFile/Elsewhere",
  { defaultValue: () => undefined }
)

/**
 * The file was not read. `code` is the system's (`ENOENT`, `EACCES`, `ELOOP` for a link, ...), `NOT_REGULAR`, or
 * `TOO_LARGE`.
 *
 * @category errors
 * @since 0.1.0
 */
export class RegularFileUnreadable
  extends Schema.TaggedError<RegularFileUnreadable>("effect-coding-agents/RegularFileUnreadable")(
    "RegularFileUnreadable",
    { path: Schema.String, code: Schema.String }
  )
{
  override get message() {
    return `${this.path} was not read (${this.code})`
  }
}

/** Windows lacks both. */
const flags = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0)

/** One byte more than `size`, to notice a file that grew meanwhile. */
const contentOf = (file: FileHandle, size: number) => {
  const buffer = Buffer.alloc(size + 1)
  const fill = (read: number): Effect.Effect<Buffer, unknown> =>
    Effect.flatMap(
      Effect.tryPromise(() => file.read(buffer, read, buffer.length - read)),
      ({ bytesRead }) =>
        bytesRead === 0 || read + bytesRead === buffer.length
          ? Effect.succeed(buffer.subarray(0, read + bytesRead))
          : fill(read + bytesRead)
    )
  return fill(0)
}

/**
 * The bytes of a regular file of at most `maxBytes`.
 *
 * @category getters
 * @since 0.1.0
 */
export const read = (path: string, maxBytes: number): Effect.Effect<Uint8Array, RegularFileUnreadable> =>
  Effect.flatMap(
    Elsewhere,
    (files) => files === undefined ? readHere(path, maxBytes) : readThere(files, path, maxBytes)
  )

const readThere = (files: FileSystem.FileSystem, path: string, maxBytes: number) => {
  const unreadable = (code: string) => new RegularFileUnreadable({ path, code })
  return Effect.gen(function*() {
    const { size, type } = yield* files.lstat(path)
    if (type !== "File") return yield* unreadable(type === "SymbolicLink" ? "ELOOP" : "NOT_REGULAR")
    if (Number(size) > maxBytes) return yield* unreadable("TOO_LARGE")
    const file = yield* files.open(path, { flag: "r", noFollow: true }).pipe(
      // A machine without such a way to open a file.
      Effect.catchIf(({ reason }) => reason._tag === "BadArgument", () => files.open(path, { flag: "r" }))
    )
    const content: Array<Uint8Array> = []
    let read = 0
    while (read <= maxBytes) {
      const part = yield* file.readAlloc(Math.min(chunkBytes, maxBytes + 1 - read))
      if (Option.isNone(part)) break
      content.push(part.value)
      read += part.value.length
    }
    return read > maxBytes ? yield* unreadable("TOO_LARGE") : Buffer.concat(content)
  }).pipe(
    Effect.catchTag("PlatformError", (error) => unreadable(fileErrorCode(error))),
    Effect.scoped
  )
}

/** What is read at once. */
const chunkBytes = 1024 * 1024

const readHere = (path: string, maxBytes: number): Effect.Effect<Uint8Array, RegularFileUnreadable> => {
  const unreadable = (code: string) => new RegularFileUnreadable({ path, code })
  const failed = (error: unknown) => unreadable(errorCode(error) ?? "UNKNOWN")
  return Effect.acquireUseRelease(
    Effect.mapError(Effect.tryPromise(() => open(path, flags)), failed),
    (file) =>
      Effect.gen(function*() {
        const stat = yield* Effect.mapError(Effect.tryPromise(() => file.stat()), failed)
        if (!stat.isFile()) return yield* unreadable("NOT_REGULAR")
        if (stat.size > maxBytes) return yield* unreadable("TOO_LARGE")
        const content = yield* Effect.mapError(contentOf(file, stat.size), failed)
        return content.length > maxBytes ? yield* unreadable("TOO_LARGE") : content
      }),
    (file) => Effect.ignore(Effect.tryPromise(() => file.close()))
  )
}
