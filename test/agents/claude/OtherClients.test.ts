/** What happens where another program works with a session of ours, on the real binary. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect, FileSystem } from "effect"
import { TurnId } from "../../../src/domain/Ids.ts"
import type { ProviderEvent } from "../../../src/domain/ThreadEvent.ts"
import { Conformance, ModelReply } from "../../../src/testing/index.ts"
import { outside } from "./ConformingClaude.ts"
import { onClaude, past } from "./OnClaude.ts"

const { Bench: { cursorOf, endsTurn, listen }, Check: { equal, expect, refused } } = Conformance

/** Warnings and what belongs to no turn, in the order of their telling. */
const told = ({ seen }: Conformance.Bench.Listener) =>
  Effect.map(seen, (events) => events.flatMap((event) => lineOf(event) ?? []))

const lineOf = (event: ProviderEvent): string | undefined => {
  if (event._tag === "Warning") return event.code
  if (event._tag !== "ItemCompleted" || event.turnId !== undefined || !("text" in event.item)) return undefined
  return "origin" in event.item ? `${event.item.origin}: ${event.item.text}` : event.item.text
}

const foreign = ["other-client", "other-client: say from elsewhere", "from elsewhere"]

onClaude((world) => [
  {
    id: "claude/other-client",
    promise: "P1",
    title:
      "what another program does in a session that is live is told before the next turn, and what was done here is not",
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        const listener = yield* listen(host)
        const { run, session: { directory, sessionId } } = listener
        yield* run(bench.prompts.say("one"))
        yield* run(bench.prompts.say("two"))
        yield* equal(yield* told(listener), [], "what is told before")
        yield* outside(yield* world, { directory, resume: sessionId, words: "from elsewhere" })
        yield* run(bench.prompts.say("three"))
        yield* run(bench.prompts.say("four"))
        yield* equal(yield* told(listener), foreign, "what is told afterwards, once")
      }))
  },
  {
    id: "claude/other-client-before",
    promise: "P1",
    title: "what another program did in a session that was not live is told when it is resumed, once, and known",
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        const { from, session: { directory, sessionId } } = yield* past(host, bench.prompts.say("one"))
        yield* outside(yield* world, { directory, resume: sessionId, words: "from elsewhere" })
        const second = yield* listen(host, { from })
        const known = yield* second.run(bench.prompts.recall)
        yield* expect(known.includes("from elsewhere"), "what was said elsewhere in the context", known)
        yield* equal(yield* told(second), foreign, "what is told")
        const later = yield* cursorOf(second)
        yield* second.close
        const third = yield* listen(host, { from: { _tag: "Resume", cursor: later } })
        yield* third.run(bench.prompts.say("three"))
        yield* equal(yield* told(third), [], "what is told again")
      }))
  },
  {
    id: "claude/other-client-beside",
    promise: "P1",
    title:
      "what another program does while a turn runs here is told apart from what comes of that turn, before the next one",
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        const { model } = yield* world
        const listener = yield* listen(host)
        const { awaitEvent, run, session } = listener
        const { directory, sessionId } = session
        yield* run(bench.prompts.say("one"))
        const held = yield* model.hold(ModelReply.text("said here"))
        const turnId = TurnId.make("turn-beside")
        const ref = yield* session.turnRef(turnId)
        yield* session.sendTurn({ turnId, ref, input: { prompt: bench.prompts.say("two") } })
        yield* held.request
        yield* outside(yield* world, { directory, resume: sessionId, words: "from elsewhere" })
        yield* held.release
        yield* awaitEvent("the end of the turn", endsTurn(turnId))
        yield* run(bench.prompts.say("three"))
        yield* run(bench.prompts.say("four"))
        const evidence = yield* session.evidence({ turnId, ref })
        const items = evidence.items.flatMap((item) => "text" in item ? [item.text] : [])
        yield* equal([evidence.outcome, items.at(-1)], ["completed", "said here"], "what the file says of the turn")
        yield* equal(yield* told(listener), foreign, "what is told of the other program, once")
      }))
  },
  {
    id: "claude/in-use",
    promise: "P8",
    title: "a session that another Claude works with is not resumed a second time, and is once that one has ended",
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        const first = yield* listen(host)
        yield* first.run(bench.prompts.say("silver anchor"))
        const from = { _tag: "Resume", cursor: yield* cursorOf(first) } as const
        yield* refused(Effect.scoped(listen(host, { from })), ["SessionInUse"], "a second process of the session")
        yield* first.run(bench.prompts.say("two"))
        yield* first.close
        const next = yield* listen(host, { from })
        const known = yield* next.run(bench.prompts.recall)
        yield* expect(known.includes("silver anchor"), "the past", known)
      }))
  },
  {
    id: "claude/in-use-once",
    promise: "P8",
    title: "of two that resume a session at the same time, one of them has it",
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        const { from } = yield* past(host, bench.prompts.say("one"))
        const tried = yield* Effect.all([Effect.exit(listen(host, { from })), Effect.exit(listen(host, { from }))], {
          concurrency: 2
        })
        yield* equal(tried.map(({ _tag }) => _tag).toSorted(), ["Failure", "Success"], "how the two starts end")
      }))
  },
  {
    id: "claude/stale-note",
    promise: "P1",
    title: "what a Claude that was killed noted of itself does not keep its session from being resumed",
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        const { home, processes } = yield* world
        const first = yield* listen(host)
        yield* first.run(bench.prompts.say("one"))
        const from = { _tag: "Resume", cursor: yield* cursorOf(first) } as const
        const claude = (yield* processes.alive).filter(({ command }) => command.includes("--input-format"))
        yield* Effect.forEach(claude, ({ pid }) => Effect.sync(() => process.kill(pid, "SIGKILL")))
        yield* first.ended
        yield* first.close
        const left = yield* FileSystem.FileSystem.pipe(
          Effect.flatMap((fs) => fs.readDirectory(`${home}/claude/sessions`)),
          Effect.provide(NodeServices.layer),
          Effect.orDie
        )
        yield* expect(claude.some(({ pid }) => left.includes(`${pid}.json`)), "its note, which is still there", left)
        yield* (yield* listen(host, { from })).run(bench.prompts.say("two"))
      }))
  }
])
