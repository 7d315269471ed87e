/**
 * What can go wrong between the app and `ProviderService`, before or beside the agent itself.
 *
 * @since 0.1.0
 */
import { Schema } from "effect"
import { CompactionOutcome } from "../domain/Compaction.ts"
import { InstanceId, RequestId, SessionId, TaskId, ThreadId } from "../domain/Ids.ts"

export { of as toPublic, PublicError } from "../domain/PublicError.ts"
export * from "./AccessDenied.ts"
export * from "./AskError.ts"
export * from "./ImportError.ts"
export * from "./InputError.ts"
export * from "./ServerUnreachable.ts"
export * from "./SetupFailed.ts"
export * from "./TurnError.ts"

/**
 * The app has set a limit that the agent cannot be held to, because it does not tell what the limit is about.
 *
 * @category errors
 * @since 0.1.0
 */
export class LimitUnenforceable
  extends Schema.TaggedError<LimitUnenforceable>("effect-coding-agents/LimitUnenforceable")("LimitUnenforceable", {
    instanceId: InstanceId,
    /** Its key in `settings.limits`. */
    limit: Schema.String
  }, { httpApiStatus: 422 })
{
  readonly retryable = false
  override get message() {
    return `${this.instanceId} does not tell what the limit "${this.limit}" is about, so it cannot be held to it`
  }
}

/**
 * No layer has registered this provider instance. `known` lists those that are there.
 *
 * @category errors
 * @since 0.1.0
 */
export class InstanceNotFound
  extends Schema.TaggedError<InstanceNotFound>("effect-coding-agents/InstanceNotFound")("InstanceNotFound", {
    instanceId: InstanceId,
    known: Schema.Array(InstanceId)
  }, { httpApiStatus: 404 })
{
  readonly retryable = false
  override get message() {
    const known = this.known.length === 0 ? "no provider layer is there" : `there are: ${this.known.join(", ")}`
    return `No provider instance "${this.instanceId}"; ${known}`
  }
}

/**
 * The store has no such thread.
 *
 * @category errors
 * @since 0.1.0
 */
export class ThreadNotFound
  extends Schema.TaggedError<ThreadNotFound>("effect-coding-agents/ThreadNotFound")("ThreadNotFound", {
    threadId: ThreadId
  }, { httpApiStatus: 404 })
{
  readonly retryable = false
  override get message() {
    return `There is no thread "${this.threadId}"; start it with startSession`
  }
}

/**
 * No event of the thread names such bytes, or not any more: the thread was deleted or pruned.
 *
 * @category errors
 * @since 0.1.0
 */
export class BlobNotFound
  extends Schema.TaggedError<BlobNotFound>("effect-coding-agents/BlobNotFound")("BlobNotFound", {
    threadId: ThreadId,
    sha256: Schema.String
  }, { httpApiStatus: 404 })
{
  readonly retryable = false
  override get message() {
    return `No event of thread "${this.threadId}" names a blob ${this.sha256}`
  }
}

/**
 * A thread has this session already: one session has one thread.
 *
 * @category errors
 * @since 0.1.0
 */
export class SessionTaken extends Schema.TaggedError<SessionTaken>("effect-coding-agents/SessionTaken")(
  "SessionTaken",
  { instanceId: InstanceId, sessionId: SessionId, threadId: ThreadId },
  { httpApiStatus: 409 }
) {
  readonly retryable = false
  override get message() {
    return `The session ${this.sessionId} of ${this.instanceId} is that of thread "${this.threadId}"`
  }
}

/**
 * There is a thread of this id: one that is created, forked or restored needs an id of its own.
 *
 * @category errors
 * @since 0.1.0
 */
export class ThreadExists extends Schema.TaggedError<ThreadExists>("effect-coding-agents/ThreadExists")(
  "ThreadExists",
  { threadId: ThreadId },
  { httpApiStatus: 409 }
) {
  readonly retryable = false
  override get message() {
    return `The thread "${this.threadId}" exists already`
  }
}

/**
 * The thread's session is being compacted at our request, or the agent compacts it by itself. Try again afterwards.
 *
 * @category errors
 * @since 0.1.0
 */
export class CompactionInProgress
  extends Schema.TaggedError<CompactionInProgress>("effect-coding-agents/CompactionInProgress")(
    "CompactionInProgress",
    {
      threadId: ThreadId,
      compactionId: Schema.String
    },
    { httpApiStatus: 409 }
  )
{
  readonly retryable = true
  override get message() {
    return `Thread ${this.threadId} is being compacted`
  }
}

/**
 * The compaction was not done: a guard's veto, or the transcript could not be saved. Nothing has changed.
 *
 * @category errors
 * @since 0.1.0
 */
export class CompactionRefused
  extends Schema.TaggedError<CompactionRefused>("effect-coding-agents/CompactionRefused")("CompactionRefused", {
    threadId: ThreadId,
    compactionId: Schema.String,
    outcome: CompactionOutcome,
    reason: Schema.String
  }, { httpApiStatus: 409 })
{
  readonly retryable = true
  override get message() {
    return `Thread ${this.threadId} was not compacted (${this.outcome}): ${this.reason}`
  }
}

/**
 * The thread was being stopped, deleted or shut down, so what was asked of it was not done.
 *
 * @category errors
 * @since 0.1.0
 */
export class ThreadStopping
  extends Schema.TaggedError<ThreadStopping>("effect-coding-agents/ThreadStopping")("ThreadStopping", {
    threadId: ThreadId
  }, { httpApiStatus: 409 })
{
  readonly retryable = true
  override get message() {
    return `Thread ${this.threadId} is being stopped`
  }
}

/**
 * The agent works on no such task in this thread, or it is over.
 *
 * @category errors
 * @since 0.1.0
 */
export class TaskNotFound
  extends Schema.TaggedError<TaskNotFound>("effect-coding-agents/TaskNotFound")("TaskNotFound", {
    threadId: ThreadId,
    taskId: TaskId
  }, { httpApiStatus: 404 })
{
  readonly retryable = false
  override get message() {
    return `The agent of thread ${this.threadId} has no running task ${this.taskId}`
  }
}

/**
 * No such approval, question or elicitation was ever asked in this thread.
 *
 * @category errors
 * @since 0.1.0
 */
export class RequestNotFound
  extends Schema.TaggedError<RequestNotFound>("effect-coding-agents/RequestNotFound")("RequestNotFound", {
    threadId: ThreadId,
    requestId: RequestId
  }, { httpApiStatus: 404 })
{
  readonly retryable = false
  override get message() {
    return `Thread ${this.threadId} has no request ${this.requestId}`
  }
}

/**
 * The approval or question is settled: answered before, or what it belonged to has ended.
 *
 * @category errors
 * @since 0.1.0
 */
export class RequestSettled
  extends Schema.TaggedError<RequestSettled>("effect-coding-agents/RequestSettled")("RequestSettled", {
    threadId: ThreadId,
    requestId: RequestId
  }, { httpApiStatus: 409 })
{
  readonly retryable = false
  override get message() {
    return `The request ${this.requestId} is settled already`
  }
}

/**
 * A hook asks something of its own thread, which waits for that hook, or a projection does more than read. What they fork may
 * ask, once the hook is over.
 *
 * @category errors
 * @since 0.1.0
 */
export class HookReentrant
  extends Schema.TaggedError<HookReentrant>("effect-coding-agents/HookReentrant")("HookReentrant", {
    /** None inside a projection: it is of all threads. */
    threadId: Schema.optionalKey(ThreadId),
    hook: Schema.String,
    /** The lifecycle event that the hook was told; `projection`. */
    event: Schema.String
  }, { httpApiStatus: 409 })
{
  readonly retryable = false
  override get message() {
    return this.threadId === undefined
      ? `The projection "${this.hook}" writes rows of its own; it can read the service and do nothing else with it`
      : `The hook "${this.hook}" cannot use thread ${this.threadId}, which waits for it (${this.event})`
  }
}
