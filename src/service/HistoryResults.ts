/**
 * What the operations on compactions, snapshots and deliveries answer.
 *
 * @since 0.1.0
 */
import { Schema } from "effect"
import { CompactionOutcome } from "../domain/Compaction.ts"
import { ThreadId } from "../domain/Ids.ts"
import { LifecycleEvent } from "../domain/LifecycleEvent.ts"
import { SnapshotInfo } from "../domain/Snapshot.ts"
import { SavedMessage, SnapshotManifest } from "../domain/SnapshotManifest.ts"
import { TranscriptTurn } from "../domain/Transcript.ts"

/**
 * A compaction is over. A veto and a failed snapshot are errors.
 *
 * @category results
 * @since 0.1.0
 */
export const CompactResult = Schema.Struct({
  threadId: ThreadId,
  compactionId: Schema.String,
  /** How it ended at the agent. */
  outcome: CompactionOutcome,
  summary: Schema.optionalKey(Schema.String),
  reason: Schema.optionalKey(Schema.String),
  snapshot: Schema.optionalKey(SnapshotInfo)
})

/**
 * @category models
 * @since 0.1.0
 */
export interface CompactResult extends Schema.Schema.Type<typeof CompactResult> {}

/**
 * A snapshot read back, every file of it hashed again.
 *
 * @category results
 * @since 0.1.0
 */
export const SavedTranscript = Schema.Struct({
  /** Absolute path of the manifest. */
  path: Schema.String,
  /** The machine of this path, where it is not the service's. */
  machine: Schema.optionalKey(Schema.String),
  manifest: SnapshotManifest,
  messages: Schema.Array(SavedMessage),
  /**
   * The same turn by turn, as a transcript is. A turn that our log did not know has the id of its first message; what
   * came before the user's first words is left out.
   */
  turns: Schema.Array(TranscriptTurn)
})

/**
 * @category models
 * @since 0.1.0
 */
export interface SavedTranscript extends Schema.Schema.Type<typeof SavedTranscript> {}

/**
 * A snapshot in another shape.
 *
 * @category results
 * @since 0.1.0
 */
export const ExportFile = Schema.Struct({
  format: Schema.Literals(["markdown", "jsonl", "opencode"]),
  text: Schema.String,
  messages: Schema.Int,
  /** How many messages the shape has no place for: those that only our log has. */
  omitted: Schema.Int
})

/**
 * @category models
 * @since 0.1.0
 */
export interface ExportFile extends Schema.Schema.Type<typeof ExportFile> {}

/**
 * An event that its hook has failed at every try.
 *
 * @category results
 * @since 0.1.0
 */
export const GivenUpDelivery = Schema.Struct({
  hook: Schema.String,
  event: LifecycleEvent,
  attempts: Schema.Int,
  /** In milliseconds since 1970. */
  givenUpAt: Schema.Finite,
  /** The kind of the last error (its `_tag`, `Timeout`, `ProcessEnded`), without any of its content. */
  error: Schema.String
})

/**
 * An event that its hook is still to be given.
 *
 * @category results
 * @since 0.1.0
 */
export const WaitingDelivery = Schema.Struct({
  hook: Schema.String,
  event: LifecycleEvent,
  /** How many tries were begun. 0: none yet. */
  attempts: Schema.Int,
  /**
   * When the next try is due, in milliseconds since 1970. Now, where it runs already or waits for a place. Absent where
   * the hook is not registered: the delivery waits for it.
   */
  nextAt: Schema.optionalKey(Schema.Finite),
  /** The kind of the last error (its `_tag`, `Timeout`), without any of its content. Absent where no try has failed. */
  error: Schema.optionalKey(Schema.String)
})

/**
 * One page of deliveries that are still tried, in the order in which their events were recorded.
 *
 * @category results
 * @since 0.1.0
 */
export const WaitingPage = Schema.Struct({
  deliveries: Schema.Array(WaitingDelivery),
  /** Opaque: `after` of the next page. Absent on the last page. */
  next: Schema.optionalKey(Schema.String)
})

/**
 * @category models
 * @since 0.1.0
 */
export interface WaitingPage extends Schema.Schema.Type<typeof WaitingPage> {}

/**
 * One page of deliveries that were given up, in the order in which their events were recorded.
 *
 * @category results
 * @since 0.1.0
 */
export const DeliveryPage = Schema.Struct({
  deliveries: Schema.Array(GivenUpDelivery),
  /** Opaque: `after` of the next page. Absent on the last page. */
  next: Schema.optionalKey(Schema.String)
})

/**
 * @category models
 * @since 0.1.0
 */
export interface DeliveryPage extends Schema.Schema.Type<typeof DeliveryPage> {}
