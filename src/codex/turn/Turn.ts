/**
 * One thread, one input at a time: `(state, input) -> state, events, wants`. Pure, so that every order of frames that
 * Codex has been seen to send can be tested as data.
 *
 * Frames of a turn may come before the answer to `turn/start`, so the first turn that starts after a prompt was sent is
 * the prompt's. One that starts without a prompt, and is no compaction that was asked for, is the agent's own.
 */
import * as ItemLedger from "../../adapter/ItemLedger.ts"
import * as RequestBook from "../../adapter/RequestBook.ts"
import type { TurnId } from "../../domain/Ids.ts"
import { andThen } from "../../domain/Step.ts"
import * as Tokens from "../protocol/Tokens.ts"
import * as TurnCompaction from "./TurnCompaction.ts"
import * as TurnEnd from "./TurnEnd.ts"
import * as TurnItems from "./TurnItems.ts"
import * as TurnReports from "./TurnReports.ts"
import * as TurnRequests from "./TurnRequests.ts"
import { type Input, place, type State, type Step, step, withTurn } from "./TurnState.ts"
import * as TurnTasks from "./TurnTasks.ts"

export const reduce = (state: State, input: Input): Step => {
  switch (input._tag) {
    case "Sending":
      return step(begin(state, input.turnId, undefined))
    case "Sent":
      return step(state.turn?.turnId === input.turnId ? withTurn(state, { native: input.native }) : state)
    case "NotSent":
      return step(state.turn?.turnId === input.turnId ? { ...state, turn: undefined } : state)
    case "GivenUp":
      return TurnReports.givenUp(state, input)
    case "turn/started":
      return started(state, input.turn.id)
    case "turn/completed":
      return state.compaction?.trigger === "manual" && state.compaction.native === input.turn.id
        ? TurnCompaction.ended(state, input.turn)
        : TurnEnd.ended(state, input.turn)
    case "item/started":
    case "item/completed":
      return input.item.type === "contextCompaction"
        ? TurnCompaction.item(state, input.turnId, input._tag === "item/completed")
        : progress(TurnTasks.item(state, place(state, input.turnId), input))
    case "item/agentMessage/delta":
    case "item/plan/delta":
    case "item/commandExecution/outputDelta":
    case "item/reasoning/summaryTextDelta":
      return progress(TurnItems.delta(state, place(state, input.turnId), input))
    case "item/fileChange/patchUpdated":
      return TurnItems.patched(state, place(state, input.turnId), input)
    case "Subagent":
      return TurnTasks.subagent(state, input.agent, input.frame)
    case "Stopping":
      return TurnTasks.stopping(state, input)
    case "serverRequest/resolved":
      return TurnRequests.resolved(state, input.requestId)
    case "Asked":
      return TurnRequests.asked(state, input)
    case "Answering":
      return step({
        ...state,
        requests: RequestBook.answer(state.requests, input.requestId, input.given)?.book ?? state.requests
      })
    case "Compacting":
      return TurnCompaction.begins(state, input.trigger)
    case "Decided":
      return TurnCompaction.decided(state, input.verdict)
    case "CompactionRefused":
      return TurnCompaction.failed(state, input.name)
    default:
      return TurnReports.report(state, input)
  }
}

/** A new turn. Commands that were left running go on. */
const begin = (state: State, turnId: TurnId, native: string | undefined): State => ({
  ...state,
  turn: {
    turnId,
    native,
    started: native !== undefined,
    usage: {},
    below: Tokens.none,
    error: undefined,
    retries: 0,
    spells: 0,
    givenUp: false,
    vetoed: false
  },
  items: ItemLedger.nextTurn(state.items),
  base: state.totals
})

const started = (state: State, native: TurnId): Step => {
  const { compaction, turn } = state
  if (turn !== undefined && (turn.native === undefined || turn.native === native)) {
    return step(withTurn(state, { native, started: true }), [], [{ _tag: "Started", turnId: turn.turnId }])
  }
  if (compaction?.trigger === "manual" && compaction.native === undefined) {
    return step({ ...state, compaction: { ...compaction, native } })
  }
  if (turn !== undefined) return step(state, [{ _tag: "Unrecognized", type: "turn/started", raw: { native } }])
  return step(begin(state, native, native), [{ _tag: "TurnBegan", turnId: native, cause: "agent" }])
}

/** The model has answered: it is no longer called again. */
const progress = (next: Step): Step =>
  next.state.turn === undefined || next.state.turn.retries === 0
    ? next
    : andThen(next, (state) => step(withTurn(state, { retries: 0 })))
