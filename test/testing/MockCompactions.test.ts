import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Option, Schema } from "effect"
import { TestClock } from "effect/testing"
import { ProviderName, TurnId } from "../../src/domain/Ids.ts"
import * as ResumeCursor from "../../src/provider/ResumeCursor.ts"
import { type MockProviderOptions, MockStep } from "../../src/testing/index.ts"
import {
  gated,
  held,
  open,
  outcomeOf,
  resume,
  send,
  settled,
  tagOf,
  tags,
  turn,
  withMock
} from "../support/MockSessions.ts"

describe("MockCompactions", () => {
  it.effect("P13 mock: a compaction is held until its gate answers: the model is not asked, no turn is taken, the history can be read", () =>
    withMock({}, (mock) =>
      Effect.gen(function*() {
        const { allow, asked, compaction } = gated()
        const { events, session } = yield* open({ compaction })
        yield* turn(mock, session, "one")
        yield* session.compact
        yield* held(mock)
        assert.deepStrictEqual(asked, ["manual"])
        assert.deepStrictEqual(tags(events).slice(-2), ["TurnCompleted", "CompactionStarted"])
        assert.deepStrictEqual(yield* mock.summaries, [])
        assert.strictEqual((yield* session.history).messages.length, 2)
        assert.strictEqual(yield* tagOf(send(session, "two")), "TurnRefused")
        assert.strictEqual(yield* tagOf(session.compact), "AgentProtocolError")
        yield* allow("the path")
        yield* settled(mock)
        assert.strictEqual(events.at(-1)?._tag, "CompactionCompleted")
        const [request, ...more] = yield* mock.summaries
        assert.deepStrictEqual([request?.context, request?.history.map(({ text }) => text), more.length], [
          ["the path"],
          ["one", "echo: one"],
          0
        ])
        assert.deepStrictEqual((yield* mock.sessions)[0]?.history.map(({ role }) => role), ["summary"])
        assert.strictEqual(yield* turn(mock, session, "two"), "completed")
      })))

  it.effect("P13 mock: a veto, and a gate that dies, leave the context as it is, and the session goes on", () =>
    withMock({}, (mock) =>
      Effect.gen(function*() {
        const { compaction, veto } = gated()
        const { events, session } = yield* open({ compaction })
        yield* turn(mock, session, "one")
        const before = (yield* mock.sessions)[0]?.history
        yield* session.compact
        yield* held(mock)
        yield* veto
        yield* settled(mock)
        assert.deepStrictEqual(events.at(-1), { _tag: "CompactionFailed", name: "Vetoed" })
        const dying = yield* open({
          compaction: { auto: true, gate: () => Effect.die("broken") },
          from: yield* resume(session)
        })
        yield* dying.session.compact
        yield* settled(mock)
        assert.deepStrictEqual(tags(dying.events), ["CompactionStarted", "CompactionFailed"])
        assert.deepStrictEqual([(yield* mock.sessions)[0]?.history, yield* mock.summaries], [before, []])
        assert.strictEqual(yield* turn(mock, dying.session, "two"), "completed")
      })))

  it.effect("P13 mock: an agent that compacts by itself asks with its own trigger, and its turn waits", () =>
    withMock({}, (mock) =>
      Effect.gen(function*() {
        const { allow, asked, compaction, veto } = gated()
        const { events, session } = yield* open({ compaction })
        for (const trigger of ["auto", "overflow"] as const) {
          const written = yield* Deferred.make<void>()
          yield* mock.nextTurn(() => [
            MockStep.compaction({ trigger, during: Deferred.await(written) }),
            MockStep.text("on")
          ])
          yield* send(session, trigger)
          yield* held(mock)
          assert.strictEqual(events.at(-1)?._tag, "CompactionStarted")
          yield* allow()
          yield* mock.awaitSummary((request) => request.trigger === trigger)
          assert.deepStrictEqual((yield* mock.sessions).map(({ compaction }) => compaction), ["running"])
          yield* Deferred.succeed(written, undefined)
          assert.strictEqual(yield* outcomeOf(mock, trigger), "completed")
        }
        assert.deepStrictEqual((yield* mock.summaries).map(({ trigger, turnId }) => [trigger, turnId]), [
          ["auto", "auto"],
          ["overflow", "overflow"]
        ])
        const ends: Array<string | undefined> = []
        for (const trigger of ["auto", "overflow"] as const) {
          yield* mock.nextTurn(() => [MockStep.compaction({ trigger }), MockStep.text("on")])
          yield* send(session, `${trigger}, vetoed`)
          yield* held(mock)
          yield* veto
          ends.push(yield* outcomeOf(mock, `${trigger}, vetoed`))
        }
        assert.deepStrictEqual(ends, ["completed", "failed"])
        assert.deepStrictEqual(asked, ["auto", "overflow", "auto", "overflow"])
        const last = events.at(-1)
        assert.deepStrictEqual(last?._tag === "TurnFailed" && last.failure, { _tag: "ContextOverflow" })
      })))

  it.effect.each<readonly [string, MockProviderOptions["capabilities"], boolean]>([
    ["told not to", {}, false],
    ["that never does by itself", { compactionGate: "client-initiated" }, true]
  ])(
    "P13 mock: an agent %s does not compact, and an overflow ends its turn",
    ([, capabilities, auto]) =>
      withMock({ capabilities }, (mock) =>
        Effect.gen(function*() {
          const { asked, compaction } = gated(auto)
          const { events, session } = yield* open({ compaction })
          yield* mock.nextTurn(() => [MockStep.compaction(), MockStep.text("on")])
          yield* mock.nextTurn(() => [MockStep.compaction({ trigger: "overflow" }), MockStep.text("never")])
          assert.deepStrictEqual([yield* turn(mock, session, "one"), yield* turn(mock, session, "two")], [
            "completed",
            "failed"
          ])
          assert.isFalse(tags(events).some((tag) => tag.startsWith("Compaction")))
          assert.deepStrictEqual([asked, yield* mock.summaries], [[], []])
        }))
  )

  it.effect.each<readonly ["vetoes" | "always", ReadonlyArray<string>]>([
    ["vetoes", ["CompactionStarted", "CompactionFailed"]],
    ["always", ["CompactionStarted", "CompactionCompleted"]]
  ])(
    "P13 mock: an agent whose compactions cannot be switched off (%s) begins one all the same, as it declares",
    ([autoCompaction, told]) =>
      withMock({ capabilities: { autoCompaction } }, (mock) =>
        Effect.gen(function*() {
          const asked: Array<string> = []
          const gate = (trigger: string) =>
            Effect.sync(() => {
              asked.push(trigger)
              return { _tag: "Allow", context: [] } as const
            })
          const { events, session } = yield* open({ compaction: { auto: false, gate } })
          yield* mock.nextTurn(() => [MockStep.compaction(), MockStep.text("on")])
          assert.strictEqual(yield* turn(mock, session, "one"), "completed")
          assert.deepStrictEqual(tags(events).filter((tag) => tag.startsWith("Compaction")), told)
          assert.deepStrictEqual(asked, autoCompaction === "vetoes" ? [] : ["auto"])
        }))
  )

  it.effect("P13 mock: an agent that cannot be held says so, and asks nobody", () =>
    withMock({ capabilities: { compactionGate: "observe-only" } }, (mock) =>
      Effect.gen(function*() {
        const { asked, compaction } = gated()
        const { events, session } = yield* open({ compaction })
        yield* mock.nextTurn(() => [MockStep.compaction()])
        yield* turn(mock, session, "one")
        yield* session.compact
        yield* settled(mock)
        assert.deepStrictEqual(tags(events).filter((tag) => tag === "CompactionCompleted").length, 2)
        assert.deepStrictEqual([session.capabilities.compactionGate, asked], ["observe-only", []])
      })))

  it.effect("P13 mock: without the gate that it was given it takes nothing, and nothing has reached it", () =>
    withMock({}, (mock) =>
      Effect.gen(function*() {
        const { compaction } = gated()
        const { session } = yield* open({ compaction })
        const gateless = yield* open()
        const gate = yield* Deferred.make<void>()
        yield* mock.nextTurn(() => [MockStep.wait(gate)])
        yield* send(session, "one")
        yield* mock.loseGate(true)
        const steer = session.steerTurn({ turnId: TurnId.make("one"), ref: undefined, input: { prompt: "also" } })
        assert.deepStrictEqual(
          [yield* tagOf(send(session, "two")), yield* tagOf(steer), yield* tagOf(session.compact)],
          ["GateMissing", "GateMissing", "GateMissing"]
        )
        assert.strictEqual(yield* turn(mock, gateless.session, "three"), "completed")
        assert.deepStrictEqual((yield* mock.received).map(({ turnId }) => turnId), ["one", "three"])
        yield* mock.loseGate(false)
        yield* Deferred.succeed(gate, undefined)
        yield* outcomeOf(mock, "one")
        assert.strictEqual(yield* turn(mock, session, "four"), "completed")
      })))

  it.effect("P13 mock: the end of its session, and of its turn, ends a compaction that is held", () =>
    withMock({}, (mock) =>
      Effect.gen(function*() {
        const { asked, compaction } = gated()
        const first = yield* open({ compaction })
        yield* turn(mock, first.session, "one")
        yield* first.session.compact
        yield* held(mock)
        yield* first.close
        yield* Fiber.join(first.reader)
        const second = yield* open({ compaction, from: yield* resume(first.session) })
        yield* mock.nextTurn(() => [MockStep.compaction()])
        yield* send(second.session, "two")
        yield* held(mock)
        yield* second.session.interruptTurn(TurnId.make("two"))
        assert.strictEqual(yield* outcomeOf(mock, "two"), "interrupted")
        assert.deepStrictEqual(asked, ["manual", "given up", "auto", "given up"])
        assert.deepStrictEqual(tags(second.events), ["CompactionStarted", "TurnInterrupted"])
        assert.deepStrictEqual(yield* mock.summaries, [])
        assert.strictEqual(yield* turn(mock, second.session, "three"), "completed")
      })))

  it.effect("mock: a turn's context is before the prompt in the model's context, and not in the user's words", () =>
    withMock({}, (mock) =>
      Effect.gen(function*() {
        yield* mock.script(({ history, prompt }) => [
          MockStep.text([...history.map(({ role, text }) => `${role}: ${text}`), prompt].join("; "))
        ])
        const { events, session } = yield* open()
        yield* turn(mock, session, "go", { context: ["the branch is main", "be brief"] })
        const said = events.find((event) => event._tag === "ItemCompleted")
        assert.strictEqual(
          said?._tag === "ItemCompleted" && said.item._tag === "AssistantMessage" && said.item.text,
          "context: the branch is main; context: be brief; go"
        )
        const [user] = (yield* session.history).messages
        assert.strictEqual(user?.items[0]?._tag === "UserMessage" && user.items[0].text, "go")
        assert.include(JSON.stringify(user?.raw), "the branch is main")
      })))

  it.effect("P13 mock: its history has the seed, the summaries and what is in the making, dated, as plain JSON", () =>
    withMock({}, (mock) =>
      Effect.gen(function*() {
        const { session } = yield* open({ from: { _tag: "Seeded", transcript: "long ago" } })
        yield* mock.nextTurn(() => [
          MockStep.sleep("1 second"),
          MockStep.text("a"),
          MockStep.usage({ input: 7 }),
          MockStep.compaction(),
          MockStep.command("ls", { during: Effect.never })
        ])
        yield* send(session, "one")
        yield* TestClock.adjust("1 second")
        const running = (yield* session.history).messages
        assert.deepStrictEqual(running.map(({ at, finished, role }) => [role, at, finished]), [
          ["other", 0, true],
          ["user", 0, true],
          ["assistant", 1000, true],
          ["other", 1000, true],
          ["assistant", 1000, false]
        ])
        yield* session.interruptTurn(TurnId.make("one"))
        yield* outcomeOf(mock, "one")
        const over = yield* session.history
        assert.deepStrictEqual(over.messages.map(({ id }) => id), running.map(({ id }) => id))
        assert.deepStrictEqual(over.messages.map(({ usage }) => usage?.input), [
          undefined,
          undefined,
          undefined,
          undefined,
          7
        ])
        for (const { raw } of over.messages) assert.deepStrictEqual(JSON.parse(JSON.stringify(raw)), raw)
      })))

  it.effect("mock: its cursor is the library's envelope", () =>
    withMock({}, () =>
      Effect.gen(function*() {
        const { session } = yield* open({ runtimeMode: "approval-required" })
        const codec = ResumeCursor.make({
          provider: ProviderName.make("mock"),
          version: 1,
          schema: Schema.Struct(ResumeCursor.baseFields)
        })
        const decoded = codec.decode(JSON.parse(JSON.stringify(Option.getOrThrow(yield* session.cursor))))
        assert.strictEqual(decoded._tag === "Valid" ? decoded.value.runtimeMode : decoded._tag, "approval-required")
      })))
})
