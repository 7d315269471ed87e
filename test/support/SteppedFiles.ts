/** The real file system, with something to happen at each step that changes it. */
import { Effect, FileSystem, Layer } from "effect"
import type { PlatformError } from "effect/PlatformError"

export interface Step {
  readonly name: "open" | "write" | "sync" | "rename" | "makeDirectory" | "remove" | "read"
  readonly path: string
  /** What a write that does not come to its end has written. */
  readonly half?: Effect.Effect<unknown, PlatformError>
}

type Before = (step: Step) => Effect.Effect<void, PlatformError>

const steppedFile = (file: FileSystem.File, path: string, before: Before): FileSystem.File => ({
  [FileSystem.FileTypeId]: FileSystem.FileTypeId,
  stat: file.stat,
  seek: (offset, from) => file.seek(offset, from),
  sync: Effect.andThen(before({ name: "sync", path }), file.sync),
  read: (buffer, options) => file.read(buffer, options),
  readAlloc: (size, options) => Effect.andThen(before({ name: "read", path }), file.readAlloc(size, options)),
  truncate: (length) => file.truncate(length),
  write: (buffer) => file.write(buffer),
  writeAll: (buffer) =>
    Effect.andThen(
      before({ name: "write", path, half: file.writeAll(buffer.subarray(0, buffer.length / 2)) }),
      file.writeAll(buffer)
    )
})

/** `before` is run before each step; where it fails the step fails, and does not take place. */
export const layer = (before: Before) =>
  Layer.effect(
    FileSystem.FileSystem,
    Effect.map(FileSystem.FileSystem, (fs): FileSystem.FileSystem => ({
      ...fs,
      open: (path, options) =>
        before({ name: "open", path }).pipe(
          Effect.andThen(fs.open(path, options)),
          Effect.map((file) => steppedFile(file, path, before))
        ),
      rename: (from, to) => Effect.andThen(before({ name: "rename", path: to }), fs.rename(from, to)),
      makeDirectory: (path, options) =>
        Effect.andThen(before({ name: "makeDirectory", path }), fs.makeDirectory(path, options)),
      remove: (path, options) => Effect.andThen(before({ name: "remove", path }), fs.remove(path, options))
    }))
  )
