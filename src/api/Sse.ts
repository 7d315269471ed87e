/**
 * Streams as server-sent events.
 *
 * - An element is a `message` event, so an `EventSource` sees each in `onmessage`; its `data` is JSON with a `_tag`.
 * - `id` is where a reader goes on: the `seq` of a thread's event, the `position` of one of the feed. What has no place of
 *   its own has no `id`, so the last one stays.
 * - `ping` is sent while nothing else is, so that nothing on the way takes the stream for dead.
 * - `failure` is the last event of a stream that broke: a `PublicError`. A stream that the server ends has none: its reader
 *   comes back with the last `id`.
 *
 * @since 0.1.0
 */
import { Schema } from "effect"
import { PublicError } from "../domain/PublicError.ts"

const message = <Data extends Schema.Top>(data: Data) =>
  Schema.Struct({
    id: Schema.optionalKey(Schema.String),
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
  event: Schema.Literal("ping"),
  data: Schema.Literal("")
})

/**
 * The stream broke.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Failure = Schema.Struct({
  event: Schema.Literal("failure"),
  data: Schema.fromJsonString(PublicError)
})

/**
 * Every frame of a stream of these elements.
 *
 * @category schemas
 * @since 0.1.0
 */
export const frame = <Data extends Schema.Top>(data: Data) => Schema.Union([message(data), Ping, Failure])
