/**
 * What a session takes of a project that is not trusted: its instructions, which are read here and go into the first
 * prompt, since the agent itself is kept from reading them. They stay in the session's history.
 */
import { Effect, FileSystem, Path } from "effect"
import * as ProjectText from "../../adapter/ProjectText.ts"
import type { StartInput } from "../../provider/ProviderAdapter.ts"
import type { Profile } from "../Profile.ts"

export interface Project {
  /** For the model, before the first prompt of a new session. */
  readonly instructions: ReadonlyArray<string>
  /** What is there and was left out. */
  readonly ignored: ReadonlyArray<string>
}

export const read = Effect.fnUntraced(function*(
  { project = { instructions: [], settings: [] } }: Profile,
  { directory, from, projectConfig }: StartInput
): Effect.fn.Return<Project, never, FileSystem.FileSystem | Path.Path> {
  if (projectConfig === "trust") return { instructions: [], ignored: [] }
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const there = yield* Effect.filter(
    project.settings,
    (name) => Effect.orElseSucceed(fs.exists(path.join(directory, name)), () => false)
  )
  if (projectConfig === "ignore" || from._tag === "Resume") return { instructions: [], ignored: there }
  // Those of the root first, as agents have them.
  const found = yield* Effect.forEach(
    (yield* ProjectText.directories(directory)).toReversed(),
    (folder) => ProjectText.read(folder, project.instructions)
  )
  return {
    instructions: found.flatMap(({ files }) => files).map((file) =>
      `Instructions of the project (${file.path}):\n${file.text}`
    ),
    ignored: [...there, ...found.flatMap(({ refused }) => refused)]
  }
})
