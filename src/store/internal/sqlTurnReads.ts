/**
 * What a transcript that is read page by page has to find in a thread's log: where its turns begin, and what was told of
 * them when others had begun. All of it by an index, however long the log is.
 */
import { Array as Arr, Effect, Option } from "effect"
import type { SqlClient } from "effect/sql"
import type { ItemId, SessionId, ThreadId, TurnId } from "../../domain/Ids.ts"
import type { ThreadEvent } from "../../domain/ThreadEvent.ts"
import type { HeldTurn } from "../HeldTurn.ts"
import type { StoreFailed } from "../StoreError.ts"
import type { TurnStart } from "../TurnStart.ts"
import * as eventRows from "./eventRows.ts"
import {
  annotationSubject,
  beginsTurn,
  type BigIntColumn,
  itemSubject,
  rewindSubject,
  toEvent,
  toNumber,
  toTurnId,
  turnSubject
} from "./rows.ts"
import { read } from "./run.ts"

interface StartRow {
  readonly turn_id: string | null
  readonly seq: BigIntColumn
}

const toStart = (row: StartRow): ReadonlyArray<TurnStart> => {
  const turnId = toTurnId(row.turn_id)
  return turnId === undefined ? [] : [{ turnId, seq: toNumber(row.seq) }]
}

interface HeldRow {
  readonly turn_id: string
  readonly ref: string | null
  readonly own: boolean | BigIntColumn
}

const toHeld = ({ own, ref, turn_id }: HeldRow): ReadonlyArray<HeldTurn> => {
  const turnId = toTurnId(turn_id)
  return turnId === undefined
    ? []
    : [{ place: { turnId, ref: ref ?? undefined }, own: own === true || Number(own) === 1 }]
}

export const make = (sql: SqlClient.SqlClient) => {
  const begins = sql.literal(beginsTurn)

  const beforeEvent = (before: number | undefined) => before === undefined ? sql.literal("1=1") : sql`seq < ${before}`

  /** Events of these subjects, in order. The sign keeps SQLite from reading the log by its `seq`. */
  const eventsOf = (threadId: ThreadId, after: number, subjects: ReadonlyArray<string>) =>
    Arr.isReadonlyArrayNonEmpty(subjects)
      ? eventRows.select(
        sql,
        sql`WHERE thread_id = ${threadId} AND subject_id IN ${sql.in(subjects)} AND +seq > ${after} ORDER BY +seq`
      )
      : Effect.succeed([])

  return {
    turnStarts: ({ after, before, from, limit, threadId }: {
      readonly threadId: ThreadId
      readonly after: number
      readonly before: number | undefined
      readonly from: "start" | "end"
      readonly limit: number
    }): Effect.Effect<ReadonlyArray<TurnStart>, StoreFailed> =>
      read(
        "read where turns begin",
        Effect.map(
          sql<StartRow>`SELECT turn_id, seq FROM eca_events WHERE thread_id = ${threadId} AND seq > ${after}
            AND ${beforeEvent(before)} AND ${begins}
            ORDER BY seq ${sql.literal(from === "start" ? "ASC" : "DESC")} LIMIT ${limit}`,
          (rows) => rows.flatMap(toStart)
        )
      ),

    heldTurns: ({ limit, sessionId, threadId }: {
      readonly threadId: ThreadId
      readonly sessionId: SessionId
      readonly limit?: number | undefined
    }): Effect.Effect<ReadonlyArray<HeldTurn>, StoreFailed> =>
      read(
        "read what a session should hold",
        Effect.map(
          sql<HeldRow>`SELECT u.turn_id, u.ref, u.session_id = ${sessionId} AS own FROM eca_events e
            JOIN eca_turns u ON u.turn_id = e.turn_id
            WHERE e.thread_id = ${threadId} AND ${begins} AND u.session_id IS NOT NULL
              AND (u.session_id <> ${sessionId} OR (u.status = 'completed' AND u.cause IS NULL))
            ORDER BY e.seq DESC ${limit === undefined ? sql.literal("") : sql`LIMIT ${limit}`}`,
          (rows) => rows.flatMap(toHeld)
        )
      ),

    turnStart: (threadId: ThreadId, turnId: TurnId): Effect.Effect<Option.Option<TurnStart>, StoreFailed> =>
      read(
        "read where a turn begins",
        Effect.map(
          sql<StartRow>`SELECT turn_id, seq FROM eca_events WHERE thread_id = ${threadId}
            AND subject_id = ${turnSubject(turnId)} AND ${begins} ORDER BY seq LIMIT 1`,
          (rows) => Arr.head(rows.flatMap(toStart))
        )
      ),

    lateEvents: ({ after, itemIds, threadId, turnIds }: {
      readonly threadId: ThreadId
      readonly after: number
      readonly turnIds: ReadonlyArray<TurnId>
      readonly itemIds: ReadonlyArray<ItemId>
    }): Effect.Effect<ReadonlyArray<ThreadEvent>, StoreFailed> =>
      read(
        "read what was told of turns later",
        Effect.map(
          eventsOf(threadId, after, [...turnIds.map(turnSubject), ...itemIds.map(itemSubject)]),
          (rows) => rows.map((row) => toEvent(threadId, row))
        )
      ),

    annotations: ({ after, before, threadId }: {
      readonly threadId: ThreadId
      readonly after: number
      readonly before: number | undefined
    }): Effect.Effect<ReadonlyArray<ThreadEvent>, StoreFailed> =>
      read(
        "read annotations",
        Effect.map(
          eventRows.select(
            sql,
            sql`WHERE thread_id = ${threadId} AND subject_id = ${annotationSubject} AND seq > ${after}
              AND ${beforeEvent(before)} ORDER BY seq`
          ),
          (rows) => rows.map((row) => toEvent(threadId, row))
        )
      ),

    rewinds: (threadId: ThreadId, after: number): Effect.Effect<ReadonlyArray<ThreadEvent>, StoreFailed> =>
      read(
        "read what was taken back",
        Effect.map(eventsOf(threadId, after, [rewindSubject]), (rows) => rows.map((row) => toEvent(threadId, row)))
      )
  }
}
