/**
 * Programs on a small disk, one process each, which say in one line of JSON how it went. `delete` fills a store, leaves next
 * to no room, deletes the thread, and is killed. `open` opens the store.
 */
import { Console, Effect } from "effect"
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { SessionStore } from "../../src/store/SessionStore.ts"
import { commit, erased, message, numbered, openThread, threadId, withStore } from "./StoreFixture.ts"

const [what = "", filename = ""] = process.argv.slice(2)

const found = () =>
  ["", "-wal"].filter((suffix) => existsSync(filename + suffix) && readFileSync(filename + suffix).includes(erased))

const endOfLog = Effect.flatMap(SessionStore, (store) => store.endOfLog(threadId))

/** Room for the small write that deletes, and not for what follows it. */
const room = 40_000

/** Takes the room that is left, in pieces that halve where one does not fit. */
const takeRoom = Effect.gen(function*() {
  const reserve = `${filename}.reserve`
  writeFileSync(reserve, Buffer.alloc(room))
  for (let size = 1024 * 1024, n = 0; size >= 4096; n++) {
    const piece = `${filename}.ballast-${n}`
    const fits = yield* Effect.isSuccess(Effect.try(() => writeFileSync(piece, Buffer.alloc(size))))
    if (fits) continue
    rmSync(piece)
    size /= 2
  }
  rmSync(reserve)
})

const remove = Effect.gen(function*() {
  const store = yield* SessionStore
  yield* openThread()
  for (let n = 1; n <= 16; n++) yield* commit(numbered(n, [message(`${erased} ${"x".repeat(60_000)}`)]))
  yield* takeRoom
  yield* store.deleteThread(threadId)
  const { _tag } = yield* endOfLog
  yield* Console.log(JSON.stringify({ thread: _tag, found: found() }))
  yield* Effect.sync(() => process.kill(process.pid, "SIGKILL"))
})

const open = Effect.match(withStore(filename, endOfLog), {
  onFailure: (error) => error._tag === "StoreFailed" ? error.code : error._tag,
  onSuccess: ({ _tag }) => _tag
}).pipe(Effect.flatMap((thread) => Console.log(JSON.stringify({ thread, found: found() }))))

await Effect.runPromise(what === "delete" ? withStore(filename, remove) : open)
