/** Readers of a thread: what they are shown when logs end, are replaced, or are written to from inside a reader. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Layer, Option, Scope, Stream } from "effect"
import { ProviderService, SessionStore, type ThreadEvent, ThreadId } from "../../src/index.ts"
import * as EventPosition from "../../src/store/EventPosition.ts"
import * as Agents from "../support/Agents.ts"

const { awaitEvent, is, layer, stored, tags, threadId } = Agents

const background = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

/** A store that outlives the service. */
const storeOf = Effect.map(Layer.build(SessionStore.layerMemory), Layer.succeedContext)

describe("EventReader", () => {
  it.effect("P11 mock: a reader that comes back to a thread that was made anew has one Gap, and then all of it", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      yield* Agents.start()
      yield* agents.runTurn({ threadId, prompt: "one" })
      yield* agents.runTurn({ threadId, prompt: "two" })
      const { lastSeq } = yield* agents.getThread({ threadId })
      yield* agents.deleteThread({ threadId })
      yield* Agents.start()
      const now = yield* stored()
      assert.isBelow(now.length, lastSeq)
      const seen = yield* agents.streamEvents({ threadId, after: lastSeq }).pipe(
        Stream.take(now.length + 1),
        Stream.runCollect
      )
      assert.deepInclude(seen[0], { _tag: "Gap", cause: "log-replaced", lost: "events", seq: 0 })
      assert.deepStrictEqual(seen.slice(1), now)
    }).pipe(Effect.provide(layer())))

  it.effect("P11 mock: readers of a deleted thread end, with ThreadDeleted as their last event", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      yield* Agents.start()
      yield* agents.runTurn({ threadId, prompt: "one" })
      const live = yield* Deferred.make<void>()
      const reader = yield* agents.streamEvents({ threadId }).pipe(
        Stream.tap((event) => event._tag === "TurnCompleted" ? Deferred.succeed(live, undefined) : Effect.void),
        Stream.runCollect,
        background
      )
      yield* Deferred.await(live)
      yield* agents.deleteThread({ threadId })
      const seen = tags(yield* Fiber.join(reader))
      assert.deepStrictEqual(seen.slice(-2), ["SessionEnded", "ThreadDeleted"])
      assert.strictEqual(seen.filter((tag) => tag === "ThreadDeleted").length, 1)
    }).pipe(Effect.provide(layer())))

  it.effect("P11 mock: a reader that joins while its thread is being deleted ends with ThreadDeleted", () => {
    const checked = Deferred.makeUnsafe<void>()
    const gate = Deferred.makeUnsafe<void>()
    let holds = false
    /** Says that the thread is there, and is heard only later. */
    const late = Layer.effect(
      SessionStore,
      Effect.map(SessionStore, (store) => ({
        ...store,
        endOfLog: (id) =>
          Effect.tap(store.endOfLog(id), () => {
            if (!holds) return Effect.void
            holds = false
            return Effect.andThen(Deferred.succeed(checked, undefined), Deferred.await(gate))
          })
      }))
    ).pipe(Layer.provideMerge(SessionStore.layerMemory))
    return Effect.gen(function*() {
      const agents = yield* ProviderService
      yield* Agents.start()
      yield* agents.runTurn({ threadId, prompt: "one" })
      yield* agents.stopSession({ threadId })
      holds = true
      const reader = yield* background(Stream.runCollect(agents.streamEvents({ threadId })))
      yield* Deferred.await(checked)
      yield* agents.deleteThread({ threadId })
      yield* Deferred.succeed(gate, undefined)
      assert.deepStrictEqual(tags(yield* Fiber.join(reader)), ["ThreadDeleted"])
    }).pipe(Effect.provide(Agents.layerOn(late)))
  })

  it.effect("P11 mock: readers end with the last stored event once the service has shut down, and so do those that come later", () =>
    Effect.gen(function*() {
      const host = yield* Scope.make()
      const service = yield* Layer.buildWithScope(Agents.layerOn(yield* storeOf), host)
      const { agents, early, live, stopped } = yield* Effect.gen(function*() {
        const agents = yield* ProviderService
        yield* Agents.start()
        const other = ThreadId.make("stopped")
        yield* agents.createThread({ threadId: other, instanceId: Agents.mock, directory: yield* Agents.folder })
        const live = yield* Deferred.make<void>()
        const early = yield* agents.streamEvents({ threadId }).pipe(
          Stream.tap((event) => event._tag === "TurnCompleted" ? Deferred.succeed(live, undefined) : Effect.void),
          Stream.runCollect,
          background
        )
        const stopped = yield* background(Stream.runCollect(agents.streamEvents({ threadId: other })))
        yield* agents.runTurn({ threadId, prompt: "one" })
        return { agents, early, live, stopped }
      }).pipe(Effect.provide(service))
      yield* Deferred.await(live)
      yield* Scope.close(host, Exit.void)
      const seen = yield* Fiber.join(early)
      assert.deepInclude(seen.at(-1), { _tag: "SessionEnded", reason: "shutdown" })
      assert.deepStrictEqual(yield* Fiber.join(stopped), [])
      const late = yield* Stream.runCollect(agents.streamEvents({ threadId }))
      assert.deepStrictEqual(late, seen.filter((event) => !is("ItemDelta")(event)))
    }).pipe(Effect.provide(Agents.platform)))

  it.effect("P11 mock: a reader that is behind when its thread is deleted and made anew is told so, and of nothing else", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      yield* Agents.start()
      for (let n = 0; n < 200; n++) yield* agents.runTurn({ threadId, prompt: `${n}` })
      const held = yield* Deferred.make<void>()
      const gate = yield* Deferred.make<void>()
      // Its first page is not the whole log.
      const reader = yield* agents.streamEvents({ threadId }).pipe(
        Stream.tap(({ seq }) =>
          seq === 1 ? Effect.andThen(Deferred.succeed(held, undefined), Deferred.await(gate)) : Effect.void
        ),
        Stream.runCollect,
        background
      )
      yield* Deferred.await(held)
      yield* agents.deleteThread({ threadId })
      yield* Agents.start()
      yield* agents.runTurn({ threadId, prompt: "of another thread" })
      yield* Deferred.succeed(gate, undefined)
      const seen = yield* Fiber.join(reader)
      assert.strictEqual(seen.at(-1)?._tag, "ThreadDeleted")
      assert.isBelow(seen.length, 1000)
      const numbers = seen.map(({ seq }) => seq)
      assert.deepStrictEqual(numbers, numbers.toSorted((a, b) => a - b))
      assert.isFalse(seen.some((event) => event._tag === "TurnStarted" && event.input.prompt === "of another thread"))
    }).pipe(Effect.provide(layer())))

  it.effect("P11 mock: positions grow with the log, and a delta has the position of the event before it", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      yield* Agents.start()
      const reader = yield* agents.streamEvents({ threadId }).pipe(
        Stream.takeUntil((event) => event._tag === "TurnCompleted"),
        Stream.runCollect,
        background
      )
      yield* agents.runTurn({ threadId, prompt: "one" })
      const seen = yield* Fiber.join(reader)
      const places = seen.map((event) => Option.getOrThrow(EventPosition.parse(event.position)))
      assert.deepStrictEqual(places, places.toSorted((a, b) => a - b))
      assert.isTrue(seen.some(is("ItemDelta")))
      seen.forEach((event, n) => {
        if (event._tag === "ItemDelta") assert.strictEqual(event.position, seen[n - 1]?.position)
      })
      assert.deepStrictEqual(seen.filter((event) => !is("ItemDelta")(event)), yield* stored())
    }).pipe(Effect.provide(layer())))

  it.effect("P4 mock: a reader sends the next turn from inside TurnCompleted", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      yield* Agents.start()
      const sent = yield* agents.streamEvents({ threadId }).pipe(
        Stream.filter(is("TurnCompleted")),
        Stream.mapEffect(() => agents.sendTurn({ threadId, prompt: "and on" })),
        Stream.take(5),
        Stream.runCollect,
        background
      )
      yield* agents.sendTurn({ threadId, prompt: "one" })
      assert.strictEqual((yield* Fiber.join(sent)).length, 5)
      const last = (yield* agents.readTranscript({ threadId })).at(-1)?.turnId
      const ends = (event: ThreadEvent): event is Extract<ThreadEvent, { readonly _tag: "TurnCompleted" }> =>
        event._tag === "TurnCompleted" && event.turnId === last
      yield* awaitEvent(ends)
    }).pipe(Effect.provide(layer())))
})
