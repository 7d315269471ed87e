/**
 * The archive over the snapshots on the disk. What needs a live session is given by the host.
 */
import { Effect, Option } from "effect"
import * as EventBlobs from "../domain/EventBlobs.ts"
import { TurnId } from "../domain/Ids.ts"
import type { SavedMessage, SnapshotManifest } from "../domain/SnapshotManifest.ts"
import type { TranscriptTurn } from "../domain/Transcript.ts"
import type { WhichSnapshots } from "../service/Commands.ts"
import { type Live, TranscriptArchive } from "../service/TranscriptArchive.ts"
import { referred } from "../transcript/internal/redactedCopy.ts"
import { turnsIn } from "../transcript/internal/snapshotMessages.ts"
import type { Snapshots } from "../transcript/internal/snapshots.ts"
import * as SnapshotExport from "../transcript/SnapshotExport.ts"

type Blobs = ReadonlyMap<string, Uint8Array>

/** Bytes are kept beside the lines, as the agents have them; a turn has them in itself. */
const putBack = (blobs: Blobs): EventBlobs.Change => {
  const whole = (base64: string) => {
    const content = blobs.get(referred(base64) ?? "")
    return content === undefined
      ? base64.replace(/^data:[^,]{1,255};base64,/, "")
      : Buffer.from(content).toString("base64")
  }
  return {
    attachment: (attachment) =>
      attachment._tag === "Data" ? { ...attachment, base64: whole(attachment.base64) } : attachment,
    content: (content) => content._tag === "Image" ? { ...content, base64: whole(content.base64) } : content
  }
}

const hasBytes = ({ items, turn }: SavedMessage): boolean =>
  turn?.said?.attachments !== undefined || items.some((item) => item._tag === "ToolCall" && item.content !== undefined)

const saidIn = (
  { cause, said }: Pick<NonNullable<SavedMessage["turn"]>, "said" | "cause">,
  whole: EventBlobs.Change
): Pick<TranscriptTurn, "input" | "cause"> => ({
  ...(said === undefined ? {} : { input: EventBlobs.mapInput(said, whole) }),
  ...(cause === undefined ? {} : { cause })
})

const turnOf = (
  manifest: SnapshotManifest,
  messages: ReadonlyArray<SavedMessage>,
  blobs: Blobs
): TranscriptTurn => {
  const whole = putBack(blobs)
  const items = messages.flatMap(({ items }) => items.map((item) => EventBlobs.mapItem(item, whole)))
  const known = messages.find(({ turn }) => turn !== undefined)
  const first = messages[0]
  const words = items.find((item) => item._tag === "UserMessage")
  const finished = messages.every(({ finished }) => finished)
  const outcome = known?.turn === undefined ? finished ? "completed" : undefined : known.turn.outcome
  return {
    turnId: known?.turnId ?? TurnId.make(first?.id ?? manifest.snapshotId),
    epoch: known?.turn?.epoch ?? manifest.epoch,
    startedAt: known?.turn?.startedAt ?? first?.at ?? manifest.createdAt,
    ...saidIn(known?.turn ?? { said: { prompt: words?.text ?? "" } }, whole),
    items,
    ...(known?.turn?.annotations === undefined ? {} : { annotations: known.turn.annotations }),
    ...(outcome === undefined ? {} : { outcome })
  }
}

export const make = (parts: Live & { readonly snapshots: Snapshots }): TranscriptArchive["Service"] => {
  const { restore, snapshot, snapshots } = parts
  const records = (which: WhichSnapshots) =>
    "threadId" in which
      ? snapshots.list(which.threadId)
      : Effect.map(snapshots.record(which.snapshotId), Option.toArray)
  return TranscriptArchive.of({
    snapshot,
    restore,
    list: Effect.fn("TranscriptArchive.list")(records),
    read: Effect.fn("TranscriptArchive.read")(function*(ref) {
      const found = yield* snapshots.find(ref)
      const messages = yield* snapshots.messages(found)
      const blobs: Blobs = messages.some(hasBytes) ? yield* snapshots.blobs(found) : new Map()
      return { ...found, messages, turns: turnsIn(messages).map((turn) => turnOf(found.manifest, turn, blobs)) }
    }),
    verify: Effect.fn("TranscriptArchive.verify")(function*(ref) {
      const found = yield* snapshots.find(ref)
      yield* snapshots.messages(found)
      yield* snapshots.blobs(found)
      return found.manifest
    }),
    export: Effect.fn("TranscriptArchive.export")(function*({ format, snapshot }) {
      const found = yield* snapshots.find(snapshot)
      const messages = yield* snapshots.messages(found)
      return yield* SnapshotExport.make(
        { manifest: found.manifest, messages, blobs: yield* snapshots.blobs(found) },
        format
      )
    }),
    purge: Effect.fn("TranscriptArchive.purge")(function*(which) {
      const found = yield* records(which)
      yield* snapshots.remove(found)
      return found.length
    })
  })
}
