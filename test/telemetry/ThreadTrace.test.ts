/** A thread's events as spans and numbers, without any of them being made. */
import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { readFileSync } from "node:fs"
import { Epoch, Position, ThreadEvent, ThreadId, TurnId } from "../../src/index.ts"
import * as draft from "../../src/telemetry/internal/draft.ts"
import type { Mark } from "../../src/telemetry/internal/marks.ts"
import * as threadTrace from "../../src/telemetry/internal/threadTrace.ts"
import * as traceparent from "../../src/telemetry/internal/traceparent.ts"

const threadId = ThreadId.make("thread")
const golden = Schema.decodeUnknownSync(Schema.Array(ThreadEvent))(
  JSON.parse(readFileSync(new URL("../golden/events-v1.json", import.meta.url), "utf8"))
)

const fold = (inputs: ReadonlyArray<threadTrace.Input>) => {
  let state = draft.make({ threadId, provider: "mock", instanceId: "mock" })
  const marks: Array<Mark> = []
  for (const input of inputs) {
    const step = threadTrace.step(state, input)
    state = step.state
    marks.push(...step.marks)
  }
  return { state, marks }
}

const keysOf = (marks: ReadonlyArray<Mark>, tag: "Open" | "Close") =>
  marks.flatMap((mark) => mark._tag === tag ? [mark.key] : []).toSorted()

describe("the fold of a thread's events", () => {
  it("ends what it has opened, once each, whatever is in the log", () => {
    const end = ThreadEvent.cases.SessionEnded.make({
      reason: "lost",
      seq: golden.length + 1,
      threadId,
      epoch: Epoch.make(9),
      at: 9e12,
      position: Position.make("9")
    })
    const { marks, state } = fold([...golden, end])
    assert.strictEqual(state.open.size, 0)
    assert.deepStrictEqual(keysOf(marks, "Open"), keysOf(marks, "Close"))
    const levels = new Map<string, number>()
    for (const mark of marks) {
      if (mark._tag === "Level") levels.set(mark.metric, (levels.get(mark.metric) ?? 0) + mark.by)
    }
    for (const [metric, level] of levels) assert.strictEqual(level, 0, metric)
  })

  it("a turn that was intended and not sent ends as refused, and is not counted", () => {
    const turnId = TurnId.make("turn")
    const { marks, state } = fold([
      { _tag: "Intended", turnId, model: undefined, at: 1000 },
      { _tag: "Withdrawn", turnId, at: 2000 }
    ])
    assert.strictEqual(state.open.size, 0)
    const close = marks.find((mark) => mark._tag === "Close")
    assert.strictEqual(close?.attributes["eca.outcome"], "refused")
    assert.isFalse(marks.some((mark) => mark._tag === "Count"))
  })
})

describe("a traceparent", () => {
  it("is read back as the span that it was made of; what is none is nothing", () => {
    const text = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    const span = traceparent.parse(text)
    assert.isDefined(span)
    if (span !== undefined) assert.strictEqual(traceparent.of(span), text)
    for (const broken of ["", "00-xyz", `${text}-more`, text.toUpperCase()]) {
      assert.isUndefined(traceparent.parse(broken))
    }
  })
})
