/**
 * Settles what a crashed owner left open: what that is, and which events close it, is told by {@link OpenWork}; here is
 * how it is read and written, some hundred threads at a time. What a transaction has settled is not open any more, so
 * running it again, after a crash in the middle too, changes nothing.
 *
 * It is total: of a row that cannot be read the state is settled and nothing is said, so it never keeps the store closed.
 */
import { Array as Arr, Clock, Effect, Option, Schema } from "effect"
import type { SqlClient, SqlError } from "effect/sql"
import { InstanceId, ProviderName, SessionId, type ThreadId, type TurnId } from "../../domain/Ids.ts"
import type { Instrumentation, SettledThread } from "../../domain/Instrumentation.ts"
import type { Identity } from "../../domain/LifecycleEvent.ts"
import * as OpenWork from "../../domain/OpenWork.ts"
import type { NumberedEvent } from "../../domain/ThreadEvent.ts"
import { RecordedInput } from "../../domain/TurnInput.ts"
import * as Usage from "../../domain/Usage.ts"
import * as LifecycleRecord from "../LifecycleRecord.ts"
import * as eventLog from "./eventLog.ts"
import * as eventRows from "./eventRows.ts"
import type { Positions } from "./positions.ts"
import {
  type BigIntColumn,
  type EventRow,
  opensSubject,
  parseJson,
  toEpoch,
  toEvent,
  toNumber,
  toThreadId,
  toTurnId
} from "./rows.ts"
import * as StoreOutbox from "./sqlHookOutbox.ts"

/** Threads of one transaction. */
export const groupSize = 500

interface ThreadRow {
  readonly thread_id: string
  readonly status: string
  readonly epoch: BigIntColumn
  readonly last_seq: BigIntColumn
  readonly max_seq: BigIntColumn | null
  readonly last_at: BigIntColumn | null
  readonly active_at: BigIntColumn
  readonly provider: string
  readonly instance_id: string
  readonly session_id: string | null
  readonly directory: string
}

interface TurnRow {
  readonly thread_id: string
  readonly turn_id: string
  readonly status: string
  readonly input: string | null
  readonly trace: string | null
}

type Ids = Arr.NonEmptyReadonlyArray<string>

const decodeInput = Schema.decodeUnknownOption(RecordedInput)
const decodeIdentity = Schema.decodeUnknownOption(
  Schema.Struct({ provider: ProviderName, instanceId: InstanceId, sessionId: SessionId, directory: Schema.String })
)

const readThreads = (sql: SqlClient.SqlClient, ids: Ids) =>
  sql<
    ThreadRow
  >`SELECT t.thread_id, t.status, t.epoch, t.last_seq, t.active_at, t.provider, t.instance_id, t.session_id,
      t.directory, l.at AS last_at, (SELECT MAX(seq) FROM eca_events WHERE thread_id = t.thread_id) AS max_seq
    FROM eca_threads t LEFT JOIN eca_events l ON l.thread_id = t.thread_id AND l.seq = t.last_seq
    WHERE t.thread_id IN ${sql.in(ids)}`

const readTurns = (sql: SqlClient.SqlClient, ids: Ids) =>
  sql<TurnRow>`SELECT u.thread_id, u.turn_id, u.status, u.trace, i.body AS input
    FROM eca_turns u LEFT JOIN eca_inputs i ON i.thread_id = u.thread_id AND i.turn_id = u.turn_id
    WHERE u.thread_id IN ${sql.in(ids)} AND u.status IN ('intent', 'accepted') ORDER BY u.intent_at, u.turn_id`

/** Requests, compactions, tasks and items of no turn that were opened in the live epoch and not closed: by their index. */
const readSubjects = (sql: SqlClient.SqlClient, ids: Ids) =>
  sql<EventRow>`SELECT ${sql.literal(eventRows.columns)}
    FROM eca_threads t JOIN eca_events e ON e.thread_id = t.thread_id AND e.epoch = t.epoch
    WHERE t.thread_id IN ${sql.in(ids)} AND e.subject_id IS NOT NULL
      AND e.${sql.literal(opensSubject)}
      AND NOT EXISTS (SELECT 1 FROM eca_events c
        WHERE c.thread_id = e.thread_id AND c.subject_id = e.subject_id AND c.seq > e.seq)`

/**
 * What was recorded of the turn that was running, by the end of the log alone: from the start of the oldest turn that is
 * open, or from the last end of a turn, whichever comes first.
 */
const readTurnEvents = (sql: SqlClient.SqlClient, ids: Ids) =>
  sql<EventRow>`WITH t AS MATERIALIZED (
      SELECT thread_id, epoch,
        (SELECT MIN((
          SELECT s.seq FROM eca_events s WHERE s.thread_id = u.thread_id AND s.type IN ('TurnStarted', 'TurnBegan')
            AND s.turn_id = u.turn_id ORDER BY s.seq DESC LIMIT 1
        )) FROM eca_turns u WHERE u.thread_id = eca_threads.thread_id
          AND u.status IN ('intent', 'accepted') AND u.status = 'accepted') AS started,
        (SELECT x.seq FROM eca_events x WHERE x.thread_id = eca_threads.thread_id
          AND x.type IN ('SessionStarted', 'TurnCompleted', 'TurnFailed', 'TurnInterrupted', 'TurnUnknown')
          ORDER BY x.seq DESC LIMIT 1) AS ended
      FROM eca_threads WHERE thread_id IN ${sql.in(ids)}
    )
    SELECT ${sql.literal(eventRows.columns)}
    FROM t JOIN eca_events e ON e.thread_id = t.thread_id
      AND e.seq >= COALESCE(CASE WHEN t.started < t.ended THEN t.started END, t.ended, t.started, 0)
    WHERE e.epoch = t.epoch AND (e.subject_id IS NULL OR e.turn_id IS NOT NULL)
      AND e.type IN ('TurnStarted', 'TurnBegan', 'ItemStarted', 'ItemCompleted', 'UsageUpdated')`

const byThread = <Row extends { readonly thread_id: string }>(rows: ReadonlyArray<Row>) =>
  Map.groupBy(rows, (row) => row.thread_id)

/** What one thread leaves open. */
const openWork = (
  threadId: ThreadId,
  turns: ReadonlyArray<TurnRow>,
  events: ReadonlyArray<EventRow>
): OpenWork.OpenWork => {
  let open = OpenWork.empty
  for (const row of turns) {
    const turnId = toTurnId(row.turn_id)
    if (turnId === undefined) continue
    const { input: text } = row
    const input = text === null
      ? undefined
      : Option.getOrElse(decodeInput(parseJson(text)), (): RecordedInput => ({ prompt: text }))
    open = OpenWork.recordTurn(open, turnId, { input, started: row.status === "accepted" })
  }
  return events.map((row) => toEvent(threadId, row)).toSorted((a, b) => a.seq - b.seq).reduce(OpenWork.fold, open)
}

/** The events that settle one thread, at their places. */
const settlement = (
  thread: ThreadRow,
  turns: ReadonlyArray<TurnRow>,
  events: ReadonlyArray<EventRow>,
  at: number
): ReadonlyArray<NumberedEvent> => {
  const threadId = toThreadId(thread.thread_id)
  if (threadId === undefined) return []
  const lastSeq = Math.max(toNumber(thread.last_seq), toNumber(thread.max_seq))
  const endedAt = thread.status === "stopped"
    ? undefined
    : Math.max(toNumber(thread.active_at), toNumber(thread.last_at))
  const epoch = toEpoch(thread.epoch)
  const bodies = OpenWork.closeAfterCrash(openWork(threadId, turns, events), { endedAt })
  return Array.from(bodies, (body, n) => ({ ...body, seq: lastSeq + n + 1, threadId, epoch, at }))
}

const identityOf = (thread: ThreadRow): Option.Option<Identity> =>
  decodeIdentity({
    provider: thread.provider,
    instanceId: thread.instance_id,
    sessionId: thread.session_id,
    directory: thread.directory
  })

/** What these events tell hooks; nothing of a thread whose session cannot be named. */
const told = (thread: ThreadRow, events: ReadonlyArray<NumberedEvent>) =>
  Option.match(identityOf(thread), {
    onNone: () => [],
    onSome: (identity) => events.flatMap((event) => LifecycleRecord.of(event, identity) ?? [])
  })

/** Turns that ended before one of their items was cut. */
const reconcileCut = (sql: SqlClient.SqlClient, events: ReadonlyArray<NumberedEvent>) => {
  const turnIds = new Set(
    events.flatMap((event) =>
      event._tag === "ItemCompleted" && event.cut === true && event.turnId !== undefined ? [event.turnId] : []
    )
  )
  return Effect.forEach(
    Arr.chunksOf(turnIds, groupSize),
    (some) => sql`UPDATE eca_turns SET reconcile = 1 WHERE turn_id IN ${sql.in(some)}`,
    { discard: true }
  )
}

/** What their agents have told of what the turns have used. */
const recordSpent = (sql: SqlClient.SqlClient, events: ReadonlyArray<NumberedEvent>) =>
  Effect.forEach(
    events.flatMap((event) =>
      event._tag === "TurnUnknown" && event.usage !== undefined
        ? [{ turnId: event.turnId, spent: Usage.spend(Usage.nothingSpent, event.usage) }]
        : []
    ),
    ({ spent: { costUsd, tokens }, turnId }) =>
      sql`UPDATE eca_turns SET tokens = ${tokens}, cost_usd = ${costUsd} WHERE turn_id = ${turnId}`,
    { discard: true }
  )

/** What settling needs. */
export interface Parts {
  readonly sql: SqlClient.SqlClient
  readonly positions: Positions
  readonly outbox: StoreOutbox.Subscriptions
  readonly instrumentation: Instrumentation | undefined
}

const settledThread = (
  { instance_id, provider }: ThreadRow,
  turns: ReadonlyArray<TurnRow>,
  events: ReadonlyArray<NumberedEvent>
): ReadonlyArray<SettledThread> => {
  const [first] = events
  if (first === undefined) return []
  const traces = new Map<TurnId, string>()
  for (const { trace, turn_id } of turns) {
    const turnId = toTurnId(turn_id)
    if (turnId !== undefined && trace !== null) traces.set(turnId, trace)
  }
  return [{ threadId: first.threadId, instanceId: instance_id, provider, events, traces }]
}

/** Settles threads in one transaction; answers how many rows it has changed, and what it has settled. */
const settleRows = Effect.fnUntraced(
  function*({ outbox, positions, sql }: Parts, ids: Ids) {
    const threads = yield* readThreads(sql, ids)
    const turns = yield* readTurns(sql, ids)
    const live = threads.filter(({ status }) => status !== "stopped").map((thread) => thread.thread_id)
    if (live.length === 0 && turns.length === 0) return { changed: 0, settled: [] }
    const rows = Arr.isReadonlyArrayNonEmpty(live)
      ? [...(yield* readSubjects(sql, live)), ...(yield* readTurnEvents(sql, live))]
      : []
    const turnsOf = byThread(turns)
    const rowsOf = byThread(rows)
    const at = yield* Clock.currentTimeMillis
    const settled = threads.map((thread) => {
      const id = thread.thread_id
      return { thread, events: settlement(thread, turnsOf.get(id) ?? [], rowsOf.get(id) ?? [], at) }
    })
    const events = settled.flatMap((one) => one.events)
    const last = yield* positions.take(events.length)
    yield* eventLog.insert(sql, events, last)
    yield* StoreOutbox.record(sql, outbox, settled.flatMap((one) => told(one.thread, one.events)))
    yield* reconcileCut(sql, events)
    yield* recordSpent(sql, events)
    const endedTurns = yield* sql`UPDATE eca_turns SET status = 'unknown', ended_at = ${at}, reconcile = 1
      WHERE thread_id IN ${sql.in(ids)} AND status IN ('intent', 'accepted') RETURNING turn_id`
    const stopped = yield* sql`UPDATE eca_threads SET status = 'stopped', due_at = NULL, active_at = ${at},
        position = ${last},
        last_seq = COALESCE((SELECT MAX(seq) FROM eca_events WHERE thread_id = eca_threads.thread_id), last_seq)
      WHERE thread_id IN ${sql.in(ids)} RETURNING thread_id`
    return {
      changed: endedTurns.length + stopped.length,
      settled: settled.flatMap(({ events, thread }) =>
        settledThread(thread, turnsOf.get(thread.thread_id) ?? [], events)
      )
    }
  },
  (effect, { sql }) => sql.withTransaction(effect)
)

/** Settles threads, and tells of it; answers how many rows it has changed. */
const settleGroup = (parts: Parts, ids: Ids) =>
  Effect.map(settleRows(parts, ids), ({ changed, settled }) => {
    for (const thread of settled) parts.instrumentation?.settled(thread)
    return changed
  })

/** Settles one thread. */
export const settle = (
  parts: Parts,
  threadId: ThreadId
): Effect.Effect<void, SqlError.SqlError> => Effect.asVoid(settleGroup(parts, [threadId]))

/** Settles every thread that was left live, or with a turn that has no terminal event. */
export const settleAll = Effect.fnUntraced(
  function*(parts: Parts) {
    const { sql } = parts
    type Row = { readonly thread_id: string }
    const left = [
      sql<Row>`SELECT thread_id FROM eca_threads WHERE status <> 'stopped' LIMIT ${groupSize}`,
      sql<Row>`SELECT DISTINCT thread_id FROM eca_turns WHERE status IN ('intent', 'accepted') LIMIT ${groupSize}`
    ]
    for (const next of left) {
      for (;;) {
        const ids = (yield* next).map((row) => row.thread_id)
        if (!Arr.isReadonlyArrayNonEmpty(ids)) break
        if ((yield* settleGroup(parts, ids)) > 0) continue
        // Ids that are not what they are read as: their rows are not found by them, and are settled all the same.
        yield* sql`UPDATE eca_threads SET status = 'stopped', due_at = NULL WHERE status <> 'stopped'`
        yield* sql`UPDATE eca_turns SET status = 'unknown' WHERE status IN ('intent', 'accepted')`
        break
      }
    }
  }
)
