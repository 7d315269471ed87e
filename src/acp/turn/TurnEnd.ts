/**
 * How a turn ends: with the answer to its prompt, or, once it was cancelled, whatever that answer is. What is open is
 * closed before. Of a turn that has ended nothing is heard any more.
 */
import * as RequestBook from "../../adapter/RequestBook.ts"
import type { TurnId } from "../../domain/Ids.ts"
import { andThen } from "../../domain/Step.ts"
import type { ProviderEvent } from "../../domain/ThreadEvent.ts"
import { add } from "../../domain/Usage.ts"
import { failure } from "../protocol/Failure.ts"
import * as TurnItems from "./TurnItems.ts"
import { type Ending, place, type State, type Step, step, type Turn, withRequests, withTurn } from "./TurnState.ts"

export const ended = (state: State, turnId: TurnId, ending: Ending): Step => {
  const used = ending._tag === "Stopped" ? state.dialect.usageOf?.(ending.raw) : undefined
  return over(
    state,
    turnId,
    (turn) => how(state, used === undefined ? turn : { ...turn, usage: add(turn.usage, used) }, ending)
  )
}

export const givenUp = (state: State, turnId: TurnId): Step =>
  over(state, turnId, ({ usage }) => ({ _tag: "TurnInterrupted", turnId, by: "agent", usage }))

const over = (state: State, turnId: TurnId, end: (turn: Turn) => ProviderEvent): Step => {
  const { turn } = state
  if (turn?.turnId !== turnId) return step(state)
  return andThen(
    andThen(TurnItems.close(state), (state) => withRequests(state, RequestBook.closeTurn(state.requests, turnId))),
    (state) => andThen(compactionEnds(state), (state) => step({ ...state, turn: undefined }, [end(turn)]))
  )
}

/** Its requests are answered as cancelled, as the protocol demands. */
export const cancelling = (state: State, turnId: TurnId): Step =>
  state.turn?.turnId === turnId
    ? withRequests(withTurn(state, { cancelled: true }), RequestBook.closeTurn(state.requests, turnId))
    : step(state)

const compactionEnds = (state: State): Step =>
  state.compaction === undefined
    ? step(state)
    : step({ ...state, compaction: undefined }, [{ _tag: "CompactionFailed", ...place(state), name: "TurnEnded" }])

const how = ({ dialect, methods }: State, turn: Turn, ending: Ending): ProviderEvent => {
  const { cancelled, refused, turnId, usage } = turn
  if (cancelled) return { _tag: "TurnInterrupted", turnId, by: "agent", usage }
  if (ending._tag === "Refused") {
    const { error } = ending
    return { _tag: "TurnFailed", turnId, failure: dialect.failureOf?.(error) ?? failure(error, methods), usage }
  }
  switch (ending.reason) {
    case "end_turn":
      return { _tag: "TurnCompleted", turnId, usage }
    case "cancelled":
      return refused === undefined
        ? { _tag: "TurnInterrupted", turnId, by: "agent", usage }
        : { _tag: "TurnCompleted", turnId, usage, refused }
    case "max_tokens":
      return { _tag: "TurnFailed", turnId, failure: { _tag: "OutputTruncated" }, usage }
    case "refusal":
      return { _tag: "TurnFailed", turnId, failure: { _tag: "OutputFiltered" }, usage }
    default:
      return { _tag: "TurnFailed", turnId, failure: { _tag: "Other", name: ending.reason }, usage }
  }
}
