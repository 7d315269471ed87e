/** What is told of a transcript that lacks what was shown, on the real binary. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect, FileSystem } from "effect"
import * as Transcript from "../../../src/claude/session/Transcript.ts"
import { Conformance } from "../../../src/testing/index.ts"
import { onClaude } from "./OnClaude.ts"

const { Bench: { listen }, Check: { equal } } = Conformance

const allowing = { auto: true, gate: () => Effect.succeed({ _tag: "Allow" as const, context: [] }) }

onClaude((world) => {
  /** Takes the last message off the session's file. */
  const cut = Effect.fnUntraced(function*(sessionId: string) {
    const fs = yield* FileSystem.FileSystem
    const { home } = yield* world
    const file = yield* Effect.flatMap(Transcript.find(`${home}/claude`, sessionId), Effect.fromOption)
    const lines = Transcript.linesOf(yield* fs.readFileString(file))
    const last = lines.findLastIndex(({ entry }) => entry !== undefined && Transcript.isMessage(entry.line))
    yield* fs.writeFileString(file, Transcript.textOf(lines.slice(0, last)))
  })

  const rule = (behind: boolean): Conformance.Rule => ({
    id: `claude/history-${behind ? "behind" : "whole"}`,
    promise: "P13",
    title: behind
      ? "a transcript that lacks what was shown holds a compaction up for a moment only, and a reader is told"
      : "of a transcript that has all that was shown a reader is told nothing at a compaction",
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        const { awaitEvent, run, seen, session } = yield* listen(host, { compaction: allowing })
        yield* run(bench.prompts.say("one"))
        yield* run(bench.prompts.say("two"))
        if (behind) yield* cut(session.sessionId)
        yield* session.compact
        yield* awaitEvent(
          "the end of the compaction",
          (event): event is Extract<typeof event, { readonly _tag: "CompactionCompleted" }> =>
            event._tag === "CompactionCompleted"
        )
        const warnings = (yield* seen).flatMap((event) => event._tag === "Warning" ? [event.code] : [])
        yield* equal(warnings, behind ? ["history-behind"] : [], "warnings")
      }, Effect.provide(NodeServices.layer)))
  })
  return [rule(true), rule(false)]
})
