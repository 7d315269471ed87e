/**
 * Writes one snapshot: segments and blobs first, the manifest last. The snapshot exists, complete, from the moment that
 * the manifest has its name.
 *
 * The messages are split into segments from the start on. A conversation that has only grown keeps its earlier
 * segments, so only its end is new. Segments that are on disk are read back, and neither redacted nor written again.
 */
import { Effect, type FileSystem, Option, Path, Predicate } from "effect"
import { createRequire } from "node:module"
import type { Epoch, ThreadId } from "../../domain/Ids.ts"
import type { Identity } from "../../domain/LifecycleEvent.ts"
import type { Redactor } from "../../domain/Redaction.ts"
import type { SnapshotTiming } from "../../domain/Snapshot.ts"
import * as SnapshotManifest from "../../domain/SnapshotManifest.ts"
import * as Usage from "../../domain/Usage.ts"
import * as DurableFile from "./durableFile.ts"
import * as manifests from "./manifest.ts"
import * as RedactedCopy from "./redactedCopy.ts"
import { holds, type Layout, layout, segmentName } from "./snapshotFolder.ts"
import { completeness, reconcile, type Sources, turnsIn } from "./snapshotMessages.ts"

export interface Content extends Sources {
  readonly snapshotId: string
  readonly threadId: ThreadId
  readonly epoch: Epoch
  readonly identity: Identity
  /** Milliseconds since the epoch. */
  readonly createdAt: number
  readonly timing: SnapshotTiming
  readonly compactionId?: string | undefined
}

/** A snapshot whose files are on disk, without its manifest. */
export interface SavedContent {
  readonly manifest: SnapshotManifest.SnapshotManifest
  readonly path: string
  readonly bytesWritten: number
}

const maxMessages = 32
const maxBytes = 256 * 1024

interface Range {
  readonly messages: ReadonlyArray<SnapshotManifest.SavedMessage>
  readonly source: string
}

/** Splits the messages into segments. Later messages never move the boundaries. */
const split = (messages: ReadonlyArray<SnapshotManifest.SavedMessage>): ReadonlyArray<Range> => {
  const ranges: Array<Range> = []
  let lines: Array<string> = []
  let first = 0
  let bytes = 0
  messages.forEach((message, index) => {
    const line = JSON.stringify(message)
    lines.push(line)
    bytes += Buffer.byteLength(line) + 1
    if (lines.length < maxMessages && bytes < maxBytes && index < messages.length - 1) return
    ranges.push({
      messages: messages.slice(first, index + 1),
      source: manifests.sha256(lines.map((line) => `${line}\n`).join(""))
    })
    lines = []
    first = index + 1
    bytes = 0
  })
  return ranges
}

const libraryVersion = Option.liftThrowable((): unknown =>
  createRequire(import.meta.url)("effect-coding-agents/package.json")
)().pipe(
  Option.filter(Predicate.isReadonlyObject),
  Option.map(({ version }) => version),
  Option.filter(Predicate.isString),
  Option.getOrElse(() => "unknown")
)

/** The redactor's own error is dropped, since it may hold the text that was to be redacted. */
const redacted = (redactor: Redactor, value: unknown) =>
  RedactedCopy.make(redactor, value).pipe(
    Effect.catchCause(() =>
      Effect.fail(new DurableFile.WriteFailed({ code: "REDACTOR", message: `The redactor ${redactor.name} failed` }))
    )
  )

const saveOnce = Effect.fnUntraced(function*(
  directory: string,
  name: string,
  content: Uint8Array,
  sha256: string
) {
  const path = yield* Path.Path
  if (yield* holds(path.join(directory, name), { sha256, bytes: content.length })) return 0
  yield* DurableFile.write(directory, name, content)
  return content.length
})

const saveBlob = ({ blobs }: Layout, { attachment: { sha256 }, content }: RedactedCopy.Blob) =>
  saveOnce(blobs, sha256, content, sha256)

const saveRange = Effect.fnUntraced(function*(place: Layout, redactor: Redactor, { messages, source }: Range) {
  const copy = yield* redacted(redactor, messages)
  const lines = Array.isArray(copy.value) ? copy.value.map((line) => `${JSON.stringify(line)}\n`) : []
  const content = Buffer.from(lines.join(""))
  let written = 0
  for (const blob of copy.blobs) written += yield* saveBlob(place, blob)
  const sha256 = manifests.sha256(content)
  written += yield* saveOnce(place.segments, segmentName(sha256), content, sha256)
  const segment: SnapshotManifest.Segment = {
    sha256,
    ...(copy.replaced === 0 ? { source } : {}),
    bytes: content.length,
    messages: messages.length,
    firstId: messages[0]?.id ?? "",
    lastId: messages.at(-1)?.id ?? "",
    blobs: copy.blobs.map(({ attachment }) => attachment.sha256)
  }
  const attachments = copy.blobs.map(({ attachment }) => attachment)
  return { segment, attachments, replaced: copy.replaced, written }
})

/** Segments of an earlier snapshot that can be reused, by the hash of their unredacted lines. */
const reusable = (earlier: SnapshotManifest.SnapshotManifest | undefined, redactor: Redactor) =>
  new Map(
    earlier === undefined || earlier.redaction.name !== redactor.name || earlier.redaction.level !== redactor.level
      ? []
      : earlier.segments.flatMap((segment) => {
        const attachments = earlier.attachments.filter(({ sha256 }) => segment.blobs.includes(sha256))
        return segment.source === undefined ? [] : [[segment.source, { segment, attachments }] as const]
      })
  )

const stillThere = (place: Layout, { attachments, segment }: {
  readonly segment: SnapshotManifest.Segment
  readonly attachments: ReadonlyArray<SnapshotManifest.SavedAttachment>
}) =>
  Effect.gen(function*() {
    const path = yield* Path.Path
    if (!(yield* holds(path.join(place.segments, segmentName(segment.sha256)), segment))) return false
    for (const attachment of attachments) {
      if (!(yield* holds(path.join(place.blobs, attachment.sha256), attachment))) return false
    }
    return true
  })

const prepared = (content: Content) =>
  Effect.try({
    try: () => {
      const messages = reconcile(content)
      return { messages, ranges: split(messages) }
    },
    catch: () => new DurableFile.WriteFailed({ code: "HISTORY", message: "The history cannot be written as JSON" })
  })

/** Writes everything except the manifest, which the caller writes together with the store's row. */
export const save = Effect.fnUntraced(function*(
  directory: string,
  redactor: Redactor,
  content: Content,
  earlier: SnapshotManifest.SnapshotManifest | undefined
): Effect.fn.Return<SavedContent, DurableFile.WriteFailed, FileSystem.FileSystem | Path.Path> {
  const path = yield* Path.Path
  const place = layout(path, directory)
  const { messages, ranges } = yield* prepared(content)
  yield* DurableFile.makeDirectory(place.segments)
  yield* DurableFile.makeDirectory(place.blobs)
  const session = yield* redacted(redactor, content.history?.session ?? null)
  const known = reusable(earlier, redactor)
  const segments: Array<SnapshotManifest.Segment> = []
  const attachments = new Map<string, SnapshotManifest.SavedAttachment>()
  let replaced = session.replaced
  let bytesWritten = 0
  for (const blob of session.blobs) {
    bytesWritten += yield* saveBlob(place, blob)
    attachments.set(blob.attachment.sha256, blob.attachment)
  }
  for (const range of ranges) {
    const found = known.get(range.source)
    const saved = found !== undefined && (yield* stillThere(place, found))
      ? { ...found, replaced: 0, written: 0 }
      : yield* saveRange(place, redactor, range)
    segments.push(saved.segment)
    for (const attachment of saved.attachments) attachments.set(attachment.sha256, attachment)
    replaced += saved.replaced
    bytesWritten += saved.written
  }
  if (bytesWritten > 0) {
    yield* DurableFile.sync(place.segments)
    yield* DurableFile.sync(place.blobs)
  }
  const { compactionId, createdAt, epoch, history, identity, snapshotId, threadId, timing } = content
  const [first] = messages
  const last = messages.at(-1)
  const manifest = manifests.seal({
    version: SnapshotManifest.version,
    snapshotId,
    threadId,
    epoch,
    provider: identity.provider,
    instanceId: identity.instanceId,
    sessionId: identity.sessionId,
    directory: identity.directory,
    createdAt,
    timing,
    completeness: completeness(content),
    ...(compactionId === undefined ? {} : { compactionId }),
    libraryVersion,
    ...(history === undefined ? {} : { agentVersion: history.agentVersion, format: history.format }),
    counts: {
      messages: messages.length,
      items: messages.reduce((sum, { items }) => sum + items.length, 0),
      turns: turnsIn(messages).length
    },
    usage: messages.reduce((sum, { usage }) => usage === undefined ? sum : Usage.add(sum, usage), Usage.zero),
    ...(first === undefined ? {} : { firstMessageId: first.id }),
    ...(last === undefined ? {} : { lastMessageId: last.id }),
    redaction: { level: redactor.level, name: redactor.name, replaced },
    bytes: segments.reduce((sum, { bytes }) => sum + bytes, 0),
    segments,
    attachments: Array.from(attachments.values()),
    session: session.value
  })
  const text = Buffer.from(manifests.encode(manifest))
  return { manifest, path: place.manifest(snapshotId), bytesWritten: bytesWritten + text.length }
})
