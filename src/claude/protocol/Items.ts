/**
 * Claude's blocks (2.1.332) in the terms that every agent shares. A tool that is not listed is a tool call of the kind
 * `other`.
 */
import { Schema } from "effect"
import * as ToolContents from "../../adapter/ToolContents.ts"
import { ItemId } from "../../domain/Ids.ts"
import type { FileEdit, Item, ItemStatus } from "../../domain/Item.ts"
import type { ToolDetail, ToolKind } from "../../domain/Tool.ts"
import type { Block } from "./Frame.ts"

/** A call of a tool, as the model made it. */
export interface Call {
  readonly id: string
  readonly name: string
  readonly input: unknown
}

/** What became of a call. `result` is the tool's own record of it, whose shape is the tool's. */
export interface Outcome {
  readonly status: ItemStatus
  readonly output?: string | undefined
  /** The blocks that the model is given. */
  readonly content?: unknown
  readonly result?: unknown
}

const Text = Schema.optionalKey(Schema.NullOr(Schema.String))
const Line = Schema.optionalKey(Schema.NullOr(Schema.Int))

/** The fields of inputs that are shown; each tool has its own few of them. */
const Input = Schema.Struct({
  command: Text,
  file_path: Text,
  notebook_path: Text,
  path: Text,
  pattern: Text,
  url: Text,
  query: Text,
  prompt: Text,
  description: Text,
  subagent_type: Text,
  offset: Line,
  limit: Line
})

const decodeInput = Schema.decodeUnknownOption(Input)

const inputOf = (input: unknown): typeof Input.Type => {
  const decoded = decodeInput(input)
  return decoded._tag === "Some" ? decoded.value : {}
}

export const editors: ReadonlySet<string> = new Set(["Write", "Edit", "MultiEdit", "NotebookEdit"])

const subagents: ReadonlySet<string> = new Set(["Agent", "Task"])

export const callOf = (block: Block): Call | undefined =>
  block.type === "tool_use" && block.id != null && block.name != null
    ? { id: block.id, name: block.name, input: block.input ?? {} }
    : undefined

/** The file that a call changes. */
export const fileOf = ({ input }: Pick<Call, "input">): string | undefined => {
  const { file_path, notebook_path } = inputOf(input)
  return file_path ?? notebook_path ?? undefined
}

/** One line for a human. */
export const subjectOf = ({ input, name }: Pick<Call, "input" | "name">): string => {
  const { command, description, file_path, notebook_path, path, pattern, query, url } = inputOf(input)
  return command ?? file_path ?? notebook_path ?? url ?? query ?? pattern ?? path ?? description ?? name
}

/** `index` is the block's place in its message. */
export const textId = (messageId: string, index: number): ItemId => ItemId.make(`${messageId}:${index}`)

export const textItem = (type: string, itemId: ItemId, text: string, subagent: string | undefined): Item => ({
  _tag: type === "thinking" ? "Reasoning" : "AssistantMessage",
  itemId,
  text,
  ...(subagent === undefined ? {} : { subagent })
})

export const toolItem = (
  call: Call,
  { content, output, result, status }: Outcome,
  subagent: string | undefined
): Item => {
  const base = { itemId: ItemId.make(call.id), status, ...(subagent === undefined ? {} : { subagent }) }
  const said = output === undefined ? {} : { output }
  const input = inputOf(call.input)
  if (call.name === "Bash") return { _tag: "Command", ...base, command: input.command ?? "", ...said }
  if (editors.has(call.name)) return { _tag: "FileChange", ...base, edits: [editOf(call, result)] }
  return {
    _tag: "ToolCall",
    ...base,
    tool: call.name,
    ...kindOf(call, input),
    input: call.input,
    ...said,
    ...ToolContents.of(content)
  }
}

const kindOf = (
  { name }: Call,
  { description, file_path, limit, offset, path, pattern, prompt, query, subagent_type, url }: typeof Input.Type
): { readonly kind: ToolKind; readonly detail?: ToolDetail } => {
  const where = path == null ? {} : { path }
  switch (name) {
    case "Read":
      return {
        kind: "read",
        detail: {
          _tag: "Read",
          path: file_path ?? "",
          ...(offset == null ? {} : { from: offset }),
          ...(limit == null ? {} : { lines: limit })
        }
      }
    case "Glob":
    case "Grep":
      return { kind: "search", detail: { _tag: "Search", query: pattern ?? "", ...where } }
    case "WebFetch":
      return { kind: "fetch", detail: { _tag: "Fetch", url: url ?? "" } }
    case "WebSearch":
      return { kind: "web-search", detail: { _tag: "WebSearch", query: query ?? "" } }
  }
  if (subagents.has(name)) {
    const kind = subagent_type == null ? {} : { name: subagent_type }
    return { kind: "subagent", detail: { _tag: "Subagent", task: prompt ?? description ?? "", ...kind } }
  }
  const mcp = mcpOf(name)
  return mcp === undefined ? { kind: "other" } : { kind: "mcp", detail: mcp }
}

/** A tool of an MCP server is named `mcp__server__tool`. */
const mcpOf = (name: string): ToolDetail | undefined => {
  const [prefix, server, ...tool] = name.split("__")
  return prefix === "mcp" && server !== undefined && tool.length > 0
    ? { _tag: "Mcp", server, tool: tool.join("__") }
    : undefined
}

const Changed = Schema.Struct({
  type: Text,
  structuredPatch: Schema.optionalKey(Schema.NullOr(Schema.Array(Schema.Struct({
    oldStart: Schema.Int,
    oldLines: Schema.Int,
    newStart: Schema.Int,
    newLines: Schema.Int,
    lines: Schema.Array(Schema.String)
  }))))
})

const decodeChanged = Schema.decodeUnknownOption(Changed)

const editOf = (call: Call, result: unknown): FileEdit => {
  const path = fileOf(call) ?? ""
  const decoded = decodeChanged(result)
  if (decoded._tag === "None") return { path, kind: "modify" }
  const hunks = (decoded.value.structuredPatch ?? []).map(({ lines, newLines, newStart, oldLines, oldStart }) =>
    [`@@ -${oldStart},${oldLines} +${newStart},${newLines} @@`, ...lines].join("\n")
  )
  return {
    path,
    kind: decoded.value.type === "create" ? "add" : "modify",
    ...(hunks.length === 0 ? {} : { patch: [`--- ${path}`, `+++ ${path}`, ...hunks, ""].join("\n") })
  }
}

const Parts = Schema.Union([Schema.String, Schema.Array(Schema.Struct({ text: Text }))])

const decodeParts = Schema.decodeUnknownOption(Parts)

/** The text of a tool's result. */
export const outputOf = (content: unknown): string => {
  const decoded = decodeParts(content)
  if (decoded._tag === "None") return ""
  return typeof decoded.value === "string"
    ? decoded.value
    : decoded.value.flatMap(({ text }) => text ?? []).join("\n")
}
