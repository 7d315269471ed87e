/**
 * The compaction of an epoch, from the question whether it may go on to its one outcome.
 *
 * There is at most one at a time. Once it is gated (`CompactionGated`) it has exactly one outcome (`CompactionSettled`),
 * from whatever comes first: the agent's word, a guard, a deadline, or the end of the epoch.
 */
import type { CompactionTrigger } from "../../domain/Compaction.ts"
import * as OpenWork from "../../domain/OpenWork.ts"
import type { SnapshotInfo, SnapshotTiming } from "../../domain/Snapshot.ts"
import type { ProviderEvent } from "../../domain/ThreadEvent.ts"
import type { Draft } from "./EpochDraft.ts"
import type { Compaction, CompactionEnding, Input, State } from "./EpochState.ts"

type Of<Tag extends Input["_tag"]> = Extract<Input, { readonly _tag: Tag }>

type Begins = Extract<ProviderEvent, { readonly _tag: "CompactionStarted" }>

/** Begins one, unless there is one. */
export const begin = (
  draft: Draft,
  trigger: CompactionTrigger,
  by: Compaction["by"],
  early?: CompactionEnding
): void => {
  const { state } = draft
  if (state.compaction !== undefined) return
  state.compactions++
  state.straggler = false
  state.compaction = {
    compactionId: `${state.setup.compactionPrefix}-${state.compactions}`,
    trigger,
    by,
    turnId: state.running?.turnId ?? state.sending?.turnId,
    phase: "preparing",
    begun: by === "agent-unheld",
    answered: false,
    snapshot: undefined,
    early
  }
  if (by === "agent-unheld") {
    if (state.setup.held) {
      const { turnId } = state.compaction
      draft.events.push({ _tag: "Warning", ...(turnId === undefined ? {} : { turnId }), code: "compaction-unasked" })
    }
    draft.wants.push({ _tag: "CompactionSeen", compactionId: state.compaction.compactionId })
  }
}

/** The compaction of this id, if it is not over. */
const current = ({ state }: Draft, compactionId: string): Compaction | undefined =>
  state.compaction?.compactionId === compactionId ? state.compaction : undefined

const change = (draft: Draft, compactionId: string, fields: Partial<Compaction>): void => {
  const compaction = current(draft, compactionId)
  if (compaction !== undefined) draft.state.compaction = { ...compaction, ...fields }
}

/** Ends it. One that was never gated leaves no event. */
export const settle = (draft: Draft, compactionId: string, ending: CompactionEnding): void => {
  const compaction = current(draft, compactionId)
  if (compaction === undefined) return
  const { state } = draft
  const { phase, snapshot, trigger, turnId } = compaction
  const { outcome } = ending
  state.compaction = undefined
  // An agent that works on it unseen may still report its end.
  state.straggler = (phase === "released" || compaction.by === "agent-unheld") &&
    (outcome === "timeout" || outcome === "unknown")
  if (outcome === "completed" && state.setup.policy.tellAgent && snapshot !== undefined) {
    state.notes = [
      ...state.notes.filter(({ about }) => about !== "snapshot"),
      { about: "snapshot", text: whereItIs(snapshot) }
    ]
  }
  if (phase !== "preparing") {
    draft.events.push(
      OpenWork.settleCompaction({ compactionId, trigger, turnId, snapshotId: snapshot?.snapshotId }, ending)
    )
  }
  draft.wants.push({ _tag: "CompactionSettled", compactionId, ending, snapshot })
}

/** Records what was saved and that it is at its gate, and its outcome as well if the agent was faster. */
export const gate = (draft: Draft, { compactionId, saved, vetoable }: Of<"CompactionSaved">): void => {
  const compaction = current(draft, compactionId)
  if (compaction === undefined || compaction.phase !== "preparing") return
  const { early, trigger, turnId } = compaction
  const snapshot = saved?._tag === "Written" ? saved.snapshot : undefined
  const failure = saved?._tag === "Failed" ? saved.failure : undefined
  change(draft, compactionId, { phase: "gated", snapshot })
  if (snapshot !== undefined) draft.events.push({ _tag: "SnapshotWritten", snapshot, compactionId })
  if (failure !== undefined) draft.events.push({ _tag: "SnapshotFailed", failure, compactionId })
  draft.events.push({
    _tag: "CompactionGated",
    ...(turnId === undefined ? {} : { turnId }),
    compactionId,
    trigger,
    vetoable,
    ...(snapshot === undefined ? {} : { snapshot }),
    ...(failure === undefined ? {} : { failure })
  })
  if (early !== undefined) settle(draft, compactionId, early)
}

export const veto = (draft: Draft, { compactionId, reason }: Of<"CompactionVetoed">): void => {
  if (current(draft, compactionId) === undefined) return
  draft.state.vetoes++
  settle(draft, compactionId, { outcome: "vetoed", reason })
}

export const release = (draft: Draft, { compactionId }: Of<"CompactionReleased">): void => {
  if (current(draft, compactionId)?.phase !== "gated") return
  draft.state.vetoes = 0
  change(draft, compactionId, { phase: "released" })
}

export const answer = (draft: Draft, { compactionId }: Of<"CompactionAnswered">): void =>
  change(draft, compactionId, { answered: true })

/** The agent reports that a compaction begins. One that it asked about is known already, unless it did not wait. */
export const begun = (draft: Draft, { trigger, unheld = false }: Begins): void => {
  const { compaction, setup } = draft.state
  if (compaction === undefined) {
    if (unheld || !setup.held) begin(draft, trigger, "agent-unheld")
  } else if (unheld && compaction.by !== "agent-unheld" && compaction.phase !== "released") {
    settle(draft, compaction.compactionId, { outcome: "cancelled", reason: "the agent went on without the answer" })
    begin(draft, trigger, "agent-unheld")
  } else change(draft, compaction.compactionId, { begun: true })
}

/** The agent reports that a compaction is over. */
export const ended = (draft: Draft, ending: CompactionEnding): void => {
  const { compaction, straggler } = draft.state
  if (compaction === undefined) {
    if (straggler) draft.state.straggler = false
    // It has bypassed the gate, if there was one. A failed one was stopped at the gate, which is recorded.
    else if (ending.outcome === "completed") begin(draft, "auto", "agent-unheld", ending)
    return
  }
  const { begun, compactionId, early, phase } = compaction
  if (phase !== "preparing") settle(draft, compactionId, ending)
  // One that has not begun cannot be over: this is the end of the one before.
  else if (begun) change(draft, compactionId, { early: early ?? ending })
}

/** How a snapshot that is taken now stands to the compaction, if there is one. */
export const timing = ({ compaction }: State): SnapshotTiming => {
  if (compaction === undefined) return "before"
  if (compaction.early !== undefined) return "after"
  return compaction.phase === "released" || compaction.by === "agent-unheld" ? "concurrent" : "before"
}

/** What the agent is told of a snapshot. */
export const whereItIs = ({ path }: SnapshotInfo): string =>
  `The complete conversation up to this point is saved in ${path} (JSON; its "segments" are files of one message per ` +
  "line, in the folder beside it). Read there what a summary leaves out."
