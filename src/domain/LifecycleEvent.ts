/**
 * The events that hooks get: the boundaries of sessions, turns and compactions, as typed data.
 *
 * A lifecycle event is derived from the one durable event that records the same fact, so it is recorded exactly once.
 * `eventId` is the same on every delivery and after a restart; `delivery` has the number of the try.
 *
 * `hook:completed`, the receipt of a hook's call, is the exception: it is delivered once, while the service runs, and
 * not recorded.
 *
 * @since 0.1.0
 */
import { Schema, Struct } from "effect"
import { CompactionOutcome, CompactionTrigger } from "./Compaction.ts"
import { Continuity } from "./Continuity.ts"
import { Epoch, InstanceId, ProviderName, RequestId, SessionId, ThreadId, TurnId } from "./Ids.ts"
import { SnapshotFailure, SnapshotInfo } from "./Snapshot.ts"
import { SessionEndReason } from "./ThreadEvent.ts"
import { TurnCause } from "./TurnCause.ts"
import { TurnFailure } from "./TurnFailure.ts"
import { RecordedInput } from "./TurnInput.ts"
import { TurnOutcome } from "./TurnOutcome.ts"
import { Usage } from "./Usage.ts"
import { ApprovalDecision, ApprovalRequest, SettledBy, ToolRequest } from "./UserRequest.ts"

/**
 * Version of the payloads, in every event.
 *
 * @since 0.1.0
 * @category constants
 */
export const version = 1

/**
 * Which past an epoch starts with.
 *
 * - `new`: a new thread without a past.
 * - `resume`: the provider's session continues; `recovered`: it continues after its host had crashed.
 * - `fork`: a copy of another thread's session.
 * - `adopt`: a session that the agent had before, and that no thread had.
 * - `rehydrate`: a new session that was handed the archived conversation.
 * - `reset`: a new session, because the app asked for one; `fresh`: a new session without the past of its thread, for
 *   the reason in `continuity`.
 *
 * @since 0.1.0
 * @category schemas
 */
export const StartSource = Schema.Literals([
  "new",
  "resume",
  "recovered",
  "fork",
  "adopt",
  "rehydrate",
  "reset",
  "fresh"
])

/**
 * @since 0.1.0
 * @category models
 */
export type StartSource = typeof StartSource.Type

const kinds = {
  /** An epoch begins. Recorded, and delivered within a budget, before its first prompt is sent. */
  "session:start": {
    source: StartSource,
    continuity: Continuity,
    /** The session that a reset replaced. */
    previousSessionId: Schema.optionalKey(SessionId)
  },
  /** An epoch is over: exactly once for each start, also after a crash. Delivered before the session is closed. */
  "session:end": {
    reason: SessionEndReason,
    /** Milliseconds since the epoch. */
    endedAt: Schema.Finite,
    /** Set after a crash, which nothing observed: `endedAt` is then the time of the last recorded event. */
    endedAtEstimated: Schema.Boolean,
    /** The session that replaces it in a reset. */
    nextSessionId: Schema.optionalKey(SessionId)
  },
  /**
   * A reset: recorded between the end of the old session and the start of the new one, in one transaction with both.
   */
  "session:reset": { previousSessionId: SessionId, nextSessionId: SessionId },
  /** The conversation was taken back to before the turn `before`. */
  "thread:rewound": { before: TurnId, files: Schema.Literals(["kept", "restored"]) },
  /** What the app has recorded by `annotate`. Not told of a thread that never had a session. */
  "thread:annotated": { turnId: Schema.optionalKey(TurnId), kind: Schema.String, data: Schema.Json },
  /** A turn that was sent has its `input`; one that the agent began has a `cause`, and no guard is asked about it. */
  "turn:start": { turnId: TurnId, input: Schema.optionalKey(RecordedInput), cause: Schema.optionalKey(TurnCause) },
  "turn:end": {
    turnId: TurnId,
    outcome: TurnOutcome,
    usage: Schema.optionalKey(Usage),
    failure: Schema.optionalKey(TurnFailure)
  },
  "approval:requested": { turnId: Schema.optionalKey(TurnId), request: ApprovalRequest },
  /** Exactly once for each `approval:requested`. `actor` is the app's name for its user, or a hook's name. */
  "approval:settled": {
    turnId: Schema.optionalKey(TurnId),
    requestId: RequestId,
    by: SettledBy,
    actor: Schema.optionalKey(Schema.String),
    decision: Schema.optionalKey(ApprovalDecision)
  },
  /**
   * A tool is about to run that the agent asks about, whatever the mode says of it. Guards are asked and observers are not
   * told: it is not recorded.
   */
  "tool:before": { turnId: Schema.optionalKey(TurnId), tool: ToolRequest },
  /** The transcript is saved, or could not be. An agent that can be held is waiting (see `snapshot.timing`). */
  "compaction:before": {
    compactionId: Schema.String,
    trigger: CompactionTrigger,
    /** Whether guards can veto it. */
    vetoable: Schema.Boolean,
    snapshot: Schema.optionalKey(SnapshotInfo),
    failure: Schema.optionalKey(SnapshotFailure)
  },
  /** Exactly once for each `compaction:before`. */
  "compaction:after": {
    compactionId: Schema.String,
    trigger: CompactionTrigger,
    outcome: CompactionOutcome,
    summary: Schema.optionalKey(Schema.String),
    /** Why it was not completed: a guard's reason, or the agent's name of its error. */
    reason: Schema.optionalKey(Schema.String),
    snapshotId: Schema.optionalKey(Schema.String)
  },
  "snapshot:written": { snapshot: SnapshotInfo, compactionId: Schema.optionalKey(Schema.String) },
  "snapshot:failed": { failure: SnapshotFailure, compactionId: Schema.optionalKey(Schema.String) },
  /** The outcome of one try of one hook. */
  "hook:completed": {
    hook: Schema.String,
    /** The event that the hook was called for. */
    of: Schema.Struct({ eventId: Schema.String, _tag: Schema.String }),
    outcome: Schema.Literals(["ok", "failed", "timeout", "skipped", "vetoed"]),
    durationMillis: Schema.Finite,
    attempt: Schema.Int,
    /** The hook's error as text. */
    error: Schema.optionalKey(Schema.String)
  }
} as const

const envelope = {
  v: Schema.Int,
  /** The same for every delivery of this event, to every hook, across restarts. */
  eventId: Schema.String,
  /** Position of the recorded event in the thread's log; for `hook:completed`, of its event. */
  seq: Schema.Int,
  /** When it was recorded, in milliseconds since 1970. */
  at: Schema.Finite,
  threadId: ThreadId,
  epoch: Epoch,
  provider: ProviderName,
  instanceId: InstanceId,
  /** The provider's session that the epoch is bound to. */
  sessionId: SessionId,
  directory: Schema.String,
  delivery: Schema.Struct({
    /** From 1. */
    attempt: Schema.Int,
    /** Recorded by an earlier run of the host, and delivered now. */
    recovered: Schema.Boolean
  })
} as const

const member = <Tag extends string, F extends Schema.Struct.Fields>(tag: Tag, fields: F) =>
  Schema.TaggedStruct(tag, { ...fields, ...envelope })

/**
 * An event as hooks get it, and as the outbox stores it.
 *
 * @since 0.1.0
 * @category schemas
 */
export const LifecycleEvent = Schema.Union([
  member("session:start", kinds["session:start"]),
  member("session:end", kinds["session:end"]),
  member("session:reset", kinds["session:reset"]),
  member("thread:rewound", kinds["thread:rewound"]),
  member("thread:annotated", kinds["thread:annotated"]),
  member("turn:start", kinds["turn:start"]),
  member("turn:end", kinds["turn:end"]),
  member("approval:requested", kinds["approval:requested"]),
  member("approval:settled", kinds["approval:settled"]),
  member("tool:before", kinds["tool:before"]),
  member("compaction:before", kinds["compaction:before"]),
  member("compaction:after", kinds["compaction:after"]),
  member("snapshot:written", kinds["snapshot:written"]),
  member("snapshot:failed", kinds["snapshot:failed"]),
  member("hook:completed", kinds["hook:completed"])
])

/**
 * @since 0.1.0
 * @category models
 */
export type LifecycleEvent = typeof LifecycleEvent.Type

/**
 * The tag of an event: `session:start`, `turn:end`, ...
 *
 * @since 0.1.0
 * @category models
 */
export type LifecycleTag = LifecycleEvent["_tag"]

/**
 * The event with this tag.
 *
 * @since 0.1.0
 * @category models
 */
export type EventOf<K extends LifecycleTag> = Extract<LifecycleEvent, { readonly _tag: K }>

type Family = LifecycleTag extends infer K ? K extends `${infer F}:${string}` ? F : never : never

/**
 * Selects events: a tag, a family (`session:*`), or all (`*`).
 *
 * @since 0.1.0
 * @category models
 */
export type HookPattern = LifecycleTag | `${Family}:*` | "*"

/**
 * The events that a pattern selects.
 *
 * @since 0.1.0
 * @category models
 */
export type Matching<P extends HookPattern> = P extends "*" ? LifecycleEvent
  : P extends `${infer F}:*` ? Extract<LifecycleEvent, { readonly _tag: `${F}:${string}` }>
  : Extract<LifecycleEvent, { readonly _tag: P }>

/**
 * Whether a pattern selects the tag: `a:b` is selected by `a:b`, `a:*` and `*`.
 *
 * @since 0.1.0
 * @category predicates
 */
export const matches = (patterns: ReadonlyArray<string>, tag: string): boolean =>
  patterns.some((pattern) => pattern === "*" || pattern === tag || pattern === `${tag.split(":")[0]}:*`)

/**
 * Whether the text is a pattern that selects anything.
 *
 * @since 0.1.0
 * @category predicates
 */
export const isPattern = (text: string): text is HookPattern => Struct.keys(kinds).some((tag) => matches([text], tag))

/**
 * The provider, instance, session and directory of an event.
 *
 * @since 0.1.0
 * @category models
 */
export interface Identity {
  readonly provider: ProviderName
  readonly instanceId: InstanceId
  readonly sessionId: SessionId
  readonly directory: string
}
