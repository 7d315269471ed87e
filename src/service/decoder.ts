/**
 * The input of an operation, as its Schema says. What does not fit fails with `InputInvalid`, which names each place and
 * what was expected there, and never quotes the input.
 */
import { Effect, Predicate, Schema } from "effect"
import * as InputIssue from "../domain/InputIssue.ts"
import { InputInvalid } from "./ServiceError.ts"

/** As JSON has it: a key without a value is not there. No payload is deeper than `depth`. */
const withoutUndefined = (input: unknown, depth = 8): unknown => {
  if (depth === 0) return input
  if (Array.isArray(input)) return input.map((element: unknown) => withoutUndefined(element, depth - 1))
  if (!Predicate.isObject(input)) return input
  return Object.fromEntries(
    Object.entries(input).flatMap(([key, value]) =>
      value === undefined ? [] : [[key, withoutUndefined(value, depth - 1)]]
    )
  )
}

export const decoder = <A, I>(operation: string, payload: Schema.Codec<A, I>) => {
  const decode = Schema.decodeUnknownEffect(payload, { errors: "all" })
  return (input: unknown): Effect.Effect<A, InputInvalid> =>
    Effect.suspend(() => decode(input)).pipe(
      Effect.catch(() => decode(withoutUndefined(input))),
      Effect.mapError((error) => new InputInvalid({ operation, ...InputIssue.bounded(InputIssue.of(error)) })),
      Effect.catchDefect(() => Effect.fail(new InputInvalid({ operation, issues: [InputIssue.unreadable] })))
    )
}
