/**
 * One epoch of a thread as a value: what it is doing, what is open in it, and what can happen to it.
 *
 * The state is moved by {@link ./Epoch.ts} alone; one shell ({@link ./LiveEpoch.ts}) writes the events of a step to the
 * store before it takes the new state.
 */
import type { CompactionOutcome, CompactionTrigger } from "../../domain/Compaction.ts"
import type { CompactionPolicy } from "../../domain/CompactionPolicy.ts"
import type { ItemId, RequestId, SessionId, TaskId, TurnId } from "../../domain/Ids.ts"
import type { Item } from "../../domain/Item.ts"
import type { RequestKind } from "../../domain/OpenWork.ts"
import type { SnapshotFailure, SnapshotInfo } from "../../domain/Snapshot.ts"
import type { Step } from "../../domain/Step.ts"
import type { Task } from "../../domain/Task.ts"
import type {
  EventBody,
  InterruptedBy,
  ProviderEvent,
  SessionEndReason,
  TerminalEvent
} from "../../domain/ThreadEvent.ts"
import type { TurnCause } from "../../domain/TurnCause.ts"
import type { TurnFailure } from "../../domain/TurnFailure.ts"
import type { RecordedInput } from "../../domain/TurnInput.ts"
import type * as TurnLimits from "../../domain/TurnLimits.ts"
import * as Usage from "../../domain/Usage.ts"
import type { ApprovalChoice, Question } from "../../domain/UserRequest.ts"
import type { ProcessExit } from "../../provider/ProviderAdapter.ts"

/** What the model must read before its next prompt: turns that its session does not have, or where a snapshot is. */
export interface Note {
  readonly about: "missing-turns" | "snapshot"
  readonly text: string
}

/** A turn of ours on its way to the agent. Its events are held back, so that `TurnStarted` comes first. */
export interface Sending {
  readonly turnId: TurnId
  readonly input: RecordedInput
  /** The notes that went with it. */
  readonly notes: ReadonlyArray<Note>
  readonly held: ReadonlyArray<ProviderEvent>
  readonly interruptedBy: InterruptedBy | undefined
}

export interface Running {
  readonly turnId: TurnId
  /** Why the agent began it; absent for a turn of ours. */
  readonly cause: TurnCause | undefined
  /** When the agent took it up. */
  readonly startedAt: number
  /** The last answer of the agent itself, without its subagents. */
  readonly text: string
  /** The last usage that the agent reported. */
  readonly usage: Usage.Usage | undefined
  readonly interruptedBy: InterruptedBy | undefined
  /** The deadline of ours that has passed, or the limit that was met. */
  readonly deadline: TurnFailure | undefined
  /** Calls of the model in a row that brought nothing. */
  readonly emptySteps: number
  /** The last call of a tool, and how often it was made in a row. */
  readonly lastCall: string | undefined
  readonly sameCalls: number
}

export interface OpenRequest {
  readonly kind: RequestKind
  readonly turnId: TurnId | undefined
  /** The task that asks, beside the turns. */
  readonly taskId: TaskId | undefined
  /** What it asks; empty unless it is a question. */
  readonly questions: ReadonlyArray<Question>
  /** The answers that an approval offers of its own. */
  readonly choices: ReadonlyArray<ApprovalChoice>
  /** An answer is on its way to the agent. */
  readonly answering: boolean
  /** What the agent has said of the request meanwhile: news only if the answer does not arrive. */
  readonly settled: RequestSettled | undefined
}

/** An item that readers were shown and that is not complete. `text` is what its deltas have added up to. */
export interface OpenItem {
  readonly item: Item | undefined
  /** None once it is detached from its turn. */
  readonly turnId: TurnId | undefined
  readonly text: string
  /** Of what `text` is: the item's text, or its output. */
  readonly field: "text" | "output"
  /** It goes on without its turn. */
  readonly detached: boolean
}

/** A task that has not ended, and the turn that it began in. */
export interface OpenTask {
  readonly task: Task
  readonly turnId: TurnId | undefined
}

/** How a compaction ended. */
export interface CompactionEnding {
  readonly outcome: CompactionOutcome
  readonly summary?: string | undefined
  readonly reason?: string | undefined
}

/** Whether the transcript was saved; `undefined` where policy does not ask for it. */
export type Saved =
  | { readonly _tag: "Written"; readonly snapshot: SnapshotInfo }
  | { readonly _tag: "Failed"; readonly failure: SnapshotFailure }
  | undefined

export interface Compaction {
  readonly compactionId: string
  readonly trigger: CompactionTrigger
  /** Who began it: `us`, for the app or after an overflow; `agent`, and it waits for our verdict, or does not. */
  readonly by: "us" | "agent" | "agent-unheld"
  readonly turnId: TurnId | undefined
  /**
   * `preparing`: being saved. `gated`: `CompactionGated` is stored, so there must be an outcome. `released`: the agent was
   * let go.
   */
  readonly phase: "preparing" | "gated" | "released"
  /** The agent has reported that it begins. */
  readonly begun: boolean
  /** The agent has asked and has its answer: its next question is about another compaction. */
  readonly answered: boolean
  readonly snapshot: SnapshotInfo | undefined
  /** What the agent reported of its end before the compaction was gated. */
  readonly early: CompactionEnding | undefined
}

/** What does not change within an epoch. */
export interface EpochSetup {
  readonly policy: Required<CompactionPolicy>
  readonly limits: TurnLimits.Resolved
  /** The agent asks before each compaction and waits for the verdict. */
  readonly held: boolean
  /** Prefix of the ids of its compactions, unique to the epoch and ordered by time. */
  readonly compactionPrefix: string
}

export interface State {
  readonly setup: EpochSetup
  readonly phase: "live" | "over"
  /** Hooks have been told of the epoch's start. */
  readonly greeted: boolean
  /** Apart from `running`, since the agent may begin a turn while one of ours is on its way. */
  readonly sending: Sending | undefined
  /** The turn that the agent works on. */
  readonly running: Running | undefined
  /** Turns that the agent has and takes up afterwards, in this order: one of ours behind one that it began, or the reverse. */
  readonly behind: ReadonlyArray<Running>
  /** Turns that the agent has begun since the last one of ours. */
  readonly ownTurns: number
  /** By the turns of the thread that are over. */
  readonly spent: Usage.Spent
  readonly requests: ReadonlyMap<RequestId, OpenRequest>
  readonly items: ReadonlyMap<ItemId, OpenItem>
  readonly tasks: ReadonlyMap<TaskId, OpenTask>
  readonly compaction: Compaction | undefined
  /** A compaction was given up after its release: its end, if the agent still reports it, is not news. */
  readonly straggler: boolean
  /** Compactions that were begun. */
  readonly compactions: number
  /** Compactions that guards have vetoed, in a row. */
  readonly vetoes: number
  readonly notes: ReadonlyArray<Note>
  /** End of the last turn, or the start of the epoch, in milliseconds of the host's steady clock. */
  readonly activeAt: number
}

export const make = (
  setup: EpochSetup,
  at: number,
  { notes = [], spent = Usage.nothingSpent }: {
    readonly spent?: Usage.Spent | undefined
    readonly notes?: ReadonlyArray<Note>
  } = {}
): State => ({
  setup,
  phase: "live",
  greeted: false,
  sending: undefined,
  running: undefined,
  behind: [],
  ownTurns: 0,
  spent,
  requests: new Map(),
  items: new Map(),
  tasks: new Map(),
  compaction: undefined,
  straggler: false,
  compactions: 0,
  vetoes: 0,
  notes,
  activeAt: at
})

/** What can happen to an epoch. */
export type Input =
  /** Hooks have been told of the start. */
  | { readonly _tag: "Greeted" }
  /** A turn of ours is recorded and about to be sent, with these notes. */
  | {
    readonly _tag: "Sending"
    readonly turnId: TurnId
    readonly input: RecordedInput
    readonly notes: ReadonlyArray<Note>
  }
  /** The agent has it; it was proved not to have it; or it cannot be known. */
  | { readonly _tag: "Accepted" }
  | { readonly _tag: "Refused" }
  | { readonly _tag: "Uncertain" }
  /** The running turn has more input, with these notes. */
  | {
    readonly _tag: "Steered"
    readonly turnId: TurnId
    readonly input: RecordedInput
    readonly notes: ReadonlyArray<Note>
  }
  /** What the agent said, in order. */
  | { readonly _tag: "Emitted"; readonly events: ReadonlyArray<ProviderEvent> }
  /** The turn is to be interrupted. */
  | { readonly _tag: "Interrupting"; readonly turnId: TurnId; readonly by: InterruptedBy }
  | { readonly _tag: "DeadlinePassed"; readonly turnId: TurnId; readonly failure: TurnFailure }
  /** The agent does not end the turn, so we do. */
  | { readonly _tag: "Abandoned"; readonly turnId: TurnId }
  /** An answer is on its way to the agent, did not arrive, or settled the request. */
  | { readonly _tag: "AnswerBegun"; readonly requestId: RequestId; readonly kind: OpenRequest["kind"] }
  | { readonly _tag: "AnswerFailed"; readonly requestId: RequestId }
  | { readonly _tag: "Answered"; readonly settled: RequestSettled }
  /** A compaction is to be prepared; `by` says who asked for it. */
  | { readonly _tag: "CompactionAsked"; readonly trigger: CompactionTrigger; readonly by: "us" | "agent" }
  /** The transcript was saved, or could not be. */
  | {
    readonly _tag: "CompactionSaved"
    readonly compactionId: string
    readonly saved: Saved
    readonly vetoable: boolean
  }
  /** A guard said no, with this reason. */
  | { readonly _tag: "CompactionVetoed"; readonly compactionId: string; readonly reason: string }
  /** The agent is let go. */
  | { readonly _tag: "CompactionReleased"; readonly compactionId: string }
  /** The agent has its verdict. */
  | { readonly _tag: "CompactionAnswered"; readonly compactionId: string }
  /** It is over, by something else than the agent's word. */
  | { readonly _tag: "CompactionOver"; readonly compactionId: string; readonly ending: CompactionEnding }
  /** What the session lacks is known anew. */
  | { readonly _tag: "MissingTurns"; readonly notes: ReadonlyArray<Note> }
  /** Something that the service records of itself. */
  | { readonly _tag: "Noted"; readonly events: ReadonlyArray<EventBody> }
  /** The epoch ends, with all that is open in it. */
  | {
    readonly _tag: "Ending"
    readonly reason: SessionEndReason
    readonly next?: SessionId | undefined
    /** What is known of the end of the agent's process. */
    readonly exit?: ProcessExit | undefined
  }

export type RequestSettled = Extract<
  EventBody,
  { readonly _tag: "ApprovalSettled" | "QuestionSettled" | "ElicitationSettled" }
>

/** What the machine cannot do itself. */
export type Want =
  /** The agent has the turn, or has begun one. */
  | { readonly _tag: "TurnRunning"; readonly turnId: TurnId }
  /** The turn is over; without `terminal` it never reached the agent. */
  | {
    readonly _tag: "TurnOver"
    readonly turnId: TurnId
    readonly terminal: TerminalEvent | undefined
    readonly text: string
  }
  /** A turn did not fit into the model's context. */
  | { readonly _tag: "Overflowed" }
  /** A compaction that the agent did not ask for is under way: it is to be saved beside it. */
  | { readonly _tag: "CompactionSeen"; readonly compactionId: string }
  /** A compaction is over. */
  | {
    readonly _tag: "CompactionSettled"
    readonly compactionId: string
    readonly ending: CompactionEnding
    readonly snapshot: SnapshotInfo | undefined
  }

export type EpochStep = Step<State, EventBody, Want>
