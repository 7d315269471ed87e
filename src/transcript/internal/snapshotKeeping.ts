/**
 * Which snapshots are kept: what a caller asks for, applied to the rows of the store.
 */
import { Clock, Effect } from "effect"
import type { ThreadId } from "../../domain/Ids.ts"
import type { SnapshotRecord } from "../../store/SnapshotIndex.ts"
import type { StoreFailed } from "../../store/StoreError.ts"
import { type Candidate, expired, type Retention } from "../SnapshotRetention.ts"

export interface Keeping {
  /** Created if it is missing. Relative to the process's directory. */
  readonly folder: string
  readonly retention?: Retention | undefined
  /** Ids of compactions that are not settled. */
  readonly openCompactions?: ReadonlySet<string> | undefined
}

/** Whether the store still has the thread. */
export type IsLive = (threadId: ThreadId) => Effect.Effect<boolean, StoreFailed>

export interface Rule extends Keeping {
  /** The snapshot that was just written: it stays, even if others have a later time. */
  readonly snapshotId?: string
}

export const candidate = (
  keeping: Rule,
  record: SnapshotRecord,
  live: boolean
): Candidate => ({
  snapshotId: record.snapshot.snapshotId,
  threadId: record.threadId,
  createdAt: record.createdAt,
  bytes: record.diskBytes,
  live,
  pinned: record.snapshot.snapshotId === keeping.snapshotId
    || (record.compactionId !== undefined && keeping.openCompactions?.has(record.compactionId) === true)
})

/** The snapshots of one thread that have expired. */
export const perThread = (keeping: Rule, isLive: IsLive) => (records: ReadonlyArray<SnapshotRecord>) =>
  Effect.gen(function*() {
    const now = yield* Clock.currentTimeMillis
    const candidates = yield* Effect.forEach(
      records,
      (record) => Effect.map(isLive(record.threadId), (live) => candidate(keeping, record, live))
    )
    return expired(candidates, { ...keeping.retention, maxBytes: undefined }, now)
  })
