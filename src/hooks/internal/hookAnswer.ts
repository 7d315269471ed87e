/**
 * Reads what guards and transforms answer. A hook can answer anything, and what cannot be read is a failure of the hook, never
 * a consent.
 */
import { Effect, Schema } from "effect"
import * as InputIssue from "../../domain/InputIssue.ts"
import type { ApprovalDecision } from "../../domain/UserRequest.ts"

const Verdict = Schema.TaggedUnion({
  Allow: {},
  Veto: { reason: Schema.String },
  Ask: {},
  Decide: {
    decision: Schema.TaggedUnion({
      AllowOnce: {},
      AllowForSession: {},
      Deny: { reason: Schema.optional(Schema.String), turn: Schema.optional(Schema.Literals(["continue", "stop"])) },
      Choose: { choiceId: Schema.String }
    })
  }
})

export type Verdict = typeof Verdict.Type

const Patch = Schema.Struct({ context: Schema.optional(Schema.Array(Schema.String)) })

/** It holds nothing of the answer, which may be a secret. */
export class HookAnswerInvalid
  extends Schema.TaggedError<HookAnswerInvalid>("effect-coding-agents/HookAnswerInvalid")("HookAnswerInvalid", {
    issues: Schema.Array(InputIssue.InputIssue)
  })
{
  override get message() {
    return `The answer cannot be read: ${InputIssue.format(this.issues)}`
  }
}

const reader = <S extends Schema.ConstraintDecoder<unknown>>(schema: S) => {
  const decode = Schema.decodeUnknownEffect(schema, { errors: "all" })
  return (answer: unknown) =>
    Effect.mapError(
      decode(answer),
      (error) => new HookAnswerInvalid({ issues: InputIssue.bounded(InputIssue.of(error)).issues })
    )
}

export const verdict = reader(Verdict)

export const patch = reader(Patch)

/** As the agent and the log take it: they take well-formed text alone. */
export const decisionOf = ({ decision }: Extract<Verdict, { readonly _tag: "Decide" }>): ApprovalDecision => {
  switch (decision._tag) {
    case "Deny": {
      const { reason, turn } = decision
      return {
        _tag: "Deny",
        ...(reason === undefined ? {} : { reason: reason.toWellFormed() }),
        ...(turn === undefined ? {} : { turn })
      }
    }
    case "Choose":
      return { _tag: "Choose", choiceId: decision.choiceId.toWellFormed() }
    default:
      return decision
  }
}
