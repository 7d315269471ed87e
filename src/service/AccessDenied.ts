/**
 * What a server whose app decides thread by thread adds to what can go wrong.
 *
 * @since 0.1.0
 */
import { Schema } from "effect"

/**
 * The service is a server's, and its app does not let this caller do this. Whether there is such a thread is not said. A
 * service in the app's own process never fails so.
 *
 * @category errors
 * @since 0.1.0
 */
export class AccessDenied
  extends Schema.TaggedError<AccessDenied>("effect-coding-agents/AccessDenied")("AccessDenied", {
    operation: Schema.String,
    /** Absent for what is of no one thread. */
    threadId: Schema.optionalKey(Schema.String)
  }, { httpApiStatus: 403 })
{
  readonly retryable = false
  override get message() {
    const where = this.threadId === undefined ? "" : ` on thread "${this.threadId}"`
    return `${this.operation} is not allowed${where}`
  }
}
