/** A dispatcher of hooks on a store, without a service: what tests of hooks start from. */
import { Clock, Effect, Layer, Queue, Schema } from "effect"
import { TestClock } from "effect/testing"
import type { ThreadId } from "../../src/domain/Ids.ts"
import * as Lifecycle from "../../src/domain/LifecycleEvent.ts"
import type { EventBody, NumberedEvent } from "../../src/domain/ThreadEvent.ts"
import type { GuardedEvent } from "../../src/hooks/HookVerdict.ts"
import * as HookDispatcher from "../../src/hooks/internal/dispatcher.ts"
import { LifecycleHooks } from "../../src/hooks/LifecycleHooks.ts"
import { ProviderService } from "../../src/service/ProviderService.ts"
import { TranscriptArchive } from "../../src/service/TranscriptArchive.ts"
import { HookOutbox } from "../../src/store/HookOutbox.ts"
import * as LifecycleRecord from "../../src/store/LifecycleRecord.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import { binding, commit, first, numbered, threadId, turn } from "./StoreFixture.ts"

/** Services that no hook of a test uses. */
const services = Effect.scoped(
  Layer.build(Layer.mergeAll(Layer.mock(ProviderService, {}), Layer.mock(TranscriptArchive, {})))
)

/** Hooks on a store in memory. */
export const onStore = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.provide(effect, [LifecycleHooks.layer, SessionStore.layerMemory])

/** What a hook of a test fails with. */
export class Broken extends Schema.TaggedError<Broken>()("Broken", {}) {}

/** What a hook of a test dies of: a throw, where an Effect is expected. */
export const thrown = (event: unknown): Effect.Effect<never> => {
  throw new TypeError("thrown", { cause: event })
}

export const turnIds = (events: ReadonlyArray<Lifecycle.LifecycleEvent>) =>
  events.map((event) => event._tag === "turn:start" ? event.turnId : event._tag)

export const taken = (queue: Queue.Dequeue<Lifecycle.LifecycleEvent>, n: number) =>
  Effect.map(Queue.takeN(queue, n), turnIds)

/** Lets every fiber run that can. */
export const settle = TestClock.adjust(0)

export const dispatcher = Effect.gen(function*() {
  return yield* HookDispatcher.make({ hooks: yield* LifecycleHooks, outbox: yield* HookOutbox, services })
})

/** Registers the hook until the scope closes. */
export const register = <E>(hook: Layer.Layer<never, E, LifecycleHooks>) => Effect.asVoid(Layer.build(hook))

export const turnStarted = (id: string): EventBody => ({
  _tag: "TurnStarted",
  turnId: turn(id),
  input: { prompt: id }
})

export const lifecycle = (event: NumberedEvent): ReadonlyArray<Lifecycle.LifecycleEvent> => {
  const told = LifecycleRecord.of(event, binding())
  return told === undefined ? [] : [told]
}

/** Appends the events to the thread and tells the dispatcher, as the service does; answers what it told. */
export const record = Effect.fnUntraced(function*(
  { emit }: Pick<HookDispatcher.HookDispatcher, "emit">,
  bodies: readonly [EventBody, ...ReadonlyArray<EventBody>],
  place: { readonly threadId: ThreadId } = { threadId }
) {
  const store = yield* SessionStore
  const found = yield* Effect.flatMap(store.getThread(place.threadId), Effect.fromOption)
  const at = yield* Clock.currentTimeMillis
  const events = numbered(found.lastSeq, bodies, { ...place, epoch: first, at })
  for (const body of bodies) {
    if (body._tag !== "TurnStarted") continue
    const { input, turnId } = body
    yield* store.recordIntent({ ...place, turnId, epoch: first, ref: undefined, input, at })
  }
  yield* commit(events, place)
  const told = events.flatMap(lifecycle)
  emit(told)
  return told
})

/** The event of a turn that is about to begin, for those who are asked. */
export const asked = (id = "asked"): GuardedEvent<"turn:start"> => ({
  ...LifecycleRecord.make<"turn:start">({ threadId, epoch: first, seq: 1, at: 2000 }, binding(), id, {
    _tag: "turn:start",
    turnId: turn(id)
  }),
  input: { prompt: id }
})

/** A hook that keeps what it is told. */
export const listener = Effect.fnUntraced(function*(
  name: string,
  events: ReadonlyArray<Lifecycle.HookPattern>,
  options: { readonly delivery?: "durable" | "best-effort" } = {}
) {
  const heard = yield* Queue.unbounded<Lifecycle.LifecycleEvent>()
  yield* register(LifecycleHooks.observe({ name, events, run: (event) => Queue.offer(heard, event), ...options }))
  return heard
})

/** Receipts of one hook, as they come. */
export const receipts = Effect.fnUntraced(function*(of: string) {
  const heard = yield* Queue.unbounded<Lifecycle.EventOf<"hook:completed">>()
  yield* register(LifecycleHooks.observe({
    name: `receipts of ${of}`,
    events: ["hook:completed"],
    delivery: "best-effort",
    run: (event) => event.hook === of ? Queue.offer(heard, event) : Effect.void
  }))
  return heard
})
