/**
 * What a view of a thread holds.
 */
import type { CompactionOutcome, CompactionTrigger } from "../Compaction.ts"
import type { Continuity } from "../Continuity.ts"
import type { Epoch, InstanceId, ProviderName, SessionId, TurnId } from "../Ids.ts"
import type { Item } from "../Item.ts"
import type { RuntimeMode } from "../RuntimeMode.ts"
import type { Background, ContextUse, OpenRequest } from "../ThreadActivity.ts"
import type { SessionEndReason, ThreadEvent } from "../ThreadEvent.ts"
import type { TurnCause } from "../TurnCause.ts"
import type { ModelSelection, RecordedInput } from "../TurnInput.ts"
import type * as TurnOutcome from "../TurnOutcome.ts"
import type * as Usage from "../Usage.ts"

/**
 * One item as it stands. `open`: it may still change. `cut`: it ended before the agent completed it.
 *
 * @since 0.1.0
 * @category models
 */
export interface ItemView {
  readonly item: Item
  readonly state: "open" | "completed" | "cut"
}

/**
 * One turn, with its items in the order in which they were begun. The first is what the user said, if it was sent.
 *
 * @since 0.1.0
 * @category models
 */
export interface TurnView {
  readonly turnId: TurnId
  readonly epoch: Epoch
  /** Milliseconds since 1970. */
  readonly startedAt: number
  readonly input?: RecordedInput
  readonly cause?: TurnCause
  readonly items: ReadonlyArray<ItemView>
  /** What it has used so far. */
  readonly usage?: Usage.Usage
  /** What it has changed in files so far, as one unified diff. */
  readonly diff?: string
  /** Absent while it runs. */
  readonly outcome?: TurnOutcome.TurnOutcome
  /** The conversation was taken back to before it. */
  readonly rewound?: true
}

/**
 * One session of the thread: a band across the screen where it began, and where it ended.
 *
 * @since 0.1.0
 * @category models
 */
export interface SessionView {
  readonly epoch: Epoch
  readonly at: number
  readonly continuity: Continuity
  readonly instanceId: InstanceId
  readonly provider: ProviderName
  readonly sessionId: SessionId
  readonly directory: string
  readonly runtimeMode: RuntimeMode
  /** The turn before it; absent at the beginning. */
  readonly after?: TurnId
  readonly ended?: { readonly at: number; readonly reason: SessionEndReason }
}

/**
 * One compaction.
 *
 * @since 0.1.0
 * @category models
 */
export interface CompactionView {
  readonly compactionId: string
  readonly trigger: CompactionTrigger
  readonly at: number
  /** The turn before it, or that it is in; absent at the beginning. */
  readonly after?: TurnId
  /** Absent while it is under way. */
  readonly outcome?: CompactionOutcome
  readonly summary?: string
  readonly reason?: string
  readonly snapshotId?: string
}

/**
 * One step of the agent's plan.
 *
 * @since 0.1.0
 * @category models
 */
export type PlanStep = Extract<ThreadEvent, { readonly _tag: "PlanUpdated" }>["steps"][number]

/**
 * @since 0.1.0
 * @category models
 */
export interface ThreadView {
  /** Of the last durable event that is in the view: `streamEvents({ after })` goes on there. */
  readonly seq: number
  /** Turns that are over, oldest first. */
  readonly past: ReadonlyArray<TurnView>
  /** Turns that run: none, one, or one that the agent began beside one of ours. */
  readonly current: ReadonlyArray<TurnView>
  /** Items of no turn. */
  readonly loose: ReadonlyArray<ItemView>
  /** In the order in which they were asked. */
  readonly requests: ReadonlyArray<OpenRequest>
  readonly background: ReadonlyArray<Background>
  readonly sessions: ReadonlyArray<SessionView>
  readonly compactions: ReadonlyArray<CompactionView>
  readonly plan: ReadonlyArray<PlanStep>
  /** Of all turns that are over and in the view. */
  readonly usage: Usage.Usage
  /** How full the model's context is, as the agent told last. */
  readonly context?: ContextUse
  /** The agent's own title of its session. */
  readonly title?: string
  /** The model that the agent uses, where it is another than it was told to. */
  readonly model?: ModelSelection
  /** The agent's own mode. */
  readonly mode?: string
  /** Events before the first turn were removed, or lost by the agent's stream. */
  readonly incomplete: boolean
  readonly deleted: boolean
}
