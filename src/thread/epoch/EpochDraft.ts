/**
 * A state while one step changes it, with what the step records and wants. A map is copied before it is first written to,
 * so a step that only passes text on copies nothing but the map of open items.
 */
import type { ItemId, RequestId, TaskId, TurnId } from "../../domain/Ids.ts"
import type { Item } from "../../domain/Item.ts"
import * as OpenWork from "../../domain/OpenWork.ts"
import * as Step from "../../domain/Step.ts"
import type { EventBody } from "../../domain/ThreadEvent.ts"
import type { SettledBy } from "../../domain/UserRequest.ts"
import type { EpochStep, OpenItem, OpenRequest, OpenTask, State, Want } from "./EpochState.ts"

type Writable = { -readonly [K in keyof State]: State[K] }

export interface Draft {
  readonly state: Writable
  readonly at: number
  readonly events: Array<EventBody>
  readonly wants: Array<Want>
  requests: Map<RequestId, OpenRequest> | undefined
  items: Map<ItemId, OpenItem> | undefined
  tasks: Map<TaskId, OpenTask> | undefined
}

export const begin = (state: State, at: number): Draft => ({
  state: { ...state },
  at,
  events: [],
  wants: [],
  requests: undefined,
  items: undefined,
  tasks: undefined
})

export const finish = (draft: Draft): EpochStep => Step.make(draft.state, draft.events, draft.wants)

/** The open requests, to be changed. */
export const requests = (draft: Draft): Map<RequestId, OpenRequest> => {
  if (draft.requests === undefined) draft.state.requests = draft.requests = new Map(draft.state.requests)
  return draft.requests
}

/** The open items, to be changed. */
export const items = (draft: Draft): Map<ItemId, OpenItem> => {
  if (draft.items === undefined) draft.state.items = draft.items = new Map(draft.state.items)
  return draft.items
}

/** The running tasks, to be changed. */
export const tasks = (draft: Draft): Map<TaskId, OpenTask> => {
  if (draft.tasks === undefined) draft.state.tasks = draft.tasks = new Map(draft.state.tasks)
  return draft.tasks
}

/** What readers were shown of an open item. */
const seen = (itemId: ItemId, { item, text }: OpenItem): Item => {
  if (item === undefined) return { _tag: "AssistantMessage", itemId, text }
  switch (item._tag) {
    case "AssistantMessage":
    case "Reasoning":
    case "Plan":
      return { ...item, text }
    case "ToolCall":
    case "Command":
      return text === "" ? item : { ...item, output: text }
    default:
      return item
  }
}

/** Completes the open items of one turn, or all of them, with what was seen of them. */
export const cutItems = (draft: Draft, turnId?: TurnId): void => {
  if (draft.state.items.size === 0) return
  const open = items(draft)
  draft.events.push(
    ...OpenWork.completeItems(
      Array.from(open, ([itemId, one]) => ({ item: seen(itemId, one), turnId: one.turnId })),
      turnId
    )
  )
  for (const [itemId, one] of open) if (turnId === undefined || one.turnId === turnId) open.delete(itemId)
}

/** Ends the running tasks: what becomes of them is not known any more. */
export const loseTasks = (draft: Draft): void => {
  if (draft.state.tasks.size === 0) return
  draft.events.push(...OpenWork.loseTasks(Array.from(draft.state.tasks.values(), ({ task }) => task)))
  tasks(draft).clear()
}

/** Settles the open requests of one turn, or all of them. */
export const settleRequests = (draft: Draft, by: SettledBy, turnId?: TurnId): void => {
  if (draft.state.requests.size === 0) return
  const open = requests(draft)
  draft.events.push(...OpenWork.settleRequests(open, by, turnId))
  for (const [requestId, one] of open) if (turnId === undefined || one.turnId === turnId) open.delete(requestId)
}
