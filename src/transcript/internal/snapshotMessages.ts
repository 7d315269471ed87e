/**
 * Merges the agent's history and our log into one conversation.
 *
 * The agent's messages keep their order. Items that only our log has (of sessions before a rehydration, of reverted
 * messages, or all if the history could not be read) go between them: after the item before them in the same turn, else
 * by the turn's time. Items in both are matched by ids alone: an item by its own id, the user's message by the id under
 * which the turn was sent or, without one, by any other item of the turn.
 */
import * as EventBlobs from "../../domain/EventBlobs.ts"
import type { TurnId } from "../../domain/Ids.ts"
import { ended, type Item } from "../../domain/Item.ts"
import type { SavedMessage } from "../../domain/SnapshotManifest.ts"
import type { TranscriptTurn } from "../../domain/Transcript.ts"
import type { HistoryMessage, ProviderHistory } from "../../provider/ProviderAdapter.ts"

export interface Sources {
  /** Undefined if it could not be read. */
  readonly history: ProviderHistory | undefined
  /** The whole log. */
  readonly archive: ReadonlyArray<TranscriptTurn>
  /** The provider's id of the message that began a turn. */
  readonly refs: ReadonlyMap<TurnId, string>
}

/** Bytes in the form that agents use, so that they are saved once. */
const asUrls: EventBlobs.Change = {
  attachment: (attachment) =>
    attachment._tag === "Data"
      ? { ...attachment, base64: `data:${attachment.mime};base64,${attachment.base64}` }
      : attachment,
  content: (content) =>
    content._tag === "Image" ? { ...content, base64: `data:${content.mime};base64,${content.base64}` } : content
}

const turnOf = (turn: TranscriptTurn): NonNullable<SavedMessage["turn"]> => ({
  epoch: turn.epoch,
  startedAt: turn.startedAt,
  ...(turn.outcome === undefined ? {} : { outcome: turn.outcome }),
  ...(turn.annotations === undefined ? {} : { annotations: turn.annotations }),
  ...saidIn(turn)
})

const saidIn = (turn: TranscriptTurn): Pick<NonNullable<SavedMessage["turn"]>, "said" | "cause"> => {
  return {
    ...(turn.input === undefined ? {} : { said: EventBlobs.mapInput(turn.input, asUrls) }),
    ...(turn.cause === undefined ? {} : { cause: turn.cause })
  }
}

const fromLog = (turn: TranscriptTurn, item: Item): SavedMessage => ({
  id: item.itemId,
  origin: "log",
  role: item._tag === "UserMessage" ? "user" : "assistant",
  at: turn.startedAt,
  turnId: turn.turnId,
  finished: turn.outcome !== undefined,
  items: [EventBlobs.mapItem(item, asUrls)],
  ...(item === turn.items[0] ? { turn: turnOf(turn) } : {})
})

/**
 * An agent that is killed leaves its last message unfinished: without the text that readers were shown, and with tools
 * that run for ever. Of a turn that is over, our log has more.
 */
const itemsOf = ({ finished, items }: HistoryMessage, turn: TranscriptTurn | undefined): ReadonlyArray<Item> =>
  finished || turn?.outcome === undefined
    ? items
    : items.map((item) => ended(turn.items.find(({ itemId }) => itemId === item.itemId) ?? item))

const fromProvider = (message: HistoryMessage, turn: TranscriptTurn | undefined, begins: boolean): SavedMessage => ({
  id: message.id,
  origin: "provider",
  role: message.role,
  ...(message.at === undefined ? {} : { at: message.at }),
  ...(turn === undefined ? {} : { turnId: turn.turnId }),
  finished: message.finished,
  items: itemsOf(message, turn).map((item) => EventBlobs.mapItem(item, asUrls)),
  ...(message.usage === undefined ? {} : { usage: message.usage }),
  ...(turn !== undefined && begins ? { turn: turnOf(turn) } : {}),
  raw: message.raw
})

const isUsers = (item: Item) => item._tag === "UserMessage"

/** The turn of each of the agent's messages: by ids, else that of the message before it. */
const turnsOf = (messages: ReadonlyArray<HistoryMessage>, { archive, refs }: Sources) => {
  const byRef = new Map<string, TranscriptTurn>()
  const byItem = new Map<string, TranscriptTurn>()
  for (const turn of archive) {
    const ref = refs.get(turn.turnId)
    if (ref !== undefined) byRef.set(ref, turn)
    for (const item of turn.items) if (!isUsers(item)) byItem.set(item.itemId, turn)
  }
  let current: TranscriptTurn | undefined
  /** Messages of the user that joined the current turn and have not come yet. */
  let joined = 0
  return messages.map((message) => {
    const known = byRef.get(message.id) ??
      message.items.map(({ itemId }) => byItem.get(itemId)).find((turn) => turn !== undefined)
    if (known !== undefined) {
      if (known !== current) joined = known.items.filter(isUsers).length - 1
      current = known
    } else if (message.items.some(isUsers)) {
      // Otherwise the message begins a turn that our log does not know.
      if (joined > 0) joined -= 1
      else current = undefined
    }
    return current
  })
}

/** Input that joined a running turn has no id: it is present if the turn has as many messages of the user. */
const hasWords = (
  n: number,
  present: boolean,
  own: ReadonlyArray<HistoryMessage>
): boolean => present && (n === 0 || own.filter(({ items }) => items.some(isUsers)).length > n)

export const reconcile = (sources: Sources): ReadonlyArray<SavedMessage> => {
  const messages = sources.history?.messages ?? []
  const turns = turnsOf(messages, sources)
  const ids = new Set(messages.map(({ id }) => id))
  const places = new Map<string, number>()
  messages.forEach(({ items }, index) => items.forEach(({ itemId }) => places.set(itemId, index)))
  const own = Map.groupBy(messages.keys(), (index) => turns[index]?.turnId)

  /** Time of each of the agent's messages, as far as it is known. */
  const times: Array<number> = []
  messages.forEach(({ at }, index) => times.push(at ?? turns[index]?.startedAt ?? times.at(-1) ?? 0))

  /** The first message that is later, or the end. */
  const laterThan = (at: number) => {
    const later = times.findIndex((time) => time > at)
    return later === -1 ? messages.length : later
  }

  /** Messages that go before each of the agent's messages, and after the last. */
  const between: Array<Array<SavedMessage>> = Array.from({ length: messages.length + 1 }, () => [])
  let next = 0
  for (const turn of sources.archive) {
    const indices = own.get(turn.turnId) ?? []
    const ref = sources.refs.get(turn.turnId)
    const present = ref === undefined
      ? turn.items.some((item) => !isUsers(item) && places.has(item.itemId))
      : ids.has(ref)
    const firstOwn = indices[0]
    next = Math.max(next, firstOwn ?? laterThan(turn.startedAt))
    let words = 0
    for (const item of turn.items) {
      const place = places.get(item.itemId)
      const there = isUsers(item)
        ? hasWords(words++, present, indices.flatMap((index) => messages[index] ?? []))
        : place !== undefined
      if (there) next = Math.max(next, (place ?? (words === 1 ? firstOwn : undefined) ?? next - 1) + 1)
      else between[next]?.push(fromLog(turn, item))
    }
  }

  const begun = new Set<TurnId>()
  return between.flatMap((saved, index) => {
    const message = messages[index]
    if (message === undefined) return saved
    const turn = turns[index]
    // A turn that the agent began has no words of the user to begin with.
    const opens = message.role === "user" || turn?.cause !== undefined
    const begins = turn !== undefined && opens && !begun.has(turn.turnId)
    if (begins) begun.add(turn.turnId)
    saved.push(fromProvider(message, turn, begins))
    return saved
  })
}

export const completeness = ({ history }: Sources) =>
  history === undefined ? "log-only" : history.messages.every(({ finished }) => finished) ? "complete" : "running"

/** Whether a saved message begins a turn. Input that joined a running turn does not. */
const begins = (message: SavedMessage, before: TurnId | undefined): boolean =>
  message.turn !== undefined
  || (message.items.some(isUsers) && (message.turnId === undefined || message.turnId !== before))

/** The conversation turn by turn; messages before the user's first are left out. */
export const turnsIn = (messages: ReadonlyArray<SavedMessage>): ReadonlyArray<ReadonlyArray<SavedMessage>> => {
  const turns: Array<Array<SavedMessage>> = []
  let current: TurnId | undefined
  for (const message of messages) {
    if (begins(message, current)) turns.push([])
    if (begins(message, current) || message.turnId !== undefined) current = message.turnId
    turns.at(-1)?.push(message)
  }
  return turns
}
