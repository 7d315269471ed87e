/** What becomes of streams where the connection does not last. Real sockets, a real store, the mock agent. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Latch, Stream } from "effect"
import { isEphemeral } from "../../src/domain/ThreadEvent.ts"
import { ProviderService, ThreadId } from "../../src/index.ts"
import * as Agents from "../support/Agents.ts"
import * as Served from "../support/Served.ts"

const { layer, threadId } = Agents

const turn = Effect.flatMap(ProviderService, (agents) => agents.runTurn({ threadId, prompt: "hello" }))

/** Of a session and so many turns of the mock. */
const durable = (turns: number) => Array.from({ length: 1 + 4 * turns }, (_, n) => n + 1)

describe("a stream of a client", () => {
  it.live("P11 mock: a server that restarts in the middle leaves no hole, and nothing comes twice", () =>
    Effect.gen(function*() {
      yield* Agents.start()
      const server = yield* Served.start()
      const { agents } = yield* Served.client(server.url)
      const begun = yield* Latch.make()
      const seqs = yield* agents.streamEvents({ threadId }).pipe(
        Stream.filter((event) => !isEphemeral(event)),
        Stream.tap(() => begun.open),
        Stream.map(({ seq }) => seq),
        Stream.take(durable(4).length),
        Stream.runCollect,
        Effect.forkChild({ startImmediately: true })
      )
      const positions = yield* agents.streamAllEvents({}).pipe(
        Stream.map(({ position }) => position),
        Stream.take(durable(4).length),
        Stream.runCollect,
        Effect.forkChild({ startImmediately: true })
      )
      yield* begun.await
      yield* turn
      yield* server.stop
      yield* turn
      const again = yield* Served.start(server.port)
      yield* turn
      yield* again.stop
      yield* Served.start(server.port)
      yield* turn
      assert.deepStrictEqual(yield* Fiber.join(seqs), durable(4))
      assert.strictEqual(new Set(yield* Fiber.join(positions)).size, durable(4).length)
    }).pipe(Effect.provide(layer())))

  it.live("P11 mock: a deletion that happens meanwhile is the end of the stream", () =>
    Effect.gen(function*() {
      const local = yield* ProviderService
      yield* Agents.start()
      const server = yield* Served.start()
      const { agents } = yield* Served.client(server.url)
      const begun = yield* Latch.make()
      const tags = yield* agents.streamEvents({ threadId }).pipe(
        Stream.tap(() => begun.open),
        Stream.map(({ _tag }) => _tag),
        Stream.runCollect,
        Effect.forkChild({ startImmediately: true })
      )
      yield* begun.await
      yield* server.stop
      yield* local.deleteThread({ threadId })
      yield* Served.start(server.port)
      assert.deepStrictEqual(yield* Fiber.join(tags), ["SessionStarted", "ThreadDeleted"])
    }).pipe(Effect.provide(layer())))

  it.live("P11 mock: a watcher of threads is told what has changed meanwhile, once", () =>
    Effect.gen(function*() {
      const local = yield* ProviderService
      yield* Agents.start()
      const directory = yield* Agents.folder
      const make = (id: string) =>
        local.createThread({ threadId: ThreadId.make(id), instanceId: Agents.mock, directory })
      yield* make("gone")
      yield* make("quiet")
      const server = yield* Served.start()
      const { agents } = yield* Served.client(server.url)
      const begun = yield* Latch.make()
      const caughtUp = yield* Latch.make()
      const told = yield* agents.watchThreads({}).pipe(
        Stream.tap((change) => change._tag === "Gone" ? caughtUp.open : begun.open),
        Stream.map((change) =>
          change._tag === "Page" ? `${change.page.threads.length} threads` : change._tag === "Gone"
            ? `${change.threadId} gone`
            : `${change.thread.threadId} ${change.thread.title ?? ""}`
        ),
        Stream.take(5),
        Stream.runCollect,
        Effect.forkChild({ startImmediately: true })
      )
      yield* begun.await
      yield* server.stop
      yield* local.configureThread({ threadId, title: "renamed" })
      yield* local.deleteThread({ threadId: ThreadId.make("gone") })
      yield* make("new")
      yield* Served.start(server.port)
      yield* caughtUp.await
      yield* local.configureThread({ threadId: ThreadId.make("quiet"), title: "last" })
      const [first, ...rest] = yield* Fiber.join(told)
      assert.strictEqual(first, "3 threads")
      assert.sameMembers(rest, ["thread renamed", "gone gone", "new ", "quiet last"])
    }).pipe(Effect.provide(layer())))

  it.live("P11 mock: a reader that stands still holds up neither calls nor other readers", () =>
    Effect.gen(function*() {
      const local = yield* ProviderService
      yield* Agents.start()
      yield* Effect.forEach(
        Array.from({ length: 600 }, (_, n) => n),
        (n) => local.annotate({ threadId, kind: "test/line", data: { n } })
      )
      const server = yield* Served.start()
      const { agents } = yield* Served.client(server.url)
      const stuck = yield* Latch.make()
      yield* agents.streamEvents({ threadId }).pipe(
        Stream.runForEach(() => Effect.andThen(stuck.open, Effect.never)),
        Effect.forkChild({ startImmediately: true })
      )
      yield* stuck.await
      assert.strictEqual((yield* agents.getThread({ threadId })).lastSeq, 601)
      const seqs = yield* agents.streamEvents({ threadId }).pipe(
        Stream.map(({ seq }) => seq),
        Stream.take(601),
        Stream.runCollect
      )
      assert.strictEqual(seqs.at(-1), 601)
    }).pipe(Effect.provide(layer())))

  it.live("P11 mock: 1,000 streams of one client go on after a restart, each whole", () =>
    Effect.gen(function*() {
      yield* Agents.start()
      yield* turn
      const server = yield* Served.start()
      const { agents } = yield* Served.client(server.url)
      const begun = yield* Latch.make()
      let open = 0
      const all = yield* Effect.forEach(
        Array.from({ length: 1000 }),
        () =>
          agents.streamEvents({ threadId }).pipe(
            Stream.filter((event) => !isEphemeral(event)),
            Stream.map(({ seq }) => seq),
            Stream.tap((seq) => seq === 5 && ++open === 1000 ? begun.open : Effect.void),
            Stream.take(durable(2).length),
            Stream.runCollect
          ),
        { concurrency: "unbounded" }
      ).pipe(Effect.forkChild({ startImmediately: true }))
      yield* begun.await
      yield* server.stop
      yield* Served.start(server.port)
      yield* turn
      for (const seqs of yield* Fiber.join(all)) assert.deepStrictEqual(seqs, durable(2))
    }).pipe(Effect.provide(layer())))
})
