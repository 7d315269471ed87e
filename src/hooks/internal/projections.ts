/**
 * Runs the projections: one fiber each, which hands its projection one batch after another and keeps the position. A slow
 * one delays only itself; one that fails is handed the same batch again until it takes it, as there is no order without it.
 */
import { Array as Arr, Cause, Effect, Fiber, FiberSet, Option, Schedule } from "effect"
import type { FeedEvent } from "../../domain/FeedEvent.ts"
import { Position } from "../../domain/Ids.ts"
import type { SessionStore } from "../../store/SessionStore.ts"
import type { HookRegistration } from "../HookRegistration.ts"
import type { LifecycleHooks } from "../LifecycleHooks.ts"
import type { ProjectionRegistration } from "../Projection.ts"
import * as reentrancy from "./reentrancy.ts"

const start = Position.make("0")

/** Between two tries of a batch. */
const backoff = Schedule.min([Schedule.exponential("1 second"), Schedule.spaced("30 seconds")])

/** Inside, no operation of the service can be used that a thread could wait for. */
const inside = <A, E, R>(projection: ProjectionRegistration, run: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    const scope = reentrancy.ofProjection(projection.name)
    return Effect.ensuring(
      Effect.provideService(run, reentrancy.Current, scope),
      Effect.sync(() => {
        scope.over = true
      })
    )
  })

const tagOf = (error: unknown): string =>
  typeof error === "object" && error !== null && "_tag" in error ? String(error._tag) : typeof error

/** Hands over what follows the position, and moves it; answers the new one, or waits until something may follow. */
const advance = Effect.fnUntraced(function*(
  store: SessionStore["Service"],
  projection: ProjectionRegistration,
  from: Option.Option<Position>
) {
  const { client, kinds, limit, name, run, timeout } = projection
  const after = Option.getOrElse(from, () => start)
  const page = yield* store.readFeed({ after, kinds, limit })
  const batch: ReadonlyArray<FeedEvent> = page.ahead
    ? [{ _tag: "FeedGap", cause: "log-replaced", lost: "events", position: start }]
    : page.events
  const to = page.ahead ? start : page.through
  if (batch.length === 0 && to === after) {
    yield* store.feedChanged(after)
    return from
  }
  const apply = Arr.isReadonlyArrayNonEmpty(batch)
    ? Effect.timeout(inside(projection, run(batch)), timeout)
    : Effect.void
  const moved = yield* store.project({ name, from, to, client, apply })
  // Another process has handed it over: its position holds.
  return moved ? Option.some(to) : yield* store.projected(name)
})

/** Tried until it succeeds. */
const persisting = <A, E>(name: string, effect: Effect.Effect<A, E>): Effect.Effect<A> =>
  effect.pipe(
    Effect.tapCause((cause) => {
      if (Cause.hasInterruptsOnly(cause)) return Effect.void
      const failure = cause.reasons.find((reason) => reason._tag === "Fail")
      // The error's text may hold secrets.
      return Effect.logWarning("A projection did not take its batch; it is handed it again").pipe(
        Effect.annotateLogs({ projection: name, error: failure === undefined ? "defect" : tagOf(failure.error) })
      )
    }),
    Effect.sandbox,
    Effect.retry(backoff),
    Effect.orDie
  )

const work = Effect.fnUntraced(function*(
  store: SessionStore["Service"],
  projection: ProjectionRegistration
): Effect.fn.Return<never> {
  const { name } = projection
  let position = yield* persisting(name, store.projected(name))
  for (;;) position = yield* persisting(name, advance(store, projection, position))
})

/** Runs every registered projection, and each that is registered later, until the scope closes. */
export const run = Effect.fnUntraced(function*(options: {
  readonly hooks: LifecycleHooks["Service"]
  readonly store: SessionStore["Service"]
}) {
  const fork = yield* FiberSet.makeRuntime<never>()
  const running = new Map<HookRegistration, Fiber.Fiber<never>>()
  yield* options.hooks.follow({
    added: (hook) =>
      Effect.sync(() => {
        if (hook.phase === "project") running.set(hook, fork(work(options.store, hook)))
      }),
    removed: (hook) =>
      Effect.suspend(() => {
        const fiber = running.get(hook)
        running.delete(hook)
        return fiber === undefined ? Effect.void : Fiber.interrupt(fiber)
      })
  })
})
