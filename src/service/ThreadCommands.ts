/**
 * What makes, moves and ends threads and their sessions.
 *
 * @since 0.1.0
 */
import { Schema } from "effect"
import { Labels } from "../domain/AppData.ts"
import { CompactionPolicy } from "../domain/CompactionPolicy.ts"
import { MissingPolicy } from "../domain/Continuity.ts"
import { InstanceId, SessionId, ThreadId, TurnId } from "../domain/Ids.ts"
import { ProjectConfig } from "../domain/ProjectConfig.ts"
import { RuntimeMode } from "../domain/RuntimeMode.ts"
import { ModelSelection } from "../domain/TurnInput.ts"
import { Text, WellFormed } from "../domain/WellFormed.ts"
import { ThreadWhere } from "../store/ThreadWhere.ts"

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
  /** Of a new thread; `configureThread` changes those of one that is there. */
  labels: Schema.optional(Labels),
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
  labels: Schema.optional(Labels),
  /** Where this thread differs from the service. */
  compaction: Schema.optional(CompactionPolicy)
})

/**
 * @category models
 * @since 0.1.0
 */
export interface CreateThread extends Schema.Schema.Type<typeof CreateThread> {}

/**
 * Of `importThread`, beside its turns.
 *
 * @category commands
 * @since 0.1.0
 */
export const ImportThread = Schema.Struct({
  ...CreateThread.fields,
  /** The session that the agent has of the conversation. Default: none, so the first start hands over the transcript. */
  sessionId: Schema.optional(SessionId)
})

/**
 * @category models
 * @since 0.1.0
 */
export interface ImportThread extends Schema.Schema.Type<typeof ImportThread> {}

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
  title: Schema.optional(Text),
  /** Default: the source's. */
  labels: Schema.optional(Labels)
})

/**
 * @category models
 * @since 0.1.0
 */
export interface ForkThread extends Schema.Schema.Type<typeof ForkThread> {}

/**
 * Of `configureThread`: what is left out stays as it is.
 *
 * @category commands
 * @since 0.1.0
 */
export const ConfigureThread = Schema.Struct({
  threadId: ThreadId,
  /** Never widens what the agent may take from its directory (`projectConfig`). */
  runtimeMode: Schema.optional(RuntimeMode),
  /** For turns that are sent from now on. */
  model: Schema.optional(ModelSelection),
  title: Schema.optional(Text),
  /** All labels of the thread from now on. */
  labels: Schema.optional(Labels),
  /** Puts the thread away, or takes it out again. Nothing else changes, and nothing is stopped. */
  archived: Schema.optional(Schema.Boolean)
})

/**
 * @category models
 * @since 0.1.0
 */
export interface ConfigureThread extends Schema.Schema.Type<typeof ConfigureThread> {}

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
  labels: Schema.optional(Labels),
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
  /** Only threads that meet every condition here. A next page is asked for with the same. */
  where: Schema.optional(ThreadWhere),
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
 * Of `watchThreads`.
 *
 * @category commands
 * @since 0.1.0
 */
export const WatchThreads = Schema.Struct({
  /** Default: all. */
  where: Schema.optional(ThreadWhere),
  /** How many the first page has at most, 1 to 1000. Default 100. Changes are of all threads that fit. */
  limit: Schema.optional(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 1000 })))
})

/**
 * @category models
 * @since 0.1.0
 */
export interface WatchThreads extends Schema.Schema.Type<typeof WatchThreads> {}
