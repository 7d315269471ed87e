/**
 * The {@link SnapshotIndex} in the database. A row that cannot be read counts as none: a sweep writes it again from the
 * snapshot's manifest.
 */
import { Effect, Option, Schema } from "effect"
import type { SqlClient, SqlError } from "effect/sql"
import { type SnapshotIndex, type SnapshotPlace, SnapshotRecord } from "../SnapshotIndex.ts"
import { type BigIntColumn, parseJson, toNumber } from "./rows.ts"
import { read, write } from "./run.ts"

const decode = Schema.decodeUnknownOption(SnapshotRecord)

interface Row {
  readonly body: string
}

/** What the column says: the folder's path, or for another machine what no absolute path can be. */
const keyOf = ({ folder, machine }: SnapshotPlace): string =>
  machine === undefined ? folder : JSON.stringify([machine, folder])

const decodeElsewhere = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Tuple([Schema.String, Schema.String])))

const placeOf = (key: string): SnapshotPlace =>
  Option.match(decodeElsewhere(key), {
    onNone: () => ({ folder: key }),
    onSome: ([machine, folder]) => ({ folder, machine })
  })

const toRecords = (rows: ReadonlyArray<Row>): ReadonlyArray<SnapshotRecord> =>
  rows.flatMap(({ body }) => Option.toArray(decode(parseJson(body))))

export const make = (sql: SqlClient.SqlClient): SnapshotIndex["Service"] => {
  const list = (operation: string, rows: Effect.Effect<ReadonlyArray<Row>, SqlError.SqlError>) =>
    read(operation, Effect.map(rows, toRecords))
  return {
    add: (record) => {
      const row = {
        snapshot_id: record.snapshot.snapshotId,
        thread_id: record.threadId,
        folder: keyOf({ folder: record.folder, machine: record.snapshot.machine }),
        created_at: record.createdAt,
        disk_bytes: record.diskBytes,
        body: JSON.stringify(record)
      }
      return write(
        sql,
        "record a snapshot",
        "flushed",
        Effect.asVoid(sql`INSERT INTO eca_snapshots ${sql.insert(row)} ON CONFLICT (snapshot_id) DO UPDATE SET
          folder = excluded.folder, disk_bytes = excluded.disk_bytes, body = excluded.body`)
      )
    },
    get: (snapshotId) =>
      Effect.map(
        list("read a snapshot's record", sql<Row>`SELECT body FROM eca_snapshots WHERE snapshot_id = ${snapshotId}`),
        ([record]) => Option.fromUndefinedOr(record)
      ),
    listByThread: (threadId) =>
      list(
        "list snapshots",
        sql<Row>`SELECT body FROM eca_snapshots WHERE thread_id = ${threadId}
          ORDER BY created_at DESC, snapshot_id DESC`
      ),
    listByPlace: (place) =>
      list(
        "list snapshots",
        sql<Row>`SELECT body FROM eca_snapshots WHERE folder = ${keyOf(place)}
          ORDER BY created_at DESC, snapshot_id DESC`
      ),
    places: read(
      "list the folders of snapshots",
      Effect.map(
        sql<{ readonly folder: string }>`SELECT DISTINCT folder FROM eca_snapshots`,
        (rows) => rows.map(({ folder }) => placeOf(folder))
      )
    ),
    remove: (snapshotId) =>
      write(
        sql,
        "remove a snapshot's record",
        "flushed",
        Effect.asVoid(sql`DELETE FROM eca_snapshots WHERE snapshot_id = ${snapshotId}`)
      ),
    totals: (place) =>
      read(
        "sum up snapshots",
        Effect.map(
          sql<{ readonly snapshots: BigIntColumn; readonly bytes: BigIntColumn | null }>`SELECT COUNT(*) AS snapshots,
            SUM(disk_bytes) AS bytes FROM eca_snapshots WHERE folder = ${keyOf(place)}`,
          ([row]) => ({ snapshots: toNumber(row?.snapshots), bytes: toNumber(row?.bytes) })
        )
      )
  }
}
