/**
 * Work in the background: commands that were left running, and subagents. A task in the foreground is the call of its tool
 * and nothing more.
 */
import * as Words from "../../adapter/Words.ts"
import { ItemId, TaskId } from "../../domain/Ids.ts"
import { all, andThen } from "../../domain/Step.ts"
import type { Task } from "../../domain/Task.ts"
import type { Of } from "../protocol/Frame.ts"
import { finished } from "./TurnItems.ts"
import { type Background, place, type State, type Step, step } from "./TurnState.ts"

const kinds = Words.make<Task["kind"]>({ local_bash: "command", local_agent: "subagent" })

export const started = (state: State, frame: Of<"system/task_started">): Step => {
  const kind = kinds(frame.task_type)
  if (kind === undefined || frame.ambient === true) return step(state)
  const task: Task = {
    taskId: TaskId.make(frame.task_id),
    kind,
    title: frame.description ?? "",
    ...(frame.tool_use_id == null ? {} : { itemId: ItemId.make(frame.tool_use_id) }),
    status: "running"
  }
  return frame.is_backgrounded === true
    ? show(state, task)
    : step(put(state, { task, background: false, ended: undefined }))
}

const show = (state: State, task: Task): Step =>
  step(put(state, { task, background: true, ended: undefined }), [{ _tag: "TaskStarted", ...place(state), task }])

const put = (state: State, background: Background): State => ({
  ...state,
  tasks: new Map(state.tasks).set(background.task.taskId, background)
})

export const progressed = (state: State, { task_id }: Of<"system/task_progress">): Step => {
  const known = state.tasks.get(TaskId.make(task_id))
  return known?.background === true
    ? step(state, [{ _tag: "TaskUpdated", ...place(state), task: known.task }])
    : step(state)
}

const ends = Words.make<Task["status"]>({
  completed: "completed",
  failed: "failed",
  killed: "stopped",
  stopped: "stopped"
})

export const updated = (state: State, { patch, task_id }: Of<"system/task_updated">): Step => {
  const known = state.tasks.get(TaskId.make(task_id))
  if (known === undefined) return step(state)
  const now = { ...known, ended: ends(patch.status) ?? known.ended }
  return patch.is_backgrounded === true && !known.background
    ? show(state, known.task)
    : step(put(state, now))
}

export const notified = (state: State, { status, task_id }: Of<"system/task_notification">): Step =>
  end({ ...state, cause: "background" }, TaskId.make(task_id), ends(status) ?? "lost")

/** Those that are not in the list any more have ended, whatever was heard of them. */
export const listed = (state: State, { tasks }: Pick<Of<"system/background_tasks_changed">, "tasks">): Step => {
  const alive = new Set(tasks.map(({ task_id }) => task_id))
  const gone = Array.from(state.tasks.values()).filter(({ background, task }) => background && !alive.has(task.taskId))
  return all(state, gone, (state, { ended, task }) => end(state, task.taskId, ended ?? "lost"))
}

const end = (state: State, taskId: TaskId, status: Task["status"]): Step => {
  const known = state.tasks.get(taskId)
  if (known === undefined) return step(state)
  const tasks = new Map(state.tasks)
  tasks.delete(taskId)
  if (!known.background) return step({ ...state, tasks })
  return andThen(
    finished(state, taskId, status === "completed" ? "completed" : "failed"),
    (state) => step({ ...state, tasks }, [{ _tag: "TaskEnded", ...place(state), task: { ...known.task, status } }])
  )
}
