/**
 * Text without half surrogate pairs and without NUL. A JavaScript string can hold half of a pair, UTF-8 cannot: two ids that
 * differ in such a half are one row in a database, and an agent's protocol refuses or changes the text. NUL ends a text for
 * the SQLite of Node 22, PostgreSQL refuses it, and so does whatever starts a process.
 *
 * @since 0.1.0
 */
import { Predicate, Schema, SchemaGetter } from "effect"
import { maxDepth } from "./BoundedJson.ts"

/**
 * Text that must be well-formed already: ids, paths, names.
 *
 * @since 0.1.0
 * @category schemas
 */
export const WellFormed = Schema.String.check(
  Schema.makeFilter((text) => text.isWellFormed(), { expected: "well-formed text (no half of a surrogate pair)" }),
  Schema.makeFilter((text) => !text.includes("\0"), { expected: "text without a NUL character" })
)

/**
 * Text of a human, made well-formed: half of a pair, and NUL, becomes U+FFFD.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Text = Schema.String.pipe(Schema.decodeTo(WellFormed, {
  decode: SchemaGetter.transform((text) => text.toWellFormed().replaceAll("\0", "\ufffd")),
  encode: SchemaGetter.passthrough()
}))

const isList = (value: Schema.Json): value is Schema.JsonArray => Array.isArray(value)

const isRecord = (value: Schema.Json): value is Schema.JsonObject => Predicate.isObject(value)

const toWellFormed = (value: Schema.Json, depth = maxDepth): Schema.Json => {
  if (Predicate.isString(value)) return value.toWellFormed()
  if (depth === 0) return value
  if (isList(value)) return value.map((element) => toWellFormed(element, depth - 1))
  if (!isRecord(value)) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, element]) => [key.toWellFormed(), toWellFormed(element, depth - 1)])
  )
}

const isWellFormed = (value: Schema.Json, depth = maxDepth): boolean => {
  if (Predicate.isString(value)) return value.isWellFormed()
  if (isList(value)) return depth > 0 && value.every((element) => isWellFormed(element, depth - 1))
  if (!isRecord(value)) return true
  return depth > 0 &&
    Object.entries(value).every(([key, element]) => key.isWellFormed() && isWellFormed(element, depth - 1))
}

/**
 * Values that a human has filled in, made well-formed as {@link Text} is. What is nested deeper than `BoundedJson.maxDepth`
 * is refused.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Values = Schema.Json.pipe(Schema.decodeTo(
  Schema.Json.check(Schema.makeFilter((value) => isWellFormed(value), {
    expected: `well-formed JSON, nested at most ${maxDepth} levels deep`
  })),
  {
    decode: SchemaGetter.transform((value) => toWellFormed(value)),
    encode: SchemaGetter.passthrough()
  }
))

/**
 * The first `length` code units, or one less if they would end in half of a pair.
 *
 * @since 0.1.0
 * @category cutting
 */
export const start = (text: string, length: number): string => {
  const cut = text.slice(0, length)
  return cut.length < text.length && endsInHalf(cut) ? cut.slice(0, -1) : cut
}

/**
 * The last `length` code units, or one less if they would begin in half of a pair.
 *
 * @since 0.1.0
 * @category cutting
 */
export const end = (text: string, length: number): string => {
  const cut = length <= 0 ? "" : text.slice(-length)
  return cut.length < text.length && beginsInHalf(cut) ? cut.slice(1) : cut
}

const endsInHalf = (text: string) => /[\uD800-\uDBFF]$/.test(text)
const beginsInHalf = (text: string) => /^[\uDC00-\uDFFF]/.test(text)
