/**
 * What the lines of one protocol mean: which are requests, notifications and answers, and how each is written.
 * {@link jsonRpc} is JSON-RPC; an agent with lines of its own brings a {@link PeerProtocol}.
 *
 * Ids of our calls are the integers from 1 on. A protocol that has strings writes them as such and reads them back.
 *
 * **Example** (Lines with an envelope for calls, as Claude has them)
 *
 * ```ts
 * const protocol: PeerProtocol.PeerProtocol = {
 *   read: (line) => {
 *     if (isControlRequest(line)) {
 *       const { request, request_id: id } = line
 *       return { _tag: "Request", id, method: request.subtype, params: request }
 *     }
 *     if (isControlResponse(line)) {
 *       const { request_id, response } = line.response
 *       return { _tag: "Answer", id: Number(request_id), result: response }
 *     }
 *     return { _tag: "Notification", method: line.type, params: line }
 *   },
 *   call: (id, subtype, params) => ({
 *     type: "control_request",
 *     request_id: String(id),
 *     request: { subtype, ...params }
 *   }),
 *   notification: (type, params) => ({ type, ...params }),
 *   answer: (request_id, response) => ({
 *     type: "control_response",
 *     response: { subtype: "success", request_id, response }
 *   }),
 *   refusal: (request_id, { message }) => ({
 *     type: "control_response",
 *     response: { subtype: "error", request_id, error: message }
 *   })
 * }
 * ```
 *
 * @since 0.1.0
 */

/**
 * The peer's id of a request of its own.
 *
 * @category models
 * @since 0.1.0
 */
export type PeerId = string | number

/**
 * Why a request is refused, or a call was: what JSON-RPC calls an error object.
 *
 * @category models
 * @since 0.1.0
 */
export interface Refusal {
  /** Absent where the protocol has none, or the peer sent none. */
  readonly code?: number
  /** For a human; nothing is decided by it. */
  readonly message: string
  readonly data?: unknown
}

/**
 * A line of the peer.
 *
 * @category models
 * @since 0.1.0
 */
export type PeerFrame =
  /** It waits for an answer under this id. */
  | { readonly _tag: "Request"; readonly id: PeerId; readonly method: string; readonly params: unknown }
  | { readonly _tag: "Notification"; readonly method: string; readonly params: unknown }
  /** It no longer waits for the answer to its request. */
  | { readonly _tag: "Cancel"; readonly id: PeerId }
  /** The answer to our call. An `id` that is none of ours is reported. */
  | { readonly _tag: "Answer"; readonly id: unknown; readonly result: unknown }
  | { readonly _tag: "Refused"; readonly id: unknown; readonly refusal: Refusal }
  /** JSON, but nothing of this protocol. */
  | { readonly _tag: "Unknown" }

/**
 * @category models
 * @since 0.1.0
 */
export type Request = Extract<PeerFrame, { readonly _tag: "Request" }>

/**
 * @category models
 * @since 0.1.0
 */
export type Notification = Extract<PeerFrame, { readonly _tag: "Notification" }>

/**
 * How lines are read and written. What is written are objects that JSON can hold.
 *
 * @category models
 * @since 0.1.0
 */
export interface PeerProtocol {
  /** Must not fail, whatever the value. */
  readonly read: (line: unknown) => PeerFrame
  readonly call: (id: number, method: string, params: object | undefined) => object
  readonly notification: (method: string, params: object | undefined) => object
  readonly answer: (id: PeerId, result: unknown) => object
  readonly refusal: (id: PeerId, refusal: Refusal) => object
  /** What tells the peer that we no longer wait for our call. */
  readonly cancel?: (id: number, method: string) => object
  /** The last word on a request that the peer has cancelled, where it expects one. */
  readonly cancelled?: (id: PeerId) => object
}

/**
 * Codes of refusals. JSON-RPC reserves them; `cancelled` is that of the Agent Client Protocol and of the Language Server
 * Protocol.
 *
 * @category constants
 * @since 0.1.0
 */
export const codes = { unknownMethod: -32601, internal: -32603, cancelled: -32800 } as const

/**
 * JSON-RPC 2.0, without batches. `version: false` leaves the field `jsonrpc` out, as Codex does; it is never asked for.
 * `cancel` names the notification that cancels a request, for both sides, and its parameter that holds the request's id.
 *
 * @category constructors
 * @since 0.1.0
 */
export const jsonRpc = (options: {
  readonly version: boolean
  readonly cancel?: { readonly method: string; readonly id: string } | undefined
}): PeerProtocol => {
  const { cancel, version } = options
  const frame = (fields: object): object => version ? { jsonrpc: "2.0", ...fields } : fields
  const ofParams = (params: object | undefined) => params === undefined ? {} : { params }
  return {
    read: (line) => readJsonRpc(line, cancel),
    call: (id, method, params) => frame({ id, method, ...ofParams(params) }),
    notification: (method, params) => frame({ method, ...ofParams(params) }),
    // An answer without `result` is none.
    answer: (id, result) => frame({ id, result: result === undefined ? null : result }),
    refusal: (id, { code = codes.internal, data, message }) =>
      frame({ id, error: { code, message, ...(data === undefined ? {} : { data }) } }),
    ...(cancel === undefined ? {} : {
      cancel: (id) => frame({ method: cancel.method, params: { [cancel.id]: id } }),
      cancelled: (id) => frame({ id, error: { code: codes.cancelled, message: "Cancelled" } })
    })
  }
}

const unknown: PeerFrame = { _tag: "Unknown" }

/** By hand and not by a Schema, since every line passes here. */
const readJsonRpc = (
  line: unknown,
  cancel: { readonly method: string; readonly id: string } | undefined
): PeerFrame => {
  if (!isObject(line)) return unknown
  const { error, id, method, params, result } = line
  if (typeof method === "string") {
    if (id !== undefined) return isPeerId(id) ? { _tag: "Request", id, method, params } : unknown
    if (method === cancel?.method && isObject(params)) {
      const cancelled = params[cancel.id]
      if (isPeerId(cancelled)) return { _tag: "Cancel", id: cancelled }
    }
    return { _tag: "Notification", method, params }
  }
  if (id === undefined || method !== undefined) return unknown
  return error === undefined || error === null
    ? { _tag: "Answer", id, result }
    : { _tag: "Refused", id, refusal: refusalOf(error) }
}

const refusalOf = (error: unknown): Refusal => {
  const { code, data, message } = isObject(error) ? error : nothing
  const wellFormed = typeof code === "number" && typeof message === "string"
  const kept = wellFormed ? data : error
  return {
    ...(typeof code === "number" ? { code } : {}),
    message: typeof message === "string" ? message : "",
    ...(kept === undefined ? {} : { data: kept })
  }
}

const nothing: Readonly<Record<string, unknown>> = {}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const isPeerId = (value: unknown): value is PeerId => typeof value === "string" || typeof value === "number"
