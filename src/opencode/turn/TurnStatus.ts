/**
 * What sessions report of themselves: busy, idle, failed, compacted. Only the root's reports decide about the turn; a
 * subagent that goes idle or fails has told its parent.
 */
import type { ProviderEvent } from "../../domain/ThreadEvent.ts"
import type { Frame } from "../protocol/Frame.ts"
import * as Subagents from "./Subagents.ts"
import * as TurnEnd from "./TurnEnd.ts"
import * as TurnItems from "./TurnItems.ts"
import { andThen, inTurn, running, type State, type Step, step, without } from "./TurnState.ts"

type OfSession = Extract<Frame, { readonly sessionId: string }>

export const ofSession = (state: State, frame: OfSession): Step =>
  frame.sessionId === state.root ? ofRoot(state, frame) : ofChild(state, frame)

const ofRoot = (state: State, frame: OfSession): Step => {
  const turn = running(state)
  switch (frame._tag) {
    case "Idle":
      return TurnEnd.idle(state)
    case "Status": {
      if (frame.status.type === "idle") return step(state)
      const busy = turn === undefined ? state : { ...state, turn: { ...turn, busy: true } }
      // An abort that came before the work began has stopped nothing.
      const wants = turn?.interrupting === true ? [{ _tag: "Abort" } as const] : []
      return andThen(retrying(busy, frame), (state) => step(state, [], wants))
    }
    case "Error":
      if (state.turn !== undefined && turn === undefined) {
        return step(state, [], [{ _tag: "Doubt", error: frame.error }])
      }
      // Before the work began it is an echo of the turn before.
      if (turn !== undefined) return step(turn.busy ? { ...state, turn: { ...turn, error: frame.error } } : state)
      if (state.compaction !== undefined) {
        return step({ ...state, compaction: { ...state.compaction, error: frame.error.name } })
      }
      return state.echo ? step(state) : step(state, [{
        _tag: "ErrorReported",
        name: frame.error.name,
        ...(frame.error.data?.message === undefined ? {} : { message: frame.error.data.message })
      }])
    case "Compacted":
      return compacted(state)
    case "Todos":
      return step(state, [{
        _tag: "PlanUpdated",
        ...inTurn(state),
        steps: frame.todos.map(({ content, status }) => ({
          text: content,
          status: planStatus.get(status) ?? "pending"
        }))
      }])
    case "Titled": {
      const { title } = frame
      return step(
        { ...state, title },
        state.title === title ? [] : [{ _tag: "TitleUpdated", ...inTurn(state), title }]
      )
    }
    case "Deleted":
      return step(state, [], [{ _tag: "Gone" }])
    case "Delta":
    case "Created":
      return step(state)
  }
}

/** The compaction under way is complete. */
export const compacted = (state: State): Step => {
  const summary = state.compaction?.summary
  const turn = running(state)
  const next = turn === undefined ? state : { ...state, turn: { ...turn, fruitless: true } }
  return step({ ...next, compaction: undefined }, [
    { _tag: "CompactionCompleted", ...inTurn(state), ...(summary === undefined ? {} : { summary }) }
  ])
}

const planStatus = new Map<string, "in-progress" | "completed" | "cancelled">([
  ["in_progress", "in-progress"],
  ["completed", "completed"],
  ["cancelled", "cancelled"]
])

/** The model is asked again, for the whole answer: what it had said so far is not a part of it. */
const retrying = (state: State, { sessionId, status }: Extract<Frame, { _tag: "Status" }>): Step => {
  if (status.type !== "retry") return step(state)
  const scheduled: ProviderEvent = {
    _tag: "RetryScheduled",
    ...inTurn(state),
    attempt: status.attempt,
    ...(status.next === undefined ? {} : { nextAt: status.next }),
    ...(status.message === undefined ? {} : { message: status.message })
  }
  return andThen(
    TurnItems.abandonTexts(state, (part) => part.sessionID === sessionId),
    (state) => step(state, [scheduled])
  )
}

const ofChild = (state: State, frame: OfSession): Step => {
  const { sessionId } = frame
  switch (frame._tag) {
    case "Status":
      return andThen(
        Subagents.works(state, sessionId, frame.status.type !== "idle"),
        (state) => retrying(state, frame)
      )
    case "Created":
    case "Idle":
      return Subagents.works(state, sessionId, false)
    case "Deleted":
      return andThen(
        Subagents.works(state, sessionId, false),
        (state) => step({ ...state, children: without(state.children, sessionId) })
      )
    case "Error":
      return step(state, [{ _tag: "Warning", ...inTurn(state), code: "subagent-error", message: frame.error.name }])
    default:
      return step(state)
  }
}
