/**
 * The items of a session as a value: each is started once, streams with offsets, and is completed once, also when its
 * turn ends before it does. Pure: every transition answers the next ledger and the events.
 *
 * An item is under its id from its first sight on. Of one that is complete nothing is heard any more, until
 * {@link nextTurn} forgets it. `about` is what the adapter itself has to know of an open item, `place` the turn that the
 * events name.
 *
 * **Example**
 *
 * ```ts
 * const onDelta = (ledger: ItemLedger.ItemLedger<null>, { itemId, delta }: Delta) =>
 *   ItemLedger.append(ledger, place, ItemId.make(itemId), delta)
 * ```
 *
 * @since 0.1.0
 */
import type { ItemId, TurnId } from "../domain/Ids.ts"
import { ended, type Item } from "../domain/Item.ts"
import * as Machine from "../domain/Step.ts"
import type { ProviderEvent } from "../domain/ThreadEvent.ts"

/**
 * An item that is not complete.
 *
 * @category models
 * @since 0.1.0
 */
export interface Open<About> {
  /** As far as it was seen. */
  readonly item: Item
  /** Its start was told. */
  readonly started: boolean
  /** Text of it was lost, so offsets are not known until the whole item comes. */
  readonly torn: boolean
  readonly about: About
}

/**
 * @category models
 * @since 0.1.0
 */
export interface ItemLedger<About> {
  /** In the order of their first sight. */
  readonly open: ReadonlyMap<ItemId, Open<About>>
  readonly done: ReadonlySet<ItemId>
}

/**
 * @category models
 * @since 0.1.0
 */
export type Step<About> = Machine.Step<ItemLedger<About>, ProviderEvent, never>

/**
 * Absent for what belongs to no turn.
 *
 * @category models
 * @since 0.1.0
 */
export interface Place {
  readonly turnId?: TurnId
}

/**
 * @category constants
 * @since 0.1.0
 */
export const empty: ItemLedger<never> = { open: new Map(), done: new Set() }

/**
 * The item is there, and is told once there is something of it to show: its first text, or {@link show}.
 *
 * @category transitions
 * @since 0.1.0
 */
export const expect = <About>(
  ledger: ItemLedger<About>,
  item: Item,
  about: About,
  options: { readonly torn?: boolean } = {}
): ItemLedger<About> => {
  if (ledger.done.has(item.itemId)) return ledger
  const known = ledger.open.get(item.itemId)
  return put(ledger, item.itemId, {
    item,
    started: known?.started ?? false,
    torn: known?.torn ?? options.torn ?? false,
    about
  })
}

/**
 * The item as it stands: started, or updated if it was. The text of a message that starts with some comes as its first
 * delta. A command of which nothing but its output has changed, and that by growing, tells what is new as a delta.
 *
 * @category transitions
 * @since 0.1.0
 */
export const show = <About>(ledger: ItemLedger<About>, place: Place, item: Item, about: About): Step<About> => {
  if (ledger.done.has(item.itemId)) return Machine.make(ledger)
  const known = ledger.open.get(item.itemId)
  const open: Open<About> = { item, started: true, torn: known?.torn ?? false, about }
  const next = put(ledger, item.itemId, open)
  if (known?.started === true) {
    const more = known.torn ? undefined : grown(known.item, item)
    return Machine.make(next, [
      more === undefined
        ? { _tag: "ItemUpdated", ...place, item }
        : { _tag: "ItemDelta", ...place, itemId: item.itemId, field: "output", ...more }
    ])
  }
  const text = "text" in item ? item.text : ""
  const start: ProviderEvent = { _tag: "ItemStarted", ...place, item: blank(item) }
  return Machine.make(
    next,
    text === ""
      ? [start]
      : [start, { _tag: "ItemDelta", ...place, itemId: item.itemId, field: "text", offset: 0, delta: text }]
  )
}

/**
 * More text of a message, or more output of a command or tool. The hot path. Of an item that is not open nothing is told.
 *
 * @category transitions
 * @since 0.1.0
 */
export const append = <About>(
  ledger: ItemLedger<About>,
  place: Place,
  itemId: ItemId,
  delta: string
): Step<About> => {
  const open = ledger.open.get(itemId)
  if (open === undefined || delta === "" || open.item._tag === "FileChange") return Machine.make(ledger)
  const field = "text" in open.item ? "text" : "output"
  const before = "text" in open.item ? open.item.text : open.item.output ?? ""
  const item = { ...open.item, [field]: before + delta }
  const next = put(ledger, itemId, { ...open, item, started: true })
  const events: Array<ProviderEvent> = open.started
    ? []
    : [{ _tag: "ItemStarted", ...place, item: blank(open.item) }]
  if (!open.torn) events.push({ _tag: "ItemDelta", ...place, itemId, field, offset: before.length, delta })
  return Machine.make(next, events)
}

/**
 * The whole item. One that was never told is started as well.
 *
 * @category transitions
 * @since 0.1.0
 */
export const complete = <About>(
  ledger: ItemLedger<About>,
  place: Place,
  item: Item,
  options: { readonly recovered?: boolean } = {}
): Step<About> => {
  if (ledger.done.has(item.itemId)) return Machine.make(ledger)
  const completed: ProviderEvent = {
    _tag: "ItemCompleted",
    ...place,
    item,
    ...(options.recovered === true ? { recovered: true } : {})
  }
  return Machine.make(
    finish(ledger, [item.itemId]),
    ledger.open.get(item.itemId)?.started === true
      ? [completed]
      : [{ _tag: "ItemStarted", ...place, item: blank(item) }, completed]
  )
}

/**
 * A turn ends: what is open is completed with what was seen of it, and what was never told is left out. `stays` keeps items
 * open that go on without the turn, those of a subagent in the background for example. `last` is an item as it is then,
 * by default failed where it still ran.
 *
 * @category transitions
 * @since 0.1.0
 */
export const closeAll = <About>(
  ledger: ItemLedger<About>,
  place: Place,
  options: {
    readonly stays?: (open: Open<About>) => boolean
    readonly last?: (open: Open<About>) => Item
  } = {}
): Step<About> => {
  const { last = ({ item }) => ended(item), stays = () => false } = options
  const closing = Array.from(ledger.open.values()).filter((open) => !stays(open))
  return Machine.make(
    finish(ledger, closing.map(({ item }) => item.itemId)),
    closing.flatMap((open): ReadonlyArray<ProviderEvent> =>
      open.started ? [{ _tag: "ItemCompleted", ...place, item: last(open) }] : []
    )
  )
}

/**
 * Events were lost: no more deltas of what is open, and one `Gap` if there is any.
 *
 * @category transitions
 * @since 0.1.0
 */
export const tear = <About>(ledger: ItemLedger<About>, place: Place): Step<About> => {
  const torn = Array.from(ledger.open).filter(([, { item }]) => "text" in item)
  if (torn.length === 0) return Machine.make(ledger)
  const open = new Map(ledger.open)
  for (const [itemId, item] of torn) open.set(itemId, { ...item, torn: true })
  return Machine.make({ ...ledger, open }, [{ _tag: "Gap", ...place, cause: "provider-stream", lost: "deltas" }])
}

/**
 * A turn begins: completed items are forgotten. Open ones go on; see {@link closeAll} for those that do not.
 *
 * @category transitions
 * @since 0.1.0
 */
export const nextTurn = <About>(ledger: ItemLedger<About>): ItemLedger<About> => ({ ...ledger, done: new Set() })

/** What a command's output has more than before, if that is all that is new. */
const grown = (before: Item, now: Item): { readonly offset: number; readonly delta: string } | undefined => {
  if (before._tag !== "Command" || now._tag !== "Command") return undefined
  if (before.command !== now.command || before.status !== now.status) return undefined
  const [known, output] = [before.output ?? "", now.output ?? ""]
  return output.length > known.length && output.startsWith(known)
    ? { offset: known.length, delta: output.slice(known.length) }
    : undefined
}

const put = <About>(ledger: ItemLedger<About>, itemId: ItemId, open: Open<About>): ItemLedger<About> => ({
  ...ledger,
  open: new Map(ledger.open).set(itemId, open)
})

const finish = <About>(ledger: ItemLedger<About>, ids: ReadonlyArray<ItemId>): ItemLedger<About> => {
  const open = new Map(ledger.open)
  const done = new Set(ledger.done)
  for (const id of ids) {
    open.delete(id)
    done.add(id)
  }
  return { open, done }
}

/** An item as it starts: a text without its text. */
const blank = (item: Item): Item => "text" in item ? { ...item, text: "" } : item
