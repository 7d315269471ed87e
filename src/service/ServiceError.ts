/**
 * What can go wrong between the app and `ProviderService`, before or beside the agent itself.
 */
import { Schema } from "effect"
import { CompactionOutcome } from "../domain/Compaction.ts"
import { InstanceId, RequestId, ThreadId, TurnId } from "../domain/Ids.ts"
import * as InputIssue from "../domain/InputIssue.ts"
import { InterruptedBy, UnknownReason } from "../domain/ThreadEvent.ts"
import { TurnFailure } from "../domain/TurnFailure.ts"

export { of as toPublic, PublicError } from "../domain/PublicError.ts"

/** The input is not of the operation's shape. Nothing was stored, and no agent has seen it. */
export class InputInvalid
  extends Schema.TaggedError<InputInvalid>("effect-coding-agents/InputInvalid")("InputInvalid", {
    /** The operation, as `sendTurn`. */
    operation: Schema.String,
    issues: Schema.Array(InputIssue.InputIssue)
  }, { httpApiStatus: 400 })
{
  readonly retryable = false
  override get message() {
    return `The input of ${this.operation} is not valid: ${InputIssue.format(this.issues)}`
  }
}

/** A new thread needs a provider instance and a directory. */
export class StartIncomplete
  extends Schema.TaggedError<StartIncomplete>("effect-coding-agents/StartIncomplete")("StartIncomplete", {
    threadId: ThreadId,
    missing: Schema.Array(Schema.Literals(["instanceId", "directory"]))
  }, { httpApiStatus: 422 })
{
  readonly retryable = false
  override get message() {
    return `There is no thread "${this.threadId}" yet; to start it, give ${this.missing.join(" and ")}`
  }
}

/** The answer does not fit the questions that were asked. It was not sent, and the request stays open. */
export class AnswerInvalid
  extends Schema.TaggedError<AnswerInvalid>("effect-coding-agents/AnswerInvalid")("AnswerInvalid", {
    threadId: ThreadId,
    requestId: RequestId,
    questions: Schema.Int,
    answers: Schema.Int
  }, { httpApiStatus: 422 })
{
  readonly retryable = false
  override get message() {
    return `The request ${this.requestId} asks ${this.questions} questions and was given ${this.answers} answers; ` +
      "give one array for each question, in their order"
  }
}

/** No layer has registered this provider instance. `known` lists those that are there. */
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

/** The store has no such thread. */
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

/** A fork must go to a new thread. */
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

/** The working directory does not exist, is not a directory, or is not an absolute path. */
export class DirectoryInvalid
  extends Schema.TaggedError<DirectoryInvalid>("effect-coding-agents/DirectoryInvalid")("DirectoryInvalid", {
    directory: Schema.String,
    reason: Schema.Literals(["missing", "not-a-directory", "not-absolute", "unreadable"])
  }, { httpApiStatus: 422 })
{
  readonly retryable = false
  override get message() {
    return `The directory "${this.directory}" cannot be used (${this.reason})`
  }
}

/** A prompt without text and without attachments. */
export class PromptEmpty
  extends Schema.TaggedError<PromptEmpty>("effect-coding-agents/PromptEmpty")("PromptEmpty", { threadId: ThreadId }, {
    httpApiStatus: 422
  })
{
  readonly retryable = false
  override get message() {
    return "The prompt is empty"
  }
}

/** The prompt is longer than the configured limit. Lengths in UTF-16 code units. */
export class PromptTooLong
  extends Schema.TaggedError<PromptTooLong>("effect-coding-agents/PromptTooLong")("PromptTooLong", {
    threadId: ThreadId,
    length: Schema.Int,
    limit: Schema.Int
  }, { httpApiStatus: 413 })
{
  readonly retryable = false
  override get message() {
    return `The prompt has ${this.length} characters; the limit is ${this.limit}`
  }
}

/** A turn of this thread is running. Wait for it, interrupt it, or send with `steer: true`. */
export class TurnInProgress
  extends Schema.TaggedError<TurnInProgress>("effect-coding-agents/TurnInProgress")("TurnInProgress", {
    threadId: ThreadId,
    turnId: TurnId
  }, { httpApiStatus: 409 })
{
  readonly retryable = true
  override get message() {
    return `Turn ${this.turnId} of thread ${this.threadId} is still running`
  }
}

/** The thread's session is being compacted at our request, or the agent compacts it by itself. Try again afterwards. */
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

/** The compaction was not done: a guard's veto, or the transcript could not be saved. Nothing has changed. */
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

/** A guard has vetoed the turn. It was not sent. */
export class TurnVetoed extends Schema.TaggedError<TurnVetoed>("effect-coding-agents/TurnVetoed")("TurnVetoed", {
  threadId: ThreadId,
  turnId: TurnId,
  hook: Schema.String,
  reason: Schema.String
}, { httpApiStatus: 403 }) {
  readonly retryable = false
  override get message() {
    return `The hook "${this.hook}" has vetoed turn ${this.turnId}: ${this.reason}`
  }
}

/** The thread never had such a turn. */
export class TurnNotFound
  extends Schema.TaggedError<TurnNotFound>("effect-coding-agents/TurnNotFound")("TurnNotFound", {
    threadId: ThreadId,
    turnId: TurnId
  }, { httpApiStatus: 404 })
{
  readonly retryable = false
  override get message() {
    return `Thread ${this.threadId} has no turn ${this.turnId}`
  }
}

/** Somebody stopped the thread while it was being started; the start was given up. */
export class ThreadStopping
  extends Schema.TaggedError<ThreadStopping>("effect-coding-agents/ThreadStopping")("ThreadStopping", {
    threadId: ThreadId
  }, { httpApiStatus: 409 })
{
  readonly retryable = true
  override get message() {
    return `The start of thread ${this.threadId} was cut by a stop`
  }
}

/** No such approval or question was ever asked in this thread. */
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

/** The approval or question is settled: answered before, or what it belonged to has ended. */
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

/** A hook asks something of its own thread, which waits for that hook. What it forks may ask, once the hook is over. */
export class HookReentrant
  extends Schema.TaggedError<HookReentrant>("effect-coding-agents/HookReentrant")("HookReentrant", {
    threadId: ThreadId,
    hook: Schema.String,
    /** The lifecycle event that the hook was told. */
    event: Schema.String
  }, { httpApiStatus: 409 })
{
  readonly retryable = false
  override get message() {
    return `The hook "${this.hook}" cannot use thread ${this.threadId}, which waits for it (${this.event})`
  }
}

/** How a turn ended that did not complete. */
export const TurnEnding = Schema.TaggedUnion({
  Failed: { failure: TurnFailure },
  Interrupted: { by: InterruptedBy },
  Unknown: { reason: UnknownReason }
})
export type TurnEnding = typeof TurnEnding.Type

/** `runTurn` waited for a turn that ended otherwise than completed. */
export class TurnNotCompleted
  extends Schema.TaggedError<TurnNotCompleted>("effect-coding-agents/TurnNotCompleted")("TurnNotCompleted", {
    threadId: ThreadId,
    turnId: TurnId,
    ending: TurnEnding
  }, { httpApiStatus: 502 })
{
  get retryable() {
    return this.ending._tag === "Failed" && this.ending.failure._tag === "ModelFailed" && this.ending.failure.retryable
  }
  override get message() {
    const ending = this.ending
    switch (ending._tag) {
      case "Failed":
        return `Turn ${this.turnId} failed: ${JSON.stringify(ending.failure)}`
      case "Interrupted":
        return `Turn ${this.turnId} was interrupted by ${ending.by}`
      case "Unknown":
        return `The outcome of turn ${this.turnId} is unknown (${ending.reason})`
    }
  }
}
