/**
 * What can go wrong between an adapter and its agent: one tagged error per thing that can happen, with data.
 *
 * Each operation of `ProviderAdapter` and `ProviderSession` names the subset that can occur there. `retryable` says
 * whether the same call may succeed later although nothing was changed. Fields named `message`, `stderr` and
 * `body` carry the agent's own words for a human; nothing in this library decides by them.
 *
 * @since 0.1.0
 */
import { Schema } from "effect"
import { InstanceId, ProviderName, RequestId, SessionId, TurnId } from "../domain/Ids.ts"
import { ProjectConfig } from "../domain/ProjectConfig.ts"
import { hidden } from "../domain/PublicError.ts"
import { RuntimeMode } from "../domain/RuntimeMode.ts"

export * from "./AgentError.ts"
export * from "./InstanceError.ts"
export * from "./OfferError.ts"
export * from "./PortabilityError.ts"
export * from "./SetupError.ts"
export { SignInFailed } from "./SignIn.ts"

/**
 * Proved: the provider no longer has this session. `evidence` is the structure that proves it.
 *
 * @category errors
 * @since 0.1.0
 */
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

/**
 * Another process works with this session, and the agent lets only one. The session is there.
 *
 * @category errors
 * @since 0.1.0
 */
export class SessionInUse
  extends Schema.TaggedError<SessionInUse>("effect-coding-agents/SessionInUse")("SessionInUse", {
    instanceId: InstanceId,
    sessionId: SessionId
  }, { httpApiStatus: 409 })
{
  readonly retryable = true
  override get message() {
    return `The session ${this.sessionId} of ${this.instanceId} is in use by another process`
  }
}

/**
 * The stored cursor cannot be used. It stays stored as it is.
 *
 * @category errors
 * @since 0.1.0
 */
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

/**
 * The session exists but cannot work in the directory that was asked for.
 *
 * @category errors
 * @since 0.1.0
 */
export class DirectoryUnreachable
  extends Schema.TaggedError<DirectoryUnreachable>("effect-coding-agents/DirectoryUnreachable")(
    "DirectoryUnreachable",
    {
      instanceId: InstanceId,
      from: hidden(Schema.String),
      to: hidden(Schema.String)
    },
    { httpApiStatus: 409 }
  )
{
  readonly retryable = false
  get publicMessage() {
    return "The session cannot be moved to the directory that was asked for"
  }
  override get message() {
    return `The session cannot be moved from ${this.from} to ${this.to}`
  }
}

/**
 * The agent cannot be told of a directory with such a name: it would work in another one, or never answer.
 *
 * @category errors
 * @since 0.1.0
 */
export class DirectoryUnsupported
  extends Schema.TaggedError<DirectoryUnsupported>("effect-coding-agents/DirectoryUnsupported")(
    "DirectoryUnsupported",
    {
      instanceId: InstanceId,
      directory: hidden(Schema.String),
      /** What in its name the agent cannot take. */
      characters: Schema.String
    },
    { httpApiStatus: 422 }
  )
{
  readonly retryable = false
  get publicMessage() {
    return `${this.instanceId} cannot work in a directory with "${this.characters}" in its name`
  }
  override get message() {
    return `${this.instanceId} cannot work in ${this.directory}: there is "${this.characters}" in its name`
  }
}

/**
 * The runtime mode, or what `projectConfig` asks for, cannot be enforced on this agent, so the session was not started.
 *
 * @category errors
 * @since 0.1.0
 */
export class PolicyUnenforceable
  extends Schema.TaggedError<PolicyUnenforceable>("effect-coding-agents/PolicyUnenforceable")("PolicyUnenforceable", {
    instanceId: InstanceId,
    runtimeMode: RuntimeMode,
    /** Where this is what cannot be enforced. A start that trusts the directory would succeed. */
    projectConfig: Schema.optionalKey(ProjectConfig),
    /** What the agent would have allowed, or how it answered, in its own terms. */
    effective: hidden(Schema.Unknown)
  }, { httpApiStatus: 422 })
{
  readonly retryable = false
  override get message() {
    return this.projectConfig === undefined
      ? `${this.instanceId} cannot enforce ${this.runtimeMode}`
      : `${this.instanceId} cannot be kept from running what it finds in the directory (projectConfig "${this.projectConfig}"); ` +
        "if you trust the directory, start with \"trust\""
  }
}

/**
 * The agent does not offer this model: it is not in the list that the agent gave, which is `available`.
 *
 * @category errors
 * @since 0.1.0
 */
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

/**
 * The input did not become a turn. The provider does not have it; sending it again is safe.
 *
 * @category errors
 * @since 0.1.0
 */
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
 *
 * @category errors
 * @since 0.1.0
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

/**
 * An attachment cannot be sent.
 *
 * @category errors
 * @since 0.1.0
 */
export class AttachmentRefused
  extends Schema.TaggedError<AttachmentRefused>("effect-coding-agents/AttachmentRefused")("AttachmentRefused", {
    name: Schema.String,
    reason: Schema.Literals(["outside-directory", "missing", "unreadable", "too-large", "unsupported"])
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
 *
 * @category errors
 * @since 0.1.0
 */
export class GateMissing extends Schema.TaggedError<GateMissing>("effect-coding-agents/GateMissing")("GateMissing", {
  instanceId: InstanceId,
  /** What did not load: a plugin, a hook. */
  missing: hidden(Schema.String)
}, { httpApiStatus: 503 }) {
  readonly retryable = false
  get publicMessage() {
    return `${this.instanceId} could not be held before a compaction; the turn was not sent`
  }
  override get message() {
    return `${this.instanceId} did not load ${this.missing}, so a compaction could not be held until the transcript is ` +
      "saved; the turn was not sent. With `compaction: { saveBefore: false }` it would be."
  }
}

/**
 * The provider does not know this request (any more): it was answered elsewhere, or what it belonged to ended.
 *
 * @category errors
 * @since 0.1.0
 */
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

/**
 * The adapter does not offer this operation; its capabilities say so.
 *
 * @category errors
 * @since 0.1.0
 */
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
