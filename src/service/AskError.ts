/**
 * What can go wrong with a question that no thread has.
 *
 * @since 0.1.0
 */
import { Schema } from "effect"
import { InstanceId } from "../domain/Ids.ts"
import * as InputIssue from "../domain/InputIssue.ts"
import { TurnFailure } from "../domain/TurnFailure.ts"

/**
 * The agent took the question and did not answer it.
 *
 * @category errors
 * @since 0.1.0
 */
export class AskNotCompleted
  extends Schema.TaggedError<AskNotCompleted>("effect-coding-agents/AskNotCompleted")("AskNotCompleted", {
    instanceId: InstanceId,
    /** Absent where the agent was interrupted by its user. */
    failure: Schema.optionalKey(TurnFailure)
  }, { httpApiStatus: 502 })
{
  readonly retryable = true
  override get message() {
    return `${this.instanceId} did not answer: ${this.failure?._tag ?? "interrupted"}`
  }
}

/**
 * The agent answered, and not what was asked for: no JSON (then there are no issues), or JSON of another shape.
 *
 * @category errors
 * @since 0.1.0
 */
export class AskOutputInvalid
  extends Schema.TaggedError<AskOutputInvalid>("effect-coding-agents/AskOutputInvalid")("AskOutputInvalid", {
    instanceId: InstanceId,
    /** What it said. */
    text: Schema.String,
    issues: Schema.Array(InputIssue.InputIssue)
  }, { httpApiStatus: 502 })
{
  readonly retryable = true
  override get message() {
    const why = this.issues.length === 0 ? "it is no JSON" : InputIssue.format(this.issues)
    return `The answer of ${this.instanceId} is not what was asked for: ${why}`
  }
}
