/**
 * The opening of an epoch: the session is started, then bound to the thread ({@link ./EpochBinding.ts}). A stop can interrupt
 * the start, but not the commit that binds it.
 */
import { Effect, Exit, Scope } from "effect"
import type { CompactionTrigger } from "../domain/Compaction.ts"
import * as CompactionPolicy from "../domain/CompactionPolicy.ts"
import * as Instrumentation from "../domain/Instrumentation.ts"
import * as TurnLimits from "../domain/TurnLimits.ts"
import type { OpeningCause } from "../hooks/SessionOpening.ts"
import { CapabilityMissing } from "../provider/AdapterError.ts"
import type { CompactionVerdict } from "../provider/ProviderAdapter.ts"
import * as SessionSetup from "../provider/SessionSetup.ts"
import { LimitUnenforceable } from "../service/ServiceError.ts"
import * as CompactionGate from "./CompactionGate.ts"
import * as EpochEnd from "./epoch/EpochEnd.ts"
import type * as LiveEpoch from "./epoch/LiveEpoch.ts"
import * as EpochBinding from "./EpochBinding.ts"
import * as MissingTurns from "./MissingTurns.ts"
import * as SecretSession from "./SecretSession.ts"
import * as SessionStart from "./SessionStart.ts"
import * as SetupAsk from "./SetupAsk.ts"
import * as SnapshotTaking from "./SnapshotTaking.ts"
import type { StartPlan } from "./StartPlan.ts"
import * as ThreadCell from "./ThreadCell.ts"
import type { ThreadDeps } from "./ThreadDeps.ts"
import * as ThreadInstance from "./ThreadInstance.ts"
import * as ToolGate from "./ToolGate.ts"

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
  previous: EpochBinding.Previous,
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
          Effect.flatMap((started) =>
            EpochBinding.bind(deps, cell, plan, past, previous, { ...started, scope, gated })
          ),
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

// What a session keeps for its whole life is made here and not inside of the opening: a closure made there would keep all that
// the opening knows, the session that it replaced included.

/** Until the session is bound to the thread its transcript cannot be saved, so a compaction during the start is vetoed. */
const gateOf =
  (deps: ThreadDeps, opened: { readonly live: LiveEpoch.LiveEpoch | undefined }) =>
  (trigger: CompactionTrigger): Effect.Effect<CompactionVerdict> =>
    opened.live === undefined
      ? Effect.succeed({ _tag: "Veto", reason: "the session is being started" })
      : CompactionGate.ask(deps, opened.live, trigger)
