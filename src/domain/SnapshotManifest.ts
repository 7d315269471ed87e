/**
 * What a snapshot says of itself: one JSON file beside the segments and blobs that it names by their content.
 *
 * The hash in a manifest is over the manifest itself without that hash. The manifest holds the hash of every segment in
 * order and of every blob, so it seals the whole transcript. Fields that this version does not know are covered, too.
 *
 * A later schema version is not read, and its file is left as it is.
 */
import { Schema } from "effect"
import { Epoch, InstanceId, ProviderName, SessionId, ThreadId, TurnId } from "./Ids.ts"
import { Item } from "./Item.ts"
import { SnapshotCompleteness, SnapshotTiming } from "./Snapshot.ts"
import { TurnInput } from "./TurnInput.ts"
import { TurnOutcome } from "./TurnOutcome.ts"
import { Usage } from "./Usage.ts"

/** The schema version that this release writes, and the highest that it reads. */
export const version = 1

/** A snapshot's id is the name of its manifest. */
export const SnapshotId = Schema.String.check(Schema.isPattern(/^[A-Za-z0-9_-]{1,128}$/))

export const isId = Schema.is(SnapshotId)

const Sha256 = Schema.String.check(Schema.isPattern(/^[0-9a-f]{64}$/))

/** A file of lines, named by the hash of its content. */
export const Segment = Schema.Struct({
  sha256: Sha256,
  /**
   * Hash of the lines before redaction, where redaction changed none of them: the next snapshot knows by it that it has
   * nothing to do. Of a changed one it would let a reader guess what is not there.
   */
  source: Schema.optionalKey(Sha256),
  bytes: Schema.Int,
  messages: Schema.Int,
  firstId: Schema.String,
  lastId: Schema.String,
  /** Blobs that its lines refer to. */
  blobs: Schema.Array(Sha256)
})
export type Segment = typeof Segment.Type

/** Bytes that lines refer to as `blob:sha256:<hash>;<mime>`, named by the hash of their content. */
export const SavedAttachment = Schema.Struct({
  sha256: Sha256,
  bytes: Schema.Int,
  mime: Schema.String,
  name: Schema.optionalKey(Schema.String)
})
export type SavedAttachment = typeof SavedAttachment.Type

export const Redaction = Schema.Struct({
  level: Schema.Literals(["known-secrets", "custom", "none"]),
  /** Name of the redactor. */
  name: Schema.String,
  /** How many strings it has changed. */
  replaced: Schema.Int
})
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
  /** Of `raw` in the lines and of `session`. Absent where the agent's history could not be had. */
  format: Schema.optionalKey(Schema.String),
  counts: Schema.Struct({ messages: Schema.Int, items: Schema.Int, turns: Schema.Int }),
  /** As far as the agent's messages tell. */
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

export const SnapshotManifest = Schema.Struct({ ...unsealed, sha256: Sha256 })
export type SnapshotManifest = typeof SnapshotManifest.Type

/** One line: one message as the agent has it, or one item that only our log has. */
export const SavedMessage = Schema.Struct({
  id: Schema.String,
  origin: Schema.Literals(["provider", "log"]),
  role: Schema.Literals(["user", "assistant", "other"]),
  /** Milliseconds since the epoch. */
  at: Schema.optionalKey(Schema.Finite),
  /** The turn that it belongs to, where our log knows. */
  turnId: Schema.optionalKey(TurnId),
  finished: Schema.Boolean,
  items: Schema.Array(Item),
  usage: Schema.optionalKey(Usage),
  /** On the message that began the turn. */
  turn: Schema.optionalKey(Schema.Struct({
    epoch: Epoch,
    startedAt: Schema.Finite,
    outcome: Schema.optionalKey(TurnOutcome),
    /** Not "input": that is what a tool was given. */
    said: TurnInput
  })),
  raw: Schema.optionalKey(Schema.Unknown)
})
export type SavedMessage = typeof SavedMessage.Type
