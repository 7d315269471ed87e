/**
 * The requests of an agent to the user as a value: approvals, questions and elicitations under ids of ours, each settled
 * once. Pure: every transition answers the next book, the events, and what the agent is to be told.
 *
 * Ids of ours are safe in the path of a URL whatever the agent's look like, and differ between sessions by their prefix.
 * `Native` is what the adapter needs to answer the agent: its id, and what it asked.
 *
 * A request is open, then answered by the user, then settled; or settled by the agent, by what the user has allowed for
 * the session, or by the end of its turn. An agent that says itself that a request is settled is believed with
 * {@link settled}; for one that does not, an answer is settled as soon as it was written.
 *
 * **Example**
 *
 * ```ts
 * const { state, events, wants } = RequestBook.ask(book, {
 *   key: String(id),
 *   turnId,
 *   native: { id, options },
 *   covers: command,
 *   asked: (requestId) => ({ _tag: "ApprovalRequested", turnId, request: { requestId, kind: "command", subject: command, detail } })
 * })
 * ```
 *
 * @since 0.1.0
 */
import { RequestId, type TurnId } from "../domain/Ids.ts"
import * as Machine from "../domain/Step.ts"
import type { ProviderEvent } from "../domain/ThreadEvent.ts"
import type {
  ApprovalDecision,
  ElicitationAnswer,
  ElicitationOutcome,
  QuestionAnswer,
  SettledBy
} from "../domain/UserRequest.ts"

/**
 * The event that tells of a request.
 *
 * @category models
 * @since 0.1.0
 */
export type Asked = Extract<
  ProviderEvent,
  { readonly _tag: "ApprovalRequested" | "QuestionAsked" | "ElicitationRequested" }
>

/**
 * @category models
 * @since 0.1.0
 */
export type Answer = ApprovalDecision | QuestionAnswer | ElicitationAnswer

/**
 * @category models
 * @since 0.1.0
 */
export interface Request<Native> {
  /** The agent's id, unique among its open requests. */
  readonly key: string
  readonly native: Native
  readonly turnId: TurnId | undefined
  /** What `AllowForSession` allows: exactly what was shown. Absent for what is asked every time. */
  readonly covers?: string | undefined
}

/**
 * A request that is not settled.
 *
 * @category models
 * @since 0.1.0
 */
export interface Open<Native> extends Request<Native> {
  readonly requestId: RequestId
  readonly kind: Asked["_tag"]
  /** It is on its way to the agent. */
  readonly answer: Answer | undefined
}

/**
 * @category models
 * @since 0.1.0
 */
export interface RequestBook<Native> {
  readonly prefix: string
  readonly last: number
  /** In the order of asking. */
  readonly open: ReadonlyMap<RequestId, Open<Native>>
  readonly allowed: ReadonlySet<string>
}

/**
 * What the agent is to be told: that it may, once; or that there will be no answer.
 *
 * @category models
 * @since 0.1.0
 */
export type Want<Native> =
  | { readonly _tag: "Allow"; readonly native: Native }
  | { readonly _tag: "Refuse"; readonly native: Native }

/**
 * @category models
 * @since 0.1.0
 */
export type Step<Native> = Machine.Step<RequestBook<Native>, ProviderEvent, Want<Native>>

/**
 * `prefix` distinguishes the session from all others of the thread, and is safe in a URL.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <Native>(prefix: string): RequestBook<Native> => ({
  prefix,
  last: 0,
  open: new Map(),
  allowed: new Set()
})

/**
 * The agent asks. What the user has allowed for the session is told and settled at once. A key that is open is ignored.
 *
 * @category transitions
 * @since 0.1.0
 */
export const ask = <Native>(
  book: RequestBook<Native>,
  request: Request<Native> & { readonly asked: (requestId: RequestId) => Asked }
): Step<Native> => {
  const { asked, ...rest } = request
  if (byKey(book, request.key) !== undefined) return Machine.make(book)
  const requestId = RequestId.make(`${book.prefix}-${book.last + 1}`)
  const event = asked(requestId)
  const open: Open<Native> = { ...rest, requestId, kind: event._tag, answer: undefined }
  const next = { ...book, last: book.last + 1 }
  return isAllowed(book, open)
    ? Machine.make(next, [event, byRule(open)], [{ _tag: "Allow", native: open.native }])
    : Machine.make(put(next, open), [event])
}

/**
 * The user answers: the request with the answer, to be written to the agent; `undefined` if it is settled, answered, or
 * asks for something else, which is `RequestGone`. It is part of a step of the state: a book that was read before that lacks
 * what was asked since. Whether the answer was taken, {@link answered} tells afterwards.
 *
 * @category transitions
 * @since 0.1.0
 */
export const answer = <Native>(
  book: RequestBook<Native>,
  requestId: RequestId,
  given: Answer
): { readonly book: RequestBook<Native>; readonly request: Open<Native> } | undefined => {
  const open = book.open.get(requestId)
  if (open === undefined || open.answer !== undefined || open.kind !== kindOf(given)) return undefined
  const request = { ...open, answer: given }
  return { book: put(book, request), request }
}

/**
 * The open request that has this very answer, which is to be written to the agent now; `undefined` if it has another, or is
 * settled: `RequestGone`.
 *
 * @category getters
 * @since 0.1.0
 */
export const answered = <Native>(
  book: RequestBook<Native>,
  requestId: RequestId,
  given: Answer
): Open<Native> | undefined => {
  const open = book.open.get(requestId)
  return open?.answer === given ? open : undefined
}

/**
 * The answer did not reach the agent, so the request is open as before.
 *
 * @category transitions
 * @since 0.1.0
 */
export const reopen = <Native>(book: RequestBook<Native>, requestId: RequestId): RequestBook<Native> => {
  const open = book.open.get(requestId)
  return open === undefined ? book : put(book, { ...open, answer: undefined })
}

/**
 * The agent no longer waits: it took the user's answer, or gave itself one if there is none. What the user allowed for the
 * session is from then on, and settles the open requests that it covers.
 *
 * @category transitions
 * @since 0.1.0
 */
export const settled = <Native>(book: RequestBook<Native>, requestId: RequestId): Step<Native> => {
  const open = book.open.get(requestId)
  if (open === undefined) return Machine.make(book)
  const first = settle(open, open.answer === undefined ? "agent" : "user")
  const rest = without(book, [requestId])
  if (open.answer?._tag !== "AllowForSession" || open.covers === undefined) return Machine.make(rest, [first])
  const allowing = { ...rest, allowed: new Set(rest.allowed).add(open.covers) }
  const covered = Array.from(allowing.open.values()).filter((other) =>
    other.answer === undefined && isAllowed(allowing, other)
  )
  return Machine.make(
    without(allowing, covered.map(({ requestId }) => requestId)),
    [first, ...covered.map(byRule)],
    covered.map(({ native }): Want<Native> => ({ _tag: "Allow", native }))
  )
}

/**
 * The open request under the agent's id.
 *
 * @category getters
 * @since 0.1.0
 */
export const byKey = <Native>(book: RequestBook<Native>, key: string): Open<Native> | undefined =>
  Array.from(book.open.values()).find((open) => open.key === key)

/**
 * A turn ends, and its requests with it. Those of other turns, and of none, stay.
 *
 * @category transitions
 * @since 0.1.0
 */
export const closeTurn = <Native>(book: RequestBook<Native>, turnId: TurnId): Step<Native> => {
  const closing = Array.from(book.open.values()).filter((open) => open.turnId === turnId)
  return Machine.make(
    without(book, closing.map(({ requestId }) => requestId)),
    closing.map((open) => settle(open, "turn-ended")),
    closing.flatMap(({ answer, native }): ReadonlyArray<Want<Native>> =>
      answer === undefined ? [{ _tag: "Refuse", native }] : []
    )
  )
}

const put = <Native>(book: RequestBook<Native>, open: Open<Native>): RequestBook<Native> => ({
  ...book,
  open: new Map(book.open).set(open.requestId, open)
})

const without = <Native>(book: RequestBook<Native>, ids: ReadonlyArray<RequestId>): RequestBook<Native> => {
  const open = new Map(book.open)
  for (const id of ids) open.delete(id)
  return { ...book, open }
}

const isAllowed = <Native>({ allowed }: RequestBook<Native>, { covers, kind }: Open<Native>): boolean =>
  kind === "ApprovalRequested" && covers !== undefined && allowed.has(covers)

const isDecision = (answer: Answer): answer is ApprovalDecision => kindOf(answer) === "ApprovalRequested"

const isQuestionAnswer = (answer: Answer): answer is QuestionAnswer => kindOf(answer) === "QuestionAsked"

const kindOf = (answer: Answer): Asked["_tag"] => {
  switch (answer._tag) {
    case "Answered":
    case "Dismissed":
      return "QuestionAsked"
    case "Accept":
    case "Decline":
    case "Cancel":
      return "ElicitationRequested"
    default:
      return "ApprovalRequested"
  }
}

const byRule = <Native>(open: Open<Native>): ProviderEvent =>
  settle({ ...open, answer: { _tag: "AllowForSession" } }, "rule")

const outcomes: Readonly<Record<ElicitationAnswer["_tag"], ElicitationOutcome>> = {
  Accept: "accepted",
  Decline: "declined",
  Cancel: "cancelled"
}

/** What the user answered is told where it is what settled the request. */
const settle = <Native>({ answer, kind, requestId, turnId }: Open<Native>, by: SettledBy): ProviderEvent => {
  const given = by === "user" || by === "rule" ? answer : undefined
  const common = { ...(turnId === undefined ? {} : { turnId }), requestId, by }
  switch (kind) {
    case "ApprovalRequested":
      return {
        _tag: "ApprovalSettled",
        ...common,
        ...(given !== undefined && isDecision(given) ? { decision: given } : {})
      }
    case "QuestionAsked":
      return {
        _tag: "QuestionSettled",
        ...common,
        ...(given !== undefined && isQuestionAnswer(given) ? { answer: given } : {})
      }
    case "ElicitationRequested":
      return {
        _tag: "ElicitationSettled",
        ...common,
        ...(given !== undefined && !isDecision(given) && !isQuestionAnswer(given)
          ? { outcome: outcomes[given._tag] }
          : {})
      }
  }
}
