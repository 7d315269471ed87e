/**
 * What a user says in one turn: a prompt or a command of the agent, attachments, and which model answers.
 *
 * @since 0.1.0
 */
import { Schema } from "effect"
import { BlobRef } from "./Blob.ts"
import { Text, WellFormed } from "./WellFormed.ts"

const Name = WellFormed.check(Schema.isNonEmpty())

/**
 * Which model answers. `id` is `provider/model` if the agent serves several model providers (OpenCode), else the
 * agent's own model name. `variant` is the agent's word for effort or a preset (`high`, ...), `options` are the model's
 * other settings by their ids, as the agent offers them.
 *
 * @since 0.1.0
 * @category schemas
 */
export const ModelSelection = Schema.Struct({
  id: Name,
  variant: Schema.optionalKey(Name),
  options: Schema.optionalKey(Schema.Record(Name, Schema.Union([Name, Schema.Boolean])))
})

/**
 * @since 0.1.0
 * @category models
 */
export type ModelSelection = typeof ModelSelection.Type

const given = {
  File: {
    path: Name,
    mime: Schema.optionalKey(Name),
    allowOutside: Schema.optionalKey(Schema.Boolean)
  },
  Data: { name: Name, mime: Name, base64: WellFormed }
}

/**
 * `File` names a file by absolute path, or relative to the session's directory; it must lie inside that directory
 * unless `allowOutside` is set. `Data` carries bytes, base64 encoded, for example a pasted screenshot.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Attachment = Schema.TaggedUnion(given)

/**
 * @since 0.1.0
 * @category models
 */
export type Attachment = typeof Attachment.Type

/**
 * An attachment as it is recorded: what was given as `Data` is a `Blob` in events, hooks and the archive, and `readBlob`
 * has its bytes. A transcript that is read from a snapshot has them in itself, as `Data`.
 *
 * @since 0.1.0
 * @category schemas
 */
export const RecordedAttachment = Schema.TaggedUnion({
  ...given,
  Blob: { name: Name, ...BlobRef.fields }
})

/**
 * @since 0.1.0
 * @category models
 */
export type RecordedAttachment = typeof RecordedAttachment.Type

/**
 * A command of the agent, by the name that the agent offers it under, without a slash.
 *
 * @since 0.1.0
 * @category schemas
 */
export const TurnCommand = Schema.Struct({
  name: Name,
  /** What the user wrote after the name. */
  arguments: Schema.optionalKey(Text)
})

/**
 * @since 0.1.0
 * @category models
 */
export type TurnCommand = typeof TurnCommand.Type

/**
 * What the user wants of a turn: that the agent acts, or that it plans and leaves everything as it is. A plan is an
 * intent that the model is told of; what the agent may do is the runtime mode's business.
 *
 * @since 0.1.0
 * @category schemas
 */
export const TurnMode = Schema.Literals(["act", "plan"])

/**
 * @since 0.1.0
 * @category models
 */
export type TurnMode = typeof TurnMode.Type

/**
 * The input of one turn.
 *
 * @since 0.1.0
 * @category schemas
 */
export const TurnInput = Schema.Struct({
  /** Words, and never a command. May be empty where there is a `command`. */
  prompt: Schema.String,
  /** Run natively by the agent. */
  command: Schema.optionalKey(TurnCommand),
  /** Skills of the agent that the model is to have, by name. */
  skills: Schema.optionalKey(Schema.Array(Name)),
  attachments: Schema.optionalKey(Schema.Array(Attachment)),
  model: Schema.optionalKey(ModelSelection),
  /** The agent's own persona or mode (`build`, `plan`, ...), if it has any. */
  agent: Schema.optionalKey(Name),
  /** Default: the agent's own. */
  mode: Schema.optionalKey(TurnMode),
  /** What the model reads before the prompt and the user did not write: added by hooks, or by this library. */
  context: Schema.optionalKey(Schema.Array(Schema.String))
})

/**
 * @since 0.1.0
 * @category models
 */
export type TurnInput = typeof TurnInput.Type

/**
 * Who sent a turn, and what the app knows of it. It is recorded with the turn's input, and no adapter is given it.
 *
 * @since 0.1.0
 * @category schemas
 */
export const TurnOrigin = Schema.Struct({
  actor: Schema.optionalKey(Schema.String),
  metadata: Schema.optionalKey(Schema.JsonObject)
})

/**
 * @since 0.1.0
 * @category models
 */
export interface TurnOrigin extends Schema.Schema.Type<typeof TurnOrigin> {}

/**
 * The input of a turn as it is recorded: without the bytes of its attachments, and with who sent it.
 *
 * @since 0.1.0
 * @category schemas
 */
export const RecordedInput = Schema.Struct({
  ...TurnInput.fields,
  ...TurnOrigin.fields,
  attachments: Schema.optionalKey(Schema.Array(RecordedAttachment))
})

/**
 * @since 0.1.0
 * @category models
 */
export type RecordedInput = typeof RecordedInput.Type

/**
 * What the user said, as a transcript shows it: a command as `/name arguments`, and the prompt.
 *
 * @since 0.1.0
 * @category getters
 */
export const wordsOf = ({ command, prompt }: RecordedInput): string =>
  command === undefined
    ? prompt
    : [[`/${command.name}`, command.arguments].filter(isSaid).join(" "), prompt].filter(isSaid).join("\n")

const isSaid = (text: string | undefined): text is string => text !== undefined && text !== ""
