/**
 * Streams as answers, for routes of an app's own.
 *
 * **Example** (the events of the thread of the user that is signed in)
 *
 * ```ts
 * const route = HttpRouter.add("GET", "/my/events", Effect.gen(function*() {
 *   const { threadId } = yield* CurrentUser
 *   const agents = yield* ProviderService
 *   const events = agents.streamEvents({ threadId, after: yield* Events.after })
 *   return yield* Events.response(events, { id: ({ seq }) => String(seq) })
 * }))
 * ```
 *
 * @since 0.1.0
 */
import { Effect, Schema, Stream } from "effect"
import { HttpServerRequest, HttpServerResponse } from "effect/http"
import * as Sse from "../api/Sse.ts"
import * as InputIssue from "../domain/InputIssue.ts"
import type { Described } from "../domain/PublicError.ts"
import { isEphemeral, type ThreadEvent } from "../domain/ThreadEvent.ts"
import { InputInvalid } from "../service/ServiceError.ts"
import { Drain } from "./Drain.ts"

const headers = {
  "cache-control": "no-store",
  // nginx keeps what is small to itself otherwise.
  "x-accel-buffering": "no",
  "x-content-type-options": "nosniff"
}

/**
 * A stream as an answer: told until it ends, the reader goes, or the server stops.
 *
 * @category constructors
 * @since 0.1.0
 */
export const response = <A, E extends Described>(
  stream: Stream.Stream<A, E>,
  options?: Sse.Options<A>
): Effect.Effect<HttpServerResponse.HttpServerResponse> =>
  Effect.map(Drain, (drain) =>
    HttpServerResponse.stream(Stream.interruptWhen(Sse.encode(stream, options), drain), {
      contentType: "text/event-stream",
      headers
    }))

/**
 * The events of a thread without new text of items, progress and diffs, which are not stored.
 *
 * @category transforming
 * @since 0.1.0
 */
export const withoutDeltas = <E, R>(events: Stream.Stream<ThreadEvent, E, R>): Stream.Stream<ThreadEvent, E, R> =>
  Stream.filter(
    events,
    (event) => !isEphemeral(event) || event._tag === "ThreadDeleted" || event._tag === "Gap" && event.lost === "events"
  )

const decodeSeq = Schema.decodeUnknownEffect(Schema.FiniteFromString.pipe(Schema.decodeTo(Schema.Natural)))

/**
 * The `seq` that the reader of a thread has seen, by the `Last-Event-ID` of the current request, which an `EventSource` sends
 * when it comes back. Default 0: from the start.
 *
 * @category accessors
 * @since 0.1.0
 */
export const after: Effect.Effect<number, InputInvalid, HttpServerRequest.HttpServerRequest> = Effect.flatMap(
  HttpServerRequest.HttpServerRequest,
  ({ headers }) =>
    Effect.mapError(
      decodeSeq(headers["last-event-id"] ?? "0"),
      (error) => new InputInvalid({ operation: "streamEvents", ...InputIssue.bounded(InputIssue.of(error)) })
    )
)
