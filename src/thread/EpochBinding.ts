/**
 * The commit that opens an epoch: it binds a session that was started to its thread, and records how the epoch before it ended.
 */
import { Deferred, Duration, Effect, Option, type Scope, Semaphore } from "effect"
import { randomUUID } from "node:crypto"
import type * as CompactionPolicy from "../domain/CompactionPolicy.ts"
import type { Continuity } from "../domain/Continuity.ts"
import { Epoch as EpochNumber, type ThreadId } from "../domain/Ids.ts"
import type { ProjectDecision } from "../domain/ProjectConfig.ts"
import type { EventBody } from "../domain/ThreadEvent.ts"
import type { Binding, BoundThread } from "../domain/ThreadRecord.ts"
import type * as Usage from "../domain/Usage.ts"
import type { ProviderAdapter, ProviderSession } from "../provider/ProviderAdapter.ts"
import type { Part } from "../store/Commit.ts"
import * as EventPosition from "../store/EventPosition.ts"
import * as CompactionGate from "./CompactionGate.ts"
import type * as CutTurn from "./CutTurn.ts"
import * as Epoch from "./epoch/Epoch.ts"
import * as EpochEnd from "./epoch/EpochEnd.ts"
import * as EpochPump from "./epoch/EpochPump.ts"
import * as EpochState from "./epoch/EpochState.ts"
import * as LiveEpoch from "./epoch/LiveEpoch.ts"
import * as RequestWatch from "./RequestWatch.ts"
import { restoredTurn } from "./restoredTurn.ts"
import type * as SessionStart from "./SessionStart.ts"
import type { StartPlan } from "./StartPlan.ts"
import * as ThreadCell from "./ThreadCell.ts"
import type { ThreadDeps } from "./ThreadDeps.ts"
import * as ThreadLog from "./ThreadLog.ts"
import * as TurnDeadlines from "./TurnDeadlines.ts"

/** The thread before the opening: its record, how its last epoch ended, and the live one that is to be replaced. */
export interface Previous {
  readonly record: Binding | undefined
  /** The last epoch was ended by a crash of its host. */
  readonly recovered: boolean
  readonly live: LiveEpoch.LiveEpoch | undefined
  /** Filled by the opening. */
  readonly answers: CutTurn.Asked["answers"]
}

/** A session that was started for the thread, and is not bound to it yet. */
export interface Started {
  readonly adapter: ProviderAdapter
  readonly session: ProviderSession
  readonly continuity: Continuity
  readonly notes: ReadonlyArray<EpochState.Note>
  readonly project: ProjectDecision
  readonly setup: LiveEpoch.GivenSetup | undefined
  readonly scope: Scope.Closeable
  readonly policy: Required<CompactionPolicy.CompactionPolicy>
  readonly gated: boolean
}

/** Made here: a closure of `bind` would be kept by the log, with the session that was replaced. */
const textOf = (live: LiveEpoch.LiveEpoch) => () => Epoch.textSoFar(live.state)

const bindingOf = (
  cell: ThreadCell.ThreadCell,
  plan: StartPlan,
  record: Binding | undefined,
  { adapter, project, session }: Started,
  at: number
): BoundThread => ({
  threadId: cell.threadId,
  instanceId: adapter.instanceId,
  provider: adapter.provider,
  sessionId: session.sessionId,
  directory: session.directory,
  runtimeMode: plan.runtimeMode,
  project,
  ...(plan.model === undefined ? {} : { model: plan.model }),
  ...(plan.agent === undefined ? {} : { agent: plan.agent }),
  ...(plan.title === undefined ? {} : { title: plan.title }),
  ...(plan.labels === undefined ? {} : { labels: plan.labels }),
  ...(record?.archived === undefined ? {} : { archived: record.archived }),
  ...(plan.compaction === undefined ? {} : { compaction: plan.compaction }),
  status: "idle",
  epoch: EpochNumber.make((record?.epoch ?? 0) + 1),
  lastSeq: cell.log.lastSeq ?? 0,
  createdAt: record?.createdAt ?? at,
  activeAt: at
})

const liveOf = (
  deps: ThreadDeps,
  cell: ThreadCell.ThreadCell,
  binding: BoundThread,
  { adapter, continuity, gated, notes, policy, scope, session, setup }: Started,
  spent: Usage.Spent | undefined
): LiveEpoch.LiveEpoch => {
  const activeAt = deps.steady.now()
  return {
    binding,
    adapter,
    session,
    scope,
    setup,
    log: cell.log,
    policy,
    continuity,
    state: EpochState.make(
      {
        policy,
        limits: deps.settings.limits,
        held: session.capabilities.compactionGate === "blocking" && gated,
        // Ordered by time, as turn ids are.
        compactionPrefix: `cmp_${binding.activeAt.toString(16).padStart(12, "0")}-${randomUUID()}`
      },
      activeAt,
      { spent, notes }
    ),
    writing: false,
    modelChanged: false,
    restart: false,
    turns: new Map(),
    compactions: new Map(),
    progressAt: activeAt,
    abandoned: false,
    broken: undefined,
    unreconciled: false,
    watched: false,
    watch: undefined,
    braked: undefined,
    offered: [],
    halted: Deferred.makeUnsafe(),
    compactsOverflow: policy.auto && session.capabilities.compactionGate === "client-initiated",
    requestWatches: new Map(),
    serve: RequestWatch.start,
    observe: CompactionGate.observe
  }
}

/** What the turns of the thread have spent, where that is limited. */
const spentOf = ({ settings: { limits: { threadCostUsd, threadTokens } }, store }: ThreadDeps, threadId: ThreadId) =>
  Number.isFinite(threadCostUsd) || Number.isFinite(threadTokens) ? store.spent(threadId) : Effect.undefined

/** Writes the new epoch, and the end of the one that it replaces, and makes it the thread's live one. */
export const bind = Effect.fnUntraced(function*(
  deps: ThreadDeps,
  cell: ThreadCell.ThreadCell,
  plan: StartPlan,
  past: SessionStart.Past,
  previous: Previous,
  started: Started
) {
  const { continuity, session } = started
  const { live: replaced, record } = previous
  // A turn that is under way in the session to be replaced ends before anything else is written.
  if (replaced !== undefined) yield* EpochEnd.interruptRunning(deps, replaced, "reset")
  const at = deps.clock.currentTimeMillisUnsafe()
  const binding = bindingOf(cell, plan, record, started, at)
  const cursor = Option.getOrUndefined(yield* session.cursor)
  const live = liveOf(deps, cell, binding, started, yield* spentOf(deps, cell.threadId))
  yield* Effect.suspend(() => {
    const ended = replaced === undefined ? undefined : endOf(deps, replaced, session)
    const said = { agentVersion: session.agentVersion, continuity }
    const opened = openingOf(deps, cell, binding, past, previous, said, ended?.numbered.durable.length ?? 0)
    return deps.store.commit({
      name: "open an epoch",
      threadId: cell.threadId,
      parts: ended === undefined ? [opened.part] : [ended.part, opened.part],
      blobs: [...ended?.numbered.blobs ?? [], ...opened.numbered.blobs],
      cursor,
      dueAt: live.state.activeAt + Duration.toMillis(deps.settings.reaper.idleAfter),
      activeAt: at,
      status: "idle",
      flush: true
    }).pipe(
      // The write failed, so the old epoch is still open: it is given up as after any failed write.
      Effect.tapError((error) =>
        Effect.sync(() => {
          if (replaced !== undefined) LiveEpoch.breakOff(replaced, error)
        })
      ),
      Effect.flatMap((position) => {
        cell.live = live
        cell.starting = false
        cell.log.textSoFar = textOf(live)
        if (replaced !== undefined && ended !== undefined) {
          replaced.state = ended.step.state
          ThreadLog.publish(cell.log, ended.numbered, EventPosition.before(position, opened.numbered.durable.length))
        }
        ThreadLog.publish(cell.log, opened.numbered, position)
        deps.hooks.emit([...ended?.part.lifecycle ?? [], ...opened.part.lifecycle])
        return replaced === undefined || ended === undefined
          ? Effect.void
          : LiveEpoch.fulfil(deps, replaced, ended.step.wants)
      })
    )
  }).pipe(Semaphore.withPermit(cell.log.lock))
  const onLost = ThreadCell.lost(deps, cell, live)
  yield* EpochPump.run(deps, live, {
    onLost,
    watch: TurnDeadlines.start(deps, live, onLost),
    brake: TurnDeadlines.brake(deps, live, onLost)
  })
  return live
})

/** The end of the epoch that a reset replaces. */
const endOf = (deps: ThreadDeps, live: LiveEpoch.LiveEpoch, next: ProviderSession) => {
  const at = deps.clock.currentTimeMillisUnsafe()
  const { epoch } = live.binding
  const step = Epoch.step(live.state, { _tag: "Ending", reason: "reset", next: next.sessionId }, deps.steady.now())
  const numbered = ThreadLog.number(live.log, live.log.lastSeq ?? 0, at, epoch, step.events)
  const part: Part = {
    epoch,
    expect: "live",
    events: numbered.durable,
    lifecycle: deps.hooks.derive(numbered.durable, live.binding)
  }
  return { step, numbered, part }
}

const openingOf = (
  deps: ThreadDeps,
  cell: ThreadCell.ThreadCell,
  binding: BoundThread,
  past: SessionStart.Past,
  { record, recovered }: Previous,
  { agentVersion, continuity }: { readonly agentVersion: string | undefined; readonly continuity: Continuity },
  before: number
) => {
  const { epoch, sessionId } = binding
  const previousSessionId = past._tag === "Reset" ? record?.sessionId : undefined
  const bodies: ReadonlyArray<EventBody> = [
    ...(previousSessionId === undefined
      ? []
      : [{ _tag: "SessionReset", previousSessionId, nextSessionId: sessionId } as const]),
    {
      _tag: "SessionStarted",
      instanceId: binding.instanceId,
      provider: binding.provider,
      sessionId,
      directory: binding.directory,
      runtimeMode: binding.runtimeMode,
      projectConfig: binding.project.config,
      continuity,
      ...(agentVersion === undefined ? {} : { agentVersion }),
      ...(previousSessionId === undefined ? {} : { previousSessionId }),
      ...(recovered ? { recovered } : {})
    },
    ...restored(past)
  ]
  const at = deps.clock.currentTimeMillisUnsafe()
  const numbered = ThreadLog.number(cell.log, (cell.log.lastSeq ?? 0) + before, at, epoch, bodies)
  const part: Part = {
    epoch,
    expect: "none",
    binding,
    resets: past._tag === "Reset",
    events: numbered.durable,
    lifecycle: deps.hooks.derive(numbered.durable, binding)
  }
  return { numbered, part }
}

/** The turns that a new thread has from elsewhere: they are its own from now on. */
const restored = (past: SessionStart.Past): ReadonlyArray<EventBody> => {
  switch (past._tag) {
    case "Snapshot":
      return past.turns.map((turn) => restoredTurn(turn, { _tag: "Snapshot", snapshotId: past.snapshotId }))
    case "Fork":
      return past.turns.map((turn) => restoredTurn(turn, { _tag: "Fork", threadId: past.from }))
    default:
      return []
  }
}
