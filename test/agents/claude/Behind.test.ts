/** What is saved of a transcript that lacks what was shown, on the real binary. */
import { Effect } from "effect"
import { Conformance } from "../../../src/testing/index.ts"
import { behind } from "./ConformingClaude.ts"
import { onClaude } from "./OnClaude.ts"

const { Bench: { run, start, stored, thread, within }, Check: { equal } } = Conformance

onClaude((world) => {
  const rule = (isBehind: boolean): Conformance.Rule => ({
    id: `claude/history-${isBehind ? "behind" : "whole"}`,
    promise: "P13",
    title: isBehind
      ? "a transcript that lacks what was shown holds a compaction up for a moment, and its snapshot says concurrent"
      : "of a transcript that has all that was shown the snapshot before a compaction says so",
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        const { sessionId } = yield* start(host)
        yield* run(host, bench.prompts.say("one"))
        yield* run(host, bench.prompts.say("two"))
        if (isBehind) yield* Effect.flatMap(world, ({ home }) => behind(home, sessionId))
        const { outcome, snapshot } = yield* within(
          bench,
          "the end of the compaction",
          host.agents.compactThread({ threadId: thread })
        )
        yield* equal([outcome, snapshot?.timing], ["completed", isBehind ? "concurrent" : "before"], "what was saved")
        const warnings = (yield* stored(host)).flatMap((event) => event._tag === "Warning" ? [event.code] : [])
        yield* equal(warnings, isBehind ? ["history-behind"] : [], "warnings")
      }))
  })
  return [rule(true), rule(false)]
})
