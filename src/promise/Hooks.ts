/**
 * Hooks as plain functions. They are what `LifecycleHooks` makes of Effects, with the same names, phases and defaults.
 *
 * @since 0.1.0
 */
import { Effect, type Layer } from "effect"
import type { HookPattern, Matching } from "../domain/LifecycleEvent.ts"
import {
  type GuardedEvent,
  type GuardedKind,
  type HookExists,
  type HookServices,
  LifecycleHooks,
  type TransformedKind,
  type TransformPatch,
  type VerdictOf
} from "../hooks/LifecycleHooks.ts"
import * as Operations from "../service/Operations.ts"
import { ProviderService } from "../service/ProviderService.ts"
import { TranscriptArchive } from "../service/TranscriptArchive.ts"
import * as Calls from "./Calls.ts"
import * as Door from "./Door.ts"

export { allow, decide, veto } from "../hooks/LifecycleHooks.ts"

/**
 * What a hook is given beside its event.
 *
 * @category models
 * @since 0.1.0
 */
export interface HookContext {
  /** Aborted when the hook's time is up, or the app closes. */
  readonly signal: AbortSignal
  /** The app's threads. They know which hook calls: what would wait for this very hook fails with `HookReentrant`. */
  readonly agents: Door.Threads & { readonly archive: Door.Archive }
}

type Run<Event, Answer> = (event: Event, context: HookContext) => Answer | PromiseLike<Answer>

type HookLayer = Layer.Layer<never, HookExists, LifecycleHooks>

type Guard<K extends GuardedKind> = Omit<Parameters<typeof LifecycleHooks.guard<K, unknown, HookServices>>[0], "run">
type Transform<K extends TransformedKind> = Omit<
  Parameters<typeof LifecycleHooks.transform<K, unknown, HookServices>>[0],
  "run"
>
type Observe<P extends HookPattern> = Omit<
  Parameters<typeof LifecycleHooks.observe<P, unknown, HookServices>>[0],
  "run"
>

const asEffect = <Event, Answer>(run: Run<Event, Answer>) => (event: Event) =>
  Effect.gen(function*() {
    const calls = Calls.make(yield* Effect.context())
    const agents = {
      ...Door.make(calls, Operations.service, yield* ProviderService),
      archive: Door.make(calls, Operations.archive, yield* TranscriptArchive)
    }
    return yield* Effect.callback<Answer, unknown>((resume, signal) => {
      // A function that throws is one that rejects.
      new Promise<Answer>((resolve) => resolve(run(event, { signal, agents }))).then(
        (answer) => resume(Effect.succeed(answer)),
        (error) => resume(Effect.fail(error))
      )
    })
  })

/**
 * Is asked whether a turn may be sent, whether a compaction may go on, or what becomes of an approval; answers `allow`,
 * `veto(reason)` or, of an approval, `decide(decision)`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const guard = <const K extends GuardedKind>(
  hook: Guard<K> & { readonly run: Run<GuardedEvent<K>, VerdictOf<K>> }
): HookLayer => LifecycleHooks.guard({ ...hook, run: asEffect(hook.run) })

/**
 * Adds to the context of a turn, or to the instructions for the writer of a summary.
 *
 * @category constructors
 * @since 0.1.0
 */
export const transform = <const K extends TransformedKind>(
  hook: Transform<K> & { readonly run: Run<GuardedEvent<K>, TransformPatch> }
): HookLayer => LifecycleHooks.transform({ ...hook, run: asEffect(hook.run) })

/**
 * Is called for recorded events.
 *
 * @category constructors
 * @since 0.1.0
 */
export const observe = <const P extends HookPattern>(
  hook: Observe<P> & { readonly run: Run<Matching<P>, unknown> }
): HookLayer => LifecycleHooks.observe({ ...hook, run: asEffect(hook.run) })
