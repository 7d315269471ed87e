/**
 * All threads of one process: the maker of {@link ProviderService} and {@link TranscriptArchive}.
 */
import { Clock, type Context, Deferred, Effect, FileSystem, Option, Path, Scope, Stream } from "effect"
import { randomUUID } from "node:crypto"
import type { CompactionTrigger } from "../domain/Compaction.ts"
import { Epoch, type InstanceId, type ThreadId, TurnId } from "../domain/Ids.ts"
import * as dispatcher from "../hooks/internal/dispatcher.ts"
import * as reentrancy from "../hooks/internal/reentrancy.ts"
import { type HookServices, LifecycleHooks } from "../hooks/LifecycleHooks.ts"
import * as SteadyClock from "../process/SteadyClock.ts"
import { ProviderRegistry } from "../provider/ProviderRegistry.ts"
import type { SendTurn } from "../service/Commands.ts"
import type { ProviderService } from "../service/ProviderService.ts"
import type { SessionInfo, TurnAccepted } from "../service/Results.ts"
import {
  InputInvalid,
  InstanceNotFound,
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
import type { LiveEpoch } from "../thread/epoch/LiveEpoch.ts"
import * as SessionReaper from "../thread/SessionReaper.ts"
import * as SnapshotTaking from "../thread/SnapshotTaking.ts"
import * as StartPlan from "../thread/StartPlan.ts"
import type { ThreadDeps } from "../thread/ThreadDeps.ts"
import * as ThreadHooks from "../thread/ThreadHooks.ts"
import type { Delivery } from "../thread/TurnDelivery.ts"
import * as Snapshots from "../transcript/internal/snapshots.ts"
import * as ThreadArchive from "../transcript/internal/threadArchive.ts"
import * as archives from "./archive.ts"
import * as directories from "./directories.ts"
import type * as Settings from "./Settings.ts"
import * as ThreadActors from "./threadActors.ts"

/** Ordered by time, so that the ledger grows at its end. Node's UUIDs come out of a pool: 10 us less than a UUID v7. */
const makeTurnId = (clock: Clock.Clock) =>
  TurnId.make(`turn_${clock.currentTimeMillisUnsafe().toString(16).padStart(12, "0")}-${randomUUID()}`)

/** Builds the service and the archive; `CodingAgents.layerService` is the Layer of both. */
export const make = Effect.fnUntraced(function*(settings: Settings.Resolved) {
  const store = yield* SessionStore
  const outbox = yield* HookOutbox
  const registry = yield* ProviderRegistry
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const clock = yield* Clock.Clock
  const steady = yield* SteadyClock.make
  const services = yield* Deferred.make<Context.Context<HookServices>>()
  const hooks = yield* dispatcher.make({ hooks: yield* LifecycleHooks, outbox, services: Deferred.await(services) })
  const snapshots = yield* Snapshots.make
  const archive = ThreadArchive.make(store)
  let retired = false

  const adapterOf = Effect.fnUntraced(function*(instanceId: InstanceId) {
    const adapter = Option.getOrUndefined(yield* registry.get(instanceId))
    if (adapter !== undefined) return adapter
    const known = yield* registry.list
    return yield* new InstanceNotFound({ instanceId, known: known.map((adapter) => adapter.instanceId) })
  })

  const deps: ThreadDeps = {
    store,
    clock,
    steady,
    // Forked here, so that it closes after the finalizer below has ended the sessions: their pumps must still run then.
    scope: yield* Scope.fork(yield* Effect.scope),
    settings,
    hooks: ThreadHooks.make(hooks, outbox),
    archive,
    snapshots: {
      snapshots,
      path,
      deadline: settings.compaction.snapshotDeadline,
      redactor: settings.transcripts.redactor,
      retention: settings.transcripts.retention
    },
    adapterOf,
    realDirectory: directories.make(fs, path),
    compactAfterOverflow: (threadId) => compactAfterOverflow(threadId),
    unsettled: new Map(),
    idle: (threadId) => actors.forget(threadId),
    retired: () => retired
  }
  const actors = ThreadActors.make(deps)

  const compact = (threadId: ThreadId, trigger: CompactionTrigger) =>
    actors.use(threadId, (actor) => actor.compact(trigger))

  /** Beside the turn that did not fit into the model's context. */
  const compactAfterOverflow = (threadId: ThreadId) =>
    compact(threadId, "overflow").pipe(
      Effect.catchCause((cause) =>
        Effect.logWarning("A thread that is too long for its model could not be compacted", cause).pipe(
          Effect.annotateLogs({ threadId })
        )
      ),
      Effect.forkIn(deps.scope),
      Effect.asVoid
    )

  yield* Effect.addFinalizer(() =>
    Effect.suspend(() => {
      retired = true
      return Effect.forEach(actors.all(), (actor) => actor.stop("shutdown").pipe(Effect.ignore({ log: "Error" })), {
        concurrency: "unbounded",
        discard: true
      })
    })
  )
  // Beside the start, which must not wait for a slow disk.
  yield* Effect.forkScoped(SnapshotTaking.sweep(deps.snapshots, { index: yield* SnapshotIndex, store }))

  yield* SessionReaper.run({
    settings: settings.reaper,
    clock: steady,
    due: (query) =>
      Effect.map(store.dueThreads(query), (due) => [
        ...Array.from(deps.unsettled, ([threadId, epoch]) => ({ threadId, epoch })),
        ...due.filter(({ threadId }) => !deps.unsettled.has(threadId))
      ]),
    reap: ({ epoch, threadId }, sleeps) =>
      actors.use(threadId, (actor) => actor.reap(epoch, sleeps)).pipe(
        Effect.catchCause((cause) =>
          Effect.logWarning("A due session could not be looked at; the next sweep tries again", cause).pipe(
            Effect.annotateLogs({ threadId })
          )
        )
      )
  }).pipe(Effect.forkScoped({ startImmediately: true }))

  const getThread = (threadId: ThreadId) =>
    Effect.flatMap(
      store.getThread(threadId),
      (found) => Effect.mapError(Effect.fromOption(found), () => new ThreadNotFound({ threadId }))
    )

  const send = Effect.fnUntraced(function*(input: SendTurn, onSending?: (delivery: Delivery) => void) {
    const { threadId } = input
    yield* reentrancy.check(threadId)
    const attachments = input.attachments ?? []
    if (input.prompt.trim() === "" && attachments.length === 0) return yield* new PromptEmpty({ threadId })
    if (input.prompt.length > settings.promptLimit) {
      return yield* new PromptTooLong({ threadId, length: input.prompt.length, limit: settings.promptLimit })
    }
    const request = {
      turnId: input.turnId ?? makeTurnId(clock),
      steer: input.steer ?? false,
      onMissing: input.onMissing,
      input: {
        prompt: input.prompt,
        ...(attachments.length === 0 ? {} : { attachments }),
        ...(input.model === undefined ? {} : { model: input.model }),
        ...(input.agent === undefined ? {} : { agent: input.agent })
      }
    }
    return yield* actors.use(threadId, (actor) => actor.send(request, onSending))
  })

  /**
   * The caller of `runTurn` went away, so its turn is to stop: recorded at once, so that the next turn waits for its end.
   * The agent is asked beside the caller, which is not held up, and a moment later: a host that is closing says so then,
   * and its shutdown is the reason.
   */
  const interruptAbandoned = ({ live, turnId }: Delivery) =>
    actors.use(live.binding.threadId, (actor) =>
      Effect.andThen(
        actor.noteInterrupt(turnId, "user"),
        Effect.forkIn(
          actors.use(actor.threadId, () =>
            Effect.andThen(
              Effect.repeat(Effect.yieldNow, { times: 16 }),
              Effect.suspend(() => retired ? Effect.void : actor.interruptTurn(turnId, "user"))
            )).pipe(Effect.ignore({ log: "Warn" })),
          deps.scope
        )
      )).pipe(Effect.ignore({ log: "Warn" }))

  const service = {
    createThread: Effect.fn("ProviderService.createThread")(function*(input) {
      const { threadId } = input
      yield* Effect.annotateCurrentSpan({ threadId })
      const { provider } = yield* adapterOf(input.instanceId)
      const at = clock.currentTimeMillisUnsafe()
      const binding = {
        threadId,
        instanceId: input.instanceId,
        provider,
        directory: yield* deps.realDirectory(input.directory),
        runtimeMode: input.runtimeMode ?? "approval-required",
        ...(input.model === undefined ? {} : { model: input.model }),
        ...(input.title === undefined ? {} : { title: input.title }),
        ...(input.compaction === undefined ? {} : { compaction: input.compaction }),
        status: "stopped" as const,
        epoch: Epoch.make(0),
        lastSeq: 0,
        createdAt: at,
        activeAt: at
      }
      const position = yield* store.createThread(binding)
      if (Option.isNone(position)) return yield* new ThreadExists({ threadId })
      return { ...binding, position: position.value }
    }),

    startSession: Effect.fn("ProviderService.startSession")(function*(input) {
      const { threadId } = input
      yield* Effect.annotateCurrentSpan({ threadId })
      yield* reentrancy.check(threadId)
      return infoOf(yield* actors.use(threadId, (actor) => actor.start(input)))
    }),

    sendTurn: Effect.fn("ProviderService.sendTurn")(function*(input) {
      yield* Effect.annotateCurrentSpan({ threadId: input.threadId })
      return acceptedOf(yield* send(input))
    }),

    runTurn: Effect.fn("ProviderService.runTurn")(function*(input) {
      const { threadId } = input
      yield* Effect.annotateCurrentSpan({ threadId })
      // Known from before it is sent: an interrupt may come in any moment from then on.
      let sending: Delivery | undefined
      const { delivery, over: { terminal, text } } = yield* send(input, (now) => {
        sending = now
      }).pipe(
        Effect.flatMap((delivery) => {
          sending = delivery
          return Effect.map(Deferred.await(delivery.over), (over) => ({ delivery, over }))
        }),
        Effect.onInterrupt(() =>
          Effect.suspend(() => sending === undefined ? Effect.void : interruptAbandoned(sending))
        )
      )
      if (terminal === undefined) return yield* Effect.interrupt
      if (terminal._tag === "TurnCompleted") return { ...acceptedOf(delivery), text, usage: terminal.usage }
      return yield* new TurnNotCompleted({ threadId, turnId: delivery.turnId, ending: terminal })
    }),

    interruptTurn: Effect.fn("ProviderService.interruptTurn")(function*({ threadId, turnId }) {
      yield* Effect.annotateCurrentSpan({ threadId })
      const running = actors.peek(threadId)?.turn()
      if (running !== undefined && (turnId === undefined || turnId === running)) {
        return yield* actors.use(threadId, (actor) => actor.interruptTurn(running, "user"))
      }
      yield* getThread(threadId)
      if (turnId === undefined) return
      const known = yield* store.getTurn(turnId)
      if (Option.isNone(known) || known.value.threadId !== threadId) {
        return yield* new TurnNotFound({ threadId, turnId })
      }
    }),

    respondToApproval: Effect.fn("ProviderService.respondToApproval")(function*({ decision, requestId, threadId }) {
      yield* Effect.annotateCurrentSpan({ threadId })
      if (actors.peek(threadId) === undefined) yield* getThread(threadId)
      yield* actors.use(threadId, (actor) => actor.respond({ _tag: "Approval", requestId, decision }))
    }),

    answerQuestion: Effect.fn("ProviderService.answerQuestion")(function*({ answer, requestId, threadId }) {
      yield* Effect.annotateCurrentSpan({ threadId })
      if (actors.peek(threadId) === undefined) yield* getThread(threadId)
      yield* actors.use(threadId, (actor) => actor.answer(requestId, answer))
    }),

    stopSession: Effect.fn("ProviderService.stopSession")(function*({ threadId }) {
      yield* Effect.annotateCurrentSpan({ threadId })
      yield* reentrancy.check(threadId)
      // A thread that is being started for the first time is not stored yet.
      if (actors.peek(threadId) === undefined) yield* getThread(threadId)
      yield* actors.use(threadId, (actor) => actor.stop("stopped"))
    }),

    resetThread: Effect.fn("ProviderService.resetThread")(function*({ threadId }) {
      yield* Effect.annotateCurrentSpan({ threadId })
      yield* reentrancy.check(threadId)
      return infoOf(yield* actors.use(threadId, (actor) => actor.reset))
    }),

    compactThread: Effect.fn("ProviderService.compactThread")(function*({ threadId }) {
      yield* Effect.annotateCurrentSpan({ threadId })
      yield* reentrancy.check(threadId)
      const { compactionId, outcome, reason, snapshot, summary } = yield* compact(threadId, "manual")
      return { threadId, compactionId, outcome, summary, reason, snapshot }
    }),

    forkThread: Effect.fn("ProviderService.forkThread")(function*(input) {
      const { newThreadId, threadId } = input
      yield* Effect.annotateCurrentSpan({ threadId, newThreadId })
      yield* reentrancy.check(threadId)
      yield* reentrancy.check(newThreadId)
      if (Option.isSome(yield* store.getThread(newThreadId))) return yield* new ThreadExists({ threadId: newThreadId })
      const { binding, past } = yield* actors.use(threadId, (actor) => actor.fork)
      const plan = StartPlan.again(
        { directory: input.directory, runtimeMode: input.runtimeMode, title: input.title },
        binding
      )
      return infoOf(yield* actors.use(newThreadId, (actor) => actor.create(plan, past)))
    }),

    deleteThread: Effect.fn("ProviderService.deleteThread")(function*({ threadId }) {
      yield* Effect.annotateCurrentSpan({ threadId })
      yield* reentrancy.check(threadId)
      yield* getThread(threadId)
      yield* actors.use(threadId, (actor) => actor.remove)
    }),

    listThreads: Effect.fn("ProviderService.listThreads")(({ after, limit = 100 }) =>
      store.listThreads({ after, limit }).pipe(
        Effect.catchTag(
          "PageInvalid",
          ({ reason }) =>
            Effect.fail(new InputInvalid({ operation: "listThreads", issues: [{ path: "after", reason }] }))
        )
      )
    ),

    getThread: Effect.fn("ProviderService.getThread")(({ threadId }) => getThread(threadId)),

    readTranscript: Effect.fn("ProviderService.readTranscript")(function*({ threadId }) {
      yield* getThread(threadId)
      return yield* archive.all(threadId)
    }),

    streamEvents: ({ after, threadId }) =>
      Stream.unwrap(Effect.gen(function*() {
        yield* getThread(threadId)
        const actor = yield* Effect.acquireRelease(actors.acquire(threadId), actors.release)
        return actor.events(after ?? 0)
      }))
  } satisfies ProviderService["Service"]

  const transcripts: TranscriptArchive["Service"] = archives.make({
    snapshots,
    snapshot: Effect.fn("TranscriptArchive.snapshot")(function*({ threadId }) {
      yield* getThread(threadId)
      return yield* actors.use(threadId, (actor) => actor.snapshot)
    }),
    restore: Effect.fn("TranscriptArchive.restore")(function*(input) {
      const { threadId } = input
      yield* reentrancy.check(threadId)
      if (Option.isSome(yield* store.getThread(threadId))) return yield* new ThreadExists({ threadId })
      const { manifest, turns } = yield* transcripts.read(input.snapshot)
      const plan: StartPlan.StartPlan = {
        instanceId: input.instanceId ?? manifest.instanceId,
        directory: input.directory ?? manifest.directory,
        runtimeMode: input.runtimeMode ?? "approval-required",
        model: undefined,
        title: input.title,
        onMissing: undefined,
        compaction: undefined
      }
      const past = { _tag: "Snapshot", snapshotId: manifest.snapshotId, turns } as const
      return infoOf(yield* actors.use(threadId, (actor) => actor.create(plan, past)))
    })
  })
  return { service, transcripts, services, actors }
})

const infoOf = ({ binding, continuity }: LiveEpoch): SessionInfo => ({
  threadId: binding.threadId,
  epoch: binding.epoch,
  instanceId: binding.instanceId,
  sessionId: binding.sessionId,
  directory: binding.directory,
  runtimeMode: binding.runtimeMode,
  continuity
})

const acceptedOf = ({ live, steered, turnId }: Delivery): TurnAccepted => ({
  threadId: live.binding.threadId,
  turnId,
  epoch: live.binding.epoch,
  continuity: live.continuity,
  steered
})
