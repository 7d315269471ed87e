/**
 * What a scripted model answers, whichever API it is asked through.
 *
 * @since 0.1.0
 */
import { Data, type Duration } from "effect"
import type { Chunks } from "./MockScript.ts"

/**
 * A call of a tool. `arguments`: an object is sent as JSON, a string as it is, so that broken JSON can be scripted.
 *
 * @category models
 * @since 0.1.0
 */
export interface ToolCall {
  /** Default: an id that no other call has. */
  readonly id?: string | undefined
  readonly name: string
  readonly arguments: Readonly<Record<string, unknown>> | string
  /** A freeform tool, whose `arguments` are plain text. The Responses API alone has them; others send `{ input }`. */
  readonly freeform?: boolean | undefined
}

/**
 * A part of an answer, sent in the order of the parts.
 *
 * @category models
 * @since 0.1.0
 */
export type Part = Data.TaggedEnum<{
  Text: { readonly chunks: Chunks }
  Reasoning: { readonly chunks: Chunks }
  Call: { readonly call: ToolCall }
  /** Nothing for so long, by the Clock of the server's Layer. */
  Wait: { readonly duration: Duration.Input }
  /** Put into the stream as it is, where a frame belongs. An answer that is no stream begins with it. */
  Garbage: { readonly text: string }
}>

/**
 * Constructors and matchers of {@link Part}.
 *
 * @category constructors
 * @since 0.1.0
 */
export const Part = Data.taggedEnum<Part>()

/**
 * Tokens. `input` includes the cached ones.
 *
 * @category models
 * @since 0.1.0
 */
export interface Usage {
  readonly input: number
  readonly output: number
  readonly cacheRead?: number | undefined
  readonly cacheWrite?: number | undefined
  /** Included in `output`. */
  readonly reasoning?: number | undefined
}

/**
 * Why the model stops. An answer with a tool call that ends with `stop` says so as each API does.
 *
 * @category models
 * @since 0.1.0
 */
export type Finish = "stop" | "length" | "content-filter"

/**
 * An error of the model's API. Without a `body` it is written as the API that was asked writes errors.
 *
 * @category models
 * @since 0.1.0
 */
export interface Failure {
  readonly status: number
  readonly message?: string | undefined
  /** The error's `code`, or its `type` in the Messages API. Default: what the API says with this status. */
  readonly code?: string | undefined
  /** Sent as it is: a string as text, anything else as JSON. */
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>> | undefined
}

/**
 * How an answer ends: `complete`, with the socket `cut` in the middle of the answer, never (`hang`), or with an error
 * that is told inside the stream. An answer that is no stream is an HTTP error instead of the last.
 *
 * @category models
 * @since 0.1.0
 */
export type End = "complete" | "cut" | "hang" | Failure

/**
 * What the model answers to one request.
 *
 * @category models
 * @since 0.1.0
 */
export type Reply = Data.TaggedEnum<{
  Answer: {
    readonly parts: ReadonlyArray<Part>
    /** Default: `stop`. */
    readonly finish?: Finish | undefined
    /** Default: 10 in, 5 out. */
    readonly usage?: Usage | undefined
    /** Default: `complete`. */
    readonly end?: End | undefined
  }
  /** An HTTP error. */
  Error: { readonly failure: Failure }
  /** No answer at all, not even headers. Ends when the client hangs up. */
  Hang: {}
  /** A response that no such API gives. */
  Raw: {
    readonly status: number
    readonly headers: Readonly<Record<string, string>>
    readonly body: string | Uint8Array
  }
}>

/**
 * Constructors and matchers of {@link Reply}.
 *
 * @category constructors
 * @since 0.1.0
 */
export const Reply = Data.taggedEnum<Reply>()

/**
 * How an answer ends, apart from its parts.
 *
 * @category models
 * @since 0.1.0
 */
export interface Ending {
  readonly finish?: Finish | undefined
  readonly usage?: Usage | undefined
  readonly end?: End | undefined
}

/**
 * An answer of these parts.
 *
 * @category constructors
 * @since 0.1.0
 */
export const answer = (parts: ReadonlyArray<Part>, ending: Ending = {}): Reply => Reply.Answer({ parts, ...ending })

/**
 * A text. Chunks that a Stream gives are sent as it gives them.
 *
 * @category constructors
 * @since 0.1.0
 */
export const text = (chunks: Chunks, ending?: Ending): Reply => answer([Part.Text({ chunks })], ending)

/**
 * Reasoning, then a text.
 *
 * @category constructors
 * @since 0.1.0
 */
export const reasoning = (thought: Chunks, said: Chunks, ending?: Ending): Reply =>
  answer([Part.Reasoning({ chunks: thought }), Part.Text({ chunks: said })], ending)

/**
 * Calls one tool.
 *
 * @category constructors
 * @since 0.1.0
 */
export const call = (name: string, args: ToolCall["arguments"], ending?: Ending): Reply =>
  calls([{ name, arguments: args }], ending)

/**
 * Calls several tools at once.
 *
 * @category constructors
 * @since 0.1.0
 */
export const calls = (all: ReadonlyArray<ToolCall>, ending?: Ending): Reply =>
  answer(all.map((call) => Part.Call({ call })), ending)

/**
 * Calls a freeform tool, such as Codex's `apply_patch`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const freeform = (name: string, input: string, ending?: Ending): Reply =>
  calls([{ name, arguments: input, freeform: true }], ending)

/**
 * An HTTP error.
 *
 * @category constructors
 * @since 0.1.0
 */
export const error = (status: number, more: Omit<Failure, "status"> = {}): Reply =>
  Reply.Error({ failure: { status, ...more } })

/**
 * The text, then an error inside the stream.
 *
 * @category constructors
 * @since 0.1.0
 */
export const failAfter = (chunks: Chunks, failure: Failure): Reply => text(chunks, { end: failure })

/**
 * The text, then a cut socket.
 *
 * @category constructors
 * @since 0.1.0
 */
export const cut = (chunks: Chunks = ""): Reply => text(chunks, { end: "cut" })

/**
 * No answer, until the client hangs up.
 *
 * @category constructors
 * @since 0.1.0
 */
export const hang: Reply = Reply.Hang()

/**
 * A response that is no answer of any model. Default: status 200, `text/html`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const garbage = (
  body: string | Uint8Array,
  options: { readonly status?: number; readonly headers?: Readonly<Record<string, string>> } = {}
): Reply =>
  Reply.Raw({ status: options.status ?? 200, headers: options.headers ?? { "content-type": "text/html" }, body })
