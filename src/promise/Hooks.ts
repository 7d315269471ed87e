/**
 * Hooks as plain functions. They are what `LifecycleHooks` makes of Effects, with the same names, phases and defaults.
 *
 * @since 0.1.0
 */
import { Effect, Layer, Predicate, Redacted, Scope } from "effect"
import type { HookPattern, Matching } from "../domain/LifecycleEvent.ts"
import type { HookError, HookServices } from "../hooks/HookRegistration.ts"
import type { GuardedEvent, GuardedKind, TransformedKind, TransformPatch, VerdictOf } from "../hooks/HookVerdict.ts"
import { LifecycleHooks } from "../hooks/LifecycleHooks.ts"
import type { SessionOpening } from "../hooks/SessionOpening.ts"
import type { SessionSetup } from "../provider/SessionSetup.ts"
import * as Operations from "../service/Operations.ts"
import { ProviderService } from "../service/ProviderService.ts"
import { TranscriptArchive } from "../service/TranscriptArchive.ts"
import * as Calls from "./Calls.ts"
import * as Door from "./Door.ts"

export { allow, decide, veto } from "../hooks/HookVerdict.ts"

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

/**
 * What a setup is given beside the opening.
 *
 * @category models
 * @since 0.1.0
 */
export interface SetupContext extends HookContext {
  /** Calls this once the session is over, however it ended; what was registered last comes first. */
  readonly release: (finalizer: () => unknown) => void
}

/**
 * A secret in a setup: it reaches the agent, and no event, log or error.
 *
 * @category constructors
 * @since 0.1.0
 */
export const secret = (value: string): Redacted.Redacted<string> => Redacted.make(value)

type Run<Event, Answer> = (event: Event, context: HookContext) => Answer | PromiseLike<Answer>

type HookLayer = Layer.Layer<never, HookError, LifecycleHooks>

type Setup = Omit<Parameters<typeof LifecycleHooks.setup<unknown, HookServices>>[0], "run">
type Guard<K extends GuardedKind> = Omit<Parameters<typeof LifecycleHooks.guard<K, unknown, HookServices>>[0], "run">
type Transform<K extends TransformedKind> = Omit<
  Parameters<typeof LifecycleHooks.transform<K, unknown, HookServices>>[0],
  "run"
>
type Observe<P extends HookPattern> = Omit<
  Parameters<typeof LifecycleHooks.observe<P, unknown, HookServices>>[0],
  "run"
>

// What is no function, as JavaScript may give, is refused by name when the hook is registered.

const asEffect = <Event, Answer>(running: Calls.Running, run: Run<Event, Answer>) => {
  if (!Predicate.isFunction(run)) return run
  return (event: Event) =>
    Effect.gen(function*() {
      const calls = Calls.make(yield* Effect.context(), running)
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
}

/** Calls that the hook has not waited for end with the app, and later ones are refused. */
const owning = (hook: (running: Calls.Running) => HookLayer): HookLayer =>
  Layer.unwrap(Effect.gen(function*() {
    const running = new Calls.Running()
    yield* Effect.addFinalizer(() => Effect.andThen(Effect.sync(() => running.close()), running.drain))
    return hook(running)
  }))

/**
 * Is asked for what a session is started with: variables, MCP servers, instructions. If it rejects, so does the start, with
 * `SetupFailed`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const setup = (
  hook: Setup & {
    readonly run: (opening: SessionOpening, context: SetupContext) => SessionSetup | PromiseLike<SessionSetup>
  }
): HookLayer =>
  owning((running) =>
    LifecycleHooks.setup({
      ...hook,
      run: !Predicate.isFunction(hook.run) ?
        hook.run :
        (opening: SessionOpening) =>
          Effect.flatMap(Effect.scope, (scope) =>
            asEffect(running, (opening: SessionOpening, context) =>
              hook.run(opening, {
                ...context,
                release: (finalizer) => void Effect.runFork(Scope.addFinalizer(scope, called(finalizer)))
              }))(opening))
    })
  )

/** A function that throws is one that rejects: neither keeps the others from being called. */
const called = (finalizer: () => unknown): Effect.Effect<unknown> =>
  Effect.promise(() => new Promise<unknown>((resolve) => resolve(finalizer())))

/**
 * Is asked whether a turn may be sent, whether a compaction may go on, or what becomes of an approval; answers `allow`,
 * `veto(reason)` or, of an approval, `decide(decision)`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const guard = <const K extends GuardedKind>(
  hook: Guard<K> & { readonly run: Run<GuardedEvent<K>, VerdictOf<K>> }
): HookLayer => owning((running) => LifecycleHooks.guard({ ...hook, run: asEffect(running, hook.run) }))

/**
 * Adds to the context of a turn, or to the instructions for the writer of a summary.
 *
 * @category constructors
 * @since 0.1.0
 */
export const transform = <const K extends TransformedKind>(
  hook: Transform<K> & { readonly run: Run<GuardedEvent<K>, TransformPatch> }
): HookLayer => owning((running) => LifecycleHooks.transform({ ...hook, run: asEffect(running, hook.run) }))

/**
 * Is called for recorded events.
 *
 * @category constructors
 * @since 0.1.0
 */
export const observe = <const P extends HookPattern>(
  hook: Observe<P> & { readonly run: Run<Matching<P>, unknown> }
): HookLayer => owning((running) => LifecycleHooks.observe({ ...hook, run: asEffect(running, hook.run) }))
