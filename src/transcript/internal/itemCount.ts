/**
 * How many items the conversation of a thread has that would be handed over, counted by its events: what is in memory is
 * one number for each turn.
 */
import type { TurnId } from "../../domain/Ids.ts"
import type { Item } from "../../domain/Item.ts"
import type { ThreadEvent } from "../../domain/ThreadEvent.ts"

/** Items of each turn, in the order in which the turns began. It is changed in place. */
export type ItemCount = Map<TurnId, number>

export const empty = (): ItemCount => new Map()

/** Reasoning is handed to no model. */
const counts = (item: Item): boolean => item._tag !== "Reasoning"

/** What the event adds to a turn. What was cut or recovered may stand for the same item twice, and counts once. */
const added = (event: ThreadEvent): readonly [turnId: TurnId, items: number] | undefined => {
  switch (event._tag) {
    case "TurnStarted":
    case "TurnSteered":
      return [event.turnId, 1]
    case "TurnBegan":
      return [event.turnId, 0]
    case "TurnRestored":
      return [event.turnId, event.items.filter(counts).length]
    case "ItemCompleted":
      return event.turnId === undefined || event.cut === true || event.item._tag === "UserMessage" ||
          !counts(event.item)
        ? undefined
        : [event.turnId, 1]
    default:
      return undefined
  }
}

/** Takes in the next event. A reset begins anew; what was taken back does not count. */
export const add = (count: ItemCount, event: ThreadEvent): void => {
  if (event._tag === "SessionReset") return count.clear()
  if (event._tag === "ThreadRewound") {
    const turnIds = Array.from(count.keys())
    // One that is not here was pruned: it was older.
    const first = Math.max(0, turnIds.indexOf(event.before))
    for (const turnId of turnIds.slice(first)) count.delete(turnId)
    return
  }
  const more = added(event)
  if (more === undefined) return
  const [turnId, items] = more
  count.set(turnId, (count.get(turnId) ?? 0) + items)
}

export const total = (count: ItemCount): number => Array.from(count.values()).reduce((sum, items) => sum + items, 0)
