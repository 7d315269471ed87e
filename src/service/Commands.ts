/**
 * What the operations of the service take, as Schemas: plain JSON, one object for each operation.
 *
 * They are decoded at the door, before the store or an agent sees anything. Text that goes to an agent (prompts, answers,
 * reasons, titles) is made well-formed: half of a surrogate pair becomes U+FFFD. Ids and paths that are not well-formed
 * are refused.
 *
 * @since 0.1.0
 */
import { Schema } from "effect"
import { CompactionPolicy } from "../domain/CompactionPolicy.ts"
import { MissingPolicy } from "../domain/Continuity.ts"
import { InstanceId, RequestId, SessionId, TaskId, ThreadId, TurnId } from "../domain/Ids.ts"
import { ProjectConfig } from "../domain/ProjectConfig.ts"
import { RuntimeMode } from "../domain/RuntimeMode.ts"
import { SnapshotRef } from "../domain/Snapshot.ts"
import { Attachment, ModelSelection, TurnCommand, TurnMode } from "../domain/TurnInput.ts"
import { ApprovalDecision, ElicitationAnswer, QuestionAnswer } from "../domain/UserRequest.ts"
import { Text, WellFormed } from "../domain/WellFormed.ts"

/**
 * One thread and nothing else: `stopSession`, `resetThread`, `compactThread`, `deleteThread`, `getThread`, ...
 *
 * @category commands
 * @since 0.1.0
 */
export const OneThread = Schema.Struct({ threadId: ThreadId })

/**
 * @category models
 * @since 0.1.0
 */
export interface OneThread extends Schema.Schema.Type<typeof OneThread> {}

/**
 * Of `startSession`.
 *
 * @category commands
 * @since 0.1.0
 */
export const StartSession = Schema.Struct({
  threadId: ThreadId,
  /** Needed for a new thread. Another instance than the thread's own swaps the agent and keeps the conversation. */
  instanceId: Schema.optional(InstanceId),
  /** Absolute path. Needed for a new thread; another one than the thread's own moves the conversation there. */
  directory: Schema.optional(WellFormed),
  /** Default: the thread's own, or `approval-required`. */
  runtimeMode: Schema.optional(RuntimeMode),
  /**
   * What the agent may take from the directory's own configuration. `trust` holds for this thread in this directory. Default:
   * what was asked for before; or else what the instance, the app's `trust`, or the mode says.
   */
  projectConfig: Schema.optional(ProjectConfig),
  /** Default: the thread's own, or the agent's. */
  model: Schema.optional(ModelSelection),
  /** The persona of turns that name none. Default: the thread's own, or the agent's. */
  agent: Schema.optional(WellFormed.check(Schema.isNonEmpty())),
  title: Schema.optional(Text),
  /** What to do if the session is proved missing. Default: the service's. */
  onMissing: Schema.optional(MissingPolicy),
  /** Where this thread differs from the service. Kept with the thread; default: what was kept. */
  compaction: Schema.optional(CompactionPolicy)
})

/**
 * @category models
 * @since 0.1.0
 */
export interface StartSession extends Schema.Schema.Type<typeof StartSession> {}

/**
 * Of `createThread`.
 *
 * @category commands
 * @since 0.1.0
 */
export const CreateThread = Schema.Struct({
  /** A new thread. */
  threadId: ThreadId,
  instanceId: InstanceId,
  /** Absolute path. */
  directory: WellFormed,
  /** Default: `approval-required`. */
  runtimeMode: Schema.optional(RuntimeMode),
  /** Default: what the instance, the app's `trust`, or the mode says. */
  projectConfig: Schema.optional(ProjectConfig),
  /** Default: the agent's. */
  model: Schema.optional(ModelSelection),
  /** The persona of turns that name none. Default: the agent's. */
  agent: Schema.optional(WellFormed.check(Schema.isNonEmpty())),
  title: Schema.optional(Text),
  /** Where this thread differs from the service. */
  compaction: Schema.optional(CompactionPolicy)
})

/**
 * @category models
 * @since 0.1.0
 */
export interface CreateThread extends Schema.Schema.Type<typeof CreateThread> {}

/**
 * Of `sendTurn` and `runTurn`.
 *
 * @category commands
 * @since 0.1.0
 */
export const SendTurn = Schema.Struct({
  threadId: ThreadId,
  /**
   * Your own id makes a repeated call fail with `TurnExists` instead of asking the agent twice; a turn that the agent
   * proved not to have is sent. A steer has no id of its own: it belongs to the turn that it joins. Default: a new id.
   */
  turnId: Schema.optional(TurnId),
  /** Words: the agent never takes them for one of its commands. May be empty where there is a `command`. */
  prompt: Text,
  /** A command of the agent, as `listOffers` names it, run natively. A turn of its own: it never joins a running one. */
  command: Schema.optional(TurnCommand),
  /** Skills of the agent that the model is to have, as `listOffers` names them. */
  skills: Schema.optional(Schema.Array(WellFormed.check(Schema.isNonEmpty()))),
  attachments: Schema.optional(Schema.Array(Attachment)),
  /** For this turn and those after it. Default: the thread's. */
  model: Schema.optional(ModelSelection),
  /** The agent's own persona or mode (`build`, `plan`, ...), where it has such. */
  agent: Schema.optional(WellFormed.check(Schema.isNonEmpty())),
  /** Whether the agent is to act or to plan. An intent: what the agent may do is the runtime mode's business. */
  mode: Schema.optional(TurnMode),
  /** While a turn runs: add this input to it instead of failing with `TurnInProgress`. */
  steer: Schema.optional(Schema.Boolean),
  /** What to do if the session is proved missing. Default: the service's. */
  onMissing: Schema.optional(MissingPolicy)
})

/**
 * @category models
 * @since 0.1.0
 */
export interface SendTurn extends Schema.Schema.Type<typeof SendTurn> {}

/**
 * Of `interruptTurn`.
 *
 * @category commands
 * @since 0.1.0
 */
export const InterruptTurn = Schema.Struct({
  threadId: ThreadId,
  /** Default: the turn that runs. */
  turnId: Schema.optional(TurnId)
})

/**
 * @category models
 * @since 0.1.0
 */
export interface InterruptTurn extends Schema.Schema.Type<typeof InterruptTurn> {}

/** Who decides, as the app calls them: a user's name or id. Recorded with the settlement; the agent never sees it. */
const actor = Schema.optional(Text)

/**
 * Of `respondToApproval`.
 *
 * @category commands
 * @since 0.1.0
 */
export const RespondToApproval = Schema.Struct({
  threadId: ThreadId,
  requestId: RequestId,
  decision: ApprovalDecision,
  actor
})

/**
 * @category models
 * @since 0.1.0
 */
export interface RespondToApproval extends Schema.Schema.Type<typeof RespondToApproval> {}

/**
 * Of `answerQuestion`.
 *
 * @category commands
 * @since 0.1.0
 */
export const AnswerQuestion = Schema.Struct({
  threadId: ThreadId,
  requestId: RequestId,
  /** One array for each question that was asked. */
  answer: QuestionAnswer,
  actor
})

/**
 * @category models
 * @since 0.1.0
 */
export interface AnswerQuestion extends Schema.Schema.Type<typeof AnswerQuestion> {}

/**
 * Of `answerElicitation`.
 *
 * @category commands
 * @since 0.1.0
 */
export const AnswerElicitation = Schema.Struct({
  threadId: ThreadId,
  requestId: RequestId,
  answer: ElicitationAnswer,
  actor
})

/**
 * @category models
 * @since 0.1.0
 */
export interface AnswerElicitation extends Schema.Schema.Type<typeof AnswerElicitation> {}

/**
 * Of `stopTask`.
 *
 * @category commands
 * @since 0.1.0
 */
export const StopTask = Schema.Struct({ threadId: ThreadId, taskId: TaskId })

/**
 * @category models
 * @since 0.1.0
 */
export interface StopTask extends Schema.Schema.Type<typeof StopTask> {}

/**
 * Of `listOffers`.
 *
 * @category commands
 * @since 0.1.0
 */
export const ListOffers = Schema.Struct({
  instanceId: InstanceId,
  /** Absolute path of a directory whose own configuration may add to what is offered. Default: none. */
  directory: Schema.optional(WellFormed),
  /** Ask the agent, whatever was answered before. Default: an answer of the last five minutes is good enough. */
  refresh: Schema.optional(Schema.Boolean)
})

/**
 * @category models
 * @since 0.1.0
 */
export interface ListOffers extends Schema.Schema.Type<typeof ListOffers> {}

/**
 * Of `watchOffers`.
 *
 * @category commands
 * @since 0.1.0
 */
export const WatchOffers = Schema.Struct({
  instanceId: InstanceId,
  /** As of `listOffers`. */
  directory: Schema.optional(WellFormed)
})

/**
 * @category models
 * @since 0.1.0
 */
export interface WatchOffers extends Schema.Schema.Type<typeof WatchOffers> {}

/**
 * Of `signIn`.
 *
 * @category commands
 * @since 0.1.0
 */
export const SignIn = Schema.Struct({
  instanceId: InstanceId,
  /** The `id` of one of the methods that `checkAgent` lists. */
  method: WellFormed
})

/**
 * @category models
 * @since 0.1.0
 */
export interface SignIn extends Schema.Schema.Type<typeof SignIn> {}

/**
 * Of `checkAgent`.
 *
 * @category commands
 * @since 0.1.0
 */
export const OneInstance = Schema.Struct({ instanceId: InstanceId })

/**
 * @category models
 * @since 0.1.0
 */
export interface OneInstance extends Schema.Schema.Type<typeof OneInstance> {}

/**
 * Of `listAgents`.
 *
 * @category commands
 * @since 0.1.0
 */
export const ListAgents = Schema.Struct({})

/**
 * @category models
 * @since 0.1.0
 */
export interface ListAgents extends Schema.Schema.Type<typeof ListAgents> {}

/**
 * Of `forkThread`.
 *
 * @category commands
 * @since 0.1.0
 */
export const ForkThread = Schema.Struct({
  /** The thread to copy. */
  threadId: ThreadId,
  newThreadId: ThreadId,
  /** The last turn of the copy, which must be over. Default: the source's last. */
  at: Schema.optional(TurnId),
  /** Absolute path. Default: the source's. */
  directory: Schema.optional(WellFormed),
  /** Default: the source's. */
  runtimeMode: Schema.optional(RuntimeMode),
  /** Default: the source's; in another directory, trust that was asked for the source is not the copy's. */
  projectConfig: Schema.optional(ProjectConfig),
  title: Schema.optional(Text)
})

/**
 * @category models
 * @since 0.1.0
 */
export interface ForkThread extends Schema.Schema.Type<typeof ForkThread> {}

/**
 * Of `rewindThread`.
 *
 * @category commands
 * @since 0.1.0
 */
export const RewindThread = Schema.Struct({
  threadId: ThreadId,
  /** The first turn that is taken back. */
  before: TurnId
})

/**
 * @category models
 * @since 0.1.0
 */
export interface RewindThread extends Schema.Schema.Type<typeof RewindThread> {}

/**
 * Of `listSessions`.
 *
 * @category commands
 * @since 0.1.0
 */
export const ListSessions = Schema.Struct({
  instanceId: InstanceId,
  /** Absolute path: only the sessions that work there. */
  directory: Schema.optional(WellFormed),
  /** At most so many, 1 to 1000. Default 100. */
  limit: Schema.optional(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 1000 }))),
  /** `next` of the page before. */
  after: Schema.optional(WellFormed)
})

/**
 * @category models
 * @since 0.1.0
 */
export interface ListSessions extends Schema.Schema.Type<typeof ListSessions> {}

/**
 * Of `adoptSession`.
 *
 * @category commands
 * @since 0.1.0
 */
export const AdoptSession = Schema.Struct({
  /** A new thread. */
  threadId: ThreadId,
  instanceId: InstanceId,
  sessionId: SessionId,
  /** Absolute path. Another one than the session's own moves it there. */
  directory: WellFormed,
  /** Default: `approval-required`. */
  runtimeMode: Schema.optional(RuntimeMode),
  /** Default: what the instance, the app's `trust`, or the mode says. */
  projectConfig: Schema.optional(ProjectConfig),
  /** Default: the session's. */
  model: Schema.optional(ModelSelection),
  title: Schema.optional(Text),
  /** Where this thread differs from the service. */
  compaction: Schema.optional(CompactionPolicy)
})

/**
 * @category models
 * @since 0.1.0
 */
export interface AdoptSession extends Schema.Schema.Type<typeof AdoptSession> {}

/**
 * Of `listThreads`.
 *
 * @category commands
 * @since 0.1.0
 */
export const ListThreads = Schema.Struct({
  /** At most so many, 1 to 1000. Default 100. */
  limit: Schema.optional(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 1000 }))),
  /** `next` of the page before. */
  after: Schema.optional(WellFormed)
})

/**
 * @category models
 * @since 0.1.0
 */
export interface ListThreads extends Schema.Schema.Type<typeof ListThreads> {}

/**
 * Of `streamEvents`.
 *
 * @category commands
 * @since 0.1.0
 */
export const StreamEvents = Schema.Struct({
  threadId: ThreadId,
  /** `seq` of the last event that is known. Default 0: from the start. */
  after: Schema.optional(Schema.Natural)
})

/**
 * @category models
 * @since 0.1.0
 */
export interface StreamEvents extends Schema.Schema.Type<typeof StreamEvents> {}

/**
 * Of `readTranscript`.
 *
 * @category commands
 * @since 0.1.0
 */
export const ReadTranscript = Schema.Struct({
  threadId: ThreadId,
  /** The last turn that is known. Default: from the start. */
  after: Schema.optional(TurnId),
  /** Default 100. */
  limit: Schema.optional(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 1000 })))
})

/**
 * @category models
 * @since 0.1.0
 */
export interface ReadTranscript extends Schema.Schema.Type<typeof ReadTranscript> {}

/**
 * Of `streamTranscript`.
 *
 * @category commands
 * @since 0.1.0
 */
export const StreamTranscript = Schema.Struct({
  threadId: ThreadId,
  /** The last turn that is known. Default: from the start. */
  after: Schema.optional(TurnId)
})

/**
 * @category models
 * @since 0.1.0
 */
export interface StreamTranscript extends Schema.Schema.Type<typeof StreamTranscript> {}

/**
 * A snapshot and the shape that it is wanted in.
 *
 * @category commands
 * @since 0.1.0
 */
export const ExportSnapshot = Schema.Struct({
  snapshot: SnapshotRef,
  format: Schema.Literals(["markdown", "jsonl", "opencode"])
})

/**
 * @category models
 * @since 0.1.0
 */
export interface ExportSnapshot extends Schema.Schema.Type<typeof ExportSnapshot> {}

/**
 * One snapshot, or all of a thread.
 *
 * @category commands
 * @since 0.1.0
 */
export const PurgeSnapshots = Schema.Union([Schema.Struct({ snapshotId: WellFormed }), OneThread])

/**
 * @category models
 * @since 0.1.0
 */
export type PurgeSnapshots = typeof PurgeSnapshots.Type

/**
 * Deliveries that were given up, of one hook or of all.
 *
 * @category commands
 * @since 0.1.0
 */
export const GivenUpDeliveries = Schema.Struct({
  /** The hook's name. Default: all hooks. */
  hook: Schema.optional(WellFormed),
  /** At most so many, 1 to 1000. Default 100. */
  limit: Schema.optional(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 1000 }))),
  /** `next` of the page before. */
  after: Schema.optional(WellFormed)
})

/**
 * @category models
 * @since 0.1.0
 */
export interface GivenUpDeliveries extends Schema.Schema.Type<typeof GivenUpDeliveries> {}

/**
 * Which deliveries to send again.
 *
 * @category commands
 * @since 0.1.0
 */
export const ResendDeliveries = Schema.Struct({
  hook: WellFormed,
  /** Default: every one of the hook that was given up. */
  eventId: Schema.optional(WellFormed)
})

/**
 * @category models
 * @since 0.1.0
 */
export interface ResendDeliveries extends Schema.Schema.Type<typeof ResendDeliveries> {}

/**
 * Of the archive's `restore`.
 *
 * @category commands
 * @since 0.1.0
 */
export const RestoreThread = Schema.Struct({
  snapshot: SnapshotRef,
  /** A new thread. */
  threadId: ThreadId,
  /** Default: the instance that the snapshot is of. */
  instanceId: Schema.optional(InstanceId),
  /** Absolute path. Default: the directory that the snapshot is of. */
  directory: Schema.optional(WellFormed),
  runtimeMode: Schema.optional(RuntimeMode),
  /** Default: what the instance, the app's `trust`, or the mode says. */
  projectConfig: Schema.optional(ProjectConfig),
  title: Schema.optional(Text)
})

/**
 * @category models
 * @since 0.1.0
 */
export interface RestoreThread extends Schema.Schema.Type<typeof RestoreThread> {}
