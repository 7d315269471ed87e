/**
 * How the mock sums up its context, in the order of OpenCode 1.18.33: it says that it begins, asks whether it may and
 * waits for the answer, and only then asks its model for the summary.
 *
 * The context is replaced, the agent's record is not: `history` still has everything.
 */
import { Deferred, Effect } from "effect"
import type { CompactionTrigger } from "../../domain/Compaction.ts"
import type { TurnId } from "../../domain/Ids.ts"
import { type AgentError, type CapabilityMissing, GateMissing } from "../../provider/AdapterError.ts"
import type { CompactionVerdict } from "../../provider/ProviderAdapter.ts"
import { changed } from "../MockAgentDisk.ts"
import { type Compaction, emit, type Live, now } from "./MockAgent.ts"
import { needs, protocolError, readable } from "./MockHistory.ts"

interface Summary {
  readonly trigger: CompactionTrigger
  readonly summary: string
  readonly failure: string | undefined
  readonly during: Effect.Effect<unknown>
}

/** The gate that the session was given, if this agent can be held at all. */
const gateOf = ({ agent, compactions }: Live) =>
  agent.capabilities.compactionGate === "blocking" ? compactions?.gate : undefined

/** Fails if a compaction would pass the gate unasked. */
export const gateThere = (live: Live): Effect.Effect<void, GateMissing> =>
  Effect.suspend(() =>
    live.agent.gateLost && gateOf(live) !== undefined
      ? new GateMissing({ instanceId: live.agent.instanceId, missing: "mock-gate" })
      : Effect.void
  )

/** The app wants none that it has not asked for. */
const isOff = ({ compactions }: Live): boolean => compactions?.auto === false

/** A gate that dies holds the compaction back, as a hook that throws does. */
const ask = (live: Live, trigger: CompactionTrigger): Effect.Effect<CompactionVerdict> => {
  // As the adapter of Codex does it, which cannot switch them off.
  if (trigger !== "manual" && isOff(live) && live.agent.capabilities.autoCompaction === "vetoes") {
    return Effect.succeed({ _tag: "Veto", reason: "compactions of the agent's own are switched off" })
  }
  const gate = live.agent.gateLost ? undefined : gateOf(live)
  return gate === undefined
    ? Effect.succeed({ _tag: "Allow", context: [] })
    : Effect.catchDefect(gate(trigger), (defect) => Effect.succeed({ _tag: "Veto", reason: String(defect) }))
}

const begin = (): Compaction => ({ phase: "held", fiber: undefined, passed: Deferred.makeUnsafe() })

/** What an agent takes for the answer that goes on without it. */
const unanswered: CompactionVerdict = { _tag: "Allow", context: [] }

/** Answers whether the context is a new one. */
const sumUp = (
  live: Live,
  state: Compaction,
  turnId: TurnId | undefined,
  { during, failure, summary, trigger }: Summary,
  begun: Effect.Effect<unknown> = Effect.void
): Effect.Effect<boolean> => {
  const { agent, stored } = live
  const of = turnId === undefined ? {} : { turnId }
  const over = Effect.sync(() => {
    if (live.compaction === state) live.compaction = undefined
    changed(agent.disk)
  })
  const failed = (name: string) =>
    Effect.as(Effect.andThen(over, emit(live, [{ _tag: "CompactionFailed", ...of, name }])), false)
  live.compaction = state
  return Effect.gen(function*() {
    yield* emit(live, [{ _tag: "CompactionStarted", ...of, trigger }])
    yield* begun
    changed(agent.disk)
    const verdict = yield* Effect.raceFirst(ask(live, trigger), Effect.as(Deferred.await(state.passed), unanswered))
    if (verdict._tag === "Veto") return yield* failed("Vetoed")
    if (verdict === unanswered) yield* emit(live, [{ _tag: "CompactionStarted", ...of, trigger, unheld: true }])
    state.phase = "running"
    agent.disk.summaries.push({
      sessionId: stored.sessionId,
      turnId,
      trigger,
      history: stored.history.slice(),
      context: verdict.context
    })
    changed(agent.disk)
    yield* during
    if (failure !== undefined) return yield* failed(failure)
    stored.history = [{ role: "summary", text: summary }]
    stored.marks.clear()
    stored.revision++
    const id = `${stored.sessionId}.summary.${stored.messages.length}`
    stored.messages.push({ _tag: "Text", role: "summary", id, at: now(live), turnId, text: summary })
    yield* over
    yield* emit(live, [{ _tag: "CompactionCompleted", ...of, summary }])
    return true
  }).pipe(Effect.ensuring(over))
}

/** By itself, in a turn. Answers whether the context is a new one. */
export const compactItself = (live: Live, turnId: TurnId, summary: Summary): Effect.Effect<boolean> =>
  Effect.suspend(() => {
    const { autoCompaction, compactionGate } = live.agent.capabilities
    if (compactionGate === "client-initiated" || (isOff(live) && autoCompaction === "can-be-off")) {
      return Effect.succeed(false)
    }
    return sumUp(live, begin(), turnId, summary)
  })

/** As asked for. Answers once it has begun; it goes on for as long as the session does, and no turn is taken meanwhile. */
export const compact = (live: Live): Effect.Effect<void, AgentError | CapabilityMissing | GateMissing> =>
  needs(live, "compact").pipe(
    Effect.andThen(readable(live, "compact")),
    Effect.andThen(gateThere(live)),
    Effect.andThen(Effect.suspend(() => {
      if (live.turn !== undefined || live.compaction !== undefined) return protocolError(live, "compact", 409, "Busy")
      const summary = `summary of ${live.stored.history.length} messages`
      const state = begin()
      const begun = Deferred.makeUnsafe<void>()
      const begins = Deferred.succeed(begun, undefined)
      const given: Summary = { trigger: "manual", summary, failure: undefined, during: Effect.void }
      // If it is interrupted before it has begun, the caller that waits for its beginning must be released.
      return Effect.interruptible(sumUp(live, state, undefined, given, begins)).pipe(
        Effect.ensuring(begins),
        Effect.asVoid,
        Effect.forkDetach({ uninterruptible: true }),
        Effect.map((fiber) => {
          state.fiber = fiber
        }),
        Effect.uninterruptible,
        Effect.andThen(Deferred.await(begun))
      )
    }))
  )
