/**
 * The bytes that an event names, for hooks that are not code of the app: as private files, or in the event itself.
 */
import { Effect } from "effect"
import { writeFile } from "node:fs/promises"
import { extname, join } from "node:path"
import type { EventOf, LifecycleEvent } from "../../domain/LifecycleEvent.ts"
import type { RecordedAttachment } from "../../domain/TurnInput.ts"
import { ProviderService } from "../../service/ProviderService.ts"
import * as RunFolders from "./runFolders.ts"

interface Place {
  readonly attachment: RecordedAttachment
  /** Absent of a file, and of a blob that is gone: its thread was deleted or pruned meanwhile. */
  readonly content: Uint8Array | undefined
}

/** What a turn's attachments hold, in order. */
const read = Effect.fnUntraced(function*(event: EventOf<"turn:start">) {
  const service = yield* ProviderService
  const { threadId } = event
  return yield* Effect.forEach(event.input?.attachments ?? [], (attachment) => {
    const content = attachment._tag === "Blob"
      ? Effect.catchTag(
        service.readBlob({ threadId, sha256: attachment.sha256 }),
        "BlobNotFound",
        () => Effect.undefined
      )
      : Effect.undefined
    return Effect.map(content, (content): Place => ({ attachment, content }))
  })
})

const hasBlobs = (event: LifecycleEvent): event is EventOf<"turn:start"> =>
  event._tag === "turn:start" && event.input?.attachments?.some(({ _tag }) => _tag === "Blob") === true

/** The event with each blob as `Data`. */
export const inline = Effect.fnUntraced(function*(event: LifecycleEvent) {
  if (!hasBlobs(event)) return event
  const attachments = (yield* read(event)).map(({ attachment, content }): RecordedAttachment =>
    attachment._tag !== "Blob" || content === undefined ? attachment : {
      _tag: "Data",
      name: attachment.name,
      mime: attachment.mediaType,
      base64: Buffer.from(content).toString("base64")
    }
  )
  return { ...event, input: { ...event.input, attachments } }
})

/** The event with the `path` of a file in each blob. Only this user can read it, and it is gone with the Scope. */
export const asFiles = Effect.fnUntraced(function*(event: LifecycleEvent) {
  if (!hasBlobs(event)) return event
  const folder = yield* RunFolders.make
  const attachments = yield* Effect.forEach(yield* read(event), ({ attachment, content }, n) => {
    if (attachment._tag !== "Blob" || content === undefined) return Effect.succeed(attachment)
    const path = join(folder, RunFolders.fileName(n, extname(attachment.name)))
    return Effect.as(RunFolders.io(() => writeFile(path, content, { mode: 0o600, flag: "wx" })), {
      ...attachment,
      path
    })
  })
  return { ...event, input: { ...event.input, attachments } }
})
