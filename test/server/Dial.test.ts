/** A server that calls a hub, which cannot call it. Real sockets, a real store, the mock agent. */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { assert, describe, it } from "@effect/vitest"
import { Context, Deferred, Effect, Fiber, Layer, Logger, Redacted, Schedule } from "effect"
import { HttpRouter, HttpServer } from "effect/http"
import { createServer } from "node:http"
import { HookDeliveries } from "../../src/hooks/index.ts"
import { ProviderService, TranscriptArchive } from "../../src/index.ts"
import { Admission, DialledServers, Server } from "../../src/server/index.ts"
import { MockProvider, MockStep } from "../../src/testing/index.ts"
import * as Agents from "../support/Agents.ts"
import { heap } from "../support/Heap.ts"
import * as Proxy from "../support/Proxy.ts"

const { awaitEvent, is, layer, threadId } = Agents

const token = Redacted.make("the hub's")
const name = "sandbox-7"

/** The hub, and the address that it is called at. */
const hub = Effect.gen(function*() {
  const built = yield* Layer.build(
    HttpRouter.serve(DialledServers.layer().pipe(Layer.provide(Layer.orDie(Admission.layer({ token })))), {
      disableLogger: true,
      disableListenLog: true
    }).pipe(Layer.provideMerge(NodeHttpServer.layer(createServer, { port: 0, host: "127.0.0.1" })), Layer.orDie)
  )
  const { address } = Context.get(built, HttpServer.HttpServer)
  return { dialled: Context.get(built, DialledServers.DialledServers), port: "port" in address ? address.port : 0 }
})

/** The services that are there call the hub. */
const dial = Effect.fnUntraced(function*(url: string, secret = token) {
  const services = Layer.mergeAll(
    Layer.succeed(ProviderService, yield* ProviderService),
    Layer.succeed(TranscriptArchive, yield* TranscriptArchive),
    Layer.succeed(HookDeliveries, yield* HookDeliveries)
  )
  yield* Layer.build(Server.dial({ url, token: secret, name }).pipe(Layer.provide(services)))
})

describe("a server that dials", () => {
  it.live("P11 mock: is called over the connection that it has made, and makes it again when it is lost", () =>
    Effect.gen(function*() {
      const mock = yield* MockProvider
      yield* Agents.start()
      const { dialled, port } = yield* hub
      const wire = yield* Proxy.make(port)
      yield* dial(wire.url)
      const agents = Context.get(yield* Layer.build(dialled.client(name)), ProviderService)
      assert.strictEqual((yield* agents.runTurn({ threadId, prompt: "hello" })).text, "echo: hello")
      assert.deepStrictEqual(yield* dialled.names, [name])
      const gate = yield* Deferred.make<void>()
      yield* mock.nextTurn(() => [MockStep.wait(gate), MockStep.text("late")])
      const turn = yield* Effect.forkChild(agents.runTurn({ threadId, prompt: "go" }), { startImmediately: true })
      yield* Effect.repeat(mock.received, { until: (all) => all.length === 2, schedule: Schedule.spaced("10 millis") })
      yield* awaitEvent(is("TurnStarted"))
      yield* wire.cut
      yield* Effect.repeat(wire.connections, { until: (made) => made > 1, schedule: Schedule.spaced("10 millis") })
      yield* Deferred.succeed(gate, undefined)
      assert.strictEqual((yield* Fiber.join(turn)).text, "late")
    }).pipe(Effect.provide(layer())))

  it.live("keeps nothing of names that are neither connected nor waited for", () =>
    Effect.gen(function*() {
      const { dialled } = yield* hub
      const wait = (n: number) => Effect.scoped(Layer.build(dialled.client(`${n}`.padStart(100_000, "0"))))
      yield* Effect.forEach(Array.from({ length: 20 }, (_, n) => n), wait, { discard: true })
      const before = heap()
      yield* Effect.forEach(Array.from({ length: 100 }, (_, n) => 100 + n), wait, { discard: true })
      assert.isBelow(heap() - before, 3_000_000)
    }).pipe(Effect.provide(layer())))

  it.live("P14 mock: one without the hub's token is not let in", () =>
    Effect.gen(function*() {
      const { dialled, port } = yield* hub
      const wire = yield* Proxy.make(port)
      const logged: Array<string> = []
      const logger = Logger.make<unknown, void>(({ message }) => void logged.push(String(message)))
      yield* dial(wire.url, Redacted.make("another")).pipe(Effect.provide(Logger.layer([logger])))
      yield* Effect.repeat(wire.connections, { until: (made) => made > 2, schedule: Schedule.spaced("10 millis") })
      assert.deepStrictEqual(yield* dialled.names, [])
      const agents = Context.get(
        yield* Layer.build(dialled.client(name, { calls: "100 millis" })),
        ProviderService
      )
      const error = yield* Effect.flip(agents.listThreads({}))
      assert.deepInclude({ ...error }, { _tag: "ServerUnreachable", reason: "away", outcome: "not-done" })
      assert.deepStrictEqual(logged, [
        `The hub at ${new URL(wire.url).host} is away, or does not take this server's call; it is tried again`
      ])
    }).pipe(Effect.provide(layer())))
})
