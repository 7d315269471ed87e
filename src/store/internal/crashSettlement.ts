/**
 * Settles what a crashed owner left open, one transaction per thread. What a transaction has settled is not open any
 * more, so running it again, after a crash in the middle too, changes nothing.
 *
 * - open approvals and questions of the epoch: settled by `host-crash`;
 * - an accepted turn: `TurnUnknown`, `host-crash`;
 * - a turn that was recorded and perhaps sent: `TurnStarted`, so that the user's words are in the log, and
 *   `TurnUnknown`, `delivery-uncertain`;
 * - a compaction that was gated: `CompactionSettled`, `unknown`;
 * - the epoch: `SessionEnded`, `host-crash`, with the time of the last thing that was recorded.
 */
import { Clock, Effect, Option, Schema } from "effect"
import type { SqlClient, SqlError } from "effect/sql"
import { Epoch, InstanceId, ProviderName, RequestId, SessionId, ThreadId, TurnId } from "../../domain/Ids.ts"
import { type EventBody, type NumberedEvent, unknownCompaction } from "../../domain/ThreadEvent.ts"
import { TurnInput } from "../../domain/TurnInput.ts"
import * as LifecycleRecord from "../LifecycleRecord.ts"
import * as eventLog from "./eventLog.ts"
import type { Positions } from "./positions.ts"
import { type BigIntColumn, type EventRow, parseJson, toEvent } from "./rows.ts"
import * as StoreOutbox from "./sqlHookOutbox.ts"

interface RequestRow {
  readonly subject_id: string
  readonly turn_id: string | null
  readonly type: string
}

interface OpenTurnRow {
  readonly turn_id: string
  readonly status: string
  readonly input: string
}

const decodeInput = Schema.decodeUnknownOption(TurnInput)

/** Requests of the epoch whose last event is the asking, in the order they were asked. */
const openRequests = (rows: ReadonlyArray<RequestRow>): ReadonlyArray<EventBody> => {
  const open = new Map<string, EventBody>()
  for (const row of rows) {
    open.delete(row.subject_id)
    if (row.type !== "ApprovalRequested" && row.type !== "QuestionAsked") continue
    open.set(row.subject_id, {
      _tag: row.type === "ApprovalRequested" ? "ApprovalSettled" : "QuestionSettled",
      requestId: RequestId.make(row.subject_id),
      by: "host-crash",
      ...(row.turn_id === null ? {} : { turnId: TurnId.make(row.turn_id) })
    })
  }
  return Array.from(open.values())
}

const endings = (turn: OpenTurnRow): ReadonlyArray<EventBody> => {
  const turnId = TurnId.make(turn.turn_id)
  if (turn.status === "accepted") return [{ _tag: "TurnUnknown", turnId, reason: "host-crash" }]
  const input = Option.getOrElse(decodeInput(parseJson(turn.input)), (): TurnInput => ({ prompt: turn.input }))
  return [
    { _tag: "TurnStarted", turnId, input },
    { _tag: "TurnUnknown", turnId, reason: "delivery-uncertain" }
  ]
}

/** Compactions of the epoch that were gated and have no outcome. */
const openCompactions = (rows: ReadonlyArray<EventRow>): ReadonlyArray<EventBody> => {
  const open = new Map<string, EventBody>()
  for (const event of rows.map(toEvent)) {
    if (event._tag === "CompactionGated") open.set(event.compactionId, unknownCompaction(event))
    if (event._tag === "CompactionSettled") open.delete(event.compactionId)
  }
  return Array.from(open.values())
}

/** Settles one thread, in a transaction of its own. */
export const settle = (
  sql: SqlClient.SqlClient,
  positions: Positions,
  outbox: StoreOutbox.Subscriptions,
  threadId: ThreadId
): Effect.Effect<void, SqlError.SqlError> =>
  Effect.gen(function*() {
    const [thread] = yield* sql<{
      readonly status: string
      readonly epoch: BigIntColumn
      readonly last_seq: BigIntColumn
      readonly active_at: BigIntColumn
      readonly provider: string
      readonly instance_id: string
      readonly session_id: string | null
      readonly directory: string
    }>`SELECT status, epoch, last_seq, active_at, provider, instance_id, session_id, directory FROM eca_threads WHERE thread_id = ${threadId}`
    if (thread === undefined) return
    const live = thread.status !== "stopped"
    const turns = yield* sql<OpenTurnRow>`SELECT turn_id, status, input FROM eca_turns
      WHERE thread_id = ${threadId} AND status IN ('intent', 'accepted') ORDER BY intent_at`
    const requests = live
      ? yield* sql<RequestRow>`SELECT subject_id, turn_id, type FROM eca_events
        WHERE thread_id = ${threadId} AND subject_id IS NOT NULL AND epoch = ${Number(thread.epoch)}
          AND type IN ('ApprovalRequested', 'ApprovalSettled', 'QuestionAsked', 'QuestionSettled') ORDER BY seq`
      : []
    if (!live && turns.length === 0) return
    const compactions = live
      ? yield* sql<EventRow>`SELECT thread_id, seq, epoch, turn_id, type, at, position, body FROM eca_events
        WHERE thread_id = ${threadId} AND epoch = ${Number(thread.epoch)}
          AND type IN ('CompactionGated', 'CompactionSettled') ORDER BY seq`
      : []
    const [last] = yield* sql<{ readonly at: BigIntColumn }>`SELECT at FROM eca_events
      WHERE thread_id = ${threadId} AND seq = ${Number(thread.last_seq)}`
    const endedAt = Math.max(Number(thread.active_at), Number(last?.at ?? 0))
    const at = yield* Clock.currentTimeMillis
    const bodies: ReadonlyArray<EventBody> = [
      ...openRequests(requests),
      ...turns.flatMap(endings),
      ...openCompactions(compactions),
      ...(live ? [{ _tag: "SessionEnded", reason: "host-crash", endedAt } as const] : [])
    ]
    const epoch = Epoch.make(Number(thread.epoch))
    const lastSeq = Number(thread.last_seq)
    const position = yield* positions.next
    const events = bodies.map((body, n): NumberedEvent => ({ ...body, seq: lastSeq + n + 1, threadId, epoch, at }))
    yield* eventLog.insert(sql, events, position)
    const identity = {
      provider: ProviderName.make(thread.provider),
      instanceId: InstanceId.make(thread.instance_id),
      sessionId: SessionId.make(thread.session_id ?? ""),
      directory: thread.directory
    }
    yield* StoreOutbox.record(sql, outbox, events.flatMap((event) => LifecycleRecord.of(event, identity) ?? []))
    yield* sql`UPDATE eca_turns SET status = 'unknown', ended_at = ${at}, reconcile = 1
      WHERE thread_id = ${threadId} AND status IN ('intent', 'accepted')`
    yield* sql`UPDATE eca_threads
      SET status = 'stopped', due_at = NULL, active_at = ${at}, last_seq = ${lastSeq + bodies.length},
        position = ${position}
      WHERE thread_id = ${threadId}`
  }).pipe(sql.withTransaction)

/** Settles every thread that was left live, or with a turn that has no terminal event. */
export const settleAll = (
  sql: SqlClient.SqlClient,
  positions: Positions,
  outbox: StoreOutbox.Subscriptions
): Effect.Effect<void, SqlError.SqlError> =>
  sql<{ readonly thread_id: string }>`SELECT thread_id FROM eca_threads WHERE status <> 'stopped'
    UNION SELECT thread_id FROM eca_turns WHERE status IN ('intent', 'accepted')`.pipe(
    Effect.flatMap(
      Effect.forEach(({ thread_id }) => settle(sql, positions, outbox, ThreadId.make(thread_id)), { discard: true })
    )
  )
