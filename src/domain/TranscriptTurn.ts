/**
 * One turn, as the archive of a thread has it.
 *
 * @since 0.1.0
 */
import { Schema } from "effect"
import { Actor, Annotation, AnnotationData, AnnotationKind, Metadata } from "./AppData.ts"
import { Epoch, ItemId, TurnId } from "./Ids.ts"
import { Item } from "./Item.ts"
import { TurnCause } from "./TurnCause.ts"
import { RecordedInput } from "./TurnInput.ts"
import * as TurnOutcome from "./TurnOutcome.ts"

/**
 * One turn: its input, its completed items, and its outcome.
 *
 * @since 0.1.0
 * @category schemas
 */
export const TranscriptTurn = Schema.Struct({
  turnId: TurnId,
  epoch: Epoch,
  /** Milliseconds since the epoch. */
  startedAt: Schema.Finite,
  /** Absent for a turn that the agent began. */
  input: Schema.optionalKey(RecordedInput),
  /** Why the agent began it; absent for a turn that was sent. */
  cause: Schema.optionalKey(TurnCause),
  /** Completed items in order; the first is what the user said, if the turn was sent. */
  items: Schema.Array(Item),
  /** Absent while the turn runs. */
  outcome: Schema.optionalKey(TurnOutcome.TurnOutcome),
  /**
   * Items that hold only what was seen of them, because the turn or the session ended before the agent completed them.
   */
  cut: Schema.optionalKey(Schema.Array(ItemId)),
  /** What the app recorded of it, and of no turn after it began and before the next one did, in order. */
  annotations: Schema.optionalKey(Schema.Array(Annotation)),
  /** Set if the conversation was taken back to before this turn: no model is handed it any more. */
  rewound: Schema.optionalKey(Schema.Literal(true))
})

/**
 * One turn: its input, its completed items, and its outcome.
 *
 * @since 0.1.0
 * @category schemas
 */
export interface TranscriptTurn extends Schema.Schema.Type<typeof TranscriptTurn> {}

/**
 * A turn as it is brought along: what the app attaches has the limits that it has in a turn that is sent.
 *
 * @since 0.1.0
 * @category schemas
 */
export const ImportedTurn = Schema.Struct({
  ...TranscriptTurn.fields,
  input: Schema.optionalKey(Schema.Struct({
    ...RecordedInput.fields,
    actor: Schema.optionalKey(Actor),
    metadata: Schema.optionalKey(Metadata)
  })),
  annotations: Schema.optionalKey(Schema.Array(Schema.Struct({
    ...Annotation.fields,
    kind: AnnotationKind,
    data: AnnotationData
  })))
})
