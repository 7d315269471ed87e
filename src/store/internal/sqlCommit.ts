/**
 * {@link Commit} in SQL: for each part the fence and the numbering in one update, the events, the turns that they move,
 * and what they tell hooks; then the cursor. Generic SQL, which SQLite and PostgreSQL both run.
 */
import { Effect } from "effect"
import type { SqlClient, SqlError, Statement } from "effect/sql"
import type { Epoch, Position, ThreadId } from "../../domain/Ids.ts"
import type { StoredCursor } from "../../provider/ResumeCursor.ts"
import type { Blob } from "../Blobs.ts"
import type { Commit, Part } from "../Commit.ts"
import * as EventPosition from "../EventPosition.ts"
import { EpochFenced } from "../StoreError.ts"
import * as erasure from "./erasure.ts"
import * as eventLog from "./eventLog.ts"
import * as ledger from "./ledger.ts"
import type { Positions } from "./positions.ts"
import { beginsTurn, bindingRow, toLabels, turnSubject } from "./rows.ts"
import * as StoreOutbox from "./sqlHookOutbox.ts"
import * as sqlLabels from "./sqlLabels.ts"

type Written = Effect.Effect<void, SqlError.SqlError | EpochFenced>

/** What belongs to the thread's row and not to a part; the last part writes it. */
type ThreadColumns = Pick<Commit, "status" | "dueAt" | "activeAt">

const replacedColumns = [
  "instance_id",
  "provider",
  "session_id",
  "directory",
  "runtime_mode",
  "project",
  "model",
  "agent",
  "title",
  "compaction",
  "status",
  "epoch",
  "last_seq",
  "position",
  "created_at",
  "active_at",
  "due_at"
].map((column) => `${column} = excluded.${column}`).join(", ")

/** Puts the cursor of the instance that the thread is bound to. */
const putCursor = (sql: SqlClient.SqlClient, threadId: ThreadId, cursor: StoredCursor | undefined): Written =>
  cursor === undefined
    ? Effect.void
    : Effect.asVoid(sql`INSERT INTO eca_cursors (thread_id, instance_id, session_id, body)
      SELECT thread_id, instance_id, session_id, CAST(${JSON.stringify(cursor)} AS TEXT) FROM eca_threads
      WHERE thread_id = ${threadId}
      ON CONFLICT (thread_id, instance_id) DO UPDATE SET session_id = excluded.session_id, body = excluded.body`)

const removeCursors = (sql: SqlClient.SqlClient, threadId: ThreadId): Written =>
  Effect.asVoid(sql`DELETE FROM eca_cursors WHERE thread_id = ${threadId}`)

/**
 * What was taken back is taken back in the thread's own session. Another one that had a turn after it knows of it still, so
 * the thread does not return there.
 */
const removeStaleCursors = (sql: SqlClient.SqlClient, threadId: ThreadId, { events }: Part): Written => {
  const rewound = events.findLast((event) => event._tag === "ThreadRewound")
  return rewound === undefined
    ? Effect.void
    : Effect.asVoid(sql`DELETE FROM eca_cursors WHERE thread_id = ${threadId}
        AND session_id <> (SELECT session_id FROM eca_threads WHERE thread_id = ${threadId})
        AND session_id IN (SELECT u.session_id FROM eca_events e JOIN eca_turns u ON u.turn_id = e.turn_id
          WHERE e.thread_id = ${threadId} AND e.${sql.literal(beginsTurn)} AND e.seq >= (SELECT MIN(b.seq)
            FROM eca_events b WHERE b.thread_id = ${threadId} AND b.subject_id = ${turnSubject(rewound.before)}))`)
}

/** Sets further columns of the thread: what is absent stays. */
const columns = (sql: SqlClient.SqlClient, part: Part, thread: ThreadColumns): Statement.Fragment => {
  const ends = part.events.some((event) => event._tag === "SessionEnded")
  const status = ends ? "stopped" : thread.status
  const dueAt = thread.dueAt === undefined && ends ? null : thread.dueAt
  const set = [
    ...(status === undefined ? [] : [sql`, status = ${status}`]),
    ...(dueAt === undefined ? [] : [dueAt === null ? sql.literal(", due_at = NULL") : sql`, due_at = ${dueAt}`]),
    ...(thread.activeAt === undefined ? [] : [sql`, active_at = ${thread.activeAt}`])
  ]
  return set.reduce<Statement.Fragment>((all, one) => sql`${all}${one}`, sql.literal(""))
}

/** What a session that is another one's successor cannot know of is not asked of it. */
const forgetOpenQuestions = (sql: SqlClient.SqlClient, threadId: ThreadId, { events }: Part): Written => {
  const continuity = events.find((event) => event._tag === "SessionStarted")?.continuity._tag
  return continuity === "Resumed" || continuity === "Moved"
    ? Effect.void
    : Effect.asVoid(sql`UPDATE eca_turns SET reconcile = 0 WHERE thread_id = ${threadId} AND reconcile = 1`)
}

const open = (
  sql: SqlClient.SqlClient,
  threadId: ThreadId,
  part: Part,
  blobs: ReadonlyArray<Blob>,
  position: number,
  thread: ThreadColumns
): Written => {
  const { binding, epoch, events } = part
  if (binding === undefined) return Effect.die(new Error("A part that opens an epoch needs the thread's binding"))
  const row = {
    ...bindingRow(binding, {
      lastSeq: events.at(-1)?.seq ?? binding.lastSeq,
      position,
      dueAt: thread.dueAt ?? null
    }),
    thread_id: threadId,
    epoch,
    ...(thread.status === undefined ? {} : { status: thread.status }),
    ...(thread.activeAt === undefined ? {} : { active_at: thread.activeAt })
  }
  return sql<{ readonly labels: string | null }>`INSERT INTO eca_threads ${sql.insert(row)} ON CONFLICT (thread_id)
    DO UPDATE SET ${sql.literal(replacedColumns)}
    WHERE eca_threads.epoch < excluded.epoch${eventLog.follows(sql, events)} RETURNING labels`.pipe(
    Effect.tap(eventLog.fencedUnless({ threadId, epoch })),
    // A thread that was there keeps the labels that it has by now: they are no part of an epoch.
    Effect.flatMap(([row]) =>
      epoch === 1
        ? Effect.andThen(
          erasure.finish(sql, threadId),
          sqlLabels.index(sql, threadId, toLabels(row?.labels ?? null))
        )
        : Effect.void
    ),
    Effect.andThen(eventLog.insert(sql, events, position, blobs)),
    Effect.andThen(forgetOpenQuestions(sql, threadId, part))
  )
}

const moveTurn = (
  sql: SqlClient.SqlClient,
  place: { readonly threadId: ThreadId; readonly epoch: Epoch },
  change: ledger.TurnChange
): Written => {
  const { began, endedAt, from, reconcile, reconciledAt, spent, to, turnId } = change
  if (began !== undefined) {
    // Only the agent knows it, so there is nothing to compare it with later.
    return sql`INSERT INTO eca_turns (turn_id, thread_id, epoch, session_id, status, cause, intent_at, ended_at, tokens,
        cost_usd)
      SELECT CAST(${turnId} AS TEXT), thread_id, CAST(${place.epoch} AS BIGINT), session_id,
        CAST(${to ?? "accepted"} AS TEXT), CAST(${began.cause} AS TEXT), CAST(${began.at} AS BIGINT),
        CAST(${endedAt ?? null} AS BIGINT), CAST(${spent?.tokens ?? null} AS BIGINT),
        CAST(${spent?.costUsd ?? null} AS DOUBLE PRECISION)
      FROM eca_threads WHERE thread_id = ${place.threadId}
      ON CONFLICT (turn_id) DO NOTHING RETURNING turn_id`.pipe(Effect.flatMap(eventLog.fencedUnless(place)))
  }
  const set = sql.csv([
    ...(to === undefined ? [] : [sql`status = ${to}`]),
    ...(endedAt === undefined ? [] : [sql`ended_at = ${endedAt}`]),
    ...(spent === undefined ? [] : [sql`tokens = ${spent.tokens}, cost_usd = ${spent.costUsd}`]),
    ...(reconcile === undefined ? [] : [sql.literal(`reconcile = ${reconcile ? 1 : 0}`)]),
    ...(reconciledAt === undefined ? [] : [sql`reconciled_at = ${reconciledAt}`])
  ])
  if (from === undefined) {
    return Effect.asVoid(
      sql`UPDATE eca_turns SET ${set} WHERE turn_id = ${turnId} AND thread_id = ${place.threadId}`
    )
  }
  const status = from === "intent"
    ? sql.literal("status = 'intent'")
    : sql.literal("status IN ('intent', 'accepted')")
  return sql`UPDATE eca_turns SET ${set} WHERE turn_id = ${turnId} AND thread_id = ${place.threadId} AND ${status}
    RETURNING turn_id`.pipe(Effect.flatMap(eventLog.fencedUnless(place)))
}

const moveTurns = (sql: SqlClient.SqlClient, threadId: ThreadId, { epoch, events }: Part): Written => {
  const changes = ledger.project(events)
  if (changes === ledger.impossible) return Effect.fail(new EpochFenced({ threadId, epoch }))
  return Effect.forEach(changes, (change) => moveTurn(sql, { threadId, epoch }, change), { discard: true })
}

/** Writes it; answers the position of its last event. To be called inside of a transaction of its own. */
export const write = (
  sql: SqlClient.SqlClient,
  positions: Positions,
  outbox: StoreOutbox.Subscriptions,
  { blobs = [], cursor, parts, threadId, ...thread }: Commit
): Effect.Effect<Position, SqlError.SqlError | EpochFenced> => {
  const count = parts.reduce((sum, { events }) => sum + events.length, 0)
  return Effect.flatMap(positions.take(count), (end) => {
    const last = parts.at(-1)
    let position = end - count
    const writePart = (part: Part): Written => {
      const of = part === last ? thread : {}
      const { epoch, events, expect } = part
      position += events.length
      const log = expect === "none"
        ? open(sql, threadId, part, blobs, position, of)
        : eventLog.append(sql, { threadId, epoch, expect }, events, blobs, position, columns(sql, part, of))
      return log.pipe(
        Effect.andThen(moveTurns(sql, threadId, part)),
        Effect.andThen(StoreOutbox.record(sql, outbox, part.lifecycle)),
        Effect.andThen(part.resets === true ? removeCursors(sql, threadId) : removeStaleCursors(sql, threadId, part))
      )
    }
    return Effect.forEach(parts, writePart, { discard: true }).pipe(
      Effect.andThen(putCursor(sql, threadId, cursor)),
      Effect.as(EventPosition.of(end))
    )
  })
}
