/**
 * The operations of the service as functions that answer Promises, generated from {@link Operations}.
 *
 * - Input is plain JSON: ids are strings. It is decoded before anything is stored or sent (`InputInvalid`).
 * - A Promise rejects with the errors that the operation has in Effect: tagged, with data, and `instanceof Error`.
 * - An operation that answers a Stream answers an AsyncIterable; leaving the loop ends what runs for it. Those that begin
 *   with `stream` are named without it: `streamEvents` is `events`.
 *
 * @since 0.1.0
 */
import { type Effect, Stream } from "effect"
import type { HookDeliveries } from "../service/HookDeliveries.ts"
import type * as Operations from "../service/Operations.ts"
import type { ProviderService } from "../service/ProviderService.ts"
import type { TranscriptArchive } from "../service/TranscriptArchive.ts"
import type { CallOptions, Calls } from "./Calls.ts"

type NameOf<Name> = Name extends `stream${infer Rest}` ? Uncapitalize<Rest> : Name

/** An input of which all may be left out may be left out. */
type Arguments<Input> = Partial<Input> extends Input ? [input?: Input, options?: CallOptions]
  : [input: Input, options?: CallOptions]

type Answer<Handler> = Handler extends (input: never) => Stream.Stream<infer A, unknown> ? AsyncIterable<A>
  : Handler extends (input: never) => Effect.Effect<infer A, unknown> ? Promise<A>
  : never

type Functions<Service, Of extends { readonly [Name in keyof Service]: Operations.Operation }> = {
  readonly [Name in keyof Service as NameOf<Name>]: (
    ...args: Arguments<Of[Name]["payload"]["Encoded"]>
  ) => Answer<Service[Name]>
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
    Object.keys(operations).flatMap((name) => {
      const handler = service[name]
      if (handler === undefined) return []
      return [[nameOf(name), (input: unknown = {}, options?: CallOptions) => {
        const answer = handler(input)
        return Stream.isStream(answer) ? calls.iterate(answer, options) : calls.run(answer, options)
      }]]
    })
  )
}
