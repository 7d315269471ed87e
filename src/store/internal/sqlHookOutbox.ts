/**
 * The outbox of hooks in the database: recording, which happens inside of the transactions that write a thread's log,
 * and the {@link HookOutbox} on the same tables.
 *
 * The durable hooks are kept in memory, and in a table of registrations. Where there is none, a commit costs no further
 * statement.
 */
import { Array as Arr, Clock, Effect, Option, Schema } from "effect"
import type { SqlClient, SqlError } from "effect/sql"
import * as Lifecycle from "../../domain/LifecycleEvent.ts"
import type { HookOutbox } from "../HookOutbox.ts"
import * as pages from "./hookDeliveryPages.ts"
import { type BigIntColumn, parseJson } from "./rows.ts"
import { read, write } from "./run.ts"

/** Who is told of what is written to the log. */
export interface Subscriptions {
  /** Patterns by the name of the hook. */
  readonly hooks: Map<string, ReadonlyArray<string>>
  /** Of the last recorded event. One process owns the store, so it is counted here. */
  ordinal: number
  /** Events up to this one were recorded by an earlier run, or by the settlement of its crash. Until that is over: all. */
  openedAt: number
}

const decodePatterns = Schema.decodeUnknownOption(Schema.Array(Schema.String))

/** Reads what is known: before anything is written to a log. */
export const load = Effect.fnUntraced(function*(sql: SqlClient.SqlClient) {
  const hooks = yield* sql<{ readonly name: string; readonly patterns: string }>`SELECT name, patterns FROM eca_hooks`
  const [last] = yield* sql<{ readonly ordinal: BigIntColumn | null }>`SELECT MAX(ordinal) AS ordinal
    FROM eca_hook_events`
  const ordinal = Number(last?.ordinal ?? 0)
  const known: Subscriptions = {
    // Too many events rather than too few: a hook is not called for those that no longer match.
    hooks: new Map(
      hooks.map(({ name, patterns }) =>
        [name, Option.getOrElse(decodePatterns(parseJson(patterns)), () => ["*"])] as const
      )
    ),
    ordinal,
    openedAt: Number.MAX_SAFE_INTEGER
  }
  return known
})

/** Names of the hooks that are told of this event. */
const recipients = ({ hooks }: Subscriptions, event: Lifecycle.LifecycleEvent): ReadonlyArray<string> =>
  Array.from(hooks).filter(([, patterns]) => Lifecycle.matches(patterns, event._tag)).map(([name]) => name)

/** SQLite binds at most 32,766 values in a statement. */
const rowsPerInsert = 1024

const inserted = <Row extends object, A>(
  rows: ReadonlyArray<Row>,
  insert: (rows: Arr.NonEmptyReadonlyArray<Row>) => Effect.Effect<ReadonlyArray<A>, SqlError.SqlError>
): Effect.Effect<ReadonlyArray<A>, SqlError.SqlError> =>
  Effect.map(Effect.forEach(Arr.chunksOf(rows, rowsPerInsert), insert), Arr.flatten)

/**
 * Records these events for the hooks that want them: at most two statements, however many they are, up to a limit. To be
 * called inside of the transaction that writes what they tell. An event that was recorded before is not recorded again.
 */
export const record = (
  sql: SqlClient.SqlClient,
  outbox: Subscriptions,
  events: ReadonlyArray<Lifecycle.LifecycleEvent>
): Effect.Effect<void, SqlError.SqlError> => {
  if (outbox.hooks.size === 0 || events.length === 0) return Effect.void
  const wanted = events.map((event) => ({ event, hooks: recipients(outbox, event), ordinal: ++outbox.ordinal }))
    .filter(({ hooks }) => hooks.length > 0)
  if (wanted.length === 0) return Effect.void
  const rows = wanted.map(({ event, ordinal }) => ({
    event_id: event.eventId,
    thread_id: event.threadId,
    at: event.at,
    seq: event.seq,
    ordinal,
    body: JSON.stringify(event)
  }))
  return Effect.gen(function*() {
    const recorded = yield* inserted(
      rows,
      ([first, ...rest]) =>
        sql<{ readonly event_id: string }>`INSERT INTO eca_hook_events ${sql.insert([first, ...rest])}
        ON CONFLICT (event_id) DO NOTHING RETURNING event_id`
    )
    const fresh = new Set(recorded.map((row) => row.event_id))
    const deliveries = wanted.flatMap(({ event: { eventId }, hooks, ordinal }) =>
      fresh.delete(eventId)
        ? hooks.map((hook) => ({ event_id: eventId, hook, attempt: 0, due_at: 0, ordinal }))
        : []
    )
    yield* inserted(
      deliveries,
      ([first, ...rest]) => sql`INSERT INTO eca_hook_deliveries ${sql.insert([first, ...rest])}`
    )
  })
}

interface BacklogRow {
  readonly hook: string
  readonly deliveries: BigIntColumn
  readonly given_up: BigIntColumn
}

/** The outbox on an open store. */
export const operations = (sql: SqlClient.SqlClient, outbox: Subscriptions): HookOutbox["Service"] => {
  /** Removes the event's content with its last delivery; its id stays, so that it is not recorded again. */
  const acknowledge = ({ eventId, hook }: { readonly eventId: string; readonly hook: string }) =>
    Effect.andThen(
      sql`DELETE FROM eca_hook_deliveries WHERE event_id = ${eventId} AND hook = ${hook}`,
      sql`UPDATE eca_hook_events SET body = '' WHERE event_id = ${eventId}
        AND NOT EXISTS (SELECT 1 FROM eca_hook_deliveries WHERE event_id = ${eventId})`
    )

  const giveUp = (
    { at, error, eventId, hook }: {
      readonly hook: string
      readonly eventId: string
      readonly at: number
      readonly error: string
    }
  ) =>
    Effect.asVoid(sql`UPDATE eca_hook_deliveries SET due_at = ${pages.never}, given_up_at = ${at}, error = ${error}
      WHERE event_id = ${eventId} AND hook = ${hook}`)

  /** An event that this release cannot read is given up, as it would block all the others: a newer one may read it. */
  const toEvents = Effect.fnUntraced(function*(hook: string, row: pages.DeliveryRow) {
    const event = pages.eventOf(row)
    if (event !== undefined) {
      const delivery = { attempt: Number(row.attempt) + 1, recovered: Number(row.ordinal) <= outbox.openedAt }
      return [{ ...event, delivery }]
    }
    yield* Effect.logError("A recorded event cannot be read and is not delivered").pipe(
      Effect.annotateLogs({ hook, eventId: row.event_id })
    )
    yield* giveUp({ hook, eventId: row.event_id, at: yield* Clock.currentTimeMillis, error: "EventUnreadable" })
    return []
  })

  return {
    records: (tag) => {
      for (const patterns of outbox.hooks.values()) if (Lifecycle.matches(patterns, tag)) return true
      return false
    },

    register: ({ name, patterns }) =>
      write(
        sql,
        "register a hook",
        "flushed",
        Effect.gen(function*() {
          const row = { name, patterns: JSON.stringify(patterns), seen_at: yield* Clock.currentTimeMillis }
          yield* sql`INSERT INTO eca_hooks ${sql.insert(row)} ON CONFLICT (name)
            DO UPDATE SET patterns = excluded.patterns, seen_at = excluded.seen_at`
          outbox.hooks.set(name, patterns)
        })
      ),

    pending: ({ hook, limit, now }) =>
      // One that cannot be read is given up.
      write(
        sql,
        "read undelivered events",
        "flushed",
        sql<pages.DeliveryRow>`SELECT d.event_id, d.attempt, d.ordinal, e.body FROM eca_hook_deliveries d
          JOIN eca_hook_events e ON e.event_id = d.event_id
          WHERE d.hook = ${hook} AND d.due_at <= ${now} ORDER BY d.due_at, d.ordinal LIMIT ${limit}`.pipe(
          Effect.flatMap(Effect.forEach((row) => toEvents(hook, row))),
          Effect.map((events) => events.flat())
        )
      ),

    nextDue: (hook) =>
      read(
        "read when a hook is due",
        sql<{ readonly due_at: BigIntColumn | null }>`SELECT MIN(due_at) AS due_at FROM eca_hook_deliveries
          WHERE hook = ${hook} AND due_at < ${pages.never}`.pipe(
          Effect.map(([first]) => first === undefined || first.due_at === null ? undefined : Number(first.due_at))
        )
      ),

    attempt: ({ eventId, hook }) =>
      write(
        sql,
        "count a delivery",
        "relaxed",
        Effect.asVoid(sql`UPDATE eca_hook_deliveries SET attempt = attempt + 1, due_at = 0
          WHERE event_id = ${eventId} AND hook = ${hook}`)
      ),

    postpone: ({ dueAt, error, eventId, hook }) =>
      write(
        sql,
        "postpone a delivery",
        "relaxed",
        Effect.asVoid(sql`UPDATE eca_hook_deliveries SET due_at = ${dueAt}, error = ${error}
          WHERE event_id = ${eventId} AND hook = ${hook}`)
      ),

    limitDue: ({ dueAt, hook }) =>
      write(
        sql,
        "limit due times",
        "flushed",
        Effect.asVoid(sql`UPDATE eca_hook_deliveries SET due_at = ${dueAt}
          WHERE hook = ${hook} AND due_at > ${dueAt} AND due_at < ${pages.never}`)
      ),

    giveUp: (delivery) => write(sql, "give up a delivery", "relaxed", giveUp(delivery)),

    ...pages.make(sql),

    resend: ({ eventId, hook }) =>
      write(
        sql,
        "send deliveries again",
        "flushed",
        sql<{ readonly event_id: string }>`UPDATE eca_hook_deliveries
          SET attempt = 0, due_at = 0, given_up_at = NULL, error = NULL
          WHERE hook = ${hook} AND due_at = ${pages.never}
            AND ${eventId === undefined ? sql.literal("1 = 1") : sql`event_id = ${eventId}`}
          RETURNING event_id`.pipe(Effect.map((rows) => rows.length))
      ),

    backlog: read(
      "count deliveries",
      sql<BacklogRow>`SELECT hook, COUNT(*) AS deliveries, COUNT(given_up_at) AS given_up FROM eca_hook_deliveries
        GROUP BY hook`.pipe(
        Effect.map((rows) =>
          rows.map(({ deliveries, given_up, hook }) => ({
            hook,
            waiting: Number(deliveries) - Number(given_up),
            givenUp: Number(given_up)
          }))
        )
      )
    ),

    acknowledge: (delivery) => write(sql, "acknowledge a delivery", "relaxed", Effect.asVoid(acknowledge(delivery))),

    purge: (before) =>
      write(
        sql,
        "purge the outbox",
        "flushed",
        sql.withTransaction(Effect.gen(function*() {
          yield* sql`DELETE FROM eca_hook_deliveries
            WHERE (due_at = ${pages.never} AND event_id IN (SELECT event_id FROM eca_hook_events WHERE at < ${before}))
              OR hook IN (SELECT name FROM eca_hooks WHERE seen_at < ${before})`
          yield* sql`DELETE FROM eca_hook_events WHERE at < ${before} AND NOT EXISTS
            (SELECT 1 FROM eca_hook_deliveries d WHERE d.event_id = eca_hook_events.event_id)`
          return yield* sql<{ readonly name: string }>`DELETE FROM eca_hooks WHERE seen_at < ${before} RETURNING name`
        })).pipe(Effect.map((gone) => {
          for (const { name } of gone) outbox.hooks.delete(name)
        }))
      )
  }
}
