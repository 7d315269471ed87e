/**
 * What is known of a live session: the running turn, its items, the open requests and a compaction, as values.
 */
import * as ItemLedger from "../../adapter/ItemLedger.ts"
import type { PeerId } from "../../adapter/PeerProtocol.ts"
import * as RequestBook from "../../adapter/RequestBook.ts"
import type { ItemId, RequestId, TurnId } from "../../domain/Ids.ts"
import * as Machine from "../../domain/Step.ts"
import type { ProviderEvent } from "../../domain/ThreadEvent.ts"
import type { Usage } from "../../domain/Usage.ts"
import type { Profile } from "../Profile.ts"
import type { AgentRefusal } from "../protocol/Failure.ts"
import type { Offered } from "../protocol/Offered.ts"
import type { Asked, Permission } from "../protocol/Request.ts"
import type { ToolCall } from "../protocol/ToolCall.ts"
import type { Update } from "../protocol/Update.ts"

export interface Turn {
  readonly turnId: TurnId
  readonly usage: Usage
  /** The message or thought that is being written, under the agent's id of it, if it has one. */
  readonly message:
    | { readonly itemId: ItemId; readonly kind: "AssistantMessage" | "Reasoning"; readonly native: string | undefined }
    | undefined
  /** How many messages it had. */
  readonly messages: number
  /** It is to end: what the agent says of its end no longer counts. */
  readonly cancelled: boolean
  /** The last word of the user's in it was a no. */
  readonly refused: "denied" | "dismissed" | undefined
}

/** What is known of an open tool call; `undefined` for a message. */
export type About = Known | undefined

export interface Known {
  readonly call: ToolCall
  readonly declined: boolean
  /** Since when the agent works on it, by our clock: it has said so, and the user has allowed what it asked. */
  readonly since?: number | undefined
}

export interface Native {
  readonly id: PeerId
  readonly asked: Asked
}

/** What the agent's profile says, as far as it is needed here. */
export type Dialect = Pick<
  Profile,
  "commandOf" | "outputOf" | "toolOf" | "comments" | "questionsOf" | "refine" | "usageOf" | "failureOf"
>

export interface State {
  readonly dialect: Dialect
  /** The agent's names of its ways to log in. */
  readonly methods: ReadonlyArray<string>
  readonly turn: Turn | undefined
  readonly items: ItemLedger.ItemLedger<About>
  readonly requests: RequestBook.RequestBook<Native>
  readonly offered: Offered
  /** The model that the agent was told to use, or began with. */
  readonly model: string | undefined
  /** The names of the commands that the agent told of last. */
  readonly commands: string | undefined
  readonly compaction: { readonly id: string; readonly summary: string } | undefined
}

/** How a prompt was answered. */
export type Ending =
  | { readonly _tag: "Stopped"; readonly reason: string; readonly raw: unknown }
  | { readonly _tag: "Refused"; readonly error: AgentRefusal }

export type Input =
  /** The agent is about to be told to use this model. */
  | { readonly _tag: "Choosing"; readonly model: string | undefined }
  /** What is offered, and holds, after a call that has set something. */
  | { readonly _tag: "Chosen"; readonly offered: Offered }
  | { readonly _tag: "Told"; readonly update: Update; readonly raw: unknown }
  | { readonly _tag: "Sending"; readonly turnId: TurnId }
  | { readonly _tag: "NotSent"; readonly turnId: TurnId }
  | { readonly _tag: "Ended"; readonly turnId: TurnId; readonly ending: Ending }
  | { readonly _tag: "Cancelling"; readonly turnId: TurnId }
  /** It was cancelled, and no end of it came. */
  | { readonly _tag: "GivenUp"; readonly turnId: TurnId }
  | {
    readonly _tag: "Asked"
    readonly id: PeerId
    readonly asked: Asked
    readonly raw: unknown
    /** Whatever was allowed before. */
    readonly always?: boolean | undefined
  }
  /** Answered by the mode, without a question. */
  | { readonly _tag: "Ruled"; readonly asked: Permission; readonly allow: boolean }
  | { readonly _tag: "Answering"; readonly requestId: RequestId; readonly given: RequestBook.Answer }
  | { readonly _tag: "Answered"; readonly requestId: RequestId }
  /** The agent no longer waits for an answer. */
  | { readonly _tag: "Withdrawn"; readonly id: PeerId }

export type Want = RequestBook.Want<Native>

export type Step = Machine.Step<State, ProviderEvent, Want>

export const step = (
  state: State,
  events?: ReadonlyArray<ProviderEvent>,
  wants?: ReadonlyArray<Want>
): Step => Machine.make<State, ProviderEvent, Want>(state, events, wants)

export const make = (
  prefix: string,
  dialect: Dialect,
  methods: ReadonlyArray<string>,
  offered: Offered
): State => ({
  dialect,
  offered,
  model: offered.models.current,
  methods,
  turn: undefined,
  items: ItemLedger.empty,
  requests: RequestBook.make(prefix),
  commands: undefined,
  compaction: undefined
})

/** The turn that runs. The protocol's updates name none. */
export const place = ({ turn }: State): { readonly turnId?: TurnId } =>
  turn === undefined ? {} : { turnId: turn.turnId }

export const withTurn = (state: State, change: Partial<Turn>): State =>
  state.turn === undefined ? state : { ...state, turn: { ...state.turn, ...change } }

export const withItems = (state: State, { events, state: items }: ItemLedger.Step<About>): Step =>
  step({ ...state, items }, events)

export const withRequests = (state: State, next: RequestBook.Step<Native>): Step =>
  step({ ...state, requests: next.state }, next.events, next.wants)
