/**
 * Snapshots of whole conversations, on the disk.
 */
import { Context, type Effect } from "effect"
import type { ThreadId } from "./Ids.ts"
import type { Snapshotted } from "./ThreadEvent.ts"

/** How transcripts are saved. */
export interface Settings {
  readonly keepLast?: number | undefined
}

export class TranscriptArchive extends Context.Service<TranscriptArchive, {
  readonly snapshot: (threadId: ThreadId) => Effect.Effect<Snapshotted>
}>()("effect-coding-agents/TranscriptArchive") {}
