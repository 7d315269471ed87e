/**
 * Codex's items (0.171.0) in the terms that every agent shares. A kind that is not listed becomes a tool call of the kind
 * `other`, with the item as its input.
 */
import { Schema } from "effect"
import * as ToolContents from "../../adapter/ToolContents.ts"
import * as Words from "../../adapter/Words.ts"
import { ItemId } from "../../domain/Ids.ts"
import type { FileEdit, Item, ItemStatus } from "../../domain/Item.ts"

const Status = Schema.optionalKey(Schema.NullOr(Schema.String))
const Text = Schema.optionalKey(Schema.NullOr(Schema.String))
const Millis = Schema.optionalKey(Schema.NullOr(Schema.Finite))

const Change = Schema.Struct({
  path: Schema.String,
  kind: Schema.Struct({ type: Schema.String, move_path: Schema.optionalKey(Schema.NullOr(Schema.String)) }),
  diff: Text
})

export const Changes = Schema.Array(Change)

/** One shape for all kinds: each has its own few of these fields. */
export const ThreadItem = Schema.Struct({
  id: ItemId,
  type: Schema.String,
  status: Status,
  startedAtMs: Millis,
  durationMs: Millis,
  clientId: Text,
  text: Text,
  summary: Schema.optionalKey(Schema.NullOr(Schema.Array(Schema.String))),
  content: Schema.optionalKey(Schema.Unknown),
  command: Text,
  aggregatedOutput: Text,
  exitCode: Schema.optionalKey(Schema.NullOr(Schema.Int)),
  changes: Schema.optionalKey(Changes),
  server: Text,
  tool: Text,
  arguments: Schema.optionalKey(Schema.Unknown),
  result: Schema.optionalKey(Schema.Unknown),
  error: Schema.optionalKey(Schema.Unknown),
  query: Text,
  path: Text,
  prompt: Text,
  kind: Schema.optionalKey(Schema.Unknown),
  agentThreadId: Text,
  agentPath: Text
})

export type ThreadItem = typeof ThreadItem.Type

export const decodeItem = Schema.decodeUnknownOption(ThreadItem)

const statuses = Words.make<ItemStatus>({
  inProgress: "running",
  completed: "completed",
  failed: "failed",
  declined: "declined",
  interrupted: "failed"
})

const kinds = Words.make<FileEdit["kind"]>({ add: "add", delete: "delete", update: "modify" })

/** A file that is moved is one that goes, and one that comes. */
export const editsOf = (changes: typeof Changes.Type): ReadonlyArray<FileEdit> =>
  changes.flatMap(({ diff, kind: { move_path: to, type }, path }): ReadonlyArray<FileEdit> => {
    const patch = diff == null ? {} : { patch: diff }
    return to == null
      ? [{ path, kind: kinds(type) ?? "modify", ...patch }]
      : [{ path, kind: "delete" }, { path: to, kind: "modify", ...patch }]
  })

/** The subagent that an item names: its thread, and its path in the tree of agents. */
export const subagentOf = ({ agentPath, agentThreadId, type }: ThreadItem) =>
  type === "subAgentActivity" && agentThreadId != null
    ? { threadId: agentThreadId, path: agentPath ?? agentThreadId }
    : undefined

/** What becomes of a subagent is told by its task. */
const isReport = ({ kind }: ThreadItem) => kind === "completed" || kind === "interrupted"

/** `undefined` for what is no part of a transcript. */
export const toItem = (raw: ThreadItem): Item | undefined => {
  const itemId = raw.id
  const status = statuses(raw.status ?? "completed") ?? "completed"
  const text = raw.text ?? ""
  const timing = {
    ...(raw.startedAtMs == null ? {} : { startedAt: raw.startedAtMs }),
    ...(raw.durationMs == null ? {} : { durationMillis: raw.durationMs })
  }
  switch (raw.type) {
    case "agentMessage":
      return { _tag: "AssistantMessage", itemId, text }
    case "plan":
      return { _tag: "Plan", itemId, text }
    case "reasoning":
      return { _tag: "Reasoning", itemId, text: (raw.summary ?? []).join("\n") }
    case "userMessage":
      return { _tag: "UserMessage", itemId, text: wordsOf(raw.content), attachments: attachmentsOf(raw.content) }
    case "commandExecution":
      return {
        _tag: "Command",
        itemId,
        command: raw.command ?? "",
        status,
        ...timing,
        ...(raw.aggregatedOutput == null ? {} : { output: raw.aggregatedOutput }),
        ...(raw.exitCode == null ? {} : { exitCode: raw.exitCode })
      }
    case "fileChange":
      return { _tag: "FileChange", itemId, status, ...timing, edits: editsOf(raw.changes ?? []) }
    case "contextCompaction":
    case "hookPrompt":
      return undefined
    case "subAgentActivity":
      return isReport(raw) ? undefined : { _tag: "ToolCall", itemId, status, ...timing, ...toolOf(raw) }
    default:
      return { _tag: "ToolCall", itemId, status, ...timing, ...toolOf(raw), ...outputOf(raw), ...contentOf(raw) }
  }
}

type Tool = Pick<Extract<Item, { readonly _tag: "ToolCall" }>, "tool" | "kind" | "detail" | "input">

const toolOf = (raw: ThreadItem): Tool => {
  const { arguments: given, id: _id, status: _status, type, ...rest } = raw
  const input = given ?? rest
  switch (type) {
    case "mcpToolCall": {
      const [server, tool] = [raw.server ?? "", raw.tool ?? ""]
      return { tool: `${server}/${tool}`, kind: "mcp", detail: { _tag: "Mcp", server, tool }, input }
    }
    case "webSearch":
      return { tool: type, kind: "web-search", detail: { _tag: "WebSearch", query: raw.query ?? "" }, input }
    case "imageView":
      return { tool: type, kind: "read", detail: { _tag: "Read", path: raw.path ?? "" }, input }
    case "subAgentActivity":
      return {
        tool: type,
        kind: "subagent",
        detail: { _tag: "Subagent", task: "", name: raw.agentPath ?? raw.agentThreadId ?? "" },
        input
      }
    case "collabAgentToolCall":
      return { tool: raw.tool ?? type, kind: "subagent", detail: { _tag: "Subagent", task: raw.prompt ?? "" }, input }
    default:
      return { tool: raw.tool ?? type, kind: "other", input }
  }
}

const outputOf = ({ error, result }: ThreadItem) => {
  const output = result ?? error
  return output == null ? {} : { output: JSON.stringify(output) }
}

/** The result of a tool of an MCP server, as that gave it. */
const contentOf = ({ result, type }: ThreadItem) => type === "mcpToolCall" ? ToolContents.inResult(result) : {}

const Part = Schema.Struct({ type: Schema.String, text: Text, path: Text, url: Text })

const decodeParts = Schema.decodeUnknownOption(Schema.Array(Part))

const partsOf = (content: unknown): ReadonlyArray<typeof Part.Type> => {
  const parts = decodeParts(content)
  return parts._tag === "Some" ? parts.value : []
}

const wordsOf = (content: unknown): string =>
  partsOf(content).flatMap(({ text }) => text == null ? [] : [text]).join("\n")

const attachmentsOf = (content: unknown): ReadonlyArray<string> =>
  partsOf(content).flatMap(({ path, type }) => type === "text" ? [] : [path ?? type])
