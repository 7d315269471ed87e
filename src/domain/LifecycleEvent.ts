/**
 * What hooks are told: the boundaries of sessions, turns and compactions, as typed data.
 *
 * A lifecycle event is derived from the one durable event that records it ({@link of}), so it is recorded exactly as
 * often as that one: once. `eventId` is the same on every delivery, and after a restart; `delivery` says which try it is.
 *
 * `hook:completed`, the receipt of a hook, is the exception: it is told once, while the service runs, and not recorded.
 */
import { Schema, Struct } from "effect"
import { createHash } from "node:crypto"
import { Continuity } from "./Continuity.ts"
import { Epoch, InstanceId, ProviderName, SessionId, ThreadId, TurnId } from "./Ids.ts"
import { CompactionOutcome, CompactionTrigger, SnapshotFailure, SnapshotInfo, type ThreadEvent } from "./ThreadEvent.ts"
import { TurnFailure } from "./TurnFailure.ts"
import { TurnInput } from "./TurnInput.ts"
import { Usage } from "./Usage.ts"
import { ApprovalRequest } from "./UserRequest.ts"

/** Version of the payloads, in every event. */
export const version = 1

/**
 * Which past an epoch starts with. `recovered`: the session goes on after its host had died; `fork`, `reset`,
 * `rehydrate` and `resume` say where the conversation comes from, `new` that it begins (or begins anew; `continuity` says).
 */
export const StartSource = Schema.Literals(["new", "resume", "fork", "reset", "rehydrate", "recovered"])
export type StartSource = typeof StartSource.Type

/** Why an epoch ended. The thread can be continued after every one of them but `deleted`. */
export const EndReason = Schema.Literals([
  "closed",
  "reset",
  "idle",
  "deleted",
  "replaced",
  "provider-exit",
  "shutdown",
  "crash"
])
export type EndReason = typeof EndReason.Type

const kinds = {
  /** An epoch begins. Recorded and delivered before its first prompt is sent. */
  "session:start": {
    source: StartSource,
    continuity: Continuity,
    /** The session that a reset has replaced. */
    previousSessionId: Schema.optionalKey(SessionId)
  },
  /** An epoch is over: exactly once for each start, a crash included. Delivered before the session is gone. */
  "session:end": {
    reason: EndReason,
    /** Milliseconds since the epoch. */
    endedAt: Schema.Finite,
    /** After a crash nobody saw the end: then it is the time of the last thing that was recorded. */
    endedAtEstimated: Schema.Boolean,
    /** The session that a reset has put in its place. */
    nextSessionId: Schema.optionalKey(SessionId)
  },
  /** Between the end of the old session and the start of the new one, in one transaction with both. */
  "session:reset": { previousSessionId: SessionId, nextSessionId: SessionId },
  "turn:start": { turnId: TurnId, input: TurnInput },
  "turn:end": {
    turnId: TurnId,
    outcome: Schema.Literals(["completed", "failed", "interrupted", "unknown"]),
    usage: Schema.optionalKey(Usage),
    failure: Schema.optionalKey(TurnFailure)
  },
  "approval:requested": { turnId: Schema.optionalKey(TurnId), request: ApprovalRequest },
  /** The transcript is saved, or could not be, and the agent waits, where it can be held (`snapshot.timing` says). */
  "compaction:before": {
    compactionId: Schema.String,
    trigger: CompactionTrigger,
    /** Whether a guard's veto will be heard. */
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
    /** Why not: a guard's reason, or the agent's name for its error. */
    reason: Schema.optionalKey(Schema.String),
    snapshotId: Schema.optionalKey(Schema.String)
  },
  "snapshot:written": { snapshot: SnapshotInfo, compactionId: Schema.optionalKey(Schema.String) },
  "snapshot:failed": { failure: SnapshotFailure, compactionId: Schema.optionalKey(Schema.String) },
  /** What became of one try of one hook. */
  "hook:completed": {
    hook: Schema.String,
    /** The event that it was told. */
    of: Schema.Struct({ eventId: Schema.String, kind: Schema.String }),
    outcome: Schema.Literals(["ok", "failed", "timeout", "skipped", "vetoed"]),
    durationMillis: Schema.Finite,
    attempt: Schema.Int,
    /** Its error, as far as it can be told. */
    error: Schema.optionalKey(Schema.String)
  }
} as const

const envelope = {
  v: Schema.Int,
  /** The same for every delivery of this event, to every hook, for ever. */
  eventId: Schema.String,
  /** Position of the record in the thread's log; for what is not recorded, of the record before it. */
  seq: Schema.Int,
  /** When it was recorded, in milliseconds since the epoch. */
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

const member = <K extends string, F extends Schema.Struct.Fields>(kind: K, fields: F) =>
  Schema.Struct({ kind: Schema.Literal(kind), ...fields, ...envelope })

export const LifecycleEvent = Schema.Union([
  member("session:start", kinds["session:start"]),
  member("session:end", kinds["session:end"]),
  member("session:reset", kinds["session:reset"]),
  member("turn:start", kinds["turn:start"]),
  member("turn:end", kinds["turn:end"]),
  member("approval:requested", kinds["approval:requested"]),
  member("compaction:before", kinds["compaction:before"]),
  member("compaction:after", kinds["compaction:after"]),
  member("snapshot:written", kinds["snapshot:written"]),
  member("snapshot:failed", kinds["snapshot:failed"]),
  member("hook:completed", kinds["hook:completed"])
])
export type LifecycleEvent = typeof LifecycleEvent.Type

export type LifecycleKind = LifecycleEvent["kind"]

/** The event of one kind. */
export type EventOf<K extends LifecycleKind> = Extract<LifecycleEvent, { readonly kind: K }>

type Family = LifecycleKind extends infer K ? K extends `${infer F}:${string}` ? F : never : never

/** Which events a hook wants: a kind, a family, or all. */
export type HookPattern = LifecycleKind | `${Family}:*` | "*"

/** The events that a pattern stands for. */
export type Matching<P extends HookPattern> = P extends "*" ? LifecycleEvent
  : P extends `${infer F}:*` ? Extract<LifecycleEvent, { readonly kind: `${F}:${string}` }>
  : Extract<LifecycleEvent, { readonly kind: P }>

/** `a:b` is matched by `a:b`, `a:*` and `*`. */
export const matches = (patterns: ReadonlyArray<string>, kind: string): boolean =>
  patterns.some((pattern) => pattern === "*" || pattern === kind || pattern === `${kind.split(":")[0]}:*`)

/** Whose event it is. */
export interface Identity {
  readonly provider: ProviderName
  readonly instanceId: InstanceId
  readonly sessionId: SessionId
  readonly directory: string
}

type Payload = { [K in LifecycleKind]: { readonly kind: K } & Omit<EventOf<K>, keyof typeof envelope | "kind"> }[
  LifecycleKind
]

const sources = {
  Created: "new",
  Resumed: "resume",
  Moved: "resume",
  Forked: "fork",
  Rehydrated: "rehydrate",
  Fresh: "new"
} as const

const endReasons = {
  stopped: "closed",
  reaped: "idle",
  lost: "provider-exit",
  replaced: "replaced",
  reset: "reset",
  deleted: "deleted",
  shutdown: "shutdown",
  "host-crash": "crash"
} as const

const outcomes = {
  TurnCompleted: "completed",
  TurnFailed: "failed",
  TurnInterrupted: "interrupted",
  TurnUnknown: "unknown"
} as const

/** What a durable event says to hooks, and what makes it unique within its epoch; nothing for most events. */
const payload = (event: ThreadEvent): readonly [key: string, payload: Payload] | undefined => {
  switch (event._tag) {
    case "SessionStarted": {
      const { continuity, previousSessionId, recovered } = event
      const goesOn = continuity._tag === "Resumed" || continuity._tag === "Moved"
      return ["", {
        kind: "session:start",
        source: previousSessionId !== undefined
          ? "reset"
          : recovered === true && goesOn
          ? "recovered"
          : sources[continuity._tag],
        continuity,
        ...(previousSessionId === undefined ? {} : { previousSessionId })
      }]
    }
    case "SessionEnded":
      return ["", {
        kind: "session:end",
        reason: endReasons[event.reason],
        endedAt: event.endedAt ?? event.at,
        endedAtEstimated: event.endedAt !== undefined,
        ...(event.nextSessionId === undefined ? {} : { nextSessionId: event.nextSessionId })
      }]
    case "SessionReset":
      return ["", {
        kind: "session:reset",
        previousSessionId: event.previousSessionId,
        nextSessionId: event.nextSessionId
      }]
    case "TurnStarted":
      return [event.turnId, { kind: "turn:start", turnId: event.turnId, input: event.input }]
    case "TurnCompleted":
    case "TurnFailed":
    case "TurnInterrupted":
    case "TurnUnknown":
      return [event.turnId, {
        kind: "turn:end",
        turnId: event.turnId,
        outcome: outcomes[event._tag],
        ...("usage" in event ? { usage: event.usage } : {}),
        ...(event._tag === "TurnFailed" ? { failure: event.failure } : {})
      }]
    case "ApprovalRequested":
      return [event.request.requestId, {
        kind: "approval:requested",
        ...(event.turnId === undefined ? {} : { turnId: event.turnId }),
        request: event.request
      }]
    case "CompactionGated": {
      const { compactionId, failure, snapshot, trigger, vetoable } = event
      return [compactionId, {
        kind: "compaction:before",
        compactionId,
        trigger,
        vetoable,
        ...(snapshot === undefined ? {} : { snapshot }),
        ...(failure === undefined ? {} : { failure })
      }]
    }
    case "CompactionSettled": {
      const { compactionId, outcome, reason, snapshotId, summary, trigger } = event
      return [compactionId, {
        kind: "compaction:after",
        compactionId,
        trigger,
        outcome,
        ...(summary === undefined ? {} : { summary }),
        ...(reason === undefined ? {} : { reason }),
        ...(snapshotId === undefined ? {} : { snapshotId })
      }]
    }
    case "SnapshotWritten":
      return [event.snapshot.snapshotId, {
        kind: "snapshot:written",
        snapshot: event.snapshot,
        ...(event.compactionId === undefined ? {} : { compactionId: event.compactionId })
      }]
    case "SnapshotFailed":
      return [event.failure.snapshotId, {
        kind: "snapshot:failed",
        failure: event.failure,
        ...(event.compactionId === undefined ? {} : { compactionId: event.compactionId })
      }]
    default:
      return undefined
  }
}

type Place = Pick<ThreadEvent, "threadId" | "epoch">

/** A session has one epoch number once, also where a deleted thread's id is used again. */
export const eventId = (
  { epoch, threadId }: Place,
  { sessionId }: Identity,
  kind: LifecycleKind,
  key: string
): string =>
  `evt_${
    createHash("sha256").update(JSON.stringify([threadId, sessionId, epoch, kind, key])).digest("hex").slice(0, 32)
  }`

/** Puts an envelope around a payload. */
export const make = <K extends LifecycleKind>(
  place: Pick<ThreadEvent, "seq" | "at" | "threadId" | "epoch">,
  identity: Identity,
  key: string,
  payload: Extract<Payload, { readonly kind: K }>
) => ({
  v: version,
  eventId: eventId(place, identity, payload.kind, key),
  ...Struct.pick(place, ["seq", "at", "threadId", "epoch"]),
  ...Struct.pick(identity, ["provider", "instanceId", "sessionId", "directory"]),
  delivery: { attempt: 1, recovered: false },
  ...payload
})

/** The lifecycle event that this durable event records, if it records one. */
export const of = (event: ThreadEvent, identity: Identity): LifecycleEvent | undefined => {
  const found = payload(event)
  return found === undefined ? undefined : make(event, identity, found[0], found[1])
}

/** The kind of lifecycle event that this durable event records, if it records one. */
export const kindOf = (event: ThreadEvent): LifecycleKind | undefined => payload(event)?.[1].kind
