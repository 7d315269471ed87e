/**
 * Keeps the folders of snapshots in order on one machine: one at a time for each thread's directory, what retention or a
 * caller has chosen is removed, and the whole folder is kept below its limit.
 */
import { type Context, Effect, FileSystem, type Path } from "effect"
import type { PlatformError } from "effect/PlatformError"
import type { ThreadId } from "../../domain/Ids.ts"
import { fileErrorCode } from "../../process/ErrorCode.ts"
import type { SnapshotIndex, SnapshotRecord } from "../../store/SnapshotIndex.ts"
import type { StoreFailed } from "../../store/StoreError.ts"
import { SnapshotUnreadable } from "../SnapshotError.ts"
import { expired } from "../SnapshotRetention.ts"
import type * as NamedLocks from "./namedLocks.ts"
import * as SnapshotFolder from "./snapshotFolder.ts"
import * as SnapshotKeeping from "./snapshotKeeping.ts"
import * as SnapshotSweep from "./snapshotSweep.ts"

export const unreadable = (path: string) => (error: PlatformError | StoreFailed) =>
  error._tag === "StoreFailed" ? error : new SnapshotUnreadable({ path, code: fileErrorCode(error) })

export const make = ({ context, foreign, index, locks, path }: {
  readonly context: Context.Context<FileSystem.FileSystem | Path.Path | SnapshotIndex>
  readonly foreign: SnapshotSweep.Foreign
  readonly index: SnapshotIndex["Service"]
  readonly locks: NamedLocks.NamedLocks
  readonly path: Path.Path
}) => {
  const locked = <A, E>(
    directory: string,
    effect: Effect.Effect<A, E, FileSystem.FileSystem | Path.Path | SnapshotIndex>
  ): Effect.Effect<A, E> => locks(directory, effect).pipe(Effect.provideContext(context))

  const inDirectory = (directory: string, records: ReadonlyArray<SnapshotRecord>) =>
    records.filter(({ snapshot }) => path.dirname(snapshot.path) === directory)

  /** A directory, or nothing; anything else under its name is reported. */
  const isTidiable = (directory: string) =>
    Effect.gen(function*() {
      if (yield* SnapshotFolder.isDirectory(directory)) return true
      const fs = yield* FileSystem.FileSystem
      if (!(yield* Effect.orElseSucceed(fs.exists(directory), () => true))) return true
      yield* foreign(directory)
      return false
    }).pipe(Effect.provideContext(context))

  /** Removes leftovers, adopts manifests without a row, and removes the snapshots that the rule picks. */
  const tidy = (
    folder: string,
    directory: string,
    known: ReadonlyArray<SnapshotRecord>,
    rule: (records: ReadonlyArray<SnapshotRecord>) => Effect.Effect<ReadonlySet<string>, StoreFailed>,
    orphans: SnapshotSweep.Tidying["orphans"] = "all"
  ) =>
    SnapshotSweep.thread(folder, directory, known, rule, { foreign, orphans }).pipe(
      Effect.mapError(unreadable(directory))
    )

  const removeAll = Effect.fnUntraced(function*(records: ReadonlyArray<SnapshotRecord>) {
    const directories = Map.groupBy(records, ({ snapshot }) => path.dirname(snapshot.path))
    for (const [directory, removed] of directories) {
      const ids = new Set(removed.map(({ snapshot }) => snapshot.snapshotId))
      const [first] = removed
      if (first === undefined) continue
      yield* locked(
        directory,
        Effect.flatMap(
          index.listByThread(first.threadId),
          (known) => tidy(first.folder, directory, inDirectory(directory, known), () => Effect.succeed(ids))
        )
      )
    }
  })

  /** Removes the oldest of the whole folder until it is small enough. Shared files stay. */
  const trim = Effect.fnUntraced(function*(
    folder: string,
    keeping: SnapshotKeeping.Rule,
    isLive: SnapshotKeeping.IsLive
  ) {
    const maxBytes = keeping.retention?.maxBytes
    if (maxBytes === undefined) return
    while ((yield* index.totals({ folder })).bytes > maxBytes) {
      const records = yield* index.listByPlace({ folder })
      const live = new Map<ThreadId, boolean>()
      for (const { threadId } of records) {
        if (!live.has(threadId)) live.set(threadId, yield* isLive(threadId))
      }
      const gone = expired(
        records.map((record) => SnapshotKeeping.candidate(keeping, record, live.get(record.threadId) ?? true)),
        { keepLast: Infinity, maxBytes },
        0
      )
      if (gone.size === 0) return
      yield* removeAll(records.filter(({ snapshot }) => gone.has(snapshot.snapshotId)))
    }
  })

  return { inDirectory, isTidiable, locked, removeAll, tidy, trim }
}
