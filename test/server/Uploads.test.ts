/** Turns that are brought to an import beside it. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Stream } from "effect"
import { Caller } from "../../src/api/Middleware.ts"
import { UploadId } from "../../src/api/Rpc.ts"
import { InstanceId, ThreadId } from "../../src/domain/Ids.ts"
import * as uploads from "../../src/server/internal/uploads.ts"
import { InputInvalid, ThreadExists } from "../../src/service/ServiceError.ts"
import { heap } from "../support/Heap.ts"

const thread = { threadId: ThreadId.make("t"), instanceId: InstanceId.make("mock"), directory: "/repo" }

describe("uploads", () => {
  it.effect("P15 an import under the id of one that runs is refused, and the one that runs has its turns", () =>
    Effect.gen(function*() {
      let turns = 0
      const { receive, run } = uploads.make((input) =>
        Effect.andThen(
          Stream.runForEach(input.turns, () => Effect.sync(() => turns++)).pipe(Effect.orDie),
          // A thread is not made here: only what has come is counted.
          new ThreadExists({ threadId: input.threadId })
        )
      )
      const upload = UploadId.make("a".repeat(32))
      const first = yield* Effect.forkChild(Effect.flip(run({ ...thread, upload })), { startImmediately: true })
      assert.instanceOf(yield* Effect.flip(run({ ...thread, upload })), InputInvalid)
      yield* receive({ upload, turns: [1, 2], last: false })
      yield* receive({ upload, turns: [3], last: true })
      assert.instanceOf(yield* Fiber.join(first), ThreadExists)
      assert.strictEqual(turns, 3)
    }).pipe(Effect.provideService(Caller, { id: "someone" })))

  it.live("keep nothing of turns that were given up before their import came", () =>
    Effect.gen(function*() {
      const { receive } = uploads.make(({ threadId }) => new ThreadExists({ threadId }))
      const giveUp = (n: number) =>
        Effect.flatMap(
          Effect.forkChild(receive({ upload: UploadId.make(`${n}`.padStart(64, "0")), turns: [1], last: false }), {
            startImmediately: true
          }),
          Fiber.interrupt
        )
      yield* Effect.forEach(Array.from({ length: 1000 }, (_, n) => n), giveUp, { discard: true })
      const before = heap()
      yield* Effect.forEach(Array.from({ length: 20_000 }, (_, n) => 1000 + n), giveUp, { discard: true })
      assert.isBelow(heap() - before, 1_000_000)
    }))
})
