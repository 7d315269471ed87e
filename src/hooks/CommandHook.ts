/**
 * Hooks that are executables: one run for each event, the event as JSON on stdin, in the shapes of Claude Code's hooks.
 *
 * **Example** (a script that may stop a compaction)
 *
 * ```ts
 * const App = ProviderService.layer().pipe(
 *   Layer.provide(CommandHook.guard({
 *     name: "no-compaction-in-a-release",
 *     events: ["compaction:before"],
 *     command: "/opt/hooks/release-check",
 *     failure: "closed"
 *   })),
 *   Layer.provide(NodeServices.layer),
 *   ...
 * )
 * ```
 *
 * | exit code | guard | transform | observe |
 * | --- | --- | --- | --- |
 * | 0 | the JSON on stdout decides; without one, go on | what it prints is added | delivered |
 * | 2 | veto, stderr is the reason | failed | failed |
 * | other, or a signal | failed | failed | failed |
 *
 * JSON answers: `{"decision":"block","reason":"..."}` and `{"continue":false,"stopReason":"..."}` are vetoes,
 * `{"hookSpecificOutput":{"additionalContext":"..."}}` is an addition. Text that is no JSON is an addition as well, as
 * it is for Claude's `UserPromptSubmit`; a guard's is not looked at.
 *
 * **Gotchas**
 *
 * - Of a run that is interrupted or out of time the whole process group is ended, and waited for: up to a second more
 *   than `killGrace`.
 * - The command inherits this process's environment, secrets included, as from a shell; `env` takes variables away.
 *   `CLAUDE_PROJECT_DIR` is the session's directory.
 * - After `kill -9` of this process a command that runs goes on to its own end: it is told again at the next boot.
 * - It runs in the session's directory unless `cwd` names another, and is not started where that is gone: give a `cwd`
 *   to what cleans up after worktrees.
 */
import { Effect, type Layer } from "effect"
import type { ChildProcessSpawner } from "effect/process"
import type { HookPattern, LifecycleEvent } from "../domain/LifecycleEvent.ts"
import * as ClaudeHook from "./internal/claudeHook.ts"
import * as HookCommand from "./internal/command.ts"
import { type GuardedKind, type HookExists, LifecycleHooks } from "./LifecycleHooks.ts"

export { CommandAnswerInvalid } from "./internal/claudeHook.ts"
export {
  type ClaudeSettings,
  type ClaudeSettingsNote,
  type ClaudeSettingsOptions,
  fromClaudeSettings
} from "./internal/claudeSettings.ts"
export { CommandFailed, CommandNotStarted, type CommandOptions } from "./internal/command.ts"

type HookLayer = Layer.Layer<never, HookExists, LifecycleHooks | ChildProcessSpawner.ChildProcessSpawner>

type Observe = Parameters<typeof LifecycleHooks.observe<HookPattern, never, never>>[0]
type Guard = Parameters<typeof LifecycleHooks.guard<GuardedKind, never, never>>[0]

export interface ObserveOptions extends HookCommand.CommandOptions, Omit<Observe, "run"> {}
export interface GuardOptions extends HookCommand.CommandOptions, Omit<Guard, "run"> {}

/** Told of what was recorded. Delivered once it has ended with exit code 0; what it prints is not looked at. */
export const observe = (options: ObserveOptions): HookLayer =>
  LifecycleHooks.observe({
    ...options,
    run: Effect.fn("CommandHook.observe")(function*(event: LifecycleEvent) {
      yield* ClaudeHook.succeeded(options, yield* ClaudeHook.run(options, event))
    })
  })

/** Asked whether a turn may be sent, or a compaction go on. */
export const guard = (options: GuardOptions): HookLayer =>
  LifecycleHooks.guard({
    ...options,
    run: Effect.fn("CommandHook.guard")(function*(event: LifecycleEvent) {
      return (yield* ClaudeHook.answer(options, yield* ClaudeHook.run(options, event))).verdict
    })
  })

/** What it prints is added to the context of the turn, or to what the writer of the summary is told. */
export const transform = (options: GuardOptions): HookLayer =>
  LifecycleHooks.transform({
    ...options,
    run: Effect.fn("CommandHook.transform")(function*(event: LifecycleEvent) {
      return { context: yield* ClaudeHook.addition(options, yield* ClaudeHook.run(options, event)) }
    })
  })
