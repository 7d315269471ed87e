/**
 * What can go wrong when a turn asks for something that an agent offers, or does not.
 *
 * @since 0.1.0
 */
import { Schema } from "effect"
import { InstanceId } from "../domain/Ids.ts"

/**
 * The agent does not offer this command. Nothing was sent.
 *
 * @category errors
 * @since 0.1.0
 */
export class CommandUnavailable
  extends Schema.TaggedError<CommandUnavailable>("effect-coding-agents/CommandUnavailable")("CommandUnavailable", {
    instanceId: InstanceId,
    command: Schema.String,
    available: Schema.Array(Schema.String)
  }, { httpApiStatus: 422 })
{
  readonly retryable = false
  override get message() {
    return `${this.instanceId} does not offer the command "${this.command}"; ${offered(this.available)}`
  }
}

/**
 * The command would end or replace the agent's session behind the thread's back. Nothing was sent; call `operation`
 * instead.
 *
 * @category errors
 * @since 0.1.0
 */
export class CommandResets
  extends Schema.TaggedError<CommandResets>("effect-coding-agents/CommandResets")("CommandResets", {
    instanceId: InstanceId,
    command: Schema.String,
    /** The operation of `ProviderService` that does the same, and that the thread knows of. */
    operation: Schema.Literals(["resetThread", "compactThread"])
  }, { httpApiStatus: 409 })
{
  readonly retryable = false
  override get message() {
    return `The command "${this.command}" of ${this.instanceId} would change the session natively; call ${this.operation}`
  }
}

/**
 * The agent does not have this skill. Nothing was sent.
 *
 * @category errors
 * @since 0.1.0
 */
export class SkillUnavailable
  extends Schema.TaggedError<SkillUnavailable>("effect-coding-agents/SkillUnavailable")("SkillUnavailable", {
    instanceId: InstanceId,
    skill: Schema.String,
    available: Schema.Array(Schema.String)
  }, { httpApiStatus: 422 })
{
  readonly retryable = false
  override get message() {
    return `${this.instanceId} does not have the skill "${this.skill}"; ${offered(this.available)}`
  }
}

const offered = (names: ReadonlyArray<string>) =>
  names.length === 0 ? "it offers none" : `it offers ${names.join(", ")}`
