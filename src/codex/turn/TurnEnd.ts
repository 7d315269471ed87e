/**
 * How a turn ends. What is open is completed before; a command that goes on after a turn that is complete is detached.
 */
import * as ItemLedger from "../../adapter/ItemLedger.ts"
import * as RequestBook from "../../adapter/RequestBook.ts"
import { andThen } from "../../domain/Step.ts"
import type { ProviderEvent } from "../../domain/ThreadEvent.ts"
import { failure, type TurnError } from "../protocol/Failure.ts"
import * as TurnCompaction from "./TurnCompaction.ts"
import { type State, type Step, step, type Turn, withItems, withRequests } from "./TurnState.ts"
import * as TurnTasks from "./TurnTasks.ts"

interface Ended {
  readonly id: string
  readonly status: string
  readonly error?: TurnError | null
}

export const ended = (state: State, native: Ended): Step => {
  const { turn } = state
  if (turn === undefined || turn.native !== native.id) return step(state)
  const at = { turnId: turn.turnId }
  const stays = ({ about, item, started }: ItemLedger.Open<ItemLedger.Place>) =>
    about.turnId !== turn.turnId || (native.status === "completed" && started && item._tag === "Command")
  const closed = andThen(
    withItems(state, ItemLedger.closeAll(state.items, at, { stays })),
    (state) =>
      andThen(
        TurnTasks.detach(state, turn.turnId),
        (state) => withRequests(state, RequestBook.closeTurn(state.requests, turn.turnId))
      )
  )
  return andThen(
    andThen(
      closed,
      (state) => state.compaction?.trigger === "auto" ? TurnCompaction.failed(state, "TurnEnded") : step(state)
    ),
    (state) => step({ ...state, turn: undefined }, [how(turn, native)], [{ _tag: "Ended", turnId: turn.turnId }])
  )
}

const how = (turn: Turn, { error, status }: Ended): ProviderEvent => {
  const { turnId, usage } = turn
  if (status === "completed") return { _tag: "TurnCompleted", turnId, usage }
  if (status === "interrupted") {
    // The prompt stays in the history without an answer.
    if (turn.vetoed) return { _tag: "TurnFailed", turnId, failure: { _tag: "ContextOverflow" }, usage }
    if (!turn.givenUp) return { _tag: "TurnInterrupted", turnId, by: "agent", usage }
  }
  return { _tag: "TurnFailed", turnId, failure: failure(error ?? turn.error ?? {}), usage }
}
