/**
 * Where bytes are in an event, a turn or an item: the attachments of an input, and the images that tools give back. Pure.
 */
import type { BlobRef } from "./Blob.ts"
import type { Item } from "./Item.ts"
import type { EventBody } from "./ThreadEvent.ts"
import type { ToolContent } from "./Tool.ts"
import type { TranscriptTurn } from "./TranscriptTurn.ts"
import type { RecordedAttachment, RecordedInput } from "./TurnInput.ts"

/** What becomes of each place; an image can be left out. */
export interface Change {
  readonly attachment: (attachment: RecordedAttachment) => RecordedAttachment
  readonly content: (content: ToolContent) => ToolContent | undefined
}

/** What has nothing at these places is given back as it is: most events by far. */
export const mapInput = (input: RecordedInput, { attachment }: Change): RecordedInput =>
  input.attachments === undefined ? input : { ...input, attachments: input.attachments.map(attachment) }

export const mapItem = (item: Item, { content }: Change): Item =>
  item._tag === "ToolCall" && item.content !== undefined
    ? { ...item, content: item.content.flatMap((one) => content(one) ?? []) }
    : item

export const mapEvent = (event: EventBody, change: Change): EventBody => {
  switch (event._tag) {
    case "TurnStarted":
    case "TurnSteered": {
      const input = mapInput(event.input, change)
      return input === event.input ? event : { ...event, input }
    }
    case "ItemStarted":
    case "ItemUpdated":
    case "ItemCompleted":
    case "ItemDetached": {
      const item = mapItem(event.item, change)
      return item === event.item ? event : { ...event, item }
    }
    case "TurnRestored":
      return {
        ...event,
        ...(event.input === undefined ? {} : { input: mapInput(event.input, change) }),
        items: event.items.map((item) => mapItem(item, change))
      }
    default:
      return event
  }
}

export const mapTurn = (turn: TranscriptTurn, change: Change): TranscriptTurn => ({
  ...turn,
  ...(turn.input === undefined ? {} : { input: mapInput(turn.input, change) }),
  items: turn.items.map((item) => mapItem(item, change))
})

const collect = (walk: (change: Change) => unknown): ReadonlyArray<BlobRef> => {
  const refs: Array<BlobRef> = []
  walk({
    attachment: (attachment) => {
      if (attachment._tag === "Blob") refs.push(attachment)
      return attachment
    },
    content: (content) => {
      if (content._tag === "StoredImage") refs.push(content)
      return content
    }
  })
  return refs
}

/** What this event names. */
export const refsOf = (event: EventBody): ReadonlyArray<BlobRef> => collect((change) => mapEvent(event, change))

/** What this input names. */
export const refsOfInput = (input: RecordedInput): ReadonlyArray<BlobRef> =>
  collect((change) => mapInput(input, change))

/** What this turn names. */
export const refsOfTurn = (turn: TranscriptTurn): ReadonlyArray<BlobRef> => collect((change) => mapTurn(turn, change))
