/**
 * A program on a disk of its own that is nearly full: fills a store, asks for its maintenance, writes once more, and says
 * in one line of JSON how that went.
 */
import { Console, Effect } from "effect"
import { SessionStore } from "../../src/store/SessionStore.ts"
import { commit, message, numbered, openThread, withStore } from "./StoreFixture.ts"

const [filename = ""] = process.argv.slice(2)

const program = Effect.gen(function*() {
  const store = yield* SessionStore
  yield* openThread()
  for (let n = 1; n <= 16; n++) yield* commit(numbered(n, [message("x".repeat(100_000))]))
  const { cause, code, reason } = yield* Effect.flip(store.maintain)
  yield* commit(numbered(17, [message("the store goes on")]), { flush: true })
  yield* Console.log(JSON.stringify({ reason, code, cause }))
})

await Effect.runPromise(withStore(filename, program))
