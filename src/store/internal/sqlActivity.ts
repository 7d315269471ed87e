/**
 * What threads are doing beside their records, for a page of them at once: four statements, each by an index, however
 * many threads there are.
 */
import { Array as Arr, Effect, Option, Schema } from "effect"
import type { SqlClient } from "effect/sql"
import type { ThreadId } from "../../domain/Ids.ts"
import { Background, LastTurn, none, OpenRequest, type ThreadActivity } from "../../domain/ThreadActivity.ts"
import type { ThreadEvent } from "../../domain/ThreadEvent.ts"
import type { StoreFailed } from "../StoreError.ts"
import * as eventRows from "./eventRows.ts"
import {
  type BigIntColumn,
  contextSubject,
  type EventRow,
  opensSubject,
  rewindSubject,
  toEvent,
  toNumber,
  toThreadId,
  type TurnRow
} from "./rows.ts"
import { read } from "./run.ts"

const decodeTurn = Schema.decodeUnknownOption(LastTurn)

const statuses: Readonly<Record<string, string>> = { intent: "sending", accepted: "running" }

const lastTurnOf = (row: TurnRow): Option.Option<LastTurn> =>
  decodeTurn({
    turnId: row.turn_id,
    status: statuses[row.status] ?? row.status,
    ...(row.cause === null ? {} : { cause: row.cause }),
    startedAt: toNumber(row.intent_at),
    ...(row.ended_at === null ? {} : { endedAt: toNumber(row.ended_at) })
  })

const requestOf = (event: ThreadEvent): ReadonlyArray<OpenRequest> => {
  const asked = { at: event.at, ...("turnId" in event && event.turnId !== undefined ? { turnId: event.turnId } : {}) }
  switch (event._tag) {
    case "ApprovalRequested":
      return [OpenRequest.make({ _tag: "Approval", request: event.request, ...asked })]
    case "QuestionAsked":
      return [OpenRequest.make({ _tag: "Question", request: event.request, ...asked })]
    case "ElicitationRequested":
      return [OpenRequest.make({ _tag: "Elicitation", request: event.request, ...asked })]
    default:
      return []
  }
}

const backgroundOf = (event: ThreadEvent): ReadonlyArray<Background> =>
  event._tag === "TaskStarted"
    ? [Background.make({ _tag: "Task", task: event.task })]
    : event._tag === "ItemDetached"
    ? [Background.make({ _tag: "Item", item: event.item })]
    : []

type Ids = Arr.NonEmptyReadonlyArray<ThreadId>

export const make = (sql: SqlClient.SqlClient) => {
  const eventColumns = sql.literal(eventRows.columns)

  /** What was opened in a live epoch and not closed. */
  const open = (ids: Ids) =>
    sql<EventRow>`SELECT ${eventColumns}
      FROM eca_threads t JOIN eca_events e ON e.thread_id = t.thread_id AND e.epoch = t.epoch
      WHERE t.thread_id IN ${sql.in(ids)} AND t.status <> 'stopped' AND e.subject_id IS NOT NULL
        AND e.${sql.literal(opensSubject)}
        AND NOT EXISTS (SELECT 1 FROM eca_events c
          WHERE c.thread_id = e.thread_id AND c.subject_id = e.subject_id AND c.seq > e.seq)
      ORDER BY e.thread_id, e.seq`

  const lastTurns = (ids: Ids) =>
    sql<TurnRow>`SELECT u.* FROM eca_threads t JOIN eca_turns u ON u.turn_id = (
        SELECT l.turn_id FROM eca_turns l WHERE l.thread_id = t.thread_id AND l.status <> 'refused'
        ORDER BY l.intent_at DESC, l.turn_id DESC LIMIT 1)
      WHERE t.thread_id IN ${sql.in(ids)}`

  const spent = (ids: Ids) =>
    sql<{
      readonly thread_id: string
      readonly tokens: BigIntColumn | null
      readonly cost: number | null
    }>`SELECT thread_id, SUM(tokens) AS tokens, SUM(cost_usd) AS cost FROM eca_turns
      WHERE thread_id IN ${sql.in(ids)} GROUP BY thread_id`

  /** What was told of the context last, unless the conversation was taken back since. */
  const contexts = (ids: Ids) =>
    sql<EventRow>`SELECT ${eventColumns} FROM eca_threads t JOIN eca_events e ON e.thread_id = t.thread_id
        AND e.seq = (SELECT MAX(c.seq) FROM eca_events c
          WHERE c.thread_id = t.thread_id AND c.subject_id = ${contextSubject})
      WHERE t.thread_id IN ${sql.in(ids)} AND NOT EXISTS (SELECT 1 FROM eca_events r
        WHERE r.thread_id = t.thread_id AND r.subject_id = ${rewindSubject} AND r.seq > e.seq)`

  const readAll = Effect.fnUntraced(function*(ids: Ids) {
    const found = new Map(ids.map((threadId): [ThreadId, ThreadActivity] => [threadId, none]))
    const change = (id: string, of: (before: ThreadActivity, threadId: ThreadId) => Partial<ThreadActivity>) => {
      const threadId = toThreadId(id)
      const before = threadId === undefined ? undefined : found.get(threadId)
      if (threadId !== undefined && before !== undefined) found.set(threadId, { ...before, ...of(before, threadId) })
    }
    for (const row of yield* open(ids)) {
      change(row.thread_id, ({ background, openRequests }, threadId) => {
        const event = toEvent(threadId, row)
        return {
          openRequests: [...openRequests, ...requestOf(event)],
          background: [...background, ...backgroundOf(event)]
        }
      })
    }
    for (const row of yield* lastTurns(ids)) {
      change(
        row.thread_id,
        () => Option.match(lastTurnOf(row), { onNone: () => ({}), onSome: (lastTurn) => ({ lastTurn }) })
      )
    }
    for (const { cost, thread_id, tokens } of yield* spent(ids)) {
      change(thread_id, () => ({ usage: { tokens: toNumber(tokens ?? 0), costUsd: toNumber(cost ?? 0) } }))
    }
    for (const row of yield* contexts(ids)) {
      change(row.thread_id, (_, threadId) => {
        const event = toEvent(threadId, row)
        if (event._tag !== "ContextUpdated") return {}
        const { used, window } = event
        return { context: { used, ...(window === undefined ? {} : { window }) } }
      })
    }
    return found
  })

  return {
    activity: (
      threadIds: ReadonlyArray<ThreadId>
    ): Effect.Effect<ReadonlyMap<ThreadId, ThreadActivity>, StoreFailed> =>
      Arr.isReadonlyArrayNonEmpty(threadIds)
        ? read("read what threads are doing", readAll(threadIds))
        : Effect.succeed(new Map())
  }
}
