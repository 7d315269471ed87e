/**
 * The threads of one process: what they share and who stops them.
 */
import { Clock, Context, Deferred, Effect, FileSystem, Latch, Option, Path, Scope, Tracer } from "effect"
import type { CompactionTrigger } from "../domain/Compaction.ts"
import type { InstanceId, ThreadId } from "../domain/Ids.ts"
import { Instrumentation } from "../domain/Instrumentation.ts"
import * as ProjectConfig from "../domain/ProjectConfig.ts"
import type { HookServices } from "../hooks/HookRegistration.ts"
import * as dispatcher from "../hooks/internal/dispatcher.ts"
import * as projections from "../hooks/internal/projections.ts"
import { LifecycleHooks } from "../hooks/LifecycleHooks.ts"
import * as SteadyClock from "../process/SteadyClock.ts"
import { ProviderRegistry } from "../provider/ProviderRegistry.ts"
import { InstanceNotFound } from "../service/ServiceError.ts"
import { HookOutbox } from "../store/HookOutbox.ts"
import { SessionStore } from "../store/SessionStore.ts"
import { SnapshotIndex } from "../store/SnapshotIndex.ts"
import * as SessionReaper from "../thread/SessionReaper.ts"
import * as SnapshotTaking from "../thread/SnapshotTaking.ts"
import type { ThreadDeps } from "../thread/ThreadDeps.ts"
import * as ThreadHooks from "../thread/ThreadHooks.ts"
import * as SnapshotMachines from "../transcript/internal/snapshotMachines.ts"
import * as ThreadArchive from "../transcript/internal/threadArchive.ts"
import * as directories from "./directories.ts"
import * as hookBacklog from "./hookBacklog.ts"
import * as hookDeliveries from "./hookDeliveries.ts"
import * as LiveCap from "./liveCap.ts"
import * as LiveDeltas from "./liveDeltas.ts"
import * as Offers from "./offers.ts"
import * as outlooks from "./outlooks.ts"
import * as retention from "./retention.ts"
import type * as Settings from "./Settings.ts"
import * as ThreadActors from "./threadActors.ts"
import * as ThreadChanges from "./threadChanges.ts"

/** The threads of one process: what they share, their actors, the reaper, and the end of all of them with the scope. */
export const make = Effect.fnUntraced(function*(settings: Settings.Resolved) {
  const changes = ThreadChanges.make()
  const deltas = LiveDeltas.make()
  const closing = yield* Latch.make()
  const store = ThreadChanges.told(yield* SessionStore, changes.changed)
  const outbox = yield* HookOutbox
  const registry = yield* ProviderRegistry
  const fileSystem = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const clock = yield* Clock.Clock
  const steady = yield* SteadyClock.make
  const services = yield* Deferred.make<Context.Context<HookServices>>()
  const registered = yield* LifecycleHooks
  const hooks = yield* dispatcher.make({ hooks: registered, outbox, services: Deferred.await(services) })
  const archive = ThreadArchive.make(store)
  const offers = yield* Offers.make
  const instrumentation = yield* Instrumentation
  let retired = false
  let closed = false

  const adapterOf = Effect.fnUntraced(function*(instanceId: InstanceId) {
    const adapter = Option.getOrUndefined(yield* registry.resolve(instanceId))
    if (adapter !== undefined) return adapter
    const known = yield* registry.list
    return yield* new InstanceNotFound({ instanceId, known: known.map((adapter) => adapter.instanceId) })
  })

  /** By the thread's own instance, or any that is registered: it may work elsewhere by now, or be gone. */
  const filesOf = Effect.fnUntraced(function*(machine: string, instanceId?: InstanceId) {
    const own = instanceId === undefined ? Option.none() : yield* Effect.option(adapterOf(instanceId))
    for (const { host } of [...Option.toArray(own), ...yield* registry.list]) {
      if (host !== undefined && (yield* host.name) === machine) return Option.some(host)
    }
    return Option.none()
  })
  const snapshots = yield* SnapshotMachines.make(filesOf)

  const deps: ThreadDeps = {
    store,
    clock,
    steady,
    // Forked here, so that it closes after the finalizer below has ended the sessions: their pumps must still run then.
    scope: yield* Scope.fork(yield* Effect.scope),
    own: Context.omit(Tracer.ParentSpan)(yield* Effect.context()),
    instrumentation,
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
    realDirectory: directories.make({ fileSystem, path }),
    projectOf: ({ projectConfig: instance }, { before, directory, projectConfig, runtimeMode }) =>
      ProjectConfig.decide({
        before,
        directory,
        runtimeMode,
        thread: projectConfig,
        instance,
        trusted: settings.trust?.(directory)
      }),
    makeRoom: (threadId) => cap.makeRoom(threadId),
    offersOf: offers.of,
    offersChanged: offers.changed,
    shown: (events) => {
      deltas.shown(events)
      changes.shown(events)
      instrumentation?.shown(events)
    },
    changed: changes.changed,
    compactAfterOverflow: (threadId) => compactAfterOverflow(threadId),
    unsettled: new Map(),
    idle: (threadId) => actors.forget(threadId),
    retired: () => retired,
    closed: () => closed
  }
  const actors = ThreadActors.make(deps)
  const cap = LiveCap.make(actors, settings.reaper.maxLive)
  const sleeps = SessionReaper.makeSleeps(steady, settings.reaper)

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
    }).pipe(Effect.andThen(Effect.sync(() => {
      closed = true
      changes.close()
      closing.openUnsafe()
      for (const actor of actors.all()) actor.wakeReaders()
    })))
  )
  // Beside the start, which must not wait for a slow disk.
  yield* Effect.forkScoped(SnapshotTaking.sweep(deps.snapshots, { index: yield* SnapshotIndex, store }))

  yield* Effect.forkScoped(retention.run({ actors, deps, settings: settings.retention }))

  if (instrumentation !== undefined) yield* Effect.forkScoped(hookBacklog.watch(outbox, instrumentation))

  yield* projections.run({ hooks: registered, store })

  yield* SessionReaper.run({
    settings: settings.reaper,
    clock: steady,
    sleeps,
    due: (query) =>
      Effect.map(store.dueThreads(query), (due) => [
        ...Array.from(deps.unsettled, ([threadId, epoch]) => ({ threadId, epoch })),
        ...due.filter(({ threadId }) => !deps.unsettled.has(threadId))
      ]),
    reap: ({ epoch, threadId }, sleeps) =>
      actors.use(threadId, (actor) => actor.reap(epoch, { overCap: false, sleeps })).pipe(
        Effect.catchCause((cause) =>
          Effect.logWarning("A due session could not be looked at; the next sweep tries again", cause).pipe(
            Effect.annotateLogs({ threadId })
          )
        )
      ),
    trim: cap.trim
  }).pipe(Effect.forkScoped({ startImmediately: true }))

  return {
    deps,
    actors,
    changes,
    closing,
    compact,
    deltas,
    snapshots,
    services,
    offers,
    outlooks: outlooks.make({ actors, cap, sleeps, steady }),
    deliveries: hookDeliveries.make(outbox, hooks),
    registered: registry.list
  }
})
