/**
 * What can be wrong with a thread that is brought along. Nothing of it stays.
 *
 * @since 0.1.0
 */
import { Schema } from "effect"
import { ThreadId } from "../domain/Ids.ts"
import * as InputIssue from "../domain/InputIssue.ts"

/**
 * One of the turns is not of the shape of a `TranscriptTurn`, or has the id of one before it. No thread was made.
 *
 * @category errors
 * @since 0.1.0
 */
export class ImportedTurnInvalid
  extends Schema.TaggedError<ImportedTurnInvalid>("effect-coding-agents/ImportedTurnInvalid")("ImportedTurnInvalid", {
    threadId: ThreadId,
    /** Which of the turns, from 0. */
    index: Schema.Int,
    /** The first 32. */
    issues: Schema.Array(InputIssue.InputIssue),
    /** How many more there are, if any. */
    omitted: Schema.optionalKey(Schema.Int)
  }, { httpApiStatus: 400 })
{
  readonly retryable = false
  override get message() {
    return `Turn ${this.index} is not valid, so thread "${this.threadId}" was not imported: ${
      InputIssue.format(this.issues, this.omitted)
    }`
  }
}

/**
 * There are more turns than `settings.importLimit` allows, or they are longer together. No thread was made.
 *
 * @category errors
 * @since 0.1.0
 */
export class ImportTooLarge
  extends Schema.TaggedError<ImportTooLarge>("effect-coding-agents/ImportTooLarge")("ImportTooLarge", {
    threadId: ThreadId,
    of: Schema.Literals(["turns", "bytes"]),
    /** So many turns, or so many bytes of all of them as JSON. */
    limit: Schema.Int
  }, { httpApiStatus: 413 })
{
  readonly retryable = false
  override get message() {
    return `Thread "${this.threadId}" was not imported: it has more than ${this.limit} ${this.of}`
  }
}

/**
 * The app's own Stream of turns has failed. No thread was made.
 *
 * @category errors
 * @since 0.1.0
 */
export class ImportSourceFailed
  extends Schema.TaggedError<ImportSourceFailed>("effect-coding-agents/ImportSourceFailed")("ImportSourceFailed", {
    threadId: ThreadId,
    /** How many turns it had given before. */
    turns: Schema.Int,
    cause: Schema.Defect()
  }, { httpApiStatus: 502 })
{
  readonly retryable = true
  override get message() {
    return `The turns of thread "${this.threadId}" could not be read after ${this.turns} of them, so it was not imported`
  }
}
