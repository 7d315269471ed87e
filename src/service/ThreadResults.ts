/**
 * What the operations on threads, sessions and instances answer.
 *
 * @since 0.1.0
 */
import { Schema } from "effect"
import { Continuity } from "../domain/Continuity.ts"
import { Epoch, InstanceId, ProviderName, SessionId, ThreadId, TurnId } from "../domain/Ids.ts"
import { ProjectDecision } from "../domain/ProjectConfig.ts"
import { RuntimeMode } from "../domain/RuntimeMode.ts"
import { ThreadActivity } from "../domain/ThreadActivity.ts"
import { Binding, ThreadStatus } from "../domain/ThreadRecord.ts"
import { AgentCheck } from "../provider/AgentCheck.ts"
import { Capabilities } from "../provider/Capabilities.ts"

/**
 * A live session.
 *
 * @category results
 * @since 0.1.0
 */
export const SessionInfo = Schema.Struct({
  threadId: ThreadId,
  epoch: Epoch,
  instanceId: InstanceId,
  sessionId: SessionId,
  /** Real path that the session works in. */
  directory: Schema.String,
  runtimeMode: RuntimeMode,
  /** What the agent may take from the directory's own configuration, and who says so. */
  project: ProjectDecision,
  /** What became of the past when the session was started. */
  continuity: Continuity
})

/**
 * @category models
 * @since 0.1.0
 */
export interface SessionInfo extends Schema.Schema.Type<typeof SessionInfo> {}

/**
 * What became of a session whose setup was asked for again: it has what it had, it was started again with something else,
 * or there was none, and the next one is asked about anyway.
 *
 * @category results
 * @since 0.1.0
 */
export const SetupRefreshed = Schema.Struct({
  threadId: ThreadId,
  applied: Schema.Literals(["unchanged", "restarted", "next-session"]),
  /** The session that is live now. */
  session: Schema.optionalKey(SessionInfo)
})

/**
 * @category models
 * @since 0.1.0
 */
export interface SetupRefreshed extends Schema.Schema.Type<typeof SetupRefreshed> {}

/**
 * A thread that was brought along. No agent was started for it.
 *
 * @category results
 * @since 0.1.0
 */
export const ImportedThread = Schema.Struct({
  thread: Binding,
  /** How many were given; those that were rewound are left out of the thread. */
  turns: Schema.Int
})

/**
 * @category models
 * @since 0.1.0
 */
export interface ImportedThread extends Schema.Schema.Type<typeof ImportedThread> {}

/**
 * The conversation was taken back to before the turn `before`.
 *
 * @category results
 * @since 0.1.0
 */
export const Rewound = Schema.Struct({
  threadId: ThreadId,
  before: TurnId,
  /** Whether what the turns had changed in files was taken back, too. */
  files: Schema.Literals(["kept", "restored"])
})

/**
 * @category models
 * @since 0.1.0
 */
export interface Rewound extends Schema.Schema.Type<typeof Rewound> {}

/**
 * From when on a change holds.
 *
 * - `now`: a runtime mode from the agent's next tool on, also in the turn that runs.
 * - `next-turn`: for turns that are sent from now on.
 * - `next-session`: its session cannot take it. One without a running turn is ended at once; otherwise another one is
 *   started for the next turn, and the turn that runs goes on as it was begun.
 *
 * @category results
 * @since 0.1.0
 */
export const Applied = Schema.Literals(["now", "next-turn", "next-session"])

/**
 * @category models
 * @since 0.1.0
 */
export type Applied = typeof Applied.Type

/**
 * From when on what was asked for holds: the last of its parts.
 *
 * @category results
 * @since 0.1.0
 */
export const Configured = Schema.Struct({ threadId: ThreadId, applied: Applied })

/**
 * @category models
 * @since 0.1.0
 */
export interface Configured extends Schema.Schema.Type<typeof Configured> {}

/**
 * What the reaper will do with a live session if nothing happens in it. The conversation stays in any case.
 *
 * @category results
 * @since 0.1.0
 */
export const ReaperOutlook = Schema.TaggedUnion({
  /** It is stopped with the first sweep from `at` on, in milliseconds since 1970. */
  Stop: {
    at: Schema.Finite,
    /**
     * - `idle`: it was idle for `reaper.idleAfter` by then, not counting the time that the host slept through.
     * - `pin-cap`: work in the background keeps it no longer than `reaper.pinCap`.
     * - `live-cap`: there are more live sessions than `reaper.maxLive`, and it is one of those used least recently.
     */
    because: Schema.Literals(["idle", "pin-cap", "live-cap"]),
    /** Whether it is stopped earlier where another session needs its place: there is a `reaper.maxLive`. */
    givesWay: Schema.Boolean
  },
  /** It is not stopped: a turn runs, the agent waits for an answer, a compaction is under way, or it is exempt. */
  Keep: { because: Schema.Literals(["busy", "exempt"]) }
})

/**
 * @category models
 * @since 0.1.0
 */
export type ReaperOutlook = typeof ReaperOutlook.Type

/**
 * The record of a thread, with what the thread is doing now and what it waits for. The status is the stored one, or what
 * the thread's live session in this service says, which is ahead of it; the rest is as the store has it.
 *
 * - `starting`: a session is being started; never stored. A thread that is started for the first time is not there yet.
 * - `running`: also while a turn is on its way to the agent.
 * - `compacting`: also while the transcript is saved and guards are asked, before the agent begins.
 *
 * @category results
 * @since 0.1.0
 */
export const ThreadInfo = Schema.Struct({
  ...Binding.fields,
  ...ThreadActivity.fields,
  status: Schema.Literals(["starting", ...ThreadStatus.literals]),
  /** Absent where no session of this service is live. */
  reaper: Schema.optionalKey(ReaperOutlook)
})

/**
 * @category models
 * @since 0.1.0
 */
export interface ThreadInfo extends Schema.Schema.Type<typeof ThreadInfo> {}

/**
 * One page of threads, newest activity first.
 *
 * @category results
 * @since 0.1.0
 */
export const ThreadPage = Schema.Struct({
  threads: Schema.Array(ThreadInfo),
  /** Rows that are stored and cannot be read; the rest of the page is not harmed by them. */
  unreadable: Schema.Array(Schema.Struct({ threadId: Schema.String, reason: Schema.String })),
  /** Opaque: `after` of the next page. Absent on the last page. */
  next: Schema.optionalKey(Schema.String)
})

/**
 * @category models
 * @since 0.1.0
 */
export interface ThreadPage extends Schema.Schema.Type<typeof ThreadPage> {}

/**
 * What a watcher of threads sees: the first page, then every change. Of a thread that changes often it sees the last state
 * and not each one before it.
 *
 * @category results
 * @since 0.1.0
 */
export const ThreadListChange = Schema.TaggedUnion({
  /** The first element, once. */
  Page: { page: ThreadPage },
  /** A thread that is new in the list, or is another than before. */
  Changed: { thread: ThreadInfo },
  /** It was deleted, or does not fit any more. */
  Gone: { threadId: ThreadId }
})

/**
 * @category models
 * @since 0.1.0
 */
export type ThreadListChange = typeof ThreadListChange.Type

/**
 * A provider instance of the app.
 *
 * @category results
 * @since 0.1.0
 */
export const AgentInfo = Schema.Struct({
  instanceId: InstanceId,
  provider: ProviderName,
  capabilities: Capabilities,
  /** Whether `listOffers` can be asked of it. */
  hasOffers: Schema.Boolean,
  /** Absent where the adapter cannot tell, or did not in time. */
  check: Schema.optionalKey(AgentCheck)
})

/**
 * @category models
 * @since 0.1.0
 */
export interface AgentInfo extends Schema.Schema.Type<typeof AgentInfo> {}
