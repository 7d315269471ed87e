/**
 * How a turn ended, in one word. Events, ledgers, transcripts, hooks and snapshots use the same word.
 *
 * @since 0.1.0
 */
import { Schema } from "effect"

/**
 * How a turn ended. `unknown`: the host or the delivery was lost, and the end was not observed.
 *
 * @since 0.1.0
 * @category schemas
 */
export const TurnOutcome = Schema.Literals(["completed", "failed", "interrupted", "unknown"])

/**
 * @since 0.1.0
 * @category models
 */
export type TurnOutcome = typeof TurnOutcome.Type

const outcomes = {
  TurnCompleted: "completed",
  TurnFailed: "failed",
  TurnInterrupted: "interrupted",
  TurnUnknown: "unknown"
} as const

/**
 * The outcome of a terminal event.
 *
 * @since 0.1.0
 * @category conversions
 */
export const of = (terminal: { readonly _tag: keyof typeof outcomes }): TurnOutcome => outcomes[terminal._tag]
