/**
 * The lines of `--input-format stream-json`: calls and their answers in envelopes, everything else as it is. A line of the
 * type `system` goes by its subtype: `system/init`.
 */
import { Predicate } from "effect"
import type { PeerFrame, PeerProtocol, Refusal } from "../../adapter/PeerProtocol.ts"

export const protocol: PeerProtocol = {
  read: (line) => Predicate.isReadonlyObject(line) ? read(line) : unknown,
  call: (id, subtype, params) => ({ type: "control_request", request_id: String(id), request: { subtype, ...params } }),
  notification: (type, params) => ({ type, ...params }),
  answer: (request_id, response) => ({
    type: "control_response",
    response: { subtype: "success", request_id, response }
  }),
  refusal: (request_id, { message }) => ({
    type: "control_response",
    response: { subtype: "error", request_id, error: message }
  }),
  cancel: (id) => ({ type: "control_cancel_request", request_id: String(id) })
}

type Line = Readonly<Record<PropertyKey, unknown>>

const unknown: PeerFrame = { _tag: "Unknown" }

/** By hand and not by a Schema, since every line passes here. */
const read = (line: Line): PeerFrame => {
  const { request, request_id: id, response, subtype, type } = line
  if (typeof type !== "string") return unknown
  switch (type) {
    case "control_request":
      return typeof id === "string" && Predicate.isReadonlyObject(request) && typeof request["subtype"] === "string"
        ? { _tag: "Request", id, method: request["subtype"], params: request }
        : unknown
    case "control_cancel_request":
      return typeof id === "string" ? { _tag: "Cancel", id } : unknown
    case "control_response":
      return Predicate.isReadonlyObject(response) ? answered(response) : unknown
    default:
      return {
        _tag: "Notification",
        method: typeof subtype === "string" && type === "system" ? `${type}/${subtype}` : type,
        params: line
      }
  }
}

const answered = (response: Line): PeerFrame => {
  const { request_id, subtype } = response
  const id = Number(request_id)
  return subtype === "error"
    ? { _tag: "Refused", id, refusal: refusalOf(response) }
    : { _tag: "Answer", id, result: response["response"] ?? {} }
}

const refusalOf = ({ error, error_code }: Line): Refusal => ({
  message: typeof error === "string" ? error : "",
  data: { error_code: error_code ?? null }
})
