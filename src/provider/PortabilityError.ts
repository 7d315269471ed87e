/**
 * What can go wrong where a session is cut at a turn, or brought from another home.
 *
 * @since 0.1.0
 */
import { Schema } from "effect"
import { InstanceId, TurnId } from "../domain/Ids.ts"
import { hidden } from "../domain/PublicError.ts"

/**
 * The agent's session cannot be cut at this turn. `no-ref`: nothing is known by which the agent finds the turn, because
 * it began the turn itself or the thread has it from elsewhere. `not-found`: the session that the thread has now does
 * not have the turn as one of its own: it ran in another session, or a compaction has taken it in.
 *
 * @category errors
 * @since 0.1.0
 */
export class TurnNotInSession
  extends Schema.TaggedError<TurnNotInSession>("effect-coding-agents/TurnNotInSession")("TurnNotInSession", {
    instanceId: InstanceId,
    turnId: TurnId,
    reason: Schema.Literals(["no-ref", "not-found"])
  }, { httpApiStatus: 409 })
{
  readonly retryable = false
  override get message() {
    return this.reason === "no-ref"
      ? `Nothing is known by which ${this.instanceId} finds turn ${this.turnId}`
      : `The session of ${this.instanceId} does not have turn ${this.turnId} as one of its own`
  }
}

/**
 * A copy of a session cannot be imported; nothing was changed. `Incomplete`: the copy that it continues is not there
 * before it.
 *
 * @category errors
 * @since 0.1.0
 */
export class CopyRejected
  extends Schema.TaggedError<CopyRejected>("effect-coding-agents/CopyRejected")("CopyRejected", {
    instanceId: InstanceId,
    outcome: Schema.Literals(["Absent", "Malformed", "Foreign", "Unsupported", "Incomplete"]),
    /** The foreign provider's name, the newer version, or where the copy is malformed or incomplete. */
    found: hidden(Schema.String)
  }, { httpApiStatus: 409 })
{
  readonly retryable = false
  get publicMessage() {
    return `The copy of the session is ${this.outcome.toLowerCase()} for ${this.instanceId}`
  }
  override get message() {
    return `The copy of the session is ${this.outcome.toLowerCase()} for ${this.instanceId}: ${this.found}`
  }
}
