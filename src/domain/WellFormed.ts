/**
 * Text without half surrogate pairs. A JavaScript string can hold half of a pair, UTF-8 cannot: two ids that differ in
 * such a half are one row in a database, and an agent's protocol refuses or changes the text.
 *
 * @since 0.1.0
 */
import { Schema, SchemaGetter } from "effect"

/**
 * Text that must be well-formed already: ids, paths, names.
 *
 * @since 0.1.0
 * @category schemas
 */
export const WellFormed = Schema.String.check(Schema.makeFilter((text) => text.isWellFormed(), {
  expected: "well-formed text (no half of a surrogate pair)"
}))

/**
 * Text of a human, made well-formed: half of a pair becomes U+FFFD.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Text = Schema.String.pipe(Schema.decodeTo(WellFormed, {
  decode: SchemaGetter.transform((text) => text.toWellFormed()),
  encode: SchemaGetter.passthrough()
}))

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
