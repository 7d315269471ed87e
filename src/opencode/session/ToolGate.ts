/**
 * What the app's guards are asked about a permission request of OpenCode's, which holds the tool back for as long as it takes.
 */
import { Effect } from "effect"
import type { ToolGuard } from "../../provider/ToolGuard.ts"
import type { PermissionRequest } from "../protocol/Frame.ts"
import * as Approvals from "../turn/Approvals.ts"
import { type Input, openTools, type State } from "../turn/TurnState.ts"

/** Their verdict on the request, as the state takes it. */
export const ask = (
  toolGuard: ToolGuard,
  state: State,
  request: PermissionRequest,
  elsewhere: boolean
): Effect.Effect<Extract<Input, { readonly _tag: "Guarded" | "Vetoed" }>> => {
  const part = openTools(state).find(({ callID }) => callID === request.tool?.callID)
  return Effect.map(
    toolGuard({
      kind: Approvals.kindOf(request),
      subject: Approvals.subjectOf(request),
      ...(state.turn === undefined ? {} : { turnId: state.turn.turnId }),
      ...(part === undefined ? {} : { itemId: part.id }),
      ...(request.sessionID === state.root ? {} : { subagent: request.sessionID }),
      detail: Approvals.detailOf(request)
    }),
    (verdict) =>
      verdict._tag === "Veto"
        ? { _tag: "Vetoed", request, reason: verdict.reason }
        : { _tag: "Guarded", request, always: verdict._tag === "Ask", elsewhere }
  )
}

/** Whether the state knows of the request: it waits for the user, or its answer is on its way. */
export const isKnown = ({ allowing, held, requests }: State, { id }: PermissionRequest): boolean =>
  requests.has(id) || held.has(id) || allowing.has(id)
