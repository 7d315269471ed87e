/**
 * Compactions: an agent that can be held waits for the gate before each of them, and does as the gate says.
 *
 * That something does not happen while the agent is held is shown by a moment in which nothing does, and, with the control
 * `summaries`, by what its model was asked.
 */
import { Effect } from "effect"
import type { Capabilities, CompactionGate } from "../../provider/ProviderAdapter.ts"
import { cursorOf, endsTurn, listen, within } from "./Bench.ts"
import { equal, expect, need, NotChecked, refused } from "./Check.ts"
import { allow, completes, ends, heldInTurn, makeGate, openGated, openHeld, staysHeld } from "./Gating.ts"
import { past } from "./Memory.ts"
import type { Rule } from "./Rule.ts"

/** Each means less than the next. */
const ranks: ReadonlyArray<CompactionGate> = ["observe-only", "client-initiated", "blocking"]

const blocking = ({ compactionGate }: Capabilities) => compactionGate === "blocking"
const holdsOnRequest = (capabilities: Capabilities) => blocking(capabilities) && capabilities.compact

export const rules: ReadonlyArray<Rule> = [
  {
    id: "gate/declared",
    promise: "P13",
    title: "a session never says more of its compaction gate than the adapter declares",
    assumes: ["compact"],
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        const gate = yield* makeGate(bench)
        yield* gate.answer(allow())
        const { awaitEvent, run, session } = yield* listen(host, { compaction: gate.compaction })
        const declared = bench.capabilities.compactionGate
        yield* expect(
          ranks.indexOf(session.capabilities.compactionGate) <= ranks.indexOf(declared),
          `${declared}, or less`,
          session.capabilities.compactionGate
        )
        if (declared === "blocking") return
        yield* run(bench.prompts.say(past))
        const tried = yield* Effect.exit(within(bench, "compact to return", session.compact))
        if (tried._tag === "Failure") return
        yield* awaitEvent("the end of the compaction", ends)
        if ((yield* gate.asked).length > 0) yield* bench.undeclared("compactionGate")
      }))
  },
  {
    id: "gate/asked",
    promise: "P13",
    title: "a compaction that is asked for begins, asks the gate once, and waits for its answer",
    applies: holdsOnRequest,
    assumes: ["compact"],
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        const { gate, ...listener } = yield* openHeld(host)
        yield* staysHeld(host, listener)
        yield* gate.answer(allow())
        yield* listener.awaitEvent("CompactionCompleted", completes)
        yield* equal(yield* gate.asked, ["manual"], "what the gate was asked")
        yield* listener.run(bench.prompts.say("and on"))
      }))
  },
  {
    id: "gate/auto",
    promise: "P13",
    title: "a compaction that the agent begins by itself asks the gate once, says so, and waits for its answer",
    applies: blocking,
    assumes: ["gate/asked"],
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        const fill = yield* need(host.controls, "fillContext")
        const { gate, ...listener } = yield* openGated(host)
        yield* fill(listener.session.sessionId)
        const turnId = yield* heldInTurn(listener, gate, bench)
        yield* staysHeld(host, listener)
        yield* gate.answer(allow())
        yield* listener.awaitEvent("CompactionCompleted", completes)
        const ending = yield* listener.awaitEvent("the end of the turn", endsTurn(turnId))
        yield* equal(ending._tag, "TurnCompleted", "how the turn ends")
        yield* equal(yield* gate.asked, ["auto"], "what the gate was asked")
      }))
  },
  {
    id: "gate/history",
    promise: "P13",
    title: "while the agent is held its history can be read, whole",
    applies: (capabilities) => holdsOnRequest(capabilities) && capabilities.history,
    assumes: ["gate/asked", "history"],
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        const { session } = yield* openHeld(host)
        const { messages } = yield* within(bench, "the history of an agent that is held", session.history)
        yield* expect(JSON.stringify(messages).includes(past), `a history with "${past}"`, messages)
      }))
  },
  {
    id: "gate/veto",
    promise: "P13",
    title: "after a veto the compaction fails, and the session goes on",
    applies: holdsOnRequest,
    assumes: ["gate/asked"],
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        const { awaitEvent, gate, run, seen } = yield* openHeld(host)
        yield* gate.answer({ _tag: "Veto", reason: "not now" })
        yield* equal((yield* awaitEvent("the end of the compaction", ends))._tag, "CompactionFailed", "how it ends")
        yield* run(bench.prompts.say("and on"))
        // An agent may try again, and ask again.
        const completed = (yield* seen).filter(completes).length
        yield* expect(completed < (yield* gate.asked).length, "no compaction that was not allowed", completed)
      }))
  },
  {
    id: "gate/context",
    promise: "P13",
    title: "what the gate hands over reaches the model that writes the summary",
    applies: holdsOnRequest,
    assumes: ["gate/asked"],
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        const summaries = yield* need(host.controls, "summaries")
        const { awaitEvent, gate, session } = yield* openHeld(host)
        yield* gate.answer(allow("violet anchor"))
        yield* awaitEvent("CompactionCompleted", completes)
        const told = yield* summaries(session.sessionId)
        yield* equal(told.map((text) => text.includes("violet anchor")), [true], "summaries that were told of it")
      }))
  },
  {
    id: "gate/close",
    promise: "P13",
    title: "a session that is closed while it is held is closed, and can be resumed",
    applies: holdsOnRequest,
    assumes: ["gate/asked", "close/twice"],
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        const { gate: _, ...held } = yield* openHeld(host)
        const cursor = yield* cursorOf(held)
        yield* equal((yield* held.close)._tag, "Success", "how the close ends")
        const next = yield* listen(host, { from: { _tag: "Resume", cursor } })
        yield* next.run(bench.prompts.say("and on"))
      }))
  },
  {
    id: "gate/auto-veto",
    promise: "P13",
    title: "a veto of the agent's own compaction leaves the context as it is, and ends its turn once if it ends it",
    applies: blocking,
    assumes: ["gate/auto", "gate/veto"],
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        const fill = yield* need(host.controls, "fillContext")
        const { gate, ...listener } = yield* openGated(host)
        yield* fill(listener.session.sessionId)
        const turnId = yield* heldInTurn(listener, gate, bench)
        yield* gate.answer({ _tag: "Veto", reason: "not now" })
        yield* equal(
          (yield* listener.awaitEvent("the end of the compaction", ends))._tag,
          "CompactionFailed",
          "its end"
        )
        const ending = yield* listener.awaitEvent("the end of the turn", endsTurn(turnId))
        yield* listener.run(bench.prompts.say("and on"))
        const all = yield* listener.seen
        yield* equal(all.filter(endsTurn(turnId)).map(({ _tag }) => _tag), [ending._tag], "terminal events")
        // An agent may try again, and ask again.
        const completed = all.filter(completes).length
        yield* expect(completed < (yield* gate.asked).length, "no compaction that was not allowed", completed)
      }))
  },
  {
    id: "gate/passed",
    promise: "P13",
    title: "an agent that goes on with a compaction and without the gate's answer says so, once, and completes it",
    applies: blocking,
    assumes: ["gate/auto"],
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        const fill = yield* need(host.controls, "fillContext")
        const pass = yield* need(host.controls, "passGate")
        const { gate, ...listener } = yield* openGated(host)
        const { sessionId } = listener.session
        yield* fill(sessionId)
        const turnId = yield* heldInTurn(listener, gate, bench)
        yield* pass(sessionId)
        yield* listener.awaitEvent("CompactionCompleted", completes)
        const ending = yield* listener.awaitEvent("the end of the turn", endsTurn(turnId))
        yield* equal(ending._tag, "TurnCompleted", "how the turn ends")
        const told = (yield* listener.seen).flatMap((event) =>
          event._tag === "CompactionStarted" && event.unheld === true ? [event.trigger] : []
        )
        yield* equal(told, ["auto"], "compactions that went on unheld")
      }))
  },
  {
    id: "gate/auto-off",
    promise: "P13",
    title: "an agent that must not compact by itself does not, and one that says it never does never does",
    applies: ({ autoCompaction, compactionGate }) =>
      compactionGate !== "observe-only" && autoCompaction === "can-be-off",
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        const fill = yield* need(host.controls, "fillContext")
        const auto = bench.capabilities.compactionGate === "client-initiated"
        const { run, seen, session } = yield* listen(host, { compaction: { auto } })
        if (session.capabilities.compactionGate === "observe-only") {
          return yield* new NotChecked({ missing: "session that can be held" })
        }
        yield* run(bench.prompts.say(past))
        yield* fill(session.sessionId)
        yield* run(bench.prompts.say("one too many"))
        const text = yield* run(bench.prompts.recall)
        yield* expect(text.includes(past), `the model still has "${past}" in its context`, text)
        yield* equal((yield* seen).filter(({ _tag }) => _tag.startsWith("Compaction")), [], "compactions")
      }))
  },
  {
    id: "gate/missing",
    promise: "P13",
    title: "an agent that would compact without asking takes no turn where a gate was given, and any where none was",
    applies: blocking,
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        const lose = yield* need(host.controls, "loseGate")
        yield* lose
        const gate = yield* makeGate(bench)
        const { send, session } = yield* listen(host, { compaction: gate.compaction })
        yield* refused(send(bench.prompts.say(past)), ["GateMissing"], "a turn")
        if (bench.capabilities.compact) yield* refused(session.compact, ["GateMissing"], "a compaction")
        const gateless = yield* listen(host)
        yield* gateless.run(bench.prompts.say("and on"))
      }))
  }
]
