/**
 * Subagents as tasks: one runs for as long as its session is busy. It is known by the id of that session, also when it is
 * taken up again.
 */
import { TaskId } from "../../domain/Ids.ts"
import type { Task } from "../../domain/Task.ts"
import { inTurn, openTools, put, type State, type Step, step } from "./TurnState.ts"

/** Whether the subagent works, from now on. */
export const works = (state: State, sessionId: string, busy: boolean): Step => {
  const before = state.children.get(sessionId) === true
  const next = { ...state, children: put(state.children, sessionId, busy) }
  if (busy === before) return step(next)
  const task = taskOf(state, sessionId)
  return step(next, [
    busy
      ? { _tag: "TaskStarted", ...inTurn(state), task: { ...task, status: "running" } }
      : { _tag: "TaskEnded", ...inTurn(state), task: { ...task, status: "completed" } }
  ])
}

/** The call that started it names its session, once OpenCode has told of it. */
const taskOf = (state: State, sessionId: string): Omit<Task, "status"> => {
  const call = openTools(state).find((tool) => tool.state.metadata?.["sessionId"] === sessionId)
  const title = call?.state.title ?? call?.state.input["description"]
  return {
    taskId: TaskId.make(sessionId),
    kind: "subagent",
    title: typeof title === "string" && title !== "" ? title : "subagent",
    ...(call === undefined ? {} : { itemId: call.id })
  }
}
