/**
 * What a hook is registered with, read before it is: in JavaScript a misspelt field would be a hook that is never called,
 * or one that fails at the first session.
 */
import { Effect, Predicate, Schema, Struct } from "effect"
import * as InputIssue from "../../domain/InputIssue.ts"
import { type HookPattern, isPattern } from "../../domain/LifecycleEvent.ts"
import { Span } from "../../domain/Span.ts"
import { ThreadEvent } from "../../domain/ThreadEvent.ts"
import { HookInvalid, type HookRegistration } from "../HookRegistration.ts"

const isRun = (input: unknown): input is (...args: ReadonlyArray<never>) => unknown => Predicate.isFunction(input)

const common = {
  name: Schema.NonEmptyString,
  priority: Schema.optional(Schema.Finite),
  timeout: Schema.optional(Span),
  grace: Schema.optional(Span),
  run: Schema.declare(isRun, { expected: "a function" })
}

const isHookPattern = (input: unknown): input is HookPattern => Predicate.isString(input) && isPattern(input)

const Pattern = Schema.declare(isHookPattern, { expected: "an event (\"turn:end\"), a family (\"turn:*\") or \"*\"" })

/** Of none at all nothing would be left: a batch would be passed over, a delivery never tried. */
const Count = Schema.Int.check(Schema.isGreaterThanOrEqualTo(1))

const failure = Schema.optional(Schema.Literals(["open", "closed"]))
const transformed = ["turn:start", "compaction:before"] as const

const phases = {
  setup: Schema.Struct(common),
  guard: Schema.Struct({
    ...common,
    failure,
    events: Schema.Array(Schema.Literals([...transformed, "approval:requested", "tool:before"]))
  }),
  transform: Schema.Struct({ ...common, failure, events: Schema.Array(Schema.Literals(transformed)) }),
  observe: Schema.Struct({
    ...common,
    events: Schema.Array(Pattern),
    delivery: Schema.optional(Schema.Literals(["durable", "best-effort"])),
    attempts: Schema.optional(Count),
    backoff: Schema.optional(Span)
  }),
  project: Schema.Struct({
    ...common,
    kinds: Schema.Array(Schema.Literals(Struct.keys(ThreadEvent.cases))),
    limit: Schema.optional(Count),
    transaction: Schema.optional(Schema.Boolean)
  })
}

/** Fields that are none of a hook's stay: those of a command or an endpoint are with them. */
export const check = (phase: HookRegistration["phase"], hook: unknown): Effect.Effect<void, HookInvalid> => {
  const schema: Schema.ConstraintDecoder<unknown> = phases[phase]
  const name = Predicate.hasProperty(hook, "name") && Predicate.isString(hook.name) ? hook.name : ""
  return Schema.decodeUnknownEffect(schema, { errors: "all" })(hook).pipe(
    Effect.mapError((error) =>
      new HookInvalid({ name, phase, issues: InputIssue.bounded(InputIssue.of(error)).issues })
    ),
    Effect.asVoid
  )
}
