/**
 * OpenCode's sessions and what is around them, as its routes answer (1.18.33). Unknown fields are ignored.
 */
import { Schema } from "effect"
import { Rules } from "./Catalog.ts"

export const SessionInfo = Schema.Struct({
  id: Schema.String,
  directory: Schema.String,
  title: Schema.optional(Schema.String),
  /** The model of the last prompt. */
  model: Schema.optional(Schema.Struct({
    id: Schema.String,
    providerID: Schema.String,
    variant: Schema.optional(Schema.NullOr(Schema.String))
  })),
  permission: Schema.optional(Rules),
  time: Schema.optional(Schema.Struct({ updated: Schema.Finite }))
})
export type SessionInfo = typeof SessionInfo.Type

export const Listed = Schema.Array(Schema.Struct({
  id: Schema.String,
  title: Schema.String,
  directory: Schema.String,
  metadata: Schema.optional(Schema.Record(Schema.String, Schema.Unknown)),
  time: Schema.Struct({ updated: Schema.Finite })
}))

export const Config = Schema.Struct({
  model: Schema.optional(Schema.String),
  default_agent: Schema.optional(Schema.NullOr(Schema.String)),
  compaction: Schema.optional(Schema.Struct({ auto: Schema.optional(Schema.Boolean) })),
  mcp: Schema.optional(Schema.Record(Schema.String, Schema.Struct({ enabled: Schema.optional(Schema.Boolean) })))
})
export type Config = typeof Config.Type

/** `error` is for people. */
export const McpServers = Schema.Record(
  Schema.String,
  Schema.Struct({ status: Schema.String, error: Schema.optional(Schema.String) })
)

/** What a command's references to files are relative to: `~` is the home, all else the root of the repository or `/`. */
export const Places = Schema.Struct({ home: Schema.String, worktree: Schema.String })
