/** What a peer must never do, done by a real process (`test/support/PeerChild.ts`). */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Latch, Queue, Sink, Stream } from "effect"
import { TestClock } from "effect/testing"
import { PeerProtocol } from "../../src/adapter/index.ts"
import { heap } from "../support/Heap.ts"
import * as MutatedLines from "../support/MutatedLines.ts"
import * as Peers from "../support/Peers.ts"

const bytes = (...values: ReadonlyArray<number>) => Uint8Array.from(values)

const turnOfLoop = Effect.callback<void>((resume) => {
  const turn = setImmediate(() => resume(Effect.void))
  return Effect.sync(() => clearImmediate(turn))
})

describe("lines", () => {
  it.live("P15 adapter: bad lines are reported and skipped, each with its reason, and the good ones around them kept", () =>
    Effect.gen(function*() {
      const { call, came } = yield* Peers.start()
      yield* call(
        "raw",
        Peers.raw([
          "npm warn deprecated\n{\"method\":\"one\"}\n",
          "{\"method\":\"torn",
          "\n\r\n   \n\n",
          Buffer.concat([Buffer.from("{\"method\":\""), bytes(0xff, 0xc3, 0x28), Buffer.from("\"}\n")]),
          "[]\nnull\n1\n\"text\"\n{}\n{\"id\":{},\"method\":\"x\"}\n{\"method\":\"two\"}\r\n"
        ])
      )
      assert.deepStrictEqual(yield* Queue.clear(came), [
        { _tag: "BadLine", reason: "not-json", text: "npm warn deprecated" },
        { _tag: "Notification", method: "one", params: undefined },
        { _tag: "BadLine", reason: "not-json", text: "{\"method\":\"torn" },
        { _tag: "BadLine", reason: "not-utf8", text: "{\"method\":\"\ufffd\ufffd(\"}" },
        ...[[], null, 1, "text", {}, { id: {}, method: "x" }].map((
          frame
        ) => ({ _tag: "UnknownFrame", frame } as const)),
        { _tag: "Notification", method: "two", params: undefined }
      ])
    }).pipe(Effect.provide(Peers.layer)))

  it.live("P15 adapter: a character is whole wherever its bytes are cut, also behind a byte order mark", () =>
    Effect.gen(function*() {
      const { call, came } = yield* Peers.start()
      const text = "ä€🧀\u2028"
      const line = Buffer.from(`\ufeff${JSON.stringify({ method: text })}\n`)
      yield* call("raw", Peers.raw(Array.from(line, (byte) => bytes(byte))))
      assert.deepStrictEqual(yield* Queue.clear(came), [{ _tag: "Notification", method: text, params: undefined }])
    }).pipe(Effect.provide(Peers.layer)))

  it.live("P15 adapter: half a line at the end is reported, and a whole one without its end is a frame", () =>
    Effect.gen(function*() {
      for (
        const [rest, expected] of [
          ["{\"method\":\"ne", { _tag: "BadLine", reason: "cut", text: "{\"method\":\"ne" }],
          ["{\"method\":\"last\"}", { _tag: "Notification", method: "last", params: undefined }]
        ] as const
      ) {
        const agent = yield* Peers.spawn(["-e", `process.stdout.write(${JSON.stringify(rest)})`])
        const { closed, next } = yield* Peers.over(agent)
        assert.deepStrictEqual(yield* next, expected)
        assert.deepInclude(yield* closed, { exit: { exitCode: 0 } })
      }
    }).pipe(Effect.provide(Peers.layer)))

  it.live("P15 adapter: 100 MB without the end of a line are reported and skipped, in bounded memory", () =>
    Effect.gen(function*() {
      // What is in use, also outside of the heap, where the bytes of lines lie.
      const inUse = () => heap() + process.memoryUsage().arrayBuffers
      const before = inUse()
      const seen: Array<number> = []
      let bytes = 0
      const agent = yield* Peers.spawn([Peers.child])
      const stdout = Stream.tap(agent.stdout, ({ length }) =>
        Effect.sync(() => {
          bytes += length
          if (bytes > seen.length * 10_000_000) seen.push(inUse() - before)
        }))
      const { call, next } = yield* Peers.over({ ...agent, stdout }, { maxLine: 8_000_000 })
      yield* call("long", { bytes: 100_000_000 })
      assert.strictEqual(seen.length, 11)
      assert.isBelow(Math.max(...seen), 12_000_000)
      assert.deepStrictEqual(yield* next, { _tag: "BadLine", reason: "too-long", text: "x".repeat(1_000) })
      assert.deepStrictEqual(yield* call("echo", { still: "works" }), { still: "works" })
    }).pipe(Effect.provide(Peers.layer)))

  it.live("P15 adapter: a line of exactly the longest length is a frame, one byte more is not, however it is cut", () =>
    Effect.gen(function*() {
      const maxLine = 1_000
      const line = (length: number) => `${JSON.stringify({ method: "x".repeat(length - 13) })}\n`
      for (const cut of [1, 7, 999, 1_000, 1_001, 5_000]) {
        const { call, came } = yield* Peers.start({ maxLine })
        const all = line(maxLine) + line(maxLine + 1) + line(maxLine) + "{\"method\":\"end\"}\n"
        const chunks = Array.from({ length: Math.ceil(all.length / cut) }, (_, n) => all.slice(n * cut, (n + 1) * cut))
        yield* call("raw", Peers.raw(cut < 7 ? [all] : chunks))
        assert.deepStrictEqual(
          (yield* Queue.clear(came)).map((one) => one._tag === "Notification" ? one.method.length : one._tag),
          [987, "BadLine", 987, 3],
          `cut every ${cut}`
        )
      }
    }).pipe(Effect.provide(Peers.layer)))
})

it.live("P15 adapter: 20,000 damaged lines, cut anywhere, are each a frame or a report, in order", () =>
  Effect.gen(function*() {
    const report = yield* MutatedLines.run({ frames: 20_000, seed: 1 })
    assert.isAtLeast(report.damaged, 6_000)
  }))

describe("answers", () => {
  it.live("adapter: answers to ids that were never asked, and second answers, are reported and nothing else", () =>
    Effect.gen(function*() {
      const { call, came, notify } = yield* Peers.start()
      assert.strictEqual(yield* call("answerTwice"), 1)
      for (const id of [99, 0, -1, 1.5, "1", null]) yield* notify("say", { id, result: "never asked" })
      yield* notify("say", { id: 98, error: { code: 1, message: "neither" } })
      assert.deepStrictEqual(yield* call("echo", { still: "works" }), { still: "works" })
      assert.deepStrictEqual(yield* Queue.clear(came), [
        { _tag: "StrayAnswer", id: 1, late: true },
        ...[99, 0, -1, 1.5, "1", null, 98].map((id) => ({ _tag: "StrayAnswer", id, late: false } as const))
      ])
    }).pipe(Effect.provide(Peers.layer)))

  it.live("adapter: a handler that dies takes its own line with it and no other", () =>
    Effect.gen(function*() {
      const { call, came } = yield* Peers.start({
        onNotification: ({ method }) => method === "bad" ? Effect.die("a bug") : Queue.offer(log, method)
      })
      const log = yield* Queue.unbounded<string>()
      yield* call("raw", Peers.raw(["{\"method\":\"a\"}\n{\"method\":\"bad\"}\n{\"method\":\"b\"}\n"]))
      assert.deepStrictEqual(yield* Queue.clear(log), ["a", "b"])
      assert.deepStrictEqual((yield* Queue.clear(came)).map(({ _tag }) => _tag), ["HandlerDied"])
    }).pipe(Effect.provide(Peers.layer)))
})

describe("ends", () => {
  it.live("P4 adapter: a process that dies fails its open calls with its exit code and last words, and cuts handlers", () =>
    Effect.gen(function*() {
      const cut = yield* Deferred.make<void>()
      const asked = yield* Deferred.make<void>()
      const { call, closed, next, notify } = yield* Peers.start({
        onRequest: () =>
          Effect.onInterrupt(
            Effect.andThen(Deferred.succeed(asked, undefined), Effect.never),
            () => Deferred.succeed(cut, undefined)
          )
      })
      yield* notify("say", { id: 1, method: "may" })
      yield* Deferred.await(asked)
      const open = yield* Effect.forkChild(Effect.flip(call("ignore")))
      yield* next
      const failed = yield* Effect.flip(call("die", { code: 3 }))
      assert.deepInclude(failed, { _tag: "PeerClosed", operation: "die", tail: "out of cheese\n" })
      assert.deepInclude(yield* Fiber.join(open), { _tag: "PeerClosed", operation: "ignore", exit: { exitCode: 3 } })
      assert.deepStrictEqual(yield* closed, { exit: { exitCode: 3 }, tail: "out of cheese\n" })
      yield* Deferred.await(cut)
      // Its half line came before the end.
      assert.deepInclude(yield* next, { _tag: "BadLine", reason: "cut" })
      assert.deepInclude(yield* Effect.flip(call("echo")), { _tag: "PeerClosed", operation: "echo" })
      assert.deepInclude(yield* Effect.flip(notify("echo")), { _tag: "PeerClosed", operation: "echo" })
    }).pipe(Effect.provide(Peers.layer)))

  it.live("P4 adapter: a process that closes its stdout and lives on fails the open calls", () =>
    Effect.gen(function*() {
      const { agent, call, closed } = yield* Peers.start({}, "stays")
      const failed = yield* Effect.flip(call("closeStdout"))
      assert.deepInclude(failed, { _tag: "PeerClosed", operation: "closeStdout" })
      assert.isUndefined(failed._tag === "PeerClosed" ? failed.exit : "another error")
      assert.isUndefined((yield* closed).exit)
      process.kill(agent.pid, 0)
    }).pipe(Effect.provide(Peers.layer)))

  it.live("P4 adapter: a process that closes its stdin and lives on fails the next calls", () =>
    Effect.gen(function*() {
      const agent = yield* Peers.spawn(["-c", "exec 0<&-; echo '{\"method\":\"closed\"}'; exec sleep 600"], {
        executable: "/bin/sh"
      })
      const { call, next } = yield* Peers.over(agent)
      assert.deepInclude(yield* next, { method: "closed" })
      // The first one may be on its way when the pipe turns out to be broken.
      const failed = yield* Effect.flip(Effect.forever(
        call("echo", {}, { deadline: "100 millis" }).pipe(
          Effect.catchTag("PeerTimeout", () => Effect.void)
        )
      ))
      assert.deepInclude(failed, { _tag: "PeerClosed", operation: "echo" })
    }).pipe(Effect.provide(Peers.layer)))

  it.live("P4 adapter: a process that has gone is noticed although one of its children holds its stdout open", () =>
    Effect.gen(function*() {
      const agent = yield* Peers.spawn([
        "-e",
        "require('child_process').spawn('sleep', ['600'], { stdio: 'inherit' }); console.log('{\"method\":\"x\"}')" +
        "; process.stdin.once('data', () => process.exit(4))"
      ])
      const { call, closed, next } = yield* Peers.over(agent)
      assert.deepInclude(yield* next, { method: "x" })
      assert.deepInclude(yield* Effect.flip(call("echo")), { _tag: "PeerClosed", exit: { exitCode: 4 } })
      assert.deepInclude(yield* closed, { exit: { exitCode: 4 } })
    }).pipe(Effect.provide(Peers.layer)))

  it.live("adapter: what a process wrote before its end is handled although the handler is slower than the process", () =>
    Effect.gen(function*() {
      const agent = yield* Peers.spawn([
        "-e",
        "for (let n = 0; n < 200; n++) console.log(JSON.stringify({ method: 'at', params: n }))"
      ])
      const seen: Array<unknown> = []
      const { closed } = yield* Peers.over(agent, {
        onNotification: ({ params }) => Effect.andThen(agent.exit, Effect.sync(() => seen.push(params)))
      })
      yield* closed
      assert.strictEqual(seen.length, 200)
    }).pipe(Effect.provide(Peers.layer)))

  it.effect("adapter: of a process that has ended all lines are handled, for as long as their handlers get on", () =>
    Effect.gen(function*() {
      const seen: Array<string> = []
      const lines = [1, 2, 3, 4, 5].map((n) => `{"method":"${n}"}\n`).join("")
      const { closed } = yield* Peers.over({
        stdin: Sink.drain,
        stdout: Stream.concat(Stream.succeed(new TextEncoder().encode(lines)), Stream.never),
        exit: Effect.succeed({ exitCode: 0 }),
        tail: Effect.succeed("")
      }, {
        onNotification: ({ method }) => Effect.andThen(Effect.sleep("800 millis"), Effect.sync(() => seen.push(method)))
      })
      const ended = yield* Effect.forkChild(closed)
      yield* TestClock.adjust("10 seconds")
      yield* Fiber.join(ended)
      assert.deepStrictEqual(seen, ["1", "2", "3", "4", "5"])
    }))

  it.live("adapter: a call that is given up before it was written is not cancelled: the peer has not heard of it", () =>
    Effect.gen(function*() {
      const reads = Latch.makeUnsafe(false)
      const written: Array<string> = []
      const { call, notify } = yield* Peers.over({
        stdin: Sink.forEach((bytes: Uint8Array) =>
          Effect.andThen(reads.await, Effect.sync(() => written.push(new TextDecoder().decode(bytes))))
        ),
        stdout: Stream.never,
        exit: Effect.never,
        tail: Effect.succeed("")
      })
      const before = yield* Effect.forkChild(
        Effect.forEach(Array.from({ length: 300 }), () => notify("before"), { discard: true }),
        { startImmediately: true }
      )
      yield* turnOfLoop
      const given = yield* Effect.forkChild(call("late"), { startImmediately: true })
      yield* Fiber.interrupt(given)
      yield* reads.open
      yield* Fiber.join(before)
      yield* notify("after")
      while (!written.at(-1)?.includes("after")) yield* turnOfLoop
      assert.deepStrictEqual(written.filter((line) => !line.includes("before")).map((line) => line.trim()), [
        "{\"method\":\"after\"}"
      ])
    }))

  it.live("adapter: a process that reads nothing holds back our writers, and closing is not held up", () =>
    Effect.gen(function*() {
      let written = 0
      const text = "x".repeat(100_000)
      const ended = yield* Effect.scoped(Effect.gen(function*() {
        const { closed, notify } = yield* Peers.start({ closeDeadline: "200 millis" }, "deaf")
        const writing = yield* Effect.forkChild(
          Effect.forever(Effect.andThen(notify("take", { text }), Effect.sync(() => written++)))
        )
        yield* Effect.forkChild(Fiber.await(writing))
        // It has stopped once nothing was written in many turns of the event loop, each of which could have written.
        for (let idle = 0, before = written; idle < 200; before = written) {
          yield* turnOfLoop
          idle = before === written ? idle + 1 : 0
        }
        return yield* Effect.forkDetach(Effect.all([closed, Effect.exit(Fiber.join(writing))]))
      }))
      yield* Fiber.join(ended)
      assert.isBelow(written, 100)
    }).pipe(Effect.provide(Peers.layer)))
})

it("adapter: JSON-RPC is written with the field `jsonrpc` or without it", () => {
  const [withField, without] = [true, false].map((version) => PeerProtocol.jsonRpc({ version }))
  assert.deepStrictEqual(withField?.call(1, "a", undefined), { jsonrpc: "2.0", id: 1, method: "a" })
  assert.deepStrictEqual(without?.call(1, "a", {}), { id: 1, method: "a", params: {} })
  assert.deepStrictEqual(without?.notification("a", undefined), { method: "a" })
  assert.deepStrictEqual(withField?.answer("x", undefined), { jsonrpc: "2.0", id: "x", result: null })
  assert.deepStrictEqual(without?.refusal(0, { message: "no" }), { id: 0, error: { code: -32603, message: "no" } })
  assert.isUndefined(without?.cancel)
})
