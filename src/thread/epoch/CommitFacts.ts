/**
 * What the commit of a step has to know of its events.
 */
import type { EventBody } from "../../domain/ThreadEvent.ts"
import { isTerminal } from "../../domain/ThreadEvent.ts"

export interface Facts {
  readonly name: string
  readonly terminal: boolean
  /** A turn or the epoch begins or ends: the thread is used. */
  readonly boundary: boolean
  readonly flush: boolean
}

const passing: Facts = { name: "append events", terminal: false, boundary: false, flush: false }

export const of = (events: ReadonlyArray<EventBody>): Facts => {
  let facts = passing
  for (const event of events) {
    if (event._tag === "SessionEnded") return { name: "end an epoch", terminal: true, boundary: true, flush: true }
    if (isTerminal(event)) facts = { name: "end a turn", terminal: true, boundary: true, flush: true }
    else if ((event._tag === "TurnStarted" || event._tag === "TurnBegan") && !facts.terminal) {
      facts = { ...facts, name: "accept a turn", boundary: true }
    } else if (event._tag === "TurnReconciled") facts = { ...facts, name: "reconcile a turn", flush: true }
  }
  return facts
}
