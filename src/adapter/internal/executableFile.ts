import { Effect, FileSystem, Option } from "effect"
import { platform } from "node:process"

/** The real path of a file, and whether it is a regular one with an executable bit. `None` if there is none. */
export const inspect = Effect.fnUntraced(function*(file: string) {
  const fs = yield* FileSystem.FileSystem
  return yield* Effect.all({ info: fs.stat(file), realPath: fs.realPath(file) }).pipe(
    Effect.map(({ info, realPath }) => ({
      realPath,
      executable: info.type === "File" && (platform === "win32" || (info.mode & 0o111) !== 0)
    })),
    Effect.option
  )
})

/**
 * Whether the path is a regular file with an executable bit.
 *
 * @category getters
 * @since 0.1.0
 */
export const isExecutable = (file: string): Effect.Effect<boolean, never, FileSystem.FileSystem> =>
  Effect.map(inspect(file), (found) => Option.isSome(found) && found.value.executable)
