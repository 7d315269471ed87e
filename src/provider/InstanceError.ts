/**
 * What can go wrong with an instance that an app has, or had.
 *
 * @since 0.1.0
 */
import { Schema } from "effect"
import { InstanceId } from "../domain/Ids.ts"

/**
 * The instance cannot be had now. Its threads can be listed, read, and swapped to another instance; they are not started.
 *
 * - `absent`: the thread was on this instance, and no Layer registers it any more.
 * - `failed`: it is built when it is used, and its Layer failed; `error` is the error's tag.
 *
 * @category errors
 * @since 0.1.0
 */
export class InstanceUnavailable
  extends Schema.TaggedError<InstanceUnavailable>("effect-coding-agents/InstanceUnavailable")("InstanceUnavailable", {
    instanceId: InstanceId,
    reason: Schema.Literals(["absent", "failed"]),
    error: Schema.optionalKey(Schema.String)
  }, { httpApiStatus: 503 })
{
  readonly retryable = true
  override get message() {
    return this.reason === "absent"
      ? `The provider instance "${this.instanceId}" is not there; its threads can go on with another one`
      : `The provider instance "${this.instanceId}" could not be built (${this.error ?? "a defect"})`
  }
}
