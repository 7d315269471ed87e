/**
 * Denials. OpenCode rejects whatever else is open in a session together with a request that is denied (1.18.33), so a denial
 * is held until nothing else of its session waits for an answer: what the user allows meanwhile is done. Of several denials
 * the first takes the others along without a reason, so it bears the reasons of all.
 */
import type { RequestId } from "../../domain/Ids.ts"
import type { PermissionRequest } from "../protocol/Frame.ts"
import * as Approvals from "./Approvals.ts"
import { type Held, including, put, type State, type Step, step, type Want } from "./TurnState.ts"

/** Marks the tool's call as declined. */
export const declined = (state: State, { tool }: PermissionRequest): State =>
  tool === undefined ? state : { ...state, declined: including(state.declined, tool.callID) }

/** The request is denied, which OpenCode is told by {@link release}. */
export const hold = (state: State, request: PermissionRequest, message: string | undefined): State => ({
  ...declined(state, request),
  held: put(state.held, request.id, { sessionId: request.sessionID, subject: Approvals.subjectOf(request), message })
})

/** The reason of a denial that is sent, with those of the held ones that it takes along. */
export const reasonOf = (
  { held }: State,
  { id, sessionID }: Pick<PermissionRequest, "id" | "sessionID">,
  own: string | undefined
): string | undefined => {
  const others = Array.from(held).flatMap(([requestId, { message, sessionId, subject }]) =>
    requestId === id || sessionId !== sessionID || message === undefined ? [] : [`- ${subject}: ${message}`]
  )
  const all = [...(own === undefined ? [] : [own]), ...(others.length === 0 ? [] : ["Also denied:", ...others])]
  return all.length === 0 ? undefined : all.join("\n")
}

/** Whether the answer to a request of the session is still to come, or on its way, but for this one. */
export const isOpen = (state: State, sessionId: string, but?: RequestId): boolean =>
  Array.from(state.requests).some(([id, { asked }]) =>
    id !== but && asked.kind === "approval" && asked.request.sessionID === sessionId
  ) || Array.from(state.allowing.values()).includes(sessionId)

/** Sends the denials that nothing waits beside. */
export const release = (state: State): Step => send(state, ({ sessionId }) => !isOpen(state, sessionId))

/** The turn is over, and with it what they waited for. */
export const releaseAll = (state: State): Step => send(state, () => true)

const send = (state: State, isFree: (denial: Held) => boolean): Step => {
  const free = Array.from(state.held).filter(([, denial]) => isFree(denial))
  if (free.length === 0) return step(state)
  const sent = new Set(free.map(([requestId]) => requestId))
  return step(
    { ...state, held: new Map(Array.from(state.held).filter(([requestId]) => !sent.has(requestId))) },
    [],
    // The first is the one whose reason counts.
    free.toSorted(([, one], [, other]) => Number(one.message === undefined) - Number(other.message === undefined))
      .map(([requestId, { message, sessionId }]): Want => ({
        _tag: "Reply",
        requestId,
        reply: "reject",
        message: reasonOf(state, { id: requestId, sessionID: sessionId }, message)
      }))
  )
}
