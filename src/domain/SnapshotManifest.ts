/**
 * The manifest of a snapshot: one JSON file beside the segments and blobs, which it names by the hash of their content.
 *
 * The `sha256` of a manifest is the hash of the manifest without that field. The manifest holds the hash of every
 * segment in order and of every blob, so this hash seals the whole transcript. It covers fields that this version does
 * not know, too.
 *
 * A later schema version is not read, and its file stays as it is.
 *
 * @since 0.1.0
 */
import { Schema } from "effect"
import { Annotation } from "./AppData.ts"
import { Epoch, InstanceId, ProviderName, SessionId, ThreadId, TurnId } from "./Ids.ts"
import { Item } from "./Item.ts"
import { SnapshotCompleteness, SnapshotTiming } from "./Snapshot.ts"
import { TurnCause } from "./TurnCause.ts"
import { RecordedInput } from "./TurnInput.ts"
import { TurnOutcome } from "./TurnOutcome.ts"
import { Usage } from "./Usage.ts"

/**
 * The schema version that this release writes, and the highest that it reads.
 *
 * @since 0.1.0
 * @category constants
 */
export const version = 1

/**
 * A snapshot's id, which is also the name of its manifest.
 *
 * @since 0.1.0
 * @category schemas
 */
export const SnapshotId = Schema.String.check(Schema.isPattern(/^[A-Za-z0-9_-]{1,128}$/))

/**
 * Whether a value can be a snapshot's id.
 *
 * @since 0.1.0
 * @category predicates
 */
export const isId = Schema.is(SnapshotId)

const Sha256 = Schema.String.check(Schema.isPattern(/^[0-9a-f]{64}$/))

/**
 * A file of lines, named by the hash of its content.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Segment = Schema.Struct({
  sha256: Sha256,
  /**
   * Hash of the lines before redaction, if redaction changed none of them: the next snapshot finds a reusable segment
   * by it. The hash of a changed segment would let a reader guess the redacted text.
   */
  source: Schema.optionalKey(Sha256),
  bytes: Schema.Int,
  messages: Schema.Int,
  firstId: Schema.String,
  lastId: Schema.String,
  /** Hashes of the blobs that its lines refer to. */
  blobs: Schema.Array(Sha256)
})

/**
 * @since 0.1.0
 * @category models
 */
export type Segment = typeof Segment.Type

/**
 * Bytes that lines refer to as `blob:sha256:<hash>;<mime>`, named by the hash of their content.
 *
 * @since 0.1.0
 * @category schemas
 */
export const SavedAttachment = Schema.Struct({
  sha256: Sha256,
  bytes: Schema.Int,
  mime: Schema.String,
  name: Schema.optionalKey(Schema.String)
})

/**
 * @since 0.1.0
 * @category models
 */
export type SavedAttachment = typeof SavedAttachment.Type

/**
 * How the snapshot was redacted.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Redaction = Schema.Struct({
  level: Schema.Literals(["known-secrets", "custom", "none"]),
  /** Name of the redactor. */
  name: Schema.String,
  /** Number of strings that it changed. */
  replaced: Schema.Int
})

/**
 * @since 0.1.0
 * @category models
 */
export type Redaction = typeof Redaction.Type

const unsealed = {
  version: Schema.Literal(version),
  snapshotId: SnapshotId,
  threadId: ThreadId,
  epoch: Epoch,
  provider: ProviderName,
  instanceId: InstanceId,
  sessionId: SessionId,
  directory: Schema.String,
  /** Milliseconds since the epoch. */
  createdAt: Schema.Finite,
  timing: SnapshotTiming,
  completeness: SnapshotCompleteness,
  compactionId: Schema.optionalKey(Schema.String),
  libraryVersion: Schema.String,
  agentVersion: Schema.optionalKey(Schema.String),
  /** Format of `raw` in the lines and of `session`. Absent if the agent's history could not be read. */
  format: Schema.optionalKey(Schema.String),
  counts: Schema.Struct({ messages: Schema.Int, items: Schema.Int, turns: Schema.Int }),
  /** As far as the agent's messages report it. */
  usage: Usage,
  firstMessageId: Schema.optionalKey(Schema.String),
  lastMessageId: Schema.optionalKey(Schema.String),
  redaction: Redaction,
  /** Size of all segments. */
  bytes: Schema.Int,
  segments: Schema.Array(Segment),
  attachments: Schema.Array(SavedAttachment),
  /** The provider's own record of the session. */
  session: Schema.Unknown
} as const

/**
 * A snapshot's description of itself.
 *
 * @since 0.1.0
 * @category schemas
 */
export const SnapshotManifest = Schema.Struct({ ...unsealed, sha256: Sha256 })

/**
 * @since 0.1.0
 * @category models
 */
export type SnapshotManifest = typeof SnapshotManifest.Type

/**
 * One line of a segment: one message of the agent, or one item that only our log has.
 *
 * @since 0.1.0
 * @category schemas
 */
export const SavedMessage = Schema.Struct({
  id: Schema.String,
  origin: Schema.Literals(["provider", "log"]),
  role: Schema.Literals(["user", "assistant", "other"]),
  /** Milliseconds since the epoch. */
  at: Schema.optionalKey(Schema.Finite),
  /** The turn that it belongs to, if our log knows it. */
  turnId: Schema.optionalKey(TurnId),
  finished: Schema.Boolean,
  items: Schema.Array(Item),
  usage: Schema.optionalKey(Usage),
  /** On the message that began the turn. */
  turn: Schema.optionalKey(Schema.Struct({
    epoch: Epoch,
    startedAt: Schema.Finite,
    outcome: Schema.optionalKey(TurnOutcome),
    /** Not named `input`, which is the field of a tool's input, and is redacted differently. */
    /** Absent for a turn that the agent began. */
    said: Schema.optionalKey(RecordedInput),
    cause: Schema.optionalKey(TurnCause),
    annotations: Schema.optionalKey(Schema.Array(Annotation))
  })),
  raw: Schema.optionalKey(Schema.Unknown)
})

/**
 * @since 0.1.0
 * @category models
 */
export type SavedMessage = typeof SavedMessage.Type
