import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as GeneratedCursors from "../support/GeneratedCursors.ts"
import * as MutatedLines from "../support/MutatedLines.ts"
import * as MutatedTurns from "../support/MutatedTurns.ts"
import * as Recordings from "../support/Recordings.ts"

/** In all about two minutes on an idle machine. */
const timeout = 1_800_000

describe("decoding, at length", () => {
  it.each(Recordings.all)("frames of OpenCode are the same wherever their bytes are cut in two: $name", ({ lines }) => {
    MutatedTurns.sameWhereverCut(lines)
  }, timeout)

  it("turns of OpenCode end once, whole and in order through 200,000 damaged frames, and leave nothing behind", () => {
    const report = MutatedTurns.run({ frames: 200_000, seed: 2 })
    assert.isAtLeast(report.damaged, 200_000)
    assert.isBelow(report.held, MutatedTurns.heldAtMost)
  }, timeout)

  it.live(
    "P15 adapter: 1,000,000 damaged lines of a peer, cut anywhere, are each a frame or a report, in order",
    () =>
      Effect.gen(function*() {
        const report = yield* MutatedLines.run({ frames: 1_000_000, seed: 4 })
        assert.isAtLeast(report.lines, 1_000_000)
        assert.isAtLeast(report.damaged, 300_000)
      }),
    timeout
  )

  it.effect(
    "P3 cursor: 100,000 generated and damaged ones are each read as the rules say",
    () =>
      Effect.gen(function*() {
        const answers = yield* GeneratedCursors.run({ count: 100_000, seed: 2 })
        assert.sameMembers(Array.from(answers.keys()), ["Valid", "Absent", "Malformed", "Foreign", "Unsupported"])
      }),
    timeout
  )
})
