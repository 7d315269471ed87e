/**
 * What is known of a live session: the running turn, its items, the open requests, work in the background and a compaction,
 * as values.
 */
import * as ItemLedger from "../../adapter/ItemLedger.ts"
import type { PeerId } from "../../adapter/PeerProtocol.ts"
import * as RequestBook from "../../adapter/RequestBook.ts"
import type { ItemId, RequestId, TaskId, TurnId } from "../../domain/Ids.ts"
import type { Item } from "../../domain/Item.ts"
import * as Machine from "../../domain/Step.ts"
import type { Task } from "../../domain/Task.ts"
import type { ProviderEvent } from "../../domain/ThreadEvent.ts"
import type { TurnCause } from "../../domain/TurnCause.ts"
import type { Usage } from "../../domain/Usage.ts"
import type { CompactionVerdict, TurnEvidence } from "../../provider/ProviderAdapter.ts"
import type { Heard } from "../protocol/Failure.ts"
import type { Frame, Tokens } from "../protocol/Frame.ts"
import type { Call } from "../protocol/Items.ts"
import type { ForUser } from "../protocol/Request.ts"

export interface Turn extends Heard {
  readonly turnId: TurnId
  /** The id of its message. Absent: the agent began it. */
  readonly uuid: string | undefined
  /** Messages that were added and that no result has named yet. */
  readonly steers: ReadonlySet<string>
  readonly interrupting: boolean
  readonly usage: Usage
  /**
   * The part of it that results have told: what was added too late is answered with a result of its own. Less than nothing: the
   * next result counts that much of another turn.
   */
  readonly counted: Usage
}

/** A message of ours that Claude has not begun to work on. */
export interface Sending {
  readonly turnId: TurnId
  readonly uuid: string
}

export interface Compaction {
  readonly trigger: "auto" | "manual"
  readonly summary: string | undefined
}

/** The call of the model that streams. */
export interface Streaming {
  readonly messageId: string
  readonly tokens: Tokens
  readonly brought: "text" | "tool" | "nothing"
  /** Its end was told. */
  readonly told: boolean
}

/** What the ledger knows of an open item: the call of a tool, and the turn that it began in. */
export interface About {
  readonly call: Call | undefined
  readonly turnId: TurnId | undefined
  readonly timing?: Timing
}

/** When a tool began to work, by our clock and what Claude says that it took. */
export interface Timing {
  readonly startedAt: number
  readonly durationMillis: number
}

/** A task, whether it goes on in the background, and how it is known to have ended. */
export interface Background {
  readonly task: Task
  readonly background: boolean
  readonly ended: Task["status"] | undefined
}

export interface State {
  readonly turn: Turn | undefined
  readonly sending: Sending | undefined
  /** A message that Claude works on and that begins no turn of ours: one that was added too late, for example. */
  readonly working: string | undefined
  readonly compaction: Compaction | undefined
  readonly items: ItemLedger.ItemLedger<About>
  readonly requests: RequestBook.RequestBook<Native>
  /** The message that each says: the agent itself (`undefined`), and subagents beside it. */
  readonly streaming: ReadonlyMap<string | undefined, Streaming>
  /** Blocks of messages: how many have come whole, and which were begun in the stream. */
  readonly blocks: ReadonlyMap<string, Blocks>
  readonly tasks: ReadonlyMap<TaskId, Background>
  /** Why the agent would begin a turn of its own now: `background` once a task has ended since the last turn. */
  readonly cause: TurnCause
  /** Tokens that the model's context holds, where it was told. */
  readonly window: number | undefined
  readonly mode: string | undefined
  readonly gated: boolean
}

export interface Blocks {
  readonly whole: number
  readonly begun: ReadonlyArray<{ readonly index: number; readonly type: string; readonly itemId: ItemId }>
}

export interface Native {
  readonly id: PeerId
  readonly asked: ForUser
}

export type Input =
  | Frame
  | { readonly _tag: "Sending"; readonly turnId: TurnId; readonly uuid: string }
  | { readonly _tag: "NotSent"; readonly uuid: string }
  /** What the session's file says of a turn that Claude had already. */
  | { readonly _tag: "Repeated"; readonly turnId: TurnId; readonly outcome: TurnEvidence["outcome"] }
  | { readonly _tag: "Steering"; readonly uuid: string }
  /** What came of prompts that another client has sent. */
  | { readonly _tag: "OtherClient"; readonly items: ReadonlyArray<Item> }
  | { readonly _tag: "NotSteered"; readonly uuid: string }
  | { readonly _tag: "Interrupting"; readonly turnId: TurnId }
  | {
    readonly _tag: "Asked"
    readonly id: PeerId
    readonly asked: ForUser
    readonly raw: unknown
    /** Whatever was allowed before. */
    readonly always?: boolean | undefined
  }
  | { readonly _tag: "Ran"; readonly itemId: ItemId; readonly durationMillis: number }
  | { readonly _tag: "Answering"; readonly requestId: RequestId; readonly given: RequestBook.Answer }
  | { readonly _tag: "Settled"; readonly requestId: RequestId }
  | { readonly _tag: "Withdrawn"; readonly key: string }
  | { readonly _tag: "Compacting"; readonly trigger: Compaction["trigger"] }
  /** The session's file lacks what the stream has shown. */
  | { readonly _tag: "Behind" }
  | { readonly _tag: "Decided"; readonly verdict: CompactionVerdict }
  | { readonly _tag: "Summarized"; readonly summary: string | undefined }
  /** The process has ended, and another one goes on. */
  | { readonly _tag: "Replaced" }

export type Want =
  | RequestBook.Want<Native>
  /** Claude has the message. */
  | { readonly _tag: "Queued"; readonly uuid: string }
  /** Claude works on the message. */
  | { readonly _tag: "Started"; readonly uuid: string }
  /** Claude had the message already, and drops the repeat. */
  | { readonly _tag: "Had"; readonly turnId: TurnId; readonly uuid: string }
  /** Claude is done with the message. */
  | { readonly _tag: "Done"; readonly uuid: string }
  /** The conversation is another one now. */
  | { readonly _tag: "Lost" }

export type Step = Machine.Step<State, ProviderEvent, Want>

export const step = (
  state: State,
  events?: ReadonlyArray<ProviderEvent>,
  wants?: ReadonlyArray<Want>
): Step => Machine.make<State, ProviderEvent, Want>(state, events, wants)

export const make = (prefix: string, gated: boolean): State => ({
  turn: undefined,
  sending: undefined,
  working: undefined,
  compaction: undefined,
  items: ItemLedger.empty,
  requests: RequestBook.make(prefix),
  streaming: new Map(),
  blocks: new Map(),
  tasks: new Map(),
  cause: "agent",
  window: undefined,
  mode: undefined,
  gated
})

/** The turn that something of the agent itself belongs to. */
export const place = ({ turn }: State): { readonly turnId?: TurnId } =>
  turn === undefined ? {} : { turnId: turn.turnId }

export const withTurn = (state: State, change: Partial<Turn>): State =>
  state.turn === undefined ? state : { ...state, turn: { ...state.turn, ...change } }

export const withItems = (state: State, { events, state: items }: ItemLedger.Step<About>): Step =>
  step({ ...state, items }, events)

export const withRequests = (state: State, next: RequestBook.Step<Native>): Step =>
  step({ ...state, requests: next.state }, next.events, next.wants)
