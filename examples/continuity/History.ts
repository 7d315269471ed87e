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
      return {
        times: asked.length,
        messages: past.length,
        questions: past.filter(isQuestion).map(({ text }) => wordsOf(text))
      }
    })
})

type Message = ModelRequest["messages"][number]

/** Claude puts notes of its own before the user's words, in tags. */
const wordsOf = (text: string) => text.replaceAll(/<system-reminder>[\s\S]*?<\/system-reminder>\s*/g, "")

/** Claude writes this in place of the answer that a broken turn never got. */
const placeholder = "No response requested."

/** Codex says what its environment is, and that a turn was broken off, as the user, in tags of its own. */
const isAgents = ({ role, text }: Message) =>
  role === "system" || (role === "assistant" && text === placeholder) ||
  (role === "user" && /^(<(environment_context|turn_aborted)>|$)/.test(wordsOf(text)))

export const isSaid = (message: Message) => !isAgents(message)

export const isQuestion = (message: Message) => message.role === "user" && isSaid(message)

const before = (request: ModelRequest) => {
  const said = request.messages.filter(isSaid)
  return said.slice(0, said.findLastIndex((message) => message.role === "user"))
}
