/**
 * One thread, one input at a time: `(state, input) -> state, events, wants`. Pure, so that every order of frames that
 * Codex has been seen to send can be tested as data.
 *
 * Frames of a turn may come before the answer to `turn/start`, so the first turn that starts after a prompt was sent is
 * the prompt's. One that starts without a prompt, and is no compaction that was asked for, is the agent's own.
 */
import * as ItemLedger from "../../adapter/ItemLedger.ts"
import * as RequestBook from "../../adapter/RequestBook.ts"
import { ItemId, TurnId } from "../../domain/Ids.ts"
import type { Item } from "../../domain/Item.ts"
import { andThen } from "../../domain/Step.ts"
import type { ProviderEvent } from "../../domain/ThreadEvent.ts"
import type { Known } from "../protocol/Frame.ts"
import { editsOf, toItem } from "../protocol/Items.ts"
import * as TurnCompaction from "./TurnCompaction.ts"
import * as TurnEnd from "./TurnEnd.ts"
import * as TurnReports from "./TurnReports.ts"
import * as TurnRequests from "./TurnRequests.ts"
import { type Input, place, type State, type Step, step, withItems, withTurn } from "./TurnState.ts"

export const reduce = (state: State, input: Input): Step => {
  switch (input._tag) {
    case "Sending":
      return step(begin(state, input.turnId, undefined))
    case "Sent":
      return step(state.turn?.turnId === input.turnId ? withTurn(state, { native: input.native }) : state)
    case "NotSent":
      return step(state.turn?.turnId === input.turnId ? { ...state, turn: undefined } : state)
    case "GivenUp":
      return step(state.turn?.turnId === input.turnId ? withTurn(state, { givenUp: true }) : state)
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
        : item(state, input)
    case "item/agentMessage/delta":
    case "item/plan/delta":
    case "item/commandExecution/outputDelta":
      return delta(state, input)
    case "item/reasoning/summaryTextDelta":
      return delta(state, input)
    case "item/fileChange/patchUpdated":
      return patched(state, input)
    case "serverRequest/resolved":
      return TurnRequests.resolved(state, String(input.requestId))
    case "Asked":
      return TurnRequests.asked(state, input)
    case "Answering":
      return step({ ...state, requests: input.book })
    case "Unanswered":
      return step({ ...state, requests: RequestBook.reopen(state.requests, input.requestId) })
    case "Compacting":
      return TurnCompaction.begins(state, input.trigger)
    case "Decided":
      return TurnCompaction.decided(state, input.verdict)
    case "HookLost":
      return TurnCompaction.hookLost(state)
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
    error: undefined,
    retries: 0,
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

const item = (state: State, input: Extract<Known, { readonly _tag: "item/started" | "item/completed" }>): Step => {
  const whole = toItem(input.item)
  // What the user says is in `TurnStarted` and `TurnSteered`.
  if (whole === undefined || whole._tag === "UserMessage") return step(state)
  const at = place(state, input.turnId)
  if (input._tag === "item/started") return progress(withItems(state, ItemLedger.show(state.items, at, whole, null)))
  const complete = withItems(state, ItemLedger.complete(state.items, at, whole))
  const gap: Array<ProviderEvent> = lacks(state, whole)
    ? [{ _tag: "Gap", ...at, cause: "provider-stream", lost: "deltas" }]
    : []
  return progress(step(complete.state, [...gap, ...complete.events], complete.wants))
}

/** Codex leaves out what a command prints at once (0.171.0), and tells all of it at the end. */
const lacks = ({ items }: State, whole: Item): boolean => {
  const open = items.open.get(whole.itemId)?.item
  return open?._tag === "Command" && whole._tag === "Command" && whole.output !== undefined &&
    !whole.output.startsWith(open.output ?? "")
}

interface Delta {
  readonly turnId: string
  readonly itemId: ItemId
  readonly delta: string
}

const delta = (state: State, { delta, itemId, turnId }: Delta): Step =>
  progress(withItems(state, ItemLedger.append(state.items, place(state, turnId), itemId, delta)))

const patched = (
  state: State,
  { changes, itemId, turnId }: Extract<Known, { readonly _tag: "item/fileChange/patchUpdated" }>
): Step => {
  const open = state.items.open.get(itemId)
  return open?.item._tag === "FileChange"
    ? withItems(
      state,
      ItemLedger.show(state.items, place(state, turnId), { ...open.item, edits: editsOf(changes) }, null)
    )
    : step(state)
}

/** The model has answered: it is no longer called again. */
const progress = (next: Step): Step =>
  next.state.turn === undefined || next.state.turn.retries === 0
    ? next
    : andThen(next, (state) => step(withTurn(state, { retries: 0 })))
