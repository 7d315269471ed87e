/**
 * Which snapshots there are, as the store knows it: what is listed and found by id without looking at the disk.
 *
 * The manifests on the disk are what counts. A sweep adds a row for a manifest that has none (the host died between the
 * two) and removes the row of one that is gone. Deleting a thread keeps its snapshots.
 */
import { Context, Effect, Option, Schema } from "effect"
import type { SqlClient } from "effect/sql"
import type { ThreadId } from "../domain/Ids.ts"
import { SnapshotRecord } from "../domain/Snapshot.ts"
import { type BigIntColumn, parseJson } from "./internal/rows.ts"
import { StoreFailed } from "./StoreError.ts"

export { SnapshotRecord } from "../domain/Snapshot.ts"

export interface SnapshotTotals {
  readonly snapshots: number
  readonly bytes: number
}

export class SnapshotIndex extends Context.Service<SnapshotIndex, {
  /** In place of the one of the same id, if there is one. */
  readonly add: (record: SnapshotRecord) => Effect.Effect<void, StoreFailed>
  readonly get: (snapshotId: string) => Effect.Effect<Option.Option<SnapshotRecord>, StoreFailed>
  /** Newest first. */
  readonly listByThread: (threadId: ThreadId) => Effect.Effect<ReadonlyArray<SnapshotRecord>, StoreFailed>
  /** Newest first. */
  readonly listByFolder: (folder: string) => Effect.Effect<ReadonlyArray<SnapshotRecord>, StoreFailed>
  /** Every folder that a snapshot was saved under. */
  readonly folders: Effect.Effect<ReadonlyArray<string>, StoreFailed>
  readonly remove: (snapshotId: string) => Effect.Effect<void, StoreFailed>
  readonly totals: (folder: string) => Effect.Effect<SnapshotTotals, StoreFailed>
}>()("effect-coding-agents/SnapshotIndex") {}

const decode = Schema.decodeUnknownEffect(SnapshotRecord)

export const makeSql = (sql: SqlClient.SqlClient): SnapshotIndex["Service"] => {
  type Row = { readonly body: string }
  const records = (rows: ReadonlyArray<Row>) => Effect.forEach(rows, ({ body }) => decode(parseJson(body)))
  return {
    add: (record) => {
      const row = {
        snapshot_id: record.snapshot.snapshotId,
        thread_id: record.threadId,
        folder: record.folder,
        created_at: record.createdAt,
        disk_bytes: record.diskBytes,
        body: JSON.stringify(record)
      }
      return sql`INSERT INTO eca_snapshots ${sql.insert(row)} ON CONFLICT (snapshot_id) DO UPDATE SET
        folder = excluded.folder, disk_bytes = excluded.disk_bytes, body = excluded.body`.pipe(
        Effect.asVoid,
        Effect.mapError(StoreFailed.of("record a snapshot"))
      )
    },
    get: (snapshotId) =>
      sql<Row>`SELECT body FROM eca_snapshots WHERE snapshot_id = ${snapshotId}`.pipe(
        Effect.flatMap(records),
        Effect.map(([record]) => Option.fromUndefinedOr(record)),
        Effect.mapError(StoreFailed.of("read a snapshot's record"))
      ),
    listByThread: (threadId) =>
      sql<Row>`SELECT body FROM eca_snapshots WHERE thread_id = ${threadId}
        ORDER BY created_at DESC, snapshot_id DESC`.pipe(
        Effect.flatMap(records),
        Effect.mapError(StoreFailed.of("list snapshots"))
      ),
    listByFolder: (folder) =>
      sql<Row>`SELECT body FROM eca_snapshots WHERE folder = ${folder}
        ORDER BY created_at DESC, snapshot_id DESC`.pipe(
        Effect.flatMap(records),
        Effect.mapError(StoreFailed.of("list snapshots"))
      ),
    folders: sql<{ readonly folder: string }>`SELECT DISTINCT folder FROM eca_snapshots`.pipe(
      Effect.map((rows) => rows.map(({ folder }) => folder)),
      Effect.mapError(StoreFailed.of("list the folders of snapshots"))
    ),
    remove: (snapshotId) =>
      sql`DELETE FROM eca_snapshots WHERE snapshot_id = ${snapshotId}`.pipe(
        Effect.asVoid,
        Effect.mapError(StoreFailed.of("remove a snapshot's record"))
      ),
    totals: (folder) =>
      sql<{ readonly snapshots: BigIntColumn; readonly bytes: BigIntColumn | null }>`SELECT COUNT(*) AS snapshots,
        SUM(disk_bytes) AS bytes FROM eca_snapshots WHERE folder = ${folder}`.pipe(
        Effect.map(([row]) => ({ snapshots: Number(row?.snapshots ?? 0), bytes: Number(row?.bytes ?? 0) })),
        Effect.mapError(StoreFailed.of("sum up snapshots"))
      )
  }
}
