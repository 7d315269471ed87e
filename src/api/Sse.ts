/**
 * Streams as server-sent events.
 *
 * - An element is a `message` event, so an `EventSource` sees each in `onmessage`; its `data` is JSON with a `_tag`.
 * - `id` is where a reader goes on: the `seq` of a thread's event, the `position` of one of the feed. Other streams begin
 *   anew and have none.
 * - `ping` is sent while nothing else is, so that nothing on the way takes the stream for dead.
 * - `failure` is the last event of a stream that broke: a `PublicError`. A stream that ends without one was ended by the
 *   server: a reader comes back with the last `id`.
 *
 * @since 0.1.0
 */
import { Array as Arr, Duration, Schema, Stream } from "effect"
import * as PublicError from "../domain/PublicError.ts"

/**
 * One element.
 *
 * @category schemas
 * @since 0.1.0
 */
export const message = <Data extends Schema.Top>(data: Data) =>
  Schema.Struct({
    id: Schema.optional(Schema.String),
    event: Schema.Literal("message"),
    data: Schema.fromJsonString(data)
  })

/**
 * The server has nothing to tell, and is there.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Ping = Schema.Struct({
  id: Schema.optional(Schema.String),
  event: Schema.Literal("ping"),
  data: Schema.Literal("{}")
})

/**
 * The stream broke.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Failure = Schema.Struct({
  id: Schema.optional(Schema.String),
  event: Schema.Literal("failure"),
  data: Schema.fromJsonString(PublicError.PublicError)
})

/**
 * Every event of a stream of these elements: what `Sse.decodeSchema` of Effect takes.
 *
 * @category schemas
 * @since 0.1.0
 */
export const frame = <Data extends Schema.Top>(data: Data) => Schema.Union([message(data), Ping, Failure])

/**
 * How a stream is told.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options<A> {
  /** Where a reader goes on that has seen this element. Default: elements have no `id`. */
  readonly id?: ((element: A) => string) | undefined
  /** How long nothing is sent before a `ping` is. Default: 15 seconds. */
  readonly keepAlive?: Duration.Input | undefined
}

/** Is sent at once, so that a reader sees the stream open before there is an element. */
const opening = ": open\n\n"

const ping = "event: ping\ndata: {}\n\n"

/**
 * The text of a stream. An element must be JSON as it is, with a `_tag` or without, which everything that an operation
 * streams is.
 *
 * @category conversions
 * @since 0.1.0
 */
export const encode = <A, E extends PublicError.Described, R>(
  stream: Stream.Stream<A, E, R>,
  { id, keepAlive = "15 seconds" }: Options<A> = {}
): Stream.Stream<Uint8Array, never, R> => {
  const text = (element: A) => {
    const data = `data: ${JSON.stringify(element)}\n\n`
    return id === undefined ? data : `id: ${id(element)}\n${data}`
  }
  const elements = stream.pipe(
    Stream.mapArray((batch) => joined(Arr.map(batch, text))),
    Stream.catch((error) => Stream.make(`event: failure\ndata: ${JSON.stringify(PublicError.of(error))}\n\n`))
  )
  return Stream.make(opening).pipe(
    Stream.concat(Stream.merge(elements, Stream.as(quiet(keepAlive), ping), { haltStrategy: "left" })),
    Stream.encodeText
  )
}

/** A piece of the text has so many characters, or one element. */
const longestPiece = 1024 * 1024

const joined = ([first, ...rest]: Arr.NonEmptyReadonlyArray<string>): Arr.NonEmptyReadonlyArray<string> => {
  const pieces: Array<string> = []
  let piece = first
  for (const text of rest) {
    if (piece.length + text.length <= longestPiece) piece += text
    else {
      pieces.push(piece)
      piece = text
    }
  }
  return Arr.append(pieces, piece)
}

const quiet = (keepAlive: Duration.Input) => Stream.drop(Stream.tick(keepAlive), 1)
