/**
 * A schema-versioned value that finds a provider's session again.
 *
 * A cursor is stored as an envelope `{ provider, version, payload }`. Decoding is total: whatever is stored (nothing,
 * rubbish, another provider's cursor, a value of a newer release), the answer is exactly one {@link Decoded} and never
 * an exception. Older versions are migrated step by step; a migration that cannot handle its value makes it
 * `Malformed`.
 *
 * Only `Absent` means that there was no session. The other refusals keep the stored value: a value that cannot be
 * read may still lead to a conversation.
 *
 * **Example**
 *
 * ```ts
 * const cursor = ResumeCursor.make({
 *   provider: ProviderName.make("acme"),
 *   version: 2,
 *   schema: Schema.Struct({ sessionId: Schema.String, region: Schema.String }),
 *   migrations: [ResumeCursor.migration(1, Schema.Struct({ id: Schema.String }), (v1) => ({ sessionId: v1.id, region: "eu" }))]
 * })
 * cursor.decode(cursor.encode({ sessionId: "s1", region: "eu" })) // { _tag: "Valid", value: ..., migratedFrom: undefined }
 * ```
 *
 * @since 0.1.0
 */
import { Data, Effect, Option, Predicate, Result, Schema } from "effect"
import { type InstanceId, ProviderName, SessionId } from "../domain/Ids.ts"
import { RuntimeMode } from "../domain/RuntimeMode.ts"
import { CursorRejected } from "./AdapterError.ts"

/**
 * What is stored: JSON, readable without knowing the provider.
 *
 * @category schemas
 * @since 0.1.0
 */
export const StoredCursor = Schema.Struct({
  provider: ProviderName,
  version: Schema.Int,
  payload: Schema.Unknown
})
/**
 * @category schemas
 * @since 0.1.0
 */
export type StoredCursor = typeof StoredCursor.Type

/**
 * Fields that the cursor of every adapter has: what a resume needs to find the session, and what it enforces again.
 *
 * @category schemas
 * @since 0.1.0
 */
export const baseFields = {
  sessionId: SessionId,
  /** Real path that the session works in. */
  directory: Schema.String,
  runtimeMode: RuntimeMode,
  /** Version of the agent that wrote the session. */
  agentVersion: Schema.String
} as const

/**
 * What a stored value turned out to be: exactly one of five.
 *
 * @category models
 * @since 0.1.0
 */
export type Decoded<A> = Data.TaggedEnum<{
  Valid: { readonly value: A; readonly migratedFrom: number | undefined }
  Absent: {}
  /** `at` says which part could not be read. */
  Malformed: { readonly at: string }
  Foreign: { readonly provider: string }
  Unsupported: { readonly version: number; readonly supported: number }
}>
interface DecodedDefinition extends Data.TaggedEnum.WithGenerics<1> {
  readonly taggedEnum: Decoded<this["A"]>
}
/**
 * @category models
 * @since 0.1.0
 */
export const Decoded = Data.taggedEnum<DecodedDefinition>()

/**
 * One step from version `from` to `from + 1`, on encoded payloads.
 *
 * @category models
 * @since 0.1.0
 */
export interface Migration {
  readonly from: number
  readonly up: (payload: unknown) => Option.Option<unknown>
}

/**
 * A step that reads the old payload by its schema and answers the next version's encoded payload.
 *
 * @category constructors
 * @since 0.1.0
 */
export const migration = <A, I>(
  from: number,
  schema: Schema.Codec<A, I>,
  up: (old: A) => unknown
): Migration => ({
  from,
  up: (payload) =>
    Schema.decodeUnknownOption(schema)(payload).pipe(
      Option.flatMap((old) => Result.getSuccess(Result.try(() => up(old))))
    )
})

/**
 * Encodes and decodes the cursor of one provider.
 *
 * @category models
 * @since 0.1.0
 */
export interface ResumeCursor<A> {
  readonly provider: ProviderName
  readonly version: number
  readonly encode: (value: A) => StoredCursor
  readonly decode: (stored: unknown) => Decoded<A>
}

/**
 * The codec of one provider's cursors. `encode` writes the current version; `decode` also reads older ones, by way of
 * the migrations, and never throws.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <A, I>(options: {
  readonly provider: ProviderName
  /** Version of `schema`, from 1. Raise it when the payload changes and add a migration from the version before. */
  readonly version: number
  readonly schema: Schema.Codec<A, I>
  readonly migrations?: ReadonlyArray<Migration> | undefined
}): ResumeCursor<A> => {
  const encodePayload = Schema.encodeSync(options.schema)
  const decodePayload = Schema.decodeUnknownOption(options.schema)
  const steps = new Map(options.migrations?.map((step) => [step.from, step]))

  const migrate = (version: number, payload: unknown): Option.Option<unknown> => {
    if (version === options.version) return Option.some(payload)
    return Option.flatMap(
      Option.fromUndefinedOr(steps.get(version)),
      (step) => Option.flatMap(step.up(payload), (next) => migrate(version + 1, next))
    )
  }

  return {
    provider: options.provider,
    version: options.version,
    encode: (value) => ({ provider: options.provider, version: options.version, payload: encodePayload(value) }),
    decode: (stored) => {
      if (stored === null || stored === undefined) return Decoded.Absent()
      if (!Predicate.isReadonlyObject(stored)) return Decoded.Malformed({ at: "envelope" })
      const { provider, version, payload } = stored
      if (typeof provider !== "string" || provider === "") return Decoded.Malformed({ at: "provider" })
      if (provider !== options.provider) return Decoded.Foreign({ provider })
      if (typeof version !== "number" || !Number.isSafeInteger(version) || version < 1) {
        return Decoded.Malformed({ at: "version" })
      }
      if (version > options.version) return Decoded.Unsupported({ version, supported: options.version })
      const current = migrate(version, payload)
      if (Option.isNone(current)) return Decoded.Malformed({ at: `payload of version ${version}` })
      return Option.match(decodePayload(current.value), {
        onNone: () => Decoded.Malformed({ at: "payload" }),
        onSome: (value) => Decoded.Valid({ value, migratedFrom: version === options.version ? undefined : version })
      })
    }
  }
}

/**
 * The value of a stored cursor, or the typed refusal that keeps what is stored: how every resume begins.
 *
 * @category decoding
 * @since 0.1.0
 */
export const accept = <A>(
  codec: ResumeCursor<A>,
  instanceId: InstanceId,
  stored: unknown
): Effect.Effect<A, CursorRejected> => {
  const rejected = (outcome: CursorRejected["outcome"], found: string) =>
    Effect.fail(new CursorRejected({ instanceId, outcome, found }))
  const decoded = codec.decode(stored)
  switch (decoded._tag) {
    case "Valid":
      return Effect.succeed(decoded.value)
    case "Absent":
      return rejected("Absent", "nothing")
    case "Malformed":
      return rejected("Malformed", decoded.at)
    case "Foreign":
      return rejected("Foreign", decoded.provider)
    case "Unsupported":
      return rejected("Unsupported", `version ${decoded.version}`)
  }
}
