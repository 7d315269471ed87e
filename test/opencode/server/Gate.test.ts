/** The gate's listener by itself: whom it answers, and how. */
import { assert, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Redacted, Scope } from "effect"
import { TestClock } from "effect/testing"
import { InstanceId } from "../../../src/domain/Ids.ts"
import * as Gate from "../../../src/opencode/server/Gate.ts"
import * as Loopback from "../../support/Loopback.ts"

const instanceId = InstanceId.make("opencode")

const post = (
  gate: Gate.Gate,
  path: string,
  body: unknown,
  options: { readonly token?: string; readonly method?: string } = {}
) =>
  Effect.promise((signal) =>
    fetch(`${gate.url}${path}`, {
      method: options.method ?? "POST",
      headers: { authorization: `Bearer ${options.token ?? Redacted.value(gate.token)}` },
      ...(options.method === "GET" ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
      signal
    }).then((response) => response.text().then((text) => [response.status, text] as const))
  )

const allow = JSON.stringify({ _tag: "Allow", context: [] })

it.live("P14 opencode: the gate answers nobody without its token", () =>
  Effect.gen(function*() {
    const gate = yield* Gate.make(instanceId)
    for (const path of ["/hello", "/compacting", "/other"]) {
      const [status] = yield* post(gate, path, { directory: "/x", sessionID: "ses_1" }, { token: "guessed" })
      assert.strictEqual(status, 401)
    }
    assert.isFalse(yield* gate.greeted("/x"))
  }))

it.live("opencode: what is not a question of the plugin is refused", () =>
  Effect.gen(function*() {
    const gate = yield* Gate.make(instanceId)
    const statuses = yield* Effect.forEach([
      post(gate, "/hello", { folder: "/x" }),
      post(gate, "/compacting", "not json"),
      post(gate, "/other", {}),
      post(gate, "/hello", "x".repeat(100_000)),
      post(gate, "/hello", {}, { method: "GET" })
    ], Effect.map(([status]) => status))
    assert.deepStrictEqual(statuses, [400, 400, 404, 413, 405])
  }))

it.live("P13 opencode: no question comes over a connection that is about to be closed: each has its own", () =>
  Effect.gen(function*() {
    const gate = yield* Gate.make(instanceId)
    const headers = { authorization: `Bearer ${Redacted.value(gate.token)}` }
    for (const path of ["/hello", "/compacting"]) {
      const body = JSON.stringify({ directory: "/x", sessionID: "ses_1" })
      const response = yield* Effect.promise(() => fetch(`${gate.url}${path}`, { method: "POST", headers, body }))
      assert.deepStrictEqual([response.status, response.headers.get("connection")], [200, "close"])
    }
  }))

it.live("P13 opencode: a hello counts for its directory", () =>
  Effect.gen(function*() {
    const gate = yield* Gate.make(instanceId)
    yield* post(gate, "/hello", { directory: "/x" })
    assert.deepStrictEqual(yield* Effect.all([gate.greeted("/x"), gate.greeted("/y")]), [true, false])
  }))

it.effect("P13 opencode: an external server's plugin is there for as long as it goes on saying hello", () =>
  Effect.gen(function*() {
    const gate = yield* Gate.make(instanceId, { port: 0, token: Redacted.make("of the user") })
    const waiting = yield* Effect.forkChild(Effect.all([gate.greeted("/x"), gate.greeted("/y")], { concurrency: 2 }))
    yield* TestClock.adjust(Gate.helloMillis)
    yield* post(gate, "/hello", { directory: "/x" })
    yield* TestClock.adjust(Gate.helloMillis)
    assert.deepStrictEqual(yield* Fiber.join(waiting), [true, false])
    yield* TestClock.adjust(2 * Gate.helloMillis)
    assert.isFalse(yield* gate.greeted("/x"))
  }))

it.live("P13 opencode: who is not registered is not asked; who has nothing to say yet refuses", () =>
  Effect.gen(function*() {
    const gate = yield* Gate.make(instanceId)
    assert.deepStrictEqual(yield* post(gate, "/compacting", { sessionID: "ses_other" }), [200, allow])
    yield* gate.register("ses_1")
    const [, verdict] = yield* post(gate, "/compacting", { sessionID: "ses_1" })
    assert.include(verdict, "Veto")
  }))

it.live("P13 opencode: what is held is refused when its session is stopped", () =>
  Effect.gen(function*() {
    const gate = yield* Gate.make(instanceId)
    const scope = yield* Scope.make()
    const arrived = yield* Deferred.make<void>()
    const registration = yield* gate.register("ses_1").pipe(Scope.provide(scope))
    registration.answer(Effect.andThen(Deferred.succeed(arrived, undefined), Effect.never))
    const asking = yield* Effect.forkChild(post(gate, "/compacting", { sessionID: "ses_1" }))
    yield* Deferred.await(arrived)
    yield* Scope.close(scope, Exit.void)
    const [status, verdict] = yield* Fiber.join(asking)
    assert.strictEqual(status, 200)
    assert.include(verdict, "Veto")
    assert.deepStrictEqual(yield* post(gate, "/compacting", { sessionID: "ses_1" }), [200, allow])
  }))

it.live("P13 opencode: who hangs up is no longer answered", () =>
  Effect.gen(function*() {
    const gate = yield* Gate.make(instanceId)
    const arrived = yield* Deferred.make<void>()
    const gone = yield* Deferred.make<void>()
    const registration = yield* gate.register("ses_1")
    registration.answer(
      Deferred.succeed(arrived, undefined).pipe(
        Effect.andThen(Effect.never),
        Effect.onInterrupt(() => Deferred.succeed(gone, undefined))
      )
    )
    const asking = yield* Effect.forkChild(post(gate, "/compacting", { sessionID: "ses_1" }))
    yield* Deferred.await(arrived)
    yield* Fiber.interrupt(asking)
    yield* Deferred.await(gone)
  }))

it.live("opencode: a port that is taken is an error of the start, with its code", () =>
  Effect.gen(function*() {
    const port = Number(new URL(yield* Loopback.http(() => {})).port)
    const failed = yield* Effect.flip(Gate.make(instanceId, { port, token: Redacted.make("x") }))
    assert.deepInclude(failed, { _tag: "AgentUnreachable", code: "EADDRINUSE" })
  }))
