/**
 * Work that an agent does beside its turns: a command or a subagent in the background. A task is told when it starts and
 * when it ends, once each on every path; while one runs, its session counts as busy with background work.
 *
 * @since 0.1.0
 */
import { Schema } from "effect"
import { ItemId, TaskId } from "./Ids.ts"
import { Usage } from "./Usage.ts"

/**
 * How far a task is. `stopped`: it was told to end. `lost`: its session ended, and what became of it is not known.
 *
 * @since 0.1.0
 * @category schemas
 */
export const TaskStatus = Schema.Literals(["running", "completed", "failed", "stopped", "lost"])

/**
 * @since 0.1.0
 * @category models
 */
export type TaskStatus = typeof TaskStatus.Type

/**
 * One task as it stands.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Task = Schema.Struct({
  taskId: TaskId,
  kind: Schema.Literals(["command", "subagent"]),
  /** One line for a human: the command, or what the subagent is to do. */
  title: Schema.String,
  /** The item that started it. */
  itemId: Schema.optionalKey(ItemId),
  usage: Schema.optionalKey(Usage),
  status: TaskStatus
})

/**
 * @since 0.1.0
 * @category models
 */
export interface Task extends Schema.Schema.Type<typeof Task> {}
