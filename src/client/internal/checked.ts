/** What is sent fits its operation: anything else fails here as it fails in one process, and no server is asked. */
import { Effect, Predicate, type Schema, Stream } from "effect"
import { decoder } from "../../service/decoder.ts"
import type * as Operations from "../../service/Operations.ts"
import { InputInvalid } from "../../service/ServiceError.ts"

type Handler = (input: unknown) => Effect.Effect<unknown, unknown> | Stream.Stream<unknown, unknown>

/** The Streams that the operation is given beside its payload. */
const streamsOf = (operation: string, names: ReadonlyArray<string>, input: unknown) =>
  Effect.forEach(names, (name) => {
    const stream = Predicate.hasProperty(input, name) ? input[name] : undefined
    return Stream.isStream(stream)
      ? Effect.succeed([name, stream] as const)
      : new InputInvalid({ operation, issues: [{ path: name, reason: "Expected a Stream" }] })
  })

const inputOf = (operation: string, payload: Schema.Codec<unknown, unknown>, names: ReadonlyArray<string>) => {
  const decode = decoder(operation, payload)
  if (names.length === 0) return decode
  return (input: unknown) =>
    Effect.zipWith(
      decode(input),
      streamsOf(operation, names, input),
      (decoded, streams) => ({ ...(Predicate.isObject(decoded) ? decoded : {}), ...Object.fromEntries(streams) })
    )
}

export function checked<All extends Record<string, Operations.Operation>>(
  operations: All,
  handlers: Operations.Handlers<NoInfer<All>>
): Operations.Handlers<All>
export function checked(
  operations: Record<string, Operations.Operation>,
  handlers: Readonly<Record<string, Handler>>
): object {
  return Object.fromEntries(
    Object.entries(operations).flatMap(([name, { payload, stream, takes = {} }]) => {
      const run = handlers[name]
      if (run === undefined) return []
      const decode = inputOf(name, payload, Object.keys(takes))
      const answer = (input: unknown) => Effect.map(decode(input), run)
      const handler: Handler = stream === true
        ? (input) => Stream.unwrap(Effect.map(answer(input), (found) => Effect.isEffect(found) ? Stream.empty : found))
        : (input) => Effect.flatMap(answer(input), (found) => Effect.isEffect(found) ? found : Effect.void)
      return [[name, handler]]
    })
  )
}
