/**
 * What is wrong with the setup that a session was to be started with.
 *
 * @since 0.1.0
 */
import { Schema } from "effect"
import * as ErrorTag from "../domain/ErrorTag.ts"
import { InstanceId } from "../domain/Ids.ts"

/**
 * A part of the setup cannot be had on this agent, so the session was not started. `unsupported`: never. `per-instance`: it
 * belongs into the options of the adapter. `reserved`: `name` is an argument or a variable that the adapter sets itself, to
 * keep what it promises.
 *
 * @category errors
 * @since 0.1.0
 */
export class SetupRefused
  extends Schema.TaggedError<SetupRefused>("effect-coding-agents/SetupRefused")("SetupRefused", {
    instanceId: InstanceId,
    part: Schema.Literals(["environment", "mcpServers", "directories", "instructions", "arguments", "tools", "agent"]),
    reason: Schema.Literals(["unsupported", "per-instance", "reserved"]),
    name: Schema.optionalKey(Schema.String)
  }, { httpApiStatus: 422 })
{
  readonly retryable = false
  override get message() {
    switch (this.reason) {
      case "unsupported":
        return `${this.instanceId} cannot be given ${this.part}`
      case "per-instance":
        return `${this.instanceId} takes ${this.part} in the options of its adapter, and not for one session`
      case "reserved":
        return `${ErrorTag.nameOf(this) ?? "A name"} of ${this.part} is ${this.instanceId}'s own to set`
    }
  }
}
