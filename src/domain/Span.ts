/** A duration as an app gives it: `"30 minutes"`, or a number of milliseconds. */
import { Duration, Effect, Option, Predicate, Schema, SchemaGetter, SchemaIssue } from "effect"

const isInput = (input: unknown): input is Duration.Input =>
  Predicate.isString(input) || Predicate.isNumber(input) || Predicate.isBigInt(input) || Predicate.isObject(input)
  || Array.isArray(input)

const expected = "a duration that is not negative, as \"30 minutes\" or a number of milliseconds"

export const Span = Schema.declare(isInput, { expected }).pipe(
  Schema.decodeTo(Schema.Duration, {
    decode: SchemaGetter.transformEffect((input, options) =>
      Effect.mapError(
        Effect.fromOption(Option.filter(Duration.fromInput(input), (span) => !Duration.isNegative(span))),
        () => new SchemaIssue.InvalidValue({ expected }, input, options)
      )
    ),
    encode: SchemaGetter.passthroughSupertype()
  })
)
