/**
 * Turns that are imported from another machine: the call that imports, and the calls beside it that bring the turns, meet
 * by the name of the upload.
 */
import { type Cause, Deferred, Effect, Option, Queue, Stream } from "effect"
import { type UploadId, UploadUnknown } from "../../api/Rpc.ts"
import type { TranscriptTurn } from "../../domain/Transcript.ts"
import type { ImportThread } from "../../service/Commands.ts"
import { InputInvalid } from "../../service/ServiceError.ts"
import type { Agents } from "./access.ts"

/** Turns may come a moment before the import that they are for: each is a request of its own. */
const patience = "5 seconds"

const taken = new InputInvalid({
  operation: "importThread",
  issues: [{ path: "upload", reason: "Expected the id of no import that runs" }]
})

type Turns = Queue.Queue<ReadonlyArray<unknown>, Cause.Done>

/** The import itself decodes each turn. */
function undecoded(turns: Stream.Stream<unknown>): Stream.Stream<TranscriptTurn>
function undecoded(turns: Stream.Stream<unknown>): Stream.Stream<unknown> {
  return turns
}

export const make = (importThread: Agents["importThread"]) => {
  /** Each from its import or its first turns, whichever comes first, to the end of the import. */
  const uploads = new Map<UploadId, Deferred.Deferred<Turns>>()

  const of = (upload: UploadId) => {
    const known = uploads.get(upload)
    if (known !== undefined) return known
    const made = Deferred.makeUnsafe<Turns>()
    uploads.set(upload, made)
    return made
  }

  return {
    /** Imports what {@link receive} is given; interrupted, or without the last turns, it leaves no thread. */
    run: ({ upload, ...input }: ImportThread & { readonly upload: UploadId }) =>
      Effect.acquireUseRelease(
        Effect.gen(function*() {
          const queue = yield* Queue.bounded<ReadonlyArray<unknown>, Cause.Done>(1)
          return (yield* Deferred.succeed(of(upload), queue)) ? queue : yield* taken
        }),
        (queue) => importThread({ ...input, turns: undecoded(Stream.flattenIterable(Stream.fromQueue(queue))) }),
        (queue) => Effect.andThen(Effect.sync(() => uploads.delete(upload)), Queue.shutdown(queue))
      ),

    /** Succeeds once the import has room for more. */
    receive: ({ last, turns, upload }: {
      readonly upload: UploadId
      readonly turns: ReadonlyArray<unknown>
      readonly last: boolean
    }) =>
      Effect.gen(function*() {
        const waiting = of(upload)
        const queue = yield* Effect.ensuring(
          Effect.timeoutOption(Deferred.await(waiting), patience),
          Effect.sync(() => {
            if (!Deferred.isDoneUnsafe(waiting) && uploads.get(upload) === waiting) uploads.delete(upload)
          })
        )
        if (Option.isNone(queue)) return yield* new UploadUnknown({ upload })
        const isTaken = turns.length === 0 || (yield* Queue.offer(queue.value, turns))
        if (!isTaken) return yield* new UploadUnknown({ upload })
        if (last) yield* Queue.end(queue.value)
      })
  }
}
