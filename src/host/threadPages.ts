/**
 * Pages of threads, by an opaque cursor.
 */
import { Effect, Schema } from "effect"
import { ThreadId } from "../domain/Ids.ts"
import type { ThreadPage } from "../service/Results.ts"
import { InputInvalid } from "../service/ServiceError.ts"
import type { SessionStore } from "../store/SessionStore.ts"

const Place = Schema.StringFromBase64Url.pipe(
  Schema.decodeTo(Schema.fromJsonString(Schema.Struct({ activeAt: Schema.Finite, threadId: ThreadId })))
)
const decode = Schema.decodeUnknownEffect(Place)
const encode = Schema.encodeSync(Place)

const placeOf = (after: string) =>
  Effect.mapError(decode(after), () =>
    new InputInvalid({
      operation: "listThreads",
      issues: [{ path: "after", reason: "Expected the `next` of an earlier page" }]
    }))

/** At most `limit` threads, newest activity first, that come after the page that ended with this cursor. */
export const list = Effect.fnUntraced(function*(
  store: SessionStore["Service"],
  after: string | undefined,
  limit: number
) {
  const before = after === undefined ? undefined : yield* placeOf(after)
  // One more than was asked for tells whether there is a next page.
  const found = yield* store.listThreads({ limit: limit + 1, before })
  const threads = found.slice(0, limit)
  const last = threads.at(-1)
  const page: ThreadPage = {
    threads,
    unreadable: [],
    next: last === undefined || found.length <= limit
      ? undefined
      : encode({ activeAt: last.activeAt, threadId: last.threadId })
  }
  return page
})
