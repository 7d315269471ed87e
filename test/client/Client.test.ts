/** What becomes of calls where the connection does not last. Real sockets, a real store, the mock agent. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Redacted, Schedule, Stream } from "effect"
import { InstanceId, ProviderService, ThreadId, TurnId } from "../../src/index.ts"
import { ServerUnreachable, ThreadNotFound } from "../../src/protocol.ts"
import { MockProvider, MockStep } from "../../src/testing/index.ts"
import * as Agents from "../support/Agents.ts"
import * as Proxy from "../support/Proxy.ts"
import * as Served from "../support/Served.ts"

const { awaitEvent, endings, is, layer, stored, threadId } = Agents

/** A live thread on a server, and a client behind a wire that can be cut. */
const behindWire = Effect.gen(function*() {
  yield* Agents.start()
  const server = yield* Served.start()
  const wire = yield* Proxy.make(server.port)
  const { agents } = yield* Served.client(wire.url)
  yield* agents.getThread({ threadId })
  return { local: yield* ProviderService, remote: agents, wire, mock: yield* MockProvider }
})

describe("a client", () => {
  it.live("a turn runs on the server, and answers and errors are the service's own", () =>
    Effect.gen(function*() {
      const { local, remote } = yield* behindWire
      const turn = yield* remote.runTurn({ threadId, prompt: "hello" })
      assert.strictEqual(turn.text, "echo: hello")
      assert.deepStrictEqual(yield* remote.getThread({ threadId }), yield* local.getThread({ threadId }))
      const error = yield* Effect.flip(remote.getThread({ threadId: ThreadId.make("none") }))
      assert.instanceOf(error, ThreadNotFound)
      assert.deepStrictEqual(
        { ...error },
        { ...(yield* Effect.flip(local.getThread({ threadId: ThreadId.make("none") }))) }
      )
    }).pipe(Effect.provide(layer())))

  it.live("over HTTP too", () =>
    Effect.gen(function*() {
      yield* Agents.start()
      const server = yield* Served.start()
      const { agents } = yield* Served.client(server.url, { transport: "http" })
      assert.strictEqual((yield* agents.runTurn({ threadId, prompt: "hello" })).text, "echo: hello")
      const seqs = yield* agents.streamEvents({ threadId }).pipe(
        Stream.map(({ seq }) => seq),
        Stream.take(5),
        Stream.runCollect
      )
      assert.deepStrictEqual(seqs, [1, 2, 3, 4, 5])
      const refused = yield* Served.client(server.url, { transport: "http", token: Redacted.make("wrong") })
      const error = yield* Effect.flip(refused.agents.getThread({ threadId }))
      assert.deepInclude({ ...error }, { _tag: "ServerUnreachable", reason: "unauthorized", outcome: "not-done" })
    }).pipe(Effect.provide(layer())))

  it.live("P5 mock: a turn whose answer was lost is sent again, and is one turn", () =>
    Effect.gen(function*() {
      const { mock, remote, wire } = yield* behindWire
      yield* wire.mute
      const sent = yield* Effect.forkChild(remote.sendTurn({ threadId, prompt: "once" }), { startImmediately: true })
      yield* awaitEvent(is("TurnStarted"))
      yield* wire.cut
      const accepted = yield* Fiber.join(sent)
      assert.strictEqual(accepted.continuity._tag, "Created")
      assert.strictEqual(accepted.steered, false)
      yield* awaitEvent(is("TurnCompleted"))
      assert.lengthOf(yield* mock.received, 1)
      assert.deepStrictEqual(endings(yield* stored()), { [accepted.turnId]: ["TurnCompleted"] })
    }).pipe(Effect.provide(layer())))

  it.live("P5 mock: an id of the app's own that was used before is TurnExists, as in one process", () =>
    Effect.gen(function*() {
      const { remote } = yield* behindWire
      const turnId = TurnId.make("mine")
      yield* remote.runTurn({ threadId, turnId, prompt: "one" })
      assert.strictEqual((yield* Effect.flip(remote.sendTurn({ threadId, turnId, prompt: "two" })))._tag, "TurnExists")
      assert.strictEqual((yield* Effect.flip(remote.runTurn({ threadId, turnId, prompt: "two" })))._tag, "TurnExists")
    }).pipe(Effect.provide(layer())))

  it.live("P4 mock: a turn that is waited for runs on while the connection is lost, and its end is answered", () =>
    Effect.gen(function*() {
      const { mock, remote, wire } = yield* behindWire
      const gate = yield* Deferred.make<void>()
      yield* mock.nextTurn(() => [MockStep.wait(gate), MockStep.text("late")])
      const turn = yield* Effect.forkChild(remote.runTurn({ threadId, prompt: "go" }), { startImmediately: true })
      yield* awaitEvent(is("TurnStarted"))
      yield* wire.cut
      yield* Effect.repeat(wire.connections, { until: (made) => made > 1, schedule: Schedule.spaced("10 millis") })
      yield* Deferred.succeed(gate, undefined)
      assert.strictEqual((yield* Fiber.join(turn)).text, "late")
      assert.lengthOf(yield* mock.received, 1)
    }).pipe(Effect.provide(layer())))

  it.live("P4 mock: a call of runTurn that is interrupted interrupts the turn", () =>
    Effect.gen(function*() {
      const { mock, remote } = yield* behindWire
      yield* mock.nextTurn(() => [MockStep.hang])
      const turn = yield* Effect.forkChild(remote.runTurn({ threadId, prompt: "go" }), { startImmediately: true })
      yield* awaitEvent(is("TurnStarted"))
      yield* Fiber.interrupt(turn)
      const ended = yield* awaitEvent(is("TurnInterrupted"))
      assert.strictEqual(ended.by, "user")
    }).pipe(Effect.provide(layer())))

  it.live("a call that must not be made twice says that it may have been done", () =>
    Effect.gen(function*() {
      const { mock, remote, wire } = yield* behindWire
      yield* mock.nextTurn(() => [MockStep.hang])
      yield* remote.sendTurn({ threadId, prompt: "go" })
      yield* wire.mute
      const steered = yield* Effect.forkChild(
        Effect.flip(remote.sendTurn({ threadId, prompt: "and that", steer: true })),
        { startImmediately: true }
      )
      yield* awaitEvent(is("TurnSteered"))
      yield* wire.cut
      const error = yield* Fiber.join(steered)
      assert.instanceOf(error, ServerUnreachable)
      assert.deepInclude({ ...error }, { operation: "sendTurn", reason: "closed", outcome: "unknown" })
      assert.lengthOf((yield* stored()).filter(is("TurnSteered")), 1)
    }).pipe(Effect.provide(layer())))

  it.live("P6 mock: of two clients that answer the same approval, one cut off meanwhile, one answer reaches the agent", () =>
    Effect.gen(function*() {
      const { mock, remote, wire } = yield* behindWire
      const other = yield* Served.client((yield* Served.start()).url)
      yield* mock.nextTurn(() => [MockStep.command("make"), MockStep.text("done")])
      yield* remote.sendTurn({ threadId, prompt: "go" })
      const { request: { requestId } } = yield* awaitEvent(is("ApprovalRequested"))
      yield* wire.mute
      const allowed = yield* Effect.forkChild(
        Effect.flip(remote.respondToApproval({ threadId, requestId, decision: { _tag: "AllowOnce" }, actor: "one" })),
        { startImmediately: true }
      )
      const { actor } = yield* awaitEvent(is("ApprovalSettled"))
      assert.strictEqual(actor, "one")
      const denied = yield* Effect.flip(
        other.agents.respondToApproval({ threadId, requestId, decision: { _tag: "Deny" }, actor: "two" })
      )
      assert.strictEqual(denied._tag, "RequestSettled")
      yield* wire.cut
      assert.deepInclude({ ...(yield* Fiber.join(allowed)) }, { reason: "closed", outcome: "unknown" })
      yield* awaitEvent(is("TurnCompleted"))
      assert.deepStrictEqual((yield* mock.answers).map((answer) => answer.requestId), [requestId])
    }).pipe(Effect.provide(layer())))

  it.live("where there is no server, a call waits for it as long as it was told to, and was not done", () =>
    Effect.gen(function*() {
      yield* Agents.start()
      const server = yield* Served.start()
      yield* server.stop
      const { agents, connection } = yield* Served.client(server.url, { patience: { calls: "200 millis" } })
      const error = yield* Effect.flip(agents.getThread({ threadId }))
      assert.deepInclude({ ...error }, { _tag: "ServerUnreachable", reason: "away", outcome: "not-done" })
      assert.strictEqual(yield* connection.state, "connecting")
      const patient = yield* Served.client(server.url)
      const found = yield* Effect.forkChild(patient.agents.getThread({ threadId }), { startImmediately: true })
      yield* Served.start(server.port)
      assert.strictEqual((yield* Fiber.join(found)).threadId, threadId)
      assert.strictEqual(yield* patient.connection.state, "connected")
    }).pipe(Effect.provide(layer())))

  it.live("P14 mock: a token that is not the server's is a typed error, and nothing is done", () =>
    Effect.gen(function*() {
      yield* Agents.start()
      const server = yield* Served.start()
      const { agents, connection } = yield* Served.client(server.url, { token: Redacted.make("wrong") })
      const error = yield* Effect.flip(agents.deleteThread({ threadId }))
      assert.deepInclude({ ...error }, { _tag: "ServerUnreachable", reason: "unauthorized", outcome: "not-done" })
      assert.strictEqual(yield* connection.state, "unauthorized")
      assert.isNotEmpty(yield* stored())
    }).pipe(Effect.provide(layer())))

  it.live("P15 mock: input that does not fit is InputInvalid, also of a caller that sends it all the same", () =>
    Effect.gen(function*() {
      yield* Agents.start()
      const server = yield* Served.start()
      const post = (tag: string, payload: unknown) =>
        Effect.promise(() =>
          fetch(`${server.url}/rpc`, {
            method: "POST",
            headers: { authorization: "Bearer a token of the tests", "content-type": "application/ndjson" },
            body: `${JSON.stringify({ _tag: "Request", id: "1", tag, payload, headers: [] })}\n`
          }).then((response) => response.text())
        )
      assert.match(yield* post("sendTurn", { threadId, prompt: 7 }), /"_tag":"InputInvalid".*"path":"prompt"/)
      assert.match(yield* post("streamEvents", { threadId, after: -1 }), /"_tag":"InputInvalid".*"path":"after"/)
    }).pipe(Effect.provide(layer())))

  it.live("P15 mock: an import that is cut leaves no thread, and its id is free", () =>
    Effect.gen(function*() {
      const { local, remote, wire } = yield* behindWire
      const directory = yield* Agents.folder
      const id = ThreadId.make("imported")
      const [turn] = yield* Effect.andThen(
        local.runTurn({ threadId, prompt: "hello" }),
        local.readTranscript({ threadId })
      )
      assert(turn !== undefined)
      const began = yield* Deferred.make<void>()
      const turns = Stream.concat(
        Stream.fromIterable(Array.from({ length: 40 }, (_, n) => ({ ...turn, turnId: TurnId.make(`turn-${n}`) }))),
        Stream.fromEffect(Effect.andThen(Deferred.succeed(began, undefined), Effect.never))
      )
      const thread = { threadId: id, instanceId: InstanceId.make("mock"), directory }
      const imported = yield* Effect.forkChild(Effect.flip(remote.importThread({ ...thread, turns })), {
        startImmediately: true
      })
      yield* Deferred.await(began)
      yield* wire.cut
      assert.deepInclude({ ...(yield* Fiber.join(imported)) }, { _tag: "ServerUnreachable", outcome: "unknown" })
      assert.strictEqual((yield* Effect.flip(local.getThread({ threadId: id })))._tag, "ThreadNotFound")
      yield* Effect.retry(local.createThread(thread), {
        while: ({ _tag }) => _tag === "ThreadExists",
        schedule: Schedule.spaced("10 millis")
      })
    }).pipe(Effect.provide(layer())))
})
