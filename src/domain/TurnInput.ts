/**
 * What a user says in one turn: a prompt, attachments, and which model answers.
 *
 * @since 0.1.0
 */
import { Schema } from "effect"
import { WellFormed } from "./WellFormed.ts"

const Name = WellFormed.check(Schema.isNonEmpty())

/**
 * Which model answers. `id` is `provider/model` if the agent serves several model providers (OpenCode), else the
 * agent's own model name. `variant` is the agent's word for effort or a preset (`high`, ...).
 *
 * @since 0.1.0
 * @category schemas
 */
export const ModelSelection = Schema.Struct({
  id: Name,
  variant: Schema.optionalKey(Name)
})

/**
 * @since 0.1.0
 * @category models
 */
export type ModelSelection = typeof ModelSelection.Type

/**
 * `File` names a file by absolute path, or relative to the session's directory; it must lie inside that directory
 * unless `allowOutside` is set. `Data` carries bytes, base64 encoded, for example a pasted screenshot.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Attachment = Schema.TaggedUnion({
  File: {
    path: Name,
    mime: Schema.optionalKey(Name),
    allowOutside: Schema.optionalKey(Schema.Boolean)
  },
  Data: { name: Name, mime: Name, base64: WellFormed }
})

/**
 * @since 0.1.0
 * @category models
 */
export type Attachment = typeof Attachment.Type

/**
 * The input of one turn.
 *
 * @since 0.1.0
 * @category schemas
 */
export const TurnInput = Schema.Struct({
  prompt: Schema.String,
  attachments: Schema.optionalKey(Schema.Array(Attachment)),
  model: Schema.optionalKey(ModelSelection),
  /** The agent's own persona or mode (`build`, `plan`, ...), if it has any. */
  agent: Schema.optionalKey(Name),
  /** What the model reads before the prompt and the user did not write: added by hooks, or by this library. */
  context: Schema.optionalKey(Schema.Array(Schema.String))
})

/**
 * @since 0.1.0
 * @category models
 */
export type TurnInput = typeof TurnInput.Type
