/**
 * How many processes agents have and how much memory they hold, for the app's telemetry: looked at every quarter of a
 * minute. The record of processes knows them all, whatever adapter has started them.
 */
import { Duration, Effect, Scope } from "effect"
import type { InstanceId } from "../../domain/Ids.ts"
import type { AgentLoad, Instrumentation } from "../../domain/Instrumentation.ts"
import type { AgentProcesses } from "../../process/AgentProcesses.ts"
import * as ProcessMemory from "../../process/ProcessMemory.ts"

const every = Duration.seconds(15)

interface Running {
  readonly instanceId: InstanceId
  readonly pid: number
}

/** An agent leads a process group of its own, which has its id. */
const loadsOf = Effect.fnUntraced(function*(running: ReadonlySet<Running>, known: ReadonlySet<InstanceId>) {
  const memory = yield* ProcessMemory.ofGroups(new Set(Array.from(running, ({ pid }) => pid)))
  return Array.from(known, (instanceId): AgentLoad => {
    const own = Array.from(running).filter((one) => one.instanceId === instanceId)
    const bytes = own.reduce((sum, { pid }) => sum + (memory?.get(pid) ?? 0), 0)
    return { instanceId, processes: own.length, memory: memory === undefined ? undefined : bytes }
  })
})

/** The record, telling what runs for as long as the scope is open. An instance that once had a process is told with none. */
export const watched = Effect.fnUntraced(function*(
  processes: AgentProcesses["Service"],
  instrumentation: Instrumentation
): Effect.fn.Return<AgentProcesses["Service"], never, Scope.Scope> {
  const running = new Set<Running>()
  const known = new Set<InstanceId>()
  yield* loadsOf(running, known).pipe(
    Effect.map((loads) => instrumentation.agents(loads)),
    Effect.delay(every),
    Effect.forever,
    Effect.forkScoped
  )
  return {
    ...processes,
    record: Effect.fnUntraced(function*(instanceId) {
      const record = yield* processes.record(instanceId)
      const scope = yield* Effect.scope
      return {
        ...record,
        spawned: (pid) =>
          Effect.acquireRelease(
            Effect.sync(() => {
              const one = { instanceId, pid }
              running.add(one)
              known.add(instanceId)
              return one
            }),
            (one) => Effect.sync(() => running.delete(one))
          ).pipe(Effect.provideService(Scope.Scope, scope), Effect.andThen(record.spawned(pid)))
      }
    })
  }
})
