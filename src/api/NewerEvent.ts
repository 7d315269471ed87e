/** Events as a newer release of the server may tell them: one that this release does not know is kept, as in the store. */
import { Effect, Option, Predicate, Schema, SchemaGetter } from "effect"
import { Epoch, Position, ThreadId, TurnId } from "../domain/Ids.ts"
import type { ThreadEvent } from "../domain/ThreadEvent.ts"

const decodePlace = Schema.decodeUnknownOption(Schema.Struct({
  _tag: Schema.String,
  seq: Schema.Int,
  threadId: ThreadId,
  epoch: Epoch,
  at: Schema.Finite,
  position: Position,
  turnId: Schema.optionalKey(TurnId)
}))

const kept = (raw: unknown): Option.Option<ThreadEvent> =>
  Option.map(decodePlace(raw), ({ _tag: type, ...place }) => ({ _tag: "Unrecognized", type, raw, ...place }))

/** An event, or any that has its place in a thread, which comes as `Unrecognized` with its raw value. */
export const codec = (event: Schema.Codec<unknown, unknown>): Schema.Codec<unknown, unknown> => {
  const json = Schema.toCodecJson(event)
  const decode = Schema.decodeUnknownEffect(json)
  const encode = Schema.encodeEffect(json)
  return Schema.Unknown.pipe(Schema.decodeTo(Schema.toType(event), {
    decode: SchemaGetter.transformEffect((raw) =>
      Effect.catch(decode(raw), ({ issue }) => {
        const found = Predicate.isObject(raw) ? kept(raw) : Option.none()
        return Option.isSome(found) ? Effect.succeed(found.value) : Effect.fail(issue)
      })
    ),
    encode: SchemaGetter.transformEffect((value) => Effect.mapError(encode(value), ({ issue }) => issue))
  }))
}
