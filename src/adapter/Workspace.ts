/**
 * The directory of a session, and which files belong to it: what an adapter may let an agent change there without asking.
 *
 * @since 0.1.0
 */
import { Effect, FileSystem, Path } from "effect"
import type { InstanceId } from "../domain/Ids.ts"
import { DirectoryUnreachable } from "../provider/AdapterError.ts"

/**
 * The real path of the directory that a session is to work in. One that is not there fails, since it would read as a missing
 * executable later on. `from` is where the session worked before, if it did.
 *
 * @category getters
 * @since 0.1.0
 */
export const locate = Effect.fnUntraced(function*(options: {
  readonly instanceId: InstanceId
  readonly to: string
  readonly from: string | undefined
}): Effect.fn.Return<string, DirectoryUnreachable, FileSystem.FileSystem | Path.Path> {
  const { from, instanceId, to } = options
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  return yield* Effect.mapError(
    fs.realPath(path.resolve(to)),
    () => new DirectoryUnreachable({ instanceId, from: from ?? to, to })
  )
})

/**
 * The way from the directory to the file, as names, by real paths: a link may lead out of it. `undefined` where the file lies
 * elsewhere, or is the directory itself, or where a link leads to what is not there, which may be anywhere. The file, and
 * folders that lead to it, need not exist yet. `directory` is a real path; a relative file is resolved against it.
 *
 * @category getters
 * @since 0.1.0
 */
export const wayTo = Effect.fnUntraced(function*(
  directory: string,
  file: string
): Effect.fn.Return<ReadonlyArray<string> | undefined, never, FileSystem.FileSystem | Path.Path> {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  let there = path.resolve(directory, file)
  const rest: Array<string> = []
  while (path.dirname(there) !== there && !(yield* Effect.orElseSucceed(fs.exists(there), () => false))) {
    if ((yield* Effect.option(fs.readLink(there)))._tag === "Some") return undefined
    rest.unshift(path.basename(there))
    there = path.dirname(there)
  }
  const real = path.join(yield* Effect.orElseSucceed(fs.realPath(there), () => "/"), ...rest)
  const inside = path.relative(directory, real)
  const names = inside.split(path.sep)
  return path.isAbsolute(inside) || names[0] === ".." || inside === "" ? undefined : names
})

/**
 * Whether the file lies in the directory (see {@link wayTo}) and in none of its `guarded` folders, whose names are in lower
 * case: some file systems take capitals for the same.
 *
 * @category predicates
 * @since 0.1.0
 */
export const holds = (
  directory: string,
  file: string,
  guarded: ReadonlySet<string>
): Effect.Effect<boolean, never, FileSystem.FileSystem | Path.Path> =>
  Effect.map(
    wayTo(directory, file),
    (names) => names?.every((name) => !guarded.has(name.toLowerCase())) === true
  )
