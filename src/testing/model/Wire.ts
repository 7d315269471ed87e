/**
 * A wire format: how one API writes requests, streams, whole answers and errors. The server and the scripts know none of
 * it; a format knows no sockets.
 */
import { Effect, Option, Schema, Stream } from "effect"
import type { Chunks } from "../MockScript.ts"
import type { Failure, Finish, Part, ToolCall, Usage } from "../ModelReply.ts"
import type { Arrival, Asked, ModelRequest } from "./ModelRequest.ts"

/** A tool call as it goes out: with an id, and its arguments as a text. */
export interface WireCall {
  readonly id: string
  readonly name: string
  readonly arguments: string
  readonly freeform: boolean
}

/** A piece of an answer that a format writes. */
export type FormatPiece =
  | { readonly _tag: "Text" | "Reasoning"; readonly text: string }
  | { readonly _tag: "Call"; readonly call: WireCall }

/** A piece of an answer on its way. Garbage is sent as it is. */
export type Piece = FormatPiece | { readonly _tag: "Garbage"; readonly text: string }

/** Everything of an answer that is not streamed. */
export interface Whole {
  readonly text: string
  readonly reasoning: string
  readonly calls: ReadonlyArray<WireCall>
  readonly finish: Finish
  readonly usage: Usage
}

/** How a stream ends: as it should, or with an error inside. */
export type Closing =
  | { readonly _tag: "Finished"; readonly finish: Finish; readonly usage: Usage }
  | { readonly _tag: "Failed"; readonly failure: Failure }

/** The frames of one streamed answer. Each function answers whole frames, as they go out. */
export interface Frames {
  readonly open: (usage: Usage) => ReadonlyArray<string>
  readonly piece: (piece: FormatPiece) => ReadonlyArray<string>
  readonly close: (closing: Closing) => ReadonlyArray<string>
}

export interface Wire {
  readonly decode: (arrival: Arrival) => Effect.Effect<Asked, Schema.SchemaError>
  /** A new stream, with a state of its own. `id` is unique. */
  readonly frames: (request: ModelRequest, id: string) => Frames
  readonly whole: (request: ModelRequest, id: string, answer: Whole) => unknown
  readonly error: (failure: Failure) => unknown
  /** Default: `text/event-stream`. */
  readonly streamType?: ((request: ModelRequest) => string) | undefined
}

/** The pieces of a part, as its chunks come. `id` names the answer. */
export const pieces = (parts: ReadonlyArray<Part>, id: string): Stream.Stream<Piece> =>
  Stream.fromIterable(parts.entries()).pipe(
    Stream.flatMap(([index, part]): Stream.Stream<Piece> => {
      switch (part._tag) {
        case "Text":
        case "Reasoning":
          return Stream.map(flow(part.chunks), (text) => ({ _tag: part._tag, text }))
        case "Garbage":
          return Stream.succeed(part)
        case "Call":
          return Stream.succeed({ _tag: "Call", call: wireCall(part.call, `call_${id}_${index}`) })
        case "Wait":
          return Stream.drain(Stream.fromEffect(Effect.sleep(part.duration)))
      }
    })
  )

const flow = (chunks: Chunks): Stream.Stream<string> =>
  Stream.filter(
    typeof chunks === "string"
      ? Stream.succeed(chunks)
      : Stream.isStream(chunks)
      ? chunks
      : Stream.fromIterable(chunks),
    (chunk) => chunk !== ""
  )

const wireCall = (call: ToolCall, id: string): WireCall => ({
  id: call.id ?? id,
  name: call.name,
  arguments: typeof call.arguments === "string" ? call.arguments : JSON.stringify(call.arguments),
  freeform: call.freeform === true
})

/** What a whole answer holds; garbage is apart. */
export const gather = (all: ReadonlyArray<Piece>, finish: Finish, usage: Usage): Whole => ({
  text: textOf(all, "Text"),
  reasoning: textOf(all, "Reasoning"),
  calls: all.flatMap((piece) => piece._tag === "Call" ? [piece.call] : []),
  finish,
  usage
})

export const textOf = (all: ReadonlyArray<Piece>, tag: "Text" | "Reasoning" | "Garbage"): string =>
  all.map((piece) => piece._tag === tag ? piece.text : "").join("")

const JsonObject = Schema.fromJsonString(Schema.Record(Schema.String, Schema.Unknown))

/** The arguments where an API wants JSON: a freeform call's text becomes `{ input }`. */
export const jsonArguments = (call: WireCall): string =>
  call.freeform ? JSON.stringify({ input: call.arguments }) : call.arguments

/** The arguments where an API wants an object; a text that is no JSON object is put into one. */
export const objectArguments = (call: WireCall): unknown =>
  Option.getOrElse(Schema.decodeOption(JsonObject)(jsonArguments(call)), () => ({ input: call.arguments }))

/** A server-sent event without a name. */
export const data = (value: unknown): string => `data: ${JSON.stringify(value)}\n\n`

/** A server-sent event with a name, which is also the `type` in its data. */
export const event = (type: string, value: object): string =>
  `event: ${type}\ndata: ${JSON.stringify({ type, ...value })}\n\n`
