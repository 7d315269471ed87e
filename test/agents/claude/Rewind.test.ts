/** What a rewind takes back on the real binary, and what not. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect, FileSystem } from "effect"
import { Conformance } from "../../../src/testing/index.ts"
import { onClaude } from "./OnClaude.ts"

const { Bench: { cursorOf, listen }, Check: { equal, expect } } = Conformance

onClaude((world) => [
  {
    id: "claude/rewind-files",
    promise: "P1",
    title: "a rewind takes back what Claude's tools changed, also before a resume, and leaves what a command changed",
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        const first = yield* listen(host)
        const at = (name: string) => bench.path.join(first.session.directory, name)
        yield* Effect.provide(FileSystem.FileSystem, NodeServices.layer).pipe(
          Effect.flatMap((fs) => fs.writeFileString(at("kept"), "as before\n")),
          Effect.orDie
        )
        yield* first.run(bench.prompts.say("silver anchor"), { model: { id: "sonnet" } })
        const turnId = yield* first.send(bench.prompts.edit("made"), { context: ["a note beside"] })
        yield* first.awaitEvent("the end", Conformance.Bench.endsTurn(turnId))
        yield* first.run(bench.prompts.run("touch commanded"))
        const evidence = yield* first.session.history
        const ref = evidence.messages.find(({ items }) =>
          items.some((item) => item._tag === "UserMessage" && item.text === bench.prompts.edit("made"))
        )?.id
        const from = { _tag: "Resume", cursor: yield* cursorOf(first) } as const
        yield* first.close
        const { run, session } = yield* listen(host, { from })
        yield* session.rewind({ turnId, ref })
        yield* equal(yield* Effect.filter(["kept", "made", "commanded"], (name) => bench.exists(at(name))), [
          "kept",
          "commanded"
        ], "files that are there")
        const known = yield* run(bench.prompts.recall)
        yield* expect(known.includes("silver anchor"), "what was said before", known)
        yield* expect(!/made|commanded|beside/.test(known), "nothing of the turn and after it", known)
      }))
  },
  {
    id: "claude/rewind-all",
    promise: "P1",
    title: "a session that is taken back to its first turn knows nothing, and can be resumed",
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        const first = yield* listen(host)
        const turnId = yield* first.send(bench.prompts.say("silver anchor"))
        yield* first.awaitEvent("the end", Conformance.Bench.endsTurn(turnId))
        const ref = (yield* first.session.history).messages.find(({ role }) => role === "user")?.id
        yield* first.session.rewind({ turnId, ref })
        const from = { _tag: "Resume", cursor: yield* cursorOf(first) } as const
        yield* first.close
        const again = yield* listen(host, { from })
        const known = yield* again.run(bench.prompts.recall)
        yield* expect(!known.includes("anchor"), "nothing of the past", known)
      }))
  },
  {
    id: "claude/rewind-plan",
    promise: "P7",
    title: "a turn plans where it is asked to, also after one that planned was taken back, and the next one acts",
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        const { model } = yield* world
        const { awaitEvent, run, send, session } = yield* listen(host)
        const planned = Effect.map(model.requests, (all) =>
          JSON.stringify(all.at(-1)?.raw).includes("Plan mode is active"))
        yield* run(bench.prompts.say("one"))
        const turnId = yield* send(bench.prompts.say("two"), { mode: "plan" })
        yield* awaitEvent("the end", Conformance.Bench.endsTurn(turnId))
        const ref = (yield* session.history).messages.findLast(({ role }) =>
          role === "user"
        )?.id
        yield* session.rewind({ turnId, ref })
        yield* run(bench.prompts.say("three"), { mode: "plan" })
        yield* equal(yield* planned, true, "whether the model is told that it plans")
        yield* session.rewind({
          turnId,
          ref: (yield* session.history).messages.findLast(({ role }) => role === "user")?.id
        })
        yield* run(bench.prompts.say("four"))
        yield* equal(yield* planned, false, "whether it is in a turn that asks for no plan")
      }))
  }
])
