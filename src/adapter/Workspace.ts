/**
 * Which files belong to a session's directory: what an adapter may let an agent change there without asking.
 *
 * @since 0.1.0
 */
import { Effect, FileSystem, Path } from "effect"

/**
 * Whether the file lies in the directory and in none of its `guarded` folders, by real paths: a link may lead out of it.
 * The file, and folders that lead to it, need not exist yet. `directory` is a real path; a relative file is resolved against
 * it.
 *
 * @category predicates
 * @since 0.1.0
 */
export const holds = Effect.fnUntraced(function*(
  directory: string,
  file: string,
  guarded: ReadonlySet<string>
): Effect.fn.Return<boolean, never, FileSystem.FileSystem | Path.Path> {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  let there = path.resolve(directory, file)
  const rest: Array<string> = []
  while (path.dirname(there) !== there && !(yield* Effect.orElseSucceed(fs.exists(there), () => false))) {
    rest.unshift(path.basename(there))
    there = path.dirname(there)
  }
  const real = path.join(yield* Effect.orElseSucceed(fs.realPath(there), () => "/"), ...rest)
  const inside = path.relative(directory, real)
  const parts = inside.split(path.sep)
  return !path.isAbsolute(inside) && parts[0] !== ".." && inside !== "" && !parts.some((part) => guarded.has(part))
})
