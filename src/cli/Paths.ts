/** Paths as their user means them, who stands in a folder. */
import { Effect, Path } from "effect"
import { CommandFailed, exitCodes } from "./Failure.ts"

const gone = new CommandFailed({
  reason: "The folder that eca was started in is not there any more",
  hint: "change to another one",
  code: exitCodes.missing
})

/** The absolute path. */
export const absolute = (given: string) =>
  Effect.flatMap(Path.Path, (path) => Effect.try({ try: () => path.resolve(given), catch: () => gone }))
