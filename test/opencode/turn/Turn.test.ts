/** The turn as data: what a real server said (the recordings), and orders of frames that are hard to provoke. */
import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { readFileSync } from "node:fs"
import { ItemId, TurnId } from "../../../src/domain/Ids.ts"
import type { ProviderEvent } from "../../../src/domain/ThreadEvent.ts"
import { zero } from "../../../src/domain/Usage.ts"
import * as Frame from "../../../src/opencode/protocol/Frame.ts"
import * as Permissions from "../../../src/opencode/turn/Permissions.ts"
import { reduce } from "../../../src/opencode/turn/Turn.ts"
import { type Input, make, type State, type Want } from "../../../src/opencode/turn/TurnState.ts"

// --- running it ---

interface Run {
  readonly state: State
  readonly events: ReadonlyArray<ProviderEvent>
  readonly wants: ReadonlyArray<Want>
}

const run = (state: State, inputs: Iterable<Input>): Run => {
  const events: Array<ProviderEvent> = []
  const wants: Array<Want> = []
  let current = state
  for (const input of inputs) {
    const next = reduce(current, input)
    current = next.state
    events.push(...next.events)
    wants.push(...next.wants)
  }
  return { state: current, events, wants }
}

const tags = (events: ReadonlyArray<ProviderEvent>) => events.map(({ _tag }) => _tag)
const terminals = (events: ReadonlyArray<ProviderEvent>) =>
  events.filter(({ _tag }) => _tag === "TurnCompleted" || _tag === "TurnFailed" || _tag === "TurnInterrupted")

const policy = Permissions.policy("approval-required", [{
  name: "build",
  mode: "primary",
  permission: [{ permission: "*", pattern: "*", action: "allow" }]
}])

// --- recordings ---

const Line = Schema.decodeSync(Schema.fromJsonString(Schema.Struct({
  payload: Schema.Struct({ type: Schema.String, properties: Schema.optional(Schema.Unknown) })
})))
const InSession = Schema.decodeUnknownOption(Schema.Struct({ sessionID: Schema.String }))

const recording = (name: string) => {
  const lines = readFileSync(new URL(`../../recordings/${name}.jsonl`, import.meta.url), "utf8").trim().split("\n")
  const frames = lines.flatMap((line) => {
    const { type, properties } = Line(line).payload
    const session = InSession(properties)
    if (type === "sync" || session._tag === "None") return []
    const frame = Frame.decode({ _tag: "Frame", sessionId: session.value.sessionID, type, properties })
    return frame === undefined ? [] : [frame]
  })
  const created = frames.find((frame) => frame._tag === "Created")
  const root = created?._tag === "Created" ? created.sessionId : ""
  const own = frames.find((frame) => frame._tag === "Message" && frame.info.role === "user")
  const messageId = own?._tag === "Message" ? own.info.id : "msg_none"
  return { frames, root, messageId }
}

const turnId = TurnId.make("turn-1")
const sending = (messageId: string, id = turnId): Input => ({
  _tag: "Sending",
  turnId: id,
  messageId
})

const replay = (name: string, also: ReadonlyArray<Input> = []) => {
  const { frames, root, messageId } = recording(name)
  return { ...run(make(root, policy, undefined), [sending(messageId), ...also, ...frames]), root }
}

describe("OpenCode recordings", () => {
  it("P4 opencode: every recorded turn has one end, and every item one", () => {
    for (
      const [name, end] of [
        ["text", "TurnCompleted"],
        ["command", "TurnCompleted"],
        ["command-fails", "TurnCompleted"],
        ["edit", "TurnCompleted"],
        ["todo", "TurnCompleted"],
        ["question", "TurnCompleted"],
        ["subagent", "TurnCompleted"],
        ["retry", "TurnCompleted"],
        ["compaction", "TurnCompleted"],
        ["abort", "TurnInterrupted"],
        ["unauthorized", "TurnFailed"]
      ] as const
    ) {
      const { events } = replay(name)
      assert.deepStrictEqual(tags(terminals(events)), [end], name)
      assert.notInclude(tags(events), "Unrecognized", name)
      const completed = events.flatMap((event) => event._tag === "ItemCompleted" ? [event.item.itemId] : [])
      assert.strictEqual(new Set(completed).size, completed.length, name)
      const started = events.flatMap((event) => event._tag === "ItemStarted" ? [event.item.itemId] : [])
      assert.deepStrictEqual(started.toSorted(), completed.toSorted(), name)
    }
  })

  it("P18 opencode: each call of the model is told with what it brought, subagents' too", () => {
    const brought = (name: string) =>
      replay(name).events.flatMap((event) => event._tag === "StepEnded" ? [event.brought] : [])
    assert.deepStrictEqual(brought("text"), ["text"])
    assert.deepStrictEqual(brought("command"), ["tool", "text"])
    assert.deepStrictEqual(brought("question"), ["tool", "text"])
    // The subagent's two calls come before the end of the call that started it.
    assert.deepStrictEqual(brought("subagent"), ["tool", "text", "tool", "text"])
    for (const event of replay("command").events) {
      if (event._tag === "StepEnded") assert.deepInclude(event, { turnId, usage: { ...zero, input: 10, output: 5 } })
    }
  })

  it("P18 opencode: a call of the model that gives no text and calls no tool has brought nothing", () => {
    const { frames, messageId, root } = recording("text")
    const silent = frames.flatMap((frame) =>
      frame._tag === "Part" && (frame.part.type === "text" || frame.part.type === "reasoning") ? [] : [frame]
    )
    const { events } = run(make(root, policy, undefined), [sending(messageId), ...silent])
    assert.deepStrictEqual(
      events.flatMap((event) => event._tag === "StepEnded" ? [event.brought] : []),
      ["nothing"]
    )
  })

  it("P11 opencode: the output of a running command is told as it grows, and whole where it does not go on", () => {
    const { frames, messageId, root } = recording("command")
    const shown = frames.findIndex((frame) =>
      frame._tag === "Part" && frame.part.type === "tool" && frame.part.state.metadata?.["output"] === "hello\n"
    )
    const first = frames[shown]
    if (first?._tag !== "Part" || first.part.type !== "tool") throw new Error("No such frame")
    const { part } = first
    const showing = (output: string): Input => ({
      _tag: "Part",
      part: { ...part, state: { ...part.state, metadata: { output } } }
    })
    const { events } = run(make(root, policy, undefined), [
      sending(messageId),
      ...frames.slice(0, shown + 1),
      showing("hello\nagain\n"),
      showing("...again\n")
    ])
    const told = events.flatMap((event): ReadonlyArray<unknown> =>
      event._tag === "ItemDelta" && event.field === "output"
        ? [[event.itemId === part.id, event.offset, event.delta]]
        : event._tag === "ItemUpdated" && event.item._tag === "Command"
        ? [event.item.output]
        : []
    )
    assert.deepStrictEqual(told, ["", [true, 0, "hello\n"], [true, 6, "again\n"], "...again\n"])
  })

  it("P4 opencode: what a clear end needs is in the frames, what is unclear is asked for", () => {
    assert.notInclude(replay("text").wants.map(({ _tag }) => _tag), "Check")
    for (const name of ["rejected", "unknown-model"]) {
      const { events, wants } = replay(name)
      assert.deepStrictEqual(terminals(events), [])
      assert.include(wants.map(({ _tag }) => _tag), "Check", name)
    }
  })

  it("P5 opencode: an error instead of our message is a doubt, not an end", () => {
    const { events, wants } = replay("unknown-agent")
    assert.deepStrictEqual(events, [])
    assert.deepStrictEqual(wants.map(({ _tag }) => _tag), ["Doubt", "Doubt"])
  })

  it("P4 opencode: commands, edits and compactions carry their facts", () => {
    const completed = (name: string) =>
      replay(name).events.flatMap((event) => event._tag === "ItemCompleted" ? [event.item] : [])
    const fails = completed("command-fails").find((item) => item._tag === "Command")
    assert.deepInclude(fails, { command: "echo broken >&2; exit 3", output: "broken\n", exitCode: 3, status: "failed" })
    const rejected = replay("rejected").events
    const declined = rejected.flatMap((event) => event._tag === "ItemCompleted" ? [event.item] : []).at(-1)
    assert.deepInclude(declined, { _tag: "Command", status: "declined" })
    const change = completed("edit").find((item) => item._tag === "FileChange")
    assert.deepInclude(change?.edits[0], { path: "/workspace/notes.txt", kind: "modify" })
    const { events } = replay("compaction")
    assert.deepInclude(events.find(({ _tag }) => _tag === "CompactionStarted"), { trigger: "auto" })
    assert.deepInclude(events.find(({ _tag }) => _tag === "CompactionCompleted"), { summary: "The summary." })
    assert.deepStrictEqual(
      completed("compaction").map((item) => "text" in item ? item.text : item._tag),
      ["A long answer.", "Going on."]
    )
  })

  it("P6 opencode: a subagent's items and requests belong to the parent's turn", () => {
    const { events, root } = replay("subagent")
    const child = events.flatMap((event) => event._tag === "ItemCompleted" ? [event] : [])
      .filter(({ item }) => item.subagent !== undefined)
    assert.deepStrictEqual(child.map(({ item }) => item._tag), ["Command", "AssistantMessage"])
    assert.isTrue(child.every((event) => event.turnId === turnId && event.item.subagent !== root))
    const asked = events.find(({ _tag }) => _tag === "ApprovalRequested")
    assert.deepInclude(asked, { turnId })
  })
})

// --- orders that are hard to provoke ---

const root = "ses_root"
const id = (n: number) => `msg_00000000000${n}`
const user = (n: number): Input => ({ _tag: "Message", info: { id: id(n), sessionID: root, role: "user" } })
const answer = (n: number, fields: object = {}): Input => ({
  _tag: "Message",
  info: { id: id(n), sessionID: root, role: "assistant", agent: "build", time: {}, ...fields }
})
const done = { finish: "stop", time: { completed: 1 } }
const stored = (input: Input) => input._tag === "Message" ? [{ info: input.info, parts: [] }] : []
const text = (n: number, value: string, end?: number): Input => ({
  _tag: "Part",
  part: { id: ItemId.make(`prt_${n}`), sessionID: root, messageID: id(n), type: "text", text: value, time: { end } }
})
const idle: Input = { _tag: "Idle", sessionId: root }
const busy: Input = { _tag: "Status", sessionId: root, status: { type: "busy" } }
const error = (name: string): Input => ({ _tag: "Error", sessionId: root, error: { name } })
const checked = (messages: ReadonlyArray<Input>, attempt = 1, final = false): Input => ({
  _tag: "Checked",
  turnId,
  messages: messages.flatMap(stored),
  attempt,
  final
})
const start = make(root, policy, undefined)

describe("OpenCode turn", () => {
  it("P4 opencode: idles and errors of the turn before do not end this one", () => {
    const { events, state } = run(start, [
      sending(id(1)),
      user(1),
      busy,
      answer(2),
      error("APIError"),
      answer(2, { error: { name: "APIError" } }),
      idle,
      sending(id(3), TurnId.make("turn-2")),
      idle,
      error("UnknownError"),
      answer(2, { error: { name: "APIError" } }),
      user(3),
      error("UnknownError"),
      idle
    ])
    assert.deepStrictEqual(tags(terminals(events)), ["TurnFailed"])
    assert.strictEqual(state.turn?.turnId, "turn-2")
    const after = run(state, [busy, answer(4, done), idle, idle, error("UnknownError")])
    assert.deepStrictEqual(tags(terminals(after.events)), ["TurnCompleted"])
  })

  it("P4 opencode: an abort that leaves neither error nor finish is an interruption, if we asked for it", () => {
    const before = [sending(id(1)), user(1), busy, answer(2)]
    const asked = run(start, [...before, { _tag: "Interrupting" }, idle, checked([user(1), answer(2)])])
    assert.deepStrictEqual(terminals(asked.events), [])
    const then = run(asked.state, [checked([user(1), answer(2)], 2)])
    assert.deepStrictEqual(tags(terminals(then.events)), ["TurnInterrupted"])
    const unasked = run(start, [
      ...before,
      idle,
      checked([user(1), answer(2)], 2),
      checked([user(1), answer(2)], 10, true)
    ])
    assert.deepStrictEqual(terminals(unasked.events).map((event) => "failure" in event && event.failure), [
      { _tag: "Other", name: "NoOutcome" }
    ])
  })

  it("P4 opencode: an abort that came before the work began is repeated", () => {
    const { wants } = run(start, [sending(id(1)), user(1), { _tag: "Interrupting" }, busy])
    assert.deepStrictEqual(wants.map(({ _tag }) => _tag), ["Accepted", "Abort"])
  })

  it("P4 opencode: what is open at the end is completed with what there was", () => {
    const { events } = run(start, [
      sending(id(1)),
      user(1),
      busy,
      answer(2),
      text(2, ""),
      { _tag: "Delta", sessionId: root, partId: ItemId.make("prt_2"), delta: "Ha" },
      { _tag: "Delta", sessionId: root, partId: ItemId.make("prt_2"), delta: "lf" },
      answer(2, { error: { name: "MessageAbortedError" } }),
      idle,
      text(2, "Half", 1)
    ])
    assert.deepStrictEqual(tags(events), [
      "ItemStarted",
      "ItemDelta",
      "ItemDelta",
      "ItemCompleted",
      "TurnInterrupted"
    ])
    const last = events.findLast((event) => event._tag === "ItemCompleted")
    assert.deepInclude(last?._tag === "ItemCompleted" && last.item, { text: "Half" })
  })

  it("P16 opencode: what a subagent in the background leaves open is completed once it is done", () => {
    const child = "ses_child"
    const part = {
      id: ItemId.make("prt_child"),
      sessionID: child,
      messageID: "msg_child",
      type: "text",
      text: "Half"
    } as const
    const { events, state } = run(start, [
      sending(id(1)),
      user(1),
      busy,
      { _tag: "Created", sessionId: child },
      { _tag: "Status", sessionId: child, status: { type: "busy" } },
      { _tag: "Message", info: { id: "msg_child", sessionID: child, role: "assistant", agent: "general", time: {} } },
      { _tag: "Part", part },
      answer(2, done),
      idle
    ])
    assert.notInclude(tags(events), "ItemCompleted")
    const after = run(state, [
      { _tag: "Status", sessionId: child, status: { type: "idle" } },
      sending(id(3), TurnId.make("turn-next"))
    ])
    const completed = after.events.flatMap((event) => event._tag === "ItemCompleted" ? [event] : [])
    assert.deepStrictEqual(completed.map(({ item: { itemId }, turnId }) => [itemId, turnId]), [[part.id, undefined]])
  })

  it("P4 opencode: input that has no answer yet keeps the turn open", () => {
    const steering: Input = { _tag: "Steering", messageId: id(3) }
    const { events, state, wants } = run(start, [sending(id(1)), user(1), busy, answer(2, done), steering, idle])
    assert.deepStrictEqual(terminals(events), [])
    assert.strictEqual(wants.at(-1)?._tag, "Check")
    const after = run(state, [user(3), busy, answer(4, done), idle])
    assert.deepStrictEqual(tags(terminals(after.events)), ["TurnCompleted"])
  })

  it("P11 opencode: after a hole there is one gap, no wrong offset, and the whole text", () => {
    const { events } = run(start, [
      sending(id(1)),
      user(1),
      busy,
      answer(2),
      text(2, ""),
      { _tag: "Delta", sessionId: root, partId: ItemId.make("prt_2"), delta: "a" },
      {
        _tag: "Restored",
        read: {
          busy: true,
          messages: [user(1), answer(2)].flatMap(stored),
          children: [],
          permissions: [],
          questions: []
        }
      },
      { _tag: "Delta", sessionId: root, partId: ItemId.make("prt_2"), delta: "c" },
      text(2, "abc", 1),
      answer(2, done),
      idle
    ])
    assert.deepStrictEqual(tags(events), ["ItemStarted", "ItemDelta", "Gap", "ItemCompleted"])
  })

  it("P11 opencode: a prompt that was shown in a hole ends its turn only by what the history says", () => {
    const { events, state, wants } = run(start, [
      sending(id(1)),
      { _tag: "Restored", read: undefined },
      answer(2),
      text(2, "said before the prompt was known", 1),
      { _tag: "Sent", messageId: id(1) },
      answer(2, done),
      idle
    ])
    assert.deepStrictEqual(terminals(events), [])
    assert.strictEqual(wants.at(-1)?._tag, "Check")
    assert.strictEqual(state.turn?.turnId, turnId)
  })

  it("P11 opencode: a part of a message that was not heard has the session read again, once, and what was missed is told", () => {
    const missing = run(start, [
      sending(id(1)),
      user(1),
      busy,
      text(2, "unheard", 1),
      text(2, "unheard", 2),
      answer(3, done),
      text(3, "heard", 3),
      idle
    ])
    assert.deepStrictEqual(missing.wants.map(({ _tag }) => _tag), ["Accepted", "Missed", "Check"])
    const unheard = text(2, "unheard", 1)
    const before = answer(2, { ...done, finish: "tool-calls" })
    const read = {
      busy: false,
      messages: [
        ...stored(user(1)),
        ...stored(before).map(({ info }) => ({ info, parts: unheard._tag === "Part" ? [unheard.part] : [] }))
      ],
      children: [],
      permissions: [],
      questions: []
    }
    const { events } = run(missing.state, [{ _tag: "Restored", read }, checked([user(1), answer(3, done)])])
    assert.deepStrictEqual(tags(events), ["ItemStarted", "ItemCompleted", "TurnCompleted"])
    assert.deepInclude(events.find(({ _tag }) => _tag === "ItemCompleted"), { recovered: true })
  })

  it("P5 P11 opencode: an answer to a prompt that was not shown proves that the prompt arrived, and that something was missed", () => {
    const { state, wants } = run(start, [sending(id(1)), answer(2, { ...done, parentID: id(1) }), idle])
    assert.deepStrictEqual(wants.map(({ _tag }) => _tag), ["Missed", "Accepted", "Check"])
    assert.deepStrictEqual(tags(run(state, [checked([user(1), answer(2, done)])]).events), ["TurnCompleted"])
  })

  it("P11 opencode: what comes late of the turn before is no sign that something was missed", () => {
    const { wants } = run(start, [
      sending(id(1)),
      user(1),
      busy,
      answer(2, done),
      idle,
      sending(id(3), TurnId.make("turn-2")),
      user(3),
      text(2, "late", 1)
    ])
    assert.deepStrictEqual(wants.map(({ _tag }) => _tag), ["Accepted", "Ended", "Accepted"])
  })

  it("P1 opencode: the answer to what another client said in our turn is of our turn only while ours is unfinished", () => {
    const theirs = text(3, "from them")
    const during = (own: object, parentID: string) =>
      run(start, [
        sending(id(1)),
        user(1),
        busy,
        answer(2, { ...own, parentID: id(1) }),
        user(3),
        theirs,
        answer(4, { ...done, parentID }),
        text(4, "to them", 1),
        idle
      ])
    const ended = (events: ReadonlyArray<ProviderEvent>) =>
      events.flatMap((event) =>
        event._tag === "TurnCompleted" || event._tag === "TurnBegan" ? [`${event._tag} ${event.turnId}`] : []
      )
    const apart = during(done, id(3)).events
    assert.deepStrictEqual(ended(apart), [`TurnCompleted ${turnId}`, `TurnBegan ${id(3)}`, `TurnCompleted ${id(3)}`])
    assert.deepStrictEqual(
      apart.flatMap((event) => event._tag === "ItemCompleted" ? [event.turnId] : []),
      [turnId, TurnId.make(id(3))]
    )
    const [told, read] = [theirs, answer(4, { ...done, parentID: id(3) })]
    const again = run(
      run(start, [sending(id(1)), user(1), busy, answer(2, { ...done, parentID: id(1) }), user(3), told, read]).state,
      [{
        _tag: "Checked",
        turnId: TurnId.make(id(3)),
        messages: [
          ...stored(user(3)).map(({ info }) => ({ info, parts: told._tag === "Part" ? [told.part] : [] })),
          ...stored(read)
        ],
        attempt: 1,
        final: false
      }]
    )
    assert.deepStrictEqual(tags(again.events), ["TurnCompleted"])
    const joint = during({ finish: "tool-calls", time: { completed: 1 } }, id(3)).events
    assert.deepStrictEqual(ended(joint), [`TurnCompleted ${turnId}`])
  })

  it("P4 opencode: an unknown frame is kept, a known one of the wrong shape too", () => {
    const frame = (type: string, properties: unknown) =>
      Frame.decode({ _tag: "Frame", sessionId: root, type, properties })
    const unknown = frame("session.exploded", { sessionID: root, why: 1 })
    assert.deepStrictEqual(unknown, {
      _tag: "Unrecognized",
      type: "session.exploded",
      raw: { sessionID: root, why: 1 }
    })
    assert.deepInclude(frame("message.updated", { sessionID: root }), { _tag: "Unrecognized" })
    assert.deepInclude(frame("message.part.updated", { part: { type: "hologram" } }), { _tag: "Unrecognized" })
    assert.deepInclude(frame("message.part.delta", { sessionID: root }), { _tag: "Unrecognized" })
    assert.isUndefined(frame("session.diff", { sessionID: root, diff: [] }))
  })

  it("P11 opencode: ten thousand deltas, joined, are the text", () => {
    const opened = run(start, [sending(id(1)), user(1), busy, answer(2), text(2, "")]).state
    const properties = { sessionID: root, messageID: id(2), partID: "prt_2", field: "text", delta: "word " }
    let state = opened
    for (let n = 0; n < 10_000; n++) {
      const frame = Frame.decode({ _tag: "Frame", sessionId: root, type: "message.part.delta", properties })
      if (frame !== undefined) state = reduce(state, frame).state
    }
    const item = state.items.open.get(ItemId.make("prt_2"))?.item
    assert.strictEqual(item?._tag === "AssistantMessage" && item.text.length, 50_000)
  })
})
