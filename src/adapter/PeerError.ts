/**
 * How a call of a `StdioPeer` fails.
 *
 * @since 0.1.0
 */
import { Schema } from "effect"
import type { InstanceId } from "../domain/Ids.ts"
import { hidden } from "../domain/PublicError.ts"
import { AgentProtocolError, AgentUnreachable } from "../provider/AdapterError.ts"
import type { ProcessExit } from "../provider/ProviderAdapter.ts"

/**
 * How a peer ended. `exit` is absent where the process still runs, or did a second after its stdout had ended.
 *
 * @category models
 * @since 0.1.0
 */
export interface Ended {
  readonly exit: ProcessExit | undefined
  /** The last words of the process. */
  readonly tail: string
}

/**
 * The peer has ended, so there will be no answer. It may have had the call.
 *
 * @category errors
 * @since 0.1.0
 */
export class PeerClosed extends Schema.TaggedError<PeerClosed>("effect-coding-agents/PeerClosed")("PeerClosed", {
  operation: Schema.String,
  exit: Schema.optionalKey(
    Schema.Struct({ exitCode: Schema.optionalKey(Schema.Int), signal: Schema.optionalKey(Schema.String) })
  ),
  tail: hidden(Schema.String)
}, { httpApiStatus: 503 }) {
  readonly retryable = true
  override get message() {
    return `The agent ended before it answered ${this.operation}`
  }
}

/**
 * There was no answer within the deadline. The peer may have the call.
 *
 * @category errors
 * @since 0.1.0
 */
export class PeerTimeout extends Schema.TaggedError<PeerTimeout>("effect-coding-agents/PeerTimeout")("PeerTimeout", {
  operation: Schema.String
}, { httpApiStatus: 504 }) {
  readonly retryable = true
  override get message() {
    return `The agent did not answer ${this.operation} in time`
  }
}

/**
 * The peer answered with an error.
 *
 * @category errors
 * @since 0.1.0
 */
export class PeerRefused extends Schema.TaggedError<PeerRefused>("effect-coding-agents/PeerRefused")("PeerRefused", {
  operation: Schema.String,
  code: Schema.optionalKey(Schema.Finite),
  /** The peer's words. */
  reason: hidden(Schema.String),
  data: hidden(Schema.Unknown)
}, { httpApiStatus: 502 }) {
  readonly retryable = false
  override get message() {
    return `The agent refused ${this.operation}${this.code === undefined ? "" : ` (${this.code})`}`
  }
}

/**
 * @category models
 * @since 0.1.0
 */
export type PeerError = PeerClosed | PeerTimeout | PeerRefused

/**
 * The error of the contract for calls of which nothing more is known.
 *
 * @category conversions
 * @since 0.1.0
 */
export const toAgentError = (instanceId: InstanceId) => (error: PeerError): AgentUnreachable | AgentProtocolError => {
  const { operation } = error
  switch (error._tag) {
    case "PeerClosed":
      return new AgentUnreachable({ instanceId, operation, code: "EPIPE" })
    case "PeerTimeout":
      return new AgentUnreachable({ instanceId, operation, code: "ETIMEDOUT" })
    case "PeerRefused": {
      const { code, data, reason } = error
      return new AgentProtocolError({
        instanceId,
        operation,
        ...(Number.isInteger(code) && code !== undefined ? { status: code } : {}),
        body: { message: reason, data }
      })
    }
  }
}
