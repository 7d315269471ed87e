/**
 * What a session takes from a directory that is not trusted, read here because its server reads nothing of it (P17).
 *
 * OpenCode's switch takes away a project's `AGENTS.md` and its stricter permission rules together with what runs (1.18.33).
 * The text goes with each prompt as `system`; the rules join the policy, where they can forbid and never allow. Agents,
 * commands and skills of the project belong to the configuration of a server, which serves other directories, too: they are
 * left out and reported. In a trusted directory OpenCode does all of that itself.
 */
import { Effect, FileSystem, Option, Path, Predicate } from "effect"
import * as ProjectText from "../../adapter/ProjectText.ts"
import type { ProjectConfig } from "../../domain/ProjectConfig.ts"
import * as Jsonc from "../protocol/Jsonc.ts"
import * as ProjectRules from "../protocol/ProjectRules.ts"
import * as Permissions from "../turn/Permissions.ts"

export interface Project {
  /** For the model. */
  readonly instructions: string | undefined
  readonly rules: Permissions.ProjectRules
  /** Names of files, relative to the directory, and of what in them was left out. */
  readonly ignored: ReadonlyArray<string>
}

export const none: Project = { instructions: undefined, rules: Permissions.noRules, ignored: [] }

/** The first of these names that is found anywhere counts, with all files of that name, as in OpenCode. */
const instructionNames = ["AGENTS.md", "CLAUDE.md", "CONTEXT.md"]

/** In the order in which OpenCode merges them: later wins. */
const configNames = ["opencode.json", "opencode.jsonc", ".opencode/opencode.json", ".opencode/opencode.jsonc"]

const folders = [
  "agent",
  "agents",
  "mode",
  "modes",
  "command",
  "commands",
  "plugin",
  "plugins",
  "tool",
  "tools",
  "skill",
  "skills"
]

/** What these keys say is kept, or is about the terminal. */
const keptKeys = new Set(["$schema", "permission", "tools", "instructions", "theme", "keybinds", "tui", "username"])

export const read = Effect.fnUntraced(function*(
  directory: string,
  config: ProjectConfig
): Effect.fn.Return<Project, never, FileSystem.FileSystem | Path.Path> {
  if (config === "trust") return none
  const path = yield* Path.Path
  const directories = yield* ProjectText.directories(directory)
  const shown = (file: string) => path.relative(directories[0], file)
  const found = yield* filesOf(directories)
  const configs = found.configs.map(({ path, text }) => ({ path, json: Option.getOrUndefined(Jsonc.parse(text)) }))
  const unread = configs.flatMap(({ json, path }) => {
    if (json === undefined) return [`${shown(path)} (not readable)`]
    const keys = Object.keys(json).filter((key) => !keptKeys.has(key))
    return keys.length === 0 ? [] : [`${shown(path)} (${keys.join(", ")})`]
  })
  const ignored = [...unread, ...found.refused.map(shown), ...(yield* namesIn(directories)).map(shown)]
  if (config === "ignore") {
    return { ...none, ignored: [...found.instructions.map(({ path }) => shown(path)), ...ignored] }
  }
  const named = yield* Effect.forEach(configs, (config) => namedIn(config))
  const texts = [...found.instructions, ...named.flatMap(({ files }) => files)]
  return {
    instructions: texts.length === 0
      ? undefined
      : texts.map(({ path, text }) => `Instructions from: ${path}\n${text}`).join("\n\n"),
    rules: ProjectRules.read(configs.flatMap(({ json }) => json === undefined ? [] : [json])),
    ignored: [
      ...ignored,
      ...named.flatMap(({ path, refused }) => refused.map((name) => `${shown(path)} (instructions: ${name})`))
    ]
  }
})

/** Instructions, the directory's own first, and configuration, the directory's own last. */
const filesOf = Effect.fnUntraced(function*(directories: ReadonlyArray<string>) {
  const all = (names: ReadonlyArray<string>) =>
    Effect.map(Effect.forEach(directories, (directory) => ProjectText.read(directory, names)), (found) => ({
      files: found.map(({ files }) => files),
      refused: found.flatMap(({ refused }) => refused)
    }))
  const configs = yield* all(configNames)
  const refused = [...configs.refused]
  for (const name of instructionNames) {
    const found = yield* all([name])
    refused.push(...found.refused)
    const instructions = found.files.flat()
    if (instructions.length > 0) return { instructions, configs: configs.files.toReversed().flat(), refused }
  }
  return { instructions: [], configs: configs.files.toReversed().flat(), refused }
})

/** The files that `instructions` of a configuration names. Patterns, URLs and paths that lead out are refused. */
const namedIn = Effect.fnUntraced(function*(config: { readonly path: string; readonly json: Json | undefined }) {
  const path = yield* Path.Path
  const folder = path.dirname(config.path)
  const given = config.json?.["instructions"]
  const names = Array.isArray(given) ? given.filter(Predicate.isString) : []
  const isPlain = (name: string) =>
    !/[*?[{\]}]|:\/\//.test(name) && !path.isAbsolute(name) && !name.startsWith("~") &&
    !path.normalize(name).split(path.sep).includes("..")
  const { files, refused } = yield* ProjectText.read(folder, names.filter(isPlain))
  return {
    path: config.path,
    files,
    refused: [
      ...refused.map((file) => path.relative(folder, file)),
      ...names.filter((name) => !isPlain(name))
    ]
  }
})

type Json = Readonly<Record<string, unknown>>

/** What lies in folders of OpenCode's own. A folder that cannot be listed is named itself. */
const namesIn = Effect.fnUntraced(function*(directories: ReadonlyArray<string>) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const all = directories.flatMap((directory) => folders.map((name) => path.join(directory, ".opencode", name)))
  const names = yield* Effect.forEach(all, (folder) =>
    Effect.matchEffect(fs.readDirectory(folder), {
      onSuccess: (names) => Effect.succeed(names.toSorted().map((name) => path.join(folder, name))),
      onFailure: () =>
        Effect.map(Effect.orElseSucceed(fs.exists(folder), () => true), (exists) => exists ? [folder] : [])
    }))
  return names.flat()
})
