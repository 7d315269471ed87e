/** The peer here is a real process, `test/support/PeerChild.ts`; what it does is awaited by what it says. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Duration, Effect, Exit, Fiber, Queue, Scope } from "effect"
import { TestClock } from "effect/testing"
import { PeerProtocol, StdioPeer } from "../../src/adapter/index.ts"
import * as Peers from "../support/Peers.ts"

describe("calls", () => {
  it.live("adapter: each call has its own answer, in whatever order", () =>
    Effect.gen(function*() {
      const { call } = yield* Peers.start()
      const answers = yield* Effect.forEach([1, 2, 3], (n) => call("echo", { n }), { concurrency: "unbounded" })
      assert.deepStrictEqual(answers, [{ n: 1 }, { n: 2 }, { n: 3 }])
    }).pipe(Effect.provide(Peers.layer)))

  it.live("adapter: a refused call fails with the peer's code, words and data", () =>
    Effect.gen(function*() {
      const { call } = yield* Peers.start()
      const refused = yield* Effect.flip(call("refuse", { code: -32002, message: "no such thread", data: { id: 7 } }))
      assert.deepInclude(refused, {
        _tag: "PeerRefused",
        operation: "refuse",
        code: -32002,
        reason: "no such thread",
        data: { id: 7 }
      })
      const odd = yield* Effect.flip(call("refuse", { why: "an error that is none" }))
      assert.deepInclude(odd, { _tag: "PeerRefused", reason: "", data: { why: "an error that is none" } })
    }).pipe(Effect.provide(Peers.layer)))

  it.effect("adapter: a call that is not answered in time fails, and the peer is told that it is not awaited", () =>
    Effect.gen(function*() {
      const { call, next } = yield* Peers.start()
      const calls = yield* Effect.forkChild(
        Effect.all([Effect.flip(call("ignore", { call: 1 })), call("ignore", {}, { deadline: Duration.infinity })], {
          concurrency: "unbounded"
        })
      )
      yield* next
      yield* next
      yield* TestClock.adjust("59 seconds")
      assert.isUndefined(calls.pollUnsafe())
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* next, {
        _tag: "Notification",
        method: "heard",
        params: { method: "$/cancel", params: { requestId: 1 } }
      })
      // The one without a deadline still waits.
      yield* TestClock.adjust("10 days")
      assert.isUndefined(calls.pollUnsafe())
      yield* Fiber.interrupt(calls)
    }).pipe(Effect.provide(Peers.layer)))

  it.effect("adapter: the deadline of one call is its own", () =>
    Effect.gen(function*() {
      const { call, next } = yield* Peers.start({ deadline: "1 hour" })
      const failed = yield* Effect.forkChild(Effect.flip(call("ignore", {}, { deadline: "2 seconds" })))
      yield* next
      yield* TestClock.adjust("2 seconds")
      assert.deepInclude(yield* Fiber.join(failed), { _tag: "PeerTimeout", operation: "ignore" })
    }).pipe(Effect.provide(Peers.layer)))

  it.live("adapter: an interrupted call is forgotten, the peer is told, and its late answer is only reported", () =>
    Effect.gen(function*() {
      const { call, next, notify } = yield* Peers.start()
      const calling = yield* Effect.forkChild(call("ignore", { call: "first" }))
      assert.deepInclude(yield* next, { method: "has" })
      yield* Fiber.interrupt(calling)
      assert.deepInclude(yield* next, { params: { method: "$/cancel", params: { requestId: 1 } } })
      yield* notify("say", { id: 1, result: "late" })
      assert.deepStrictEqual(yield* next, { _tag: "StrayAnswer", id: 1, late: true })
      assert.deepStrictEqual(yield* call("echo", { still: "works" }), { still: "works" })
    }).pipe(Effect.provide(Peers.layer)))

  it.live("adapter: notifications before an answer are handled before it, and the caller goes on before those after", () =>
    Effect.gen(function*() {
      const log: Array<unknown> = []
      const { call } = yield* Peers.start({
        onNotification: ({ params }) => Effect.andThen(Effect.yieldNow, Effect.sync(() => log.push(params)))
      })
      const answer = Effect.map(
        call(
          "raw",
          Peers.raw(["{\"method\":\"a\",\"params\":1}\n{\"id\":1,\"result\":2}\n{\"method\":\"b\",\"params\":3}\n"])
        ),
        (result) => log.push(result)
      )
      yield* answer
      // Its own answer is a second one.
      yield* call("echo", {})
      assert.deepStrictEqual(log, [1, 2, 3])
    }).pipe(Effect.provide(Peers.layer)))

  it.live("adapter: a line of 560,000 bytes is an answer like any other, in both directions", () =>
    Effect.gen(function*() {
      const { call } = yield* Peers.start()
      const text = "é".repeat(280_000)
      assert.deepStrictEqual(yield* call("echo", { text }), { text })
    }).pipe(Effect.provide(Peers.layer)))
})

describe("requests of the peer", () => {
  const ask = (id: unknown, method = "may", params: object = {}) => ["say", { id, method, params }] as const

  it.live("adapter: they are answered under their own ids, concurrently, whatever the type of the id", () =>
    Effect.gen(function*() {
      const second = yield* Deferred.make<string>()
      const { next, notify } = yield* Peers.start({
        onRequest: ({ id }) =>
          id === "one" ? Deferred.await(second) : Effect.as(Deferred.succeed(second, "after"), "now")
      })
      yield* notify(...ask("one"))
      yield* notify(...ask(1))
      assert.sameDeepMembers([yield* next, yield* next], [
        { _tag: "Notification", method: "heard", params: { id: 1, result: "now" } },
        { _tag: "Notification", method: "heard", params: { id: "one", result: "after" } }
      ])
    }).pipe(Effect.provide(Peers.layer)))

  it.live("adapter: one that is not known is answered with -32601 and reported", () =>
    Effect.gen(function*() {
      const { next, notify } = yield* Peers.start({ onRequest: () => undefined })
      yield* notify(...ask(0, "fs/read"))
      assert.deepInclude(yield* next, { _tag: "RequestRefused", why: "unknown" })
      assert.deepInclude(yield* next, {
        params: { id: 0, error: { code: PeerProtocol.codes.unknownMethod, message: "Method not found" } }
      })
      assert.strictEqual(PeerProtocol.codes.unknownMethod, -32601)
    }).pipe(Effect.provide(Peers.layer)))

  it.live("adapter: a handler refuses with its own code, and one that dies is an internal error and reported", () =>
    Effect.gen(function*() {
      const { next, notify } = yield* Peers.start({
        onRequest: ({ method }) =>
          method === "throws"
            ? Effect.die("a bug")
            : Effect.fail<PeerProtocol.Refusal>({ code: 7, message: "no", data: [1] })
      })
      yield* notify(...ask(1))
      assert.deepInclude(yield* next, { params: { id: 1, error: { code: 7, message: "no", data: [1] } } })
      yield* notify(...ask(2, "throws"))
      assert.deepInclude(yield* next, { _tag: "HandlerDied" })
      assert.deepInclude(yield* next, { params: { id: 2, error: { code: -32603, message: "Internal error" } } })
    }).pipe(Effect.provide(Peers.layer)))

  it.live("P6 adapter: one that the peer cancels interrupts its handler, and has its last word", () =>
    Effect.gen(function*() {
      const log = yield* Queue.unbounded<string>()
      const { next, notify } = yield* Peers.start({
        onRequest: () =>
          Effect.onInterrupt(Effect.andThen(Queue.offer(log, "open"), Effect.never), () => Queue.offer(log, "cut"))
      })
      yield* notify(...ask("r1"))
      assert.strictEqual(yield* Queue.take(log), "open")
      yield* notify("say", { method: "$/cancel", params: { requestId: "r1" } })
      assert.strictEqual(yield* Queue.take(log), "cut")
      assert.deepInclude(yield* next, { params: { id: "r1", error: { code: -32800, message: "Cancelled" } } })
      // A cancellation that crosses the answer means nothing.
      yield* notify("say", { method: "$/cancel", params: { requestId: "r1" } })
      yield* notify("marker")
      assert.deepInclude(yield* next, { params: { method: "marker" } })
    }).pipe(Effect.provide(Peers.layer)))

  it.live("P6 adapter: one that was settled elsewhere is forgotten without an answer", () =>
    Effect.gen(function*() {
      const opened = yield* Deferred.make<void>()
      const cut = yield* Deferred.make<void>()
      const { forget, next, notify } = yield* Peers.start({
        onRequest: () =>
          Effect.onInterrupt(Effect.andThen(Deferred.succeed(opened, undefined), Effect.never), () =>
            Deferred.succeed(cut, undefined))
      })
      yield* notify(...ask(3))
      yield* Deferred.await(opened)
      yield* forget(3)
      yield* Deferred.await(cut)
      yield* notify("marker")
      assert.deepInclude(yield* next, { params: { method: "marker" } })
    }).pipe(Effect.provide(Peers.layer)))

  it.live("adapter: a second one under the id of an open one is reported, and the first one answered", () =>
    Effect.gen(function*() {
      const answer = yield* Deferred.make<string>()
      const { next, notify } = yield* Peers.start({ onRequest: () => Deferred.await(answer) })
      yield* notify(...ask(5))
      yield* notify(...ask(5, "again"))
      assert.deepInclude(yield* next, {
        _tag: "RepeatedRequest",
        request: { _tag: "Request", id: 5, method: "again", params: {} }
      })
      yield* Deferred.succeed(answer, "first")
      assert.deepInclude(yield* next, { params: { id: 5, result: "first" } })
    }).pipe(Effect.provide(Peers.layer)))

  it.live("adapter: more than 1,000 open ones are refused", () =>
    Effect.gen(function*() {
      const { call, came, next } = yield* Peers.start({ onRequest: () => Effect.never })
      const lines = Array.from({ length: 1_002 }, (_, id) => `${JSON.stringify({ id, method: "may" })}\n`)
      yield* call("raw", Peers.raw([lines.join("")]))
      const refused = [yield* next, yield* next]
      assert.deepStrictEqual(refused.map((came) => came._tag === "RequestRefused" && [came.request.id, came.why]), [
        [1000, "too-many"],
        [1001, "too-many"]
      ])
      assert.deepInclude(yield* next, { method: "heard" })
      assert.deepInclude(yield* next, { method: "heard" })
      assert.strictEqual(yield* Queue.size(came), 0)
    }).pipe(Effect.provide(Peers.layer)))

  it.live("adapter: those that come while we close are refused and reported, and the peer still ends in order", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const asked = yield* Deferred.make<void>()
      const cut = yield* Deferred.make<void>()
      const heard = yield* Deferred.make<unknown>()
      const { agent, next, notify } = yield* Scope.provide(
        Peers.start({
          onRequest: () =>
            Effect.onInterrupt(
              Effect.andThen(Deferred.succeed(asked, undefined), Effect.never),
              () => Deferred.succeed(cut, undefined)
            ),
          // Everything still works, so that an agent can be asked to end.
          beforeClose: ({ call, notify }) =>
            notify(...ask("late")).pipe(
              Effect.andThen(call("echo")),
              Effect.andThen(call("heard")),
              Effect.flatMap((frames) => Deferred.succeed(heard, frames))
            )
        }, "ends"),
        scope
      )
      yield* notify(...ask("open"))
      yield* Deferred.await(asked)
      yield* Scope.close(scope, Exit.void)
      yield* Deferred.await(cut)
      assert.deepInclude(yield* next, { _tag: "RequestRefused", why: "closing" })
      assert.deepInclude(yield* Deferred.await(heard), {
        id: "late",
        error: { code: -32603, message: "The client is closing" }
      })
      assert.deepStrictEqual(yield* agent.exit, { exitCode: 0 })
    }).pipe(Effect.provide(Peers.layer)))
})

describe("back pressure", () => {
  it.live("adapter: a slow handler holds back the child's stdout, and memory stays bounded", () =>
    Effect.gen(function*() {
      const go = yield* Deferred.make<void>()
      const first = yield* Deferred.make<void>()
      let handled = 0
      const agent = yield* Peers.spawn(["-e", flood])
      yield* Peers.over(agent, {
        onNotification: () => {
          handled++
          return Effect.andThen(Deferred.succeed(first, undefined), Deferred.await(go))
        }
      })
      yield* Deferred.await(first)
      // The child says on stderr how many lines it could write; it stops when the pipe and one chunk are full.
      yield* agent.said(/blocked/)
      assert.strictEqual(handled, 1)
      yield* Deferred.succeed(go, undefined)
      assert.deepStrictEqual(yield* agent.exit, { exitCode: 0 })
    }).pipe(Effect.provide(Peers.layer)))

  const flood = `
    const line = JSON.stringify({ method: "at", params: "x".repeat(1000) }) + "\\n"
    let left = 20000
    const write = () => {
      while (left-- > 0) if (!process.stdout.write(line)) return void process.stdout.once("drain", write)
    }
    write()
    let before
    const watch = setInterval(() => {
      if (left === before && left > 0) { clearInterval(watch); process.stderr.write("blocked\\n") }
      before = left
    }, 50)
    process.on("exit", () => { if (left > 0) process.exitCode = 9 })
  `
})

it.live("adapter: lines with an envelope of their own are a protocol like JSON-RPC", () =>
  Effect.gen(function*() {
    const agent = yield* Peers.spawn(["-e", claudeLike])
    const { call, next, notify } = yield* Peers.over(agent, {
      protocol: envelope,
      onRequest: ({ params }) => Effect.succeed({ behavior: "allow", of: params })
    })
    assert.deepStrictEqual(yield* call("initialize", { hooks: {} }), { version: "2" })
    yield* notify("user", { message: "hello" })
    assert.deepStrictEqual(yield* next, {
      _tag: "Notification",
      method: "result",
      params: { type: "result", allowed: { behavior: "allow", of: { subtype: "can_use_tool", tool: "Bash" } } }
    })
  }).pipe(Effect.provide(Peers.layer)))

const claudeLike = `
  const say = (frame) => process.stdout.write(JSON.stringify(frame) + "\\n")
  require("node:readline").createInterface({ input: process.stdin }).on("line", (line) => {
    const frame = JSON.parse(line)
    if (frame.type === "control_request") {
      say({ type: "control_response", response: { subtype: "success", request_id: frame.request_id, response: { version: "2" } } })
    } else if (frame.type === "user") {
      say({ type: "control_request", request_id: "a-1", request: { subtype: "can_use_tool", tool: "Bash" } })
    } else if (frame.type === "control_response") say({ type: "result", allowed: frame.response.response })
  })
`

const field = (value: unknown, name: string): unknown =>
  typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined

const envelope: PeerProtocol.PeerProtocol = {
  read: (line) => {
    const type = field(line, "type")
    const request = field(line, "request")
    const response = field(line, "response")
    if (type === "control_request") {
      return {
        _tag: "Request",
        id: String(field(line, "request_id")),
        method: String(field(request, "subtype")),
        params: request
      }
    }
    return type === "control_response"
      ? { _tag: "Answer", id: Number(field(response, "request_id")), result: field(response, "response") }
      : { _tag: "Notification", method: String(type), params: line }
  },
  call: (id, subtype, params) => ({ type: "control_request", request_id: String(id), request: { subtype, ...params } }),
  notification: (type, params) => ({ type, ...params }),
  answer: (request_id, response) => ({
    type: "control_response",
    response: { subtype: "success", request_id, response }
  }),
  refusal: (request_id, { message }) => ({
    type: "control_response",
    response: { subtype: "error", request_id, error: message }
  })
}

it("adapter: the errors of calls are those of the contract", () => {
  const toAgentError = StdioPeer.toAgentError(Peers.instanceId)
  assert.deepInclude(toAgentError(new StdioPeer.PeerClosed({ operation: "x", tail: "" })), {
    _tag: "AgentUnreachable",
    code: "EPIPE"
  })
  assert.deepInclude(toAgentError(new StdioPeer.PeerTimeout({ operation: "x" })), { code: "ETIMEDOUT" })
  assert.deepInclude(
    toAgentError(new StdioPeer.PeerRefused({ operation: "x", code: -32600, reason: "no", data: undefined })),
    { _tag: "AgentProtocolError", status: -32600 }
  )
})
