/**
 * All threads of one process: the maker of {@link ProviderService} and {@link TranscriptArchive}.
 */
import { Effect, Option, Stream } from "effect"
import { Epoch, type ThreadId } from "../domain/Ids.ts"
import * as Instrumentation from "../domain/Instrumentation.ts"
import type { TranscriptTurn } from "../domain/TranscriptTurn.ts"
import * as reentrancy from "../hooks/internal/reentrancy.ts"
import type { CreateThread } from "../service/Commands.ts"
import type { ProviderService } from "../service/ProviderService.ts"
import { ThreadExists, ThreadNotFound } from "../service/ServiceError.ts"
import type { TranscriptArchive } from "../service/TranscriptArchive.ts"
import * as SetupAsk from "../thread/SetupAsk.ts"
import * as StartPlan from "../thread/StartPlan.ts"
import * as agents from "./agents.ts"
import * as agentSessions from "./agentSessions.ts"
import * as archives from "./archive.ts"
import * as ask from "./ask.ts"
import * as feed from "./feed.ts"
import { infoOf } from "./infoOf.ts"
import * as inputLimits from "./inputLimits.ts"
import * as openLoops from "./openLoops.ts"
import * as requests from "./requests.ts"
import * as sessionClaims from "./sessionClaims.ts"
import type * as Settings from "./Settings.ts"
import * as threadInfos from "./threadInfos.ts"
import * as threads from "./threads.ts"
import * as transcript from "./transcript.ts"
import * as turns from "./turns.ts"

const neverStarted = { status: "stopped", epoch: Epoch.make(0) } as const

/** Builds the service and the archive; `CodingAgents.layerService` is the Layer of both. */
export const make = Effect.fnUntraced(function*(settings: Settings.Resolved) {
  const host = yield* threads.make(settings)
  const { actors, changes, closing, compact, deliveries, deltas, deps, offers, outlooks, registered } = host
  const { services, snapshots } = host
  const { adapterOf, clock, store } = deps
  const claim = yield* sessionClaims.make(store)

  const getThread = (threadId: ThreadId) =>
    Effect.flatMap(
      store.getThread(threadId),
      (found) => Effect.mapError(Effect.fromOption(found), () => new ThreadNotFound({ threadId }))
    )

  const { info, ...lists } = threadInfos.make({ actors, changes, deps, outlooks })
  const { streamAllEvents } = feed.make({ actors, closing, deltas, deps })
  const endsWithHost = openLoops.make(deps)

  /** Also of a thread whose record cannot be read. */
  const exists = (threadId: ThreadId) =>
    Effect.flatMap(
      store.endOfLog(threadId),
      (found) => Option.isSome(found) ? Effect.void : new ThreadNotFound({ threadId })
    )

  /** The record of a thread that no agent is started for. */
  const newThread = Effect.fnUntraced(function*(input: CreateThread) {
    const { instanceId, runtimeMode = "approval-required", threadId } = input
    const adapter = yield* Effect.scoped(adapterOf(instanceId))
    const directory = yield* SetupAsk.directoryOf(deps, input.directory, adapter)
    const at = clock.currentTimeMillisUnsafe()
    return {
      threadId,
      instanceId,
      provider: adapter.provider,
      directory,
      runtimeMode,
      project: deps.projectOf(adapter, {
        directory,
        runtimeMode,
        projectConfig: input.projectConfig,
        before: undefined
      }),
      ...(input.model === undefined ? {} : { model: input.model }),
      ...(input.agent === undefined ? {} : { agent: input.agent }),
      ...(input.title === undefined ? {} : { title: input.title }),
      ...(input.labels === undefined ? {} : { labels: input.labels }),
      ...(input.compaction === undefined ? {} : { compaction: input.compaction }),
      createdAt: at,
      activeAt: at
    }
  })

  const service = {
    createThread: Effect.fn("ProviderService.createThread")(function*(input) {
      const { threadId } = input
      yield* Instrumentation.inThread(threadId)
      yield* reentrancy.check(threadId)
      const thread = yield* newThread(input)
      const position = yield* actors.use(threadId, (actor) => actor.createRecord(thread))
      return { ...thread, ...neverStarted, lastSeq: 0, position }
    }),

    importThread: Effect.fn("ProviderService.importThread")(function*({ sessionId, turns, ...input }) {
      const { instanceId, threadId } = input
      yield* Instrumentation.inThread(threadId)
      yield* reentrancy.check(threadId)
      const thread = yield* newThread(input)
      const beyond = (turn: TranscriptTurn) => inputLimits.beyond(turn, settings)
      const all = { thread, sessionId, turns, beyond, limit: settings.importLimit }
      const importing = actors.use(threadId, (actor) => actor.importTurns(all))
      const { turns: count, ...rest } = yield* sessionId === undefined
        ? importing
        : claim({ instanceId, sessionId }, importing)
      return {
        thread: { ...thread, ...neverStarted, ...rest, ...(sessionId === undefined ? {} : { sessionId }) },
        turns: count
      }
    }),

    startSession: Effect.fn("ProviderService.startSession")(function*(input) {
      const { threadId } = input
      yield* Instrumentation.inThread(threadId)
      yield* reentrancy.check(threadId)
      return infoOf(yield* actors.use(threadId, (actor) => actor.start(input)))
    }),

    ...turns.make({ deps, actors, getThread, limits: settings }),

    ...requests.make({ actors, getThread }),

    ...(yield* ask.make({ closing, deps, limits: settings })),

    ...agents.make({ deps, list: registered, offers }),

    stopSession: Effect.fn("ProviderService.stopSession")(function*({ threadId }) {
      yield* Instrumentation.inThread(threadId)
      yield* reentrancy.check(threadId)
      // A thread that is being started for the first time is not stored yet.
      if (actors.peek(threadId) === undefined) yield* getThread(threadId)
      yield* actors.use(threadId, (actor) => actor.stop("stopped"))
    }),

    resetThread: Effect.fn("ProviderService.resetThread")(function*({ threadId }) {
      yield* Instrumentation.inThread(threadId)
      yield* reentrancy.check(threadId)
      return infoOf(yield* actors.use(threadId, (actor) => actor.reset()))
    }),

    refreshSetup: Effect.fn("ProviderService.refreshSetup")(function*({ threadId }) {
      yield* Instrumentation.inThread(threadId)
      yield* reentrancy.check(threadId)
      const { applied, live } = yield* actors.use(threadId, (actor) => actor.refreshSetup())
      return { threadId, applied, ...(live === undefined ? {} : { session: infoOf(live) }) }
    }),

    compactThread: Effect.fn("ProviderService.compactThread")(function*({ threadId }) {
      yield* Instrumentation.inThread(threadId)
      yield* reentrancy.check(threadId)
      const { compactionId, outcome, reason, snapshot, summary } = yield* compact(threadId, "manual")
      return {
        threadId,
        compactionId,
        outcome,
        ...(summary === undefined ? {} : { summary }),
        ...(reason === undefined ? {} : { reason }),
        ...(snapshot === undefined ? {} : { snapshot })
      }
    }),

    forkThread: Effect.fn("ProviderService.forkThread")(function*(input) {
      const { newThreadId, threadId } = input
      yield* Instrumentation.inThread(threadId)
      yield* reentrancy.check(threadId)
      yield* reentrancy.check(newThreadId)
      if (Option.isSome(yield* store.getThread(newThreadId))) return yield* new ThreadExists({ threadId: newThreadId })
      const { binding, past } = yield* actors.use(threadId, (actor) => actor.fork(input.at))
      const plan = StartPlan.again(
        {
          directory: input.directory,
          runtimeMode: input.runtimeMode,
          projectConfig: input.projectConfig,
          title: input.title
        },
        binding
      )
      const labels = input.labels ?? (yield* getThread(threadId)).labels
      const info = infoOf(yield* actors.use(newThreadId, (actor) => actor.create({ ...plan, labels }, past)))
      // What the copy's session has, and no archive any more, is left out where the copy is rehydrated one day.
      if (past.pruned > 0) yield* store.prune({ threadId: newThreadId, through: 0, items: past.pruned })
      return info
    }),

    configureThread: Effect.fn("ProviderService.configureThread")(function*({ threadId, ...change }) {
      yield* Instrumentation.inThread(threadId)
      const { model, runtimeMode, title } = change
      if (model !== undefined || runtimeMode !== undefined || title !== undefined) yield* reentrancy.check(threadId)
      return { threadId, applied: yield* actors.use(threadId, (actor) => actor.configure(change)) }
    }),

    annotate: Effect.fn("ProviderService.annotate")(function*({ threadId, ...said }) {
      yield* Instrumentation.inThread(threadId)
      return { threadId, seq: yield* actors.use(threadId, (actor) => actor.annotate(said)) }
    }),

    rewindThread: Effect.fn("ProviderService.rewindThread")(function*({ before, threadId }) {
      yield* Instrumentation.inThread(threadId)
      yield* reentrancy.check(threadId)
      return yield* actors.use(threadId, (actor) => actor.rewind(before))
    }),

    ...agentSessions.make({ deps, actors, claim }),

    deleteThread: Effect.fn("ProviderService.deleteThread")(function*({ threadId }) {
      yield* Instrumentation.inThread(threadId)
      yield* reentrancy.check(threadId)
      // A thread that is being started for the first time is not stored yet.
      if (actors.peek(threadId) === undefined) yield* exists(threadId)
      yield* actors.use(threadId, (actor) => actor.remove())
    }),

    ...lists,

    watchThreads: (input) => endsWithHost(lists.watchThreads(input)),

    streamAllEvents: (input) => endsWithHost(streamAllEvents(input)),

    getThread: Effect.fn("ProviderService.getThread")(({ threadId }) => Effect.flatMap(getThread(threadId), info)),

    ...transcript.make({ actors, deps, exists }),

    streamEvents: ({ after = 0, coalesce, threadId }) =>
      endsWithHost(Stream.unwrap(Effect.gen(function*() {
        const actor = yield* Effect.acquireRelease(actors.acquire(threadId), actors.release)
        return actor.events({ after, coalesce }, exists(threadId))
      })))
  } satisfies ProviderService["Service"]

  const transcripts: TranscriptArchive["Service"] = archives.make({
    snapshots,
    snapshot: Effect.fn("TranscriptArchive.snapshot")(function*({ threadId }) {
      yield* getThread(threadId)
      return yield* actors.use(threadId, (actor) => actor.snapshot())
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
        projectConfig: input.projectConfig,
        before: undefined,
        model: undefined,
        agent: undefined,
        title: input.title,
        labels: undefined,
        onMissing: undefined,
        compaction: undefined
      }
      const past = { _tag: "Snapshot", snapshotId: manifest.snapshotId, turns } as const
      return infoOf(yield* actors.use(threadId, (actor) => actor.create(plan, past)))
    })
  })
  return { service, transcripts, deliveries, services, actors }
})
