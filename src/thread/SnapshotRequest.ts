/**
 * A snapshot that the app asks for: of a live thread with all that its agent has, of a stopped one from our log.
 */
import { Effect } from "effect"
import * as CompactionPolicy from "../domain/CompactionPolicy.ts"
import type { EventBody } from "../domain/ThreadEvent.ts"
import { isBound } from "../domain/ThreadRecord.ts"
import { ThreadNotFound } from "../service/ServiceError.ts"
import { NothingToSave, SnapshotNotWritten } from "../transcript/SnapshotError.ts"
import * as EpochCompaction from "./epoch/EpochCompaction.ts"
import type { Saved } from "./epoch/EpochState.ts"
import type * as LiveEpoch from "./epoch/LiveEpoch.ts"
import * as SnapshotTaking from "./SnapshotTaking.ts"
import * as ThreadCell from "./ThreadCell.ts"
import type { ThreadDeps } from "./ThreadDeps.ts"
import * as ThreadNote from "./ThreadNote.ts"

const recordOf = (saved: NonNullable<Saved>): EventBody =>
  saved._tag === "Written"
    ? { _tag: "SnapshotWritten", snapshot: saved.snapshot }
    : { _tag: "SnapshotFailed", failure: saved.failure }

/** The record of a thread that has, or had, a session. Lock held, no live epoch. */
const boundRecord = Effect.fnUntraced(function*(deps: ThreadDeps, cell: ThreadCell.ThreadCell) {
  const record = yield* ThreadCell.loadRecord(deps, cell)
  if (record === undefined) return yield* new ThreadNotFound({ threadId: cell.threadId })
  if (!isBound(record)) return yield* new NothingToSave({ threadId: cell.threadId })
  return record
})

const ofStopped = Effect.fnUntraced(function*(deps: ThreadDeps, cell: ThreadCell.ThreadCell) {
  const binding = yield* boundRecord(deps, cell)
  const policy = CompactionPolicy.resolve(deps.settings.compaction, binding.compaction)
  const saved = yield* SnapshotTaking.take(deps, { binding, policy, timing: () => "before" })
  yield* ThreadNote.underEnded(deps, cell, binding, recordOf(saved))
  return saved
})

/** The session may be used, or end, meanwhile. */
const ofLive = Effect.fnUntraced(function*(
  deps: ThreadDeps,
  cell: ThreadCell.ThreadCell,
  live: LiveEpoch.LiveEpoch
) {
  const { binding, policy } = live
  const saved = yield* SnapshotTaking.take(deps, {
    binding,
    live,
    policy,
    timing: () => EpochCompaction.timing(live.state)
  })
  yield* ThreadNote.under(deps, cell, live, recordOf(saved))
  return saved
})

/** Succeeds once it is on the disk and recorded. */
export const take = Effect.fnUntraced(function*(deps: ThreadDeps, cell: ThreadCell.ThreadCell) {
  const { live } = cell
  // One that ends just now is still there for the hooks that are told so, and its thread is locked until they are.
  const saved = yield* live === undefined
    ? ThreadCell.withLog(
      cell,
      Effect.suspend(() => cell.live === undefined ? ofStopped(deps, cell) : ofLive(deps, cell, cell.live))
    )
    : ofLive(deps, cell, live)
  if (saved._tag === "Written") return saved.snapshot
  return yield* new SnapshotNotWritten({ failure: saved.failure })
})
