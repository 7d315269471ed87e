/**
 * The operations of the service as functions that answer Promises, generated from {@link Operations}.
 *
 * - Input is plain JSON: ids are strings. It is decoded before anything is stored or sent (`InputInvalid`).
 * - A Promise rejects with the errors that the operation has in Effect: tagged, with data, and `instanceof Error`.
 * - An operation that answers a Stream answers an AsyncIterable; leaving the loop ends what runs for it. Those that begin
 *   with `stream` are named without it: `streamEvents` is `events`. One that is given a Stream takes an iterable.
 *
 * @since 0.1.0
 */
import { type Effect, Predicate, Stream } from "effect"
import type { HookDeliveries } from "../service/HookDeliveries.ts"
import type * as Operations from "../service/Operations.ts"
import type { ProviderService } from "../service/ProviderService.ts"
import type { TranscriptArchive } from "../service/TranscriptArchive.ts"
import type { CallOptions, Calls } from "./Calls.ts"

type NameOf<Name> = Name extends `stream${infer Rest}` ? Uncapitalize<Rest> : Name

/** An input of which all may be left out may be left out. */
type Arguments<Input> = Partial<Input> extends Input ? [input?: Input, options?: CallOptions]
  : [input: Input, options?: CallOptions]

type InputOf<One extends Operations.Operation> = One extends
  { readonly takes: infer Takes extends NonNullable<Operations.Operation["takes"]> }
  ? One["payload"]["Encoded"] & { readonly [Name in keyof Takes]: Given<Takes[Name]["Encoded"]> }
  : One["payload"]["Encoded"]

type Given<A> = AsyncIterable<A> | Iterable<A>

type Answer<Handler> = Handler extends (input: never) => Stream.Stream<infer A, unknown> ? AsyncIterable<A>
  : Handler extends (input: never) => Effect.Effect<infer A, unknown> ? Promise<A>
  : never

type Functions<Service, Of extends { readonly [Name in keyof Service]: Operations.Operation }> = {
  readonly [Name in keyof Service as NameOf<Name>]: (...args: Arguments<InputOf<Of[Name]>>) => Answer<Service[Name]>
}

/**
 * The operations of {@link ProviderService}.
 *
 * @category models
 * @since 0.1.0
 */
export interface Threads extends Functions<ProviderService["Service"], typeof Operations.service> {}

/**
 * The operations of {@link TranscriptArchive}.
 *
 * @category models
 * @since 0.1.0
 */
export interface Archive extends Functions<TranscriptArchive["Service"], typeof Operations.archive> {}

/**
 * The operations of {@link HookDeliveries}.
 *
 * @category models
 * @since 0.1.0
 */
export interface Deliveries extends Functions<HookDeliveries["Service"], typeof Operations.hooks> {}

const nameOf = (name: string): string => name.replace(/^stream(.)/, (_, first: string) => first.toLowerCase())

/** An operation behind the host's door, which decodes whatever it is given: written as a method, it may be given that. */
type Handler = {
  run(input: unknown): Effect.Effect<unknown, unknown> | Stream.Stream<unknown, unknown>
}["run"]

const isIterable = (value: unknown): value is Iterable<unknown> => Predicate.hasProperty(value, Symbol.iterator)

const isAsyncIterable = (value: unknown): value is AsyncIterable<unknown> =>
  Predicate.hasProperty(value, Symbol.asyncIterator)

/** What it throws is an error then, and it is told when nothing more is taken. */
const inTurn = async function*(given: Iterable<unknown>) {
  yield* given
}

const streamOf = (given: unknown): unknown =>
  isAsyncIterable(given)
    ? Stream.fromAsyncIterable(given, (cause) => cause)
    : isIterable(given)
    ? Stream.fromAsyncIterable(inTurn(given), (cause) => cause)
    : given

/** The input with Streams for what is given as iterables. */
const withStreams = (input: unknown, fields: ReadonlyArray<string>): unknown =>
  fields.length === 0 || !Predicate.isObject(input) ? input : Object.fromEntries(
    Object.entries(input).map(([name, value]) => [name, fields.includes(name) ? streamOf(value) : value])
  )

/** The functions of a service behind its door, for the operations of this record. */
export function make(
  calls: Calls,
  operations: typeof Operations.service,
  service: Operations.Handlers<typeof Operations.service>
): Threads
export function make(
  calls: Calls,
  operations: typeof Operations.archive,
  service: Operations.Handlers<typeof Operations.archive>
): Archive
export function make(
  calls: Calls,
  operations: typeof Operations.hooks,
  service: Operations.Handlers<typeof Operations.hooks>
): Deliveries
export function make(
  calls: Calls,
  operations: Readonly<Record<string, Operations.Operation>>,
  service: Readonly<Record<string, Handler>>
): object {
  return Object.fromEntries(
    Object.entries(operations).flatMap(([name, { takes = {} }]) => {
      const handler = service[name]
      if (handler === undefined) return []
      return [[nameOf(name), (input: unknown = {}, options?: CallOptions) => {
        const answer = handler(withStreams(input, Object.keys(takes)))
        return Stream.isStream(answer) ? calls.iterate(answer, options) : calls.run(answer, options)
      }]]
    })
  )
}
