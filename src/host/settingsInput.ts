/**
 * The settings as an app may give them, as a Schema.
 */
import { Duration, Predicate, Schema, Struct } from "effect"
import { CompactionPolicy } from "../domain/CompactionPolicy.ts"
import { MissingPolicy } from "../domain/Continuity.ts"
import type { Redactor } from "../domain/Redaction.ts"
import { Span } from "../domain/Span.ts"
import type { Binding } from "../domain/ThreadRecord.ts"
import * as TurnLimits from "../domain/TurnLimits.ts"

const isRedactor = (input: unknown): input is Redactor =>
  Predicate.isObject(input) && Predicate.isString(input["name"]) && Predicate.isString(input["level"])
  && Predicate.isFunction(input["redact"])

const isExempt = (input: unknown): input is (binding: Binding) => boolean => Predicate.isFunction(input)

const isTrust = (input: unknown): input is (directory: string) => boolean => Predicate.isFunction(input)

const isMaxLive = (input: unknown): input is number =>
  input === Number.POSITIVE_INFINITY || (Number.isInteger(input) && Number(input) >= 1)

const MaxLive = Schema.declare(isMaxLive, { expected: "a whole number from 1 on, or Infinity" })

/** Looks that follow each other without a pause would take the host for themselves. */
const Pause = Span.check(
  Schema.makeFilter((span) => Duration.toMillis(span) >= 1, { expected: "a duration of at least a millisecond" })
)

const Input = Schema.Struct({
  onMissing: Schema.optional(MissingPolicy),
  rehydrateTokens: Schema.optional(Schema.Natural),
  promptLimit: Schema.optional(Schema.Natural),
  attachmentLimit: Schema.optional(Schema.Struct({
    each: Schema.optional(Schema.Natural),
    turn: Schema.optional(Schema.Natural)
  })),
  importLimit: Schema.optional(Schema.Struct({
    turns: Schema.optional(Schema.Natural),
    bytes: Schema.optional(Schema.Natural)
  })),
  turnDeadline: Schema.optional(Span),
  noProgressDeadline: Schema.optional(Span),
  limits: Schema.optional(TurnLimits.TurnLimits.mapFields(Struct.map(Schema.optional))),
  approvals: Schema.optional(Schema.Struct({
    // oxlint-disable-next-line unicorn/no-thenable -- a word, and no function
    unanswered: Schema.optional(Schema.Struct({ after: Span, then: Schema.Literal("deny") }))
  })),
  interruptGrace: Schema.optional(Span),
  stopTimeout: Schema.optional(Span),
  hookBudget: Schema.optional(Span),
  compaction: Schema.optional(Schema.Struct({
    ...CompactionPolicy.mapFields(Struct.map(Schema.optional)).fields,
    snapshotDeadline: Schema.optional(Span),
    gateDeadline: Schema.optional(Span),
    deadline: Schema.optional(Span)
  })),
  trust: Schema.optional(Schema.declare(isTrust, { expected: "a function" })),
  transcripts: Schema.optional(Schema.Struct({
    redactor: Schema.optional(Schema.declare(isRedactor, { expected: "a Redactor" })),
    retention: Schema.optional(Schema.Struct({
      keepLast: Schema.optional(Schema.Natural),
      maxAge: Schema.optional(Span),
      maxBytes: Schema.optional(Schema.Natural)
    }))
  })),
  retention: Schema.optional(Schema.Struct({
    keepTurns: Schema.optional(Schema.Natural),
    maxAge: Schema.optional(Span),
    maxBytes: Schema.optional(Schema.Natural),
    archive: Schema.optional(Schema.Boolean),
    settleAfter: Schema.optional(Span),
    every: Schema.optional(Pause)
  })),
  reaper: Schema.optional(Schema.Struct({
    idleAfter: Schema.optional(Span),
    sweepEvery: Schema.optional(Pause),
    pinCap: Schema.optional(Span),
    maxLive: Schema.optional(MaxLive),
    exempt: Schema.optional(Schema.declare(isExempt, { expected: "a function" }))
  }))
})

/** What an app has given, decoded. */
export type Given = typeof Input.Type

/** Fails with every setting that is ill-formed, and with those that there are not. */
export const decode = Schema.decodeUnknownEffect(Input, { errors: "all", onExcessProperty: "error" })
