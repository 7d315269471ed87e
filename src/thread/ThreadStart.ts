/**
 * How a thread gets its live epoch: start, create, reset and fork. Each takes the thread's lock.
 */
import { Effect, Option, Semaphore } from "effect"
import * as CompactionPolicy from "../domain/CompactionPolicy.ts"
import type { InstanceId, TurnId } from "../domain/Ids.ts"
import type { Binding } from "../domain/ThreadRecord.ts"
import { CapabilityMissing } from "../provider/AdapterError.ts"
import { ThreadExists, ThreadNotFound } from "../service/ServiceError.ts"
import type { NewThread } from "../store/Commit.ts"
import * as AgentCall from "./AgentCall.ts"
import * as ConversationTurn from "./ConversationTurn.ts"
import * as Epoch from "./epoch/Epoch.ts"
import type * as LiveEpoch from "./epoch/LiveEpoch.ts"
import type * as EpochBinding from "./EpochBinding.ts"
import * as EpochOpening from "./EpochOpening.ts"
import * as MissingTurns from "./MissingTurns.ts"
import * as Reconciliation from "./Reconciliation.ts"
import type * as SessionStart from "./SessionStart.ts"
import * as SetupAsk from "./SetupAsk.ts"
import * as StartPlan from "./StartPlan.ts"
import * as ThreadCell from "./ThreadCell.ts"
import * as ThreadConfiguration from "./ThreadConfiguration.ts"
import type { ThreadDeps } from "./ThreadDeps.ts"
import * as ThreadInstance from "./ThreadInstance.ts"
import * as ThreadLog from "./ThreadLog.ts"

/** Made by `createThread` and never started. One that was imported has a past. */
const isBlank = ({ epoch, lastSeq, sessionId }: Binding): boolean =>
  epoch === 0 && lastSeq === 0 && sessionId === undefined

/** What the store knows of the past, for a start on this provider instance. */
const pastOf = Effect.fnUntraced(function*(deps: ThreadDeps, record: Binding | undefined, instanceId: InstanceId) {
  if (record === undefined || isBlank(record)) return { _tag: "None" } as const
  const sameAgent = record.instanceId === instanceId
  if (sameAgent && record.epoch === 0) return { _tag: "Imported", sessionId: record.sessionId } as const
  return Option.match(yield* deps.store.getCursor(record.threadId, instanceId), {
    onNone: () => ({ _tag: "Lost", reason: sameAgent ? "never-resumable" : "provider-changed" }) as const,
    onSome: (cursor) => ({ _tag: sameAgent ? "Cursor" : "Returning", cursor }) as const
  })
})

/** How many events are read first, from the end of the log on, and at most at once: the last is nearly always the one. */
const [firstPage, largestPage] = [4, 256]

/** Whether the thread's last epoch was ended by a crash of its host. What was recorded since then follows its end. */
const crashed = Effect.fnUntraced(function*(deps: ThreadDeps, cell: ThreadCell.ThreadCell) {
  let size = firstPage
  for (let before = cell.log.lastSeq ?? 0; before > 0; before -= size, size = Math.min(largestPage, 4 * size)) {
    const after = Math.max(0, before - size)
    const events = yield* deps.store.readEvents({ threadId: cell.threadId, after, limit: before - after })
    const last = events.findLast((event) => event._tag === "SessionEnded")
    if (last !== undefined) return last.reason === "host-crash"
  }
  return false
})

/** What the opening of an epoch is told beside the plan. */
interface Opening {
  /** Default: `start`, or `turn`. */
  readonly setup: EpochOpening.Setup | "start" | "turn"
  /** Default: what the store knows of the past. */
  readonly past?: SessionStart.Past
}

/** Opens an epoch by this plan. Lock held, no live epoch. */
const open = Effect.fnUntraced(function*(
  deps: ThreadDeps,
  cell: ThreadCell.ThreadCell,
  plan: StartPlan.StartPlan,
  record: Binding | undefined,
  opening: Opening
) {
  const past = opening.past ?? (yield* pastOf(deps, record, plan.instanceId))
  const recovered = record !== undefined && (yield* crashed(deps, cell))
  const setup = typeof opening.setup === "string"
    ? { cause: SetupAsk.causeOf(opening.setup, record, { plan, recovered }) }
    : opening.setup
  const previous: EpochBinding.Previous = { record, recovered, live: undefined, answers: new Map() }
  const live = yield* EpochOpening.open(deps, cell, plan, past, previous, setup)
  if (live.continuity._tag === "Resumed" || live.continuity._tag === "Moved") {
    yield* Reconciliation.attempt(deps, cell, live, previous.answers)
  }
  return live
})

/** The live epoch, or one that is opened as the thread was, or is to be. Lock held, no turn. */
export const resume = Effect.fnUntraced(function*(
  deps: ThreadDeps,
  cell: ThreadCell.ThreadCell,
  found: LiveEpoch.LiveEpoch | undefined,
  asked: Pick<StartPlan.StartRequest, "onMissing"> = {}
) {
  if (found !== undefined && !found.restart) return found
  if (found !== undefined) yield* ThreadCell.end(deps, cell, found, "replaced")
  const record = yield* ThreadCell.loadRecord(deps, cell)
  if (record === undefined) return yield* new ThreadNotFound({ threadId: cell.threadId })
  return yield* open(deps, cell, StartPlan.again(asked, record), record, { setup: "turn" })
})

/** Makes the thread live as asked. A live session that differs is replaced, unless a turn runs. */
export const start = (deps: ThreadDeps, cell: ThreadCell.ThreadCell, asked: StartPlan.StartRequest) =>
  ThreadCell.withThread(
    deps,
    cell,
    Effect.gen(function*() {
      const live = yield* ThreadCell.usable(deps, cell)
      if (live === undefined) {
        const record = yield* ThreadCell.loadRecord(deps, cell)
        const plan = yield* Effect.fromResult(StartPlan.make(cell.threadId, asked, record))
        return yield* open(deps, cell, plan, record, { setup: "start" })
      }
      const plan = StartPlan.again(asked, live.binding)
      // Looked up before the live session ends: a start that cannot succeed leaves it alone.
      const adapter = yield* ThreadInstance.declared(deps, plan.instanceId, live.binding)
      const directory = asked.directory === undefined
        ? plan.directory
        : yield* SetupAsk.directoryOf(deps, plan.directory, adapter)
      const keeps = !live.restart || Epoch.turnOf(live.state) !== undefined
      if (keeps && fits(live, plan, directory)) {
        yield* ThreadConfiguration.take(deps, cell, live, plan)
        return live
      }
      yield* ThreadCell.withoutTurn(deps, cell)
      const cause = SetupAsk.causeOf("start", live.binding, { plan, recovered: false })
      const opening = SetupAsk.opening(adapter, cell.threadId, plan, live.binding, cause)
      return yield* SetupAsk.before(deps, cell, opening, (given) =>
        Effect.andThen(
          // It may be that of a hook.
          asked.directory === undefined ? Effect.void : deps.realDirectory(plan.directory, adapter),
          replace(deps, cell, live, plan, { cause, given })
        ))
    })
  )

/** Ends the live epoch, and opens another one by this plan. Lock held. */
export const replace = Effect.fnUntraced(function*(
  deps: ThreadDeps,
  cell: ThreadCell.ThreadCell,
  live: LiveEpoch.LiveEpoch,
  plan: StartPlan.StartPlan,
  setup: EpochOpening.Setup
) {
  yield* ThreadCell.end(deps, cell, live, "replaced")
  return yield* open(deps, cell, plan, yield* ThreadCell.loadRecord(deps, cell), { setup })
})

const fits = ({ binding }: LiveEpoch.LiveEpoch, plan: StartPlan.StartPlan, directory: string): boolean =>
  binding.instanceId === plan.instanceId &&
  binding.directory === directory &&
  binding.runtimeMode === plan.runtimeMode &&
  (plan.projectConfig === undefined ||
    (binding.project.by === "thread" && binding.project.config === plan.projectConfig)) &&
  binding.agent === plan.agent &&
  CompactionPolicy.same(binding.compaction, plan.compaction)

/** As {@link start}, of a thread that is not there yet, and with a past of its own. */
export const create = (
  deps: ThreadDeps,
  cell: ThreadCell.ThreadCell,
  plan: StartPlan.StartPlan,
  past: SessionStart.Past
) =>
  Effect.gen(function*() {
    yield* ThreadCell.notStopping(deps, cell)
    const known = cell.live !== undefined || Option.isSome(yield* deps.store.getThread(cell.threadId))
    if (known) return yield* new ThreadExists({ threadId: cell.threadId })
    yield* ThreadCell.loadRecord(deps, cell)
    const setup = { cause: past._tag === "Fork" ? "fork" : "start" } as const
    return yield* open(deps, cell, plan, undefined, { setup, past })
  }).pipe(Semaphore.withPermit(cell.lock))

/** A thread that no agent was started for. */
export const createRecord = (deps: ThreadDeps, cell: ThreadCell.ThreadCell, thread: NewThread) =>
  Effect.gen(function*() {
    const position = yield* deps.store.createThread(thread)
    if (Option.isNone(position)) return yield* new ThreadExists({ threadId: thread.threadId })
    ThreadLog.forget(cell.log)
    return position.value
  }).pipe(Semaphore.withPermit(cell.lock))

/**
 * Begins the conversation anew, in another session: the old one lives until the new one is there, and is stopped once
 * hooks have been told of its end.
 */
export const reset = (deps: ThreadDeps, cell: ThreadCell.ThreadCell) =>
  ThreadCell.withThread(
    deps,
    cell,
    Effect.gen(function*() {
      const live = yield* ThreadCell.usable(deps, cell)
      const record = live?.binding ?? (yield* ThreadCell.loadRecord(deps, cell))
      if (record === undefined) return yield* new ThreadNotFound({ threadId: cell.threadId })
      const plan = StartPlan.again({}, record)
      // A thread without a past has nothing to begin anew.
      const past = isBlank(record) ? { _tag: "None" } as const : { _tag: "Reset" } as const
      const previous: EpochBinding.Previous = { record, recovered: false, live, answers: new Map() }
      return yield* EpochOpening.open(deps, cell, plan, past, previous, { cause: "reset" })
    })
  )

/**
 * Copies the conversation of the thread, which is made live for it: all of it, or up to and including the turn `at`. No
 * turn may be running.
 */
export const fork = (deps: ThreadDeps, cell: ThreadCell.ThreadCell, at: TurnId | undefined) =>
  ThreadCell.withThread(
    deps,
    cell,
    Effect.gen(function*() {
      const live = yield* ThreadCell.withoutTurn(deps, cell)
      const record = live?.binding ?? (yield* ThreadCell.loadRecord(deps, cell))
      if (record === undefined) return yield* new ThreadNotFound({ threadId: cell.threadId })
      const { capabilities, provider } = yield* ThreadInstance.declared(deps, record.instanceId, record)
      if (!capabilities.fork) return yield* new CapabilityMissing({ provider, capability: "fork" })
      if (at !== undefined && !capabilities.forkAt) {
        return yield* new CapabilityMissing({ provider, capability: "fork at a turn" })
      }
      const past = at === undefined ? undefined : yield* ConversationTurn.find(deps, cell.threadId, at)
      const { binding, session } = yield* resume(deps, cell, live)
      const { instanceId } = binding
      const copy = Effect.gen(function*() {
        // Many an agent has nothing of a session before its first turn, and so nothing to copy.
        if (Option.isNone(yield* session.cursor)) return undefined
        return yield* session.fork(past?.place)
      })
      const exit = yield* ThreadCell.interruptible(
        deps,
        cell,
        AgentCall.within(deps, { instanceId, operation: "fork" }, copy)
      )
      const cursor = yield* ThreadCell.valueOf(cell, exit)
      const { pruned, turns } = past?.until ?? (yield* deps.archive.sinceReset(cell.threadId))
      const [lacked] = (yield* MissingTurns.find(deps, cell.threadId, session)) ?? []
      const from = turns.findIndex(({ turnId }) => turnId === lacked?.turnId)
      const missing = from === -1 ? [] : turns.slice(from)
      const seq = past?.endSeq ?? cell.log.lastSeq ?? 0
      return { binding, past: { _tag: "Fork", cursor, from: cell.threadId, seq, turns, pruned, missing } as const }
    })
  )
