/** Work that the mock does beside its turns: tasks, and the items that go on after the turn that began them. */
import { Effect } from "effect"
import { TaskId } from "../../domain/Ids.ts"
import type { ItemStatus } from "../../domain/Item.ts"
import type { Task } from "../../domain/Task.ts"
import type { ProviderEvent } from "../../domain/ThreadEvent.ts"
import { emit, type Live, type RunningTask, type RunningTurn } from "./MockAgent.ts"

const ofTurn = ({ turnId }: RunningTask) => turnId === undefined ? {} : { turnId }

/** Starts a task, of a turn or of none. */
export const start = (
  live: Live,
  task: Omit<Task, "status" | "taskId">,
  of: Pick<RunningTask, "turnId" | "item">
): Effect.Effect<TaskId> =>
  Effect.suspend(() => {
    const { sessionId } = live.stored
    const taskId = TaskId.make(`${sessionId}.task.${++live.stored.tasks}`)
    const running: RunningTask = { task: { ...task, taskId, status: "running" }, ...of, detached: false }
    live.tasks.set(taskId, running)
    return Effect.as(emit(live, [{ _tag: "TaskStarted", ...ofTurn(running), task: running.task }]), taskId)
  })

const itemStatus: Record<Exclude<Task["status"], "running">, ItemStatus> = {
  completed: "completed",
  failed: "failed",
  stopped: "failed",
  lost: "failed"
}

/** Ends a task, and completes its item. Answers whether it ran. */
export const end = (live: Live, taskId: TaskId, status: Exclude<Task["status"], "running">): Effect.Effect<boolean> =>
  Effect.suspend(() => {
    const running = live.tasks.get(taskId)
    if (running === undefined) return Effect.succeed(false)
    live.tasks.delete(taskId)
    const of = running.detached ? {} : ofTurn(running)
    const events: Array<ProviderEvent> = [{ _tag: "TaskEnded", ...of, task: { ...running.task, status } }]
    if (running.item !== undefined) {
      events.unshift({ _tag: "ItemCompleted", ...of, item: running.item(itemStatus[status]) })
    }
    return Effect.as(emit(live, events), true)
  })

/** Lets go of the items of a turn that is over and whose tasks go on. */
export const detach = (live: Live, turn: RunningTurn): ReadonlyArray<ProviderEvent> => {
  const { turnId } = turn.stored
  return Array.from(live.tasks.values()).flatMap((running): ReadonlyArray<ProviderEvent> => {
    if (running.turnId !== turnId || running.detached) return []
    running.detached = true
    return running.item === undefined ? [] : [{ _tag: "ItemDetached", turnId, item: running.item("running") }]
  })
}
