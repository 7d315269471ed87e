/**
 * The items and background tasks of an epoch: what is started is completed, once, with what was seen of it.
 */
import type { ItemId, TurnId } from "../../domain/Ids.ts"
import type { Item } from "../../domain/Item.ts"
import type { ProviderEvent } from "../../domain/ThreadEvent.ts"
import * as Draft from "./EpochDraft.ts"
import type { OpenItem } from "./EpochState.ts"
import * as EpochTurn from "./EpochTurn.ts"

type Of<Tag extends ProviderEvent["_tag"]> = Extract<ProviderEvent, { readonly _tag: Tag }>

/** What the agent says of an item. */
export const take = (
  draft: Draft.Draft,
  event: Of<"ItemStarted" | "ItemUpdated" | "ItemDetached" | "ItemDelta" | "ItemCompleted">
): void => {
  switch (event._tag) {
    case "ItemDelta":
      extend(draft, event)
      break
    case "ItemStarted":
    case "ItemUpdated":
      if (event.item._tag !== "UserMessage" || event.item.origin !== undefined) show(draft, event.item, event.turnId)
      break
    case "ItemDetached":
      show(draft, event.item, event.turnId)
      detach(draft, event.item.itemId)
      break
    case "ItemCompleted":
      return complete(draft, event)
  }
  draft.events.push(event)
}

const fresh = (turnId: TurnId | undefined): OpenItem => ({
  item: undefined,
  turnId,
  text: "",
  field: "text",
  detached: false
})

const extend = (draft: Draft.Draft, { delta, field, itemId, offset, turnId }: Of<"ItemDelta">): void => {
  const open = draft.state.items.get(itemId)
  // Field by field, since it is done for each piece of text.
  Draft.items(draft).set(itemId, {
    item: open?.item,
    turnId: open === undefined ? turnId : open.turnId,
    text: open === undefined || offset === 0 ? delta : open.text + delta,
    field,
    detached: open?.detached === true
  })
}

const textOf = (item: Item): { readonly field: OpenItem["field"]; readonly text: string } =>
  "text" in item
    ? { field: "text", text: item.text }
    : { field: "output", text: "output" in item ? (item.output ?? "") : "" }

const show = (draft: Draft.Draft, item: Item, turnId: TurnId | undefined): void => {
  const open = draft.state.items.get(item.itemId) ?? fresh(turnId)
  const { field, text } = textOf(item)
  Draft.items(draft).set(item.itemId, {
    ...open,
    item,
    turnId: open.detached ? undefined : open.turnId ?? turnId,
    text: text === "" ? open.text : text,
    field
  })
}

const detach = (draft: Draft.Draft, itemId: ItemId): void => {
  const open = draft.state.items.get(itemId) ?? fresh(undefined)
  Draft.items(draft).set(itemId, { ...open, turnId: undefined, detached: true })
}

const complete = (draft: Draft.Draft, event: Of<"ItemCompleted">): void => {
  const { item, turnId } = event
  const open = draft.state.items.get(item.itemId)
  if (open !== undefined) Draft.items(draft).delete(item.itemId)
  if (item._tag === "AssistantMessage" && item.subagent === undefined) {
    const { text } = item
    EpochTurn.update(draft, turnId, (turn) => ({ ...turn, text }))
  }
  if (open?.detached !== true) {
    draft.events.push(event)
    return
  }
  // Its turn is over, and the ledger of turns is not to be moved by it.
  const { turnId: _, ...rest } = event
  draft.events.push(rest)
}

/** What the agent says of a task. One that is not known does not change or end, and one that is does not start again. */
export const takeTask = (draft: Draft.Draft, event: Of<"TaskStarted" | "TaskUpdated" | "TaskEnded">): void => {
  const { task } = event
  const known = draft.state.tasks.get(task.taskId)
  if (event._tag !== "TaskStarted" && known === undefined) return
  if (event._tag === "TaskEnded") Draft.tasks(draft).delete(task.taskId)
  else Draft.tasks(draft).set(task.taskId, { task, turnId: known === undefined ? event.turnId : known.turnId })
  draft.events.push(event._tag === "TaskStarted" && known !== undefined ? { ...event, _tag: "TaskUpdated" } : event)
}
