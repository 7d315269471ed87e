/**
 * Removes the beginning of a thread's log: by one small transaction, which records what is removed, and then in batches
 * ({@link ./pruning.ts}). Readers find the log beginning later. What a crash leaves is removed at the next opening.
 *
 * What is kept of a removed turn is its row in the ledger, without what was said, so that its id stays taken.
 */
import { Array as Arr, Effect, Option } from "effect"
import type { SqlClient, SqlError } from "effect/sql"
import type { ThreadId } from "../../domain/Ids.ts"
import type { LogLimits, Pruning, Settled } from "../LogRetention.ts"
import type { StoreFailed } from "../StoreError.ts"
import * as pruning from "./pruning.ts"
import { beginsTurn, type BigIntColumn, opensSubject, toNumber, toThreadId } from "./rows.ts"
import { read, write } from "./run.ts"

type Found<A> = Effect.Effect<A, SqlError.SqlError>

interface SeqRow {
  readonly seq: BigIntColumn | null
}

/** How many events are looked at in one statement while their bytes are summed up. */
const window = 1024

const firstSeq = (rows: ReadonlyArray<SeqRow>): number | undefined => {
  const [row] = rows
  return row === undefined || row.seq === null ? undefined : toNumber(row.seq)
}

export const make = (sql: SqlClient.SqlClient) => {
  const begins = sql.literal(beginsTurn)

  const lastSeq = (threadId: ThreadId): Found<number> =>
    Effect.map(
      sql<SeqRow>`SELECT MAX(seq) AS seq FROM eca_events WHERE thread_id = ${threadId}`,
      (rows) => firstSeq(rows) ?? 0
    )

  /** The first event to be kept so that so many turns are; nothing if there are no more. */
  const firstOfTurns = (threadId: ThreadId, turns: number): Found<number | undefined> =>
    Effect.gen(function*() {
      const starts = yield* sql<SeqRow>`SELECT seq FROM eca_events WHERE thread_id = ${threadId} AND ${begins}
        ORDER BY seq DESC LIMIT 2 OFFSET ${Math.max(0, turns - 1)}`
      if (turns === 0) return starts.length === 0 ? undefined : yield* lastSeq(threadId)
      return starts.length < 2 ? undefined : firstSeq(starts)
    })

  /** The first turn that began at this time or later; without one, the first event that was recorded then. */
  const firstSince = (threadId: ThreadId, since: number): Found<number | undefined> =>
    Effect.gen(function*() {
      const turns = yield* sql<SeqRow>`SELECT seq FROM eca_events WHERE thread_id = ${threadId} AND ${begins}
        AND at >= ${since} ORDER BY seq LIMIT 1`
      if (turns.length > 0) return firstSeq(turns)
      const events = yield* sql<SeqRow>`SELECT seq FROM eca_events WHERE thread_id = ${threadId} AND at >= ${since}
        ORDER BY seq LIMIT 1`
      return firstSeq(events) ?? (yield* lastSeq(threadId))
    })

  /** The first turn with which the rest of the log has at most so many bytes. */
  const firstWithin = (threadId: ThreadId, maxBytes: number): Found<number | undefined> =>
    Effect.gen(function*() {
      let bytes = 0
      let before = Number.MAX_SAFE_INTEGER
      for (;;) {
        const rows = yield* sql<{ readonly seq: BigIntColumn; readonly bytes: BigIntColumn }>`SELECT seq,
          octet_length(body) + COALESCE((SELECT SUM(bytes) FROM eca_blob_refs r
            WHERE r.thread_id = eca_events.thread_id AND r.seq = eca_events.seq), 0) AS bytes
          FROM eca_events WHERE thread_id = ${threadId} AND seq < ${before} ORDER BY seq DESC LIMIT ${window}`
        for (const row of rows) {
          bytes += toNumber(row.bytes)
          if (bytes <= maxBytes) continue
          const next = yield* sql<SeqRow>`SELECT seq FROM eca_events WHERE thread_id = ${threadId} AND ${begins}
            AND seq > ${toNumber(row.seq)} ORDER BY seq LIMIT 1`
          return firstSeq(next) ?? (yield* lastSeq(threadId))
        }
        const last = rows.at(-1)
        if (rows.length < window || last === undefined) return undefined
        before = toNumber(last.seq)
        yield* Effect.yieldNow
      }
    })

  /**
   * The first event that has to stay: of a turn that is open or still to be compared with the agent's history, of what the
   * live epoch has left open, and the last one of the log, which says where it goes on.
   */
  const firstNeeded = (threadId: ThreadId, settledBefore = 0): Found<number> =>
    Effect.gen(function*() {
      const turns = yield* sql<SeqRow>`SELECT MIN(e.seq) AS seq FROM eca_turns u
        JOIN eca_events e ON e.thread_id = u.thread_id AND e.subject_id = 'turn:' || u.turn_id
        WHERE u.thread_id = ${threadId} AND (u.status IN ('intent', 'accepted')
          OR (u.reconcile = 1 AND COALESCE(u.ended_at, u.intent_at) >= ${settledBefore}))`
      const subjects = yield* sql<SeqRow>`SELECT MIN(e.seq) AS seq
        FROM eca_threads t JOIN eca_events e ON e.thread_id = t.thread_id AND e.epoch = t.epoch
        WHERE t.thread_id = ${threadId} AND t.status <> 'stopped' AND e.subject_id IS NOT NULL
          AND e.${sql.literal(opensSubject)}
          AND NOT EXISTS (SELECT 1 FROM eca_events c
            WHERE c.thread_id = e.thread_id AND c.subject_id = e.subject_id AND c.seq > e.seq)`
      const needed = [firstSeq(turns), firstSeq(subjects), yield* lastSeq(threadId)]
      return Math.min(...needed.filter((seq) => seq !== undefined))
    })

  const prunable = (
    threadId: ThreadId,
    { keepTurns, maxBytes, settledBefore, since }: LogLimits
  ): Found<Option.Option<number>> =>
    Effect.gen(function*() {
      const kept = [
        keepTurns === undefined ? undefined : yield* firstOfTurns(threadId, keepTurns),
        since === undefined ? undefined : yield* firstSince(threadId, since),
        maxBytes === undefined ? undefined : yield* firstWithin(threadId, maxBytes)
      ].filter((seq) => seq !== undefined)
      const first = Math.min(Math.max(0, ...kept), yield* firstNeeded(threadId, settledBefore))
      const there = yield* sql<
        SeqRow
      >`SELECT seq FROM eca_events WHERE thread_id = ${threadId} AND seq < ${first} LIMIT 1`
      return there.length === 0 ? Option.none() : Option.some(first - 1)
    })

  return {
    prunable: (threadId: ThreadId, limits: LogLimits): Effect.Effect<Option.Option<number>, StoreFailed> =>
      read("find what may be pruned", prunable(threadId, limits)),

    prune: ({ items, settledBefore, threadId, through }: Pruning & Settled): Effect.Effect<boolean, StoreFailed> =>
      write(
        sql,
        "prune a thread",
        "flushed",
        sql.withTransaction(Effect.gen(function*() {
          if (through >= (yield* firstNeeded(threadId, settledBefore))) return false
          // What was refused has no events; it is as old as what was recorded at its time.
          yield* pruning.narrowTurns(
            sql,
            threadId,
            sql`status = 'refused'
              AND intent_at <= (SELECT MAX(at) FROM eca_events WHERE thread_id = ${threadId} AND seq = ${through})`
          )
          const [last] = yield* sql<
            { readonly position: BigIntColumn; readonly epoch: BigIntColumn; readonly at: BigIntColumn }
          >`SELECT position, epoch, at FROM eca_events WHERE thread_id = ${threadId} AND seq = ${through}`
          const row = {
            thread_id: threadId,
            through,
            items,
            removed: 0,
            position: toNumber(last?.position),
            epoch: toNumber(last?.epoch),
            at: toNumber(last?.at)
          }
          yield* sql`INSERT INTO eca_pruned ${sql.insert(row)} ON CONFLICT (thread_id)
              DO UPDATE SET through = excluded.through, items = excluded.items, removed = 0,
                position = excluded.position, epoch = excluded.epoch, at = excluded.at`
          return true
        }))
      ).pipe(
        Effect.tap((recorded) =>
          recorded ? write(sql, "remove pruned events", "relaxed", pruning.run(sql)) : Effect.void
        ),
        Effect.uninterruptible
      ),

    pruned: (threadId: ThreadId): Effect.Effect<Option.Option<Pruning>, StoreFailed> =>
      read(
        "read what was pruned",
        Effect.map(
          sql<{ readonly thread_id: string; readonly through: BigIntColumn; readonly items: BigIntColumn }>`SELECT
              thread_id, through, items FROM eca_pruned WHERE thread_id = ${threadId}`,
          (rows) =>
            Arr.head(rows.flatMap((row) => {
              const id = toThreadId(row.thread_id)
              return id === undefined
                ? []
                : [{ threadId: id, through: toNumber(row.through), items: toNumber(row.items) }]
            }))
        )
      )
  }
}
