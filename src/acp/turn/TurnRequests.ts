/**
 * What an agent asks the user. Every answer is for this once: what the user allows for the session is kept in the book,
 * as exactly what was shown, because the agents' own "always" is written into settings that outlive the session.
 */
import type { PeerId } from "../../adapter/PeerProtocol.ts"
import * as RequestBook from "../../adapter/RequestBook.ts"
import { andThen } from "../../domain/Step.ts"
import type { ToolRequest } from "../../domain/UserRequest.ts"
import { nameOf } from "../protocol/Items.ts"
import { type Asked, choicesOf, kindOf, type Permission } from "../protocol/Request.ts"
import { diffsOf, pathsOf, type ToolCall } from "../protocol/ToolCall.ts"
import * as TurnItems from "./TurnItems.ts"
import {
  type Input,
  type Native,
  place,
  type State,
  type Step,
  step,
  type Turn,
  withRequests,
  withTurn
} from "./TurnState.ts"

export const asked = (
  state: State,
  { always, asked, id, raw }: Extract<Input, { readonly _tag: "Asked" }>,
  at: number
): Step => {
  const native: Native = { id, asked }
  // It came after the turn was cancelled.
  if (state.turn?.cancelled === true) return step(state, [], [{ _tag: "Refuse", native }])
  return asked._tag === "elicitation/create"
    ? elicitation(state, native, raw)
    : andThen(seen(state, asked, at), (state) => permission(state, native, asked, raw, always === true))
}

/** What the request tells of its call, which some agents have told nothing of before. */
const seen = (state: State, { toolCall }: Permission, at: number, decided?: "allowed" | "declined"): Step =>
  state.turn === undefined
    ? step(state)
    : TurnItems.tool(state, toolCall, { type: "session/request_permission", raw: toolCall }, at, decided)

export const ruled = (state: State, asked: Permission, allow: boolean, at: number): Step =>
  seen(state, asked, at, allow ? "allowed" : "declined")

const permission = (state: State, native: Native, asked: Permission, raw: unknown, always: boolean): Step => {
  const at = place(state)
  const { call } = TurnItems.aboutOf(state, asked.toolCall)
  const itemId = state.turn === undefined ? {} : { itemId: TurnItems.idOf(state.turn.turnId, call) }
  const request = { key: String(native.id), turnId: at.turnId, native }
  const questions = state.dialect.questionsOf?.({ ...asked, toolCall: call })
  if (questions !== undefined) {
    return withRequests(
      state,
      RequestBook.ask(state.requests, {
        ...request,
        asked: (requestId) => ({ _tag: "QuestionAsked", ...at, request: { requestId, questions, ...itemId } })
      })
    )
  }
  const covers = always ? undefined : coverOf(state, call)
  const choices = choicesOf(asked)
  const subject = subjectOf(state, call)
  return withRequests(
    state,
    RequestBook.ask(state.requests, {
      ...request,
      covers,
      asked: (requestId) => ({
        _tag: "ApprovalRequested",
        ...at,
        request: {
          requestId,
          kind: kindOf(call.kind),
          subject,
          ...itemId,
          ...(covers === undefined ? {} : { covers: subject }),
          ...(choices.length === 0 ? {} : { choices }),
          detail: raw
        }
      })
    })
  )
}

const elicitation = (state: State, native: Native, raw: unknown): Step => {
  const at = place(state)
  const { asked } = native
  if (asked._tag !== "elicitation/create") return step(state)
  const { elicitationId, message, requestedSchema, url } = asked
  return withRequests(
    state,
    RequestBook.ask(state.requests, {
      key: String(native.id),
      turnId: at.turnId,
      native,
      asked: (requestId) => ({
        _tag: "ElicitationRequested",
        ...at,
        request: {
          requestId,
          message: message ?? "",
          form: url == null
            ? { _tag: "Form", schema: requestedSchema ?? raw }
            : { _tag: "Url", url, ...(elicitationId == null ? {} : { elicitationId }) }
        }
      })
    })
  )
}

/** The user has answered: a call that is refused is declined, whatever the agent makes of it. */
export const answering = (
  state: State,
  { given, requestId }: Extract<Input, { readonly _tag: "Answering" }>,
  at: number
): Step => {
  const found = RequestBook.answer(state.requests, requestId, given)
  if (found === undefined) return step(state)
  const { asked } = found.request.native
  const refused = refusalOf(asked, given)
  const next = withTurn({ ...state, requests: found.book }, { refused })
  if (asked._tag !== "session/request_permission" || refused === "dismissed") return step(next)
  return refused === "denied" ? seen(next, asked, at, "declined") : step(TurnItems.allowed(next, asked.toolCall, at))
}

const refusalOf = (asked: Asked, given: RequestBook.Answer): Turn["refused"] => {
  if (given._tag === "Dismissed") return "dismissed"
  const isDenial = given._tag === "Deny" ||
    (given._tag === "Choose" && asked._tag === "session/request_permission" &&
      choicesOf(asked).some(({ id, meaning }) => id === given.choiceId && meaning === "deny"))
  return isDenial ? "denied" : undefined
}

/** The agent no longer waits. */
export const withdrawn = (state: State, id: PeerId): Step => {
  const open = RequestBook.byKey(state.requests, String(id))
  return open === undefined ? step(state) : withRequests(state, RequestBook.settled(state.requests, open.requestId))
}

/** What a permission is asked for, as guards are told. */
export const toolOf = (state: State, { toolCall }: Permission, detail: unknown): ToolRequest => {
  const { call } = TurnItems.aboutOf(state, toolCall)
  return {
    kind: kindOf(call.kind),
    subject: subjectOf(state, call),
    ...(state.turn === undefined ? {} : { itemId: TurnItems.idOf(state.turn.turnId, call) }),
    detail
  }
}

/** One line for a human. */
const subjectOf = ({ dialect }: State, call: ToolCall): string => {
  const command = call.kind === "execute" ? dialect.commandOf?.(call) : undefined
  const paths = kindOf(call.kind) === "file-change" ? pathsOf(call).join(", ") : ""
  return command ?? (paths === "" ? call.title ?? call.kind ?? "an action" : paths)
}

/**
 * All that is known of what the call does, but for what is said about it. Nothing known: it is asked for every time.
 */
const coverOf = ({ dialect }: State, call: ToolCall): string | undefined => {
  const { commandOf, comments = [] } = dialect
  const input = typeof call.rawInput === "object" && call.rawInput !== null ? Object.entries(call.rawInput) : []
  const told = input.filter(([name]) => !comments.includes(name))
  const diffs = diffsOf(call)
  const command = call.kind === "execute" ? commandOf?.(call) : undefined
  return told.length === 0 && diffs.length === 0 && command === undefined
    ? undefined
    : JSON.stringify([call.kind, command === undefined ? nameOf(call, dialect) : "", told, diffs, command])
}
