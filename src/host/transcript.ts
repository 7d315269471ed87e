/**
 * The transcript of a thread, as the service offers it: a page, or all of it as a Stream.
 */
import { Effect, Option, Stream } from "effect"
import type { ThreadId, TurnId } from "../domain/Ids.ts"
import type { ReadTranscript } from "../service/Commands.ts"
import type { ProviderService } from "../service/ProviderService.ts"
import { BlobNotFound, type ThreadNotFound, TurnNotFound } from "../service/ServiceError.ts"
import type { StoreFailed } from "../store/StoreError.ts"
import type { ThreadDeps } from "../thread/ThreadDeps.ts"
import type { ThreadActors } from "./threadActors.ts"

const defaultLimit = 100

export const make = ({ actors, deps: { archive, store }, exists }: {
  readonly actors: ThreadActors
  readonly deps: Pick<ThreadDeps, "archive" | "store">
  readonly exists: (threadId: ThreadId) => Effect.Effect<void, ThreadNotFound | StoreFailed>
}) => {
  /** The event that this turn begins with; 0 if it was pruned, since all that is left begins after it. */
  const startOf = Effect.fnUntraced(function*(threadId: ThreadId, turnId: TurnId) {
    const start = yield* store.turnStart(threadId, turnId)
    if (Option.isSome(start)) return start.value.seq
    const known = yield* store.getTurn(turnId)
    if (Option.isNone(known) || known.value.threadId !== threadId) return yield* new TurnNotFound({ threadId, turnId })
    return 0
  })

  const turns = (
    { after, before, from, limit, threadId }: Omit<ReadTranscript, "limit"> & { readonly limit: number }
  ) =>
    Stream.unwrap(Effect.gen(function*() {
      yield* exists(threadId)
      return archive.turns(threadId, {
        after: after === undefined ? 0 : yield* startOf(threadId, after),
        before: before === undefined ? undefined : yield* startOf(threadId, before),
        from: from ?? (after === undefined && before !== undefined ? "end" : "start"),
        limit
      })
    }))

  return {
    readTranscript: Effect.fn("ProviderService.readTranscript")(({ limit = defaultLimit, ...page }) =>
      Stream.runCollect(turns({ ...page, limit }))
    ),

    readBlob: Effect.fn("ProviderService.readBlob")(({ sha256, threadId }) =>
      Effect.flatMap(
        actors.peek(threadId)?.readBlob(sha256) ?? store.readBlob(threadId, sha256),
        (found) => Effect.mapError(Effect.fromOption(found), () => new BlobNotFound({ threadId, sha256 }))
      )
    ),

    streamTranscript: (page) => turns({ ...page, limit: Infinity })
  } satisfies Pick<ProviderService["Service"], "readTranscript" | "readBlob" | "streamTranscript">
}
