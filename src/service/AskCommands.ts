/**
 * What is asked of an agent without a thread.
 *
 * @since 0.1.0
 */
import { Schema } from "effect"
import { InstanceId, ThreadId } from "../domain/Ids.ts"
import { Attachment, ModelSelection } from "../domain/TurnInput.ts"
import { Text, Values, WellFormed } from "../domain/WellFormed.ts"

/**
 * Of `ask`.
 *
 * @category commands
 * @since 0.1.0
 */
export const Ask = Schema.Struct({
  /** Who is asked; of several the first that can be used now. */
  instanceId: Schema.Union([InstanceId, Schema.NonEmptyArray(InstanceId)]),
  prompt: Text.check(Schema.isNonEmpty()),
  /** Absolute path. Default: an empty directory. */
  directory: Schema.optional(WellFormed),
  attachments: Schema.optional(Schema.Array(Attachment)),
  /** Of the first instance; the others answer with their own. Default: the agent's. */
  model: Schema.optional(ModelSelection),
  /** A thread that the question is about: the agent is handed its transcript, and the thread does not know. */
  about: Schema.optional(ThreadId),
  /** A JSON Schema that the answer is to be valid against. It is asked for in words; `CodingAgents.askFor` checks. */
  output: Schema.optional(Schema.Record(Text, Values)),
  /**
   * Whether the agent may read files on its way to the answer. Default `none`, where the agent can be told so; where not, it
   * may read. Nothing else is allowed either way.
   */
  tools: Schema.optional(Schema.Literals(["none", "read"])),
  /** In milliseconds, for each agent that is asked. Default: 2 minutes. */
  deadline: Schema.optional(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 86_400_000 })))
})

/**
 * @category models
 * @since 0.1.0
 */
export interface Ask extends Schema.Schema.Type<typeof Ask> {}
