/**
 * Lifecycle events, derived from the durable events that record them. Their ids are hashes, the same on every delivery
 * and after a restart.
 *
 * @since 0.1.0
 */
import { Struct } from "effect"
import { hash } from "node:crypto"
import type { EventOf, Identity, LifecycleEvent, LifecycleTag } from "../domain/LifecycleEvent.ts"
import { version } from "../domain/LifecycleEvent.ts"
import type { EventBody, NumberedEvent, Place } from "../domain/ThreadEvent.ts"
import * as TurnOutcome from "../domain/TurnOutcome.ts"

type Envelope = "v" | "eventId" | "seq" | "at" | "threadId" | "epoch" | keyof Identity | "delivery"

type Payload = { [K in LifecycleTag]: { readonly _tag: K } & Omit<EventOf<K>, Envelope | "_tag"> }[LifecycleTag]

const sources = {
  Created: "new",
  Resumed: "resume",
  Moved: "resume",
  Returned: "resume",
  Forked: "fork",
  Adopted: "adopt",
  Rehydrated: "rehydrate",
  Fresh: "fresh"
} as const

/** What a durable event says to hooks, and what makes it unique within its epoch; nothing for most events. */
const payload = (event: NumberedEvent): readonly [key: string, payload: Payload] | undefined => {
  switch (event._tag) {
    case "SessionStarted": {
      const { continuity, previousSessionId, recovered } = event
      const goesOn = continuity._tag === "Resumed" || continuity._tag === "Moved"
      return ["", {
        _tag: "session:start",
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
        _tag: "session:end",
        reason: event.reason,
        endedAt: event.endedAt ?? event.at,
        endedAtEstimated: event.endedAt !== undefined,
        ...(event.nextSessionId === undefined ? {} : { nextSessionId: event.nextSessionId })
      }]
    case "SessionReset":
      return ["", {
        _tag: "session:reset",
        previousSessionId: event.previousSessionId,
        nextSessionId: event.nextSessionId
      }]
    case "ThreadRewound":
      // A thread can be taken back to before the same turn once: it is no part of the conversation then.
      return [event.before, { _tag: "thread:rewound", before: event.before, files: event.files }]
    case "Annotated":
      return [String(event.seq), {
        _tag: "thread:annotated",
        ...Struct.pick(event, ["kind", "data"]),
        ...(event.turnId === undefined ? {} : { turnId: event.turnId })
      }]
    case "TurnStarted":
      return [event.turnId, { _tag: "turn:start", turnId: event.turnId, input: event.input }]
    case "TurnBegan":
      return [event.turnId, { _tag: "turn:start", turnId: event.turnId, cause: event.cause }]
    case "TurnCompleted":
    case "TurnFailed":
    case "TurnInterrupted":
    case "TurnUnknown":
      return [event.turnId, {
        _tag: "turn:end",
        turnId: event.turnId,
        outcome: TurnOutcome.of(event),
        ...(event.usage === undefined ? {} : { usage: event.usage }),
        ...(event._tag === "TurnFailed" ? { failure: event.failure } : {})
      }]
    case "ApprovalRequested":
      return [event.request.requestId, {
        _tag: "approval:requested",
        ...(event.turnId === undefined ? {} : { turnId: event.turnId }),
        request: event.request
      }]
    case "ApprovalSettled":
      return [event.requestId, {
        _tag: "approval:settled",
        ...Struct.pick(event, ["requestId", "by"]),
        ...(event.turnId === undefined ? {} : { turnId: event.turnId }),
        ...(event.actor === undefined ? {} : { actor: event.actor }),
        ...(event.decision === undefined ? {} : { decision: event.decision })
      }]
    case "CompactionGated": {
      const { compactionId, failure, snapshot, trigger, vetoable } = event
      return [compactionId, {
        _tag: "compaction:before",
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
        _tag: "compaction:after",
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
        _tag: "snapshot:written",
        snapshot: event.snapshot,
        ...(event.compactionId === undefined ? {} : { compactionId: event.compactionId })
      }]
    case "SnapshotFailed":
      return [event.failure.snapshotId, {
        _tag: "snapshot:failed",
        failure: event.failure,
        ...(event.compactionId === undefined ? {} : { compactionId: event.compactionId })
      }]
    default:
      return undefined
  }
}

/**
 * A session has one epoch number once, also where a deleted thread's id is used again.
 *
 * @category constructors
 * @since 0.1.0
 */
export const eventId = (
  { epoch, threadId }: Pick<Place, "threadId" | "epoch">,
  { sessionId }: Identity,
  tag: LifecycleTag,
  key: string
): string => `evt_${hash("sha256", JSON.stringify([threadId, sessionId, epoch, tag, key])).slice(0, 32)}`

/**
 * Puts an envelope around a payload.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <K extends LifecycleTag>(
  place: Pick<Place, "seq" | "at" | "threadId" | "epoch">,
  identity: Identity,
  key: string,
  payload: Extract<Payload, { readonly _tag: K }>
) => ({
  v: version,
  eventId: eventId(place, identity, payload._tag, key),
  ...Struct.pick(place, ["seq", "at", "threadId", "epoch"]),
  ...Struct.pick(identity, ["provider", "instanceId", "sessionId", "directory"]),
  delivery: { attempt: 1, recovered: false },
  ...payload
})

/**
 * The lifecycle event that this durable event records, if it records one.
 *
 * @category constructors
 * @since 0.1.0
 */
export const of = (event: NumberedEvent, identity: Identity): LifecycleEvent | undefined => {
  const found = payload(event)
  return found === undefined ? undefined : make(event, identity, found[0], found[1])
}

const tags: { readonly [K in EventBody["_tag"]]?: LifecycleTag } = {
  SessionStarted: "session:start",
  SessionEnded: "session:end",
  SessionReset: "session:reset",
  ThreadRewound: "thread:rewound",
  Annotated: "thread:annotated",
  TurnStarted: "turn:start",
  TurnBegan: "turn:start",
  TurnCompleted: "turn:end",
  TurnFailed: "turn:end",
  TurnInterrupted: "turn:end",
  TurnUnknown: "turn:end",
  ApprovalRequested: "approval:requested",
  ApprovalSettled: "approval:settled",
  CompactionGated: "compaction:before",
  CompactionSettled: "compaction:after",
  SnapshotWritten: "snapshot:written",
  SnapshotFailed: "snapshot:failed"
}

/**
 * The tag of the lifecycle event that this durable event records, if it records one.
 *
 * @category constructors
 * @since 0.1.0
 */
export const tagOf = ({ _tag }: Pick<EventBody, "_tag">): LifecycleTag | undefined => tags[_tag]
