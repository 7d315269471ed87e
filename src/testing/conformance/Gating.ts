/** Sessions whose compaction waits for a gate that a rule holds in its hand. */
import { Deferred, Effect, Ref } from "effect"
import type { CompactionTrigger } from "../../domain/Compaction.ts"
import type { ProviderEvent } from "../../domain/ThreadEvent.ts"
import type { CompactionVerdict, ProviderSession } from "../../provider/ProviderAdapter.ts"
import { type Bench, endsTurn, type Host, listen, type Listener, within } from "./Bench.ts"
import { equal, expect, NotChecked, type Violated } from "./Check.ts"
import { past } from "./Memory.ts"

export const allow = (...context: ReadonlyArray<string>): CompactionVerdict => ({ _tag: "Allow", context })

/** Waits for the rule's answer the first time that it is asked; allows everything from then on. */
export const makeGate = Effect.fnUntraced(function*(bench: Bench) {
  const asked = yield* Ref.make<ReadonlyArray<CompactionTrigger>>([])
  const arrived = yield* Deferred.make<void>()
  const verdict = yield* Deferred.make<CompactionVerdict>()
  return {
    compaction: {
      auto: true,
      gate: Effect.fnUntraced(function*(trigger: CompactionTrigger) {
        const all = yield* Ref.updateAndGet(asked, (before) => [...before, trigger])
        yield* Deferred.succeed(arrived, undefined)
        return all.length === 1 ? yield* Deferred.await(verdict) : allow()
      })
    },
    asked: Ref.get(asked),
    awaitAsked: within(bench, "the gate to be asked", Deferred.await(arrived)),
    answer: (given: CompactionVerdict) => Deferred.succeed(verdict, given)
  }
})

/** A session that was given a gate and knows something. The gate does not outlive the proof unanswered. */
export const openGated = Effect.fnUntraced(function*(host: Host) {
  const gate = yield* makeGate(host.bench)
  const listener = yield* listen(host, { compaction: gate.compaction })
  yield* Effect.addFinalizer(() => gate.answer(allow()))
  yield* holdable(listener.session)
  yield* listener.run(host.bench.prompts.say(past))
  return { ...listener, gate }
})

/** A session whose compaction was asked for, and is held. */
export const openHeld = Effect.fnUntraced(function*(host: Host) {
  const held = yield* openGated(host)
  yield* within(host.bench, "compact to return while the agent is held", held.session.compact)
  yield* held.gate.awaitAsked
  return held
})

/** A session may say less for itself than the adapter declares, and then there is nothing to prove. */
const holdable = ({ capabilities }: ProviderSession) =>
  capabilities.compactionGate === "blocking"
    ? Effect.void
    : Effect.fail(new NotChecked({ missing: "session that can be held" }))

/** Fills the context of the session; answers the turn in which its compaction is held: this one, or the next. */
export const heldInTurn = Effect.fnUntraced(function*(
  listener: Pick<Listener, "awaitEvent" | "send">,
  gate: { readonly awaitAsked: Effect.Effect<void, Violated> },
  bench: Bench
) {
  const filling = yield* listener.send(bench.prompts.say("one too many"))
  const held = yield* Effect.raceFirst(
    Effect.as(gate.awaitAsked, true),
    Effect.as(listener.awaitEvent("the end of the turn", endsTurn(filling)), false)
  )
  if (held) return filling
  const next = yield* listener.send(bench.prompts.say("and on"))
  yield* gate.awaitAsked
  return next
})

export const ends = (event: ProviderEvent): event is Extract<
  ProviderEvent,
  { readonly _tag: "CompactionCompleted" | "CompactionFailed" }
> => event._tag === "CompactionCompleted" || event._tag === "CompactionFailed"

export const completes = (
  event: ProviderEvent
): event is Extract<ProviderEvent, { readonly _tag: "CompactionCompleted" }> => event._tag === "CompactionCompleted"

/** Fails if the compaction ends, or its model is asked, before the gate has answered. */
export const staysHeld = Effect.fnUntraced(function*({ bench, controls }: Host, { awaitEvent, session }: Listener) {
  const moment = Math.min(1000, Math.floor(bench.patience / 4))
  const ended = yield* Effect.timeoutOption(awaitEvent("the end of the compaction", ends), moment)
  yield* expect(ended._tag === "None", "a compaction that waits for its gate", ended)
  if (controls.summaries !== undefined) {
    yield* equal(yield* controls.summaries(session.sessionId), [], "what the model was asked to sum up meanwhile")
  }
})
