/**
 * Hooks: code of the app, a command or a webhook that runs at the boundaries of sessions, turns and compactions.
 *
 * A hook is a Layer. It is registered while its Scope is open.
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
 * const App = CodingAgents.layer({
 *   agents: OpenCode.layer(),
 *   hooks: [Greeter],
 *   store: SessionStore.layerSqlite({ filename: "threads.db" })
 * })
 * ```
 *
 * Four phases:
 *
 * - **setup**: asked for what a session is started with, each time that one is: variables, MCP servers, instructions, and
 *   whatever must be there first, such as a worktree. One after another by `priority`, then by registration.
 * - **guard**: asked before a turn is sent, a compaction goes on or a tool runs, and about an approval that waits. One
 *   after another by `priority` (higher first), then by registration; the first veto wins and the rest are not asked.
 * - **transform**: can add to a turn's context, or to the instructions for the writer of a summary. One after another.
 * - **observe**: called after an event was recorded. Hooks run side by side, each with its events in order.
 *
 * A hook that fails, throws, is interrupted or exceeds its timeout affects no other hook: the failure is caught, logged
 * with its tag, and reported as `hook:completed`. `failure` decides what a failing guard means: `open` lets the turn or
 * compaction pass, `closed` is a veto, which is the default where a tool is asked about.
 *
 * **Gotchas**
 *
 * - `durable` delivery (the default) is at least once: after a crash or a failure a hook can see the same `eventId`
 *   again, with a higher `delivery.attempt`. Acknowledgements are stored under `name`: keep it stable.
 * - A durable hook gets the events from its first registration on. A hook that is absent is remembered for a week, with
 *   the events that it is still to be given.
 * - Inside `session:start`, `session:end`, `session:reset`, `compaction:before`, and inside a setup, guard or transform,
 *   the hook's own thread is locked: sending to it, starting, stopping or compacting it fails with `HookReentrant`.
 *
 * @since 0.1.0
 */
import { Array as Arr, Context, Duration, Effect, Layer, Option, Scope } from "effect"
import { SqlClient } from "effect/sql"
import { type HookPattern, matches, type Matching } from "../domain/LifecycleEvent.ts"
import type { ThreadEvent } from "../domain/ThreadEvent.ts"
import type { SessionSetup } from "../provider/SessionSetup.ts"
import {
  type HookError,
  HookExists,
  type HookFollower,
  type HookRegistration,
  type HookServices
} from "./HookRegistration.ts"
import {
  allow,
  type ApprovalVerdict,
  type GuardedEvent,
  type GuardedKind,
  type ToolVerdict,
  type TransformedKind,
  type TransformPatch,
  type VerdictOf
} from "./HookVerdict.ts"
import * as HookInput from "./internal/hookInput.ts"
import * as RunFolders from "./internal/runFolders.ts"
import { isMatching, isOf, isProjected } from "./internal/wanted.ts"
import type { ProjectionBatch } from "./Projection.ts"
import type { SessionOpening } from "./SessionOpening.ts"

interface Common {
  /** Unique and stable: acknowledgements are stored under it. */
  readonly name: string
  /** Higher first. Default 0. */
  readonly priority?: number | undefined
  /** Default: 10 seconds for guards and transforms, 30 for observers, 2 minutes for setups. */
  readonly timeout?: Duration.Input | undefined
  /**
   * How long a call has to end once it was interrupted. After that it is abandoned, and the hook is not called for a minute.
   * Default 5 seconds; of a command what its `killGrace` needs.
   */
  readonly grace?: Duration.Input | undefined
}

/**
 * The registry of hooks. `setup`, `guard`, `transform`, `observe` and `project` make Layers that register one.
 *
 * @since 0.1.0
 * @category services
 */
export class LifecycleHooks extends Context.Service<LifecycleHooks, {
  /** Registers the hook until the Scope closes. */
  readonly register: (hook: HookRegistration) => Effect.Effect<void, HookExists, Scope.Scope>
  /** In the order of registration. */
  readonly list: Effect.Effect<ReadonlyArray<HookRegistration>>
  /** Calls `added` for each registered hook now, and both functions for later changes, until the Scope closes. */
  readonly follow: (follower: HookFollower) => Effect.Effect<void, never, Scope.Scope>
}>()("effect-coding-agents/LifecycleHooks") {
  static readonly layer: Layer.Layer<LifecycleHooks> = Layer.effect(
    LifecycleHooks,
    Effect.map(RunFolders.sweep, () => {
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
                // A hook can be removed before its turn comes.
                (hook) => hooks.get(hook.name) === hook ? follower.added(hook) : Effect.void,
                { discard: true }
              )
            }),
            () => Effect.sync(() => followers.delete(follower))
          )
      })
    })
  )

  /**
   * Is asked for what a session is started with, before its directory is looked at; a session that is live is not asked
   * about again, but by `refreshSetup`. What `run` acquires lives as long as the session, and is released on every path
   * once the agent was stopped; during a reset both sessions have theirs. If it fails, so does the start, with
   * `SetupFailed`. The setups of several hooks are merged as `SessionSetup.merge` says.
   */
  static readonly setup = <E, R>(
    hook: Common & { readonly run: (opening: SessionOpening) => Effect.Effect<SessionSetup, E, R> }
  ): Layer.Layer<never, HookError, LifecycleHooks | Exclude<R, HookServices | Scope.Scope>> =>
    // The Scope is the session's.
    registering<HookServices | Scope.Scope>()("setup", hook, (run) => ({
      phase: "setup",
      ...common(hook, Duration.minutes(2)),
      run
    }))

  /**
   * Is asked whether a turn may be sent, whether a compaction may go on, whether a tool may run, or what becomes of an approval.
   * A failing guard has no objection unless it is `closed`, which makes a failure a veto; so it is with an answer that is none.
   */
  static readonly guard = <const K extends GuardedKind, E, R>(
    hook: Common & {
      readonly events: ReadonlyArray<K>
      /** Default `open`; `closed` for a guard that is asked about tools. */
      readonly failure?: "open" | "closed" | undefined
      readonly run: (event: GuardedEvent<K>) => Effect.Effect<VerdictOf<K>, E, R>
    }
  ): Layer.Layer<never, HookError, LifecycleHooks | Exclude<R, HookServices | Scope.Scope>> =>
    registering<HookServices | Scope.Scope>()("guard", hook, (run) => ({
      phase: "guard",
      ...common(hook, Duration.seconds(10)),
      events: hook.events,
      failure: hook.failure ?? (matches(hook.events, "tool:before") ? "closed" : "open"),
      run: (event): Effect.Effect<ApprovalVerdict | ToolVerdict, E, HookServices> =>
        isOf(hook.events, event) ? Effect.scoped(run(event)) : Effect.succeed(allow)
    }))

  /** Adds to the context of a turn, or to the instructions for the writer of a summary. A failing one adds nothing. */
  static readonly transform = <const K extends TransformedKind, E, R>(
    hook: Common & {
      readonly events: ReadonlyArray<K>
      /** `closed`: if it fails, the turn is not sent and the compaction does not happen. Default `open`. */
      readonly failure?: "open" | "closed" | undefined
      readonly run: (event: GuardedEvent<K>) => Effect.Effect<TransformPatch, E, R>
    }
  ): Layer.Layer<never, HookError, LifecycleHooks | Exclude<R, HookServices | Scope.Scope>> =>
    registering<HookServices | Scope.Scope>()("transform", hook, (run) => ({
      phase: "transform",
      ...common(hook, Duration.seconds(10)),
      events: hook.events,
      failure: hook.failure ?? "open",
      run: (event) => isOf(hook.events, event) ? Effect.scoped(run(event)) : Effect.succeed({})
    }))

  /**
   * A durable projection of all threads: is handed the events of these kinds, in the order over all threads and batch by
   * batch, and writes rows. How far it has come is kept under its name. It sees each event at least once, as the position
   * follows the batch; with `transaction` exactly once. A batch that fails, or exceeds the timeout, is handed over again
   * until it is taken.
   *
   * It only writes rows: it is given no services of the host, and what a thread could wait for fails inside it with
   * `HookReentrant`.
   */
  static readonly project = <const K extends ThreadEvent["_tag"], E, R>(
    hook: Omit<Common, "priority" | "grace"> & {
      readonly kinds: ReadonlyArray<K>
      /** At most so many events in a batch, at least 1. Default 256. */
      readonly limit?: number | undefined
      /**
       * Whether its rows and its position are one transaction, where the `SqlClient` that it is given is the store's own.
       * While `run` is in it the store writes nothing else, so turns wait: keep it short. Default: false.
       */
      readonly transaction?: boolean | undefined
      readonly run: (batch: ProjectionBatch<K>) => Effect.Effect<unknown, E, R>
    }
  ): Layer.Layer<never, HookError, LifecycleHooks | Exclude<R, Scope.Scope>> =>
    registering<Scope.Scope>()("project", hook, (run, given) => ({
      phase: "project",
      ...common(hook, Duration.seconds(30)),
      kinds: hook.kinds,
      limit: hook.limit ?? 256,
      client: hook.transaction === true
        ? Option.getOrUndefined(Context.getOption(given, SqlClient.SqlClient))
        : undefined,
      run: (events) => {
        const batch = events.filter((event) => isProjected(hook.kinds, event))
        return Arr.isReadonlyArrayNonEmpty(batch) ? Effect.scoped(run(batch)) : Effect.void
      }
    }))

  /** Is called for recorded events. */
  static readonly observe = <const P extends HookPattern, E, R>(
    hook: Common & {
      /** Tags, families (`session:*`) or all (`*`). */
      readonly events: ReadonlyArray<P>
      /** `durable` (the default): at least once, across restarts. `best-effort`: at most once; nothing is stored. */
      readonly delivery?: "durable" | "best-effort" | undefined
      /**
       * Number of tries of a durable delivery before it is given up, at least 1. Default 5. An error with `retryable: false`
       * is not retried.
       */
      readonly attempts?: number | undefined
      /** Wait before the second try, doubled for each further one, up to an hour. Default 1 second. */
      readonly backoff?: Duration.Input | undefined
      readonly run: (event: Matching<P>) => Effect.Effect<unknown, E, R>
    }
  ): Layer.Layer<never, HookError, LifecycleHooks | Exclude<R, HookServices | Scope.Scope>> =>
    registering<HookServices | Scope.Scope>()("observe", hook, (run) => ({
      phase: "observe",
      ...common(hook, Duration.seconds(30)),
      events: hook.events,
      delivery: hook.delivery ?? "durable",
      attempts: hook.attempts ?? 5,
      backoff: Duration.fromInputUnsafe(hook.backoff ?? "1 second"),
      run: (event) => isMatching(hook.events, event) ? Effect.scoped(run(event)) : Effect.void
    }))
}

const common = (hook: Common, timeout: Duration.Duration) => ({
  name: hook.name,
  priority: hook.priority ?? 0,
  timeout: hook.timeout === undefined ? timeout : Duration.fromInputUnsafe(hook.timeout),
  grace: Duration.fromInputUnsafe(hook.grace ?? "5 seconds")
})

/**
 * Registers a hook whose `run` has the services of its Layer and those of its caller (`Caller`), the Scope among them: the
 * Layer's own would keep what a call acquires. That of a setup is the session's; the others have one for each call.
 */
const registering = <Caller>() =>
<Input, A, E, R>(
  phase: HookRegistration["phase"],
  hook: { readonly run: (input: Input) => Effect.Effect<A, E, R> },
  registration: (
    run: (input: Input) => Effect.Effect<A, E, Caller>,
    given: Context.Context<Exclude<R, Caller>>
  ) => HookRegistration
): Layer.Layer<never, HookError, LifecycleHooks | Exclude<R, Caller>> =>
  Layer.effectDiscard(Effect.gen(function*() {
    yield* HookInput.check(phase, hook)
    const hooks = yield* LifecycleHooks
    const given = yield* Effect.context<Exclude<R, Caller>>()
    const own = Context.omit(Scope.Scope)(given)
    const run = (input: Input) =>
      Effect.updateContext(hook.run(input), (caller: Context.Context<Caller>) => together<R>(caller, own))
    yield* hooks.register(registration(run, given))
  }))

/** All of R is in one of the two; the compiler cannot derive that for a type parameter. */
const together = <R>(caller: Context.Context<never>, given: Context.Context<never>): Context.Context<R> =>
  Context.makeUnsafe<R>(new Map([...caller.mapUnsafe, ...given.mapUnsafe]))
