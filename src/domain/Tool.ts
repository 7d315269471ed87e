/**
 * What a tool call does, in terms that every agent shares, so that an app can show a call without knowing the agent's
 * tools. Each adapter's documentation says which of the agent's tools comes as which kind.
 *
 * @since 0.1.0
 */
import { Schema } from "effect"
import { BlobRef } from "./Blob.ts"
import { Usage } from "./Usage.ts"

/**
 * What kind of thing a tool call does. Commands and file changes are items of their own. `other`: a tool that the adapter
 * does not know, or one that is none of these.
 *
 * @since 0.1.0
 * @category schemas
 */
export const ToolKind = Schema.Literals([
  "read",
  "edit",
  "delete",
  "search",
  "fetch",
  "web-search",
  "mcp",
  "subagent",
  "think",
  "other"
])

/**
 * @since 0.1.0
 * @category models
 */
export type ToolKind = typeof ToolKind.Type

/**
 * The parts of a call that apps show, by its kind. Absent where the agent does not tell them.
 *
 * @since 0.1.0
 * @category schemas
 */
export const ToolDetail = Schema.TaggedUnion({
  /** A file, or a part of it: `from` is its first line, counted from 1, and `lines` how many. */
  Read: { path: Schema.String, from: Schema.optionalKey(Schema.Int), lines: Schema.optionalKey(Schema.Int) },
  Edit: { path: Schema.String },
  Delete: { path: Schema.String },
  /** In files: `path` is where. `matches` is how many were found. */
  Search: {
    query: Schema.String,
    path: Schema.optionalKey(Schema.String),
    matches: Schema.optionalKey(Schema.Int)
  },
  /** `status` is the HTTP status. */
  Fetch: { url: Schema.String, status: Schema.optionalKey(Schema.Int) },
  WebSearch: { query: Schema.String },
  /** A tool of an MCP server. */
  Mcp: { server: Schema.String, tool: Schema.String },
  /** `name` is the subagent's type; `session` its session at the provider, which its items carry as `subagent`. */
  Subagent: {
    task: Schema.String,
    name: Schema.optionalKey(Schema.String),
    session: Schema.optionalKey(Schema.String),
    usage: Schema.optionalKey(Usage)
  }
})

/**
 * @since 0.1.0
 * @category models
 */
export type ToolDetail = typeof ToolDetail.Type

/**
 * One piece of what a tool call gave back, beside its plain output. An adapter gives the bytes of an image (`Image`); in
 * events it is a `StoredImage`, and `readBlob` has the bytes.
 *
 * @since 0.1.0
 * @category schemas
 */
export const ToolContent = Schema.TaggedUnion({
  Text: { text: Schema.String },
  Image: { mime: Schema.String, base64: Schema.String },
  StoredImage: BlobRef.fields,
  /** Unified diff. */
  Diff: { path: Schema.String, patch: Schema.String },
  Link: { uri: Schema.String, title: Schema.optionalKey(Schema.String) }
})

/**
 * @since 0.1.0
 * @category models
 */
export type ToolContent = typeof ToolContent.Type
