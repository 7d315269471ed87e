/**
 * The opening of an epoch: the session is started, then bound to the thread in one commit with the record of how the one
 * before it ended. A stop can interrupt the start, but not the commit.
 */
import { Deferred, Duration, Effect, Exit, Option, Scope, Semaphore } from "effect"
import { randomUUID } from "node:crypto"
import type { CompactionTrigger } from "../domain/Compaction.ts"
import * as CompactionPolicy from "../domain/CompactionPolicy.ts"
import type { Continuity } from "../domain/Continuity.ts"
import { Epoch as EpochNumber } from "../domain/Ids.ts"
import * as Instrumentation from "../domain/Instrumentation.ts"
import type { ProjectDecision } from "../domain/ProjectConfig.ts"
import type { EventBody } from "../domain/ThreadEvent.ts"
import type { Binding, BoundThread } from "../domain/ThreadRecord.ts"
import * as TurnLimits from "../domain/TurnLimits.ts"
import type { OpeningCause } from "../hooks/SessionOpening.ts"
import { CapabilityMissing } from "../provider/AdapterError.ts"
import type { CompactionVerdict, ProviderAdapter, ProviderSession } from "../provider/ProviderAdapter.ts"
import * as SessionSetup from "../provider/SessionSetup.ts"
import { LimitUnenforceable } from "../service/ServiceError.ts"
import type { Part } from "../store/Commit.ts"
import * as EventPosition from "../store/EventPosition.ts"
import * as CompactionGate from "./CompactionGate.ts"
import type * as CutTurn from "./CutTurn.ts"
import * as Epoch from "./epoch/Epoch.ts"
import * as EpochEnd from "./epoch/EpochEnd.ts"
import * as EpochPump from "./epoch/EpochPump.ts"
import * as EpochState from "./epoch/EpochState.ts"
import * as LiveEpoch from "./epoch/LiveEpoch.ts"
import * as MissingTurns from "./MissingTurns.ts"
import * as RequestWatch from "./RequestWatch.ts"
import { restoredTurn } from "./restoredTurn.ts"
import * as SecretSession from "./SecretSession.ts"
import * as SessionStart from "./SessionStart.ts"
import * as SetupAsk from "./SetupAsk.ts"
import * as SnapshotTaking from "./SnapshotTaking.ts"
import type { StartPlan } from "./StartPlan.ts"
import * as ThreadCell from "./ThreadCell.ts"
import type { ThreadDeps } from "./ThreadDeps.ts"
import * as ThreadInstance from "./ThreadInstance.ts"
import * as ThreadLog from "./ThreadLog.ts"
import * as ToolGate from "./ToolGate.ts"
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

/** What a session is given by hooks: they are asked by the opening, or were asked before it. */
export interface Setup {
  readonly cause: OpeningCause
  /** Its Scope is the opening's from now on. */
  readonly given?: LiveEpoch.GivenSetup | undefined
}

/** Starts the session of the plan and binds it to the thread. Lock held. */
export const open = Effect.fnUntraced(function*(
  deps: ThreadDeps,
  cell: ThreadCell.ThreadCell,
  plan: StartPlan,
  past: SessionStart.Past,
  previous: Previous,
  { cause, given }: Setup
) {
  const scope = Scope.makeUnsafe()
  const setupScope = given?.scope ?? Scope.makeUnsafe()
  const policy = CompactionPolicy.resolve(deps.settings.compaction, plan.compaction)
  const gated = policy.saveBefore || deps.hooks.asks("compaction:before")
  const guarded = deps.hooks.asks("tool:before")
  const of = { threadId: cell.threadId, instanceId: plan.instanceId }
  const opened: { live: LiveEpoch.LiveEpoch | undefined } = { live: undefined }
  const begin = Effect.gen(function*() {
    yield* deps.makeRoom(cell.threadId)
    const adapter = yield* Scope.provide(ThreadInstance.adapterOf(deps, plan.instanceId, previous.record), scope)
    const limit = TurnLimits.unenforceable(deps.settings.limits, adapter.capabilities)
    if (limit !== undefined) return yield* new LimitUnenforceable({ instanceId: plan.instanceId, limit })
    if (guarded && adapter.capabilities.toolGuard === "none") {
      return yield* new CapabilityMissing({ provider: adapter.provider, capability: "ask guards about its tools" })
    }
    const setup = given?.setup ??
      (yield* deps.hooks.setUp(SetupAsk.opening(adapter, cell.threadId, plan, previous.record, cause), setupScope))
    const secrets = SessionSetup.secrets(setup)
    const directory = yield* deps.realDirectory(plan.directory, adapter)
    const project = deps.projectOf(adapter, { ...plan, directory })
    const starting = SessionStart.run({
      scope,
      adapter,
      input: {
        threadId: cell.threadId,
        directory,
        runtimeMode: plan.runtimeMode,
        projectConfig: project.config,
        model: plan.model,
        agent: plan.agent,
        title: plan.title,
        setup,
        toolGuard: guarded ? ToolGate.of(deps, opened) : undefined,
        compaction: {
          auto: policy.auto,
          gate: gated ? gateOf(deps, opened) : undefined
        }
      },
      past,
      onMissing: plan.onMissing ?? deps.settings.onMissing,
      rehydrateTokens: MissingTurns.handoverTokens(deps.settings, adapter.capabilities),
      archive: past._tag === "Fork" ? Effect.succeed(past) : deps.archive.sinceReset(cell.threadId),
      missing: (session) => MissingTurns.find(deps, cell.threadId, SecretSession.make(session, secrets), previous)
    })
    const { continuity, notes, session } = yield* Instrumentation.around(
      deps.instrumentation,
      { _tag: "SessionStart", ...of, provider: adapter.provider },
      starting,
      ({ continuity }) => ({ _tag: "Session", continuity })
    ).pipe(SecretSession.errors(secrets))
    return {
      adapter,
      continuity,
      notes,
      policy: yield* SnapshotTaking.policyOn(deps, adapter, policy),
      project,
      session: SecretSession.make(session, secrets),
      setup: setup === undefined ? undefined : { setup, scope: setupScope }
    }
  })
  const exit = yield* whileStarting(
    deps,
    cell,
    ThreadCell.interruptible(
      deps,
      cell,
      Effect.uninterruptibleMask((restore) =>
        restore(begin).pipe(
          Effect.flatMap((started) => bind(deps, cell, plan, past, previous, { ...started, scope, gated })),
          Effect.tap((live) =>
            Effect.sync(() => {
              opened.live = live
            })
          ),
          // Part of the uninterruptible start: the old session is stopped even if the caller is interrupted.
          Effect.tap(() => previous.live === undefined ? Effect.void : EpochEnd.finish(deps, previous.live)),
          Effect.onExit((exit) =>
            Exit.isSuccess(exit)
              ? Effect.void
              : Effect.andThen(
                EpochEnd.closeScope(deps, scope, of),
                EpochEnd.releaseSetup(deps, setupScope, of)
              )
          )
        )
      )
    )
  )
  return yield* ThreadCell.valueOf(cell, exit)
})

/** The thread is `starting` until the session is bound to it, or `effect` has ended. */
const whileStarting = <A, E, R>(deps: ThreadDeps, cell: ThreadCell.ThreadCell, effect: Effect.Effect<A, E, R>) => {
  const note = (starting: boolean) =>
    Effect.sync(() => {
      cell.starting = starting
      deps.changed(cell.threadId)
    })
  return Effect.acquireUseRelease(note(true), () => effect, () => note(false))
}

// What a session, or the log, keeps for its whole life is made here and not inside of the opening: a closure made there
// would keep all that the opening knows, the session that it replaced included.

/** Until the session is bound to the thread its transcript cannot be saved, so a compaction during the start is vetoed. */
const gateOf =
  (deps: ThreadDeps, opened: { readonly live: LiveEpoch.LiveEpoch | undefined }) =>
  (trigger: CompactionTrigger): Effect.Effect<CompactionVerdict> =>
    opened.live === undefined
      ? Effect.succeed({ _tag: "Veto", reason: "the session is being started" })
      : CompactionGate.ask(deps, opened.live, trigger)

const textOf = (live: LiveEpoch.LiveEpoch) => () => Epoch.textSoFar(live.state)

interface Started {
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

/** Writes the new epoch, and the end of the one that it replaces, and makes it the thread's live one. */
const bind = Effect.fnUntraced(function*(
  deps: ThreadDeps,
  cell: ThreadCell.ThreadCell,
  plan: StartPlan,
  past: SessionStart.Past,
  previous: Previous,
  started: Started
) {
  const { adapter, continuity, notes, policy, project, scope, session, setup } = started
  const { live: replaced, record } = previous
  // A turn that is under way in the session to be replaced ends before anything else is written.
  if (replaced !== undefined) yield* EpochEnd.interruptRunning(deps, replaced, "reset")
  const at = deps.clock.currentTimeMillisUnsafe()
  const activeAt = deps.steady.now()
  const epoch = EpochNumber.make((record?.epoch ?? 0) + 1)
  const binding: BoundThread = {
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
    epoch,
    lastSeq: cell.log.lastSeq ?? 0,
    createdAt: record?.createdAt ?? at,
    activeAt: at
  }
  const cursor = Option.getOrUndefined(yield* session.cursor)
  const { threadCostUsd, threadTokens } = deps.settings.limits
  const limited = Number.isFinite(threadCostUsd) || Number.isFinite(threadTokens)
  const spent = limited ? yield* deps.store.spent(cell.threadId) : undefined
  const live: LiveEpoch.LiveEpoch = {
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
        held: session.capabilities.compactionGate === "blocking" && started.gated,
        // Ordered by time, as turn ids are.
        compactionPrefix: `cmp_${at.toString(16).padStart(12, "0")}-${randomUUID()}`
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
  yield* Effect.suspend(() => {
    const ended = replaced === undefined ? undefined : endOf(deps, replaced, session)
    const started = { agentVersion: session.agentVersion, continuity }
    const opened = openingOf(deps, cell, binding, past, previous, started, ended?.numbered.durable.length ?? 0)
    return deps.store.commit({
      name: "open an epoch",
      threadId: cell.threadId,
      parts: ended === undefined ? [opened.part] : [ended.part, opened.part],
      blobs: [...ended?.numbered.blobs ?? [], ...opened.numbered.blobs],
      cursor,
      dueAt: activeAt + Duration.toMillis(deps.settings.reaper.idleAfter),
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
