/**
 * Who waits for what an epoch will say: the caller of a turn for its start and its end, a gate for a compaction.
 */
import { Deferred, Exit } from "effect"
import type { TurnId } from "../../domain/Ids.ts"
import type { SnapshotInfo } from "../../domain/Snapshot.ts"
import type { TerminalEvent } from "../../domain/ThreadEvent.ts"
import type { CompactionVerdict } from "../../provider/ProviderAdapter.ts"
import type { EpochFenced, StoreFailed } from "../../store/StoreError.ts"
import type { CompactionEnding } from "./EpochState.ts"

/** What a caller waits for that has sent a turn. */
export interface TurnWaiter {
  readonly turnId: TurnId
  /** The agent has it, or it is over. */
  readonly accepted: Deferred.Deferred<void>
  /** How it ended; without `terminal` it never reached the agent. */
  readonly over: Deferred.Deferred<TurnOver, StoreFailed | EpochFenced>
}

export interface TurnOver {
  readonly terminal: TerminalEvent | undefined
  /** The agent's last answer. */
  readonly text: string
}

/** What a gate waits for. */
export interface CompactionWaiter {
  readonly verdict: Deferred.Deferred<CompactionVerdict>
  readonly settled: Deferred.Deferred<CompactionOver>
}

/** How a compaction ended, and what was saved before it. */
export interface CompactionOver extends CompactionEnding {
  readonly snapshot: SnapshotInfo | undefined
}

export interface Waiters {
  readonly turns: Map<TurnId, TurnWaiter>
  readonly compactions: Map<string, CompactionWaiter>
}

export const endCompaction = (waiters: Waiters, compactionId: string, over: CompactionOver): void => {
  const waiter = waiters.compactions.get(compactionId)
  waiters.compactions.delete(compactionId)
  if (waiter === undefined) return
  Deferred.doneUnsafe(waiter.settled, Exit.succeed(over))
  Deferred.doneUnsafe(waiter.verdict, Exit.succeed({ _tag: "Veto", reason: over.reason ?? over.outcome }))
}

export const endTurn = (
  waiters: Waiters,
  waiter: TurnWaiter,
  exit: Exit.Exit<TurnOver, StoreFailed | EpochFenced>
): void => {
  waiters.turns.delete(waiter.turnId)
  Deferred.doneUnsafe(waiter.accepted, Exit.void)
  Deferred.doneUnsafe(waiter.over, exit)
}

/** Waits for a turn that is sent under this id from now on. */
export const makeTurn = (waiters: Waiters, turnId: TurnId): TurnWaiter => {
  const waiter: TurnWaiter = { turnId, accepted: Deferred.makeUnsafe(), over: Deferred.makeUnsafe() }
  waiters.turns.set(turnId, waiter)
  return waiter
}

/** The waiter of the compaction, which may be over. */
export const compaction = (waiters: Waiters, compactionId: string): CompactionWaiter => {
  const known = waiters.compactions.get(compactionId)
  if (known !== undefined) return known
  const waiter: CompactionWaiter = { verdict: Deferred.makeUnsafe(), settled: Deferred.makeUnsafe() }
  waiters.compactions.set(compactionId, waiter)
  return waiter
}

/** The waiter of the turn, which is on its way or running. */
export const turn = (waiters: Waiters, turnId: TurnId): TurnWaiter =>
  waiters.turns.get(turnId) ?? makeTurn(waiters, turnId)
