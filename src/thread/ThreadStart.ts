/**
 * How a thread gets its live session: what the store knows of its past, the start itself, which a stop can cut, and the
 * record of the new epoch. A reset does the same while the old session still lives.
 */
import { Effect, Exit, Option, Scope, Semaphore } from "effect"
import type { CompactionTrigger } from "../domain/Compaction.ts"
import * as CompactionPolicy from "../domain/CompactionPolicy.ts"
import type { CompactionVerdict, ProviderAdapter } from "../provider/ProviderAdapter.ts"
import { ThreadExists, TurnInProgress } from "../service/ServiceError.ts"
import type { Binding } from "../store/SessionStore.ts"
import * as Compaction from "./Compaction.ts"
import { type Before, enter, type Opened, type Wanted } from "./EpochOpening.ts"
import * as LiveEnd from "./LiveEnd.ts"
import type * as LiveSession from "./LiveSession.ts"
import * as Reconciliation from "./Reconciliation.ts"
import * as SessionStart from "./SessionStart.ts"
import {
  close,
  cut,
  cuttable,
  type Engine,
  loadBinding,
  notCut,
  taking,
  type ThreadActor,
  turnRunning,
  usable
} from "./ThreadActor.ts"
import * as ThreadLog from "./ThreadLog.ts"

export type { Opened, Wanted } from "./EpochOpening.ts"

/** What the store knows of the past, for a start on this provider instance. */
const pastOf = Effect.fnUntraced(function*(engine: Engine, binding: Binding | undefined, adapter: ProviderAdapter) {
  if (binding === undefined) return { _tag: "None" } as const
  if (binding.instanceId !== adapter.instanceId) return { _tag: "Lost", reason: "provider-changed" } as const
  const cursor = yield* engine.store.getCursor(binding.threadId, binding.instanceId)
  return Option.match(cursor, {
    onNone: () => ({ _tag: "Lost", reason: "never-resumable" }) as const,
    onSome: (cursor) => ({ _tag: "Cursor", cursor }) as const
  })
})

/** How long the provider may take to say what became of a turn. What it does not say in time stays unknown. */
const reconcilePatience = "30 seconds"

/** What follows the end of an epoch in the log is known only afterwards, and little. */
const lastEvents = 256

/** Whether the thread's last epoch was ended by a crash of its host. */
const crashed = Effect.fnUntraced(function*(engine: Engine, { threadId }: ThreadActor, lastSeq: number) {
  const last = yield* engine.store.readEvents({ threadId, after: Math.max(0, lastSeq - lastEvents), limit: lastEvents })
  return last.findLast((event) => event._tag === "SessionEnded")?.reason === "host-crash"
})

/** Starts the session and its epoch. Lock held, no live session. */
export const open = Effect.fnUntraced(function*(engine: Engine, actor: ThreadActor, wanted: Wanted) {
  const binding = yield* loadBinding(engine, actor)
  const past = wanted.past ?? (yield* pastOf(engine, binding, wanted.adapter))
  const recovered = binding !== undefined && (yield* crashed(engine, actor, actor.log.lastSeq ?? 0))
  const opened = yield* begin(engine, actor, wanted, past, { binding, recovered, live: undefined })
  const { continuity, live } = opened
  if (continuity._tag === "Resumed" || continuity._tag === "Moved") yield* tryReconcile(engine, actor, live)
  return opened
})

/**
 * Begins the conversation anew, in another session: the old one goes on until the new one is there, and is stopped once
 * hooks have been told of its end.
 */
export const reset = (engine: Engine, actor: ThreadActor, wanted: Wanted) =>
  taking(
    actor,
    Effect.gen(function*() {
      const live = yield* usable(engine, actor)
      const binding = live?.binding ?? (yield* loadBinding(engine, actor))
      return yield* begin(engine, actor, wanted, { _tag: "Reset" }, { binding, recovered: false, live })
    })
  )

const begin = Effect.fnUntraced(function*(
  engine: Engine,
  actor: ThreadActor,
  wanted: Wanted,
  past: SessionStart.Past,
  before: Before
) {
  const scope = Scope.makeUnsafe()
  const policy = CompactionPolicy.resolve(engine.policy, wanted.compaction)
  const gated = policy.saveBefore || engine.hooks.asks("compaction:before")
  const entered: { live: LiveSession.LiveSession | undefined } = { live: undefined }
  const start = Effect.uninterruptibleMask((restore) =>
    restore(SessionStart.run({
      scope,
      adapter: wanted.adapter,
      input: {
        threadId: actor.threadId,
        directory: wanted.directory,
        runtimeMode: wanted.runtimeMode,
        model: wanted.model,
        title: wanted.title,
        compaction: {
          auto: policy.auto,
          gate: gated ? (trigger) => atGate(engine, entered.live, trigger) : undefined
        }
      },
      past,
      onMissing: wanted.onMissing,
      rehydrateTokens: engine.rehydrateTokens,
      archive: engine.conversation(actor.threadId)
    })).pipe(
      Effect.flatMap((started) => enter(engine, actor, wanted, { before, past, policy, gated, scope }, started)),
      Effect.tap(({ live }) =>
        Effect.sync(() => {
          entered.live = live
        })
      ),
      // In one with the start: whoever gives up waiting, the old session is stopped.
      Effect.tap(() => before.live === undefined ? Effect.void : LiveEnd.leave(engine, before.live)),
      Effect.onExit((exit) =>
        Exit.isSuccess(exit)
          ? Effect.void
          : LiveEnd.closeScope(engine, scope, { threadId: actor.threadId, instanceId: wanted.adapter.instanceId })
      )
    )
  )
  const exit = yield* cuttable(actor, start)
  if (Exit.isFailure(exit)) return yield* Exit.hasInterrupts(exit) ? cut(actor) : Effect.failCause(exit.cause)
  return exit.value
})

/** What a session has of before could not be saved while it is not the thread's yet. */
const atGate = (
  engine: Engine,
  live: LiveSession.LiveSession | undefined,
  trigger: CompactionTrigger
): Effect.Effect<CompactionVerdict> =>
  live === undefined
    ? Effect.succeed({ _tag: "Veto", reason: "the session is being started" })
    : Compaction.gate(engine, live, trigger)

/** What the store does not take now is tried again before the next turn. */
export const tryReconcile = (engine: Engine, actor: ThreadActor, live: LiveSession.LiveSession) => {
  live.unreconciled = false
  return cuttable(
    actor,
    Reconciliation.run(engine, live).pipe(
      Effect.tapErrorTag("StoreFailed", () =>
        Effect.sync(() => {
          live.unreconciled = true
        })),
      Effect.timeout(reconcilePatience),
      Effect.ignore({ log: "Warn" })
    )
  )
}

const fits = (live: LiveSession.LiveSession, wanted: Wanted): boolean =>
  live.binding.instanceId === wanted.adapter.instanceId &&
  live.binding.directory === wanted.directory &&
  live.binding.runtimeMode === wanted.runtimeMode &&
  CompactionPolicy.same(live.binding.compaction, wanted.compaction)

/** Makes the thread live as wanted. A live session that is otherwise is replaced, unless a turn runs. */
export const start = (engine: Engine, actor: ThreadActor, wanted: Wanted) =>
  taking(
    actor,
    Effect.gen(function*() {
      const live = yield* usable(engine, actor)
      if (live !== undefined) {
        if (fits(live, wanted)) return resumedLive(live)
        const turn = turnRunning(live)
        if (turn !== undefined) return yield* new TurnInProgress({ threadId: actor.threadId, turnId: turn.turnId })
        yield* close(engine, actor, live, "replaced")
      }
      return yield* open(engine, actor, wanted)
    })
  )

/** As {@link start}, of a thread that is not there yet, and with a past of its own. */
export const create = (engine: Engine, actor: ThreadActor, wanted: Wanted) =>
  Effect.gen(function*() {
    yield* notCut(actor)
    const known = actor.live !== undefined ||
      Option.isSome(yield* ThreadLog.readable(engine.store.getThread(actor.threadId)))
    if (known) return yield* new ThreadExists({ threadId: actor.threadId })
    return yield* open(engine, actor, wanted)
  }).pipe(Semaphore.withPermit(actor.lock))

/** Waits until hooks have been told of the session's start, the first time that the agent is asked for something. */
export const greet = (engine: Engine, live: LiveSession.LiveSession): Effect.Effect<void> =>
  Effect.suspend(() => {
    if (live.greeted) return Effect.void
    live.greeted = true
    return engine.hooks.delivered("session:start", live.binding, engine.settings.hookBudget)
  })

export const resumedLive = (live: LiveSession.LiveSession): Opened => ({ live, continuity: { _tag: "Resumed" } })

/** Copies the conversation of the thread, which is made live for it. No turn may be running. */
export const fork = (engine: Engine, actor: ThreadActor, wanted: Wanted) =>
  taking(
    actor,
    Effect.gen(function*() {
      const found = yield* usable(engine, actor)
      const turn = turnRunning(found)
      if (turn !== undefined) return yield* new TurnInProgress({ threadId: actor.threadId, turnId: turn.turnId })
      const live = found ?? (yield* open(engine, actor, wanted)).live
      const exit = yield* cuttable(actor, live.session.fork)
      if (Exit.isFailure(exit)) return yield* Exit.hasInterrupts(exit) ? cut(actor) : Effect.failCause(exit.cause)
      return { cursor: exit.value, seq: actor.log.lastSeq ?? 0 }
    })
  )
