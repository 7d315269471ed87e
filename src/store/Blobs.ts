/**
 * Takes bytes out of what is recorded, and puts them back: the store keeps them once, by their content, beside the events
 * that name them.
 */
import { hash } from "node:crypto"
import type { BlobRef } from "../domain/Blob.ts"
import * as EventBlobs from "../domain/EventBlobs.ts"
import { type EventBody, isEphemeral } from "../domain/ThreadEvent.ts"
import type { ToolContent } from "../domain/Tool.ts"
import type { TranscriptTurn } from "../domain/TranscriptTurn.ts"
import type { RecordedInput } from "../domain/TurnInput.ts"

/**
 * Bytes, and the hash that names them.
 *
 * @category models
 * @since 0.1.0
 */
export interface Blob {
  readonly sha256: string
  readonly content: Uint8Array
}

/** Collects what is taken out, the same bytes once. */
const taker = () => {
  const taken = new Map<string, Blob>()
  const takeOut = (mediaType: string, base64: string): BlobRef => {
    const content = Buffer.from(base64, "base64")
    const sha256 = hash("sha256", content)
    taken.set(sha256, { sha256, content })
    return { sha256, mediaType, bytes: content.length }
  }
  const change: EventBlobs.Change = {
    attachment: (attachment) =>
      attachment._tag === "Data"
        ? { _tag: "Blob", name: attachment.name, ...takeOut(attachment.mime, attachment.base64) }
        : attachment,
    content: (content) =>
      content._tag === "Image" ? { _tag: "StoredImage", ...takeOut(content.mime, content.base64) } : content
  }
  return { change, blobs: () => Array.from(taken.values()) }
}

/**
 * The input as it is recorded, and the bytes that were in it.
 *
 * @category conversions
 * @since 0.1.0
 */
export const ofInput = (
  input: RecordedInput
): { readonly input: RecordedInput; readonly blobs: ReadonlyArray<Blob> } => {
  const { blobs, change } = taker()
  return { input: EventBlobs.mapInput(input, change), blobs: blobs() }
}

/**
 * The events as they are recorded, and the bytes that were in them. An event that is not recorded has no images: they
 * come when the item is completed.
 *
 * @category conversions
 * @since 0.1.0
 */
export const ofEvents = (
  events: ReadonlyArray<EventBody>
): { readonly events: ReadonlyArray<EventBody>; readonly blobs: ReadonlyArray<Blob> } => {
  const { blobs, change } = taker()
  return {
    events: events.map((event) =>
      EventBlobs.mapEvent(event, isEphemeral(event) ? { ...change, content: noImage } : change)
    ),
    blobs: blobs()
  }
}

const noImage = (content: ToolContent) => content._tag === "Image" ? undefined : content

/**
 * The turn with the bytes in it, as far as they are given; what is missing stays a name.
 *
 * @category conversions
 * @since 0.1.0
 */
export const putBack = (turn: TranscriptTurn, blobs: ReadonlyMap<string, Uint8Array>): TranscriptTurn => {
  const base64 = (sha256: string) => {
    const content = blobs.get(sha256)
    return content === undefined ? undefined : Buffer.from(content).toString("base64")
  }
  return EventBlobs.mapTurn(turn, {
    attachment: (attachment) => {
      const found = attachment._tag === "Blob" ? base64(attachment.sha256) : undefined
      return attachment._tag !== "Blob" || found === undefined
        ? attachment
        : { _tag: "Data", name: attachment.name, mime: attachment.mediaType, base64: found }
    },
    content: (content) => {
      const found = content._tag === "StoredImage" ? base64(content.sha256) : undefined
      return content._tag !== "StoredImage" || found === undefined
        ? content
        : { _tag: "Image", mime: content.mediaType, base64: found }
    }
  })
}
