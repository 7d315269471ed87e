/**
 * What a thread takes from a directory that is not trusted (P17). Codex reads no `.codex` folder of an untrusted project, and
 * its AGENTS.md neither (0.171.0): the text is read here and goes with the thread's instructions. What Codex would read of a
 * trusted one, and does not, is reported.
 */
import { Effect, FileSystem, Path } from "effect"
import * as ProjectText from "../../adapter/ProjectText.ts"
import type { StartInput } from "../../provider/ProviderAdapter.ts"

export interface Project {
  /** For the model. */
  readonly instructions: string | undefined
  /** Names of files, relative to the directory. */
  readonly ignored: ReadonlyArray<string>
}

export const none: Project = { instructions: undefined, ignored: [] }

const texts = ["AGENTS.override.md", "AGENTS.md"]

const others = [".codex", ".agents/skills"]

export const read = Effect.fnUntraced(function*(
  { directory, projectConfig }: StartInput
): Effect.fn.Return<Project, never, FileSystem.FileSystem | Path.Path> {
  if (projectConfig === "trust") return none
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const directories = yield* ProjectText.directories(directory)
  const shown = (file: string) => path.relative(directories[0], file)
  // Those of the root first, and of each directory the first that is there, as Codex has them.
  const found = yield* Effect.forEach(directories.toReversed(), (at) => ProjectText.read(at, texts))
  const files = found.flatMap(({ files }) => files.slice(0, 1))
  const folders = yield* Effect.filter(
    directories.flatMap((at) => others.map((name) => path.join(at, name))),
    (folder) => Effect.orElseSucceed(fs.exists(folder), () => true)
  )
  const kept = projectConfig === "instructions" ? files : []
  return {
    instructions: kept.length === 0
      ? undefined
      : kept.map(({ path, text }) => `Instructions of the project (${path}):\n${text}`).join("\n\n"),
    ignored: [
      ...(kept.length === 0 ? files.map(({ path }) => shown(path)) : []),
      ...found.flatMap(({ refused }) => refused).map(shown),
      ...folders.map(shown)
    ]
  }
})
