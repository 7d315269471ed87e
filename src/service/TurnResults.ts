/**
 * What the operations on turns and requests answer.
 *
 * @since 0.1.0
 */
import { Schema } from "effect"
import { Continuity } from "../domain/Continuity.ts"
import { Epoch, InstanceId, ThreadId, TurnId } from "../domain/Ids.ts"
import { Usage } from "../domain/Usage.ts"
import { Applied } from "./ThreadResults.ts"

const accepted = {
  threadId: ThreadId,
  /** The running turn's, if `steered`. */
  turnId: TurnId,
  epoch: Epoch,
  /** What became of the past when this epoch's session was started, by this call or before. */
  continuity: Continuity,
  /** Whether the input joined a running turn. */
  steered: Schema.Boolean
} as const

/**
 * The agent has the input.
 *
 * @category results
 * @since 0.1.0
 */
export const TurnAccepted = Schema.Struct(accepted)

/**
 * @category models
 * @since 0.1.0
 */
export interface TurnAccepted extends Schema.Schema.Type<typeof TurnAccepted> {}

/**
 * The turn is over and completed.
 *
 * @category results
 * @since 0.1.0
 */
export const TurnResult = Schema.Struct({
  ...accepted,
  /** The agent's last message. */
  text: Schema.String,
  usage: Usage
})

/**
 * @category models
 * @since 0.1.0
 */
export interface TurnResult extends Schema.Schema.Type<typeof TurnResult> {}

/**
 * An approval is answered.
 *
 * @category results
 * @since 0.1.0
 */
export const Responded = Schema.Struct({
  /** From when on the change holds that came with it (`configure`). */
  applied: Schema.optionalKey(Applied)
})

/**
 * @category models
 * @since 0.1.0
 */
export interface Responded extends Schema.Schema.Type<typeof Responded> {}

/**
 * Where an annotation lies in the log of its thread.
 *
 * @category results
 * @since 0.1.0
 */
export const AnnotationPlace = Schema.Struct({ threadId: ThreadId, seq: Schema.Int })

/**
 * @category models
 * @since 0.1.0
 */
export interface AnnotationPlace extends Schema.Schema.Type<typeof AnnotationPlace> {}

/**
 * An answer that belongs to no thread.
 *
 * @category results
 * @since 0.1.0
 */
export const Answer = Schema.Struct({
  /** Who has answered. */
  instanceId: InstanceId,
  /** The agent's last message. */
  text: Schema.String,
  /** The JSON in it, where `output` was asked for. It was not checked against that Schema. */
  output: Schema.optionalKey(Schema.Json),
  usage: Usage
})

/**
 * @category models
 * @since 0.1.0
 */
export interface Answer extends Schema.Schema.Type<typeof Answer> {}
