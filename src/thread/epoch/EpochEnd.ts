/**
 * The end of an epoch. Every step is bounded, so a session that hangs cannot hold its thread.
 */
import { Deferred, Effect, Exit, Fiber, Option, Scope } from "effect"
import type { InstanceId, ThreadId, TurnId } from "../../domain/Ids.ts"
import type { SessionEndReason } from "../../domain/ThreadEvent.ts"
import type { EpochFenced, StoreFailed } from "../../store/StoreError.ts"
import type { ThreadDeps } from "../ThreadDeps.ts"
import * as Epoch from "./Epoch.ts"
import * as EpochWaiters from "./EpochWaiters.ts"
import * as LiveEpoch from "./LiveEpoch.ts"

/** How long an adapter may take to say how its process ended. */
const exitPatience = "2 seconds"

/**
 * Ends the epoch: a running turn is interrupted, what is open is closed and `SessionEnded` stored in one commit, hooks are
 * told, and the session's scope is closed. Whatever fails, the session is stopped. Ending twice is harmless.
 */
export const end = (deps: ThreadDeps, live: LiveEpoch.LiveEpoch, reason: SessionEndReason) =>
  Effect.suspend((): Effect.Effect<void, StoreFailed | EpochFenced> => {
    if (LiveEpoch.isOver(live)) return Effect.void
    return interruptRunning(deps, live, reason).pipe(
      Effect.andThen(reason === "lost" ? exitOf(live) : Effect.undefined),
      Effect.flatMap((exit) => LiveEpoch.advance(deps, live, { _tag: "Ending", reason, exit })),
      Effect.onExit((exit) => Effect.sync(() => LiveEpoch.abandon(live, exit))),
      Effect.andThen(Effect.suspend(() => tellHooks(deps, live))),
      Effect.ensuring(release(deps, live))
    )
  }).pipe(Effect.uninterruptible)

/** What is known of the end of the agent's process. */
const exitOf = (live: LiveEpoch.LiveEpoch) =>
  live.session.exit.pipe(Effect.timeoutOption(exitPatience), Effect.map(Option.getOrUndefined))

/** Asks the agent to stop its turn and gives it the time to end it. A lost agent is not asked. */
export const interruptRunning = Effect.fnUntraced(
  function*(deps: ThreadDeps, live: LiveEpoch.LiveEpoch, reason: SessionEndReason) {
    const turnId = live.state.running?.turnId
    if (turnId === undefined || reason === "lost" || live.broken !== undefined) return
    const by = reason === "shutdown" ? "shutdown" : "stop"
    yield* LiveEpoch.advance(deps, live, { _tag: "Interrupting", turnId, by })
    yield* live.session.interruptTurn(turnId).pipe(
      Effect.andThen(Effect.suspend(() => over(live, turnId))),
      Effect.timeout(deps.settings.interruptGrace),
      Effect.ignore
    )
  }
)

/** Waits until the turn is over. */
export const over = (live: LiveEpoch.LiveEpoch, turnId: TurnId) =>
  Effect.suspend(() =>
    Epoch.hasTurn(live.state, turnId)
      ? Effect.exit(Deferred.await(EpochWaiters.turn(live, turnId).over))
      : Effect.void
  )

/** Finishes an epoch whose `SessionEnded` is already stored: resolves waiters, tells hooks, closes the scope. */
export const finish = (deps: ThreadDeps, live: LiveEpoch.LiveEpoch): Effect.Effect<void> =>
  Effect.suspend(() => {
    LiveEpoch.abandon(live, Exit.void)
    return Effect.ensuring(tellHooks(deps, live), release(deps, live))
  })

/** Hooks run before the scope closes, so they can still read the session. */
const tellHooks = (deps: ThreadDeps, live: LiveEpoch.LiveEpoch) =>
  deps.hooks.delivered("session:end", live.binding, deps.settings.hookBudget)

/** Stops a session. One that does not stop in time keeps stopping in the background; its thread is free. */
export const closeScope = (deps: ThreadDeps, scope: Scope.Closeable, of: Of): Effect.Effect<void> =>
  closed(deps, scope, of, "A session does not stop; its thread continues without it")

/** Releases what hooks acquired for a session, which is over or was never started. As bounded as the end of a session. */
export const releaseSetup = (deps: ThreadDeps, scope: Scope.Closeable, of: Of): Effect.Effect<void> =>
  closed(deps, scope, of, "What hooks acquired for a session is not released; its thread continues without it")

/** A folder or a token that hooks made for the agent is there until the agent is not. */
const release = (deps: ThreadDeps, { binding, scope, setup }: LiveEpoch.LiveEpoch): Effect.Effect<void> =>
  Effect.andThen(
    closeScope(deps, scope, binding),
    setup === undefined ? Effect.void : releaseSetup(deps, setup.scope, binding)
  )

interface Of {
  readonly threadId: ThreadId
  readonly instanceId: InstanceId
}

const closed = (
  deps: ThreadDeps,
  scope: Scope.Closeable,
  { instanceId, threadId }: Of,
  late: string
): Effect.Effect<void> =>
  Scope.close(scope, Exit.void).pipe(
    Effect.forkDetach({ startImmediately: true }),
    Effect.flatMap((fiber) => Effect.timeoutOption(Fiber.await(fiber), deps.settings.stopTimeout)),
    Effect.flatMap((done) =>
      Option.isSome(done)
        ? Effect.void
        : Effect.logWarning(late).pipe(Effect.annotateLogs({ threadId, instanceId }))
    )
  )
