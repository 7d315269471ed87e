/**
 * Hooks: code of the app, a command or a webhook that is told of session boundaries, turns and compactions.
 *
 * A hook is a Layer. It is registered while its Scope is open, and must be there before the service, as an adapter is:
 *
 * **Example** (a welcome and a goodbye)
 *
 * ```ts
 * const Greeter = LifecycleHooks.observe({
 *   name: "greeter",
 *   events: ["session:start", "session:end"],
 *   run: (event) =>
 *     event._tag === "session:start" && event.source === "new"
 *       ? Console.log(`Welcome to ${event.threadId}`)
 *       : Effect.void
 * })
 *
 * const App = ProviderService.layer().pipe(
 *   Layer.provide(OpenCode.layer()),
 *   Layer.provide(Greeter),
 *   Layer.provide([ProviderRegistry.layer, LifecycleHooks.layer]),
 *   ...
 * )
 * ```
 *
 * Three phases:
 *
 * - **guard**: asked before a turn is sent or a compaction goes on. One after the other by `priority` (higher first),
 *   then by registration; the first veto wins and the rest is not asked.
 * - **transform**: may add to a turn's context or to what the writer of a summary is told. One after the other.
 * - **observe**: told of what was recorded. Hooks side by side, each with its events in order.
 *
 * A hook that fails, throws, is interrupted or does not come back in time hurts nobody else: it is caught, and
 * `hook:completed` says so. What a failing guard means is its `failure`: `open` lets it pass, `closed` is a veto.
 *
 * **Gotchas**
 *
 * - `durable` delivery (the default) is at least once: after a crash, or a failure, a hook may see the same `eventId`
 *   again, with a higher `delivery.attempt`. `name` is what its acknowledgements are kept under: keep it stable.
 * - A hook gets what is recorded from its first registration on. What is recorded while the app runs without it waits
 *   for it for a week.
 * - Inside of `session:start`, `session:end`, `session:reset`, `compaction:before`, and of a guard or transform, the
 *   hook's own thread is locked: sending to it, starting, stopping or compacting it fails with `HookReentrant`.
 */
import { Context, Duration, Effect, Layer, Schema, type Scope } from "effect"
import {
  type EventOf,
  type HookPattern,
  type LifecycleEvent,
  matches,
  type Matching
} from "../domain/LifecycleEvent.ts"
import type { ProviderService } from "../service/ProviderService.ts"
import type { TranscriptArchive } from "../service/TranscriptArchive.ts"

/**
 * Two hooks have the same name.
 *
 * @since 0.1.0
 * @category errors
 */
export class HookExists
  extends Schema.TaggedError<HookExists>("effect-coding-agents/HookExists")("HookExists", { name: Schema.String }, {
    httpApiStatus: 500
  })
{
  readonly retryable = false
  override get message() {
    return `Two hooks use the name "${this.name}"`
  }
}

/** What can be decided about: where a guard or a transform is asked. */
export type GuardedKind = "turn:start" | "compaction:before"

export type GuardVerdict =
  | { readonly _tag: "Allow" }
  | { readonly _tag: "Veto"; readonly reason: string }

export const allow: GuardVerdict = { _tag: "Allow" }
export const veto = (reason: string): GuardVerdict => ({ _tag: "Veto", reason })

/** What a transform adds: to the turn, or to what the writer of the summary is told. */
export interface TransformPatch {
  readonly context?: ReadonlyArray<string> | undefined
}

/** What a hook may use while it runs, besides what its own Layer was given: the service that calls it. */
export type HookServices = ProviderService | TranscriptArchive

interface Common {
  /** Stable and unique: acknowledgements are kept under it. */
  readonly name: string
  /** Higher first. Default 0. */
  readonly priority?: number | undefined
  /** Default: 10 seconds for guards and transforms, 30 for observers. */
  readonly timeout?: Duration.Input | undefined
}

/** Which hook, in which phase, wants what; `run` needs nothing but the services. */
export type HookRegistration =
  & { readonly name: string; readonly priority: number; readonly timeout: Duration.Duration }
  & (
    | {
      readonly phase: "guard"
      readonly events: ReadonlyArray<GuardedKind>
      readonly failure: "open" | "closed"
      readonly run: (event: EventOf<GuardedKind>) => Effect.Effect<GuardVerdict, unknown, HookServices>
    }
    | {
      readonly phase: "transform"
      readonly events: ReadonlyArray<GuardedKind>
      readonly failure: "open" | "closed"
      readonly run: (event: EventOf<GuardedKind>) => Effect.Effect<TransformPatch, unknown, HookServices>
    }
    | {
      readonly phase: "observe"
      readonly events: ReadonlyArray<HookPattern>
      readonly delivery: "durable" | "best-effort"
      readonly attempts: number
      readonly backoff: Duration.Duration
      readonly run: (event: LifecycleEvent) => Effect.Effect<unknown, unknown, HookServices>
    }
  )

/** Whoever runs the hooks: it is told of those that are there, and of all that come and go. */
export interface HookFollower {
  readonly added: (hook: HookRegistration) => Effect.Effect<void>
  /** Succeeds once the hook does not run any more. */
  readonly removed: (hook: HookRegistration) => Effect.Effect<void>
}

export class LifecycleHooks extends Context.Service<LifecycleHooks, {
  readonly register: (hook: HookRegistration) => Effect.Effect<void, HookExists, Scope.Scope>
  /** In the order of their registration. */
  readonly list: Effect.Effect<ReadonlyArray<HookRegistration>>
  readonly follow: (follower: HookFollower) => Effect.Effect<void, never, Scope.Scope>
}>()("effect-coding-agents/LifecycleHooks") {
  static readonly layer: Layer.Layer<LifecycleHooks> = Layer.sync(LifecycleHooks, () => {
    const hooks = new Map<string, HookRegistration>()
    const followers = new Set<HookFollower>()
    const tell = (what: (follower: HookFollower) => Effect.Effect<void>) =>
      Effect.suspend(() => Effect.forEach(Array.from(followers), what, { discard: true }))
    return LifecycleHooks.of({
      register: (hook) =>
        Effect.acquireRelease(
          Effect.suspend(() => {
            if (hooks.has(hook.name)) return new HookExists({ name: hook.name })
            hooks.set(hook.name, hook)
            return tell((follower) => follower.added(hook))
          }),
          () =>
            Effect.suspend(() => {
              hooks.delete(hook.name)
              return tell((follower) => follower.removed(hook))
            })
        ),
      list: Effect.sync(() => Array.from(hooks.values())),
      follow: (follower) =>
        Effect.acquireRelease(
          Effect.suspend(() => {
            followers.add(follower)
            return Effect.forEach(
              Array.from(hooks.values()),
              // One may be gone again before its turn has come.
              (hook) => hooks.get(hook.name) === hook ? follower.added(hook) : Effect.void,
              { discard: true }
            )
          }),
          () => Effect.sync(() => followers.delete(follower))
        )
    })
  })

  /** Asked whether a turn may be sent, or a compaction go on. A failing guard lets it pass unless it is `closed`. */
  static readonly guard = <const K extends GuardedKind, E, R>(
    hook: Common & {
      readonly events: ReadonlyArray<K>
      /** Default `open`. */
      readonly failure?: "open" | "closed" | undefined
      readonly run: (event: EventOf<K>) => Effect.Effect<GuardVerdict, E, R>
    }
  ): Layer.Layer<never, HookExists, LifecycleHooks | Exclude<R, HookServices>> =>
    registered(hook.run, (run) => ({
      phase: "guard",
      ...common(hook, Duration.seconds(10)),
      events: hook.events,
      failure: hook.failure ?? "open",
      run: (event) => isOf(hook.events, event) ? run(event) : Effect.succeed(allow)
    }))

  /** Adds to the context of a turn, or to what the writer of a summary is told. One that fails adds nothing. */
  static readonly transform = <const K extends GuardedKind, E, R>(
    hook: Common & {
      readonly events: ReadonlyArray<K>
      /** `closed`: without its addition the turn is not sent, the compaction not done. Default `open`. */
      readonly failure?: "open" | "closed" | undefined
      readonly run: (event: EventOf<K>) => Effect.Effect<TransformPatch, E, R>
    }
  ): Layer.Layer<never, HookExists, LifecycleHooks | Exclude<R, HookServices>> =>
    registered(hook.run, (run) => ({
      phase: "transform",
      ...common(hook, Duration.seconds(10)),
      events: hook.events,
      failure: hook.failure ?? "open",
      run: (event) => isOf(hook.events, event) ? run(event) : Effect.succeed({})
    }))

  /** Told of what was recorded. */
  static readonly observe = <const P extends HookPattern, E, R>(
    hook: Common & {
      /** Kinds, families (`session:*`) or all (`*`). */
      readonly events: ReadonlyArray<P>
      /** `durable` (the default): at least once, over restarts. `best-effort`: at most once, and nothing is stored. */
      readonly delivery?: "durable" | "best-effort" | undefined
      /**
       * How often a durable delivery is tried before it is given up. Default 5. An error with `retryable: false` is not
       * tried again.
       */
      readonly attempts?: number | undefined
      /** Wait before the second try; doubled for each further one, up to an hour. Default 1 second. */
      readonly backoff?: Duration.Input | undefined
      readonly run: (event: Matching<P>) => Effect.Effect<unknown, E, R>
    }
  ): Layer.Layer<never, HookExists, LifecycleHooks | Exclude<R, HookServices>> =>
    registered(hook.run, (run) => ({
      phase: "observe",
      ...common(hook, Duration.seconds(30)),
      events: hook.events,
      delivery: hook.delivery ?? "durable",
      attempts: hook.attempts ?? 5,
      backoff: Duration.fromInputUnsafe(hook.backoff ?? "1 second"),
      run: (event) => isMatching(hook.events, event) ? run(event) : Effect.void
    }))
}

const common = (hook: Common, timeout: Duration.Duration) => ({
  name: hook.name,
  priority: hook.priority ?? 0,
  timeout: hook.timeout === undefined ? timeout : Duration.fromInputUnsafe(hook.timeout)
})

const isOf = <K extends GuardedKind>(kinds: ReadonlyArray<K>, event: EventOf<GuardedKind>): event is EventOf<K> =>
  matches(kinds, event._tag)

const isMatching = <P extends HookPattern>(patterns: ReadonlyArray<P>, event: LifecycleEvent): event is Matching<P> =>
  matches(patterns, event._tag)

/** Runs the hook with what its Layer was given, and with the services of whoever calls it. */
const registered = <Event, A, E, R>(
  run: (event: Event) => Effect.Effect<A, E, R>,
  registration: (run: (event: Event) => Effect.Effect<A, E, HookServices>) => HookRegistration
): Layer.Layer<never, HookExists, LifecycleHooks | Exclude<R, HookServices>> =>
  Layer.effectDiscard(Effect.gen(function*() {
    const hooks = yield* LifecycleHooks
    const given = yield* Effect.context<Exclude<R, HookServices>>()
    // All of R is in one or the other; the compiler cannot see that of a type that it does not know yet.
    const all = (services: Context.Context<HookServices>) =>
      Context.makeUnsafe<R>(new Map([...services.mapUnsafe, ...given.mapUnsafe]))
    yield* hooks.register(registration((event) => Effect.updateContext(run(event), all)))
  }))
