/**
 * What an agent may take from the configuration that it finds in a working directory (P17).
 *
 * | value | text for the model | stricter rules | plugins, hooks, MCP and language servers, formatters, providers, looser rules |
 * | --- | --- | --- | --- |
 * | `trust` | is read | hold | run, connect, hold |
 * | `instructions` | is read | hold | do not |
 * | `ignore` | is not read | need not hold | do not |
 *
 * What runs a shell, also inside of a text, counts as what runs. The user's own configuration, outside of the directory, is
 * trusted always.
 *
 * @since 0.1.0
 */
import { Schema } from "effect"
import type { RuntimeMode } from "./RuntimeMode.ts"

/**
 * @category schemas
 * @since 0.1.0
 */
export const ProjectConfig = Schema.Literals(["trust", "instructions", "ignore"])

/**
 * @category models
 * @since 0.1.0
 */
export type ProjectConfig = typeof ProjectConfig.Type

/**
 * What holds of a thread, and by whose word: asked for the thread (`startSession`), set for the provider instance, said
 * by the app's `trust` of the directory, or the default of the runtime mode.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ProjectDecision = Schema.Struct({
  config: ProjectConfig,
  by: Schema.Literals(["thread", "instance", "directory", "mode"])
})

/**
 * @category models
 * @since 0.1.0
 */
export interface ProjectDecision extends Schema.Schema.Type<typeof ProjectDecision> {}

/**
 * The thread as it was before: its mode, its directory, and what held there.
 *
 * @category models
 * @since 0.1.0
 */
export interface Before {
  /** Real path. */
  readonly directory: string
  readonly runtimeMode: RuntimeMode
  readonly project: ProjectDecision
}

/**
 * What a start has to decide by.
 *
 * @category models
 * @since 0.1.0
 */
export interface Asked {
  /** Real path. */
  readonly directory: string
  readonly runtimeMode: RuntimeMode
  /** For the thread. */
  readonly thread: ProjectConfig | undefined
  /** For the provider instance. */
  readonly instance: ProjectConfig | undefined
  /** What the app's `trust` says of the directory; `undefined` without one. */
  readonly trusted: boolean | undefined
  readonly before: Before | undefined
}

/**
 * What holds at a start. The thread's own wish goes before the instance's, the directory's and the mode's. Trust that was
 * asked for a thread ends when it moves to another directory. The mode's default is `trust` in `full-access` and
 * `instructions` in every other; a change of mode can end trust and never gives it.
 *
 * @category resolving
 * @since 0.1.0
 */
export const decide = ({ before, directory, instance, runtimeMode, thread, trusted }: Asked): ProjectDecision => {
  if (thread !== undefined) return { config: thread, by: "thread" }
  const kept = before?.project
  if (kept?.by === "thread" && (kept.config !== "trust" || before?.directory === directory)) return kept
  if (instance !== undefined) return { config: instance, by: "instance" }
  if (trusted !== undefined) return { config: trusted ? "trust" : "instructions", by: "directory" }
  const free = runtimeMode === "full-access" && (before?.runtimeMode ?? runtimeMode) === "full-access"
  return { config: free && (kept?.config ?? "trust") === "trust" ? "trust" : "instructions", by: "mode" }
}
