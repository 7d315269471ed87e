import { assert, describe, it } from "@effect/vitest"
import type { EventBody } from "../../src/domain/ThreadEvent.ts"
import * as Epoch from "../../src/thread/epoch/Epoch.ts"
import { judge, live, type Machine } from "../support/EpochModel.ts"

const lives = 100_000
const length = 30

/** The first of many lives in which the machine breaks a promise. */
const firstBroken = (machine: Machine, seeds: number) => {
  for (let seed = 1; seed <= seeds; seed++) {
    const wrong = judge(live(machine, seed, length))
    if (wrong.length > 0) return { seed, wrong }
  }
  return undefined
}

/** The machine with what it records changed. */
const recording = (change: (events: ReadonlyArray<EventBody>) => ReadonlyArray<EventBody>): Machine => (...args) => {
  const step = Epoch.step(...args)
  return { ...step, events: change(step.events) }
}

describe("Epoch", () => {
  it(`P4 P6 P12 P16 epoch: ${lives.toLocaleString("en")} random lives break no promise`, () => {
    assert.isUndefined(firstBroken(Epoch.step, lives))
  })

  const broken: ReadonlyArray<readonly [string, Machine]> = [
    ["drops the items that an end cuts", recording((events) => events.filter((event) => !("cut" in event)))],
    [
      "forgets what was seen of them",
      recording((events) =>
        events.map((event) =>
          event._tag === "ItemCompleted" && event.cut === true && event.item._tag === "AssistantMessage"
            ? { ...event, item: { ...event.item, text: "" } }
            : event
        )
      )
    ],
    ["settles no request", recording((events) => events.filter((event) => event._tag !== "ApprovalSettled"))],
    [
      "ends a turn twice",
      recording((events) => [...events, ...events.filter((event) => event._tag === "TurnFailed")])
    ],
    [
      "loses the outcome of a compaction",
      recording((events) => events.filter(({ _tag }) => _tag !== "CompactionSettled"))
    ],
    [
      "reports no usage",
      recording((events) =>
        events.map((event) =>
          event._tag === "TurnInterrupted" || event._tag === "TurnFailed"
            ? { ...event, usage: { ...event.usage, input: 0 } }
            : event
        )
      )
    ],
    ["wakes no waiter", (...args) => ({ ...Epoch.step(...args), wants: [] })]
  ]
  for (const [what, machine] of broken) {
    it(`the judge of lives finds a machine that ${what}`, () => {
      assert.isDefined(firstBroken(machine, 1000))
    })
  }
})
