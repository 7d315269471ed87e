/**
 * What can go wrong with one turn.
 *
 * @since 0.1.0
 */
import { Schema } from "effect"
import { ThreadId, TurnId } from "../domain/Ids.ts"
import { EventBody } from "../domain/ThreadEvent.ts"

/**
 * A turn of this thread is running. Wait for it, interrupt it, or send with `steer: true`.
 *
 * @category errors
 * @since 0.1.0
 */
export class TurnInProgress
  extends Schema.TaggedError<TurnInProgress>("effect-coding-agents/TurnInProgress")("TurnInProgress", {
    threadId: ThreadId,
    turnId: TurnId
  }, { httpApiStatus: 409 })
{
  readonly retryable = true
  override get message() {
    return `Turn ${this.turnId} of thread ${this.threadId} is still running`
  }
}

/**
 * A guard has vetoed the turn. It was not sent.
 *
 * @category errors
 * @since 0.1.0
 */
export class TurnVetoed extends Schema.TaggedError<TurnVetoed>("effect-coding-agents/TurnVetoed")("TurnVetoed", {
  threadId: ThreadId,
  turnId: TurnId,
  hook: Schema.String,
  reason: Schema.String
}, { httpApiStatus: 403 }) {
  readonly retryable = false
  override get message() {
    return `The hook "${this.hook}" has vetoed turn ${this.turnId}: ${this.reason}`
  }
}

/**
 * The thread never had such a turn.
 *
 * @category errors
 * @since 0.1.0
 */
export class TurnNotFound
  extends Schema.TaggedError<TurnNotFound>("effect-coding-agents/TurnNotFound")("TurnNotFound", {
    threadId: ThreadId,
    turnId: TurnId
  }, { httpApiStatus: 404 })
{
  readonly retryable = false
  override get message() {
    return `Thread ${this.threadId} has no turn ${this.turnId}`
  }
}

/**
 * The terminal event of a turn that did not complete.
 *
 * @category schemas
 * @since 0.1.0
 */
export const TurnEnding = Schema.Union([
  EventBody.cases.TurnFailed,
  EventBody.cases.TurnInterrupted,
  EventBody.cases.TurnUnknown
])

/**
 * @category models
 * @since 0.1.0
 */
export type TurnEnding = typeof TurnEnding.Type

/**
 * `runTurn` waited for a turn that ended otherwise than completed.
 *
 * @category errors
 * @since 0.1.0
 */
export class TurnNotCompleted
  extends Schema.TaggedError<TurnNotCompleted>("effect-coding-agents/TurnNotCompleted")("TurnNotCompleted", {
    threadId: ThreadId,
    turnId: TurnId,
    ending: TurnEnding
  }, { httpApiStatus: 502 })
{
  get retryable() {
    return this.ending._tag === "TurnFailed" && this.ending.failure._tag === "ModelFailed" &&
      this.ending.failure.retryable
  }
  override get message() {
    const ending = this.ending
    switch (ending._tag) {
      case "TurnFailed":
        return `Turn ${this.turnId} failed: ${JSON.stringify(ending.failure)}`
      case "TurnInterrupted":
        return `Turn ${this.turnId} was interrupted by ${ending.by}`
      case "TurnUnknown":
        return `The outcome of turn ${this.turnId} is unknown (${ending.reason})`
    }
  }
}
