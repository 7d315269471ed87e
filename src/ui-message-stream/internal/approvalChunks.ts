/** Approvals as requests of the tools that they are about. */
import { HashMap, Option } from "effect"
import type { ApprovalRequest } from "../../domain/UserRequest.ts"
import { type Of, type State, type Step, toolPartOf, withPart } from "./foldState.ts"
import { approvalRequest, approvalResponse, newPart, placeholder } from "./toolChunks.ts"

export const askApproval = (state: State, { request }: Of<"ApprovalRequested">): Step => {
  const { itemId, requestId } = request
  const known = itemId === undefined ? undefined : toolPartOf(state, itemId)
  // A tool that is over cannot be asked about any more, nor a text: the request then stands for itself.
  const about = itemId !== undefined && known?.open !== false ? itemId : undefined
  const toolCallId = about ?? requestId
  const asked = about === undefined ? state : withPart(state, about, { ...known ?? newPart, asked: true })
  const opened = { request, toolCallId, alone: about === undefined }
  return [
    { ...asked, approvals: HashMap.set(asked.approvals, requestId, opened) },
    [...(known === undefined || about === undefined ? [placeholder(toolCallId, request)] : []), approvalRequest(opened)]
  ]
}

export const settleApproval = (state: State, event: Of<"ApprovalSettled">): Step => {
  const { by, decision, requestId } = event
  const open = Option.getOrUndefined(HashMap.get(state.approvals, requestId))
  if (open === undefined) return [state, []]
  const next = { ...state, approvals: HashMap.remove(state.approvals, requestId) }
  const approved = isAllowed(decision, open.request)
  const reason = decision?._tag === "Deny" ? decision.reason : decision === undefined ? by : undefined
  const response = approvalResponse(requestId, approved, reason)
  if (!open.alone) return [next, [response]]
  const { toolCallId } = open
  return [next, [
    response,
    approved
      ? { type: "tool-output-available", toolCallId, output: { decision }, dynamic: true, providerExecuted: true }
      : { type: "tool-output-denied", toolCallId }
  ]]
}

const isAllowed = (decision: Of<"ApprovalSettled">["decision"], { choices = [] }: ApprovalRequest): boolean => {
  switch (decision?._tag) {
    case "AllowOnce":
    case "AllowForSession":
      return true
    case "Choose":
      return choices.find(({ id }) => id === decision.choiceId)?.meaning.startsWith("allow-") === true
    default:
      return false
  }
}
