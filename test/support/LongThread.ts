/**
 * A program with a small heap that reads the transcript of a thread of a million events: from the start to the end, and
 * one page in its middle. Says in one line of JSON how much it has read.
 */
import { Console, Effect, Option, Stream } from "effect"
import { SessionStore } from "../../src/store/SessionStore.ts"
import * as threadArchive from "../../src/transcript/internal/threadArchive.ts"
import { threadId, turn, withStore } from "./StoreFixture.ts"

const [filename = "", middle = ""] = process.argv.slice(2)

const program = Effect.gen(function*() {
  const store = yield* SessionStore
  const archive = threadArchive.make(store)
  const { seq } = Option.getOrThrow(yield* store.turnStart(threadId, turn(middle)))
  const page = yield* Stream.runCollect(archive.turns(threadId, { after: seq, limit: 100 }))
  let turns = 0
  let items = 0
  yield* Stream.runForEach(archive.turns(threadId, { after: 0 }), (turn) =>
    Effect.sync(() => {
      turns++
      items += turn.items.length
    }))
  yield* Console.log(JSON.stringify({ page: page.length, turns, items }))
})

await Effect.runPromise(withStore(filename, program))
