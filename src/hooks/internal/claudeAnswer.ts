/**
 * The JSON that a Claude Code hook prints, and a webhook answers: whether it refuses, what it decides of an approval, and
 * what it adds.
 */
import { Option, Schema } from "effect"

const Answer = Schema.Struct({
  continue: Schema.optionalKey(Schema.Boolean),
  stopReason: Schema.optionalKey(Schema.String),
  decision: Schema.optionalKey(Schema.NullOr(Schema.Literals(["approve", "block"]))),
  reason: Schema.optionalKey(Schema.NullOr(Schema.String)),
  hookSpecificOutput: Schema.optionalKey(Schema.Struct({
    additionalContext: Schema.optionalKey(Schema.String),
    /** Of `PermissionRequest`. */
    decision: Schema.optionalKey(Schema.Union([
      // An action with another input than the one that was shown cannot be had, and allowing the one that was is not meant.
      Schema.Struct({ behavior: Schema.Literal("allow"), updatedInput: Schema.optionalKey(Schema.Undefined) }),
      Schema.Struct({ behavior: Schema.Literal("deny"), message: Schema.optionalKey(Schema.String) })
    ]))
  }))
})

const decode = Schema.decodeUnknownOption(Schema.fromJsonString(Answer))

export interface ClaudeAnswer {
  readonly refuses: boolean
  /** Why it refuses, where it says so. */
  readonly reason: string | null | undefined
  /** It allows what an approval asks for. */
  readonly allows: boolean
  readonly context: ReadonlyArray<string>
}

/** None of a text that is no such answer. */
export const read = (text: string): Option.Option<ClaudeAnswer> =>
  Option.map(decode(text), ({ decision, hookSpecificOutput, reason, stopReason, ...answer }) => {
    const permission = hookSpecificOutput?.decision
    const added = hookSpecificOutput?.additionalContext ?? ""
    const refusal = (reason: string | null | undefined) => ({ refuses: true, reason, allows: false, context: [] })
    if (answer.continue === false) return refusal(stopReason)
    if (decision === "block") return refusal(reason)
    if (permission?.behavior === "deny") return refusal(permission.message)
    return { refuses: false, reason: undefined, allows: permission !== undefined, context: added === "" ? [] : [added] }
  })
