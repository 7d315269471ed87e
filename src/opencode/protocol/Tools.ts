/**
 * OpenCode's own tools (`GET /experimental/tool/ids`, 1.18.33) in the terms that every agent shares. `bash` comes as a
 * command, `edit`, `write` and `apply_patch` as file changes. `question`, and `invalid`, which a call becomes that OpenCode
 * cannot read, are `other`, and so is a tool that is not OpenCode's own: the name of an MCP server's tool does not tell it
 * from a plugin's.
 */
import type { ToolDetail, ToolKind } from "../../domain/Tool.ts"
import type { ToolPart } from "./Message.ts"

interface Tool {
  readonly kind: ToolKind
  readonly detail?: ToolDetail
}

type Input = ToolPart["state"]["input"]

const text = (input: Input, name: string): string => {
  const value = input[name]
  return typeof value === "string" ? value : ""
}

const whole = (input: Input, name: string): number | undefined => {
  const value = input[name]
  return typeof value === "number" && Number.isInteger(value) ? value : undefined
}

const search = (input: Input): Tool => {
  const path = text(input, "path")
  return {
    kind: "search",
    detail: { _tag: "Search", query: text(input, "pattern"), ...(path === "" ? {} : { path }) }
  }
}

const tools = new Map<string, (part: ToolPart) => Tool>([
  ["read", ({ state: { input } }) => {
    const [from, lines] = [whole(input, "offset"), whole(input, "limit")]
    return {
      kind: "read",
      detail: {
        _tag: "Read",
        path: text(input, "filePath"),
        ...(from === undefined ? {} : { from }),
        ...(lines === undefined ? {} : { lines })
      }
    }
  }],
  ["glob", ({ state: { input } }) => search(input)],
  ["grep", ({ state: { input } }) => search(input)],
  ["webfetch", ({ state: { input } }) => ({ kind: "fetch", detail: { _tag: "Fetch", url: text(input, "url") } })],
  ["websearch", ({ state: { input } }) => ({
    kind: "web-search",
    detail: { _tag: "WebSearch", query: text(input, "query") }
  })],
  ["task", ({ state: { input, metadata } }) => {
    const [name, session] = [text(input, "subagent_type"), metadata?.["sessionId"]]
    return {
      kind: "subagent",
      detail: {
        _tag: "Subagent",
        task: text(input, "description"),
        ...(name === "" ? {} : { name }),
        ...(typeof session === "string" ? { session } : {})
      }
    }
  }],
  ["todowrite", () => ({ kind: "think" })],
  ["skill", () => ({ kind: "read" })]
])

const other: Tool = { kind: "other" }

export const of = (part: ToolPart): Tool => tools.get(part.tool)?.(part) ?? other
