/**
 * What can go wrong between an adapter and its agent: one tagged error per thing that can happen, with data.
 *
 * Each operation of `ProviderAdapter` and `ProviderSession` names the subset that can occur there. `retryable` says
 * whether the same call may succeed later without anybody changing anything. Fields named `message`, `stderr` and
 * `body` carry the agent's own words for a human; nothing in this library decides by them.
 */
import { Schema } from "effect"
import { InstanceId, ProviderName, RequestId, SessionId, TurnId } from "../domain/Ids.ts"
import { hidden } from "../domain/PublicError.ts"
import { RuntimeMode } from "../domain/RuntimeMode.ts"

/** No executable was found. `searched` lists every place that was looked at, in order. */
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

/** A file is there but the system will not run it. `code` is the system's error code (`EACCES`, `ENOEXEC`, ...). */
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

/** The agent was started and did not become ready: it exited, or the deadline passed. `stderr` is its last output. */
export class AgentStartFailed
  extends Schema.TaggedError<AgentStartFailed>("effect-coding-agents/AgentStartFailed")("AgentStartFailed", {
    instanceId: InstanceId,
    reason: Schema.Literals(["exited", "deadline"]),
    exitCode: Schema.optionalKey(Schema.Int),
    stderr: hidden(Schema.String)
  }, { httpApiStatus: 503 })
{
  readonly retryable = true
  get publicMessage() {
    const what = this.reason === "deadline"
      ? "was not ready before the deadline"
      : `exited${this.exitCode === undefined ? "" : ` with code ${this.exitCode}`} before it was ready`
    return `The agent of ${this.instanceId} ${what}`
  }
  override get message() {
    return `${this.publicMessage}${this.stderr === "" ? "" : `; its last output:\n${this.stderr}`}`
  }
}

/** The agent refused our credentials. */
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

/** No answer: connection refused, reset, or not within the deadline. Says nothing about the session. */
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

/** The agent answered something that is neither success nor a known refusal. */
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
    const what = [this.status, this.name].filter((part) => part !== undefined).join(" ")
    return `${this.instanceId} answered ${this.operation} with ${what === "" ? "an unexpected value" : what}`
  }
}

/** Proved: the provider no longer has this session. `evidence` is the structure that proves it. */
export class SessionMissing
  extends Schema.TaggedError<SessionMissing>("effect-coding-agents/SessionMissing")("SessionMissing", {
    instanceId: InstanceId,
    sessionId: SessionId,
    evidence: hidden(Schema.Unknown)
  }, { httpApiStatus: 410 })
{
  readonly retryable = false
  override get message() {
    return `${this.instanceId} no longer has the session ${this.sessionId}`
  }
}

/** The stored cursor cannot be used. It stays stored as it is. */
export class CursorRejected
  extends Schema.TaggedError<CursorRejected>("effect-coding-agents/CursorRejected")("CursorRejected", {
    instanceId: InstanceId,
    outcome: Schema.Literals(["Absent", "Malformed", "Foreign", "Unsupported"]),
    /** What was found: the foreign provider's name, the newer version, or where the value is malformed. */
    found: hidden(Schema.String)
  }, { httpApiStatus: 409 })
{
  readonly retryable = false
  get publicMessage() {
    return `The stored cursor is ${this.outcome.toLowerCase()} for ${this.instanceId}. It was kept.`
  }
  override get message() {
    return `The stored cursor is ${this.outcome.toLowerCase()} for ${this.instanceId}: ${this.found}. It was kept.`
  }
}

/** The session exists but cannot work in the directory that was asked for. */
export class DirectoryUnreachable
  extends Schema.TaggedError<DirectoryUnreachable>("effect-coding-agents/DirectoryUnreachable")(
    "DirectoryUnreachable",
    {
      instanceId: InstanceId,
      from: Schema.String,
      to: Schema.String
    },
    { httpApiStatus: 409 }
  )
{
  readonly retryable = false
  override get message() {
    return `The session cannot be moved from ${this.from} to ${this.to}`
  }
}

/** The runtime mode cannot be enforced on this agent, so the session was not started. */
export class PolicyUnenforceable
  extends Schema.TaggedError<PolicyUnenforceable>("effect-coding-agents/PolicyUnenforceable")("PolicyUnenforceable", {
    instanceId: InstanceId,
    runtimeMode: RuntimeMode,
    /** What the agent would have allowed, or how it answered, in its own terms. */
    effective: hidden(Schema.Unknown)
  }, { httpApiStatus: 422 })
{
  readonly retryable = false
  override get message() {
    return `${this.instanceId} cannot enforce ${this.runtimeMode}`
  }
}

/** The agent does not offer this model. */
export class ModelUnavailable
  extends Schema.TaggedError<ModelUnavailable>("effect-coding-agents/ModelUnavailable")("ModelUnavailable", {
    instanceId: InstanceId,
    model: Schema.String,
    available: Schema.Array(Schema.String)
  }, { httpApiStatus: 422 })
{
  readonly retryable = false
  override get message() {
    const known = this.available.length === 0 ? "it offers none" : `it offers ${this.available.join(", ")}`
    return `${this.instanceId} does not offer the model "${this.model}"; ${known}`
  }
}

/** The input did not become a turn. The provider does not have it; sending it again is safe. */
export class TurnRefused extends Schema.TaggedError<TurnRefused>("effect-coding-agents/TurnRefused")("TurnRefused", {
  turnId: TurnId,
  name: Schema.String,
  reason: hidden(Schema.Unknown)
}, { httpApiStatus: 422 }) {
  readonly retryable = false
  override get message() {
    return `The agent refused turn ${this.turnId} (${this.name})`
  }
}

/**
 * The input may or may not have reached the provider, and its history could not be read to find out. The turn ends as
 * unknown and is never sent again by itself.
 */
export class DeliveryUncertain
  extends Schema.TaggedError<DeliveryUncertain>("effect-coding-agents/DeliveryUncertain")("DeliveryUncertain", {
    turnId: TurnId,
    code: Schema.String
  }, { httpApiStatus: 504 })
{
  readonly retryable = false
  override get message() {
    return `It is not known whether turn ${this.turnId} reached the agent (${this.code})`
  }
}

/** An attachment cannot be sent. */
export class AttachmentRefused
  extends Schema.TaggedError<AttachmentRefused>("effect-coding-agents/AttachmentRefused")("AttachmentRefused", {
    name: Schema.String,
    reason: Schema.Literals(["outside-directory", "missing", "unreadable", "unsupported"])
  }, { httpApiStatus: 422 })
{
  readonly retryable = false
  override get message() {
    return `The attachment ${this.name} was refused: ${this.reason}`
  }
}

/**
 * The agent would compact without asking us first, although transcripts are to be saved before: what makes it ask did
 * not load. The turn was not sent.
 */
export class GateMissing extends Schema.TaggedError<GateMissing>("effect-coding-agents/GateMissing")("GateMissing", {
  instanceId: InstanceId,
  /** What did not load. */
  plugin: hidden(Schema.String)
}, { httpApiStatus: 503 }) {
  readonly retryable = false
  get publicMessage() {
    return `${this.instanceId} could not be held before a compaction; the turn was not sent`
  }
  override get message() {
    return `${this.instanceId} did not load ${this.plugin}, so a compaction could not be held until the transcript is ` +
      "saved; the turn was not sent. With `compaction: { saveBefore: false }` it would be."
  }
}

/** The provider does not know this request (any more): it was answered elsewhere, or what it belonged to ended. */
export class RequestGone
  extends Schema.TaggedError<RequestGone>("effect-coding-agents/RequestGone")("RequestGone", { requestId: RequestId }, {
    httpApiStatus: 409
  })
{
  readonly retryable = false
  override get message() {
    return `The agent no longer waits for an answer to ${this.requestId}`
  }
}

/** The adapter does not offer this operation; its capabilities say so. */
export class CapabilityMissing
  extends Schema.TaggedError<CapabilityMissing>("effect-coding-agents/CapabilityMissing")("CapabilityMissing", {
    provider: ProviderName,
    capability: Schema.String
  }, { httpApiStatus: 501 })
{
  readonly retryable = false
  override get message() {
    return `${this.provider} cannot ${this.capability}`
  }
}

/** Failing to talk to a running agent, whatever the operation. */
export type AgentError = AgentUnauthorized | AgentUnreachable | AgentProtocolError

/** Failing to get an agent that runs and accepts us. */
export type AgentStartError = AgentNotFound | AgentNotExecutable | AgentStartFailed | AgentError
