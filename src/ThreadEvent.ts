/**
 * The canonical event union: everything that happens in a thread, for every provider, in one order.
 *
 * A {@link ProviderEvent} is what an adapter emits. The service stamps it with `seq`, `threadId`, `epoch` and `at` and
 * so makes it a {@link ThreadEvent}, which is what apps read and what the store keeps.
 *
 * Durable events are numbered 1, 2, 3, ... without holes per thread (`seq`) and are in the store before a reader sees
 * them. Ephemeral events (`ItemDelta`, `ItemUpdated`, `Gap`) carry the `seq` of the durable event before them, are not
 * stored, and lose nothing: the item's `ItemCompleted` holds the whole text. A reader that joins in the middle of an
 * item first gets one delta with `offset` 0 and all the text so far.
 *
 * Events are plain JSON data. Version {@link version} is written beside each stored event; an event that this version
 * does not know comes back as `Unrecognized` with the raw value, never as an error.
 */
import { Schema, Struct } from "effect"
import { Continuity } from "./Continuity.ts"
import { Epoch, InstanceId, ItemId, ProviderName, RequestId, SessionId, ThreadId, TurnId } from "./Ids.ts"
import { Item } from "./Item.ts"
import { RuntimeMode } from "./RuntimeMode.ts"
import { TurnFailure } from "./TurnFailure.ts"
import { TurnInput } from "./TurnInput.ts"
import { Usage } from "./Usage.ts"
import { ApprovalDecision, ApprovalRequest, QuestionAnswer, QuestionRequest, SettledBy } from "./UserRequest.ts"

/** Version of the event union, stored with every event. */
export const version = 1

const turn = { turnId: TurnId }
const maybeTurn = { turnId: Schema.optionalKey(TurnId) }

/** Why a live session ended. The thread can be continued after every one of them. */
export const SessionEndReason = Schema.Literals(["stopped", "reaped", "lost", "replaced", "shutdown", "host-crash"])
export type SessionEndReason = typeof SessionEndReason.Type

/** Who or what interrupted a turn. */
export const InterruptedBy = Schema.Literals(["user", "stop", "agent", "shutdown"])
export type InterruptedBy = typeof InterruptedBy.Type

/**
 * Why a turn's outcome cannot be known: the host died while it ran, or the input may or may not have reached the
 * provider.
 */
export const UnknownReason = Schema.Literals(["host-crash", "delivery-uncertain"])
export type UnknownReason = typeof UnknownReason.Type

const providerCases = {
  TurnCompleted: { ...turn, usage: Usage },
  TurnFailed: { ...turn, failure: TurnFailure, usage: Usage },
  TurnInterrupted: { ...turn, by: InterruptedBy, usage: Usage },
  ItemStarted: { ...maybeTurn, item: Item },
  /** An item in progress, as it stands now. Ephemeral. */
  ItemUpdated: { ...maybeTurn, item: Item },
  ItemCompleted: {
    ...maybeTurn,
    item: Item,
    /** Set where the item was read from the provider's history afterwards, because its events were lost. */
    recovered: Schema.optionalKey(Schema.Boolean)
  },
  /** New text of an item; `offset` is its position in the item's text, in UTF-16 code units. Ephemeral. */
  ItemDelta: { ...maybeTurn, itemId: ItemId, offset: Schema.Int, delta: Schema.String },
  ApprovalRequested: { ...maybeTurn, request: ApprovalRequest },
  ApprovalSettled: {
    ...maybeTurn,
    requestId: RequestId,
    by: SettledBy,
    decision: Schema.optionalKey(ApprovalDecision)
  },
  QuestionAsked: { ...maybeTurn, request: QuestionRequest },
  QuestionSettled: { ...maybeTurn, requestId: RequestId, by: SettledBy, answer: Schema.optionalKey(QuestionAnswer) },
  PlanUpdated: {
    ...maybeTurn,
    steps: Schema.Array(Schema.Struct({
      text: Schema.String,
      status: Schema.Literals(["pending", "in-progress", "completed", "cancelled"])
    }))
  },
  /** Usage of the running turn so far. */
  UsageUpdated: { ...maybeTurn, usage: Usage },
  CompactionStarted: { ...maybeTurn, trigger: Schema.Literals(["auto", "manual", "overflow"]) },
  CompactionCompleted: { ...maybeTurn, summary: Schema.optionalKey(Schema.String) },
  CompactionFailed: { ...maybeTurn, name: Schema.String },
  /** The agent will call its model again. `nextAt` is in milliseconds since the epoch. */
  RetryScheduled: {
    ...maybeTurn,
    attempt: Schema.Int,
    nextAt: Schema.optionalKey(Schema.Finite),
    message: Schema.optionalKey(Schema.String)
  },
  /** Something the user should know that does not end the turn. `code` is stable, `message` is prose. */
  Warning: { ...maybeTurn, code: Schema.String, message: Schema.optionalKey(Schema.String) },
  /** An error the agent reported outside of any turn. */
  ErrorReported: { ...maybeTurn, name: Schema.String, message: Schema.optionalKey(Schema.String) },
  /** A frame that the adapter, or a stored event that this version, does not know: kept as it came. */
  Unrecognized: { ...maybeTurn, type: Schema.String, raw: Schema.Unknown },
  /** Events are missing here, exactly once per hole. `lost` says which. Ephemeral when the cause is a slow reader. */
  Gap: {
    ...maybeTurn,
    cause: Schema.Literals(["slow-reader", "provider-stream"]),
    lost: Schema.Literals(["deltas", "events"])
  }
} as const

const serviceCases = {
  SessionStarted: {
    instanceId: InstanceId,
    provider: ProviderName,
    sessionId: SessionId,
    directory: Schema.String,
    runtimeMode: RuntimeMode,
    continuity: Continuity
  },
  SessionEnded: { reason: SessionEndReason },
  TurnStarted: { ...turn, input: TurnInput },
  /** More input joined the running turn. */
  TurnSteered: { ...turn, input: TurnInput },
  TurnUnknown: { ...turn, reason: UnknownReason },
  /**
   * What the provider's own history says of a turn that ended as unknown: it never arrived, or how it ended there.
   * Not a second terminal event.
   */
  TurnReconciled: {
    ...turn,
    evidence: Schema.Literals(["never-delivered", "completed", "failed", "interrupted", "unfinished"])
  }
} as const

/** What an adapter emits: the union without what only the service can know. */
export const ProviderEvent = Schema.TaggedUnion(providerCases)
export type ProviderEvent = typeof ProviderEvent.Type

const bodyCases = { ...providerCases, ...serviceCases } as const

/** An event before the service has given it its place in the thread. */
export const EventBody = Schema.TaggedUnion(bodyCases)
export type EventBody = typeof EventBody.Type

const envelope = {
  /** Position in the thread, from 1. Ephemeral events repeat the `seq` of the durable event before them. */
  seq: Schema.Int,
  threadId: ThreadId,
  epoch: Epoch,
  /** Milliseconds since the epoch, by the host's clock. */
  at: Schema.Finite
} as const

interface WithEnvelope extends Struct.Lambda {
  <F extends Schema.Struct.Fields>(fields: F): F & typeof envelope
  readonly "~lambda.out": this["~lambda.in"] extends Schema.Struct.Fields ? this["~lambda.in"] & typeof envelope : never
}

/** An event in its place: what apps read, and what the store keeps. */
export const ThreadEvent = Schema.TaggedUnion(
  Struct.map(bodyCases, Struct.lambda<WithEnvelope>((fields) => ({ ...fields, ...envelope })))
)
export type ThreadEvent = typeof ThreadEvent.Type

/** The events that end a turn; every accepted turn has exactly one. */
export type TerminalEvent = Extract<
  EventBody,
  { readonly _tag: "TurnCompleted" | "TurnFailed" | "TurnInterrupted" | "TurnUnknown" }
>

export const isTerminal = EventBody.isAnyOf(["TurnCompleted", "TurnFailed", "TurnInterrupted", "TurnUnknown"])

/** Ephemeral events are shown to live readers and not stored. */
export const isEphemeral = (event: EventBody): boolean =>
  event._tag === "ItemDelta" || event._tag === "ItemUpdated" || event._tag === "Gap"
