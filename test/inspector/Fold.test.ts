/**
 * What the inspector's page makes of what it is sent, without a browser: frames, events in their places, what happens next,
 * and text that is shown.
 */
import { assert, describe, it } from "@effect/vitest"
import {
  Epoch,
  InstanceId,
  ItemId,
  Position,
  ProviderName,
  RequestId,
  SessionId,
  ThreadId,
  TurnId
} from "../../src/domain/Ids.ts"
import type { EventBody, ThreadEvent } from "../../src/domain/ThreadEvent.ts"
import * as ThreadView from "../../src/domain/ThreadView.ts"
import { fieldsOf, valuesOf } from "../../src/inspector/page/form.ts"
import { nextOf } from "../../src/inspector/page/next.ts"
import { parser } from "../../src/inspector/page/sse.ts"
import * as Timeline from "../../src/inspector/page/timeline.ts"

const threadId = ThreadId.make("t")
const turnId = TurnId.make("turn")

const events = (...bodies: ReadonlyArray<EventBody>): ReadonlyArray<ThreadEvent> => {
  let seq = 0
  return bodies.map((body): ThreadEvent => {
    if (body._tag !== "ItemDelta" && body._tag !== "Gap") seq++
    const place = { seq, threadId, epoch: Epoch.make(1), at: 1000 + seq, position: Position.make(String(seq)) }
    return Object.assign(place, body)
  })
}

const started: EventBody = {
  _tag: "SessionStarted",
  instanceId: InstanceId.make("mock"),
  provider: ProviderName.make("mock"),
  sessionId: SessionId.make("s"),
  directory: "/repo",
  runtimeMode: "approval-required",
  projectConfig: "instructions",
  continuity: { _tag: "Created" }
}
const message = (text: string, id = "m") => ({ _tag: "AssistantMessage", itemId: ItemId.make(id), text }) as const
const request = { requestId: RequestId.make("r"), kind: "command", subject: "rm", detail: null } as const

const log = events(
  started,
  { _tag: "TurnStarted", turnId, input: { prompt: "hello" } },
  { _tag: "ItemStarted", turnId, item: message("") },
  { _tag: "ItemDelta", turnId, itemId: ItemId.make("m"), field: "text", offset: 0, delta: "Hel" },
  { _tag: "Gap", turnId, cause: "slow-reader", lost: "deltas" },
  { _tag: "ItemCompleted", turnId, item: message("Hello") },
  { _tag: "RetryScheduled", turnId, attempt: 1 },
  { _tag: "ApprovalRequested", turnId, request },
  { _tag: "ApprovalSettled", turnId, requestId: request.requestId, by: "user", decision: { _tag: "AllowOnce" } },
  { _tag: "ItemCompleted", turnId, item: message("Done", "n") },
  { _tag: "TurnCompleted", turnId, usage: { input: 1 } },
  { _tag: "SessionEnded", reason: "reaped" }
)

const folded = (all: ReadonlyArray<ThreadEvent>) => {
  const timeline = Timeline.make()
  for (const event of all) Timeline.add(timeline, event)
  return timeline
}

const words = (row: Timeline.Row): string => {
  switch (row.kind) {
    case "note":
      return row.event._tag
    case "item":
      return "text" in row.one.item ? row.one.item.text : row.one.item._tag
    case "turn":
      return `turn ${row.turn.input?.prompt}`
    case "end":
      return `end ${row.event?._tag}`
  }
}

describe("the timeline", () => {
  it("shows everything at the place where it happened", () => {
    assert.deepStrictEqual(Timeline.rows(folded(log)).map(words), [
      "SessionStarted",
      "turn hello",
      "Hello",
      "Gap",
      "RetryScheduled",
      "ApprovalRequested",
      "Done",
      "end TurnCompleted",
      "SessionEnded"
    ])
  })

  it("is the fold that apps have, at every event", () => {
    const timeline = Timeline.make()
    let view = ThreadView.empty
    for (const event of log) {
      Timeline.add(timeline, event)
      view = ThreadView.step(view, event)
      assert.deepStrictEqual({ ...timeline.view, seq: 0 }, { ...view, seq: 0 })
    }
    assert.strictEqual(timeline.view.seq, 10)
    assert.strictEqual(timeline.settled.get("r")?._tag, "ApprovalSettled")
  })

  it("takes an event that comes twice once, and keeps one key for each row", () => {
    const twice = folded([...log.slice(0, 9), ...log.slice(2)])
    assert.deepStrictEqual(
      Timeline.rows(twice).map(words).filter((word) => word !== "Gap"),
      Timeline.rows(folded(log)).map(words).filter((word) => word !== "Gap")
    )
    const keys = Timeline.rows(twice).map(({ key }) => key)
    assert.strictEqual(new Set(keys).size, keys.length)
  })

  it("begins anew where the log is another one", () => {
    const other = folded([...log, ...events({ _tag: "Gap", cause: "log-replaced", lost: "events" }, started)])
    assert.deepStrictEqual(Timeline.rows(other).map(words), ["Gap", "SessionStarted"])
  })

  it("has the raw event of each row", () => {
    const timeline = folded(log)
    const raw = Timeline.rows(timeline).map((row) => Timeline.eventOf(timeline, row)?._tag)
    assert.deepStrictEqual(raw, [
      "SessionStarted",
      "TurnStarted",
      "ItemCompleted",
      "Gap",
      "RetryScheduled",
      "ApprovalRequested",
      "ItemCompleted",
      "TurnCompleted",
      "SessionEnded"
    ])
  })
})

describe("frames", () => {
  const text =
    ": open\r\n\r\nid: 1\ndata: {\"a\":\ndata: 1}\n\nevent: ping\ndata: \n\nid: 2\r\nevent: failure\r\ndata: x\r\n\r\n"
  const frames = [
    { id: "1", event: "message", data: "{\"a\":\n1}" },
    { id: undefined, event: "ping", data: "" },
    { id: "2", event: "failure", data: "x" }
  ]

  it("are read, wherever the network cuts them", () => {
    for (let at = 0; at <= text.length; at++) {
      const read = parser()
      assert.deepStrictEqual([...read(text.slice(0, at)), ...read(text.slice(at))], frames)
    }
    const read = parser()
    assert.deepStrictEqual(Array.from(text).flatMap((one) => read(one)), frames)
  })

  it("that are long cost as much time as they are long, in however many pieces they come", () => {
    const read = parser()
    const piece = "x".repeat(64 * 1024)
    const begun = performance.now()
    read("id: 7\ndata: ")
    for (let n = 0; n < 400; n++) assert.lengthOf(read(piece), 0)
    const [frame] = read("\n\n")
    assert.deepStrictEqual([frame?.id, frame?.data.length], ["7", 400 * piece.length])
    // Looked at again with each piece, it took 8 seconds, and the page stood still.
    assert.isBelow(performance.now() - begun, 2000)
  })
})

describe("what happens next", () => {
  const stop = { _tag: "Stop", at: 1100, because: "idle", givesWay: false } as const
  const idle = { status: "idle", background: [], epoch: Epoch.make(1), reaper: stop } as const

  it("is what the server says that the reaper will do", () => {
    assert.deepStrictEqual(nextOf(idle), { text: "The reaper stops the idle session at about", at: 1100 })
    assert.include(nextOf({ ...idle, reaper: { ...stop, givesWay: true } }).more, "needs its place")
    assert.include(nextOf({ ...idle, reaper: { ...stop, because: "live-cap" } }).text, "reaper.maxLive")
    const background = [{ _tag: "Item", item: message("") }] as const
    assert.include(nextOf({ ...idle, background, reaper: { ...stop, because: "pin-cap" } }).text, "1 task")
    assert.include(nextOf({ ...idle, reaper: { _tag: "Keep", because: "exempt" } }).text, "exempted")
  })

  it("is not the reaper's where the events are ahead of what the server said", () => {
    assert.isUndefined(nextOf({ ...idle, status: "running" }).at)
    assert.isUndefined(nextOf({ ...idle, status: "waiting" }).at)
  })

  it("is said not to be known where the server has not told", () => {
    assert.include(nextOf({ status: "idle", background: [], epoch: Epoch.make(1) }).text, "does not know")
  })

  it("tells a thread that never had a session from one that was stopped", () => {
    const stopped = { ...idle, status: "stopped" } as const
    assert.include(nextOf({ ...stopped, epoch: Epoch.make(0) }).text, "the first turn")
    assert.include(nextOf(stopped).text, "goes on")
  })
})

describe("a form of a JSON Schema", () => {
  const schema = {
    type: "object",
    required: ["name"],
    properties: {
      name: { type: "string", title: "Name" },
      size: { type: "integer" },
      kind: { enum: ["a", "b"] },
      sure: { type: "boolean" },
      more: { type: "array" }
    }
  }

  it("asks for plain values, and for the rest as JSON", () => {
    assert.deepStrictEqual(fieldsOf(schema).map(({ kind }) => kind), [
      "text",
      "integer",
      "choice",
      "boolean",
      "json"
    ])
    assert.deepStrictEqual(fieldsOf({ properties: "x" }), [])
  })

  it("gives what was filled in, and nothing else", () => {
    const form = new FormData()
    form.set("name", "n")
    form.set("size", "3")
    form.set("more", "[1]")
    form.set("other", "x")
    assert.deepStrictEqual(valuesOf(fieldsOf(schema), form), { values: { name: "n", size: 3, sure: false, more: [1] } })
    form.set("more", "[")
    assert.deepStrictEqual(valuesOf(fieldsOf(schema), form), { wrong: "more" })
  })

  it("takes a field of any name for a field", () => {
    const form = new FormData()
    form.set("__proto__", "x")
    const hostile: unknown = JSON.parse("{\"properties\":{\"__proto__\":{\"type\":\"string\"}}}")
    const values = valuesOf(fieldsOf(hostile), form)
    assert.strictEqual(JSON.stringify(values), "{\"values\":{\"__proto__\":\"x\"}}")
  })
})
