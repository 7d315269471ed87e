/**
 * How a thread is to be started, by what was asked for and what is stored of it. Pure; whether the agent is there and the
 * directory can be worked in is looked up by the opening ({@link ./EpochOpening.ts}).
 */
import { Result } from "effect"
import type { Labels } from "../domain/AppData.ts"
import type { CompactionPolicy } from "../domain/CompactionPolicy.ts"
import type { MissingPolicy } from "../domain/Continuity.ts"
import type { InstanceId, ThreadId } from "../domain/Ids.ts"
import type { Before, ProjectConfig } from "../domain/ProjectConfig.ts"
import type { RuntimeMode } from "../domain/RuntimeMode.ts"
import type { Binding } from "../domain/ThreadRecord.ts"
import type { ModelSelection } from "../domain/TurnInput.ts"
import { StartIncomplete } from "../service/ServiceError.ts"

/** What a call asks for. What it leaves out is the thread's own. */
export interface StartRequest {
  readonly instanceId?: InstanceId | undefined
  readonly directory?: string | undefined
  readonly runtimeMode?: RuntimeMode | undefined
  readonly projectConfig?: ProjectConfig | undefined
  readonly model?: ModelSelection | undefined
  readonly agent?: string | undefined
  readonly title?: string | undefined
  readonly labels?: Labels | undefined
  readonly onMissing?: MissingPolicy | undefined
  readonly compaction?: CompactionPolicy | undefined
}

export interface StartPlan {
  readonly instanceId: InstanceId
  /** As it was asked for; the opening looks up the real path. */
  readonly directory: string
  readonly runtimeMode: RuntimeMode
  /** As it was asked for now; the opening decides, by what held before. */
  readonly projectConfig: ProjectConfig | undefined
  readonly before: Before | undefined
  readonly model: ModelSelection | undefined
  readonly agent: string | undefined
  readonly title: string | undefined
  /** Of a new thread: one that is there keeps its own. */
  readonly labels: Labels | undefined
  /** Absent: the service's. */
  readonly onMissing: MissingPolicy | undefined
  /** Where the thread differs from the service. */
  readonly compaction: CompactionPolicy | undefined
}

const plan = (
  instanceId: InstanceId,
  directory: string,
  asked: StartRequest,
  stored: Binding | undefined
): StartPlan => ({
  instanceId,
  directory,
  runtimeMode: asked.runtimeMode ?? stored?.runtimeMode ?? "approval-required",
  projectConfig: asked.projectConfig,
  before: stored,
  // The name of a model or a persona means nothing to another agent.
  model: asked.model ?? (stored?.instanceId === instanceId ? stored.model : undefined),
  agent: asked.agent ?? (stored?.instanceId === instanceId ? stored.agent : undefined),
  title: asked.title ?? stored?.title,
  labels: stored === undefined ? asked.labels : stored.labels,
  onMissing: asked.onMissing,
  compaction: asked.compaction ?? stored?.compaction
})

/** For a thread that is stored. */
export const again = (asked: StartRequest, stored: Binding): StartPlan =>
  plan(asked.instanceId ?? stored.instanceId, asked.directory ?? stored.directory, asked, stored)

/** For a thread that may be new; then what it needs must be asked for. */
export const make = (
  threadId: ThreadId,
  asked: StartRequest,
  stored: Binding | undefined
): Result.Result<StartPlan, StartIncomplete> => {
  if (stored !== undefined) return Result.succeed(again(asked, stored))
  const { directory, instanceId } = asked
  if (instanceId !== undefined && directory !== undefined) {
    return Result.succeed(plan(instanceId, directory, asked, undefined))
  }
  return Result.fail(
    new StartIncomplete({
      threadId,
      missing: [
        ...(instanceId === undefined ? ["instanceId" as const] : []),
        ...(directory === undefined ? ["directory" as const] : [])
      ]
    })
  )
}
