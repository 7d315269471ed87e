/**
 * The rule of which snapshots are removed. Pure.
 *
 * It never removes the newest snapshot of a live thread, nor one whose compaction is not settled.
 *
 * @since 0.1.0
 */
import { Duration } from "effect"
import type { ThreadId } from "../domain/Ids.ts"

/**
 * Limits of what is kept.
 *
 * @since 0.1.0
 * @category models
 */
export interface Retention {
  /** Number of snapshots kept of each thread. Default: 20. */
  readonly keepLast?: number | undefined
  /** Default: no limit. */
  readonly maxAge?: Duration.Input | undefined
  /** Of all snapshots in the folder; the oldest go first. Default: no limit. */
  readonly maxBytes?: number | undefined
}

/**
 * A snapshot, as the rule sees it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Candidate {
  readonly snapshotId: string
  readonly threadId: ThreadId
  /** Milliseconds since the epoch. */
  readonly createdAt: number
  /** Upper bound of the bytes that its removal frees. */
  readonly bytes: number
  /** Whether the store still has the thread. */
  readonly live: boolean
  /** Whether its compaction is not settled. */
  readonly pinned: boolean
}

/**
 * Default of `keepLast`.
 *
 * @since 0.1.0
 * @category constants
 */
export const defaultKeepLast = 20

const newestFirst = (a: Candidate, b: Candidate) => b.createdAt - a.createdAt || (a.snapshotId < b.snapshotId ? 1 : -1)

/**
 * Ids of the snapshots to remove.
 *
 * @since 0.1.0
 * @category rules
 */
export const expired = (
  candidates: ReadonlyArray<Candidate>,
  retention: Retention,
  now: number
): ReadonlySet<string> => {
  const sorted = candidates.toSorted(newestFirst)
  const keepLast = retention.keepLast ?? defaultKeepLast
  const oldest = retention.maxAge === undefined ? -Infinity : now - Duration.toMillis(retention.maxAge)
  const gone = new Set<string>()
  const seen = new Map<ThreadId, number>()
  const removable: Array<Candidate> = []
  for (const candidate of sorted) {
    const rank = seen.get(candidate.threadId) ?? 0
    seen.set(candidate.threadId, rank + 1)
    if (candidate.pinned || (candidate.live && rank === 0)) continue
    if (rank >= keepLast || candidate.createdAt < oldest) gone.add(candidate.snapshotId)
    else removable.push(candidate)
  }
  let bytes = sorted.reduce((sum, { bytes, snapshotId }) => gone.has(snapshotId) ? sum : sum + bytes, 0)
  for (const candidate of removable.toReversed()) {
    if (bytes <= (retention.maxBytes ?? Infinity)) break
    gone.add(candidate.snapshotId)
    bytes -= candidate.bytes
  }
  return gone
}
