/**
 * Fields as the protocol's own schema reads them: one that does not fit is taken for absent, and an entry of a list
 * that does not fit is passed over.
 */
import { Effect, Schema } from "effect"

const orNull = <S extends Schema.Constraint>(schema: S) =>
  Schema.NullOr(schema).pipe(Schema.catchDecoding(() => Effect.succeedSome(null)))

/** `null`, or absent, where there is none that fits. */
export const maybe = <S extends Schema.Constraint>(schema: S) => Schema.optionalKey(orNull(schema))

/** It must be there. Entries that do not fit are `null`. */
export const entries = <S extends Schema.Constraint>(schema: S) => Schema.Array(orNull(schema))

/** Entries that do not fit are `null`; see {@link fitting}. */
export const list = <S extends Schema.Constraint>(schema: S) => maybe(entries(schema))

export const fitting = <A>(list: ReadonlyArray<A | null> | null | undefined): ReadonlyArray<A> =>
  (list ?? []).filter((entry) => entry !== null)

export const text = maybe(Schema.String)
