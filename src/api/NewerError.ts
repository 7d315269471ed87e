/** Errors as a server of another release may tell them: one that this release does not know is kept, as an event is. */
import { Effect, Schema, SchemaGetter } from "effect"
import { PublicError } from "../domain/PublicError.ts"
import { ErrorUnrecognized } from "../service/ServiceError.ts"

const decodePublic = Schema.decodeUnknownEffect(PublicError)

/** These errors, `ErrorUnrecognized` among them, or any that has the public form, which comes as that one. */
export const codec = (errors: Schema.Codec<unknown, unknown>): Schema.Codec<unknown, unknown> => {
  const json = Schema.toCodecJson(errors)
  const decode = Schema.decodeUnknownEffect(json)
  const encode = Schema.encodeEffect(json)
  return Schema.Unknown.pipe(Schema.decodeTo(Schema.toType(errors), {
    decode: SchemaGetter.transformEffect((raw) =>
      Effect.catch(decode(raw), ({ issue }) =>
        Effect.matchEffect(decodePublic(raw), {
          onFailure: () => Effect.fail(issue),
          onSuccess: (error) => Effect.succeed(new ErrorUnrecognized({ error }))
        }))
    ),
    encode: SchemaGetter.transformEffect((value) => Effect.mapError(encode(value), ({ issue }) => issue))
  }))
}
