/**
 * What an agent does within its turns, and beside them: tools, tasks, requests to the user, compactions.
 */
import type { Item } from "../../domain/Item.ts"
import type { NumberedEvent } from "../../domain/ThreadEvent.ts"
import { close, type Draft, open } from "./draft.ts"
import type { Content, Ending } from "./marks.ts"
import * as Marks from "./marks.ts"
import { key } from "./names.ts"
import * as turnTrace from "./turnTrace.ts"

type Tool = Extract<Item, { readonly status: unknown }>
type Of<Tag extends NumberedEvent["_tag"]> = Extract<NumberedEvent, { readonly _tag: Tag }>

const isTool = (item: Item): item is Tool => "status" in item

const within = ({ turnId }: { readonly turnId?: string }): ReadonlyArray<string> =>
  turnId === undefined ? [] : [Marks.turnKey(turnId)]

const toolName = (item: Tool): string => {
  switch (item._tag) {
    case "ToolCall":
      return item.tool
    case "Command":
      return "command"
    case "FileChange":
      return "file_change"
  }
}

const asked = (item: Tool): unknown => {
  switch (item._tag) {
    case "ToolCall":
      return item.input
    case "Command":
      return { command: item.command }
    case "FileChange":
      return item.edits.map(({ kind, path }) => ({ kind, path }))
  }
}

const argumentsOf = (item: Tool): Content => ({
  [key.toolArguments]: { text: () => JSON.stringify(asked(item)) ?? "" }
})

const resultOf = (item: Tool): Content =>
  "output" in item && item.output !== undefined ? { [key.toolResult]: { text: () => item.output ?? "" } } : {}

const beginTool = (draft: Draft, event: Of<"ItemStarted" | "ItemCompleted">, item: Tool, at: number): void => {
  const itemId = Marks.itemKey(item.itemId)
  if (draft.state.open.has(itemId)) return
  const tool = toolName(item)
  open(draft, {
    key: itemId,
    within: within(event),
    name: "execute_tool",
    word: tool,
    at,
    attributes: {
      [key.operation]: "execute_tool",
      [key.agent]: draft.state.provider,
      [key.tool]: tool,
      [key.toolCall]: item.itemId,
      [key.toolType]: "function",
      [key.instance]: draft.state.instanceId,
      [key.turn]: event.turnId,
      [key.subagent]: item.subagent
    },
    content: argumentsOf(item)
  }, { by: { [key.tool]: tool, [key.agent]: draft.state.provider } })
}

const endTool = (draft: Draft, event: Of<"ItemCompleted">, item: Tool): void => {
  // One that is told only when it is over began as long ago as the agent says that it took.
  beginTool(draft, event, item, event.at - (item.durationMillis ?? 0))
  const error = item.status === "failed" || item.status === "declined" ? item.status : undefined
  const ending: Ending = event.cut === true ? "interrupted" : error === undefined ? "ok" : { error }
  const closed = close(draft, {
    key: Marks.itemKey(item.itemId),
    at: event.at,
    ending,
    attributes: { [key.error]: error, [key.cut]: event.cut },
    content: resultOf(item)
  })
  if (closed === undefined || event.cut === true) return
  draft.marks.push({
    _tag: "Measure",
    metric: "gen_ai.execute_tool.duration",
    seconds: closed.seconds,
    attributes: { ...closed.work.by, [key.error]: error }
  })
}

/** Subagents, and commands in the background. */
const beginTask = (draft: Draft, event: Of<"TaskStarted">): void => {
  const { itemId, kind, taskId } = event.task
  const common = { [key.task]: taskId, [key.instance]: draft.state.instanceId, [key.turn]: event.turnId }
  const subagent = kind === "subagent"
  open(draft, {
    key: Marks.taskKey(taskId),
    within: [...(itemId === undefined ? [] : [Marks.itemKey(itemId)]), ...within(event)],
    name: subagent ? "invoke_agent subagent" : "eca.task",
    at: event.at,
    attributes: subagent
      ? {
        ...common,
        [key.operation]: "invoke_agent",
        [key.agent]: "subagent",
        [key.provider]: draft.state.provider
      }
      : common
  }, { by: {} })
}

const endTask = (draft: Draft, { at, task: { status, taskId } }: Of<"TaskEnded">): void => {
  const error = status === "failed" || status === "lost" ? status : undefined
  const ending: Ending = status === "stopped" ? "interrupted" : error === undefined ? "ok" : { error }
  close(draft, {
    key: Marks.taskKey(taskId),
    at,
    ending,
    attributes: { [key.outcome]: status, [key.error]: error }
  })
}

type Request = "approval" | "question" | "elicitation"

const beginRequest = (
  draft: Draft,
  event: Of<"ApprovalRequested" | "QuestionAsked" | "ElicitationRequested">,
  request: Request,
  kind: string
): void => {
  const { itemId, requestId } = event.request
  open(draft, {
    key: Marks.requestKey(requestId),
    within: [...(itemId === undefined ? [] : [Marks.itemKey(itemId)]), ...within(event)],
    name: `eca.${request}.wait`,
    at: event.at,
    attributes: { [key.request]: kind, [key.instance]: draft.state.instanceId, [key.turn]: event.turnId }
  }, { by: { [key.request]: kind }, level: "eca.requests.open" })
}

const endRequest = (
  draft: Draft,
  { at, by, requestId }: Of<"ApprovalSettled" | "QuestionSettled" | "ElicitationSettled">,
  decision: string | undefined
): void => {
  const closed = close(draft, {
    key: Marks.requestKey(requestId),
    at,
    ending: decision === undefined ? "interrupted" : "ok",
    attributes: { [key.decision]: decision, [key.settledBy]: by }
  })
  if (closed === undefined) return
  const attributes = { ...closed.work.by, [key.settledBy]: by }
  draft.marks.push({ _tag: "Measure", metric: "eca.requests.wait", seconds: closed.seconds, attributes })
}

const beginCompaction = (draft: Draft, event: Of<"CompactionGated">): void => {
  const by = { [key.trigger]: event.trigger, [key.instance]: draft.state.instanceId }
  open(draft, {
    key: Marks.compactionKey(event.compactionId),
    within: within(event),
    name: "eca.compaction",
    at: event.at,
    attributes: {
      ...by,
      [key.turn]: event.turnId,
      [key.timing]: event.snapshot?.timing,
      [key.completeness]: event.snapshot?.completeness
    }
  }, { by })
}

const endCompaction = (draft: Draft, { at, compactionId, outcome }: Of<"CompactionSettled">): void => {
  const error = outcome === "completed" || outcome === "vetoed" || outcome === "cancelled" ? undefined : outcome
  const closed = close(draft, {
    key: Marks.compactionKey(compactionId),
    at,
    ending: error === undefined ? "ok" : { error },
    attributes: { [key.outcome]: outcome, [key.error]: error }
  })
  if (closed === undefined) return
  draft.marks.push({
    _tag: "Measure",
    metric: "eca.compaction.duration",
    seconds: closed.seconds,
    attributes: { ...closed.work.by, [key.outcome]: outcome }
  })
}

export const take = (draft: Draft, event: NumberedEvent): void => {
  switch (event._tag) {
    case "ItemStarted":
      return isTool(event.item) ? beginTool(draft, event, event.item, event.at) : undefined
    case "ItemCompleted": {
      const { item, turnId } = event
      if (isTool(item)) return endTool(draft, event, item)
      if (item._tag === "AssistantMessage" && item.subagent === undefined && turnId !== undefined) {
        turnTrace.say(draft, turnId, { [key.outputMessages]: { role: "assistant", text: () => item.text } })
      }
      return undefined
    }
    case "TaskStarted":
      return beginTask(draft, event)
    case "TaskEnded":
      return endTask(draft, event)
    case "ApprovalRequested":
      return beginRequest(draft, event, "approval", event.request.kind)
    case "QuestionAsked":
      return beginRequest(draft, event, "question", "question")
    case "ElicitationRequested":
      return beginRequest(draft, event, "elicitation", "elicitation")
    case "ApprovalSettled":
      return endRequest(draft, event, event.decision?._tag)
    case "QuestionSettled":
      return endRequest(draft, event, event.answer?._tag)
    case "ElicitationSettled":
      return endRequest(draft, event, event.outcome)
    case "CompactionGated":
      return beginCompaction(draft, event)
    case "CompactionSettled":
      return endCompaction(draft, event)
    default:
      return undefined
  }
}
