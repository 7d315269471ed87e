/** The order of frames that Codex 0.171.0 has been seen to send, and what becomes of it. No process runs here. */
import { assert, describe, it } from "@effect/vitest"
import * as Frame from "../../src/codex/protocol/Frame.ts"
import * as Request from "../../src/codex/protocol/Request.ts"
import * as Turn from "../../src/codex/turn/Turn.ts"
import { type Input, make, type State, type Want } from "../../src/codex/turn/TurnState.ts"
import { ItemId, RequestId, TurnId } from "../../src/domain/Ids.ts"
import type { ProviderEvent } from "../../src/domain/ThreadEvent.ts"

const turnId = TurnId.make("turn-1")

const play = (state: State, inputs: ReadonlyArray<Input>) => {
  const events: Array<ProviderEvent> = []
  const wants: Array<Want> = []
  let current = state
  for (const input of inputs) {
    const next = Turn.reduce(current, input)
    current = next.state
    events.push(...next.events)
    wants.push(...next.wants)
  }
  return { state: current, events, wants, tags: events.map(({ _tag }) => _tag) }
}

const frame = (method: string, params: object): Input => {
  const decoded = Frame.decode(method, params)
  assert.isDefined(decoded)
  return decoded ?? { _tag: "Unrecognized", type: method, raw: params }
}

const sending: Input = { _tag: "Sending", turnId }
const started = frame("turn/started", { turn: { id: "n1" } })
const ended = (status: string, error: unknown = null) => frame("turn/completed", { turn: { id: "n1", status, error } })
const command = { id: "call-1", type: "commandExecution", command: "sleep 60", status: "inProgress" }
const tokens = (input: number, output: number) => ({
  totalTokens: input + output,
  inputTokens: input,
  cachedInputTokens: 10,
  cacheWriteInputTokens: 0,
  outputTokens: output,
  reasoningOutputTokens: 0
})

describe("a thread of Codex as a value", () => {
  it("P4 codex: frames may come before the answer to turn/start, and the turn ends once", () => {
    const { events, wants } = play(make("r", false), [
      sending,
      started,
      { _tag: "Sent", turnId, native: "n1" },
      ended("completed"),
      ended("completed")
    ])
    assert.deepStrictEqual(events, [{ _tag: "TurnCompleted", turnId, usage: {} }])
    assert.deepStrictEqual(wants, [{ _tag: "Started", turnId }, { _tag: "Ended", turnId }])
  })

  it("P4 codex: the end of an earlier turn ends no later one", () => {
    const { state } = play(make("r", false), [sending, started, ended("interrupted")])
    const { events } = play(state, [
      { _tag: "Sending", turnId: TurnId.make("turn-2") },
      { _tag: "Sent", turnId: TurnId.make("turn-2"), native: "n2" },
      ended("completed")
    ])
    assert.deepStrictEqual(events, [])
  })

  it("P4 codex: a turn that nothing asked for is the agent's own", () => {
    const { events } = play(make("r", false), [started, ended("completed")])
    const own = TurnId.make("n1")
    assert.deepStrictEqual(events, [
      { _tag: "TurnBegan", turnId: own, cause: "agent" },
      { _tag: "TurnCompleted", turnId: own, usage: {} }
    ])
  })

  it("P16 codex: what is open when a turn is interrupted is completed; a command left running is detached", () => {
    const item = frame("item/started", { turnId: "n1", item: command })
    const output = frame("item/commandExecution/outputDelta", { turnId: "n1", itemId: "call-1", delta: "a" })
    const cut = play(make("r", false), [sending, started, item, output, ended("interrupted")])
    assert.deepStrictEqual(cut.tags, ["ItemStarted", "ItemDelta", "ItemCompleted", "TurnInterrupted"])
    const left = play(make("r", false), [sending, started, item, output, ended("completed")])
    assert.deepStrictEqual(left.tags, ["ItemStarted", "ItemDelta", "ItemDetached", "TaskStarted", "TurnCompleted"])
    const late = play(left.state, [
      frame("item/completed", { turnId: "n1", item: { ...command, status: "completed", exitCode: 0 } })
    ])
    assert.deepStrictEqual(late.events.map((event) => [event._tag, "turnId" in event]), [
      ["ItemCompleted", false],
      ["TaskEnded", false]
    ])
  })

  it("P16 codex: a command that outlives two turns leaves the first alone", () => {
    const item = frame("item/started", { turnId: "n1", item: command })
    const next = TurnId.make("turn-2")
    const { events } = play(make("r", false), [
      sending,
      started,
      item,
      ended("completed"),
      { _tag: "Sending", turnId: next },
      frame("turn/started", { turn: { id: "n2" } }),
      frame("turn/completed", { turn: { id: "n2", status: "completed" } })
    ])
    assert.deepStrictEqual(
      events.filter(({ _tag }) => _tag === "ItemDetached").map((event) => "turnId" in event && event.turnId),
      [turnId]
    )
  })

  it("P11 codex: what Codex leaves out of a command's output is a gap, before the whole of it", () => {
    const item = frame("item/started", { turnId: "n1", item: command })
    const output = frame("item/commandExecution/outputDelta", { turnId: "n1", itemId: "call-1", delta: "two" })
    const whole = { ...command, status: "completed", exitCode: 0, aggregatedOutput: "one two" }
    const { tags } = play(make("r", false), [
      sending,
      started,
      item,
      output,
      frame("item/completed", { turnId: "n1", item: whole })
    ])
    assert.deepStrictEqual(tags, ["ItemStarted", "ItemDelta", "Gap", "ItemCompleted"])
  })

  it("P13 codex: a compaction that begins before its gate has answered began unasked", () => {
    const compacting = { id: "c", type: "contextCompaction" }
    const hook: ReadonlyArray<Input> = [sending, started, { _tag: "Compacting", trigger: "auto" }]
    const item = ["item/started", "item/completed"].map((method) => frame(method, { turnId: "n1", item: compacting }))
    const killed = play(make("r", true), [...hook, ...item])
    assert.deepStrictEqual(killed.events.map((event) => [event._tag, "unheld" in event]), [
      ["CompactionStarted", false],
      ["CompactionStarted", true],
      ["CompactionCompleted", false]
    ])
    const veto: Input = { _tag: "Decided", verdict: { _tag: "Veto", reason: "too late" } }
    const late = play(make("r", true), [...hook, ...item.slice(0, 1), veto, ...item.slice(1), ended("completed")])
    assert.deepStrictEqual(late.tags.slice(2), ["CompactionCompleted", "TurnCompleted"])
    const allowed = play(make("r", true), [
      ...hook,
      { _tag: "Decided", verdict: { _tag: "Allow", context: [] } },
      ...item
    ])
    assert.deepStrictEqual(allowed.tags, ["CompactionStarted", "CompactionCompleted"])
  })

  it("P16 codex: rate limits are told where a turn runs, and once", () => {
    const limits = frame("account/rateLimits/updated", {
      rateLimits: { primary: { usedPercent: 42 }, secondary: null }
    })
    const { tags } = play(make("r", false), [limits, sending, started, limits, limits])
    assert.deepStrictEqual(tags, ["RateLimitsUpdated"])
  })

  it("P16 codex: usage is the difference of running totals, also after a resume", () => {
    const usage = (total: object, last: object) =>
      frame("thread/tokenUsage/updated", { turnId: "n1", tokenUsage: { total, last, modelContextWindow: 1000 } })
    const { events } = play(make("r", false), [
      sending,
      started,
      usage(tokens(510, 25), tokens(110, 5)),
      usage(tokens(710, 35), tokens(200, 10)),
      ended("completed")
    ])
    const last = events.at(-1)
    assert.deepInclude(last, { _tag: "TurnCompleted" })
    assert.deepInclude(last?._tag === "TurnCompleted" ? last.usage : {}, { input: 300, output: 15 })
  })

  it("P6 codex: what the turn still asks for is settled at its end", () => {
    const asked = Request.decode("item/commandExecution/requestApproval", {
      turnId: "n1",
      itemId: "call-1",
      command: "touch x",
      cwd: "/w"
    })
    assert.isDefined(asked)
    if (asked === undefined) return
    const { tags, wants } = play(make("r", false), [
      sending,
      started,
      { _tag: "Asked", id: 0, asked, raw: {} },
      ended("interrupted")
    ])
    assert.deepStrictEqual(tags, ["ApprovalRequested", "ApprovalSettled", "TurnInterrupted"])
    assert.isTrue(wants.some(({ _tag }) => _tag === "Refuse"))
  })

  const ask = (id: number, command: string, cwd: string): Input => {
    const asked = Request.decode("item/commandExecution/requestApproval", { turnId: "n1", command, cwd })
    assert.isDefined(asked)
    return asked === undefined ? sending : { _tag: "Asked", id, asked, raw: {} }
  }

  it("P6 codex: what is asked while an answer is on its way stays open", () => {
    const { state } = play(make("r", false), [sending, started, ask(0, "touch x", "/w")])
    const [requestId = RequestId.make("none")] = state.requests.open.keys()
    const given = { _tag: "AllowOnce" } as const
    const { requests } = play(state, [ask(1, "touch y", "/w"), { _tag: "Answering", requestId, given }]).state
    assert.deepStrictEqual(Array.from(requests.open.values(), ({ answer }) => answer), [given, undefined])
  })

  it("P7 codex: what was allowed for the session is the same command in the same directory", () => {
    const first = play(make("r", false), [sending, started, ask(0, "touch x", "/w")])
    const requestId = Array.from(first.state.requests.open.keys())[0]
    assert.isDefined(requestId)
    if (requestId === undefined) return
    const { wants } = play(first.state, [
      { _tag: "Answering", requestId, given: { _tag: "AllowForSession" } },
      frame("serverRequest/resolved", { requestId: 0 }),
      ask(1, "touch x", "/w"),
      ask(2, "touch x", "/elsewhere"),
      ask(3, "touch y", "/w")
    ])
    assert.deepStrictEqual(wants.map((want) => want._tag === "Allow" ? want.native.id : want._tag), [1])
  })

  it("P7 codex: a request that does not say what it is about is never one that was allowed before", () => {
    const ask = (id: number, method: string): Input => {
      const asked = Request.decode(method, { turnId: "n1", itemId: `unheard-${id}` })
      assert.isDefined(asked)
      return asked === undefined ? sending : { _tag: "Asked", id, asked, raw: {} }
    }
    for (const method of ["item/fileChange/requestApproval", "item/commandExecution/requestApproval"]) {
      const first = play(make("r", false), [sending, started, ask(0, method)])
      const open = Array.from(first.state.requests.open.values())[0]
      assert.isUndefined(open?.covers)
      assert.notProperty(first.events[0]?._tag === "ApprovalRequested" ? first.events[0].request : {}, "covers")
    }
  })

  it("P7 codex: a patch that moves a file is about both places", () => {
    const moved = { path: "/w/a", kind: { type: "update", move_path: "/w/.git/hooks/pre-commit" }, diff: "+x" }
    const item = { id: "call-1", type: "fileChange", status: "inProgress", changes: [moved] }
    const asked = Request.decode("item/fileChange/requestApproval", { turnId: "n1", itemId: "call-1" })
    assert.isDefined(asked)
    if (asked === undefined) return
    const { events } = play(make("r", false), [
      sending,
      started,
      frame("item/started", { turnId: "n1", item }),
      { _tag: "Asked", id: 0, asked, raw: {} }
    ])
    const [told, request] = events
    assert.deepStrictEqual(
      told?._tag === "ItemStarted" && told.item._tag === "FileChange" ? told.item.edits : [],
      [{ path: "/w/a", kind: "delete" }, { path: "/w/.git/hooks/pre-commit", kind: "modify", patch: "+x" }]
    )
    assert.deepInclude(request?._tag === "ApprovalRequested" ? request.request : {}, {
      subject: "/w/a, /w/.git/hooks/pre-commit",
      covers: "every change of /w/a, /w/.git/hooks/pre-commit"
    })
  })

  it("P6 codex: a request that Codex settles before a guard has spoken is forgotten", () => {
    const { events, wants } = play(make("r", false), [
      sending,
      started,
      frame("serverRequest/resolved", { requestId: 7 })
    ])
    assert.deepStrictEqual(events, [])
    assert.deepInclude(wants, { _tag: "Forget", id: 7 })
  })

  it("P4 codex: a turn is not given up for retries that were answered since", () => {
    const retry = frame("error", { turnId: "n1", error: { message: "m" }, willRetry: true })
    const text = frame("item/agentMessage/delta", { turnId: "n1", itemId: "m", delta: "a" })
    const give = (spell: number): Input => ({ _tag: "GivenUp", turnId, spell })
    const { state, wants } = play(make("r", false), [sending, started, retry, retry, text, retry])
    assert.deepStrictEqual(wants.flatMap((want) => want._tag === "Retrying" ? [want.spell] : []), [1, 2])
    assert.isFalse(play(state, [give(1)]).state.turn?.givenUp)
    assert.isTrue(play(state, [give(2)]).state.turn?.givenUp)
    assert.isFalse(play(state, [text, give(2)]).state.turn?.givenUp)
  })

  it("P16 codex: what a subagent leaves open is completed when its turn ends; a command left running goes on", () => {
    const named = frame("item/started", {
      turnId: "n1",
      item: { id: "s", type: "subAgentActivity", agentThreadId: "t2", agentPath: "helper" }
    })
    const of = (method: string, params: object): Input => {
      const decoded = Frame.decode(method, params)
      return decoded === undefined ? sending : { _tag: "Subagent", agent: "t2", frame: decoded }
    }
    const working = play(make("r", false), [
      sending,
      started,
      named,
      of("turn/started", { turn: { id: "n2" } }),
      of("item/started", { turnId: "n2", item: command }),
      of("item/started", { turnId: "n2", item: { id: "m", type: "agentMessage", text: "" } }),
      of("item/agentMessage/delta", { turnId: "n2", itemId: "m", delta: "half" })
    ])
    const end = (status: string) => play(working.state, [of("turn/completed", { turn: { id: "n2", status } })])
    const completed = (status: string) =>
      end(status).events.flatMap((event) => event._tag === "ItemCompleted" ? [event.item.itemId] : [])
    assert.deepStrictEqual(completed("interrupted"), [ItemId.make("call-1"), ItemId.make("m")])
    assert.deepStrictEqual(completed("completed"), [ItemId.make("m")])
    assert.deepInclude(end("interrupted").events.at(-1), { _tag: "TaskEnded" })
  })

  it("P13 codex: a compaction that began unasked is said to", () => {
    const item = frame("item/started", { turnId: "n1", item: { id: "c", type: "contextCompaction" } })
    const told = (gated: boolean) => play(make("r", gated), [sending, started, item]).events
    assert.deepInclude(told(true)[0], { _tag: "CompactionStarted", unheld: true })
    assert.notProperty(told(false)[0], "unheld")
  })

  it("P13 codex: a compaction that was asked for is over only when its turn is", () => {
    const of = (completed: boolean) =>
      frame(completed ? "item/completed" : "item/started", {
        turnId: "n1",
        item: { id: "c", type: "contextCompaction" }
      })
    const held = play(make("r", true), [{ _tag: "Compacting", trigger: "manual" }, started, of(false), of(true)])
    assert.deepStrictEqual(held.tags, ["CompactionStarted"])
    assert.deepStrictEqual(play(held.state, [ended("completed")]).tags, ["CompactionCompleted"])
  })

  it("P13 codex: a veto of an automatic compaction fails the turn that it is part of", () => {
    const { events } = play(make("r", true), [
      sending,
      started,
      { _tag: "Compacting", trigger: "auto" },
      { _tag: "Decided", verdict: { _tag: "Veto", reason: "no" } },
      ended("interrupted")
    ])
    assert.deepStrictEqual(events.map(({ _tag }) => _tag), ["CompactionStarted", "CompactionFailed", "TurnFailed"])
    assert.deepInclude(events.at(-1), { failure: { _tag: "ContextOverflow" } })
  })

  it("P4 codex: a failure is told by its name and status, a new one included", () => {
    const failed = (codexErrorInfo: unknown) => {
      const { events } = play(make("r", false), [sending, started, ended("failed", { message: "m", codexErrorInfo })])
      const last = events.at(-1)
      return last?._tag === "TurnFailed" ? last.failure : undefined
    }
    assert.deepStrictEqual(failed("contextWindowExceeded"), { _tag: "ContextOverflow" })
    assert.deepInclude(failed({ httpConnectionFailed: { httpStatusCode: 401 } }), { status: 401, retryable: false })
    assert.deepInclude(failed({ responseTooManyFailedAttempts: { httpStatusCode: 429 } }), { retryable: true })
    assert.deepInclude(failed({ somethingNew: 5 }), { _tag: "ModelFailed", name: "somethingNew", retryable: false })
    assert.deepInclude(failed(null), { _tag: "ModelFailed", name: "unknown" })
  })

  it("P15 codex: a frame that is not known, or does not fit, is kept", () => {
    const raw = { turn: "no" }
    assert.deepStrictEqual(Frame.decode("turn/started", raw), { _tag: "Unrecognized", type: "turn/started", raw })
    assert.deepStrictEqual(Frame.decode("new/thing", null), { _tag: "Unrecognized", type: "new/thing", raw: null })
  })
})
