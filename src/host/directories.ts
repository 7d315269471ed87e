/**
 * Whether a directory can be worked in, and its real path.
 */
import { Effect, type FileSystem, type Path } from "effect"
import { DirectoryInvalid } from "../service/ServiceError.ts"

export const make = (fs: FileSystem.FileSystem, path: Path.Path) =>
  Effect.fnUntraced(function*(directory: string) {
    if (!path.isAbsolute(directory)) return yield* new DirectoryInvalid({ directory, reason: "not-absolute" })
    const info = yield* fs.stat(directory).pipe(Effect.mapError((error) =>
      new DirectoryInvalid({
        directory,
        reason: error.reason._tag === "NotFound" ? "missing" : "unreadable"
      })
    ))
    if (info.type !== "Directory") return yield* new DirectoryInvalid({ directory, reason: "not-a-directory" })
    return yield* fs.realPath(directory).pipe(
      Effect.mapError(() => new DirectoryInvalid({ directory, reason: "unreadable" }))
    )
  })
