/**
 * Commands that the agent has left running (`npm run dev &`). OpenCode does not tell of them (1.18.33), so they are looked
 * for: its plugin gives each command the id of its session, which nothing else of the server has, an MCP server for
 * example. They are tasks, and as such keep the session from being stopped as idle, up to the cap.
 */
import { Effect } from "effect"
import { TaskId } from "../../domain/Ids.ts"
import type { Task } from "../../domain/Task.ts"
import type { ProviderEvent } from "../../domain/ThreadEvent.ts"
import * as MarkedProcesses from "../../process/MarkedProcesses.ts"
import * as ProcessTable from "../../process/ProcessTable.ts"
import { type LiveSession, tell } from "./LiveSession.ts"

/** What a command that was left running is looked for by. */
export const sessionVariable = "EFFECT_CODING_AGENTS_SESSION"

const taskOf = ({ command, pid, startTime }: MarkedProcesses.MarkedProcess): Omit<Task, "status"> => ({
  taskId: TaskId.make(`${pid}-${startTime}`),
  kind: "command",
  title: command.slice(0, longestTitle)
})

const longestTitle = 200

/**
 * Looks for what is left running, until there is nothing any more. While a turn runs, its own commands do too: nothing new
 * is told then.
 */
export const watch = Effect.fnUntraced(function*(live: LiveSession) {
  const { background, sessionId } = live
  if (background.watched) return
  background.watched = true
  yield* Effect.sleep(settled)
  while (true) {
    const found = yield* MarkedProcesses.find(sessionVariable, [sessionId, ...live.state.children.keys()])
    const events: Array<ProviderEvent> = []
    const there = new Set<TaskId>()
    for (const one of found) {
      const task = taskOf(one)
      there.add(task.taskId)
      if (background.tasks.has(task.taskId) || live.state.turn !== undefined) continue
      background.tasks.set(task.taskId, { process: one, task })
      events.push({ _tag: "TaskStarted", task: { ...task, status: "running" } })
    }
    for (const [taskId, { task }] of background.tasks) {
      if (there.has(taskId)) continue
      background.tasks.delete(taskId)
      events.push({ _tag: "TaskEnded", task: { ...task, status: "completed" } })
    }
    if (events.length > 0) yield* tell(live, events)
    if (background.tasks.size === 0) break
    yield* Effect.sleep(interval)
  }
}, (effect, { background }) =>
  Effect.ensuring(
    effect,
    Effect.sync(() => {
      background.watched = false
    })
  ))

/** What ends by itself after a command is no work in the background. */
const settled = "1 second"

const interval = "5 seconds"

/** Ends a command and all below it; harmless if it is not one that was told of. */
export const stop = ({ background }: LiveSession, taskId: TaskId): Effect.Effect<void> => {
  const found = background.tasks.get(taskId)?.process
  return found === undefined
    ? Effect.void
    : Effect.asVoid(ProcessTable.end([{ pid: found.pid, startTime: found.startTime, marker: unmarked }]))
}

/** No process carries it: only the command's own tree is meant. */
const unmarked = "none of the recorded"
