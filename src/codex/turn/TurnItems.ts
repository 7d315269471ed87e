/**
 * Items, of a turn or beside it. `about` is the turn that an open one belongs to.
 */
import * as ItemLedger from "../../adapter/ItemLedger.ts"
import type { ItemId } from "../../domain/Ids.ts"
import type { Item } from "../../domain/Item.ts"
import type { ProviderEvent } from "../../domain/ThreadEvent.ts"
import type { Of } from "../protocol/Frame.ts"
import { editsOf, toItem } from "../protocol/Items.ts"
import { type State, type Step, step, withItems } from "./TurnState.ts"

/** `subagent`: whose it is, if not the agent's own. */
export const item = (
  state: State,
  at: ItemLedger.Place,
  { _tag, item: raw }: Of<"item/started" | "item/completed">,
  subagent?: string
): Step => {
  const found = toItem(raw)
  // What the user says is in `TurnStarted` and `TurnSteered`.
  if (found === undefined || found._tag === "UserMessage") return step(state)
  const whole = subagent === undefined ? found : { ...found, subagent }
  if (_tag === "item/started") return withItems(state, ItemLedger.show(state.items, at, whole, at))
  const complete = withItems(state, ItemLedger.complete(state.items, at, whole))
  const gap: Array<ProviderEvent> = lacks(state, whole)
    ? [{ _tag: "Gap", ...at, cause: "provider-stream", lost: "deltas" }]
    : []
  return step(complete.state, [...gap, ...complete.events], complete.wants)
}

/** Codex leaves out what a command prints at once (0.171.0), and tells all of it at the end. */
const lacks = ({ items }: State, whole: Item): boolean => {
  const open = items.open.get(whole.itemId)?.item
  return open?._tag === "Command" && whole._tag === "Command" && whole.output !== undefined &&
    !whole.output.startsWith(open.output ?? "")
}

export const delta = (
  state: State,
  at: ItemLedger.Place,
  { delta, itemId }: { readonly itemId: ItemId; readonly delta: string }
): Step => withItems(state, ItemLedger.append(state.items, at, itemId, delta))

export const patched = (
  state: State,
  at: ItemLedger.Place,
  { changes, itemId }: Of<"item/fileChange/patchUpdated">
): Step => {
  const open = state.items.open.get(itemId)
  return open?.item._tag === "FileChange"
    ? withItems(state, ItemLedger.show(state.items, at, { ...open.item, edits: editsOf(changes) }, open.about))
    : step(state)
}
