/**
 * How a turn ended, in one word: the word of its terminal event, in ledgers, transcripts, hooks and snapshots.
 */
import { Schema } from "effect"

export const TurnOutcome = Schema.Literals(["completed", "failed", "interrupted", "unknown"])
export type TurnOutcome = typeof TurnOutcome.Type

const outcomes = {
  TurnCompleted: "completed",
  TurnFailed: "failed",
  TurnInterrupted: "interrupted",
  TurnUnknown: "unknown"
} as const

/** The outcome that a terminal event stands for. */
export const of = (terminal: { readonly _tag: keyof typeof outcomes }): TurnOutcome => outcomes[terminal._tag]
