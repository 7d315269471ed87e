/**
 * Pages of threads: what is asked for, and what is answered.
 */
import { Schema } from "effect"
import type { Binding } from "../domain/ThreadRecord.ts"

/** Where the next page begins, as an opaque string: the last row of the page before. */
const Cursor = Schema.StringFromBase64Url.pipe(
  Schema.decodeTo(Schema.fromJsonString(Schema.Tuple([Schema.Union([Schema.Finite, Schema.String]), Schema.String])))
)

/**
 * @category schemas
 * @since 0.1.0
 */
export const ThreadQuery = Schema.Struct({
  limit: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 1000 })),
  /** The `next` of the page before. */
  after: Schema.optional(Cursor)
})

const encodeCursor = Schema.encodeSync(Cursor)

/**
 * What continues after the row with these columns, as the database hands them out.
 *
 * @category constructors
 * @since 0.1.0
 */
export const cursorAfter = (activeAt: unknown, threadId: unknown): string => {
  const at = typeof activeAt === "bigint" ? Number(activeAt) : activeAt
  return encodeCursor([typeof at === "number" && Number.isFinite(at) ? at : String(at), String(threadId)])
}

/**
 * A row that cannot be read, with the reason in prose.
 *
 * @category models
 * @since 0.1.0
 */
export interface UnreadableThread {
  /** As it is stored, which no thread may be able to have. */
  readonly threadId: string
  readonly reason: string
}

/**
 * Newest activity first.
 *
 * @category models
 * @since 0.1.0
 */
export interface ThreadPage {
  readonly threads: ReadonlyArray<Binding>
  /** Rows of this page that cannot be read. */
  readonly unreadable: ReadonlyArray<UnreadableThread>
  /** What `after` takes to continue; absent on the last page. */
  readonly next: string | undefined
}
