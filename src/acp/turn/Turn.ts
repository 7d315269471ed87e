/**
 * One session, one input at a time: `(state, input) -> state, events, wants`. Pure, so that every order of frames that
 * agents have been seen to send can be tested as data.
 *
 * The answer to a prompt is the end of its turn, and what comes between the two is the turn's: the protocol has no
 * other mark. What comes outside of a turn is told as it is, and is part of none.
 */
import * as ItemLedger from "../../adapter/ItemLedger.ts"
import * as RequestBook from "../../adapter/RequestBook.ts"
import type { TurnId } from "../../domain/Ids.ts"
import { andThen } from "../../domain/Step.ts"
import { add } from "../../domain/Usage.ts"
import type { Update } from "../protocol/Update.ts"
import * as TurnEnd from "./TurnEnd.ts"
import * as TurnItems from "./TurnItems.ts"
import * as TurnReports from "./TurnReports.ts"
import * as TurnRequests from "./TurnRequests.ts"
import { type Input, place, type State, type Step, step, withTurn } from "./TurnState.ts"

/** `at` is in milliseconds since 1970. */
export const reduce = (state: State, input: Input, at: number): Step => {
  switch (input._tag) {
    case "Told":
      return andThen(told(state, input.update, input.raw, at), (state) => metered(state, input.raw))
    case "Choosing":
      return step({ ...state, model: input.model })
    case "Chosen":
      return step({ ...state, offered: input.offered })
    case "Sending":
      return step(begin(state, input.turnId))
    case "NotSent":
      return step(state.turn?.turnId === input.turnId ? { ...state, turn: undefined } : state)
    case "Ended":
      return TurnEnd.ended(state, input.turnId, input.ending)
    case "Cancelling":
      return TurnEnd.cancelling(state, input.turnId)
    case "GivenUp":
      return TurnEnd.givenUp(state, input.turnId)
    case "Asked":
      return TurnRequests.asked(state, input, at)
    case "Ruled":
      return TurnRequests.ruled(state, input.asked, input.allow, at)
    case "Answering":
      return TurnRequests.answering(state, input, at)
    case "Answered": {
      const next = RequestBook.settled(state.requests, input.requestId)
      return step({ ...state, requests: next.state }, next.events, next.wants)
    }
    case "Withdrawn":
      return TurnRequests.withdrawn(state, input.id)
  }
}

const begin = (state: State, turnId: TurnId): State => ({
  ...state,
  turn: { turnId, usage: {}, message: undefined, messages: 0, cancelled: false, refused: undefined },
  items: ItemLedger.nextTurn(state.items)
})

const told = (state: State, update: Update, raw: unknown, at: number): Step => {
  switch (update._tag) {
    case "agent_message_chunk":
      return TurnItems.chunk(state, "AssistantMessage", update, raw)
    case "agent_thought_chunk":
      return TurnItems.chunk(state, "Reasoning", update, raw)
    case "tool_call":
    case "tool_call_update": {
      const { _tag, ...call } = update
      return TurnItems.tool(state, call, { raw, type: _tag }, at)
    }
    default:
      return TurnReports.report(state, update)
  }
}

const metered = (state: State, raw: unknown): Step => {
  const used = state.turn === undefined ? undefined : state.dialect.usageOf?.(raw)
  if (state.turn === undefined || used === undefined) return step(state)
  const usage = add(state.turn.usage, used)
  return step(withTurn(state, { usage }), [{ _tag: "UsageUpdated", ...place(state), usage }])
}
