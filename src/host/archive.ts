/**
 * The archive over the snapshots on the disk. What needs a live session is given by the host.
 */
import { Effect, Option } from "effect"
import { TurnId } from "../domain/Ids.ts"
import type { SavedMessage, SnapshotManifest } from "../domain/SnapshotManifest.ts"
import type { TranscriptTurn } from "../domain/Transcript.ts"
import type { TurnInput } from "../domain/TurnInput.ts"
import { type Live, TranscriptArchive } from "../service/TranscriptArchive.ts"
import { referred } from "../transcript/internal/redactedCopy.ts"
import { turnsIn } from "../transcript/internal/snapshotMessages.ts"
import type { Snapshots } from "../transcript/internal/snapshots.ts"
import * as SnapshotExport from "../transcript/SnapshotExport.ts"

type Blobs = ReadonlyMap<string, Uint8Array>

/** Bytes are kept beside the lines, as the agents have them; a turn's input has them in itself. */
const wholeInput = (input: TurnInput, blobs: Blobs): TurnInput =>
  input.attachments === undefined ? input : {
    ...input,
    attachments: input.attachments.map((attachment) => {
      if (attachment._tag === "File") return attachment
      const content = blobs.get(referred(attachment.base64) ?? "")
      return {
        ...attachment,
        base64: content === undefined
          ? attachment.base64.replace(/^data:[^,]{1,255};base64,/, "")
          : Buffer.from(content).toString("base64")
      }
    })
  }

const saidIn = (
  { cause, said }: Pick<NonNullable<SavedMessage["turn"]>, "said" | "cause">,
  blobs: Blobs
): Pick<TranscriptTurn, "input" | "cause"> => ({
  ...(said === undefined ? {} : { input: wholeInput(said, blobs) }),
  ...(cause === undefined ? {} : { cause })
})

const turnOf = (
  manifest: SnapshotManifest,
  messages: ReadonlyArray<SavedMessage>,
  blobs: Blobs
): TranscriptTurn => {
  const items = messages.flatMap(({ items }) => items)
  const known = messages.find(({ turn }) => turn !== undefined)
  const first = messages[0]
  const words = items.find((item) => item._tag === "UserMessage")
  const finished = messages.every(({ finished }) => finished)
  return {
    turnId: known?.turnId ?? TurnId.make(first?.id ?? manifest.snapshotId),
    epoch: known?.turn?.epoch ?? manifest.epoch,
    startedAt: known?.turn?.startedAt ?? first?.at ?? manifest.createdAt,
    ...saidIn(known?.turn ?? { said: { prompt: words?.text ?? "" } }, blobs),
    items,
    outcome: known?.turn === undefined ? finished ? "completed" : undefined : known.turn.outcome
  }
}

export const make = (parts: Live & { readonly snapshots: Snapshots }): TranscriptArchive["Service"] => {
  const { restore, snapshot, snapshots } = parts
  return TranscriptArchive.of({
    snapshot,
    restore,
    list: Effect.fn("TranscriptArchive.list")(({ threadId }) => snapshots.list(threadId)),
    read: Effect.fn("TranscriptArchive.read")(function*(ref) {
      const found = yield* snapshots.find(ref)
      const messages = yield* snapshots.messages(found)
      const blobs: Blobs = messages.some(({ turn }) => turn?.said?.attachments !== undefined)
        ? yield* snapshots.blobs(found)
        : new Map()
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
      const records = "threadId" in which
        ? yield* snapshots.list(which.threadId)
        : Option.toArray(yield* snapshots.record(which.snapshotId))
      yield* snapshots.remove(records)
      return records.length
    })
  })
}
