/**
 * What is known of a thread while its events are read, and the two ways in which it changes: a piece of work begins, and it
 * ends.
 */
import type { ThreadId } from "../../domain/Ids.ts"
import { ofThread } from "../../domain/Instrumentation.ts"
import type { Attributes, Mark } from "./marks.ts"
import { type Gauge, key } from "./names.ts"

/** A piece of work that is open. */
export interface Open {
  readonly at: number
  /** What its duration is measured by. */
  readonly by: Attributes
  /** How many of its kind are open. */
  readonly level?: Gauge | undefined
  /** Of a turn: the agent has told something of it. */
  readonly heard?: boolean
}

export interface State {
  readonly threadId: ThreadId
  readonly provider: string
  readonly instanceId: string
  readonly epoch: number
  readonly continuity: string | undefined
  readonly agentVersion: string | undefined
  /** The model that the agent said it uses. */
  readonly model: string | undefined
  readonly live: boolean
  readonly open: ReadonlyMap<string, Open>
}

/** What the fold works on during one step. */
export interface Draft {
  state: State
  readonly marks: Array<Mark>
}

export const make = (of: Pick<State, "threadId" | "provider" | "instanceId">): State => ({
  ...of,
  epoch: 0,
  continuity: undefined,
  agentVersion: undefined,
  model: undefined,
  live: false,
  open: new Map()
})

const count = ({ marks, state }: Draft, metric: Gauge | undefined, by: number): void => {
  if (metric !== undefined) marks.push({ _tag: "Level", metric, by, attributes: { [key.instance]: state.instanceId } })
}

export const open = (
  draft: Draft,
  mark: Omit<Extract<Mark, { readonly _tag: "Open" }>, "_tag">,
  { by, level }: Pick<Open, "by" | "level">
): void => {
  draft.state = { ...draft.state, open: new Map(draft.state.open).set(mark.key, { at: mark.at, by, level }) }
  draft.marks.push({ _tag: "Open", ...mark, attributes: { ...ofThread(draft.state.threadId), ...mark.attributes } })
  count(draft, level, 1)
}

/** Ends a piece of work, and answers it with how long it took, in seconds; nothing of one that is not open. */
export const close = (
  draft: Draft,
  mark: Omit<Extract<Mark, { readonly _tag: "Close" }>, "_tag">
): { readonly work: Open; readonly seconds: number } | undefined => {
  const work = draft.state.open.get(mark.key)
  if (work === undefined) return undefined
  const left = new Map(draft.state.open)
  left.delete(mark.key)
  draft.state = { ...draft.state, open: left }
  draft.marks.push({ _tag: "Close", ...mark })
  count(draft, work.level, -1)
  return { work, seconds: Math.max(0, mark.at - work.at) / 1000 }
}
