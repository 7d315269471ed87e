/**
 * Compactions. One that was asked for is a turn of Codex's of its own, and over when that turn is; one that Codex begins is
 * an item of the user's turn (0.171.0).
 */
import type { CompactionVerdict } from "../../provider/ProviderAdapter.ts"
import { failure, type TurnError } from "../protocol/Failure.ts"
import { type Compaction, place, type State, type Step, step, withTurn } from "./TurnState.ts"

/** It is about to begin: asked for, or Codex's hook asks. */
export const begins = (
  state: State,
  trigger: Compaction["trigger"],
  gate: Compaction["gate"] = "asked"
): Step =>
  step(
    {
      ...state,
      compaction: {
        trigger,
        native: trigger === "auto" ? state.turn?.native : undefined,
        written: false,
        gate
      }
    },
    [{
      _tag: "CompactionStarted",
      trigger,
      ...(trigger === "auto" && state.turn !== undefined ? { turnId: state.turn.turnId } : {}),
      ...(gate === "passed" ? { unheld: true } : {})
    }]
  )

/** A veto ends the turn that the compaction is part of. */
export const decided = (state: State, verdict: CompactionVerdict): Step => {
  const { compaction } = state
  // An answer that comes too late is none.
  if (compaction === undefined || compaction.gate === "passed") return step(state)
  return verdict._tag === "Veto"
    ? failed(compaction.trigger === "auto" ? withTurn(state, { vetoed: true }) : state, "Vetoed")
    : step({ ...state, compaction: { ...compaction, gate: "answered" } })
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
  // Codex does not wait for a hook that was killed.
  if (state.gated && compaction?.gate !== "answered") return begins(state, "auto", "passed")
  return compaction === undefined ? begins(state, "auto") : step(state)
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
