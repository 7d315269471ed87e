/**
 * Compactions. One that was asked for is a command of its own; one that Claude begins is part of a turn. After the veto of an
 * automatic one Claude says nothing of its end (2.1.332), so every veto is told here.
 */
import type { CompactionVerdict } from "../../provider/ProviderAdapter.ts"
import type { Of } from "../protocol/Frame.ts"
import { type Compaction, place, type State, type Step, step } from "./TurnState.ts"

/** Claude's hook asks. */
export const begins = (state: State, trigger: Compaction["trigger"]): Step =>
  step({ ...state, compaction: { trigger, summary: undefined } }, [{
    _tag: "CompactionStarted",
    trigger,
    ...(trigger === "auto" ? place(state) : {})
  }])

export const decided = (state: State, verdict: CompactionVerdict): Step =>
  verdict._tag === "Allow" ? step(state) : failed(state, "Vetoed")

export const summarized = (state: State, summary: string | undefined): Step =>
  step(state.compaction === undefined ? state : { ...state, compaction: { ...state.compaction, summary } })

export const status = (state: State, { compact_result }: Of<"system/status">): Step =>
  compact_result === "failed" ? failed(state, "Failed") : step(state)

export const failed = (state: State, name: string): Step =>
  state.compaction === undefined
    ? step(state)
    : step({ ...state, compaction: undefined }, [{ _tag: "CompactionFailed", ...at(state), name }])

/** The summary stands in the context from here on. */
export const completed = (state: State): Step => {
  const { compaction } = state
  if (compaction !== undefined) {
    const { summary } = compaction
    return step({ ...state, compaction: undefined }, [{
      _tag: "CompactionCompleted",
      ...at(state),
      ...(summary === undefined ? {} : { summary })
    }])
  }
  return step(state, [
    { _tag: "CompactionStarted", ...place(state), trigger: "auto", ...(state.gated ? { unheld: true } : {}) },
    { _tag: "CompactionCompleted", ...place(state) }
  ])
}

const at = (state: State) => state.compaction?.trigger === "auto" ? place(state) : {}
