/**
 * What a server says of its agents, models, commands and skills, as far as it is used here (1.18.33).
 */
import { Option, Schema } from "effect"

export const Rules = Schema.Array(Schema.Struct({
  permission: Schema.String,
  pattern: Schema.String,
  action: Schema.Literals(["allow", "ask", "deny"])
}))

/** What has no value is absent or `null`, depending on where it was written. */
const Words = Schema.optional(Schema.NullOr(Schema.String))

export const Agents = Schema.Array(Schema.Struct({
  name: Schema.String,
  description: Words,
  mode: Schema.Literals(["subagent", "primary", "all"]),
  // `null` where the configuration names the agent.
  hidden: Schema.optional(Schema.NullOr(Schema.Boolean)),
  permission: Rules,
  /** What its configuration has it answer with. */
  model: Schema.optional(Schema.NullOr(Schema.Struct({ providerID: Schema.String, modelID: Schema.String }))),
  variant: Words
}))
export type Agents = typeof Agents.Type

export const Providers = Schema.Struct({
  providers: Schema.Array(Schema.Struct({
    id: Schema.String,
    models: Schema.Record(
      Schema.String,
      Schema.Struct({
        name: Words,
        variants: Schema.optional(Schema.Record(Schema.String, Schema.Unknown)),
        /** In tokens; 0 where it is not known. */
        limit: Schema.optional(Schema.Struct({ context: Schema.Finite })),
        /** What it is given beside words; OpenCode gives it an error text in place of what it does not take. */
        capabilities: Schema.optional(Schema.Struct({
          input: Schema.optional(Schema.Struct({
            image: Schema.optional(Schema.Boolean),
            pdf: Schema.optional(Schema.Boolean)
          }))
        }))
      })
    )
  })),
  default: Schema.Record(Schema.String, Schema.String)
})
export type Providers = typeof Providers.Type

export const Command = Schema.Struct({
  name: Schema.String,
  description: Words,
  /** The agent and the model that answer it, whatever the call says. */
  agent: Words,
  model: Words,
  source: Words,
  /** Whether it runs in a subagent. Default: if its agent is one. */
  subtask: Schema.optional(Schema.NullOr(Schema.Boolean)),
  /** No text where an MCP server has it. */
  template: Schema.Unknown,
  hints: Schema.optional(Schema.Array(Schema.String))
})

export type Command = typeof Command.Type

export const Skills = Schema.Array(Schema.Struct({
  name: Schema.String,
  description: Words,
  /** Path of its file, or `<built-in>`. */
  location: Schema.String,
  content: Schema.String
}))

const decodeUpdated = Schema.decodeUnknownOption(Schema.Struct({ info: Schema.Struct({ permission: Rules }) }))

/** The rules of a session, where a frame shows it with some. */
export const rulesOf = ({ properties, type }: { readonly type: string; readonly properties: unknown }) =>
  type === "session.updated" ? Option.getOrUndefined(decodeUpdated(properties))?.info.permission : undefined
