/**
 * What a runtime mode itself answers to a permission request, without the user.
 */
import { Effect, FileSystem, Path } from "effect"
import type { Mode } from "../Profile.ts"
import { kindOf } from "../protocol/Request.ts"
import { pathsOf, type ToolCall } from "../protocol/ToolCall.ts"

/** `undefined` is for the user. */
export const byRule = (
  { answer }: Mode,
  directory: string,
  call: ToolCall
): Effect.Effect<boolean | undefined, never, FileSystem.FileSystem | Path.Path> => {
  switch (answer) {
    case "allow":
      return Effect.succeed(true)
    case "deny":
      return Effect.succeed(false)
    case "ask":
      return Effect.undefined
    case "edits": {
      const paths = kindOf(call.kind) === "file-change" ? pathsOf(call) : []
      return paths.length === 0
        ? Effect.undefined
        : Effect.map(
          Effect.forEach(paths, (path) => isInside(directory, path)),
          (inside) => inside.every((inside) => inside) ? true : undefined
        )
    }
  }
}

/** Folders of a project that decide what runs there: `.git`, and those of agents. */
const isGuarded = (part: string) => part.startsWith(".")

/** By real paths: a link may lead out of the directory. */
const isInside = Effect.fnUntraced(function*(directory: string, file: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  let there = path.resolve(directory, file)
  const rest: Array<string> = []
  // The file, and folders that lead to it, may not exist yet; a link to what does not exist may lead anywhere.
  while (path.dirname(there) !== there && !(yield* Effect.orElseSucceed(fs.exists(there), () => false))) {
    if ((yield* Effect.option(fs.readLink(there)))._tag === "Some") return false
    rest.unshift(path.basename(there))
    there = path.dirname(there)
  }
  const real = path.join(yield* Effect.orElseSucceed(fs.realPath(there), () => "/"), ...rest)
  const inside = path.relative(directory, real)
  const parts = inside.split(path.sep)
  return !path.isAbsolute(inside) && parts[0] !== ".." && inside !== "" && !parts.some(isGuarded)
})
