/**
 * Tool calls in the terms that every agent shares. One whose kind is not known is a tool of the kind `other`.
 */
import * as ToolContents from "../../adapter/ToolContents.ts"
import * as Words from "../../adapter/Words.ts"
import type { ItemId } from "../../domain/Ids.ts"
import type { FileEdit, Item, ItemStatus } from "../../domain/Item.ts"
import type { ToolKind } from "../../domain/Tool.ts"
import { type Profile, textIn } from "../Profile.ts"
import { patchOf } from "./Patch.ts"
import { blocksOf, diffsOf, pathsOf, textOf, type ToolCall } from "./ToolCall.ts"

export type ToolNames = Pick<Profile, "commandOf" | "mcpOf" | "outputOf" | "toolOf">

const statuses = Words.make<ItemStatus>({
  pending: "pending",
  in_progress: "running",
  completed: "completed",
  failed: "failed"
})

/** The protocol's words, and those of ours that a profile makes of them. */
const kinds = Words.make<ToolKind>({
  read: "read",
  search: "search",
  fetch: "fetch",
  think: "think",
  subagent: "subagent"
})

const changing = new Set<string | null | undefined>(["edit", "delete", "move"])

/** The call is over, however. */
export const isOver = ({ status }: ToolCall): boolean => status === "completed" || status === "failed"

/** What the agent calls the tool; its title where it does not say. */
export const nameOf = (call: ToolCall, { toolOf }: ToolNames): string =>
  toolOf?.(call) ?? call.name ?? call.title ?? call.kind ?? "tool"

/** There is something of it to show: some agents tell of a call before they know what it does. */
export const isTelling = (call: ToolCall, names: ToolNames): boolean =>
  names.mcpOf?.(call) !== undefined ||
  (call.kind === "execute"
    ? names.commandOf === undefined || names.commandOf(call) !== undefined
    : !changing.has(call.kind) || pathsOf(call).length > 0)

export const toItem = (call: ToolCall, itemId: ItemId, declined: boolean, names: ToolNames): Item => {
  const known = statuses(call.status ?? "pending") ?? "running"
  const { exitCode, output: said } = names.outputOf?.(call) ?? {}
  const output = said ?? textOf(call)
  const shown = output === "" ? {} : { output }
  const status = declined && known !== "completed" ? "declined" : known
  const mcp = names.mcpOf?.(call)
  if (mcp === undefined && call.kind === "execute") {
    return {
      _tag: "Command",
      itemId,
      command: names.commandOf?.(call) ?? call.title ?? "",
      status: status === "completed" && exitCode !== undefined && exitCode !== 0 ? "failed" : status,
      ...shown,
      ...(exitCode === undefined ? {} : { exitCode })
    }
  }
  if (mcp === undefined && (changing.has(call.kind) || diffsOf(call).length > 0)) {
    return { _tag: "FileChange", itemId, status, edits: editsOf(call) }
  }
  return {
    _tag: "ToolCall",
    itemId,
    tool: nameOf(call, names),
    ...(mcp === undefined
      ? { kind: kinds(call.kind) ?? "other", ...detailOf(call) }
      : { kind: "mcp", detail: { _tag: "Mcp", ...mcp } }),
    ...(call.title == null ? {} : { title: call.title }),
    input: call.rawInput ?? null,
    status,
    ...shown,
    ...contentOf(call)
  }
}

/** What a call gives back, with the changes of files that a tool of an MCP server tells of. */
const contentOf = (call: ToolCall): Pick<Extract<Item, { readonly _tag: "ToolCall" }>, "content"> => {
  const { content = [] } = ToolContents.of(blocksOf(call))
  const diffs = diffsOf(call).map((diff) => ({ _tag: "Diff" as const, path: diff.path, patch: patchOf(diff) }))
  return content.length + diffs.length === 0 ? {} : { content: [...content, ...diffs] }
}

const editsOf = (call: ToolCall): ReadonlyArray<FileEdit> => {
  const diffs = diffsOf(call)
  return diffs.length > 0
    ? diffs.map((diff) => ({
      path: diff.path,
      // Some agents have an empty text where there was no file.
      kind: diff.before === undefined || diff.before === "" ? "add" : "modify",
      patch: patchOf(diff)
    }))
    : pathsOf(call).map((path) => ({ path, kind: call.kind === "delete" ? "delete" : "modify" }))
}

/** What the agents call the same parts of an input. */
const parts = {
  path: ["file_path", "path", "target_file", "target_directory"],
  query: ["pattern", "query"],
  where: ["path", "dir_path"],
  url: ["url"],
  task: ["prompt", "instructions", "prompt_template"],
  name: ["subagent_type", "agent_type"]
} as const

const detailOf = (call: ToolCall): Pick<Extract<Item, { readonly _tag: "ToolCall" }>, "detail"> => {
  const part = (part: keyof typeof parts) =>
    parts[part].map((name) => textIn(call.rawInput, name)).find((text) => text !== undefined)
  switch (call.kind) {
    case "read": {
      const path = pathsOf(call)[0] ?? part("path")
      return path === undefined ? {} : { detail: { _tag: "Read", path } }
    }
    case "search": {
      const [query, path] = [part("query"), part("where")]
      return query === undefined ? {} : { detail: { _tag: "Search", query, ...(path === undefined ? {} : { path }) } }
    }
    case "fetch": {
      const url = part("url")
      return url === undefined ? {} : { detail: { _tag: "Fetch", url } }
    }
    case "subagent": {
      const [task, name] = [part("task"), part("name")]
      return task === undefined ? {} : { detail: { _tag: "Subagent", task, ...(name === undefined ? {} : { name }) } }
    }
    default:
      return {}
  }
}
