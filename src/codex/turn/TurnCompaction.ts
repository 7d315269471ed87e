/**
 * Compactions. One that was asked for is a turn of Codex's of its own, and over when that turn is; one that Codex begins is
 * an item of the user's turn (0.171.0).
 */
import type { CompactionVerdict } from "../../provider/ProviderAdapter.ts"
import { failure, type TurnError } from "../protocol/Failure.ts"
import { type Compaction, place, type State, type Step, step, withTurn } from "./TurnState.ts"

/** It is about to begin: asked for, or Codex's hook asks. */
export const begins = (state: State, trigger: Compaction["trigger"]): Step =>
  step(
    {
      ...state,
      compaction: {
        trigger,
        native: trigger === "auto" ? state.turn?.native : undefined,
        written: false,
        decided: false
      }
    },
    [{
      _tag: "CompactionStarted",
      trigger,
      ...(trigger === "auto" && state.turn !== undefined ? { turnId: state.turn.turnId } : {})
    }]
  )

/** A veto ends the turn that the compaction is part of. */
export const decided = (state: State, verdict: CompactionVerdict): Step => {
  const { compaction } = state
  if (verdict._tag === "Veto") {
    return failed(compaction?.trigger === "auto" ? withTurn(state, { vetoed: true }) : state, "Vetoed")
  }
  return step(compaction === undefined ? state : { ...state, compaction: { ...compaction, decided: true } })
}

export const failed = (state: State, name: string): Step =>
  state.compaction === undefined
    ? step(state)
    : step({ ...state, compaction: undefined }, [{ _tag: "CompactionFailed", ...at(state), name }])

export const item = (state: State, native: string, completed: boolean): Step => {
  const { compaction } = state
  if (compaction?.trigger === "manual") {
    return step(completed ? { ...state, compaction: { ...compaction, written: true } } : state)
  }
  if (completed) {
    return compaction === undefined
      ? step(state)
      : step({ ...state, compaction: undefined }, [{ _tag: "CompactionCompleted", ...place(state, native) }])
  }
  const unasked = { _tag: "Warning" as const, ...place(state, native), code: "compaction-unasked" }
  // Codex does not wait for a hook that was killed.
  if (compaction !== undefined) return step(state, state.gated && !compaction.decided ? [unasked] : [])
  const begun = begins(state, "auto")
  return state.gated ? step(begun.state, [unasked, ...begun.events]) : begun
}

interface Ended {
  readonly status: string
  readonly error?: TurnError | null
}

/** The turn of a compaction that was asked for is over. */
export const ended = (state: State, { error, status }: Ended): Step => {
  if (state.compaction?.written === true && status === "completed") {
    return step({ ...state, compaction: undefined }, [{ _tag: "CompactionCompleted" }])
  }
  return failed(state, status === "interrupted" ? "Interrupted" : failure(error ?? {})._tag)
}

const at = ({ compaction, turn }: State) =>
  compaction?.trigger === "auto" && turn !== undefined ? { turnId: turn.turnId } : {}
