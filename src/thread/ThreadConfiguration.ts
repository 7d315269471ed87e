/**
 * What is changed of a thread between its starts, and while its session is live.
 */
import { Effect, Option, Semaphore } from "effect"
import type { Labels } from "../domain/AppData.ts"
import type { InstanceId } from "../domain/Ids.ts"
import type { RuntimeMode } from "../domain/RuntimeMode.ts"
import type { ModelSelection } from "../domain/TurnInput.ts"
import { PolicyUnenforceable } from "../provider/AdapterError.ts"
import type { ProviderAdapter } from "../provider/ProviderAdapter.ts"
import type { Applied } from "../service/Results.ts"
import { ThreadNotFound } from "../service/ServiceError.ts"
import type { ThreadChange } from "../store/Commit.ts"
import * as AgentCall from "./AgentCall.ts"
import * as Epoch from "./epoch/Epoch.ts"
import * as LiveEpoch from "./epoch/LiveEpoch.ts"
import * as LiveRecord from "./epoch/LiveRecord.ts"
import * as ThreadCell from "./ThreadCell.ts"
import type { ThreadDeps } from "./ThreadDeps.ts"
import * as ThreadInstance from "./ThreadInstance.ts"

/** What does not concern the session. */
interface Own {
  readonly labels?: Labels | undefined
  readonly archived?: boolean | undefined
}

interface OfSession {
  readonly runtimeMode?: RuntimeMode | undefined
  readonly model?: ModelSelection | undefined
  readonly title?: string | undefined
}

export interface Configuration extends Own, OfSession {}

const order: ReadonlyArray<Applied> = ["now", "next-turn", "next-session"]

const last = (applied: ReadonlyArray<Applied>): Applied => order.findLast((when) => applied.includes(when)) ?? "now"

/** Changes what is given, or nothing where the session cannot be so; answers from when on all of it holds. */
export const configure = Effect.fnUntraced(function*(
  deps: ThreadDeps,
  cell: ThreadCell.ThreadCell,
  { archived, labels, ...session }: Configuration
) {
  const { model, runtimeMode, title } = session
  const alone = model === undefined && runtimeMode === undefined && title === undefined
  const applied = alone ? "now" : yield* ThreadCell.withThread(
    deps,
    cell,
    Effect.gen(function*() {
      const live = yield* ThreadCell.usable(deps, cell)
      return yield* live === undefined ? ofStopped(deps, cell, session) : ofLive(deps, cell, live, session)
    })
  )
  if (alone || archived !== undefined || labels !== undefined) yield* put(deps, cell, { archived, labels })
  return applied
})

/**
 * Writes what belongs to the thread and to none of its epochs. Not under the thread's lock: hooks may label their thread,
 * and the lock is held until they are done.
 */
const put = (deps: ThreadDeps, cell: ThreadCell.ThreadCell, change: Omit<ThreadChange, "threadId" | "epoch">) =>
  Effect.gen(function*() {
    const { threadId } = cell
    const position = yield* deps.store.configureThread({ threadId, ...change })
    if (Option.isNone(position)) return yield* new ThreadNotFound({ threadId })
    cell.log.position = position.value
    const { live } = cell
    if (live === undefined) return
    const { archived: was, ...binding } = live.binding
    const { archived = was === true, labels = binding.labels } = change
    live.binding = { ...binding, ...(labels === undefined ? {} : { labels }), ...(archived ? { archived } : {}) }
  }).pipe(Semaphore.withPermit(cell.log.lock), Effect.uninterruptible)

const checkMode = (instanceId: InstanceId, adapter: ProviderAdapter | undefined, mode: RuntimeMode | undefined) => {
  const modes = adapter?.capabilities.runtimeModes
  return mode === undefined || modes === undefined || modes.includes(mode)
    ? Effect.void
    : new PolicyUnenforceable({ instanceId, runtimeMode: mode, effective: modes })
}

/** The next start does as the record says. Lock held, no live epoch. */
const ofStopped = Effect.fnUntraced(function*(deps: ThreadDeps, cell: ThreadCell.ThreadCell, change: OfSession) {
  const record = yield* ThreadCell.loadRecord(deps, cell)
  if (record === undefined) return yield* new ThreadNotFound({ threadId: cell.threadId })
  // An agent that is not there now may be at the next start, which asks it again.
  const adapter = Option.getOrUndefined(yield* Effect.option(ThreadInstance.declared(deps, record.instanceId, record)))
  yield* checkMode(record.instanceId, adapter, change.runtimeMode)
  yield* put(deps, cell, change)
  return change.model === undefined && change.runtimeMode === undefined ? "now" : "next-session"
})

const ofLive = Effect.fnUntraced(function*(
  deps: ThreadDeps,
  cell: ThreadCell.ThreadCell,
  live: LiveEpoch.LiveEpoch,
  { runtimeMode, ...change }: OfSession
) {
  yield* checkMode(live.binding.instanceId, live.adapter, runtimeMode)
  const applied = last([
    yield* take(deps, cell, live, change),
    runtimeMode === undefined ? "now" : yield* useMode(deps, cell, live, runtimeMode)
  ])
  if (live.restart && Epoch.turnOf(live.state) === undefined) yield* ThreadCell.end(deps, cell, live, "replaced")
  return applied
})

/** Asks the agent. The thread is held meanwhile, so a stop cuts it short. */
const asked = <A, E>(deps: ThreadDeps, cell: ThreadCell.ThreadCell, ask: Effect.Effect<A, E>) =>
  Effect.flatMap(ThreadCell.interruptible(deps, cell, ask), (exit) => ThreadCell.valueOf(cell, exit))

/** Gives the live session its title, and its model, which goes with the next prompt. Lock held. */
export const take = Effect.fnUntraced(function*(
  deps: ThreadDeps,
  cell: ThreadCell.ThreadCell,
  live: LiveEpoch.LiveEpoch,
  { model, title }: Pick<OfSession, "model" | "title">
) {
  const otherModel = LiveRecord.isOtherModel(live, model)
  const otherTitle = title !== undefined && title !== live.binding.title
  if (!otherModel && !otherTitle) return "now"
  const { instanceId } = live.binding
  if (model !== undefined && otherModel) {
    const checked = live.session.checkModel(model)
    yield* asked(deps, cell, AgentCall.within(deps, { instanceId, operation: "checkModel" }, checked))
  }
  if (otherTitle) {
    const renamed = Effect.timeout(live.session.rename(title), deps.settings.interruptGrace)
    // Its own list of sessions shows it; nothing of the thread depends on it.
    yield* Effect.ignore(asked(deps, cell, renamed), { log: "Warn", message: "The agent did not take the title" })
  }
  yield* LiveRecord.configure(deps, live, { model, title })
  if (model === undefined || !otherModel) return "now"
  if (live.session.capabilities.modelSwitch === "per-session") {
    live.restart = true
    return "next-session"
  }
  live.modelChanged = true
  yield* LiveEpoch.advance(deps, live, { _tag: "Noted", events: [{ _tag: "ModelChanged", model, by: "user" }] })
  return "next-turn"
})

/** Holds the session to the mode from its next tool on; where the agent cannot be, its next session is. */
const useMode = Effect.fnUntraced(function*(
  deps: ThreadDeps,
  cell: ThreadCell.ThreadCell,
  live: LiveEpoch.LiveEpoch,
  runtimeMode: RuntimeMode
) {
  if (runtimeMode === live.binding.runtimeMode) return live.restart ? "next-session" : "now"
  const switched = live.session.switchMode(runtimeMode).pipe(
    Effect.timeoutOrElse({ duration: deps.settings.interruptGrace, orElse: () => Effect.succeed(false) }),
    Effect.catch((error) => Effect.as(Effect.logWarning("The agent did not take another mode", error), false))
  )
  const taken = yield* asked(deps, cell, switched)
  yield* LiveRecord.configure(deps, live, { runtimeMode })
  if (!taken) {
    live.restart = true
    return "next-session"
  }
  yield* LiveEpoch.advance(deps, live, { _tag: "Noted", events: [{ _tag: "ModeChanged", runtimeMode, by: "user" }] })
  return "now"
})
