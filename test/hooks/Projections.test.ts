/** Durable projections: in order, each event exactly once in the store's own database, at least once beside it. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { Data, Deferred, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { TestClock } from "effect/testing"
import { DatabaseSync } from "node:sqlite"
import { fileURLToPath } from "node:url"
import { CodingAgents, LifecycleHooks, ProviderService, SessionStore, type ThreadEvent } from "../../src/index.ts"
import * as SqliteClient from "../../src/store/SqliteClient.ts"
import { MockProvider } from "../../src/testing/index.ts"
import * as Agents from "../support/Agents.ts"
import * as Children from "../support/ChildScript.ts"
import { codes } from "../support/ProjectionHost.ts"
import { temporaryFolder } from "../support/StoreFixture.ts"

const { layer, mock, threadId } = Agents

class Refused extends Data.TaggedError("Refused")<{ readonly secret: string }> {}

const place = ({ seq, threadId }: ThreadEvent) => `${threadId} ${seq}`

/** Waits in steps of the clock: a batch that failed is tried again later. */
const until = (condition: () => boolean) =>
  Effect.repeat(Effect.andThen(TestClock.adjust("1 second"), Effect.repeat(Effect.yieldNow, { times: 50 })), {
    times: 200,
    until: condition
  })

const acquire = (log: Array<string>) =>
  Effect.acquireRelease(
    Effect.sync(() => log.push("acquired")),
    () => Effect.sync(() => log.push("released"))
  )

describe("LifecycleHooks.project", () => {
  it.effect("P12 mock: it has the events of its kinds in order, batch by batch, and the same batch again while it fails", () => {
    const batches: Array<ReadonlyArray<string>> = []
    let fails = 3
    const projection = LifecycleHooks.project({
      name: "seen",
      kinds: ["TurnStarted", "TurnCompleted"],
      limit: 2,
      run: (batch) =>
        Effect.suspend(() => {
          const events = batch.flatMap((event) => event._tag === "FeedGap" ? [] : [event])
          for (const { _tag } of events) assert.include(["TurnStarted", "TurnCompleted"], _tag)
          if (fails-- > 0) return Effect.fail(new Refused({ secret: "hunter2" }))
          batches.push(events.map(place))
          return Effect.void
        })
    })
    return Effect.gen(function*() {
      const agents = yield* ProviderService
      yield* Agents.start()
      for (const prompt of ["one", "two", "three"]) yield* agents.runTurn({ threadId, prompt })
      yield* until(() => batches.flat().length === 6)
      const wanted = (yield* Agents.stored()).filter(({ _tag }) => _tag === "TurnStarted" || _tag === "TurnCompleted")
      assert.deepStrictEqual(batches.flat(), wanted.map(place))
      for (const batch of batches) assert.isAtMost(batch.length, 2)
    }).pipe(Effect.provide(layer({ hooks: [projection] })))
  })

  it.effect("P12 mock: in the store's database a batch that fails half-way leaves nothing, and is whole in the end", () => {
    let fails = 2
    const table = "CREATE TABLE IF NOT EXISTS seen (seq INTEGER NOT NULL)"
    const projection = LifecycleHooks.project({
      name: "seen",
      kinds: ["TurnStarted", "TurnCompleted"],
      transaction: true,
      run: Effect.fnUntraced(function*(batch) {
        const sql = yield* SqlClient.SqlClient
        yield* sql.unsafe(table)
        for (const event of batch) {
          if (event._tag === "FeedGap") continue
          yield* sql`INSERT INTO seen ${sql.insert({ seq: event.seq })}`
          if (fails-- > 0) return yield* new Refused({ secret: "hunter2" })
        }
      })
    })
    return Effect.gen(function*() {
      const agents = yield* ProviderService
      const sql = yield* Agents.sql
      yield* Agents.start()
      yield* agents.runTurn({ threadId, prompt: "one" })
      yield* agents.runTurn({ threadId, prompt: "two" })
      yield* sql.unsafe(table)
      const seen = sql<{ readonly seq: number }>`SELECT seq FROM seen ORDER BY rowid`
      yield* Effect.repeat(Effect.andThen(TestClock.adjust("1 second"), seen), {
        times: 200,
        until: (rows) => rows.length >= 4
      })
      const wanted = (yield* Agents.stored()).filter(({ _tag }) => _tag === "TurnStarted" || _tag === "TurnCompleted")
      assert.deepStrictEqual((yield* seen).map(({ seq }) => seq), wanted.map(({ seq }) => seq))
    }).pipe(Effect.provide(
      CodingAgents.layer({
        agents: MockProvider.layer({ instanceId: mock }),
        hooks: [projection],
        store: SessionStore.layer
      }).pipe(
        Layer.provideMerge(SqliteClient.layer({ filename: ":memory:" })),
        Layer.provideMerge(NodeServices.layer)
      )
    ))
  })

  it.effect("P12 mock: one that hangs holds up no turn, and its timeout has it try again", () => {
    const tries: Array<number> = []
    const projection = LifecycleHooks.project({
      name: "slow",
      kinds: ["SessionStarted"],
      timeout: "5 seconds",
      run: (batch) =>
        Effect.suspend(() => {
          tries.push(batch.length)
          return tries.length === 1 ? Effect.never : Effect.void
        })
    })
    return Effect.gen(function*() {
      const agents = yield* ProviderService
      yield* Agents.start()
      assert.strictEqual((yield* agents.runTurn({ threadId, prompt: "one" })).text, "echo: one")
      yield* until(() => tries.length === 2)
      assert.deepStrictEqual(tries, [1, 1])
    }).pipe(Effect.provide(layer({ hooks: [projection] })))
  })

  it.effect("P12 mock: one that is slower than the events has them all, once and in order, and holds up no turn", () => {
    const kinds: ReadonlyArray<ThreadEvent["_tag"]> = ["TurnStarted", "ItemCompleted", "TurnCompleted"]
    const gate = Deferred.makeUnsafe<void>()
    const sizes: Array<number> = []
    const seen: Array<string> = []
    const projection = LifecycleHooks.project({
      name: "slow",
      kinds,
      limit: 7,
      timeout: "1 hour",
      run: (batch) =>
        Effect.andThen(
          Deferred.await(gate),
          Effect.sync(() => {
            sizes.push(batch.length)
            seen.push(...batch.flatMap((event) => event._tag === "FeedGap" ? ["gap"] : [place(event)]))
          })
        )
    })
    return Effect.gen(function*() {
      const agents = yield* ProviderService
      yield* Agents.start()
      // It stands still at its first batch meanwhile.
      for (let n = 0; n < 20; n++) yield* agents.runTurn({ threadId, prompt: `turn ${n}` })
      assert.deepStrictEqual(sizes, [])
      yield* Deferred.succeed(gate, undefined)
      const wanted = (yield* Agents.stored()).filter(({ _tag }) => kinds.includes(_tag)).map(place)
      assert.isAbove(wanted.length, 7 * 5)
      yield* until(() => seen.length >= wanted.length)
      assert.deepStrictEqual(seen, wanted)
      for (const size of sizes) assert.isAtMost(size, 7)
    }).pipe(Effect.provide(layer({ hooks: [projection] })))
  })

  it.effect("P10 mock: what a batch acquires is released with it", () => {
    const log: Array<string> = []
    const projection = LifecycleHooks.project({
      name: "acquiring",
      kinds: ["TurnCompleted"],
      run: () => acquire(log)
    })
    return Effect.gen(function*() {
      const agents = yield* ProviderService
      yield* Agents.start()
      yield* agents.runTurn({ threadId, prompt: "one" })
      yield* until(() => log.length === 2)
      yield* agents.runTurn({ threadId, prompt: "two" })
      yield* until(() => log.length === 4)
      assert.deepStrictEqual(log, ["acquired", "released", "acquired", "released"])
    }).pipe(Effect.provide(layer({ hooks: [projection] })))
  })

  it.effect("P10 mock: what an observer acquires is released with its call", () => {
    const log: Array<string> = []
    const observer = LifecycleHooks.observe({
      name: "acquiring",
      events: ["turn:end"],
      run: () => acquire(log)
    })
    return Effect.gen(function*() {
      const agents = yield* ProviderService
      yield* Agents.start()
      yield* agents.runTurn({ threadId, prompt: "one" })
      yield* until(() => log.length === 2)
      assert.deepStrictEqual(log, ["acquired", "released"])
    }).pipe(Effect.provide(layer({ hooks: [observer] })))
  })

  it.effect("P12 mock: the service cannot be used from inside it", () => {
    const handle = Deferred.makeUnsafe<ProviderService["Service"]>()
    const failure = Deferred.makeUnsafe<string>()
    const projection = LifecycleHooks.project({
      name: "caller",
      kinds: ["SessionStarted"],
      run: () =>
        Effect.gen(function*() {
          // Not by its own means: it is given no service.
          const agents = yield* Deferred.await(handle)
          const error = yield* Effect.flip(agents.sendTurn({ threadId, prompt: "again" }))
          yield* Deferred.succeed(failure, error._tag)
        })
    })
    return Effect.gen(function*() {
      const agents = yield* ProviderService
      yield* Agents.start()
      yield* Deferred.succeed(handle, agents)
      assert.strictEqual(yield* Deferred.await(failure), "HookReentrant")
      assert.strictEqual((yield* agents.runTurn({ threadId, prompt: "one" })).text, "echo: one")
    }).pipe(Effect.provide(layer({ hooks: [projection] })))
  })
})

describe("a projection that is killed", () => {
  const host = fileURLToPath(new URL("../support/ProjectionHost.ts", import.meta.url))
  const run = (folder: string, where: string, kill = "") =>
    Effect.scoped(Effect.map(Children.start([host, folder, where, kill]), ({ line }) => line))

  const rows = (filename: string) =>
    Effect.sync(() => {
      const db = new DatabaseSync(filename)
      const found = db.prepare("SELECT code FROM seen ORDER BY rowid").all().map((row) => String(row["code"]))
      db.close()
      return found
    })

  it.live(
    "P12 store: between its rows and its position, in the store's database: nothing twice, nothing lost",
    () =>
      Effect.gen(function*() {
        const folder = yield* temporaryFolder
        assert.strictEqual(yield* run(folder, "fill"), "filled")
        yield* Effect.exit(run(folder, "shared", "2"))
        // The first batch is there, and none of the second.
        assert.deepStrictEqual(yield* rows(`${folder}/store.db`), codes.slice(0, 5))
        assert.strictEqual(yield* run(folder, "shared"), "done")
        assert.deepStrictEqual(yield* rows(`${folder}/store.db`), codes)
      }).pipe(Effect.scoped),
    60_000
  )

  it.live(
    "P12 store: between its rows and its position, in a database beside it: a batch twice, nothing lost",
    () =>
      Effect.gen(function*() {
        const folder = yield* temporaryFolder
        assert.strictEqual(yield* run(folder, "fill"), "filled")
        yield* Effect.exit(run(folder, "apart", "2"))
        assert.deepStrictEqual(yield* rows(`${folder}/rows.db`), codes.slice(0, 10))
        assert.strictEqual(yield* run(folder, "apart"), "done")
        assert.deepStrictEqual(yield* rows(`${folder}/rows.db`), [...codes.slice(0, 10), ...codes.slice(5)])
      }).pipe(Effect.scoped),
    60_000
  )
})
