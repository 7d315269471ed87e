/**
 * A request of a model in one shape, whichever API it came through.
 *
 * @since 0.1.0
 */
import { Option, Schema } from "effect"

/**
 * The API that a request came through.
 *
 * @category models
 * @since 0.1.0
 */
export type ModelApi = "chat" | "responses" | "messages" | "gemini"

/**
 * One message of the conversation. A tool's result is a message of its own with the role `tool`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Message {
  readonly role: "system" | "user" | "assistant" | "tool"
  /** The text parts, joined by newlines. */
  readonly text: string
  readonly parts: ReadonlyArray<string>
  /** What an assistant message calls. `arguments` is JSON, or the plain text of a freeform tool. */
  readonly toolCalls: ReadonlyArray<{ readonly id: string; readonly name: string; readonly arguments: string }>
  /** Of a tool's result, where the API tells. */
  readonly toolCallId: string | undefined
}

/**
 * One call of the model.
 *
 * @category models
 * @since 0.1.0
 */
export interface ModelRequest {
  /** Position among the requests that the script was given, from 0. */
  readonly index: number
  readonly api: ModelApi
  /** The agent's own session, where its requests tell: a header, `prompt_cache_key`, or `metadata.user_id`. */
  readonly sessionId: string | undefined
  readonly model: string
  readonly reasoningEffort: string | undefined
  readonly messages: ReadonlyArray<Message>
  /** All system messages, joined by newlines. */
  readonly systemText: string
  /**
   * The text parts of the last user message, joined by newlines, without what agents add of their own (see
   * {@link isAgentNote}). A message of nothing else is passed over. Empty if there is none.
   */
  readonly lastUserText: string
  readonly toolNames: ReadonlyArray<string>
  /** No message of the user comes after the last tool's result: this request continues a turn. */
  readonly afterToolResult: boolean
  /** The results of the last tool calls, joined by newlines. `undefined` unless `afterToolResult`. */
  readonly lastToolResult: string | undefined
  /** How often tools have answered since the last message of the user. */
  readonly toolRounds: number
  /** Whether the answer is to be a stream. */
  readonly stream: boolean
  /** Path and query. */
  readonly url: string
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  /** The body, as JSON. */
  readonly raw: unknown
}

/**
 * Whether a text part is a note that an agent adds to the user's message: a reminder, its environment, an interruption.
 *
 * @category predicates
 * @since 0.1.0
 */
export const isAgentNote = (part: string): boolean => notes.some((start) => part.trimStart().startsWith(start))

const notes = [
  "<system-reminder>",
  "<environment_context>",
  "<session_context>",
  "<user_instructions>",
  "[Request interrupted"
]

/** What a wire format finds in a body. */
export interface Asked {
  readonly model: string
  readonly stream: boolean
  readonly sessionId?: string | undefined
  readonly reasoningEffort?: string | undefined
  readonly messages: ReadonlyArray<Message>
  readonly toolNames: ReadonlyArray<string>
}

/** How a request came. */
export interface Arrival {
  readonly api: ModelApi
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly raw: unknown
}

/** A message of these text parts. */
export const message = (
  role: Message["role"],
  parts: ReadonlyArray<string>,
  more: Partial<Pick<Message, "toolCalls" | "toolCallId">> = {}
): Message => ({ role, parts, text: parts.join("\n"), toolCalls: [], toolCallId: undefined, ...more })

/** The whole request; only its position is missing. */
export const describe = (arrival: Arrival, asked: Asked): Omit<ModelRequest, "index"> => {
  const { messages } = asked
  const user = messages.findLastIndex((message) => message.role === "user" && said(message).length > 0)
  const since = messages.slice(user + 1)
  const tool = since.findLastIndex((message) => message.role === "tool")
  const firstOfLast = since.slice(0, tool + 1).findLastIndex((message) => message.role !== "tool") + 1
  const last = messages[user]
  return {
    ...arrival,
    model: asked.model,
    stream: asked.stream,
    sessionId: sessionHeaders.map((name) => arrival.headers[name]).find((id) => id !== undefined) ?? asked.sessionId,
    reasoningEffort: asked.reasoningEffort,
    messages,
    systemText: messages.filter((message) => message.role === "system").map((message) => message.text).join("\n"),
    lastUserText: last === undefined ? "" : said(last).join("\n"),
    toolNames: asked.toolNames,
    afterToolResult: tool !== -1,
    lastToolResult: tool === -1 ? undefined : since.slice(firstOfLast, tool + 1).map(({ text }) => text).join("\n"),
    toolRounds: since.filter((message, index) => message.role === "tool" && since[index - 1]?.role !== "tool").length
  }
}

const sessionHeaders = ["x-session-id", "x-session-affinity", "session_id", "session-id", "conversation_id"]

const said = (message: Message) => message.parts.filter((part) => !isAgentNote(part))

// --- what the formats share ---

const TextPart = Schema.Struct({ text: Schema.optionalKey(Schema.Unknown) })

/** Content as OpenAI and Anthropic write it: nothing, a text, or parts of which some have a text. */
export const Content = Schema.NullOr(Schema.Union([Schema.String, Schema.Array(TextPart)]))

/** The texts of a content. */
export const texts = (content: typeof Content.Type | undefined): ReadonlyArray<string> =>
  typeof content === "string"
    ? [content]
    : (content ?? []).flatMap(({ text }) => typeof text === "string" ? [text] : [])

/** The text of something that is a text or else is shown as JSON. */
export const shown = (value: unknown): string => typeof value === "string" ? value : JSON.stringify(value) ?? ""

const UserId = Schema.fromJsonString(Schema.Struct({ session_id: Schema.String }))

/** Claude's session in `metadata.user_id`, which is JSON. */
export const sessionOfUser = (userId: string | undefined): string | undefined =>
  userId === undefined
    ? undefined
    : Option.getOrUndefined(Option.map(Schema.decodeOption(UserId)(userId), ({ session_id }) => session_id))
