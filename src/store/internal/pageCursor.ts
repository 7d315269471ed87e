/**
 * Where a page begins, as an opaque string: the two columns that the last row of the page before is found by.
 */
import { Effect, Schema } from "effect"
import * as InputIssue from "../../domain/InputIssue.ts"
import { PageInvalid } from "../StoreError.ts"

const Cursor = Schema.StringFromBase64Url.pipe(
  Schema.decodeTo(Schema.fromJsonString(Schema.Tuple([Schema.Union([Schema.Finite, Schema.String]), Schema.String])))
)

const decodeQuery = Schema.decodeUnknownEffect(Schema.Struct({
  limit: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 1000 })),
  /** The `next` of the page before. */
  after: Schema.optional(Cursor)
}))

/** Where the page begins, and how long it may be. */
export const decode = (query: { readonly limit: number; readonly after?: string | undefined }) =>
  Effect.mapError(
    decodeQuery(query),
    // The value itself does not go into an error.
    (error) => new PageInvalid({ reason: InputIssue.format(InputIssue.of(error)) })
  )

const encodeCursor = Schema.encodeSync(Cursor)

/** What continues after the row with these columns, as the database hands them out. */
export const after = (first: unknown, second: unknown): string => {
  const number = typeof first === "bigint" ? Number(first) : first
  return encodeCursor([
    typeof number === "number" && Number.isFinite(number) ? number : String(number),
    String(second)
  ])
}
