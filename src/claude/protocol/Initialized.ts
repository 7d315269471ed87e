/** What Claude (2.1.332) answers to `initialize`, as far as it is used. */
import { Schema } from "effect"

const Text = Schema.optionalKey(Schema.NullOr(Schema.String))

const Command = Schema.Struct({
  name: Schema.String,
  description: Text,
  argumentHint: Text,
  aliases: Schema.optionalKey(Schema.NullOr(Schema.Array(Schema.String))),
  /** Claude's own. */
  builtin: Schema.optionalKey(Schema.NullOr(Schema.Boolean))
})

export type Command = typeof Command.Type

export const Initialized = Schema.Struct({
  claude_code_version: Schema.optionalKey(Schema.String),
  /** Of the process itself. */
  pid: Schema.optionalKey(Schema.Int),
  current_permission_mode: Schema.optionalKey(Schema.String),
  account: Schema.optionalKey(Schema.Struct({ email: Text, tokenSource: Text, apiKeySource: Text })),
  models: Schema.Array(Schema.Struct({
    value: Schema.String,
    resolvedModel: Text,
    displayName: Text,
    description: Text,
    supportedEffortLevels: Schema.optionalKey(Schema.NullOr(Schema.Array(Schema.String)))
  })),
  commands: Schema.optionalKey(Schema.Array(Command)),
  agents: Schema.optionalKey(Schema.Array(Schema.Struct({ name: Schema.String, description: Text })))
})

export interface Initialized extends Schema.Schema.Type<typeof Initialized> {}
