/**
 * Counts a conversation twice, independently: as the app saw it in its events, and as it really reached the model.
 *
 * The unit is one message as models are sent it: what the user said, a text of the agent, a tool call (one) and its
 * result (one more).
 */
import { Effect } from "effect"
import type { SessionId, ThreadEvent } from "../../src/index.ts"
import type { Item } from "../../src/protocol.ts"
import { type ModelRequest, ScriptedModel } from "../../src/testing/index.ts"
import type { ExportFailed } from "./OpenCodeExport.ts"

/** How a question reached the model. */
export interface Received {
  /** How often. */
  readonly times: number
  /** Messages before the question, without the agent's own instructions. */
  readonly messages: number
  /** What the user had said before, in order. */
  readonly questions: ReadonlyArray<string>
}

export interface Measure {
  /** `model`: counted in what the model was sent. `provider`: counted in what the agent itself has stored. */
  readonly at: "model" | "provider"
  /** What has arrived of the conversation by now, question by question. */
  readonly arrived: (
    sessionIds: ReadonlyArray<SessionId>
  ) => Effect.Effect<(prompt: string) => Received, ExportFailed>
}

/** What the follow-up must find, by the events that the app had seen before it. */
export const expected = (events: ReadonlyArray<ThreadEvent>, prompt: string) => {
  const questions: Array<string> = []
  const items = new Map<string, number>()
  for (const event of events) {
    if (event._tag === "TurnStarted") {
      if (event.input.prompt === prompt) break
      questions.push(event.input.prompt)
    }
    if (event._tag === "ItemStarted" || event._tag === "ItemCompleted") {
      items.set(event.item.itemId, messagesOf(event.item))
    }
  }
  return { questions, messages: questions.length + Array.from(items.values()).reduce((sum, count) => sum + count, 0) }
}

const messagesOf = (item: Item): number => {
  switch (item._tag) {
    case "AssistantMessage":
    case "Plan":
      return item.text === "" ? 0 : 1
    case "ToolCall":
    case "Command":
    case "FileChange":
      return 2
    case "UserMessage":
    case "Reasoning":
      return 0
  }
}

// --- at the model ---

export const atModel = (model: ScriptedModel["Service"]): Measure => ({
  at: "model",
  arrived: () =>
    Effect.map(model.requests, (requests) => (prompt) => {
      const asked = requests.filter((request) => wordsOf(request.lastUserText) === prompt && !request.afterToolResult)
      const past = asked[0] === undefined ? [] : before(asked[0])
      return { times: asked.length, messages: past.length, questions: questionsIn(past) }
    })
})

interface Message extends Pick<ModelRequest["messages"][number], "role" | "text"> {}

/**
 * Claude and Qwen put notes of their own before the user's words, in tags, and the library what a new session is handed:
 * in a tag of its own, or as words before the user's (Claude, Codex).
 */
export const wordsOf = (text: string) =>
  text.replaceAll(/<(system-reminder|context)>[\s\S]*?<\/\1>\s*/g, "")
    .replace(/^[\s\S]*<\/archived-conversation>\s*/, "")

/** What a rehydrated session was handed: its entries, as the messages that they stand for. */
const archivedIn = (text: string): ReadonlyArray<Message> => {
  const archive = /<archived-conversation[^>]*>\n([\s\S]*?)\n<\/archived-conversation>/.exec(text)?.[1]
  const entries = archive?.split(/\n\n(?=\[(?:user|assistant|tool|command|file change)\b)/) ?? []
  return entries.flatMap((entry): ReadonlyArray<Message> => {
    const said = entry.slice(entry.indexOf("\n") + 1)
    if (entry.startsWith("[user")) return [{ role: "user", text: said }]
    if (entry.startsWith("[assistant")) return [{ role: "assistant", text: said }]
    // The call, and its result.
    return [{ role: "assistant", text: "" }, { role: "tool", text: said }]
  })
}

/** Claude writes this in place of the answer that a broken turn never got. */
const placeholder = "No response requested."

/** Codex says what its environment is, and that a turn was broken off, as the user, in tags of its own. */
const isAgents = ({ role, text }: Message) =>
  (role === "assistant" && text === placeholder) ||
  (role === "user" && /^(<(environment_context|turn_aborted)>|$)/.test(text))

/** What the user, the agent and its tools have said, and nothing that the agent adds. Codex is handed turns as the system. */
export const said = ({ messages }: ModelRequest): ReadonlyArray<Message> =>
  messages.flatMap((message) =>
    message.role === "user"
      ? [...archivedIn(message.text), { role: message.role, text: wordsOf(message.text) }]
      : message.role === "system"
      ? archivedIn(message.text)
      : [message]
  ).filter((message) => !isAgents(message))

export const questionsIn = (messages: ReadonlyArray<Message>) =>
  messages.flatMap(({ role, text }) => role === "user" ? [text] : [])

const before = (request: ModelRequest) => {
  const messages = said(request)
  return messages.slice(0, messages.findLastIndex(({ role }) => role === "user"))
}
