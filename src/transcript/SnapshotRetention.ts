/**
 * Which snapshots go: a pure rule.
 *
 * The newest snapshot of a thread that there still is never goes, nor one whose compaction is not over.
 */
import { Duration } from "effect"
import type { ThreadId } from "../domain/Ids.ts"

export interface Retention {
  /** How many of each thread are kept. Default: 20. */
  readonly keepLast?: number | undefined
  /** Default: no limit. */
  readonly maxAge?: Duration.Input | undefined
  /** Of all snapshots in the folder; the oldest go first. Default: no limit. */
  readonly maxBytes?: number | undefined
}

export interface Candidate {
  readonly snapshotId: string
  readonly threadId: ThreadId
  /** Milliseconds since the epoch. */
  readonly createdAt: number
  /** What its deletion frees at most. */
  readonly bytes: number
  /** Whether the store still has the thread. */
  readonly live: boolean
  /** Whether its compaction is not over. */
  readonly pinned: boolean
}

/** How many snapshots of each thread are kept where no setting says otherwise. */
export const defaultKeepLast = 20

const newestFirst = (a: Candidate, b: Candidate) => b.createdAt - a.createdAt || (a.snapshotId < b.snapshotId ? 1 : -1)

/** The ids of those that go. */
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
