/**
 * What can go wrong with what the app gives a session that is being started.
 *
 * @since 0.1.0
 */
import { Schema } from "effect"
import * as ErrorTag from "../domain/ErrorTag.ts"
import { InstanceId, ThreadId } from "../domain/Ids.ts"
import * as InputIssue from "../domain/InputIssue.ts"

/**
 * A setup hook of the app gave no setup, so the session was not started; what the hooks had acquired is released.
 *
 * - `failed`, `timeout`, `interrupted`: the hook's call ended so; `error` is the error's tag and nothing else of it.
 * - `suspended`: it was not called, because an earlier call of it did not end.
 * - `invalid`: what it answered is no setup; `issues` says where.
 * - `conflict`: another hook before it has set the variable or MCP server `name` to something else.
 *
 * @category errors
 * @since 0.1.0
 */
export class SetupFailed extends Schema.TaggedError<SetupFailed>("effect-coding-agents/SetupFailed")("SetupFailed", {
  threadId: ThreadId,
  instanceId: InstanceId,
  hook: Schema.String,
  reason: Schema.Literals(["failed", "timeout", "interrupted", "suspended", "invalid", "conflict"]),
  error: Schema.optionalKey(Schema.String),
  /** The first 32. */
  issues: Schema.optionalKey(Schema.Array(InputIssue.InputIssue)),
  name: Schema.optionalKey(Schema.String)
}, { httpApiStatus: 503 }) {
  /** What a hook answers, and another contradicts, stays so. */
  get retryable(): boolean {
    return this.reason !== "invalid" && this.reason !== "conflict"
  }
  override get message() {
    const issues = this.issues === undefined ? undefined : InputIssue.format(this.issues)
    const why = this.error ?? ErrorTag.nameOf(this) ?? issues
    return `The setup hook "${this.hook}" gave thread ${this.threadId} nothing to start with (${this.reason})${
      why === undefined ? "" : `: ${why}`
    }`
  }
}
