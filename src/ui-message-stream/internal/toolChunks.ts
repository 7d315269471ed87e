/** Tool calls, commands and file changes as dynamic tools that the agent executes itself. */
import { HashMap } from "effect"
import type { ItemId } from "../../domain/Ids.ts"
import type { Item } from "../../domain/Item.ts"
import type { UIMessageChunk } from "../UIMessageChunk.ts"
import { type Of, type State, type Step, type ToolPart, toolPartOf, withPart } from "./foldState.ts"

export type ToolItem = Extract<Item, { readonly _tag: "ToolCall" | "Command" | "FileChange" }>

const executed = { dynamic: true, providerExecuted: true } as const

/** A preview of the output holds its end only, and comes again once it has grown by a quarter, or by so much. */
const previewLength = 4096
const previewStep = 1024

const described = (item: ToolItem): { readonly toolName: string; readonly input: unknown; readonly title?: string } => {
  switch (item._tag) {
    case "ToolCall":
      return { toolName: item.tool, input: item.input, ...(item.title === undefined ? {} : { title: item.title }) }
    case "Command":
      return { toolName: "command", input: { command: item.command }, title: item.command }
    case "FileChange":
      return {
        toolName: "file-change",
        input: { edits: item.edits },
        title: item.edits.map(({ path }) => path).join(", ")
      }
  }
}

const available = (item: ToolItem): UIMessageChunk => ({
  type: "tool-input-available",
  toolCallId: item.itemId,
  ...described(item),
  ...executed,
  toolMetadata: {
    kind: item._tag === "ToolCall" ? item.kind : item._tag === "Command" ? "command" : "file-change",
    ...(item.subagent === undefined ? {} : { subagent: item.subagent })
  }
})

/** What an item that is over has given back. */
const outputOf = (item: ToolItem): unknown => {
  switch (item._tag) {
    case "ToolCall":
      return {
        output: item.output ?? "",
        ...(item.content === undefined ? {} : { content: item.content }),
        ...(item.detail === undefined ? {} : { detail: item.detail })
      }
    case "Command":
      return { output: item.output ?? "", ...(item.exitCode === undefined ? {} : { exitCode: item.exitCode }) }
    case "FileChange":
      return { edits: item.edits }
  }
}

const textOf = (item: ToolItem): string => item._tag === "FileChange" ? "" : item.output ?? ""

const errorText = (item: ToolItem): string => {
  const text = textOf(item)
  if (text !== "") return text
  return item._tag === "Command" && item.exitCode !== undefined ? `exit code ${item.exitCode}` : item.status
}

const grown = (part: ToolPart, length: number): boolean =>
  part.shown === undefined ? length > 0 : length - part.shown >= Math.max(1, Math.min(part.shown / 4, previewStep))

/** The output so far, where it has grown enough to be shown again. */
const preview = (state: State, itemId: ItemId, part: ToolPart): Step => {
  const { output } = part
  if (!part.open || !grown(part, output.length)) return [withPart(state, itemId, part), []]
  return [withPart(state, itemId, { ...part, shown: output.length }), [{
    type: "tool-output-available",
    toolCallId: itemId,
    output: { output: output.slice(-previewLength) },
    ...executed,
    preliminary: true
  }]]
}

/** New output of a tool; what lies behind a hole waits for the item's end. */
export const addOutput = (state: State, { delta, itemId, offset }: Of<"ItemDelta">): Step => {
  const part = toolPartOf(state, itemId)
  if (part === undefined || offset > part.output.length) return [state, []]
  return preview(state, itemId, { ...part, output: part.output.slice(0, offset) + delta })
}

/** The requests that are open for this tool, said again: its input has taken their place. */
export const asking = (state: State, toolCallId: string): ReadonlyArray<UIMessageChunk> =>
  Array.from(HashMap.values(state.approvals)).flatMap((open): ReadonlyArray<UIMessageChunk> =>
    open.toolCallId === toolCallId ? [approvalRequest(open)] : []
  )

export const approvalRequest = (
  { request, toolCallId }: { readonly request: Of<"ApprovalRequested">["request"]; readonly toolCallId: string }
): UIMessageChunk => ({
  type: "tool-approval-request",
  approvalId: request.requestId,
  toolCallId,
  reason: request.subject,
  approvalDescriptor: {
    kind: request.kind,
    subject: request.subject,
    ...(request.covers === undefined ? {} : { covers: request.covers }),
    ...(request.choices === undefined ? {} : { choices: request.choices }),
    ...(request.subagent === undefined ? {} : { subagent: request.subagent })
  }
})

/** A part made up for an approval whose tool is not there (yet). */
export const placeholder = (toolCallId: string, request: Of<"ApprovalRequested">["request"]): UIMessageChunk => ({
  type: "tool-input-available",
  toolCallId,
  toolName: request.kind,
  input: { subject: request.subject },
  title: request.subject,
  ...executed,
  toolMetadata: { kind: request.kind, ...(request.subagent === undefined ? {} : { subagent: request.subagent }) }
})

export const newPart: ToolPart = { _tag: "Tool", output: "", shown: undefined, asked: false, open: true }

/** The item as it stands. The reader is sent its input again until it has output or the user was asked about it. */
export const takeTool = (state: State, item: ToolItem): Step => {
  const { itemId } = item
  const known = toolPartOf(state, itemId)
  if (known?.open === false) return [state, []]
  const part = known ?? newPart
  const text = textOf(item)
  const says = known === undefined || (part.shown === undefined && !part.asked)
  const open = asking(state, itemId)
  const input = says || open.length > 0 ? [available(item), ...open] : []
  const [next, chunks] = preview(state, itemId, text.length > part.output.length ? { ...part, output: text } : part)
  return [next, [...input, ...chunks]]
}

/** The item is over. An approval that is still open goes with it. */
export const completeTool = (state: State, item: ToolItem): Step => {
  const { itemId, status } = item
  const known = toolPartOf(state, itemId)
  const part = known ?? newPart
  const open = Array.from(HashMap.values(state.approvals)).filter(({ toolCallId }) => toolCallId === itemId)
  const next = withPart(
    {
      ...state,
      approvals: HashMap.removeMany(state.approvals, open.map(({ request }) => request.requestId))
    },
    itemId,
    { ...part, open: false }
  )
  return [next, [
    ...(known === undefined ? [available(item)] : []),
    ...open.map(({ request }) => approvalResponse(request.requestId, status === "completed")),
    result(item, part.asked)
  ]]
}

const result = (item: ToolItem, asked: boolean): UIMessageChunk => {
  const toolCallId = item.itemId
  if (item.status === "completed") {
    return { type: "tool-output-available", toolCallId, output: outputOf(item), ...executed }
  }
  // `denied` is the answer to a request: a tool that was refused without one has none to show.
  if (item.status === "declined" && asked) return { type: "tool-output-denied", toolCallId }
  return { type: "tool-output-error", toolCallId, errorText: errorText(item), ...executed }
}

/** The item goes on beside the turns: what it has given so far is all that this message shows of it. */
export const detachTool = (state: State, item: ToolItem): Step => {
  const [taken, chunks] = takeTool(state, item)
  const output = { output: textOf(item), detached: true }
  return [taken, [...chunks, {
    type: "tool-output-available",
    toolCallId: item.itemId,
    output,
    ...executed,
    preliminary: true
  }]]
}

export const approvalResponse = (approvalId: string, approved: boolean, reason?: string): UIMessageChunk => ({
  type: "tool-approval-response",
  approvalId,
  approved,
  ...(reason === undefined ? {} : { reason }),
  providerExecuted: true
})
