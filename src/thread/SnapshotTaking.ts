/**
 * Takes a snapshot of a thread: fetches the agent's own history where there is a session that has one, reconciles it
 * with our log, and writes both in bounded time.
 */
import { Cause, Effect, Option } from "effect"
import type { CompactionPolicy } from "../domain/CompactionPolicy.ts"
import * as EventBlobs from "../domain/EventBlobs.ts"
import type { ThreadId } from "../domain/Ids.ts"
import * as Instrumentation from "../domain/Instrumentation.ts"
import type { SnapshotTiming } from "../domain/Snapshot.ts"
import type { BoundThread } from "../domain/ThreadRecord.ts"
import type { TranscriptTurn } from "../domain/Transcript.ts"
import { HostName } from "../process/ProcessIdentity.ts"
import type { ProviderAdapter, ProviderHistory } from "../provider/ProviderAdapter.ts"
import * as Blobs from "../store/Blobs.ts"
import type { SessionStore } from "../store/SessionStore.ts"
import type { SnapshotIndex as Index } from "../store/SnapshotIndex.ts"
import { newId } from "../transcript/internal/snapshots.ts"
import { SnapshotNotWritten } from "../transcript/SnapshotError.ts"
import type { Saved } from "./epoch/EpochState.ts"
import type { LiveEpoch } from "./epoch/LiveEpoch.ts"
import type { SnapshotDeps, ThreadDeps } from "./ThreadDeps.ts"

export interface Subject {
  readonly binding: BoundThread
  /** Absent where the thread has no session now: then our log is all there is. */
  readonly live?: LiveEpoch | undefined
  readonly policy: Required<CompactionPolicy>
  readonly compactionId?: string | undefined
  /** Asked once the agent's history was read. */
  readonly timing: () => SnapshotTiming
}

/** The agent's whole history, or nothing where it cannot be had; then our log has to do. */
const historyOf = ({ live }: Subject) =>
  live === undefined || !live.session.capabilities.history
    ? Effect.undefined
    : Effect.matchCauseEffect(live.session.history, {
      onSuccess: (history) => Effect.succeed<ProviderHistory | undefined>(history),
      onFailure: (cause) =>
        Cause.hasInterrupts(cause)
          ? Effect.interrupt
          : Effect.logWarning("The agent's history could not be read; the snapshot holds our log alone", cause).pipe(
            Effect.annotateLogs({ threadId: live.binding.threadId }),
            Effect.as(undefined)
          )
    })

/** What the agent has not written yet it still works on. */
const timingOf = (history: ProviderHistory | undefined, timing: SnapshotTiming): SnapshotTiming =>
  history?.behind === true && timing === "before" ? "concurrent" : timing

/** The machine of an agent, where it is not the service's. */
const elsewhere = Effect.fnUntraced(function*(adapter: Pick<ProviderAdapter, "host"> | undefined) {
  const host = adapter?.host
  return host === undefined || (yield* host.name) === (yield* HostName) ? undefined : host
})

/** The policy of a session: an agent is told of no path that is not on its machine. */
export const policyOn = Effect.fnUntraced(function*(
  { snapshots: { path } }: ThreadDeps,
  adapter: Pick<ProviderAdapter, "host">,
  policy: Required<CompactionPolicy>
) {
  const unreachable = policy.tellAgent && path.isAbsolute(policy.savePath) && (yield* elsewhere(adapter)) !== undefined
  return unreachable ? { ...policy, tellAgent: false } : policy
})

/**
 * Where a thread's snapshots are: an absolute path on the service's machine, or a folder in the thread's directory, on the
 * machine of its agent.
 */
const placeOf = Effect.fnUntraced(function*(
  { adapterOf, realDirectory, snapshots: { path } }: ThreadDeps,
  { binding, live, policy: { savePath } }: Subject,
  snapshotId: string
) {
  if (path.isAbsolute(savePath)) return { folder: savePath }
  const { directory, instanceId } = binding
  const adapter = live === undefined ? yield* Effect.option(adapterOf(instanceId)) : Option.some(live.adapter)
  const host = yield* elsewhere(Option.getOrUndefined(adapter))
  if (host !== undefined) return { folder: host.path.resolve(directory, savePath), on: host }
  if (Option.isNone(adapter)) {
    const message = `The instance ${instanceId} is not there, and its directory is not on this machine`
    yield* Effect.mapError(
      realDirectory(directory),
      () => new SnapshotNotWritten({ failure: { snapshotId, code: "OTHER_MACHINE", message } })
    )
  }
  return { folder: path.resolve(directory, savePath) }
})

/** Puts all folders in order that snapshots were saved under: after a crash, and after a time without the app. */
export const sweep = Effect.fn("Snapshot.sweep")(
  function*(
    { retention, snapshots }: SnapshotDeps,
    { index, store }: { readonly index: Index["Service"]; readonly store: SessionStore["Service"] }
  ) {
    for (const place of yield* index.places) {
      const sweeping = snapshots.sweep({
        ...place,
        retention,
        isLive: (threadId) =>
          Effect.map(store.getThread(threadId), Option.isSome).pipe(
            Effect.catchTag("ThreadUnreadable", () => Effect.succeed(true))
          )
      })
      // The others are swept whatever became of this one.
      yield* Effect.catchTag(
        sweeping,
        "SnapshotUnreadable",
        ({ code }) =>
          Effect.logWarning("A folder of snapshots could not be swept").pipe(Effect.annotateLogs({ ...place, code }))
      )
    }
  },
  Effect.ignore({ log: "Warn", message: "Old snapshots could not be swept" })
)

/** A snapshot stands by itself: what the turns name in the store is put back into them. */
const withBlobs = Effect.fnUntraced(function*(
  store: SessionStore["Service"],
  threadId: ThreadId,
  turns: ReadonlyArray<TranscriptTurn>
) {
  const blobs = new Map<string, Uint8Array>()
  for (const sha256 of new Set(turns.flatMap(EventBlobs.refsOfTurn).map((ref) => ref.sha256))) {
    const content = yield* store.readBlob(threadId, sha256)
    if (Option.isSome(content)) blobs.set(sha256, content.value)
  }
  return blobs.size === 0 ? turns : turns.map((turn) => Blobs.putBack(turn, blobs))
})

/** Whatever goes wrong is the snapshot's failure, and nothing of it is left on the disk. What has its row is there. */
export const take = Effect.fn("Snapshot.take")(function*(
  threadDeps: ThreadDeps,
  subject: Subject
): Effect.fn.Return<NonNullable<Saved>> {
  const { archive, clock, instrumentation, snapshots: deps, store } = threadDeps
  const { binding, compactionId, timing } = subject
  const snapshotId = yield* newId
  const open = subject.live?.state.compaction?.compactionId
  const write = Effect.gen(function*() {
    const place = yield* placeOf(threadDeps, subject, snapshotId)
    const history = yield* historyOf(subject)
    const refs = yield* store.turnRefs(binding.threadId)
    return yield* deps.snapshots.write({
      snapshotId,
      identity: binding,
      threadId: binding.threadId,
      epoch: binding.epoch,
      createdAt: clock.currentTimeMillisUnsafe(),
      timing: timingOf(history, timing()),
      history,
      archive: yield* withBlobs(store, binding.threadId, (yield* archive.sinceReset(binding.threadId)).turns),
      refs,
      ...place,
      redactor: deps.redactor,
      retention: deps.retention,
      openCompactions: new Set(open === undefined ? [] : [open]),
      ...(compactionId === undefined ? {} : { compactionId })
    })
  })
  const saved = write.pipe(
    Effect.scoped,
    Effect.timeoutOrElse({
      duration: deps.deadline,
      // It may have been there by then, and what was too slow is the tidying that follows.
      orElse: () =>
        Effect.flatMap(deps.snapshots.record(snapshotId), (found) =>
          Option.isSome(found)
            ? Effect.succeed(found.value.snapshot)
            : new SnapshotNotWritten({ failure: { snapshotId, code: "DEADLINE" } }))
    }),
    Effect.match({
      onSuccess: (snapshot): NonNullable<Saved> => ({ _tag: "Written", snapshot }),
      onFailure: (error): NonNullable<Saved> => ({
        _tag: "Failed",
        failure: error._tag === "SnapshotNotWritten"
          ? error.failure
          : { snapshotId, code: "STORE", message: error.message }
      })
    })
  )
  return yield* Instrumentation.around(instrumentation, { _tag: "Snapshot", threadId: binding.threadId }, saved, madeOf)
})

const madeOf = (saved: NonNullable<Saved>): Instrumentation.Made =>
  saved._tag === "Written" ? { ...saved.snapshot, _tag: "Snapshot" } : { _tag: "Failed", code: saved.failure.code }
