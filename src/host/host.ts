import { Clock, type Context, Deferred, Duration, Effect, FileSystem, Option, Path, Scope, Stream } from "effect"
import { randomUUID } from "node:crypto"
import type { CompactionTrigger } from "../domain/Compaction.ts"
import { type ThreadId, TurnId } from "../domain/Ids.ts"
import type { TerminalEvent } from "../domain/ThreadEvent.ts"
import * as dispatcher from "../hooks/internal/dispatcher.ts"
import * as reentrancy from "../hooks/internal/reentrancy.ts"
import { type HookServices, LifecycleHooks } from "../hooks/LifecycleHooks.ts"
import * as SteadyClock from "../process/SteadyClock.ts"
import { CapabilityMissing } from "../provider/AdapterError.ts"
import { ProviderRegistry } from "../provider/ProviderRegistry.ts"
import type { SendTurn } from "../service/Commands.ts"
import type { ProviderService } from "../service/ProviderService.ts"
import type { SessionInfo, TurnAccepted } from "../service/Results.ts"
import {
  PromptEmpty,
  PromptTooLong,
  ThreadExists,
  ThreadNotFound,
  TurnNotCompleted,
  TurnNotFound
} from "../service/ServiceError.ts"
import type { TranscriptArchive } from "../service/TranscriptArchive.ts"
import { HookOutbox } from "../store/HookOutbox.ts"
import { SessionStore } from "../store/SessionStore.ts"
import { SnapshotIndex } from "../store/SnapshotIndex.ts"
import * as CompactionRequest from "../thread/CompactionRequest.ts"
import type * as LiveSession from "../thread/LiveSession.ts"
import * as SessionReaper from "../thread/SessionReaper.ts"
import * as SnapshotRequest from "../thread/SnapshotRequest.ts"
import * as SnapshotTaking from "../thread/SnapshotTaking.ts"
import * as ThreadActor from "../thread/ThreadActor.ts"
import * as ThreadHooks from "../thread/ThreadHooks.ts"
import * as ThreadLog from "../thread/ThreadLog.ts"
import * as ThreadStart from "../thread/ThreadStart.ts"
import * as TurnDeadlines from "../thread/TurnDeadlines.ts"
import * as TurnDelivery from "../thread/TurnDelivery.ts"
import * as Snapshots from "../transcript/internal/snapshots.ts"
import * as ThreadArchive from "../transcript/internal/threadArchive.ts"
import * as answers from "./answers.ts"
import * as archives from "./archive.ts"
import type * as Settings from "./Settings.ts"
import * as startPlan from "./startPlan.ts"
import * as ThreadActors from "./threadActors.ts"
import * as threadPages from "./threadPages.ts"

/** Ordered by time, so that the ledger grows at its end. Node's UUIDs come out of a pool: 10 us less than a UUID v7. */
const makeTurnId = (clock: Clock.Clock) =>
  TurnId.make(`turn_${clock.currentTimeMillisUnsafe().toString(16).padStart(12, "0")}-${randomUUID()}`)

type Sending = Pick<TurnDelivery.Sent, "live" | "turn">

/** Builds the service and the archive; `CodingAgents.layerService` is the Layer of both. */
export const make = Effect.fnUntraced(function*(settings: Settings.Resolved) {
  const store = yield* SessionStore
  const path = yield* Path.Path
  const clock = yield* Clock.Clock
  const steady = yield* SteadyClock.make
  const { promptLimit, reaper } = settings

  const archive = ThreadArchive.make(store)
  const services = yield* Deferred.make<Context.Context<HookServices>>()
  const hooks = ThreadHooks.make(
    yield* dispatcher.make({
      hooks: yield* LifecycleHooks,
      outbox: yield* HookOutbox,
      services: Deferred.await(services)
    })
  )
  const snapshots = yield* Snapshots.make
  const taking: SnapshotTaking.Parts = {
    snapshots,
    store,
    archive,
    clock,
    path,
    deadline: settings.compaction.snapshotDeadline,
    redactor: settings.transcripts.redactor,
    retention: settings.transcripts.retention
  }

  const engine: ThreadActor.Engine = {
    store,
    clock,
    steady,
    // Forked here, so that it closes after the finalizer below has ended the sessions: their pumps must still run then.
    scope: yield* Scope.fork(yield* Effect.scope),
    settings: {
      idleAfterMillis: Duration.toMillis(reaper.idleAfter),
      interruptGrace: settings.interruptGrace,
      stopTimeout: settings.stopTimeout,
      hookBudget: settings.hookBudget
    },
    hooks,
    compaction: settings.compaction,
    policy: settings.compaction,
    snapshot: ({ compactionId, live, timing }) =>
      SnapshotTaking.take(taking, { binding: live.binding, live, policy: live.policy, compactionId, timing }),
    deadlines: {
      turn: settings.turnDeadline,
      noProgress: settings.noProgressDeadline
    },
    reaper,
    rehydrateTokens: settings.rehydrateTokens,
    archive: archive.whole,
    conversation: archive.conversation,
    mend: (threadId) => mend(threadId),
    unsettled: new Map()
  }

  const actors = ThreadActors.make(engine.hooks.recorded)

  const getThread = (threadId: ThreadId) =>
    Effect.flatMap(
      store.getThread(threadId),
      (found) => Effect.mapError(Effect.fromOption(found), () => new ThreadNotFound({ threadId }))
    )

  const { adapterOf, plan, planAgain, planFirst } = startPlan.make({
    registry: yield* ProviderRegistry,
    fs: yield* FileSystem.FileSystem,
    path,
    onMissing: settings.onMissing
  })

  const infoOf = ({ continuity, live }: ThreadStart.Opened): SessionInfo => ({
    threadId: live.binding.threadId,
    epoch: live.binding.epoch,
    instanceId: live.binding.instanceId,
    sessionId: live.binding.sessionId,
    directory: live.binding.directory,
    runtimeMode: live.binding.runtimeMode,
    continuity
  })

  const send = Effect.fnUntraced(function*(input: SendTurn, onSending?: (sending: Sending) => void) {
    const { threadId } = input
    yield* reentrancy.check(threadId)
    const attachments = input.attachments ?? []
    if (input.prompt.trim() === "" && attachments.length === 0) return yield* new PromptEmpty({ threadId })
    if (input.prompt.length > promptLimit) {
      return yield* new PromptTooLong({ threadId, length: input.prompt.length, limit: promptLimit })
    }
    const request = {
      turnId: input.turnId ?? makeTurnId(clock),
      steer: input.steer ?? false,
      input: {
        prompt: input.prompt,
        ...(attachments.length === 0 ? {} : { attachments }),
        ...(input.model === undefined ? {} : { model: input.model }),
        ...(input.agent === undefined ? {} : { agent: input.agent })
      }
    }
    const wanted = Effect.flatMap(
      getThread(threadId),
      (binding) => planAgain(binding, { onMissing: input.onMissing })
    )
    return yield* actors.use(threadId, (actor) => TurnDelivery.send(engine, actor, request, wanted, onSending))
  })

  const acceptedOf = (threadId: ThreadId, sent: TurnDelivery.Sent): TurnAccepted => ({
    threadId,
    turnId: sent.turn.turnId,
    epoch: sent.live.binding.epoch,
    continuity: sent.continuity,
    steered: sent.steered
  })

  const interrupt = Effect.fnUntraced(function*(
    actor: ThreadActor.ThreadActor,
    live: LiveSession.LiveSession,
    turn: LiveSession.Turn
  ) {
    turn.interruptedBy ??= "user"
    // A turn that is still on its way is interrupted once it has arrived; one that never arrives is over then.
    yield* Deferred.await(turn.running).pipe(Effect.raceFirst(Effect.exit(Deferred.await(turn.ended))))
    if (turn.phase === "ended") return
    yield* TurnDeadlines.interrupt(engine, live, turn, ThreadActor.lost(engine, actor, live))
  })

  const compact = (threadId: ThreadId, trigger: CompactionTrigger) =>
    actors.use(threadId, (actor) =>
      CompactionRequest.compact(
        engine,
        actor,
        trigger,
        Effect.flatMap(getThread(threadId), (binding) => planAgain(binding))
      ))

  const mend = (threadId: ThreadId) =>
    compact(threadId, "overflow").pipe(
      Effect.catchCause((cause) =>
        Effect.logWarning("A thread that is too long for its model could not be compacted", cause).pipe(
          Effect.annotateLogs({ threadId })
        )
      ),
      Effect.forkIn(engine.scope)
    )

  yield* Effect.addFinalizer(() =>
    Effect.forEach(
      actors.retire(),
      (actor) => ThreadActor.stop(engine, actor, "shutdown").pipe(Effect.ignore({ log: "Error" })),
      { concurrency: "unbounded", discard: true }
    )
  )
  // Beside the start, which must not wait for a slow disk.
  yield* Effect.forkScoped(SnapshotTaking.sweep(taking, yield* SnapshotIndex))

  yield* SessionReaper.run({
    settings: reaper,
    clock: steady,
    due: (query) =>
      Effect.map(store.dueThreads(query), (due) => [
        ...Array.from(engine.unsettled, ([threadId, epoch]) => ({ threadId, epoch })),
        ...due.filter(({ threadId }) => !engine.unsettled.has(threadId))
      ]),
    reap: ({ epoch, threadId }, sleeps) =>
      actors.use(threadId, (actor) => ThreadActor.reap(engine, actor, epoch, sleeps)).pipe(
        Effect.catchCause((cause) =>
          Effect.logWarning("A due session could not be looked at; the next sweep tries again", cause).pipe(
            Effect.annotateLogs({ threadId })
          )
        )
      )
  }).pipe(Effect.forkScoped({ startImmediately: true }))

  const service = {
    startSession: Effect.fn("ProviderService.startSession")(function*(input) {
      yield* Effect.annotateCurrentSpan({ threadId: input.threadId })
      yield* reentrancy.check(input.threadId)
      const binding = Option.getOrUndefined(yield* store.getThread(input.threadId))
      const wanted = yield* (binding === undefined ? planFirst(input) : planAgain(binding, input))
      return infoOf(yield* actors.use(input.threadId, (actor) => ThreadStart.start(engine, actor, wanted)))
    }),

    createThread: Effect.fn("ProviderService.createThread")(function*(input) {
      yield* Effect.annotateCurrentSpan({ threadId: input.threadId })
      yield* reentrancy.check(input.threadId)
      if (Option.isSome(yield* store.getThread(input.threadId))) {
        return yield* new ThreadExists({ threadId: input.threadId })
      }
      yield* plan(input, undefined)
      return yield* Effect.die("The store cannot keep a thread without a session yet")
    }),

    sendTurn: Effect.fn("ProviderService.sendTurn")(function*(input) {
      yield* Effect.annotateCurrentSpan({ threadId: input.threadId })
      return acceptedOf(input.threadId, yield* send(input))
    }),

    runTurn: Effect.fn("ProviderService.runTurn")(function*(input) {
      yield* Effect.annotateCurrentSpan({ threadId: input.threadId })
      // Known from before it is sent: an interrupt may come in any moment from then on.
      let sending: Sending | undefined
      const { sent, terminal } = yield* send(input, (now) => {
        sending = now
      }).pipe(
        Effect.flatMap((sent) => {
          sending = sent
          return Effect.map(Deferred.await(sent.turn.ended), (terminal) => ({ sent, terminal }))
        }),
        Effect.onInterrupt(() =>
          Effect.suspend(() => {
            if (sending === undefined) return Effect.void
            const { live, turn } = sending
            return actors.use(input.threadId, (actor) => interrupt(actor, live, turn))
          })
        )
      )
      const accepted = acceptedOf(input.threadId, sent)
      if (terminal._tag === "TurnCompleted") return { ...accepted, text: sent.turn.text, usage: terminal.usage }
      return yield* new TurnNotCompleted({
        threadId: input.threadId,
        turnId: sent.turn.turnId,
        ending: endingOf(terminal)
      })
    }),

    interruptTurn: Effect.fn("ProviderService.interruptTurn")(function*({ threadId, turnId }) {
      yield* Effect.annotateCurrentSpan({ threadId })
      const actor = actors.peek(threadId)
      const turn = actor?.live?.turn
      if (actor?.live !== undefined && turn !== undefined && (turnId === undefined || turn.turnId === turnId)) {
        return yield* interrupt(actor, actor.live, turn)
      }
      yield* getThread(threadId)
      if (turnId === undefined) return
      const known = yield* store.getTurn(turnId)
      if (Option.isNone(known) || known.value.threadId !== threadId) {
        return yield* new TurnNotFound({ threadId, turnId })
      }
    }),

    ...answers.make({ engine, actors, getThread }),

    stopSession: Effect.fn("ProviderService.stopSession")(function*({ threadId }) {
      yield* Effect.annotateCurrentSpan({ threadId })
      yield* reentrancy.check(threadId)
      if (actors.peek(threadId) === undefined) yield* getThread(threadId)
      yield* actors.use(threadId, (actor) => ThreadActor.stop(engine, actor, "stopped"))
    }),

    resetThread: Effect.fn("ProviderService.resetThread")(function*({ threadId }) {
      yield* Effect.annotateCurrentSpan({ threadId })
      yield* reentrancy.check(threadId)
      const binding = yield* getThread(threadId)
      const wanted = yield* planAgain(binding)
      return infoOf(yield* actors.use(threadId, (actor) => ThreadStart.reset(engine, actor, wanted)))
    }),

    compactThread: Effect.fn("ProviderService.compactThread")(function*({ threadId }) {
      yield* Effect.annotateCurrentSpan({ threadId })
      yield* reentrancy.check(threadId)
      yield* getThread(threadId)
      const { compactionId, outcome, reason, snapshot, summary } = yield* compact(threadId, "manual")
      return { threadId, compactionId, outcome, summary, reason, snapshot }
    }),

    forkThread: Effect.fn("ProviderService.forkThread")(function*(input) {
      yield* Effect.annotateCurrentSpan({ threadId: input.threadId, newThreadId: input.newThreadId })
      yield* reentrancy.check(input.threadId)
      yield* reentrancy.check(input.newThreadId)
      const binding = yield* getThread(input.threadId)
      if (Option.isSome(yield* store.getThread(input.newThreadId))) {
        return yield* new ThreadExists({ threadId: input.newThreadId })
      }
      const adapter = yield* adapterOf(binding.instanceId)
      if (!adapter.capabilities.fork) {
        return yield* new CapabilityMissing({ provider: adapter.provider, capability: "fork" })
      }
      const source = yield* planAgain(binding)
      const copy = yield* actors.use(input.threadId, (actor) => ThreadStart.fork(engine, actor, source))
      const wanted = yield* plan(
        { ...input, instanceId: binding.instanceId, directory: input.directory ?? binding.directory },
        { ...binding, runtimeMode: input.runtimeMode ?? binding.runtimeMode },
        { _tag: "Fork", cursor: copy.cursor, from: input.threadId, seq: copy.seq }
      )
      return infoOf(yield* actors.use(input.newThreadId, (actor) => ThreadStart.create(engine, actor, wanted)))
    }),

    deleteThread: Effect.fn("ProviderService.deleteThread")(function*({ threadId }) {
      yield* Effect.annotateCurrentSpan({ threadId })
      yield* reentrancy.check(threadId)
      yield* getThread(threadId)
      yield* actors.use(threadId, (actor) => ThreadActor.remove(engine, actor))
    }),

    listThreads: Effect.fn("ProviderService.listThreads")(({ after, limit = 100 }) =>
      threadPages.list(store, after, limit)
    ),

    getThread: Effect.fn("ProviderService.getThread")(({ threadId }) => getThread(threadId)),

    readTranscript: Effect.fn("ProviderService.readTranscript")(function*({ threadId }) {
      yield* getThread(threadId)
      return yield* archive.whole(threadId)
    }),

    streamEvents: ({ after, threadId }) =>
      Stream.unwrap(Effect.gen(function*() {
        yield* getThread(threadId)
        const actor = yield* Effect.acquireRelease(actors.acquire(threadId), actors.release)
        return ThreadLog.read(actor.log, store, clock, after ?? 0)
      }))
  } satisfies ProviderService["Service"]

  const transcripts: TranscriptArchive["Service"] = archives.make({
    snapshots,
    snapshot: Effect.fn("TranscriptArchive.snapshot")(function*({ threadId }) {
      yield* getThread(threadId)
      return yield* actors.use(threadId, (actor) => SnapshotRequest.take(engine, actor, taking))
    }),
    restore: Effect.fn("TranscriptArchive.restore")(function*(input) {
      const { threadId } = input
      yield* reentrancy.check(threadId)
      if (Option.isSome(yield* store.getThread(threadId))) return yield* new ThreadExists({ threadId })
      const saved = yield* transcripts.read(input.snapshot)
      const wanted = yield* plan(
        {
          ...input,
          instanceId: input.instanceId ?? saved.manifest.instanceId,
          directory: input.directory ?? saved.manifest.directory
        },
        undefined,
        { _tag: "Snapshot", snapshotId: saved.manifest.snapshotId, turns: saved.turns }
      )
      return infoOf(yield* actors.use(threadId, (actor) => ThreadStart.create(engine, actor, wanted)))
    })
  })
  return { service, transcripts, services }
})

const endingOf = (terminal: Exclude<TerminalEvent, { readonly _tag: "TurnCompleted" }>) => {
  switch (terminal._tag) {
    case "TurnFailed":
      return { _tag: "Failed", failure: terminal.failure } as const
    case "TurnInterrupted":
      return { _tag: "Interrupted", by: terminal.by } as const
    case "TurnUnknown":
      return { _tag: "Unknown", reason: terminal.reason } as const
  }
}
