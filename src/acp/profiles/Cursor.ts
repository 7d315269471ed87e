/**
 * Cursor's command line agent as a provider: add `Cursor.layer()` to an app and it is there. **Not run against the real
 * agent**, which is on no registry: this is what its documentation says, on an adapter that other agents prove.
 *
 * **Gotchas**
 *
 * - `cursor/ask_question` asks the user, who chooses among its options. A plan (`cursor/create_plan`) is accepted, as
 *   `full-access` has it. Todos that replace the ones before are the plan's steps; those that change some of them, tasks
 *   and images are `Unrecognized`.
 * - Nothing is known that proves a session to be gone, so an error of a resume stays one, and the cursor stays.
 *
 * @since 0.1.0
 */
import { Schema } from "effect"
import type { Question, QuestionAnswer } from "../../domain/UserRequest.ts"
import * as Acp from "../Acp.ts"
import * as Profile from "../Profile.ts"

const Option = Schema.Struct({ id: Schema.String, label: Schema.String })

const Asked = Schema.Struct({
  id: Schema.String,
  prompt: Schema.String,
  options: Schema.Array(Option),
  allowMultiple: Schema.optionalKey(Schema.Boolean)
})

const AskQuestion = Schema.decodeUnknownOption(Schema.Struct({
  toolCallId: Schema.String,
  title: Schema.optionalKey(Schema.String),
  questions: Schema.Array(Asked)
}))

const CreatePlan = Schema.decodeUnknownOption(Schema.Struct({
  toolCallId: Schema.String,
  name: Schema.optionalKey(Schema.String),
  plan: Schema.String
}))

const permissionOf = (method: string, params: unknown): object | undefined => {
  if (method === "cursor/ask_question") {
    const asked = AskQuestion(params)
    if (asked._tag === "None") return undefined
    const { questions, title = "Question", toolCallId } = asked.value
    return { toolCall: { toolCallId, title, rawInput: { questions } } }
  }
  const planned = method === "cursor/create_plan" ? CreatePlan(params) : undefined
  if (planned?._tag !== "Some") return undefined
  const { name: title = "Plan", plan, toolCallId } = planned.value
  return {
    toolCall: { toolCallId, title, kind: "switch_mode", rawInput: { plan } },
    options: [
      { optionId: "accepted", name: "Accept", kind: "allow_once" },
      { optionId: "rejected", name: "Reject", kind: "reject_once" }
    ]
  }
}

const Chosen = Schema.decodeUnknownOption(Schema.Struct({ outcome: Schema.Struct({ optionId: Schema.String }) }))

/** The options of a plan have the names of its outcomes. */
const answerOf = (answer: object): object => {
  const chosen = Chosen(answer)
  return chosen._tag === "Some" ? { outcome: { outcome: chosen.value.outcome.optionId } } : answer
}

const Questions = Schema.decodeUnknownOption(Schema.Struct({ questions: Schema.Array(Asked) }))

const asked = ({ toolCall }: Profile.Permission): ReadonlyArray<typeof Asked.Type> | undefined => {
  const found = Questions(toolCall.rawInput)
  return found._tag === "Some" ? found.value.questions : undefined
}

const toQuestion = ({ allowMultiple = false, id, options, prompt }: typeof Asked.Type): Question => ({
  id,
  question: prompt,
  options: options.map(({ label }) => ({ label })),
  multiple: allowMultiple,
  freeText: false,
  secret: false
})

const questionAnswer = (permission: Profile.Permission, answer: QuestionAnswer): object =>
  answer._tag === "Answered"
    ? {
      outcome: {
        outcome: "answered",
        answers: (asked(permission) ?? []).map(({ id, options }, n) => ({
          questionId: id,
          selectedOptionIds: options.filter(({ label }) => answer.answers[n]?.includes(label)).map(({ id }) => id)
        }))
      }
    }
    : { outcome: { outcome: "skipped" } }

const Todos = Schema.decodeUnknownOption(Schema.Struct({
  todos: Schema.Array(Schema.Struct({ content: Schema.String, status: Schema.String })),
  merge: Schema.optionalKey(Schema.Boolean)
}))

const updateOf = (method: string, params: unknown): object | undefined => {
  const told = method === "cursor/update_todos" ? Todos(params) : undefined
  return told?._tag === "Some" && told.value.merge !== true
    ? { sessionUpdate: "plan", entries: told.value.todos.filter(({ status }) => status !== "cancelled") }
    : undefined
}

/**
 * @category constants
 * @since 0.1.0
 */
export const profile: Profile.Profile = {
  provider: "cursor",
  command: { name: "cursor-agent", variable: "CURSOR_BINARY", args: ["acp"] },
  inherit: ["CURSOR_*"],
  login: "cursor_login",
  modes: { "full-access": { answer: "allow" } },
  capabilities: { questions: true },
  resumable: "after-turn",
  literal: Profile.wordsAlone,
  requests: { permissionOf, answerOf },
  questionsOf: (permission) => asked(permission)?.map(toQuestion),
  questionAnswer,
  updateOf,
  commandOf: ({ rawInput }) => Profile.textIn(rawInput, "command")
}

/**
 * Registers the instance with the `ProviderRegistry`. Costs nothing until the first session.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Acp.Options = {}) => Acp.layer({ ...options, profile })
