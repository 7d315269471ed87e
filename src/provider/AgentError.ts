/**
 * What can go wrong when an agent is found, started and talked to.
 *
 * @since 0.1.0
 */
import { Schema } from "effect"
import * as ErrorTag from "../domain/ErrorTag.ts"
import { InstanceId } from "../domain/Ids.ts"
import { hidden } from "../domain/PublicError.ts"

/**
 * No executable was found. `searched` lists every place that was looked at, in order.
 *
 * @category errors
 * @since 0.1.0
 */
export class AgentNotFound
  extends Schema.TaggedError<AgentNotFound>("effect-coding-agents/AgentNotFound")("AgentNotFound", {
    instanceId: InstanceId,
    searched: hidden(Schema.Array(Schema.String))
  }, { httpApiStatus: 503 })
{
  readonly retryable = false
  get publicMessage() {
    return `No executable found for ${this.instanceId}`
  }
  override get message() {
    return `No executable found for ${this.instanceId}; looked at ${this.searched.join(", ")}`
  }
}

/**
 * A file is there but the system will not run it. `code` is the system's error code (`EACCES`, `ENOEXEC`, ...).
 *
 * @category errors
 * @since 0.1.0
 */
export class AgentNotExecutable
  extends Schema.TaggedError<AgentNotExecutable>("effect-coding-agents/AgentNotExecutable")("AgentNotExecutable", {
    instanceId: InstanceId,
    path: hidden(Schema.String),
    code: Schema.String
  }, { httpApiStatus: 503 })
{
  readonly retryable = false
  get publicMessage() {
    return `The executable of ${this.instanceId} cannot be executed (${this.code})`
  }
  override get message() {
    return `${this.path} cannot be executed (${this.code})`
  }
}

/**
 * The agent was started and did not become ready: it exited, or the deadline passed. `stderr` is its last output.
 *
 * @category errors
 * @since 0.1.0
 */
export class AgentStartFailed
  extends Schema.TaggedError<AgentStartFailed>("effect-coding-agents/AgentStartFailed")("AgentStartFailed", {
    instanceId: InstanceId,
    reason: Schema.Literals(["exited", "deadline"]),
    exitCode: Schema.optionalKey(Schema.Int),
    /** The signal that ended it (`SIGKILL`). */
    signal: Schema.optionalKey(Schema.String),
    stderr: hidden(Schema.String)
  }, { httpApiStatus: 503 })
{
  /** One that ended by itself, with a code, says why in its last output, and will say it again. */
  get retryable() {
    return this.exitCode === undefined
  }
  get publicMessage() {
    if (this.reason === "deadline") return `The agent of ${this.instanceId} was not ready before the deadline`
    const how = this.signal === undefined
      ? this.exitCode === undefined ? "" : ` with code ${this.exitCode}`
      : ` by ${this.signal}`
    return `The agent of ${this.instanceId} exited${how} before it was ready`
  }
  override get message() {
    return `${this.publicMessage}${this.stderr === "" ? "" : `; its last output:\n${this.stderr}`}`
  }
}

/**
 * The agent refused our credentials.
 *
 * @category errors
 * @since 0.1.0
 */
export class AgentUnauthorized
  extends Schema.TaggedError<AgentUnauthorized>("effect-coding-agents/AgentUnauthorized")("AgentUnauthorized", {
    instanceId: InstanceId,
    status: Schema.Int
  }, { httpApiStatus: 502 })
{
  readonly retryable = false
  override get message() {
    return `${this.instanceId} refused the password or token (status ${this.status})`
  }
}

/**
 * No answer: connection refused, reset, or not within the deadline. Says nothing about the session.
 *
 * @category errors
 * @since 0.1.0
 */
export class AgentUnreachable
  extends Schema.TaggedError<AgentUnreachable>("effect-coding-agents/AgentUnreachable")("AgentUnreachable", {
    instanceId: InstanceId,
    operation: Schema.String,
    code: Schema.String
  }, { httpApiStatus: 503 })
{
  readonly retryable = true
  override get message() {
    return `${this.instanceId} did not answer ${this.operation} (${this.code})`
  }
}

/**
 * The agent answered something that is neither success nor a known refusal.
 *
 * @category errors
 * @since 0.1.0
 */
export class AgentProtocolError
  extends Schema.TaggedError<AgentProtocolError>("effect-coding-agents/AgentProtocolError")("AgentProtocolError", {
    instanceId: InstanceId,
    operation: Schema.String,
    status: Schema.optionalKey(Schema.Int),
    name: Schema.optionalKey(Schema.String),
    body: hidden(Schema.Unknown)
  }, { httpApiStatus: 502 })
{
  readonly retryable = false
  override get message() {
    const what = [this.status, ErrorTag.nameOf(this)].filter((part) => part !== undefined).join(" ")
    return `${this.instanceId} answered ${this.operation} with ${what === "" ? "an unexpected value" : what}`
  }
}

/**
 * The agent is not logged in. `methods` are the agent's own names of its ways to log in, where it tells them.
 *
 * @category errors
 * @since 0.1.0
 */
export class LoginRequired
  extends Schema.TaggedError<LoginRequired>("effect-coding-agents/LoginRequired")("LoginRequired", {
    instanceId: InstanceId,
    methods: Schema.Array(Schema.String)
  }, { httpApiStatus: 503 })
{
  readonly retryable = false
  override get message() {
    const how = this.methods.length === 0
      ? "log in with the agent's own program"
      : `it offers ${this.methods.join(", ")}`
    return `The agent of ${this.instanceId} is not logged in; ${how}`
  }
}

/**
 * The agent's version is older than what the adapter needs. `found` is absent where the agent does not tell it.
 *
 * @category errors
 * @since 0.1.0
 */
export class AgentTooOld extends Schema.TaggedError<AgentTooOld>("effect-coding-agents/AgentTooOld")("AgentTooOld", {
  instanceId: InstanceId,
  found: Schema.optionalKey(Schema.String),
  needed: Schema.String
}, { httpApiStatus: 503 }) {
  readonly retryable = false
  override get message() {
    return `The agent of ${this.instanceId} is version ${this.found ?? "unknown"}; it must be ${this.needed} or newer`
  }
}

/**
 * The agent's version is of a generation that the adapter does not speak with. `newest` is the last that it does.
 *
 * @category errors
 * @since 0.1.0
 */
export class AgentTooNew extends Schema.TaggedError<AgentTooNew>("effect-coding-agents/AgentTooNew")("AgentTooNew", {
  instanceId: InstanceId,
  found: Schema.String,
  newest: Schema.String
}, { httpApiStatus: 503 }) {
  readonly retryable = false
  override get message() {
    return `The agent of ${this.instanceId} is version ${this.found}, which speaks another protocol; install ${this.newest}`
  }
}

/**
 * A setting of the app's or of the user's is not one that the agent can work with.
 *
 * @category errors
 * @since 0.1.0
 */
export class AgentMisconfigured
  extends Schema.TaggedError<AgentMisconfigured>("effect-coding-agents/AgentMisconfigured")("AgentMisconfigured", {
    instanceId: InstanceId,
    /** Its name, or the agent's name of the fault. */
    setting: Schema.String,
    /** The value, or what the agent says of it. */
    found: hidden(Schema.Unknown)
  }, { httpApiStatus: 503 })
{
  readonly retryable = false
  override get message() {
    return `The configuration of ${this.instanceId} is not valid: ${this.setting}`
  }
}

/**
 * Failing to talk to a running agent, whatever the operation.
 *
 * @category models
 * @since 0.1.0
 */
export type AgentError = AgentUnauthorized | AgentUnreachable | AgentProtocolError | LoginRequired

/**
 * Failing to get an agent that runs and accepts us.
 *
 * @category models
 * @since 0.1.0
 */
export type AgentStartError =
  | AgentNotFound
  | AgentNotExecutable
  | AgentStartFailed
  | AgentTooOld
  | AgentTooNew
  | AgentMisconfigured
  | AgentError
