import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { ItemId, RequestId, TurnId } from "../../src/domain/Ids.ts"
import type { Item } from "../../src/domain/Item.ts"
import * as OpenWork from "../../src/domain/OpenWork.ts"
import type { EventBody } from "../../src/domain/ThreadEvent.ts"
import * as Usage from "../../src/domain/Usage.ts"

const turnId = TurnId.make("turn")
const usage = { ...Usage.zero, input: 5000 }
const input = { prompt: "hello" }
const command: Item = { _tag: "Command", itemId: ItemId.make("command"), command: "make", status: "running" }
const answer: Item = { _tag: "AssistantMessage", itemId: ItemId.make("answer"), text: "" }
const request = { requestId: RequestId.make("r"), kind: "command", subject: "make", detail: null } as const

const foldAll = (bodies: ReadonlyArray<EventBody>) => bodies.reduce(OpenWork.fold, OpenWork.empty)
const crash = (bodies: ReadonlyArray<EventBody>) => OpenWork.closeAfterCrash(foldAll(bodies), { endedAt: 7 })

/** A few ids, so that what is closed was often opened before. */
const Act = Schema.TaggedUnion({
  Turn: { turn: Schema.Literals(["a", "b"]), does: Schema.Literals(["starts", "ends", "reports"]) },
  Item: {
    turn: Schema.Literals(["a", "b", "none"]),
    item: Schema.Literals(["1", "2", "3"]),
    does: Schema.Literals(["starts", "grows", "ends"])
  },
  Request: {
    turn: Schema.Literals(["a", "none"]),
    request: Schema.Literals(["1", "2"]),
    does: Schema.Literals(["asks", "settles"])
  },
  Compaction: { compaction: Schema.Literals(["1", "2"]), does: Schema.Literals(["gates", "settles"]) }
})

const of = (turn: string) => turn === "none" ? {} : { turnId: TurnId.make(turn) }

const toEvent = (act: typeof Act.Type): EventBody =>
  Act.match(act, {
    Turn: ({ does, turn }): EventBody => {
      const turnId = TurnId.make(turn)
      if (does === "starts") return { _tag: "TurnStarted", turnId, input }
      return does === "ends" ? { _tag: "TurnCompleted", turnId, usage } : { _tag: "UsageUpdated", turnId, usage }
    },
    Item: ({ does, item, turn }): EventBody => {
      const itemId = ItemId.make(item)
      if (does === "grows") return { _tag: "ItemDelta", itemId, field: "text", offset: 0, delta: "seen", ...of(turn) }
      const whole: Item = item === "3" ? { ...command, itemId } : { ...answer, itemId }
      return { _tag: does === "starts" ? "ItemStarted" : "ItemCompleted", item: whole, ...of(turn) }
    },
    Request: ({ does, request: id, turn }): EventBody => {
      const requestId = RequestId.make(id)
      return does === "asks"
        ? { _tag: "ApprovalRequested", request: { ...request, requestId }, ...of(turn) }
        : { _tag: "ApprovalSettled", requestId, by: "user" }
    },
    Compaction: ({ compaction, does }): EventBody =>
      does === "gates"
        ? { _tag: "CompactionGated", compactionId: compaction, trigger: "auto", vetoable: true }
        : { _tag: "CompactionSettled", compactionId: compaction, trigger: "auto", outcome: "completed" }
  })

describe("OpenWork", () => {
  it("P16 open-work: an item is completed as cut, with what was seen of it, and failed where it has a status", () => {
    const open = foldAll([
      { _tag: "ItemStarted", turnId, item: command },
      { _tag: "ItemDelta", turnId, itemId: command.itemId, field: "output", offset: 0, delta: "line 1\n" },
      { _tag: "ItemStarted", turnId, item: answer },
      { _tag: "ItemDelta", turnId, itemId: answer.itemId, field: "text", offset: 0, delta: "Hel" },
      { _tag: "ItemDelta", turnId, itemId: answer.itemId, field: "text", offset: 3, delta: "lo" }
    ])
    assert.deepStrictEqual(OpenWork.completeItems(open.items.values()), [
      { _tag: "ItemCompleted", turnId, item: { ...command, output: "line 1\n", status: "failed" }, cut: true },
      { _tag: "ItemCompleted", turnId, item: { ...answer, text: "Hello" }, cut: true }
    ])
    assert.deepStrictEqual(OpenWork.completeItems(open.items.values(), TurnId.make("another")), [])
  })

  it("P6 open-work: the requests of one turn are settled, the others stay", () => {
    const requests = new Map<RequestId, OpenWork.OpenRequest>([
      [RequestId.make("approval"), { kind: "approval", turnId }],
      [RequestId.make("question"), { kind: "question", turnId: undefined }]
    ])
    assert.deepStrictEqual(OpenWork.settleRequests(requests, "turn-ended", turnId), [
      { _tag: "ApprovalSettled", turnId, requestId: RequestId.make("approval"), by: "turn-ended" }
    ])
    assert.deepStrictEqual(OpenWork.settleRequests(requests, "session-ended").map((event) => event._tag), [
      "ApprovalSettled",
      "QuestionSettled"
    ])
  })

  it("P4 open-work: after a crash a started turn is unknown, with the last usage known", () => {
    const started: ReadonlyArray<EventBody> = [
      { _tag: "TurnStarted", turnId, input },
      { _tag: "UsageUpdated", usage: Usage.zero },
      { _tag: "UsageUpdated", turnId, usage }
    ]
    assert.deepStrictEqual(crash(started), [
      { _tag: "TurnUnknown", turnId, reason: "host-crash", usage },
      { _tag: "SessionEnded", reason: "host-crash", endedAt: 7 }
    ])
    assert.deepStrictEqual(crash([...started, { _tag: "TurnCompleted", turnId, usage }]), [
      { _tag: "SessionEnded", reason: "host-crash", endedAt: 7 }
    ])
  })

  it("P5 open-work: a turn that was perhaps sent has its start in the log, and is unknown", () => {
    const open = OpenWork.recordTurn(OpenWork.empty, turnId, { input, started: false })
    assert.deepStrictEqual(OpenWork.closeAfterCrash(open, { endedAt: undefined }), [
      { _tag: "TurnStarted", turnId, input },
      { _tag: "TurnUnknown", turnId, reason: "delivery-uncertain" }
    ])
  })

  it.prop("P4 P6 P16 open-work: whatever happened, closing it leaves nothing open and closes nothing twice", [
    Schema.Array(Act)
  ], ([acts]) => {
    const open = foldAll(acts.map(toEvent))
    const closing = OpenWork.closeAfterCrash(open, { endedAt: 7 })
    const closed = closing.slice(0, -1)
    assert.deepStrictEqual(closed.reduce(OpenWork.fold, open), OpenWork.empty)
    assert.strictEqual(closing.at(-1)?._tag, "SessionEnded")
    const sizes = [open.items, open.requests, open.turns, open.compactions].map((map) => map.size)
    assert.strictEqual(closed.length, sizes.reduce((a, b) => a + b))
    const order = ["ItemCompleted", "ApprovalSettled", "TurnUnknown", "CompactionSettled"]
    const ranks = closed.map((event) => order.indexOf(event._tag))
    assert.deepStrictEqual(ranks, ranks.toSorted((a, b) => a - b))
    for (const event of closed) {
      if (event._tag !== "ItemCompleted") continue
      assert.deepStrictEqual(event.turnId, open.items.get(event.item.itemId)?.turnId)
      assert.isTrue(event.cut)
    }
  }, { arbitrary: { runs: 500 } })
})
