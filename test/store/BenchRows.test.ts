/** The benches that fill a store by hand fill in what the store itself would have written. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import { fill as fillCrashed } from "../../bench/CrashSettlement.ts"
import { fill as fillDue } from "../../bench/ReaperSweep.ts"
import { ThreadId } from "../../src/domain/Ids.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import { allEvents, temporaryFile, withStore } from "../support/StoreFixture.ts"

const threads = 1000

/** How many threads can be read, and the last event of one of them. */
const opened = (filename: string) =>
  withStore(
    filename,
    Effect.gen(function*() {
      const store = yield* SessionStore
      const page = yield* store.listThreads({ limit: threads })
      const thread = Option.getOrThrow(yield* store.getThread(ThreadId.make("thread-1")))
      const events = yield* allEvents(thread.threadId)
      return { readable: page.threads.length, status: thread.status, tags: events.map(({ _tag }) => _tag) }
    })
  )

describe("rows of a bench", () => {
  it.effect("P12 store: the threads of crash-settlement are read, and all that they left open is closed", () =>
    Effect.gen(function*() {
      const filename = yield* temporaryFile
      yield* withStore(filename, Effect.void)
      yield* fillCrashed(filename, threads)
      const { readable, status, tags } = yield* opened(filename)
      assert.deepStrictEqual([readable, status], [threads, "stopped"])
      assert.notInclude(tags, "Unrecognized")
      assert.deepStrictEqual(tags.slice(-3), ["ItemCompleted", "TurnUnknown", "SessionEnded"])
    }))

  it.effect("P9 store: the threads of reaper-sweep are read", () =>
    Effect.gen(function*() {
      const filename = yield* temporaryFile
      yield* withStore(filename, Effect.void)
      yield* fillDue(filename, threads, 1)
      assert.strictEqual((yield* opened(filename)).readable, threads)
    }))
})
