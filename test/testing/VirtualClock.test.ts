import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, FileSystem } from "effect"
import { ChildProcess } from "effect/process"
import { connect, createServer } from "node:net"
import { promisify } from "node:util"
import { gzip } from "node:zlib"
import * as VirtualClock from "../../src/testing/conformance/VirtualClock.ts"

const hour = 3_600_000

/** What passes of the clock until the effect is done. */
const passed = <E, R>(effect: Effect.Effect<unknown, E, R>) =>
  Effect.gen(function*() {
    const begin = yield* Clock.currentTimeMillis
    yield* effect
    return (yield* Clock.currentTimeMillis) - begin
  })

/** What passes of a virtual clock until the effect is done, which has an hour. */
const passedWithin = <E, R>(effect: Effect.Effect<unknown, E, R>) =>
  VirtualClock.provide(passed(Effect.timeoutOption(effect, hour)))

const child = (seconds: string) => ChildProcess.make("sleep", [seconds])

/** A server that answers when it is asked, and a client. */
const answer = Effect.callback<void>((resume) => {
  const server = createServer((socket) => socket.once("data", () => socket.end("there you are")))
  server.listen(0, "127.0.0.1", () => {
    const address = server.address()
    const client = connect(typeof address === "object" && address !== null ? address.port : 0, "127.0.0.1")
    client.once("connect", () => client.write("hello")).once("data", () => server.close(() => resume(Effect.void)))
  })
})

const tellsOfFiles = Number(process.versions.node.split(".")[0]) < 26

describe("VirtualClock", () => {
  it.live("where nothing else is to be done, a sleep takes no time and lasts exactly as long as it should", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* VirtualClock.provide(passed(Effect.sleep(hour))), hour)
      const limited = Effect.timeoutOption(Effect.never, "20 seconds")
      assert.strictEqual(yield* VirtualClock.provide(passed(limited)), 20_000)
    }))

  it.live("sleeps end in order, those due together one after the other, with all that follows of each", () =>
    Effect.gen(function*() {
      const said: Array<string> = []
      const after = (millis: number, name: string) =>
        Effect.sleep(millis).pipe(
          Effect.andThen(Effect.forEach([1, 2], (n) =>
            Effect.andThen(
              Effect.yieldNow,
              Effect.sync(() => void said.push(`${name}${n}`))
            ))),
          Effect.forkChild({ startImmediately: true })
        )
      yield* VirtualClock.provide(Effect.gen(function*() {
        yield* after(200, "late")
        yield* after(100, "first")
        yield* after(100, "second")
        yield* Effect.sleep(300)
      }))
      assert.deepStrictEqual(said, ["first1", "first2", "second1", "second2", "late1", "late2"])
    }))

  it.live("a sleep that is given up does not move it", () =>
    Effect.gen(function*() {
      const given = Effect.raceFirst(Effect.sleep(hour), Effect.sleep(10))
      assert.strictEqual(yield* VirtualClock.provide(passed(given)), 10)
    }))

  it.live("clocks that run together each have their own time", () =>
    Effect.gen(function*() {
      const seen = yield* Effect.forEach(
        [1, 60_000, hour],
        (millis) => VirtualClock.provide(passed(Effect.repeat(Effect.sleep(millis), { times: 2 }))),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(seen, [3, 180_000, 3 * hour])
    }))

  it.live("work that takes long lets no time pass", () =>
    Effect.gen(function*() {
      const work = Effect.forEach(
        Array.from({ length: 200 }),
        () =>
          Effect.andThen(
            Effect.sync(() => JSON.stringify(Array.from({ length: 1000 }, (_, n) => n))),
            Effect.yieldNow
          )
      )
      assert.strictEqual(yield* passedWithin(work), 0)
    }))

  it.live.each<readonly [string, Effect.Effect<unknown, unknown, NodeServices.NodeServices>]>([
    // Node 26.12 is silent about a request to a file for moments of its life.
    ...(tellsOfFiles
      ? [["files", Effect.flatMap(FileSystem.FileSystem, (fs) => fs.readFile(process.execPath))] as const]
      : []),
    ["a child", Effect.scoped(Effect.flatMap(child("0.05"), (sleep) => sleep.exitCode))],
    ["a server and a socket", answer],
    ["what it is told of", VirtualClock.real(Effect.promise(() => promisify(gzip)(Buffer.alloc(10_000_000))))]
  ])("while the process waits for %s, it passes as real time does", ([, wait]) =>
    Effect.gen(function*() {
      // In a minute each of these is done, however slow the machine.
      assert.isBelow(yield* passedWithin(wait), 60_000)
    }).pipe(Effect.provide(NodeServices.layer)))

  it.live("a child that was there before does not hold it", () =>
    Effect.gen(function*() {
      yield* child("60")
      assert.strictEqual(yield* VirtualClock.provide(passed(Effect.sleep(hour))), hour)
    }).pipe(Effect.provide(NodeServices.layer)))
})
