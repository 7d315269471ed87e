/** A store on a real file that cannot be written for a while: its disk is full, or another process holds its lock. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, type Layer, Path, type Scope } from "effect"
import { TestClock } from "effect/testing"
import { DatabaseSync } from "node:sqlite"
import { ProviderService, SessionStore, type ThreadEvent } from "../../src/index.ts"
import { MockProvider, MockStep } from "../../src/testing/index.ts"
import * as Agents from "../support/Agents.ts"

const { awaitEvent, endings, is, mock, stored, threadId } = Agents

/** Needs new pages in the file. */
const large = "x".repeat(300_000)

/** The file may not grow any more, as on a full disk: SQLite refuses with SQLITE_FULL. */
const full = Effect.flatMap(Agents.sql, (sql) => sql`PRAGMA max_page_count = 1`)
const space = Effect.flatMap(Agents.sql, (sql) => sql`PRAGMA max_page_count = 1000000`)

/** Longer than the store is tried again before an epoch is given up. */
const patience = TestClock.adjust("10 seconds")

const background = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

const file = Effect.gen(function*() {
  const path = yield* Path.Path
  return path.join(yield* Agents.folder, "store.db")
}).pipe(Effect.provide(NodeServices.layer))

/** Runs on a host whose store is a file. */
const onFile = <A, E>(
  test: (
    filename: string
  ) => Effect.Effect<A, E, Layer.Success<ReturnType<typeof Agents.layer>> | Scope.Scope>
) =>
  Effect.flatMap(
    file,
    (filename) => Effect.provide(test(filename), Agents.layer({ filename, busyTimeout: 0 }), { local: true })
  )

/** One end per turn, no hole, nothing sent twice, and a cursor to go on from. */
const sound = Effect.gen(function*() {
  const agent = yield* MockProvider
  const store = yield* SessionStore
  const events = yield* stored()
  assert.deepStrictEqual(events.map((event) => event.seq), events.map((_, n) => n + 1))
  for (const ends of Object.values(endings(events))) assert.strictEqual(ends.length, 1)
  const received = (yield* agent.received).map((turn) => turn.turnId)
  assert.strictEqual(new Set(received).size, received.length)
  assert.strictEqual((yield* store.getCursor(threadId, mock))._tag, "Some")
  for (const session of yield* agent.sessions) assert.strictEqual(session.overlaps, 0)
  return Object.values(endings(events)).flat()
})

/** A thread with one turn behind it, in the middle of a second one that is to say something large. */
const inTheMiddle = Effect.gen(function*() {
  const agents = yield* ProviderService
  const agent = yield* MockProvider
  yield* Agents.start()
  yield* agents.runTurn({ threadId, prompt: "remember 42" })
  const gate = yield* Deferred.make<void>()
  yield* agent.nextTurn(() => [MockStep.text("now"), MockStep.wait(gate), MockStep.text(large)])
  const run = yield* background(agents.runTurn({ threadId, prompt: "two" }))
  yield* awaitEvent((event): event is Extract<ThreadEvent, { readonly _tag: "ItemCompleted" }> =>
    is("ItemCompleted")(event) && "text" in event.item && event.item.text === "now"
  )
  return { run, goOn: Deferred.succeed(gate, undefined) }
})

/** All that was said is in the archive, whatever went wrong between. */
const archived = Effect.gen(function*() {
  const agents = yield* ProviderService
  const archive = yield* agents.readTranscript({ threadId })
  return archive.map((turn) =>
    [turn.input?.prompt].concat(
      turn.items.flatMap((item) =>
        item._tag === "AssistantMessage" ? [item.text.length > 99 ? "large" : item.text] : []
      )
    )
  )
})

const whole = [["remember 42", "echo: remember 42"], ["two", "now", "large"], ["three", "echo: three"]]

describe("SessionStore: a disk that is full", () => {
  it.effect("P4 store: for a moment: nothing is lost and no caller fails", () =>
    onFile(() =>
      Effect.gen(function*() {
        const agents = yield* ProviderService
        const { goOn, run } = yield* inTheMiddle
        yield* full
        yield* goOn
        yield* TestClock.adjust("2 seconds")
        yield* space
        yield* patience
        assert.strictEqual((yield* Fiber.join(run)).text, large)
        yield* agents.runTurn({ threadId, prompt: "three" })
        assert.deepStrictEqual(yield* sound, ["TurnCompleted", "TurnCompleted", "TurnCompleted"])
        assert.deepStrictEqual(yield* archived, whole)
      })
    ))

  it.effect("P1 P4 store: for long: a typed error, and once there is space the thread goes on with its whole history", () =>
    onFile(() =>
      Effect.gen(function*() {
        const agents = yield* ProviderService
        const agent = yield* MockProvider
        const { goOn, run } = yield* inTheMiddle
        yield* full
        yield* goOn
        yield* patience
        yield* patience
        const error = yield* Effect.flip(Fiber.join(run))
        assert.strictEqual(error._tag, "StoreFailed")
        const refused = yield* background(Effect.flip(agents.sendTurn({ threadId, prompt: large })))
        for (let n = 0; n < 4; n++) yield* patience
        assert.strictEqual((yield* Fiber.join(refused))._tag, "StoreFailed")
        yield* space
        const next = yield* agents.runTurn({ threadId, prompt: "three" })
        assert.strictEqual(next.continuity._tag, "Resumed")
        assert.deepStrictEqual(yield* sound, ["TurnCompleted", "TurnUnknown", "TurnCompleted"])
        assert.deepStrictEqual(yield* archived, whole)
        assert.deepStrictEqual((yield* agent.received).map((turn) => turn.input.prompt), [
          "remember 42",
          "two",
          "three"
        ])
      })
    ))

  it.effect("P4 store: a start that cannot be stored fails with a typed error and leaves no session behind", () =>
    onFile(() =>
      Effect.gen(function*() {
        const agents = yield* ProviderService
        const agent = yield* MockProvider
        const input = { threadId, instanceId: mock, directory: yield* Agents.folder }
        yield* full
        const error = yield* Effect.flip(agents.startSession({ ...input, title: large }))
        assert.strictEqual(error._tag, "StoreFailed")
        assert.deepStrictEqual((yield* agent.sessions).map((session) => session.live), [false])
        assert.strictEqual((yield* Effect.flip(agents.getThread({ threadId })))._tag, "ThreadNotFound")
        yield* space
        yield* agents.startSession(input)
        yield* agents.runTurn({ threadId, prompt: "one" })
        assert.deepStrictEqual(yield* sound, ["TurnCompleted"])
      })
    ))
})

/** Another connection has the file's write lock. */
const lock = (filename: string) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => {
        const db = new DatabaseSync(filename)
        db.exec("BEGIN EXCLUSIVE")
        return db
      }),
      (db) => Effect.sync(() => db.close())
    ),
    (db) => Effect.sync(() => db.exec("ROLLBACK"))
  )

describe("SessionStore: a database that another process locks", () => {
  it.effect("P4 store: for a moment in the middle of a turn: nothing is lost and no caller fails", () =>
    onFile((filename) =>
      Effect.gen(function*() {
        const agents = yield* ProviderService
        const { goOn, run } = yield* inTheMiddle
        const unlock = yield* lock(filename)
        yield* goOn
        yield* TestClock.adjust("2 seconds")
        assert.isUndefined(run.pollUnsafe())
        yield* unlock
        yield* patience
        assert.strictEqual((yield* Fiber.join(run)).text, large)
        yield* agents.runTurn({ threadId, prompt: "three" })
        assert.deepStrictEqual(yield* sound, ["TurnCompleted", "TurnCompleted", "TurnCompleted"])
        assert.deepStrictEqual(yield* archived, whole)
      })
    ))

  it.effect("P4 store: for long: a typed error, and once it is free the thread goes on with its whole history", () =>
    onFile((filename) =>
      Effect.gen(function*() {
        const agents = yield* ProviderService
        const { goOn, run } = yield* inTheMiddle
        const unlock = yield* lock(filename)
        yield* goOn
        yield* patience
        yield* patience
        const error = yield* Effect.flip(Fiber.join(run))
        assert.strictEqual(error._tag === "StoreFailed" ? error.reason : error._tag, "LockTimeoutError")
        yield* unlock
        assert.strictEqual((yield* agents.runTurn({ threadId, prompt: "three" })).continuity._tag, "Resumed")
        assert.deepStrictEqual(yield* sound, ["TurnCompleted", "TurnUnknown", "TurnCompleted"])
        assert.deepStrictEqual(yield* archived, whole)
      })
    ))
})
