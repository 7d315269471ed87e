/**
 * What is known of one live session (the root and its subagents): the state that {@link ./Turn.ts} steps through.
 */
import * as ItemLedger from "../../adapter/ItemLedger.ts"
import type { CompactionTrigger } from "../../domain/Compaction.ts"
import type { RequestId, TurnId } from "../../domain/Ids.ts"
import type { RuntimeMode } from "../../domain/RuntimeMode.ts"
import * as Machine from "../../domain/Step.ts"
import type { ProviderEvent } from "../../domain/ThreadEvent.ts"
import type { Usage } from "../../domain/Usage.ts"
import type { ApprovalDecision, QuestionAnswer } from "../../domain/UserRequest.ts"
import type { Frame, PermissionRequest, QuestionRequest } from "../protocol/Frame.ts"
import type { AssistantInfo, CompactionPart, ErrorInfo, Stored, TextPart, ToolPart } from "../protocol/Message.ts"
import type { Offence } from "./Offending.ts"
import type { Allowed, Policy } from "./Permissions.ts"

export interface Turn {
  readonly turnId: TurnId
  /** The prompt that began the turn. Nothing before its message belongs to the turn. */
  readonly messageId: string
  /** The prompt and what joined the turn later; `true` once OpenCode has shown the message. */
  readonly prompts: ReadonlyMap<string, boolean>
  /** OpenCode was seen working on it. */
  readonly busy: boolean
  readonly interrupting: boolean
  /** Frames were lost, so only the history can tell that nothing is missing. */
  readonly holed: boolean
  /** A compaction is complete, and neither text nor a tool has come since. */
  readonly fruitless: boolean
  /** Another one began then: the turn does not fit, however often it is compacted. */
  readonly overflowed: boolean
  /** The newest answer that is not a compaction's. */
  readonly last: AssistantInfo | undefined
  /** The user has said no to a request of the turn. */
  readonly refused: "denied" | "dismissed" | undefined
  /** The last `session.error` since that answer began; not terminal by itself. */
  readonly error: ErrorInfo | undefined
}

export type Brought = Extract<ProviderEvent, { readonly _tag: "StepEnded" }>["brought"]

export interface Using {
  readonly model: string
  readonly agent: string
}

export interface OpenRequest {
  readonly turnId: TurnId | undefined
  readonly asked:
    | { readonly kind: "approval"; readonly request: PermissionRequest; readonly decision?: ApprovalDecision }
    | { readonly kind: "question"; readonly request: QuestionRequest; readonly answer?: QuestionAnswer }
}

export interface Held {
  readonly sessionId: string
  /** What was denied. */
  readonly subject: string
  readonly message: string | undefined
}

export interface State {
  readonly root: string
  readonly policy: Policy
  readonly turn: Turn | undefined
  /** The root's title, as OpenCode last had it. */
  readonly title: string | undefined
  /** The greatest message id of the root. */
  readonly lastMessageId: string | undefined
  /** The authors of the tree's messages since the turn began. */
  readonly messages: ReadonlyMap<
    string,
    {
      readonly sessionId: string
      readonly role: string
      readonly agent: string | undefined
      readonly summary: boolean
      /** The user's message that it answers. */
      readonly parent: string | undefined
      /** By the server's clock, in milliseconds since 1970. */
      readonly created: number | undefined
      /** What its one call of the model has brought so far. */
      readonly brought: Brought
    }
  >
  /** By the ids of their parts. */
  readonly items: ItemLedger.ItemLedger<TextPart | ToolPart>
  /** Parts that requested a compaction, since the turn began. */
  readonly compactions: ReadonlySet<string>
  /** Messages of ours, and what they say: OpenCode repeats it after an overflow. */
  readonly own: ReadonlySet<string>
  readonly said: ReadonlySet<string>
  /** Parts of another client's messages that were told, and the messages. */
  readonly foreign: ReadonlyMap<string, string>
  /** The model and the agent that were last told of. */
  readonly using: Using | undefined
  readonly usage: ReadonlyMap<string, Usage>
  readonly requests: ReadonlyMap<RequestId, OpenRequest>
  /** Requests that are being allowed by rule, and their sessions. */
  readonly allowing: ReadonlyMap<RequestId, string>
  /** Denials that are not sent yet ({@link ./Denials.ts}). */
  readonly held: ReadonlyMap<RequestId, Held>
  readonly declined: ReadonlySet<string>
  /** Calls of tools that OpenCode has asked about and that are not over. */
  readonly asked: ReadonlySet<string>
  readonly allowed: ReadonlyArray<Allowed>
  /** Subagents' sessions, and whether they work. */
  readonly children: ReadonlyMap<string, boolean>
  readonly compaction: {
    readonly trigger: CompactionTrigger
    /** The message that requests it. */
    readonly messageId: string
    readonly summary: string | undefined
    readonly error: string | undefined
  } | undefined
  /** The last turn did not end well; OpenCode may report its error once more. */
  readonly echo: boolean
}

export const make = (root: string, policy: Policy, lastMessageId: string | undefined, title?: string): State => ({
  root,
  title,
  policy,
  turn: undefined,
  lastMessageId,
  messages: new Map(),
  items: ItemLedger.empty,
  compactions: new Set(),
  own: new Set(),
  said: new Set(),
  foreign: new Map(),
  using: undefined,
  usage: new Map(),
  requests: new Map(),
  allowing: new Map(),
  held: new Map(),
  declined: new Set(),
  asked: new Set(),
  allowed: [],
  children: new Map(),
  compaction: undefined,
  echo: false
})

/** The inputs: OpenCode's frames, our own actions, and what was read when frames did not suffice. */
export type Input =
  | Frame
  /** A prompt is about to be sent: as a new turn, or into the running one. */
  | { readonly _tag: "Sending"; readonly turnId: TurnId; readonly messageId: string; readonly using?: Using }
  | { readonly _tag: "Steering"; readonly messageId: string }
  /** A prompt was proved not to have arrived. */
  | { readonly _tag: "NotSent"; readonly messageId: string }
  /** A prompt was found in the history. */
  | { readonly _tag: "Sent"; readonly messageId: string }
  | { readonly _tag: "Interrupting" }
  /** OpenCode asks whether it may compact, at the request of this part. */
  | { readonly _tag: "Compacting"; readonly part: CompactionPart }
  /**
   * The app's guards have no objection to what OpenCode asks about, or have the user asked. `elsewhere`: it would change a file
   * that is not the directory's.
   */
  | {
    readonly _tag: "Guarded"
    readonly request: PermissionRequest
    readonly always: boolean
    readonly elsewhere: boolean
  }
  /** They veto it. */
  | { readonly _tag: "Vetoed"; readonly request: PermissionRequest; readonly reason: string }
  /** From here on requests are decided by another mode. */
  | { readonly _tag: "Mode"; readonly runtimeMode: RuntimeMode }
  /** The user's answer is about to be sent. */
  | { readonly _tag: "Answering"; readonly requestId: RequestId; readonly with: ApprovalDecision | QuestionAnswer }
  /** It did not arrive; `gone` when OpenCode no longer waits for it. */
  | { readonly _tag: "Unanswered"; readonly requestId: RequestId; readonly gone: boolean }
  /** An answer by rule has arrived, or never will. */
  | { readonly _tag: "Replied"; readonly requestId: RequestId }
  | Checked
  | Restored

/** The answer to a `Check`: the `attempt`-th look at the idle session, `final` when there will be no other. */
export interface Checked {
  readonly _tag: "Checked"
  readonly turnId: TurnId
  readonly messages: ReadonlyArray<Stored>
  readonly attempt: number
  readonly final: boolean
}

/** What the session is after frames were lost; `undefined` where it could not be read. */
export interface Restored {
  readonly _tag: "Restored"
  readonly read: {
    readonly busy: boolean
    readonly messages: ReadonlyArray<Stored>
    /** Subagents and their messages. */
    readonly children: ReadonlyArray<
      { readonly sessionId: string; readonly busy: boolean; readonly messages: ReadonlyArray<Stored> }
    >
    readonly permissions: ReadonlyArray<PermissionRequest>
    readonly questions: ReadonlyArray<QuestionRequest>
  } | undefined
}

/** Actions for the shell, which the reducer cannot do itself. */
export type Want =
  /** Ask whether the session works and what its messages say. */
  | { readonly _tag: "Check"; readonly turnId: TurnId }
  | {
    readonly _tag: "Reply"
    readonly requestId: RequestId
    readonly reply: "once" | "reject"
    readonly message?: string | undefined
  }
  | { readonly _tag: "Abort" }
  /** The tool ran, and OpenCode had not asked about it. */
  | { readonly _tag: "Unasked"; readonly tool: string }
  /** OpenCode has the prompt. */
  | { readonly _tag: "Accepted"; readonly messageId: string }
  /** An error of this session while a prompt was on its way: perhaps its refusal. */
  | { readonly _tag: "Doubt"; readonly error: ErrorInfo }
  | { readonly _tag: "Ended" }
  | { readonly _tag: "CompactionBegan" }
  /** It came to nothing. `messageId` is the message that still requests it. */
  | { readonly _tag: "CompactionGivenUp"; readonly messageId: string }
  /** The model's provider does not take what the session holds: what offends is to be taken out. */
  | { readonly _tag: "TakeOut"; readonly because: Offence }
  /** Something was not heard: the session is to be read again. */
  | { readonly _tag: "Missed" }
  /** The session was deleted. */
  | { readonly _tag: "Gone" }

export type Step = Machine.Step<State, ProviderEvent, Want>

export const triggerOf = ({ auto, overflow }: CompactionPart): CompactionTrigger =>
  overflow === true ? "overflow" : auto === true ? "auto" : "manual"

export const step = (
  state: State,
  events?: ReadonlyArray<ProviderEvent>,
  wants?: ReadonlyArray<Want>
): Step => Machine.make(state, events, wants)

export const andThen: (first: Step, next: (state: State) => Step) => Step = Machine.andThen

export const all: <A>(state: State, values: Iterable<A>, next: (state: State, value: A) => Step) => Step = Machine.all

/** The turn that OpenCode has; while a prompt is on its way, what is heard is still of the turn before. */
export const running = ({ turn }: State): Turn | undefined =>
  turn?.prompts.get(turn.messageId) === true ? turn : undefined

/**
 * Whether an answer belongs to the turn. Ids order messages by the clock of their maker, and ours may be ahead of the
 * server's; what an answer says of its parent holds whatever the clocks say.
 */
export const isOf = (turn: Pick<Turn, "messageId" | "prompts">, id: string, parent: string | undefined): boolean =>
  id > turn.messageId || (parent !== undefined && turn.prompts.has(parent))

/** Whether an answer was begun after all that was sent in the turn. */
export const answersAll = ({ prompts }: Pick<Turn, "prompts">, { id, parentID = "" }: AssistantInfo): boolean =>
  Array.from(prompts.keys()).every((prompt) => prompt < id || (prompts.has(parentID) && prompt <= parentID))

export const inTurn = (state: State): { readonly turnId?: TurnId } => {
  const turn = running(state)
  return turn === undefined ? {} : { turnId: turn.turnId }
}

export const put = <K, A>(map: ReadonlyMap<K, A>, key: K, value: A): ReadonlyMap<K, A> => new Map(map).set(key, value)

export const without = <K, A>(map: ReadonlyMap<K, A>, key: K): ReadonlyMap<K, A> => {
  const rest = new Map(map)
  rest.delete(key)
  return rest
}

export const including = <A>(set: ReadonlySet<A>, value: A): ReadonlySet<A> => new Set(set).add(value)

/** The tools that work, or are about to. */
export const openTools = (state: State): ReadonlyArray<ToolPart> =>
  Array.from(state.items.open.values()).flatMap(({ about }) => about.type === "tool" ? [about] : [])
