/**
 * What is wrong with the input of a call. Nothing was stored, and no agent has seen it.
 *
 * @since 0.1.0
 */
import { Schema } from "effect"
import { RequestId, ThreadId } from "../domain/Ids.ts"
import * as InputIssue from "../domain/InputIssue.ts"

/**
 * The input is not of the operation's shape. Nothing was stored, and no agent has seen it.
 *
 * @category errors
 * @since 0.1.0
 */
export class InputInvalid
  extends Schema.TaggedError<InputInvalid>("effect-coding-agents/InputInvalid")("InputInvalid", {
    /** The operation, as `sendTurn`. */
    operation: Schema.String,
    /** The first 32. */
    issues: Schema.Array(InputIssue.InputIssue),
    /** How many more there are, if any. */
    omitted: Schema.optionalKey(Schema.Int)
  }, { httpApiStatus: 400 })
{
  readonly retryable = false
  override get message() {
    return `The input of ${this.operation} is not valid: ${InputIssue.format(this.issues, this.omitted)}`
  }
}

/**
 * A new thread needs a provider instance and a directory.
 *
 * @category errors
 * @since 0.1.0
 */
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

/**
 * The answer does not fit the questions that were asked. It was not sent, and the request stays open.
 *
 * @category errors
 * @since 0.1.0
 */
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

/**
 * The approval does not offer this choice. Nothing was sent, and the request stays open.
 *
 * @category errors
 * @since 0.1.0
 */
export class ChoiceNotFound
  extends Schema.TaggedError<ChoiceNotFound>("effect-coding-agents/ChoiceNotFound")("ChoiceNotFound", {
    threadId: ThreadId,
    requestId: RequestId,
    choiceId: Schema.String,
    /** What it offers. */
    choices: Schema.Array(Schema.String)
  }, { httpApiStatus: 422 })
{
  readonly retryable = false
  override get message() {
    const offered = this.choices.length === 0 ? "no choices of its own" : this.choices.join(", ")
    return `The request ${this.requestId} does not offer "${this.choiceId}"; it offers ${offered}`
  }
}

/**
 * The working directory does not exist, is not a directory, or is not an absolute path.
 *
 * @category errors
 * @since 0.1.0
 */
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

/**
 * A prompt without text and without attachments.
 *
 * @category errors
 * @since 0.1.0
 */
export class PromptEmpty extends Schema.TaggedError<PromptEmpty>("effect-coding-agents/PromptEmpty")("PromptEmpty", {
  /** None where there is no thread. */
  threadId: Schema.optionalKey(ThreadId)
}, { httpApiStatus: 422 }) {
  readonly retryable = false
  override get message() {
    return "The prompt is empty"
  }
}

/**
 * The prompt is longer than the configured limit. Lengths in UTF-16 code units.
 *
 * @category errors
 * @since 0.1.0
 */
export class PromptTooLong
  extends Schema.TaggedError<PromptTooLong>("effect-coding-agents/PromptTooLong")("PromptTooLong", {
    /** None where there is no thread. */
    threadId: Schema.optionalKey(ThreadId),
    length: Schema.Int,
    limit: Schema.Int
  }, { httpApiStatus: 413 })
{
  readonly retryable = false
  override get message() {
    return `The prompt has ${this.length} characters; the limit is ${this.limit}`
  }
}

/**
 * An attachment that was given as data is larger than the configured limit, or all of a turn together are. In bytes;
 * `name` is of the one that met the limit.
 *
 * @category errors
 * @since 0.1.0
 */
export class AttachmentTooLarge
  extends Schema.TaggedError<AttachmentTooLarge>("effect-coding-agents/AttachmentTooLarge")("AttachmentTooLarge", {
    /** None where there is no thread. */
    threadId: Schema.optionalKey(ThreadId),
    name: Schema.String,
    of: Schema.Literals(["attachment", "turn"]),
    bytes: Schema.Int,
    limit: Schema.Int
  }, { httpApiStatus: 413 })
{
  readonly retryable = false
  override get message() {
    return this.of === "attachment"
      ? `The attachment "${this.name}" has ${this.bytes} bytes; the limit is ${this.limit}`
      : `With "${this.name}" the attachments of the turn have ${this.bytes} bytes; the limit is ${this.limit}`
  }
}
