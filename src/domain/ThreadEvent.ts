/**
 * The canonical event union: everything that happens in a thread, for every provider, in one order.
 *
 * A {@link ProviderEvent} is what an adapter emits. The service stamps it with `seq`, `threadId`, `epoch` and `at` and
 * so makes it a {@link ThreadEvent}, which is what apps read and what the store keeps.
 *
 * Durable events are numbered 1, 2, 3, ... without holes per thread (`seq`) and are in the store before a reader sees
 * them. Ephemeral events (`ItemDelta`, `ItemUpdated`, `TaskUpdated`, `DiffUpdated`, `Gap`) carry the `seq` of the durable event before them, are not
 * stored, and lose nothing: the item's `ItemCompleted` holds the whole text. A reader that joins in the middle of an
 * item first gets one delta with `offset` 0 and all the text so far.
 *
 * Events are plain JSON data. Version {@link version} is written beside each stored event. One of an earlier version is
 * read as one of this; one of a newer version, or that this version does not know, comes back as `Unrecognized` with the
 * raw value, never as an error.
 *
 * @since 0.1.0
 */
import { Schema, Struct } from "effect"
import { Annotation } from "./AppData.ts"
import { CompactionOutcome, CompactionTrigger } from "./Compaction.ts"
import { Continuity } from "./Continuity.ts"
import { Epoch, InstanceId, Position, ProviderName, SessionId, ThreadId, TurnId } from "./Ids.ts"
import { Item } from "./Item.ts"
import { ProjectConfig } from "./ProjectConfig.ts"
import { providerCases } from "./ProviderEvent.ts"
import { RuntimeMode } from "./RuntimeMode.ts"
import { SnapshotFailure, SnapshotInfo } from "./Snapshot.ts"
import { TurnCause } from "./TurnCause.ts"
import { RecordedInput } from "./TurnInput.ts"
import { TurnOutcome } from "./TurnOutcome.ts"
import { Usage } from "./Usage.ts"

export { InterruptedBy, ProviderEvent } from "./ProviderEvent.ts"

/**
 * Version of the event union, stored with every event. A release that changes what an event holds raises it, and reads
 * events of the versions before through its upcasts.
 *
 * @since 0.1.0
 * @category constants
 */
export const version = 1

const turn = { turnId: TurnId }
const maybeTurn = { turnId: Schema.optionalKey(TurnId) }

/**
 * Why a live session ended. The thread can be continued after each of them.
 *
 * - `stopped`: the app stopped it.
 * - `reaped`: it was idle for too long.
 * - `lost`: the agent ended or became unreachable.
 * - `replaced`: a start changed its agent, directory, mode or compaction policy.
 * - `reset`, `deleted`: the thread was reset or deleted.
 * - `shutdown`: the service shut down.
 * - `host-crash`: the host died; recorded at the next start.
 *
 * @since 0.1.0
 * @category schemas
 */
export const SessionEndReason = Schema.Literals([
  "stopped",
  "reaped",
  "lost",
  "replaced",
  "reset",
  "deleted",
  "shutdown",
  "host-crash"
])

/**
 * @since 0.1.0
 * @category models
 */
export type SessionEndReason = typeof SessionEndReason.Type

/**
 * Why a turn's outcome is unknown: the host died while it ran, or the input may or may not have reached the provider.
 *
 * @since 0.1.0
 * @category schemas
 */
export const UnknownReason = Schema.Literals(["host-crash", "delivery-uncertain"])

/**
 * @since 0.1.0
 * @category models
 */
export type UnknownReason = typeof UnknownReason.Type

const serviceCases = {
  SessionStarted: {
    instanceId: InstanceId,
    provider: ProviderName,
    sessionId: SessionId,
    directory: Schema.String,
    runtimeMode: RuntimeMode,
    /** What the agent may take from the directory's own configuration. */
    projectConfig: ProjectConfig,
    continuity: Continuity,
    /** Of the agent's program; absent where its adapter does not know. */
    agentVersion: Schema.optionalKey(Schema.String),
    /** The session that this one replaces in a reset. */
    previousSessionId: Schema.optionalKey(SessionId),
    /** A crash of the host ended the epoch before. */
    recovered: Schema.optionalKey(Schema.Boolean)
  },
  SessionEnded: {
    reason: SessionEndReason,
    nextSessionId: Schema.optionalKey(SessionId),
    /**
     * Set after a crash, which nothing observed: when the last event before it was recorded, in milliseconds since
     * 1970.
     */
    endedAt: Schema.optionalKey(Schema.Finite)
  },
  /** A new conversation begins in another session; the thread keeps its archive. */
  SessionReset: { previousSessionId: SessionId, nextSessionId: SessionId },
  TurnStarted: { ...turn, input: RecordedInput },
  /** More input joined the running turn. */
  TurnSteered: { ...turn, input: RecordedInput },
  /** `usage` is the last that the agent reported, if any. */
  TurnUnknown: { ...turn, reason: UnknownReason, usage: Schema.optionalKey(Usage) },
  /**
   * What the provider's own history tells of a turn that ended as unknown: it never arrived, or how it ended there. Not
   * a second terminal event.
   */
  TurnReconciled: {
    ...turn,
    evidence: Schema.Literals(["never-delivered", "completed", "failed", "interrupted", "unfinished"])
  },
  /** A turn of the snapshot that the thread was restored from, of the thread that it was forked from, or of an import. */
  TurnRestored: {
    ...turn,
    source: Schema.TaggedUnion({
      Snapshot: { snapshotId: Schema.String },
      Fork: { threadId: ThreadId },
      Import: {}
    }),
    input: Schema.optionalKey(RecordedInput),
    cause: Schema.optionalKey(TurnCause),
    startedAt: Schema.Finite,
    items: Schema.Array(Item),
    outcome: TurnOutcome,
    annotations: Schema.optionalKey(Schema.Array(Annotation))
  },
  /**
   * The conversation was taken back to before the turn `before`. That turn and those after it stay in the log, and are no
   * part of the conversation any more. `files`: whether what they changed in files was taken back, too.
   */
  ThreadRewound: { before: TurnId, files: Schema.Literals(["kept", "restored"]) },
  /** What the app has recorded of the thread, or of one of its turns, by `annotate`. */
  Annotated: { ...maybeTurn, kind: Schema.String, data: Schema.Json },
  /** A compaction is about to begin. If the agent cannot be held, it has begun. */
  CompactionGated: {
    ...maybeTurn,
    compactionId: Schema.String,
    trigger: CompactionTrigger,
    vetoable: Schema.Boolean,
    snapshot: Schema.optionalKey(SnapshotInfo),
    failure: Schema.optionalKey(SnapshotFailure)
  },
  /** Exactly one for each `CompactionGated`. */
  CompactionSettled: {
    ...maybeTurn,
    compactionId: Schema.String,
    trigger: CompactionTrigger,
    outcome: CompactionOutcome,
    summary: Schema.optionalKey(Schema.String),
    reason: Schema.optionalKey(Schema.String),
    snapshotId: Schema.optionalKey(Schema.String)
  },
  SnapshotWritten: { snapshot: SnapshotInfo, compactionId: Schema.optionalKey(Schema.String) },
  SnapshotFailed: { failure: SnapshotFailure, compactionId: Schema.optionalKey(Schema.String) },
  /** The thread was deleted: the last event that its readers see. Ephemeral. */
  ThreadDeleted: {}
} as const

const bodyCases = { ...providerCases, ...serviceCases } as const

/**
 * An event without its place in the thread.
 *
 * @since 0.1.0
 * @category schemas
 */
export const EventBody = Schema.TaggedUnion(bodyCases)

/**
 * @since 0.1.0
 * @category models
 */
export type EventBody = typeof EventBody.Type

const envelope = {
  /** Position in the thread, from 1. Ephemeral events repeat the `seq` of the durable event before them. */
  seq: Schema.Int,
  threadId: ThreadId,
  epoch: Epoch,
  /** Milliseconds since the epoch, by the host's clock. */
  at: Schema.Finite,
  /**
   * Its place in the order over all threads: `streamAllEvents` goes on after it. Ephemeral events repeat the one before
   * them.
   */
  position: Position
} as const

interface WithEnvelope extends Struct.Lambda {
  <F extends Schema.Struct.Fields>(fields: F): F & typeof envelope
  readonly "~lambda.out": this["~lambda.in"] extends Schema.Struct.Fields ? this["~lambda.in"] & typeof envelope : never
}

/**
 * An event at its place in the thread: what apps read, and what the store keeps.
 *
 * @since 0.1.0
 * @category schemas
 */
export const ThreadEvent = Schema.TaggedUnion(
  Struct.map(bodyCases, Struct.lambda<WithEnvelope>((fields) => ({ ...fields, ...envelope })))
)
/**
 * Written as a mapped type, so that editors print its name and not its thirty members.
 *
 * @since 0.1.0
 * @category models
 */
export type ThreadEvent = { [Tag in keyof typeof ThreadEvent.cases]: (typeof ThreadEvent.cases)[Tag]["Type"] }[
  keyof typeof ThreadEvent.cases
]

/**
 * A place in a thread.
 *
 * @since 0.1.0
 * @category models
 */
export interface Place extends Pick<ThreadEvent, "seq" | "threadId" | "epoch" | "at"> {
  /** Given by the store. */
  readonly position?: Position
}

/**
 * An event at its place in the thread, before its commit gives it a position.
 *
 * @since 0.1.0
 * @category models
 */
export type NumberedEvent = EventBody & Place

/**
 * The events that end a turn; every accepted turn has exactly one.
 *
 * @since 0.1.0
 * @category models
 */
export type TerminalEvent = Extract<
  EventBody,
  { readonly _tag: "TurnCompleted" | "TurnFailed" | "TurnInterrupted" | "TurnUnknown" }
>

/**
 * Whether an event ends its turn.
 *
 * @since 0.1.0
 * @category predicates
 */
export const isTerminal = EventBody.isAnyOf(["TurnCompleted", "TurnFailed", "TurnInterrupted", "TurnUnknown"])

/**
 * Whether an event is only shown to live readers, and not stored.
 *
 * @since 0.1.0
 * @category predicates
 */
export const isEphemeral = ({ _tag }: EventBody): boolean => ephemeral.has(_tag)

const ephemeral: ReadonlySet<EventBody["_tag"]> = new Set<EventBody["_tag"]>([
  "ItemDelta",
  "ItemUpdated",
  "TaskUpdated",
  "DiffUpdated",
  "OffersChanged",
  "Gap",
  "ThreadDeleted"
])
