import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Option, Schema, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { CompactionTrigger } from "../../src/domain/Compaction.ts"
import { InstanceId, ProviderName, RequestId, ThreadId, TurnId } from "../../src/domain/Ids.ts"
import type { RuntimeMode } from "../../src/domain/RuntimeMode.ts"
import { ProviderEvent } from "../../src/domain/ThreadEvent.ts"
import type { TurnInput } from "../../src/domain/TurnInput.ts"
import { AgentUnreachable, DeliveryUncertain } from "../../src/provider/AdapterError.ts"
import type { CompactionVerdict, ProviderSession, StartFrom, StartInput } from "../../src/provider/ProviderAdapter.ts"
import { ProviderRegistry } from "../../src/provider/ProviderRegistry.ts"
import * as ResumeCursor from "../../src/provider/ResumeCursor.ts"
import { MockAgentDisk, MockProvider, type MockProviderOptions, MockStep } from "../../src/testing/index.ts"

/** Runs a test against a mock of its own, through the registry only. */
const withMock = <A, E>(
  options: MockProviderOptions,
  test: (mock: MockProvider["Service"]) => Effect.Effect<A, E, ProviderRegistry | Scope.Scope>
) =>
  Effect.gen(function*() {
    const mock = yield* MockProvider.make(options)
    return yield* test(mock)
  }).pipe(Effect.scoped, Effect.provide(ProviderRegistry.layer, { local: true }))

const adapter = (instanceId: string) =>
  Effect.flatMap(ProviderRegistry, (registry) => registry.get(InstanceId.make(instanceId))).pipe(
    Effect.flatMap(Effect.fromOption)
  )

/** Starts a session in a scope of its own and collects what it emits. */
const open = Effect.fnUntraced(function*(options: {
  readonly instanceId?: string
  readonly thread?: string
  readonly directory?: string
  readonly runtimeMode?: RuntimeMode
  readonly model?: string
  readonly from?: StartFrom
  readonly compaction?: StartInput["compaction"]
} = {}) {
  const scope = yield* Effect.acquireRelease(Scope.make(), (open) => Scope.close(open, Exit.void))
  const { startSession } = yield* adapter(options.instanceId ?? "mock")
  const session = yield* startSession({
    threadId: ThreadId.make(options.thread ?? "thread"),
    directory: options.directory ?? "/project",
    runtimeMode: options.runtimeMode ?? "full-access",
    from: options.from ?? { _tag: "New" },
    compaction: options.compaction,
    ...(options.model === undefined ? {} : { model: { id: options.model } })
  }).pipe(Scope.provide(scope))
  const events: Array<ProviderEvent> = []
  const batches: Array<number> = []
  const reader = yield* session.events.pipe(
    Stream.runForEachArray((batch) =>
      Effect.sync(() => {
        batches.push(batch.length)
        events.push(...batch)
      })
    ),
    Effect.forkScoped({ startImmediately: true })
  )
  return { session, events, batches, reader, close: Scope.close(scope, Exit.void) }
})

const send = Effect.fnUntraced(function*(
  session: ProviderSession,
  prompt: string,
  input: Partial<TurnInput> = {},
  id: string = prompt
) {
  const turnId = TurnId.make(id)
  const ref = yield* session.turnRef(turnId)
  return yield* session.sendTurn({ turnId, ref, input: { prompt, ...input } })
})

const outcomeOf = (mock: MockProvider["Service"], turn: string) =>
  mock.awaitSession((session) =>
    session.turns.some(({ outcome, turnId }) => turnId === turn && outcome !== "unfinished")
  ).pipe(
    Effect.map((session) => session.turns.find(({ turnId }) => turnId === turn)?.outcome),
    Effect.tap(Effect.yieldNow)
  )

const turn = (
  mock: MockProvider["Service"],
  session: ProviderSession,
  prompt: string,
  input: Partial<TurnInput> = {}
) => Effect.andThen(send(session, prompt, input), outcomeOf(mock, prompt))

const resume = (session: ProviderSession) =>
  Effect.map(
    session.cursor,
    (cursor): StartFrom => ({ _tag: "Resume", cursor: Option.getOrUndefined(cursor) })
  )

const tags = (events: ReadonlyArray<ProviderEvent>) => events.map((event) => event._tag)

const tagOf = <A, E extends { readonly _tag: string }, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.match(effect, { onFailure: (error) => error._tag, onSuccess: () => "success" })

/** A gate that waits for its answers, and what it was asked. */
const gated = (auto = true) => {
  const asked: Array<CompactionTrigger | "given up"> = []
  const answers: Array<Deferred.Deferred<CompactionVerdict>> = []
  const answer = (verdict: CompactionVerdict) =>
    Effect.suspend(() => Deferred.succeed(answers.shift() ?? Deferred.makeUnsafe<CompactionVerdict>(), verdict))
  const gate = (trigger: CompactionTrigger) =>
    Effect.suspend(() => {
      asked.push(trigger)
      const waiting = Deferred.makeUnsafe<CompactionVerdict>()
      answers.push(waiting)
      return Effect.onInterrupt(Deferred.await(waiting), () => Effect.sync(() => asked.push("given up")))
    })
  return {
    compaction: { auto, gate },
    asked,
    allow: (...context: ReadonlyArray<string>) => answer({ _tag: "Allow", context }),
    veto: answer({ _tag: "Veto", reason: "not now" })
  }
}

/** The gate is asked: nothing is left to run in the mock but what waits for its answer. */
const held = (mock: MockProvider["Service"]) =>
  Effect.andThen(mock.awaitSession(({ compaction }) => compaction === "held"), TestClock.adjust(0))

const settled = (mock: MockProvider["Service"]) =>
  Effect.andThen(mock.awaitSession(({ compaction }) => compaction === undefined), TestClock.adjust(0))

const folder = Effect.acquireRelease(
  Effect.sync(() => realpathSync(mkdtempSync(join(tmpdir(), "mock-")))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true }))
)

describe("MockProvider", () => {
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

  it.effect.each<readonly [RuntimeMode, ReadonlyArray<string>]>([
    ["approval-required", ["command", "file-change", "other", "network"]],
    ["auto-accept-edits", ["command", "other", "network"]],
    ["full-access", []]
  ])("P7 mock: what %s asks", ([runtimeMode, expected]) =>
    withMock({}, (mock) =>
      Effect.gen(function*() {
        yield* mock.script(() => [
          MockStep.command("ls"),
          MockStep.fileChange([{ path: "a", kind: "add" }]),
          MockStep.tool("read", { kind: "file-read" }),
          MockStep.tool("any"),
          MockStep.tool("trusted", { asks: false }),
          MockStep.approval({ kind: "network", subject: "example.org" })
        ])
        const { session } = yield* open({ runtimeMode })
        yield* send(session, "go")
        const asked: Array<string> = []
        for (let n = 0; n < expected.length; n++) {
          const open = yield* mock.awaitRequest()
          asked.push(open._tag === "Approval" ? open.request.kind : open._tag)
          yield* session.respondToApproval(open.request.requestId, { _tag: "AllowOnce" })
        }
        assert.strictEqual(yield* outcomeOf(mock, "go"), "completed")
        assert.deepStrictEqual(asked, expected)
      })))

  it.effect("P6 mock: answering an unknown, answered or cancelled request is RequestGone", () =>
    withMock({}, (mock) =>
      Effect.gen(function*() {
        yield* mock.script(() => [MockStep.command("ls"), MockStep.hang])
        const { events, session } = yield* open({ runtimeMode: "approval-required" })
        const answer = (id: RequestId) => tagOf(session.respondToApproval(id, { _tag: "AllowOnce" }))
        yield* send(session, "one")
        const first = (yield* mock.awaitRequest()).request.requestId
        assert.strictEqual(yield* tagOf(session.answerQuestion(first, { _tag: "Dismissed" })), "RequestGone")
        assert.deepStrictEqual([yield* answer(RequestId.make("none")), yield* answer(first), yield* answer(first)], [
          "RequestGone",
          "success",
          "RequestGone"
        ])
        yield* session.interruptTurn(TurnId.make("one"))
        yield* outcomeOf(mock, "one")
        yield* send(session, "two")
        const second = (yield* mock.awaitRequest()).request.requestId
        yield* session.interruptTurn(TurnId.make("two"))
        yield* outcomeOf(mock, "two")
        assert.strictEqual(yield* answer(second), "RequestGone")
        assert.deepStrictEqual(tags(events).filter((tag) => tag === "ApprovalSettled"), ["ApprovalSettled"])
        assert.deepStrictEqual((yield* mock.answers).map((given) => given.requestId), [first])
      })))

  it.effect("P6 mock: a denial ends the turn, a reason is feedback, AllowForSession lasts for the session", () =>
    withMock({}, (mock) =>
      Effect.gen(function*() {
        yield* mock.script(() => [MockStep.command("rm x"), MockStep.text("done")])
        const { events, session } = yield* open({ runtimeMode: "approval-required" })
        yield* send(session, "deny")
        yield* session.respondToApproval((yield* mock.awaitRequest()).request.requestId, { _tag: "Deny" })
        assert.strictEqual(yield* outcomeOf(mock, "deny"), "completed")
        assert.isFalse(events.some((event) => event._tag === "ItemDelta"))
        yield* send(session, "why")
        yield* session.respondToApproval((yield* mock.awaitRequest()).request.requestId, {
          _tag: "Deny",
          reason: "keep x"
        })
        yield* outcomeOf(mock, "why")
        assert.isTrue(events.some((event) => event._tag === "ItemDelta"))
        assert.isTrue((yield* mock.sessions)[0]?.history.some(({ text }) => text === "denied: keep x"))
        yield* send(session, "allow")
        yield* session.respondToApproval((yield* mock.awaitRequest()).request.requestId, { _tag: "AllowForSession" })
        yield* outcomeOf(mock, "allow")
        yield* turn(mock, session, "again")
        assert.deepStrictEqual(
          events.filter((event) => event._tag === "ApprovalSettled").map((event) => event.by),
          ["user", "user", "user", "rule"]
        )
      })))

  it.effect("P6 mock: questions are answered, dismissed, and approvals answered by somebody else", () =>
    withMock({}, (mock) =>
      Effect.gen(function*() {
        const ask = MockStep.question(
          [{ question: "Which?", options: [{ label: "A" }], multiple: false }],
          (answer) => [MockStep.text(answer._tag === "Answered" ? answer.answers.flat().join() : "none")]
        )
        yield* mock.script(() => [ask, MockStep.command("ls")])
        const { events, session } = yield* open({ runtimeMode: "approval-required" })
        yield* send(session, "q")
        const asked = yield* mock.awaitRequest()
        yield* session.answerQuestion(asked.request.requestId, { _tag: "Answered", answers: [["A"]] })
        const approval = yield* mock.awaitRequest()
        assert.isTrue(yield* mock.settleElsewhere(approval.request.requestId, { _tag: "AllowOnce" }))
        assert.isFalse(yield* mock.settleElsewhere(approval.request.requestId, { _tag: "AllowOnce" }))
        yield* outcomeOf(mock, "q")
        assert.deepStrictEqual(tags(events), [
          "QuestionAsked",
          "QuestionSettled",
          "ItemStarted",
          "ItemDelta",
          "ItemCompleted",
          "ItemStarted",
          "ApprovalRequested",
          "ApprovalSettled",
          "ItemUpdated",
          "ItemCompleted",
          "TurnCompleted"
        ])
      })))

  it.effect("P1 mock: a session outlives its scope and its layer; a new one and a seeded one are empty or seeded", () =>
    Effect.gen(function*() {
      const disk = yield* MockAgentDisk.make
      const from = yield* withMock({ disk }, (mock) =>
        Effect.gen(function*() {
          const { close, session } = yield* open()
          yield* turn(mock, session, "remember 7")
          const from = yield* resume(session)
          yield* close
          assert.deepStrictEqual((yield* mock.sessions).map(({ live }) => live), [false])
          return from
        }))
      yield* withMock({ disk }, (mock) =>
        Effect.gen(function*() {
          const { session } = yield* open({ from })
          assert.deepStrictEqual(session.origin, { _tag: "Resumed" })
          const resumed = yield* mock.awaitSession(({ live }) => live)
          assert.strictEqual(resumed.history[0]?.text, "remember 7")
          yield* turn(mock, session, "and?")
          yield* open({ from: { _tag: "Seeded", transcript: "long ago" } })
          assert.deepStrictEqual((yield* mock.sessions)[1]?.history, [{ role: "seed", text: "long ago" }])
        }))
      const other = yield* withMock({}, () => tagOf(open({ from })))
      assert.strictEqual(other, "SessionMissing")
    }))

  it.effect("P2 mock: only a session that is gone is missing; everything else is said as it is", () =>
    withMock(
      { models: ["large"], capabilities: { runtimeModes: ["approval-required", "full-access"] } },
      (mock) =>
        Effect.gen(function*() {
          const { events, reader, session } = yield* open()
          const cursor = Option.getOrThrow(yield* session.cursor)
          const from = (stored: unknown) => tagOf(open({ from: { _tag: "Resume", cursor: stored } }))
          assert.strictEqual(yield* from(null), "CursorRejected")
          assert.strictEqual(yield* from({ ...cursor, payload: { sessionId: 1 } }), "CursorRejected")
          assert.strictEqual(yield* from({ ...cursor, provider: "codex" }), "CursorRejected")
          assert.strictEqual(yield* from({ ...cursor, version: 2 }), "CursorRejected")
          assert.strictEqual(yield* tagOf(open({ model: "tiny" })), "ModelUnavailable")
          assert.strictEqual(yield* tagOf(open({ runtimeMode: "auto-accept-edits" })), "PolicyUnenforceable")
          yield* mock.unreachable(true)
          assert.strictEqual(yield* from(cursor), "AgentUnreachable")
          assert.strictEqual(yield* tagOf(send(session, "hi")), "AgentUnreachable")
          yield* mock.unreachable(false)
          yield* mock.failNextStart(
            new AgentUnreachable({ instanceId: mock.instanceId, operation: "startSession", code: "ETIMEDOUT" })
          )
          assert.strictEqual(yield* from(cursor), "AgentUnreachable")
          assert.strictEqual(yield* from(cursor), "success")
          yield* mock.loseSession(session.sessionId)
          assert.strictEqual(yield* from(cursor), "SessionMissing")
          assert.strictEqual(yield* tagOf(send(session, "hi")), "TurnRefused")
          yield* Fiber.join(reader)
          assert.deepStrictEqual(events, [])
          assert.strictEqual((yield* mock.received).length, 0)
        })
    ))

  it.effect("P3 mock: no cursor before the first turn, and nothing left of a session that had none", () =>
    withMock({ neverResumableBeforeFirstTurn: true }, (mock) =>
      Effect.gen(function*() {
        const idle = yield* open()
        assert.isTrue(Option.isNone(yield* idle.session.cursor))
        yield* idle.close
        assert.deepStrictEqual(yield* mock.sessions, [])
        const used = yield* open()
        yield* turn(mock, used.session, "hi")
        const from = yield* resume(used.session)
        yield* used.close
        assert.deepStrictEqual((yield* open({ from })).session.origin, { _tag: "Resumed" })
      })))

  it.effect.each<readonly [MockProviderOptions, ReadonlyArray<string>]>([
    [{ capabilities: { moveDirectory: "never" } }, ["Resumed", "DirectoryUnreachable", "DirectoryUnreachable"]],
    [{}, ["Resumed", "DirectoryUnreachable", "Moved"]],
    [{ capabilities: { moveDirectory: "anywhere" } }, ["Resumed", "Moved", "Moved"]]
  ])(
    "mock: moves by real path, as far as the agent can (%#)",
    ([options, expected]) =>
      withMock(options, (mock) =>
        Effect.gen(function*() {
          const root = yield* folder
          for (const path of ["a/.git", "a/sub", "b/.git"]) mkdirSync(join(root, path), { recursive: true })
          symlinkSync(join(root, "a"), join(root, "link"))
          const projectOf = options.capabilities === undefined
            ? (path: string) => path.slice(0, root.length + 2)
            : undefined
          const shared = yield* MockProvider.make({ ...options, projectOf, instanceId: "moving", disk: mock.disk })
          const { close, session } = yield* open({ instanceId: shared.instanceId, directory: join(root, "link") })
          assert.strictEqual(session.directory, join(root, "a"))
          const from = yield* resume(session)
          yield* close
          const start = (path: string) =>
            Effect.match(open({ instanceId: shared.instanceId, directory: join(root, path), from }), {
              onFailure: (error) => error._tag,
              onSuccess: (opened) => opened.session.origin._tag
            })
          assert.deepStrictEqual([yield* start("a"), yield* start("b"), yield* start("a/sub")], expected)
        }))
  )

  it.effect("mock: a capability that is switched off is missing", () =>
    withMock({
      capabilities: { fork: false, compact: false, history: false, steer: false, attachments: false, questions: false }
    }, (mock) =>
      Effect.gen(function*() {
        const { session } = yield* open()
        const steer = session.steerTurn({ turnId: TurnId.make("t"), ref: undefined, input: { prompt: "x" } })
        assert.deepStrictEqual([
          yield* tagOf(session.fork),
          yield* tagOf(session.compact),
          yield* tagOf(session.history),
          yield* tagOf(session.evidence({ turnId: TurnId.make("t"), ref: undefined })),
          yield* tagOf(steer)
        ], Array.from({ length: 5 }, () => "CapabilityMissing"))
        const attachments = [{ _tag: "Data", name: "a.png", mime: "image/png", base64: "" }] as const
        assert.strictEqual(yield* tagOf(send(session, "look", { attachments })), "AttachmentRefused")
        yield* mock.nextTurn(() => [MockStep.question([])])
        assert.strictEqual(yield* turn(mock, session, "ask"), "failed")
      })))

  it.effect("mock: attachments must be there and inside the directory", () =>
    withMock({}, (mock) =>
      Effect.gen(function*() {
        const root = yield* folder
        mkdirSync(join(root, "work"))
        symlinkSync(root, join(root, "work/out"))
        const { session } = yield* open({ directory: join(root, "work") })
        const attach = (path: string, allowOutside = false) =>
          send(session, `${path} ${allowOutside}`, { attachments: [{ _tag: "File", path, allowOutside }] }).pipe(
            Effect.match({
              onFailure: (error) => error._tag === "AttachmentRefused" ? error.reason : error._tag,
              onSuccess: () => "sent"
            })
          )
        assert.deepStrictEqual(
          [yield* attach("none"), yield* attach("out"), yield* attach(".."), yield* attach("..", true)],
          ["missing", "outside-directory", "outside-directory", "sent"]
        )
        assert.strictEqual((yield* mock.received).length, 1)
      })))

  it.effect("mock: a fork holds a copy, a compaction leaves the transcript and shortens the context", () =>
    withMock({}, (mock) =>
      Effect.gen(function*() {
        const { events, session } = yield* open()
        yield* turn(mock, session, "one")
        const cursor = yield* session.fork
        yield* turn(mock, session, "two")
        yield* session.compact
        yield* TestClock.adjust(0)
        assert.deepStrictEqual(tags(events).slice(-2), ["CompactionStarted", "CompactionCompleted"])
        assert.deepStrictEqual(
          (yield* session.history).messages.map(({ role }) => role),
          ["user", "assistant", "user", "assistant", "other"]
        )
        const forked = yield* open({ thread: "copy", from: { _tag: "Resume", cursor } })
        yield* mock.nextTurn(({ threadId }) => [MockStep.compaction(), MockStep.text(threadId)])
        yield* turn(mock, forked.session, "three")
        const [source, copy] = yield* mock.sessions
        assert.deepStrictEqual(source?.history.map(({ role }) => role), ["summary"])
        assert.deepStrictEqual(source?.turns.map(({ turnId }) => turnId), ["one", "two"])
        assert.deepStrictEqual(copy?.turns.map(({ turnId }) => turnId), ["one", "three"])
        assert.deepStrictEqual(copy?.history.map(({ text }) => text), ["summary", "copy"])
      })))

  it.effect("P8 mock: a stop cuts through a slow start, and nothing was created", () =>
    withMock({}, (mock) =>
      Effect.gen(function*() {
        yield* mock.slowStart(Effect.never)
        const starting = yield* Effect.forkChild(open())
        yield* mock.awaitStarts(1)
        yield* Fiber.interrupt(starting)
        assert.deepStrictEqual(yield* mock.sessions, [])
        yield* open()
        assert.deepStrictEqual((yield* mock.sessions).map(({ live }) => live), [true])
      })))

  it.effect("P8 mock: a stop that hangs is let go; its session talks on and is seen to overlap", () =>
    withMock({}, (mock) =>
      Effect.gen(function*() {
        const old = yield* open()
        const from = yield* resume(old.session)
        yield* mock.hangStop(true)
        const closing = yield* Effect.forkChild(old.close, { startImmediately: true })
        const next = yield* open({ from })
        const late: ProviderEvent = { _tag: "Warning", code: "late" }
        yield* mock.emit(old.session.sessionId, [late], "stopped")
        yield* mock.emit(old.session.sessionId, [{ ...late, code: "now" }])
        yield* TestClock.adjust(0)
        assert.deepStrictEqual([old.events, next.events], [[late], [{ ...late, code: "now" }]])
        assert.strictEqual((yield* mock.sessions)[0]?.overlaps, 1)
        assert.isUndefined(closing.pollUnsafe())
        yield* mock.hangStop(false)
        yield* Fiber.join(closing)
        assert.isTrue((yield* mock.sessions)[0]?.live)
      })))

  it.effect("P8 mock: after its scope a session says nothing, unless it is made to keep talking", () =>
    withMock({}, (mock) =>
      Effect.gen(function*() {
        const quiet = yield* open()
        const gate = yield* Deferred.make<void>()
        yield* mock.nextTurn(() => [MockStep.wait(Effect.uninterruptible(Deferred.await(gate))), MockStep.text("late")])
        yield* send(quiet.session, "slow")
        yield* TestClock.adjust(0)
        const closing = yield* Effect.forkChild(quiet.close, { startImmediately: true })
        yield* Deferred.succeed(gate, undefined)
        yield* Fiber.join(closing)
        yield* Fiber.join(quiet.reader)
        assert.deepStrictEqual(quiet.events, [])
        yield* mock.keepTalking(true)
        const loud = yield* open()
        yield* loud.close
        yield* mock.emit(loud.session.sessionId, [{ _tag: "Warning", code: "late" }], "stopped")
        yield* TestClock.adjust(0)
        assert.deepStrictEqual(tags(loud.events), ["Warning"])
      })))

  it.effect("P4 mock: a killed host leaves open streams and unfinished turns on the shared disk", () =>
    Effect.gen(function*() {
      const disk = yield* MockAgentDisk.make
      yield* withMock({ disk }, (mock) =>
        Effect.gen(function*() {
          yield* mock.nextTurn(() => [MockStep.text("a"), MockStep.hang])
          const { events, reader, session } = yield* open()
          yield* send(session, "cut")
          yield* TestClock.adjust(0)
          yield* mock.killHost
          yield* TestClock.adjust(0)
          assert.isUndefined(reader.pollUnsafe())
          assert.strictEqual(events.at(-1)?._tag, "ItemCompleted")
        }))
      yield* withMock({ disk }, (mock) =>
        Effect.gen(function*() {
          assert.deepStrictEqual((yield* mock.sessions)[0]?.turns.map(({ outcome }) => outcome), ["unfinished"])
        }))
    }))

  it.effect("P9 mock: background work is what the test says, and dies with the session", () =>
    withMock({}, (mock) =>
      Effect.gen(function*() {
        const { session } = yield* open()
        yield* mock.backgroundWork(session.sessionId, true)
        assert.isTrue(yield* session.backgroundWork)
        yield* mock.crash()
        assert.isFalse(yield* session.backgroundWork)
      })))

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
        assert.deepStrictEqual([session.compactionGate, asked], ["observe-only", []])
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
