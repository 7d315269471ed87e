/**
 * What a service on another machine adds to what can go wrong.
 *
 * @since 0.1.0
 */
import { Schema } from "effect"
import { PublicError } from "../domain/PublicError.ts"

/**
 * The service is a server's, and the call has no answer from it. A service in the app's own process never fails so.
 *
 * @category errors
 * @since 0.1.0
 */
export class ServerUnreachable
  extends Schema.TaggedError<ServerUnreachable>("effect-coding-agents/ServerUnreachable")("ServerUnreachable", {
    /** As `sendTurn`. */
    operation: Schema.String,
    /**
     * - `away`: there was no connection for as long as the client waits for one.
     * - `closed`: the connection was lost, or the server was shut down, before the answer.
     * - `unauthorized`: the server does not accept the client's token.
     */
    reason: Schema.Literals(["away", "closed", "unauthorized"]),
    /** Whether the server may have done what was asked. The client calls again by itself where that is harmless. */
    outcome: Schema.Literals(["not-done", "unknown"])
  }, { httpApiStatus: 503 })
{
  get retryable(): boolean {
    return this.reason !== "unauthorized"
  }
  override get message() {
    const what = this.outcome === "not-done" ? "was not done" : "may have been done"
    switch (this.reason) {
      case "away":
        return `The server cannot be reached: ${this.operation} ${what}`
      case "closed":
        return `The connection to the server was lost: ${this.operation} ${what}`
      case "unauthorized":
        return `The server does not accept the token: ${this.operation} ${what}`
    }
  }
}

/**
 * The server is of another release and has failed with an error that this one does not know. It is kept as it came, and its
 * `message` and `retryable` are those of this error, too. A service in the app's own process never fails so.
 *
 * @category errors
 * @since 0.1.0
 */
export class ErrorUnrecognized
  extends Schema.TaggedError<ErrorUnrecognized>("effect-coding-agents/ErrorUnrecognized")("ErrorUnrecognized", {
    error: PublicError
  }, { httpApiStatus: 502 })
{
  get retryable(): boolean {
    return this.error.retryable
  }
  override get message() {
    return this.error.message
  }
}
