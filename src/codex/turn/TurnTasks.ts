/**
 * Work beside turns: a command that outlives its turn, and a subagent, each turn of which is a task.
 *
 * A subagent is a thread of Codex's own, which its parent names in an item before any frame of it comes (0.171.0). Its items
 * and requests belong to no turn, because it may go on after the turn that started it.
 */
import * as ItemLedger from "../../adapter/ItemLedger.ts"
import * as Words from "../../adapter/Words.ts"
import { TaskId, type TurnId } from "../../domain/Ids.ts"
import type { Item } from "../../domain/Item.ts"
import { all, andThen } from "../../domain/Step.ts"
import type { Task } from "../../domain/Task.ts"
import type { Frame, Of } from "../protocol/Frame.ts"
import { subagentOf } from "../protocol/Items.ts"
import * as Tokens from "../protocol/Tokens.ts"
import * as TurnItems from "./TurnItems.ts"
import * as TurnRequests from "./TurnRequests.ts"
import {
  type Input,
  place,
  type State,
  type Step,
  step,
  type Subagent,
  withItems,
  withTurn,
  type Work
} from "./TurnState.ts"

/** An item, of the agent or of a subagent, and what it says of tasks. */
export const item = (
  state: State,
  at: ItemLedger.Place,
  frame: Of<"item/started" | "item/completed">,
  subagent?: string
): Step =>
  andThen(
    TurnItems.item(met(state, frame), at, frame, subagent),
    (state) =>
      frame._tag === "item/completed" ? itemOver(state, TaskId.make(frame.item.id), frame.item.exitCode) : step(state)
  )

/** Subagents are known from the first item on that names them. */
const met = (state: State, { item }: Of<"item/started" | "item/completed">): State => {
  const found = subagentOf(item)
  if (found === undefined || state.subagents.has(found.threadId)) return state
  const subagent: Subagent = {
    title: found.path,
    itemId: item.id,
    totals: Tokens.none,
    base: Tokens.none,
    root: undefined
  }
  return { ...state, subagents: new Map(state.subagents).set(found.threadId, subagent) }
}

/** A turn is over: its commands that still run go on without it. */
export const detach = (state: State, turnId: TurnId): Step =>
  all(
    state,
    Array.from(state.items.open.values()).filter(({ about, started }) => started && about.turnId === turnId),
    (state, { item }) =>
      andThen(
        step(
          { ...state, items: ItemLedger.expect(state.items, item, {}) },
          [{ _tag: "ItemDetached", turnId, item }]
        ),
        (state) => start(state, { turnId }, { task: commandTask(item), agent: undefined, stopping: false })
      )
  )

const commandTask = (item: Item): Task => ({
  taskId: TaskId.make(item.itemId),
  kind: "command",
  title: item._tag === "Command" ? item.command : "",
  itemId: item.itemId,
  status: "running"
})

const start = (state: State, at: ItemLedger.Place, work: Work): Step =>
  step(
    { ...state, tasks: new Map(state.tasks).set(work.task.taskId, work) },
    [{ _tag: "TaskStarted", ...at, task: work.task }]
  )

const itemOver = (state: State, taskId: TaskId, exitCode: number | null | undefined): Step =>
  state.tasks.get(taskId)?.agent === undefined
    ? end(state, taskId, exitCode === 0 ? "completed" : "failed")
    : step(state)

const end = (state: State, taskId: TaskId, status: Task["status"]): Step => {
  const work = state.tasks.get(taskId)
  if (work === undefined) return step(state)
  const tasks = new Map(state.tasks)
  tasks.delete(taskId)
  return step(
    { ...state, tasks },
    [{ _tag: "TaskEnded", task: { ...work.task, status: work.stopping ? "stopped" : status } }]
  )
}

/** The app has asked for its end. */
export const stopping = (state: State, { taskId }: Extract<Input, { readonly _tag: "Stopping" }>): Step => {
  const work = state.tasks.get(taskId)
  return step(
    work === undefined ? state : { ...state, tasks: new Map(state.tasks).set(taskId, { ...work, stopping: true }) }
  )
}

/** A frame of a subagent's. */
export const subagent = (state: State, agent: string, frame: Frame): Step => {
  const known = state.subagents.get(agent)
  if (known === undefined) return step(state)
  switch (frame._tag) {
    case "turn/started":
      return begun(state, agent, known, frame.turn)
    case "turn/completed":
      return over(state, agent, frame.turn)
    case "item/started":
    case "item/completed":
      return item(state, {}, frame, agent)
    case "item/agentMessage/delta":
    case "item/plan/delta":
    case "item/commandExecution/outputDelta":
    case "item/reasoning/summaryTextDelta":
      return TurnItems.delta(state, {}, frame)
    case "item/fileChange/patchUpdated":
      return TurnItems.patched(state, {}, frame)
    case "thread/tokenUsage/updated":
      return used(state, agent, known, frame)
    case "serverRequest/resolved":
      return TurnRequests.resolved(state, frame.requestId)
    case "Unrecognized":
      return step(state, [frame])
    default:
      return step(state)
  }
}

/** What its turn leaves open is completed, but for a command that goes on. */
const over = (state: State, agent: string, { id, status }: Of<"turn/completed">["turn"]): Step =>
  andThen(
    withItems(
      state,
      ItemLedger.closeAll(state.items, {}, {
        stays: ({ item, started }) =>
          item.subagent !== agent || (status === "completed" && started && item._tag === "Command")
      })
    ),
    (state) => end(state, TaskId.make(id), outcomes(status) ?? "failed")
  )

const outcomes = Words.make<Task["status"]>({ completed: "completed", interrupted: "stopped" })

const begun = (state: State, agent: string, known: Subagent, turn: Of<"turn/started">["turn"]): Step =>
  start(
    withSubagent(state, agent, { ...known, base: known.totals, root: turn.rootTurnId ?? undefined }),
    place(state, turn.rootTurnId),
    {
      task: {
        taskId: TaskId.make(turn.id),
        kind: "subagent",
        title: known.title,
        itemId: known.itemId,
        status: "running"
      },
      agent,
      stopping: false
    }
  )

const withSubagent = (state: State, agent: string, known: Subagent): State => ({
  ...state,
  subagents: new Map(state.subagents).set(agent, known)
})

/** What a subagent uses counts for its task, and for the turn that started it as long as that one runs. */
const used = (
  state: State,
  agent: string,
  known: Subagent,
  { tokenUsage: { total }, turnId }: Of<"thread/tokenUsage/updated">
): Step => {
  const next = withSubagent(state, agent, { ...known, totals: total })
  const work = next.tasks.get(TaskId.make(turnId))
  if (work === undefined) return step(next)
  const task = { ...work.task, usage: Tokens.usageOf(Tokens.minus(total, known.base)) }
  const told = { ...next, tasks: new Map(next.tasks).set(task.taskId, { ...work, task }) }
  const { turn } = told
  return turn === undefined || turn.native !== known.root
    ? step(told, [{ _tag: "TaskUpdated", task }])
    : step(
      withTurn(told, { below: Tokens.plus(turn.below, Tokens.minus(total, known.totals)) }),
      [{ _tag: "TaskUpdated", task }]
    )
}
