/** What the store keeps on PostgreSQL beside what its other tests show there (`.ci/postgres` runs them). */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Layer } from "effect"
import { ThreadId } from "../../src/domain/Ids.ts"
import { ProviderService, SessionStore } from "../../src/index.ts"
import * as EventPosition from "../../src/store/EventPosition.ts"
import * as Agents from "../support/Agents.ts"
import * as Postgres from "../support/Postgres.ts"
import {
  allEvents,
  behind,
  commit,
  message,
  numbered,
  onSqlite,
  onStore,
  openThread,
  withStore
} from "../support/StoreFixture.ts"

const failure = <A, E>(exit: Exit.Exit<A, E>) =>
  Exit.match(exit, { onSuccess: () => "opened", onFailure: (cause) => JSON.stringify(cause) })

describe.runIf(!onSqlite)("SessionStore on PostgreSQL", () => {
  it.live("P8 store: has one owner at a time, and the next one when that has closed", () =>
    withStore("owned", Effect.exit(withStore("owned", Effect.void))).pipe(
      Effect.map((exit) => assert.include(failure(exit), "StoreOwned")),
      Effect.andThen(withStore("owned", openThread()))
    ))

  it.live("P3 store: one of a newer release is refused", () =>
    Effect.gen(function*() {
      yield* withStore("newer", openThread())
      yield* behind("newer", "INSERT INTO eca_migrations (migration_id, name) VALUES (99, 'next')")
      assert.include(failure(yield* Effect.exit(withStore("newer", Effect.void))), "StoreNewer")
    }))

  it.live("P11 store: commits of many threads at once are in one order, and each is whole", () =>
    onStore(Effect.gen(function*() {
      const ids = Array.from({ length: 12 }, (_, n) => ThreadId.make(`thread-${n}`))
      const each = (effect: (threadId: ThreadId) => ReturnType<typeof openThread>) =>
        Effect.forEach(ids, effect, { concurrency: "unbounded" })
      yield* each((threadId) => openThread({ threadId }))
      const bodies = [message("a"), message("b")] as const
      const positions = yield* each((threadId) => commit(numbered(1, bodies, { threadId }), { threadId }))
      assert.strictEqual(new Set(positions).size, ids.length)
      for (const [n, threadId] of ids.entries()) {
        const [, ...events] = yield* allEvents(threadId)
        const last = positions[n]
        assert(last !== undefined)
        assert.deepStrictEqual(events.map(({ position }) => position), [EventPosition.before(last, 1), last])
      }
    })))

  it.live("P1 mock: a conversation goes on after the host was started again", () =>
    Effect.gen(function*() {
      const store = Layer.orDie(Layer.provide(SessionStore.layer, Postgres.client("conversation")))
      const host = <A, E>(effect: Effect.Effect<A, E, ProviderService>) =>
        Effect.provide(effect, Agents.layerOn(store), { local: true })
      const directory = yield* Agents.folder
      const { threadId } = Agents
      yield* host(Effect.gen(function*() {
        const agents = yield* ProviderService
        yield* agents.startSession({ threadId, instanceId: Agents.mock, directory })
        yield* agents.runTurn({ threadId, prompt: "one" })
      }))
      yield* host(Effect.gen(function*() {
        const agents = yield* ProviderService
        yield* agents.runTurn({ threadId, prompt: "two" })
        const turns = yield* agents.readTranscript({ threadId })
        assert.deepStrictEqual(turns.map(({ input }) => input?.prompt), ["one", "two"])
        yield* agents.deleteThread({ threadId })
        assert.deepStrictEqual((yield* agents.listThreads({ limit: 10 })).threads, [])
      }))
    }).pipe(Effect.scoped, Effect.provide(Agents.platform)))
})
