/**
 * What is read from the store. Reading is total, row by row: a row that cannot be read is reported on its own.
 */
import { Effect, Option, Result, Schema } from "effect"
import type { SqlClient, SqlError } from "effect/sql"
import type { Epoch, InstanceId, RequestId, SessionId, ThreadId, TurnId } from "../../domain/Ids.ts"
import * as InputIssue from "../../domain/InputIssue.ts"
import type { Spent } from "../../domain/Usage.ts"
import { type StoreFailed, ThreadUnreadable, TurnUnreadable } from "../StoreError.ts"
import type { ThreadFilter, ThreadPage } from "../ThreadPage.ts"
import * as eventRows from "./eventRows.ts"
import * as pageCursor from "./pageCursor.ts"
import {
  type BigIntColumn,
  type BindingRow,
  parseJson,
  toBinding,
  toEpoch,
  toEvent,
  toNumber,
  toPosition,
  toThreadId,
  toTurn,
  toTurnId,
  type TurnRow
} from "./rows.ts"
import { read } from "./run.ts"
import * as sqlBlobs from "./sqlBlobs.ts"
import * as threadFilter from "./threadFilter.ts"

/** Where, and what was expected there. The stored value itself does not go into an error. */
const reasonOf = (error: Schema.SchemaError): string => InputIssue.format(InputIssue.of(error))

/** One more row than the page has tells whether there is a next one. */
const toPage = (rows: ReadonlyArray<BindingRow>, limit: number): ThreadPage => {
  const page = rows.slice(0, limit)
  const last = page.at(-1)
  const read = page.map((row) => ({ row, binding: toBinding(row) }))
  return {
    threads: read.flatMap(({ binding }) => Result.isSuccess(binding) ? [binding.success] : []),
    unreadable: read.flatMap(({ binding, row }) =>
      Result.isFailure(binding) ? [{ threadId: String(row.thread_id), reason: reasonOf(binding.failure) }] : []
    ),
    next: last === undefined || rows.length <= limit
      ? undefined
      : pageCursor.after(last.active_at, last.thread_id)
  }
}

export const make = (sql: SqlClient.SqlClient) => {
  /** The first row of the query, read by a decoder that may fail. */
  const readOne = <Row, A, E extends { readonly _tag: string }>(
    operation: string,
    rows: Effect.Effect<ReadonlyArray<Row>, SqlError.SqlError>,
    decode: (row: Row) => Result.Result<A, E>
  ): Effect.Effect<Option.Option<A>, StoreFailed | E> =>
    Effect.flatMap(
      read(operation, rows),
      ([row]) => row === undefined ? Effect.succeedNone : Effect.asSome(Effect.fromResult(decode(row)))
    )

  return {
    readBlob: (threadId: ThreadId, sha256: string) => read("read a blob", sqlBlobs.read(sql, threadId, sha256)),

    getThread: (threadId: ThreadId) =>
      readOne(
        "read a thread",
        sql<BindingRow>`SELECT * FROM eca_threads WHERE thread_id = ${threadId}`,
        (row) => Result.mapError(toBinding(row), (error) => new ThreadUnreadable({ threadId, reason: reasonOf(error) }))
      ),

    listThreads: ({ where = {}, ...query }: {
      readonly limit: number
      readonly after?: string | undefined
      readonly where?: ThreadFilter | undefined
    }) =>
      Effect.gen(function*() {
        const { after, limit } = yield* pageCursor.decode(query)
        const conditions = [
          ...(after === undefined ? [] : [sql`(active_at, thread_id) < (${after[0]}, ${after[1]})`]),
          ...threadFilter.conditions(sql, where)
        ]
        const rows = yield* read(
          "list threads",
          sql<BindingRow>`SELECT * FROM eca_threads WHERE ${sql.and(conditions)}
            ORDER BY active_at DESC, thread_id DESC LIMIT ${limit + 1}`
        )
        return toPage(rows, limit)
      }),

    boundSessions: (
      instanceId: InstanceId,
      sessionIds: ReadonlyArray<SessionId>
    ): Effect.Effect<ReadonlyMap<SessionId, ThreadId>, StoreFailed> =>
      sessionIds.length === 0 ? Effect.succeed(new Map()) : read(
        "read bound sessions",
        sql<{ readonly thread_id: string; readonly session_id: string }>`SELECT thread_id, session_id FROM eca_threads
          WHERE instance_id = ${instanceId} AND ${sql.in("session_id", sessionIds)}
          UNION SELECT thread_id, session_id FROM eca_cursors
          WHERE instance_id = ${instanceId} AND ${sql.in("session_id", sessionIds)}`.pipe(
          Effect.map((rows) =>
            new Map(rows.flatMap((row) => {
              const threadId = toThreadId(row.thread_id)
              const sessionId = sessionIds.find((id) => id === row.session_id)
              return threadId === undefined || sessionId === undefined ? [] : [[sessionId, threadId] as const]
            }))
          )
        )
      ),

    tombstone: (threadId: ThreadId) =>
      read(
        "read a tombstone",
        sql<{ readonly position: BigIntColumn; readonly at: BigIntColumn }>`SELECT position, at FROM eca_tombstones
          WHERE thread_id = ${threadId} ORDER BY position DESC LIMIT 1`.pipe(
          Effect.map(([row]) =>
            Option.map(Option.fromUndefinedOr(row), ({ at, position }) => ({
              position: toPosition(position),
              at: toNumber(at)
            }))
          )
        )
      ),

    getCursor: (threadId: ThreadId, instanceId: InstanceId) =>
      read(
        "read a cursor",
        sql<{ readonly body: string }>`SELECT body FROM eca_cursors
          WHERE thread_id = ${threadId} AND instance_id = ${instanceId}`.pipe(
          Effect.map(([row]) => row === undefined ? Option.none() : Option.some(parseJson(row.body)))
        )
      ),

    getTurn: (turnId: TurnId) =>
      readOne(
        "read a turn",
        sql<TurnRow>`SELECT u.*, i.body AS input, i.asked FROM eca_turns u
          LEFT JOIN eca_inputs i ON i.thread_id = u.thread_id AND i.turn_id = u.turn_id
          WHERE u.turn_id = ${turnId}`,
        (row) => Result.mapError(toTurn(row), (error) => new TurnUnreadable({ turnId, reason: reasonOf(error) }))
      ),

    spent: (threadId: ThreadId) =>
      read(
        "read what a thread has spent",
        sql<{ readonly tokens: BigIntColumn | null; readonly cost: number | null }>`SELECT SUM(tokens) AS tokens,
          SUM(cost_usd) AS cost FROM eca_turns WHERE thread_id = ${threadId}`.pipe(
          Effect.map(([row]): Spent => ({ tokens: Number(row?.tokens ?? 0), costUsd: Number(row?.cost ?? 0) }))
        )
      ),

    turnRefs: (threadId: ThreadId): Effect.Effect<ReadonlyMap<TurnId, string>, StoreFailed> =>
      read(
        "read the refs of turns",
        sql<{ readonly turn_id: string; readonly ref: string }>`SELECT turn_id, ref FROM eca_turns
          WHERE thread_id = ${threadId} AND ref IS NOT NULL`.pipe(
          Effect.map((rows) =>
            new Map(rows.flatMap((row) => {
              const turnId = toTurnId(row.turn_id)
              return turnId === undefined ? [] : [[turnId, String(row.ref)] as const]
            }))
          )
        )
      ),

    unreconciledTurns: (threadId: ThreadId) =>
      read(
        "read turns to reconcile",
        sql<TurnRow>`SELECT u.*, i.body AS input, i.asked FROM eca_turns u
          LEFT JOIN eca_inputs i ON i.thread_id = u.thread_id AND i.turn_id = u.turn_id
            WHERE u.thread_id = ${threadId} AND u.reconcile = 1 AND u.cause IS NULL
            ORDER BY u.intent_at, u.turn_id`.pipe(
          Effect.map((rows) =>
            rows.flatMap((row) => Result.match(toTurn(row), { onFailure: () => [], onSuccess: (turn) => [turn] }))
          )
        )
      ),

    readEvents: ({ after, limit, threadId }: {
      readonly threadId: ThreadId
      readonly after: number
      readonly limit: number
    }) =>
      read(
        "read events",
        Effect.map(
          eventRows.select(sql, sql`WHERE thread_id = ${threadId} AND seq > ${after} ORDER BY seq LIMIT ${limit}`),
          (rows) => rows.map((row) => toEvent(threadId, row))
        )
      ),

    endOfLog: (threadId: ThreadId) =>
      read(
        "read the end of a log",
        sql<{ readonly last_seq: BigIntColumn; readonly epoch: BigIntColumn; readonly position: BigIntColumn }>`SELECT
          (SELECT COALESCE(MAX(seq), 0) FROM eca_events WHERE thread_id = ${threadId}) AS last_seq, epoch, position
          FROM eca_threads WHERE thread_id = ${threadId}`.pipe(
          Effect.map(([row]) =>
            Option.map(Option.fromUndefinedOr(row), ({ epoch, last_seq, position }) => ({
              lastSeq: toNumber(last_seq),
              epoch: toEpoch(epoch),
              position: toPosition(position)
            }))
          )
        )
      ),

    requestStatus: (
      threadId: ThreadId,
      requestId: RequestId
    ): Effect.Effect<"unknown" | "open" | "settled", StoreFailed> =>
      read(
        "read a request",
        sql<{ readonly type: string }>`SELECT type FROM eca_events
          WHERE thread_id = ${threadId} AND subject_id = ${requestId}
            AND type IN ('ApprovalRequested', 'ApprovalSettled', 'QuestionAsked', 'QuestionSettled',
              'ElicitationRequested', 'ElicitationSettled')
          ORDER BY seq DESC LIMIT 1`.pipe(
          Effect.map(([last]) => {
            if (last === undefined) return "unknown"
            return last.type.endsWith("Settled") ? "settled" : "open"
          })
        )
      ),

    dueThreads: ({ limit, now }: { readonly now: number; readonly limit: number }) =>
      read(
        "read due threads",
        sql<{ readonly thread_id: string; readonly epoch: BigIntColumn }>`SELECT thread_id, epoch FROM eca_threads
          WHERE due_at <= ${now} ORDER BY due_at LIMIT ${limit}`.pipe(
          Effect.map((rows) =>
            rows.flatMap((row): ReadonlyArray<{ readonly threadId: ThreadId; readonly epoch: Epoch }> => {
              const threadId = toThreadId(row.thread_id)
              return threadId === undefined ? [] : [{ threadId, epoch: toEpoch(row.epoch) }]
            })
          )
        )
      )
  }
}
