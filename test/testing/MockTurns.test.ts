import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Schema, Stream } from "effect"
import { TestClock } from "effect/testing"
import { TurnId } from "../../src/domain/Ids.ts"
import { ProviderEvent } from "../../src/domain/ThreadEvent.ts"
import { DeliveryUncertain } from "../../src/provider/AdapterError.ts"
import { MockProvider, MockStep } from "../../src/testing/index.ts"
import { adapter, open, outcomeOf, resume, send, tagOf, tags, turn, withMock } from "../support/MockSessions.ts"

describe("MockTurns", () => {
  it.effect("mock: echoes, in events that the canonical schema accepts", () =>
    withMock({}, (mock) =>
      Effect.gen(function*() {
        const { events, session } = yield* open()
        assert.strictEqual(yield* turn(mock, session, "hi"), "completed")
        assert.deepStrictEqual(tags(events), ["ItemStarted", "ItemDelta", "ItemCompleted", "TurnCompleted"])
        yield* Schema.encodeEffect(Schema.Array(ProviderEvent))(events)
        assert.deepStrictEqual((yield* mock.sessions)[0]?.history, [
          { role: "user", text: "hi" },
          { role: "assistant", text: "echo: hi" }
        ])
      })))

  it.effect("mock: tells of the calls of its model where its capabilities say so", () =>
    Effect.gen(function*() {
      const told = (steps: boolean) =>
        withMock({ capabilities: { steps } }, (mock) =>
          Effect.gen(function*() {
            const { events, session } = yield* open({ runtimeMode: "full-access" })
            yield* mock.nextTurn(() => [MockStep.text("Now."), MockStep.command("ls"), MockStep.text("Done.")])
            yield* turn(mock, session, "one")
            yield* mock.nextTurn(() => [MockStep.command("ls")])
            yield* turn(mock, session, "two")
            return events.flatMap((event) => event._tag === "StepEnded" ? [event.brought] : [])
          }))
      assert.deepStrictEqual(yield* told(true), ["tool", "text", "tool", "nothing"])
      assert.deepStrictEqual(yield* told(false), [])
    }))

  it.effect("mock: every id that it makes is safe in the path of a URL", () =>
    withMock({}, (mock) =>
      Effect.gen(function*() {
        yield* mock.script(() => [
          MockStep.text("hello"),
          MockStep.compaction(),
          MockStep.question([{ question: "Now?", options: [{ label: "yes" }], multiple: false }])
        ])
        const { session } = yield* open({ from: { _tag: "Seeded", transcript: "long ago" } })
        yield* send(session, "one")
        const { request } = yield* mock.awaitRequest()
        const { messages } = yield* session.history
        const items = messages.flatMap((message) => message.items)
        assert.isAtLeast(items.length, 2)
        const ids = [
          session.sessionId,
          request.requestId,
          ...messages.map(({ id }) => id),
          ...items.map(({ itemId }) => itemId)
        ]
        for (const id of ids) assert.strictEqual(encodeURIComponent(id), id)
      })))

  it.effect("mock: stands in under another instance id, and an id is taken once", () =>
    withMock({ instanceId: "opencode" }, () =>
      Effect.gen(function*() {
        const registered = yield* adapter("opencode")
        assert.strictEqual(registered.provider, "mock")
        assert.strictEqual(yield* tagOf(MockProvider.make({ instanceId: "opencode" })), "InstanceExists")
      })))

  it.effect("mock: a script sees what the model would see, and its steps become items in order", () =>
    withMock({}, (mock) =>
      Effect.gen(function*() {
        yield* mock.script(({ history, ordinal, prompt }) => [
          MockStep.reasoning("hm"),
          MockStep.command("npm test", { output: "1 failed", exitCode: 1 }),
          MockStep.fileChange([{ path: "a.ts", kind: "modify" }]),
          MockStep.tool("search", { input: { q: 1 }, output: "found" }),
          MockStep.plan([{ text: "mend", status: "pending" }]),
          MockStep.warning("slow"),
          MockStep.unrecognized("frame.new", { a: 1 }),
          MockStep.usage({ input: 7 }),
          MockStep.text([`${ordinal}`, ` ${history.length}`, ` ${prompt}`])
        ])
        const { events, session } = yield* open()
        yield* turn(mock, session, "one")
        assert.strictEqual(yield* turn(mock, session, "two"), "completed")
        const items = (yield* session.history).messages.flatMap((message) => message.items)
        assert.deepStrictEqual(
          items.map((item) => item._tag).slice(0, 6),
          ["UserMessage", "Reasoning", "Command", "FileChange", "ToolCall", "AssistantMessage"]
        )
        assert.strictEqual(new Set(items.map((item) => item.itemId)).size, items.length)
        const last = items.at(-1)
        assert.strictEqual(last?._tag === "AssistantMessage" ? last.text : "", "2 5 two")
        const ended = events.filter((event) => event._tag === "TurnCompleted")
        assert.deepStrictEqual(ended.map((event) => event.usage.input), [7, 7])
      })))

  it.effect("mock: many chunks arrive as few batches, whatever their number", () =>
    withMock({}, (mock) =>
      Effect.gen(function*() {
        const chunks = Array.from({ length: 20_000 }, () => "word ")
        yield* mock.script(() => [MockStep.text(chunks)])
        const { batches, events, session } = yield* open()
        yield* turn(mock, session, "go")
        const text = events.reduce((all, event) => event._tag === "ItemDelta" ? all + event.delta : all, "")
        assert.strictEqual(text, chunks.join(""))
        assert.isBelow(batches.length, 30)
      })))

  it.effect("mock: waits and slow streams follow the test, not the wall clock", () =>
    withMock({}, (mock) =>
      Effect.gen(function*() {
        const gate = yield* Deferred.make<void>()
        yield* mock.script(() =>
          Stream.make(
            MockStep.wait(gate),
            MockStep.sleep("1 minute"),
            MockStep.text(Stream.make("a", "b").pipe(Stream.rechunk(1), Stream.tap(() => Effect.sleep("1 second"))))
          )
        )
        const { events, session } = yield* open()
        yield* send(session, "slow")
        yield* Deferred.succeed(gate, undefined)
        yield* TestClock.adjust("59 seconds")
        assert.deepStrictEqual(tags(events), [])
        yield* TestClock.adjust("2 seconds")
        assert.deepStrictEqual(tags(events), ["ItemStarted", "ItemDelta"])
        yield* TestClock.adjust("1 second")
        assert.strictEqual(yield* outcomeOf(mock, "slow"), "completed")
        assert.strictEqual(events.at(-1)?._tag, "TurnCompleted")
      })))

  it.effect("P4 mock: each way of ending emits one terminal event, a dead script included", () =>
    withMock({}, (mock) =>
      Effect.gen(function*() {
        const { events, session } = yield* open()
        yield* mock.nextTurn(() => [MockStep.fail({ _tag: "ContextOverflow" }), MockStep.text("never")])
        yield* mock.nextTurn(() => [MockStep.interrupted])
        yield* mock.nextTurn(() => [MockStep.wait(Effect.die("oops"))])
        const ends: Array<string | undefined> = []
        for (const prompt of ["1", "2", "3", "4"]) ends.push(yield* turn(mock, session, prompt))
        assert.deepStrictEqual(ends, ["failed", "interrupted", "failed", "completed"])
        assert.deepStrictEqual(
          tags(events).filter((tag) => tag.startsWith("Turn")),
          ["TurnFailed", "TurnInterrupted", "TurnFailed", "TurnCompleted"]
        )
      })))

  it.effect("P4 mock: an interrupt keeps the partial text and ends the turn; another turn's does nothing", () =>
    withMock({}, (mock) =>
      Effect.gen(function*() {
        yield* mock.nextTurn(() => [MockStep.text(Stream.concat(Stream.make("par", "tial"), Stream.never))])
        const { events, session } = yield* open()
        yield* send(session, "long")
        yield* TestClock.adjust(0)
        yield* session.interruptTurn(TurnId.make("other"))
        yield* TestClock.adjust(0)
        assert.deepStrictEqual(tags(events), ["ItemStarted", "ItemDelta", "ItemDelta"])
        yield* session.interruptTurn(TurnId.make("long"))
        assert.strictEqual(yield* outcomeOf(mock, "long"), "interrupted")
        assert.deepStrictEqual(tags(events).slice(3), ["ItemCompleted", "TurnInterrupted"])
        yield* session.interruptTurn(TurnId.make("long"))
        assert.strictEqual((yield* mock.sessions)[0]?.history.at(-1)?.text, "partial")
        assert.strictEqual(yield* turn(mock, session, "next"), "completed")
      })))

  it.effect("P4 mock: a wedged agent takes the interrupt and goes on; the end of its session ends it", () =>
    withMock({}, (mock) =>
      Effect.gen(function*() {
        yield* mock.nextTurn(() => [MockStep.hangHard])
        const { close, events, reader, session } = yield* open()
        yield* send(session, "wedged")
        yield* TestClock.adjust(0)
        yield* session.interruptTurn(TurnId.make("wedged"))
        yield* TestClock.adjust(0)
        assert.deepStrictEqual(events, [])
        yield* close
        yield* Fiber.join(reader)
        assert.deepStrictEqual(events, [])
        assert.strictEqual(yield* outcomeOf(mock, "wedged"), "interrupted")
      })))

  it.effect("P4 mock: a crash ends the events without a terminal one, and the history says unfinished", () =>
    withMock({}, (mock) =>
      Effect.gen(function*() {
        yield* mock.nextTurn(() => [MockStep.text("before"), MockStep.crash])
        const first = yield* open()
        yield* send(first.session, "boom")
        yield* Fiber.join(first.reader)
        assert.deepStrictEqual(tags(first.events), ["ItemStarted", "ItemDelta", "ItemCompleted"])
        assert.strictEqual(yield* tagOf(send(first.session, "again")), "AgentUnreachable")
        const second = yield* open({ from: yield* resume(first.session) })
        const evidence = yield* second.session.evidence({ turnId: TurnId.make("boom"), ref: "ref-boom" })
        assert.strictEqual(evidence.outcome, "unfinished")
        assert.deepStrictEqual(evidence.items.map((item) => item._tag), ["UserMessage", "AssistantMessage"])
        yield* mock.nextTurn(() => [MockStep.hang])
        yield* send(second.session, "more")
        yield* mock.crash(second.session.sessionId)
        yield* Fiber.join(second.reader)
        assert.deepStrictEqual(second.events, [])
      })))

  it.effect("P5 mock: a second turn while one runs is refused, and a turn sent twice is seen twice", () =>
    withMock({}, (mock) =>
      Effect.gen(function*() {
        yield* mock.nextTurn(() => [MockStep.hang])
        const { session } = yield* open()
        yield* send(session, "one")
        const busy = yield* Effect.flip(send(session, "two"))
        assert.strictEqual(busy._tag === "TurnRefused" ? busy.name : busy._tag, "Busy")
        yield* session.interruptTurn(TurnId.make("one"))
        yield* outcomeOf(mock, "one")
        assert.strictEqual(yield* tagOf(send(session, "one")), "TurnRefused")
        assert.deepStrictEqual((yield* mock.received).map((received) => received.turnId), ["one", "one"])
      })))

  it.effect("P5 mock: an uncertain delivery leaves evidence of what was true", () =>
    withMock({}, (mock) =>
      Effect.gen(function*() {
        const { events, session } = yield* open()
        const uncertain = (given: { readonly turnId: TurnId }) =>
          new DeliveryUncertain({ turnId: given.turnId, code: "ECONNRESET" })
        yield* mock.failNextSend(uncertain)
        yield* mock.failNextSend(uncertain, { delivered: true })
        assert.strictEqual(yield* tagOf(send(session, "lost")), "DeliveryUncertain")
        assert.strictEqual(yield* tagOf(send(session, "arrived")), "DeliveryUncertain")
        assert.strictEqual(yield* outcomeOf(mock, "arrived"), "completed")
        assert.strictEqual(events.at(-1)?._tag, "TurnCompleted")
        const evidence = (id: string) =>
          Effect.map(session.evidence({ turnId: TurnId.make(id), ref: `ref-${id}` }), ({ outcome }) => outcome)
        assert.deepStrictEqual([yield* evidence("lost"), yield* evidence("arrived")], ["never-delivered", "completed"])
        assert.deepStrictEqual((yield* mock.received).map((received) => received.turnId), ["arrived"])
      })))

  it.effect("P5 mock: a slow acceptance is overtaken by the turn's own end", () =>
    withMock({}, (mock) =>
      Effect.gen(function*() {
        const gate = yield* Deferred.make<void>()
        yield* mock.slowSend(Deferred.await(gate))
        const { events, session } = yield* open()
        const sending = yield* Effect.forkChild(send(session, "quick"), { startImmediately: true })
        yield* outcomeOf(mock, "quick")
        assert.strictEqual(events.at(-1)?._tag, "TurnCompleted")
        assert.isUndefined(sending.pollUnsafe())
        yield* Deferred.succeed(gate, undefined)
        yield* Fiber.join(sending)
      })))

  it.effect("mock: input added to a running turn joins it; without a turn it is refused", () =>
    withMock({}, (mock) =>
      Effect.gen(function*() {
        const gate = yield* Deferred.make<void>()
        yield* mock.nextTurn(() => [MockStep.wait(gate), MockStep.text("first")])
        yield* mock.nextTurn(({ prompt, steered }) => [MockStep.text(`${prompt} ${steered}`)])
        const { events, session } = yield* open()
        const steer = session.steerTurn({ turnId: TurnId.make("main"), ref: undefined, input: { prompt: "also" } })
        assert.strictEqual(yield* tagOf(steer), "TurnRefused")
        yield* send(session, "main")
        yield* steer
        yield* Deferred.succeed(gate, undefined)
        yield* outcomeOf(mock, "main")
        assert.strictEqual(tags(events).filter((tag) => tag === "TurnCompleted").length, 1)
        assert.strictEqual((yield* mock.sessions)[0]?.history.at(-1)?.text, "also true")
        assert.deepStrictEqual((yield* mock.received).map((received) => received.steered), [false, true])
      })))
})
