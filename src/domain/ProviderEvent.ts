/**
 * What an adapter emits of its session: turns, items, requests, tasks, compactions, and what it says of itself.
 *
 * @since 0.1.0
 */
import { Schema } from "effect"
import { CompactionTrigger } from "./Compaction.ts"
import { ItemId, RequestId, TurnId } from "./Ids.ts"
import { Item } from "./Item.ts"
import { RuntimeMode } from "./RuntimeMode.ts"
import { Task } from "./Task.ts"
import { TurnCause } from "./TurnCause.ts"
import { TurnFailure } from "./TurnFailure.ts"
import { ModelSelection } from "./TurnInput.ts"
import { Usage } from "./Usage.ts"
import {
  ApprovalDecision,
  ApprovalRequest,
  ElicitationOutcome,
  ElicitationRequest,
  QuestionAnswer,
  QuestionRequest,
  SettledBy
} from "./UserRequest.ts"

const turn = { turnId: TurnId }
const maybeTurn = { turnId: Schema.optionalKey(TurnId) }

const settled = {
  requestId: RequestId,
  by: SettledBy,
  /** Who decided: the name that the app gave for the user, or the name of the hook. */
  actor: Schema.optionalKey(Schema.String)
}

/**
 * Who interrupted a turn: the user, a stop of the session, the agent itself, or a shutdown of the service.
 *
 * @since 0.1.0
 * @category schemas
 */
export const InterruptedBy = Schema.Literals(["user", "stop", "agent", "shutdown"])

/**
 * @since 0.1.0
 * @category models
 */
export type InterruptedBy = typeof InterruptedBy.Type

/**
 * Who changed a mode or a model: the user, by the app; the agent itself; or the provider of its model.
 *
 * @since 0.1.0
 * @category schemas
 */
export const ChangedBy = Schema.Literals(["user", "agent", "provider"])

/**
 * @since 0.1.0
 * @category models
 */
export type ChangedBy = typeof ChangedBy.Type

/** The fields of each, as {@link ./ThreadEvent.ts} makes its own union of them. */
export const providerCases = {
  /**
   * A turn that the agent begins itself. The adapter makes its id, new and unique. It has usage, deadlines, one terminal
   * event and hooks, as every turn.
   */
  TurnBegan: { ...turn, cause: TurnCause },
  /** `refused`: the agent ended it because the user denied an approval, or dismissed a question, without a word. */
  TurnCompleted: { ...turn, usage: Usage, refused: Schema.optionalKey(Schema.Literals(["denied", "dismissed"])) },
  TurnFailed: { ...turn, failure: TurnFailure, usage: Usage },
  TurnInterrupted: { ...turn, by: InterruptedBy, usage: Usage },
  ItemStarted: { ...maybeTurn, item: Item },
  /** An item in progress, as it stands now. Ephemeral. */
  ItemUpdated: { ...maybeTurn, item: Item },
  ItemCompleted: {
    ...maybeTurn,
    item: Item,
    /** Set if the item was read from the provider's history afterwards, because its events were lost. */
    recovered: Schema.optionalKey(Schema.Boolean),
    /**
     * Set if the turn or the session ended before the agent completed the item: it holds what readers had seen of it. A
     * later `recovered` item with the same id replaces it.
     */
    cut: Schema.optionalKey(Schema.Boolean)
  },
  /**
   * The item, as it stands, goes on after its turn has ended (a command that was left running). From here on it belongs to
   * no turn; at most one `ItemCompleted` follows.
   */
  ItemDetached: { ...maybeTurn, item: Item },
  /**
   * New text of an item, or new output of a command or tool; `offset` is its position in that text, in UTF-16 code units.
   * Ephemeral.
   */
  ItemDelta: {
    ...maybeTurn,
    itemId: ItemId,
    field: Schema.Literals(["text", "output"]),
    offset: Schema.Int,
    delta: Schema.String
  },
  ApprovalRequested: { ...maybeTurn, request: ApprovalRequest },
  ApprovalSettled: {
    ...maybeTurn,
    ...settled,
    decision: Schema.optionalKey(ApprovalDecision)
  },
  QuestionAsked: { ...maybeTurn, request: QuestionRequest },
  QuestionSettled: { ...maybeTurn, ...settled, answer: Schema.optionalKey(QuestionAnswer) },
  ElicitationRequested: { ...maybeTurn, request: ElicitationRequest },
  ElicitationSettled: { ...maybeTurn, ...settled, outcome: Schema.optionalKey(ElicitationOutcome) },
  TaskStarted: { ...maybeTurn, task: Task },
  /** Ephemeral. */
  TaskUpdated: { ...maybeTurn, task: Task },
  /** `task.status` says how. */
  TaskEnded: { ...maybeTurn, task: Task },
  PlanUpdated: {
    ...maybeTurn,
    steps: Schema.Array(Schema.Struct({
      text: Schema.String,
      status: Schema.Literals(["pending", "in-progress", "completed", "cancelled"])
    }))
  },
  /** Usage of the running turn so far. */
  UsageUpdated: { ...maybeTurn, usage: Usage },
  /**
   * One call of the model is over. `brought` says what it gave: text, a call of a tool (with or without text), or nothing.
   * Only where the adapter's capabilities have `steps`.
   */
  StepEnded: {
    ...maybeTurn,
    usage: Schema.optionalKey(Usage),
    brought: Schema.Literals(["text", "tool", "nothing"])
  },
  /** How full the model's context is, in tokens. */
  ContextUpdated: { ...maybeTurn, used: Schema.Finite, window: Schema.optionalKey(Schema.Finite) },
  /**
   * What is left of the account's quotas. `used` is from 0 to 1, `windowMillis` how long one lasts, `resetsAt` in
   * milliseconds since 1970.
   */
  RateLimitsUpdated: {
    ...maybeTurn,
    limits: Schema.Array(Schema.Struct({
      name: Schema.String,
      used: Schema.optionalKey(Schema.Finite),
      windowMillis: Schema.optionalKey(Schema.Finite),
      resetsAt: Schema.optionalKey(Schema.Finite)
    }))
  },
  /** What the turn has changed in files so far, as one unified diff. Ephemeral. */
  DiffUpdated: { ...maybeTurn, diff: Schema.String },
  /** The agent's own title of its session. The thread's title is the app's and stays. */
  TitleUpdated: { ...maybeTurn, title: Schema.String },
  /**
   * Another model answers: from the next turn on, where the user has changed it (`configureThread`); from here on, where
   * the agent has, or its provider, which may send a request to another model.
   */
  ModelChanged: { ...maybeTurn, model: ModelSelection, by: ChangedBy },
  /**
   * `mode`: the agent's own mode (`plan`, `build`, ...) is another than before. `runtimeMode`: from its next tool on the agent
   * is held to another one. A mode that holds from the next session on is told by `SessionStarted`.
   */
  ModeChanged: {
    ...maybeTurn,
    mode: Schema.optionalKey(Schema.String),
    runtimeMode: Schema.optionalKey(RuntimeMode),
    by: ChangedBy
  },
  /** The state of the agent's MCP servers. `other`: one that the adapter does not know. */
  McpStatus: {
    ...maybeTurn,
    servers: Schema.Array(Schema.Struct({
      name: Schema.String,
      status: Schema.Literals(["starting", "ready", "failed", "login-required", "off", "other"]),
      message: Schema.optionalKey(Schema.String)
    }))
  },
  /** What the agent offers is another than before: ask `listOffers` again, or read `watchOffers`. Ephemeral. */
  OffersChanged: { ...maybeTurn },
  /**
   * `unheld`: the agent was to be held and goes on without the answer. Also of a compaction that has begun before, and
   * whose question is open.
   */
  CompactionStarted: { ...maybeTurn, trigger: CompactionTrigger, unheld: Schema.optionalKey(Schema.Boolean) },
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
  /** An error that the agent reported outside any turn. */
  ErrorReported: { ...maybeTurn, name: Schema.String, message: Schema.optionalKey(Schema.String) },
  /** A frame that the adapter does not know, or a stored event that this version does not know, unchanged. */
  Unrecognized: { ...maybeTurn, type: Schema.String, raw: Schema.Unknown },
  /**
   * Events are missing here, exactly one `Gap` per hole. `lost` says which. Ephemeral unless the cause is the
   * provider's stream. `log-replaced`: the reader asked to continue after a `seq` that this log never reached, because
   * the thread was deleted and created again or the store was restored from a backup; the log follows from its start.
   * `pruned`: the events up to this `seq` were removed, as `retention` says.
   */
  Gap: {
    ...maybeTurn,
    cause: Schema.Literals(["slow-reader", "provider-stream", "log-replaced", "pruned"]),
    lost: Schema.Literals(["deltas", "events"])
  }
} as const

/**
 * An event as an adapter emits it: the union without the events that only the service can know.
 *
 * @since 0.1.0
 * @category schemas
 */
export const ProviderEvent = Schema.TaggedUnion(providerCases)

/**
 * @since 0.1.0
 * @category models
 */
export type ProviderEvent = typeof ProviderEvent.Type
