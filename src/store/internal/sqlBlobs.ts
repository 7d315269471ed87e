/**
 * Bytes by their content: rows of the same database, cut into parts, so that no statement writes or overwrites more than
 * one part. A thread has a blob while a row says that one of its events names it, and which event was the last to do so.
 *
 * What loses its last thread is noted as loose in the same transaction, and its parts are removed afterwards, in batches;
 * a blob that is named again meanwhile is written again, and stays.
 */
import { Effect, Option } from "effect"
import type { SqlClient, SqlError } from "effect/sql"
import type { BlobRef } from "../../domain/Blob.ts"
import * as EventBlobs from "../../domain/EventBlobs.ts"
import type { ThreadId } from "../../domain/Ids.ts"
import type { NumberedEvent } from "../../domain/ThreadEvent.ts"
import type { Blob } from "../Blobs.ts"
import type { Intent } from "../Commit.ts"
import * as batches from "./batches.ts"
import * as Positions from "./positions.ts"
import { type BigIntColumn, toNumber } from "./rows.ts"

type Written<A = void> = Effect.Effect<A, SqlError.SqlError>

/** Bytes of one part: what a statement writes, and what it overwrites when it is deleted. */
const partBytes = 64 * 1024

const later = "DO UPDATE SET seq = excluded.seq WHERE eca_blob_refs.seq < excluded.seq"

/** Of nothing there is no part: SQLite in Node 22 takes empty bytes for none. */
const writeOne = (sql: SqlClient.SqlClient, { content, sha256 }: Blob): Written =>
  Effect.forEach(
    Array.from({ length: Math.ceil(content.length / partBytes) }, (_, part) => part),
    (part) => {
      const body = content.subarray(part * partBytes, (part + 1) * partBytes)
      return sql`INSERT INTO eca_blobs ${sql.insert({ sha256, part, body })} ON CONFLICT (sha256, part) DO NOTHING`
    },
    { discard: true }
  )

const writeAll = (sql: SqlClient.SqlClient, blobs: ReadonlyArray<Blob>): Written =>
  Effect.forEach(blobs, (blob) => writeOne(sql, blob), { discard: true })

/** A blob that is not given is one that the thread has; or, of a fork's turns, the thread that they are from. */
const refer = (
  sql: SqlClient.SqlClient,
  event: NumberedEvent,
  { bytes, sha256 }: BlobRef,
  blobs: ReadonlyArray<Blob>
) => {
  const { seq, threadId } = event
  if (blobs.some((blob) => blob.sha256 === sha256)) {
    const row = { thread_id: threadId, sha256, seq, bytes }
    return sql`INSERT INTO eca_blob_refs ${sql.insert(row)} ON CONFLICT (thread_id, sha256) ${sql.literal(later)}`
  }
  const owner = event._tag === "TurnRestored" && event.source._tag === "Fork" ? event.source.threadId : threadId
  return sql`INSERT INTO eca_blob_refs (thread_id, sha256, seq, bytes)
    SELECT CAST(${threadId} AS TEXT), sha256, CAST(${seq} AS BIGINT), bytes FROM eca_blob_refs
    WHERE thread_id = ${owner} AND sha256 = ${sha256} ON CONFLICT (thread_id, sha256) ${sql.literal(later)}`
}

/** Writes the bytes that are given, and notes what these events name. To be called inside of their transaction. */
export const record = (
  sql: SqlClient.SqlClient,
  events: ReadonlyArray<NumberedEvent>,
  blobs: ReadonlyArray<Blob>
): Written => {
  const named = events.flatMap((event) => EventBlobs.refsOf(event).map((ref) => refer(sql, event, ref, blobs)))
  return named.length === 0 ? Effect.void : Effect.andThen(writeAll(sql, blobs), Effect.all(named, { discard: true }))
}

/** To be called first in the transaction of {@link recordIntent}, which takes no position. */
export const beforeIntent = (sql: SqlClient.SqlClient, { input }: Intent): Written<unknown> =>
  EventBlobs.refsOfInput(input).length === 0 ? Effect.void : Positions.hold(sql)

/** As {@link record}, of a turn that is about to be sent: its first event is the thread's next one. */
export const recordIntent = (sql: SqlClient.SqlClient, { blobs = [], input, threadId }: Intent): Written =>
  Effect.andThen(
    writeAll(sql, blobs),
    Effect.forEach(
      EventBlobs.refsOfInput(input),
      ({ bytes, sha256 }) =>
        sql`INSERT INTO eca_blob_refs (thread_id, sha256, seq, bytes)
          SELECT thread_id, CAST(${sha256} AS TEXT), last_seq + 1, CAST(${bytes} AS BIGINT) FROM eca_threads
          WHERE thread_id = ${threadId} ON CONFLICT (thread_id, sha256) ${sql.literal(later)}`,
      { discard: true }
    )
  )

/** The bytes, if the thread has them. */
export const read = (
  sql: SqlClient.SqlClient,
  threadId: ThreadId,
  sha256: string
): Written<Option.Option<Uint8Array>> =>
  Effect.map(
    sql<{ readonly bytes: BigIntColumn; readonly body: Uint8Array | null }>`SELECT r.bytes, b.body FROM eca_blob_refs r
      LEFT JOIN eca_blobs b ON b.sha256 = r.sha256
      WHERE r.thread_id = ${threadId} AND r.sha256 = ${sha256} ORDER BY b.part`,
    (rows) => {
      const content = Buffer.concat(rows.flatMap(({ body }) => body === null ? [] : [body]))
      return rows[0] !== undefined && content.length === toNumber(rows[0].bytes)
        ? Option.some(new Uint8Array(content))
        : Option.none()
    }
  )

/** What events up to this one named is loose from now on, if no other thread has it. Inside of a transaction. */
export const release = (sql: SqlClient.SqlClient, threadId: string, through: number): Written =>
  Effect.andThen(
    sql`INSERT INTO eca_loose_blobs (sha256) SELECT sha256 FROM eca_blob_refs
      WHERE thread_id = ${threadId} AND seq <= ${through} ON CONFLICT (sha256) DO NOTHING`,
    Effect.asVoid(sql`DELETE FROM eca_blob_refs WHERE thread_id = ${threadId} AND seq <= ${through}`)
  )

/** Removes the bytes that no thread has any more. A commit in flight may name them, so each step waits for such commits. */
export const sweep = (sql: SqlClient.SqlClient): Written =>
  Effect.gen(function*() {
    const step = (statement: Written<unknown>) => sql.withTransaction(Effect.andThen(Positions.hold(sql), statement))
    for (const { sha256 } of yield* sql<{ readonly sha256: string }>`SELECT sha256 FROM eca_loose_blobs`) {
      const named = sql`EXISTS (SELECT 1 FROM eca_blob_refs WHERE sha256 = ${sha256})`
      const unnamed = sql`sha256 = ${sha256} AND NOT ${named}`
      yield* batches.run(
        sql,
        sql<batches.Sized>`SELECT part AS id, octet_length(body) AS bytes FROM eca_blobs WHERE ${unnamed}
          ORDER BY part LIMIT ${batches.rows}`,
        (parts) => step(sql`DELETE FROM eca_blobs WHERE ${unnamed} AND ${sql.in("part", parts)}`)
      )
      // One that was named and lost its last thread again meanwhile has parts; the next sweep removes them.
      yield* step(sql`DELETE FROM eca_loose_blobs WHERE sha256 = ${sha256}
        AND (${named} OR NOT EXISTS (SELECT 1 FROM eca_blobs WHERE sha256 = ${sha256}))`)
    }
  })
