/**
 * What Claude takes of a working directory (P17). It reads nothing of one that is not trusted (`--setting-sources=user`,
 * `--strict-mcp-config`); what stays of it then is read here and handed over: CLAUDE.md as instructions, and rules that deny
 * something.
 */
import { Effect, type FileSystem, Path, Schema } from "effect"
import * as ProjectText from "../../adapter/ProjectText.ts"
import type { ProjectConfig } from "../../domain/ProjectConfig.ts"
import type { ProviderEvent } from "../../domain/ThreadEvent.ts"

export interface Project {
  /** Texts for the model, the outermost directory's first. */
  readonly instructions: ReadonlyArray<string>
  readonly deny: ReadonlyArray<string>
  /** What was left out is told, once. */
  readonly warnings: ReadonlyArray<ProviderEvent>
}

const texts = ["CLAUDE.md", ".claude/CLAUDE.md", "CLAUDE.local.md"]
const settings = [".claude/settings.json", ".claude/settings.local.json"]
/** What runs or connects. */
const others = [".mcp.json", ".claude/scheduled_tasks.json"]

const Settings = Schema.fromJsonString(Schema.Struct({
  permissions: Schema.optionalKey(Schema.Struct({ deny: Schema.optionalKey(Schema.Array(Schema.String)) }))
}))

const decodeSettings = Schema.decodeOption(Settings)

const denied = (text: string): ReadonlyArray<string> => {
  const decoded = decodeSettings(text)
  return decoded._tag === "Some" ? decoded.value.permissions?.deny ?? [] : []
}

export const read = Effect.fnUntraced(function*(
  directory: string,
  config: ProjectConfig
): Effect.fn.Return<Project, never, FileSystem.FileSystem | Path.Path> {
  if (config === "trust") return { instructions: [], deny: [], warnings: [] }
  const path = yield* Path.Path
  const directories = yield* ProjectText.directories(directory)
  const kept = config === "instructions"
  const found = yield* Effect.forEach(directories.toReversed(), (at) =>
    Effect.all({
      texts: ProjectText.read(at, texts),
      settings: ProjectText.read(at, settings),
      others: ProjectText.read(at, others)
    }))
  const named = (file: string) => path.relative(directory, file)
  const ruled = found.flatMap(({ settings }) => settings.files)
  const said = found.flatMap(({ texts }) => texts.files)
  return {
    instructions: kept ? said.map(({ path, text }) => `Contents of ${path}:\n\n${text}`) : [],
    deny: kept ? ruled.flatMap(({ text }) => denied(text)) : [],
    warnings: ProjectText.warning([
      ...(kept ? [] : said.map(({ path }) => named(path))),
      ...ruled.map(({ path }) => kept ? `${named(path)} (all but its deny rules)` : named(path)),
      ...found.flatMap(({ others }) => others.files).map(({ path }) => named(path)),
      ...found.flatMap(({ others, settings, texts }) => [texts, settings, others].flatMap(({ refused }) => refused))
        .map(named)
    ])
  }
})
