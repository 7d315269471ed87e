/**
 * Hooks that are executables: one run for each event, with the event as JSON on stdin, in the shapes of Claude Code's
 * hooks.
 *
 * **Example** (a script that can veto a compaction)
 *
 * ```ts
 * const ReleaseCheck = CommandHook.guard({
 *   name: "no-compaction-in-a-release",
 *   events: ["compaction:before"],
 *   command: "/opt/hooks/release-check",
 *   failure: "closed"
 * })
 *
 * const App = CodingAgents.layer({ agents, store, hooks: [ReleaseCheck] }).pipe(Layer.provide(NodeServices.layer))
 * ```
 *
 * | exit code | guard | transform | observe |
 * | --- | --- | --- | --- |
 * | 0 | the JSON on stdout decides; without JSON it allows | its output is added | delivered |
 * | 2 | veto with stderr as the reason | failed | failed |
 * | other, or a signal | failed | failed | failed |
 *
 * JSON answers: `{"decision":"block","reason":"..."}` and `{"continue":false,"stopReason":"..."}` are vetoes,
 * `{"hookSpecificOutput":{"additionalContext":"..."}}` is an addition. Text that is not JSON is an addition as well, as
 * for Claude's `UserPromptSubmit`; the text of a guard is ignored.
 *
 * **Gotchas**
 *
 * - When a run is interrupted or exceeds its timeout, its process group is ended and awaited, for up to twice `killGrace`. On
 *   Linux so is what has left the group (`setsid`, `timeout`, jobs of a shell with `set -m`), unless it has dropped the
 *   variable `EFFECT_CODING_AGENTS_PROCESS`.
 * - The command inherits this process's environment, secrets included, as from a shell; `env` can remove variables.
 *   `CLAUDE_PROJECT_DIR` is the session's directory.
 * - After `kill -9` of this process a running command continues to its own end, and runs again for the same event at
 *   the next start.
 * - It runs in the session's directory unless `cwd` names another, and does not start if that directory is missing. A
 *   hook that cleans up after removed worktrees needs a `cwd`.
 *
 * @since 0.1.0
 */
import { Effect, type Layer } from "effect"
import type { ChildProcessSpawner } from "effect/process"
import type { HookPattern, LifecycleEvent } from "../domain/LifecycleEvent.ts"
import type { HookError } from "./HookRegistration.ts"
import type { GuardedKind, TransformedKind } from "./HookVerdict.ts"
import * as ClaudeHook from "./internal/claudeHook.ts"
import * as HookCommand from "./internal/command.ts"
import { LifecycleHooks } from "./LifecycleHooks.ts"

/**
 * @since 0.1.0
 * @category errors
 */
export { CommandAnswerInvalid } from "./internal/claudeHook.ts"
/**
 * @since 0.1.0
 * @category settings files
 */
export {
  type ClaudeSettings,
  type ClaudeSettingsNote,
  type ClaudeSettingsOptions,
  fromClaudeSettings,
  fromClaudeSettingsFiles
} from "./internal/claudeSettings.ts"
/**
 * @since 0.1.0
 * @category errors
 */
export { CommandFailed, CommandNotStarted, type CommandOptions } from "./internal/command.ts"

type HookLayer = Layer.Layer<never, HookError, LifecycleHooks | ChildProcessSpawner.ChildProcessSpawner>

type Observe = Parameters<typeof LifecycleHooks.observe<HookPattern, never, never>>[0]
type Guard = Parameters<typeof LifecycleHooks.guard<GuardedKind, never, never>>[0]
type Transform = Parameters<typeof LifecycleHooks.transform<TransformedKind, never, never>>[0]

/**
 * A command and the options of `LifecycleHooks.observe`.
 *
 * @since 0.1.0
 * @category models
 */
export interface ObserveOptions extends HookCommand.CommandOptions, Omit<Observe, "run"> {}

/**
 * A command and the options of `LifecycleHooks.guard`.
 *
 * @since 0.1.0
 * @category models
 */
export interface GuardOptions extends HookCommand.CommandOptions, Omit<Guard, "run"> {}

/**
 * A command and the options of `LifecycleHooks.transform`.
 *
 * @since 0.1.0
 * @category models
 */
export interface TransformOptions extends HookCommand.CommandOptions, Omit<Transform, "run"> {}

/**
 * Runs the command for recorded events. The event is delivered when the command ends with exit code 0; its output is
 * ignored.
 *
 * @since 0.1.0
 * @category layers
 */
export const observe = (options: ObserveOptions): HookLayer =>
  LifecycleHooks.observe({
    grace: HookCommand.callGrace(options),
    ...options,
    run: Effect.fn("CommandHook.observe")(function*(event: LifecycleEvent) {
      yield* ClaudeHook.succeeded(options, yield* ClaudeHook.run(options, event))
    })
  })

/**
 * Asks the command whether a turn may be sent, whether a compaction may go on, or what becomes of an approval.
 *
 * @since 0.1.0
 * @category layers
 */
export const guard = (options: GuardOptions): HookLayer =>
  LifecycleHooks.guard({
    grace: HookCommand.callGrace(options),
    ...options,
    run: Effect.fn("CommandHook.guard")(function*(event: LifecycleEvent) {
      return (yield* ClaudeHook.answer(options, yield* ClaudeHook.run(options, event))).verdict
    })
  })

/**
 * Adds the command's output to the context of the turn, or to the instructions for the writer of the summary.
 *
 * @since 0.1.0
 * @category layers
 */
export const transform = (options: TransformOptions): HookLayer =>
  LifecycleHooks.transform({
    grace: HookCommand.callGrace(options),
    ...options,
    run: Effect.fn("CommandHook.transform")(function*(event: LifecycleEvent) {
      return { context: yield* ClaudeHook.addition(options, yield* ClaudeHook.run(options, event)) }
    })
  })
