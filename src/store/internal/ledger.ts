/**
 * The ledger of turns as a projection of events: what the events of one part do to the rows of their turns. Pure.
 */
import type { TurnId } from "../../domain/Ids.ts"
import type { NumberedEvent } from "../../domain/ThreadEvent.ts"
import type { TurnCause } from "../../domain/TurnCause.ts"
import * as TurnOutcome from "../../domain/TurnOutcome.ts"
import * as Usage from "../../domain/Usage.ts"

/** How the row of one turn changes. */
export interface TurnChange {
  readonly turnId: TurnId
  /** The statuses of which the row must have one, or nothing is written; absent where the status stays. */
  readonly from?: "intent" | "open" | "nothing"
  readonly to?: "accepted" | TurnOutcome.TurnOutcome
  /** Of a turn that the agent began, and that has no row before. */
  readonly began?: { readonly cause: TurnCause; readonly at: number }
  readonly endedAt?: number
  /** What the turn has used, as far as the agent has told. */
  readonly spent?: Usage.Spent
  /** Whether the turn has to be compared with the agent's history at the next start. */
  readonly reconcile?: boolean
  readonly reconciledAt?: number
}

/** The events contradict themselves: a turn starts or ends that has just ended, or starts twice. */
export const impossible = "impossible"

const started = (before: TurnChange | undefined): Partial<TurnChange> | typeof impossible =>
  before?.to === undefined ? { from: "intent", to: "accepted" } : impossible

const ended = (
  before: TurnChange | undefined,
  event: Extract<NumberedEvent, { readonly _tag: "TurnCompleted" | "TurnFailed" | "TurnInterrupted" | "TurnUnknown" }>
): Partial<TurnChange> | typeof impossible => {
  if (before?.endedAt !== undefined) return impossible
  const reconcile = event._tag === "TurnUnknown" ||
    (event._tag === "TurnFailed" && event.failure._tag === "SessionLost")
  return {
    from: before?.from ?? "open",
    to: TurnOutcome.of(event),
    endedAt: event.at,
    spent: Usage.spend(Usage.nothingSpent, event.usage),
    ...(reconcile ? { reconcile } : {})
  }
}

const changeOf = (
  before: TurnChange | undefined,
  event: NumberedEvent & { readonly turnId: TurnId }
): Partial<TurnChange> | typeof impossible | undefined => {
  switch (event._tag) {
    case "TurnStarted":
      return started(before)
    case "TurnBegan":
      return before?.to === undefined
        ? { from: "nothing", to: "accepted", began: { cause: event.cause, at: event.at } }
        : impossible
    case "TurnCompleted":
    case "TurnFailed":
    case "TurnInterrupted":
    case "TurnUnknown":
      return ended(before, event)
    case "TurnReconciled":
      return { reconcile: false, reconciledAt: event.at }
    case "ItemCompleted":
      return event.cut === true ? { reconcile: true } : undefined
    default:
      return undefined
  }
}

const hasTurn = (event: NumberedEvent): event is NumberedEvent & { readonly turnId: TurnId } =>
  "turnId" in event && event.turnId !== undefined

/** One change for each turn that changes, in the order in which they first do. */
export const project = (
  events: ReadonlyArray<NumberedEvent>
): ReadonlyArray<TurnChange> | typeof impossible => {
  const changes = new Map<TurnId, TurnChange>()
  for (const event of events) {
    if (!hasTurn(event)) continue
    const { turnId } = event
    const before = changes.get(turnId)
    const change = changeOf(before, event)
    if (change === impossible) return impossible
    if (change !== undefined) changes.set(turnId, { ...before, ...change, turnId })
  }
  return Array.from(changes.values())
}
