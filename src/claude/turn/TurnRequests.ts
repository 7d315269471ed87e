/**
 * What Claude asks the user. It does not say that it took an answer, so a request is settled as soon as its answer was
 * written; one that Claude withdraws is settled by the agent.
 *
 * A request of a subagent in the background belongs to no turn: it stays open when the turn ends that began the subagent.
 */
import type { PeerId } from "../../adapter/PeerProtocol.ts"
import * as RequestBook from "../../adapter/RequestBook.ts"
import { ItemId, TaskId } from "../../domain/Ids.ts"
import { approvalOf, type Elicitation, question, questionsOf } from "../protocol/Request.ts"
import { type Input, place, type State, type Step, step, withRequests } from "./TurnState.ts"

export const asked = (state: State, { always, asked, id, raw }: Extract<Input, { readonly _tag: "Asked" }>): Step => {
  if (asked._tag === "elicitation") return elicits(state, asked, id)
  const { agent_id: agent, tool_use_id } = asked
  const beside = agent != null && state.tasks.get(TaskId.make(agent))?.background === true
  const at = beside ? {} : place(state)
  const of = {
    itemId: ItemId.make(tool_use_id),
    ...(agent == null ? {} : { subagent: agent }),
    ...(beside ? { taskId: TaskId.make(agent) } : {})
  }
  const request = { key: String(id), turnId: at.turnId, native: { id, asked } }
  if (asked.tool_name === question) {
    return withRequests(
      state,
      RequestBook.ask(state.requests, {
        ...request,
        asked: (requestId) => ({
          _tag: "QuestionAsked",
          ...at,
          request: { requestId, questions: questionsOf(asked), ...of }
        })
      })
    )
  }
  const { kind, subject, ...approval } = approvalOf(asked)
  const covers = always === true ? undefined : approval.covers
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
          kind,
          subject,
          ...of,
          ...(covers === undefined ? {} : { covers: subject }),
          detail: raw
        }
      })
    })
  )
}

/** Which call of a tool it is about Claude does not tell. */
const elicits = (state: State, asked: Elicitation, id: PeerId): Step => {
  const { elicitation_id: elicitationId, mcp_server_name: server, message, requested_schema: schema, url } = asked
  const at = place(state)
  return withRequests(
    state,
    RequestBook.ask(state.requests, {
      key: String(id),
      turnId: at.turnId,
      native: { id, asked },
      asked: (requestId) => ({
        _tag: "ElicitationRequested",
        ...at,
        request: {
          requestId,
          message,
          server,
          form: url == null
            ? { _tag: "Form", schema: schema ?? null }
            : { _tag: "Url", url, ...(elicitationId == null ? {} : { elicitationId }) }
        }
      })
    })
  )
}

/** Claude no longer waits. */
export const withdrawn = (state: State, key: string): Step => {
  const open = RequestBook.byKey(state.requests, key)
  return open === undefined ? step(state) : withRequests(state, RequestBook.settled(state.requests, open.requestId))
}
