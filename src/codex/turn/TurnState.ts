/**
 * What is known of a live thread: the running turn, its items, the open requests and a compaction, as values.
 */
import * as ItemLedger from "../../adapter/ItemLedger.ts"
import type { PeerId } from "../../adapter/PeerProtocol.ts"
import * as RequestBook from "../../adapter/RequestBook.ts"
import type { ItemId, RequestId, TaskId, TurnId } from "../../domain/Ids.ts"
import * as Machine from "../../domain/Step.ts"
import type { Task } from "../../domain/Task.ts"
import type { ProviderEvent } from "../../domain/ThreadEvent.ts"
import type { Usage } from "../../domain/Usage.ts"
import type { CompactionVerdict } from "../../provider/ProviderAdapter.ts"
import type { TurnError } from "../protocol/Failure.ts"
import type { Frame } from "../protocol/Frame.ts"
import type { Asked } from "../protocol/Request.ts"
import type { Tokens } from "../protocol/Tokens.ts"

export interface Turn {
  readonly turnId: TurnId
  /** Codex's id, once it is known. */
  readonly native: string | undefined
  /** Codex said that it has begun: before that an interrupt would be lost. */
  readonly started: boolean
  readonly usage: Usage
  /** What its subagents have used, which the thread's totals leave out. */
  readonly below: Tokens
  readonly error: TurnError | undefined
  /** How often in a row Codex has called the model again. */
  readonly retries: number
  /** How often it began to do so. */
  readonly spells: number
  /** It was ended here because Codex would have called for ever. */
  readonly givenUp: boolean
  /** A compaction that was part of it was vetoed. */
  readonly vetoed: boolean
}

export interface Compaction {
  readonly trigger: "auto" | "manual"
  /** The turn that it is; that of an automatic one is the user's. */
  readonly native: string | undefined
  /** Its item was completed. What was asked for is over only with its turn: until then a prompt would be refused. */
  readonly written: boolean
  /** What became of the question: the gate was asked, has answered, or was passed without its answer. */
  readonly gate: "asked" | "answered" | "passed"
}

export interface Native {
  readonly id: PeerId
  readonly asked: Asked
}

/** A task that has not ended. */
export interface Work {
  readonly task: Task
  /** The thread of the subagent whose turn it is. */
  readonly agent: string | undefined
  /** The app has asked for its end. */
  readonly stopping: boolean
}

/** A thread that the agent has work done in. */
export interface Subagent {
  readonly title: string
  /** The item that started it. */
  readonly itemId: ItemId
  /** Its running totals, and what they were when its turn began. */
  readonly totals: Tokens
  readonly base: Tokens
  /** The turn of the agent's that the turn is for. */
  readonly root: string | undefined
}

export interface State {
  readonly turn: Turn | undefined
  readonly compaction: Compaction | undefined
  readonly items: ItemLedger.ItemLedger<ItemLedger.Place>
  readonly tasks: ReadonlyMap<TaskId, Work>
  /** By their threads. */
  readonly subagents: ReadonlyMap<string, Subagent>
  readonly requests: RequestBook.RequestBook<Native>
  /** The thread's running totals, and what they were when the turn began. */
  readonly totals: Tokens | undefined
  readonly base: Tokens | undefined
  readonly servers: ReadonlyMap<string, ServerStatus>
  /** The rate limits that were told last, as JSON. */
  readonly limits: string | undefined
  /** Each compaction is to be asked for. */
  readonly gated: boolean
}

export type ServerStatus = Extract<ProviderEvent, { readonly _tag: "McpStatus" }>["servers"][number]

export type Input =
  | Frame
  | { readonly _tag: "Sending"; readonly turnId: TurnId }
  | { readonly _tag: "Sent"; readonly turnId: TurnId; readonly native: string }
  | { readonly _tag: "NotSent"; readonly turnId: TurnId }
  | { readonly _tag: "GivenUp"; readonly turnId: TurnId; readonly spell: number }
  | { readonly _tag: "Subagent"; readonly agent: string; readonly frame: Frame }
  | { readonly _tag: "Stopping"; readonly taskId: TaskId }
  | {
    readonly _tag: "Asked"
    readonly id: PeerId
    readonly asked: Asked
    readonly raw: unknown
    /** The thread of the subagent that asks. */
    readonly agent?: string | undefined
    /** Whatever was allowed before. */
    readonly always?: boolean | undefined
  }
  | { readonly _tag: "Answering"; readonly requestId: RequestId; readonly given: RequestBook.Answer }
  | { readonly _tag: "Compacting"; readonly trigger: Compaction["trigger"] }
  | { readonly _tag: "Decided"; readonly verdict: CompactionVerdict }
  | { readonly _tag: "CompactionRefused"; readonly name: string }

export type Want =
  | RequestBook.Want<Native>
  | { readonly _tag: "Started"; readonly turnId: TurnId }
  | { readonly _tag: "Ended"; readonly turnId: TurnId }
  /** It calls its model in vain, for the `spell`-th time in this turn. */
  | { readonly _tag: "Retrying"; readonly turnId: TurnId; readonly spell: number }
  /** Codex no longer waits for an answer to it. */
  | { readonly _tag: "Forget"; readonly id: PeerId }

export type Step = Machine.Step<State, ProviderEvent, Want>

export const step = (
  state: State,
  events?: ReadonlyArray<ProviderEvent>,
  wants?: ReadonlyArray<Want>
): Step => Machine.make<State, ProviderEvent, Want>(state, events, wants)

export const make = (prefix: string, gated: boolean): State => ({
  turn: undefined,
  compaction: undefined,
  items: ItemLedger.empty,
  tasks: new Map(),
  subagents: new Map(),
  requests: RequestBook.make(prefix),
  totals: undefined,
  base: undefined,
  servers: new Map(),
  limits: undefined,
  gated
})

/** The turn that a frame belongs to. One that is sent has no id of Codex's yet, and what comes now is its own. */
export const place = ({ turn }: State, native: string | null | undefined): { readonly turnId?: TurnId } =>
  turn !== undefined && native != null && (turn.native === undefined || turn.native === native)
    ? { turnId: turn.turnId }
    : {}

export const withTurn = (state: State, change: Partial<Turn>): State =>
  state.turn === undefined ? state : { ...state, turn: { ...state.turn, ...change } }

export const withItems = (state: State, { events, state: items }: ItemLedger.Step<ItemLedger.Place>): Step =>
  step({ ...state, items }, events)

export const withRequests = (state: State, next: RequestBook.Step<Native>): Step =>
  step({ ...state, requests: next.state }, next.events, next.wants)
