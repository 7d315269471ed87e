/** Transactions on PostgreSQL that are held back where they really are: in a trigger, on a lock that another client has. */
import { Deferred, Effect, Fiber, Schedule } from "effect"
import { SqlClient } from "effect/sql"
import { randomInt } from "node:crypto"
import * as Postgres from "./Postgres.ts"

/** What each row that fits has to do first. */
export interface Trigger {
  readonly on: "INSERT ON eca_events" | "INSERT ON eca_blob_refs" | "DELETE ON eca_threads"
  /** At the commit of its transaction, and not at the end of its statement. */
  readonly deferred: boolean
  readonly action: string
  /** Default: each row. */
  readonly rows?: string
}

export const trigger = ({ action, deferred, on, rows = "TRUE" }: Trigger) =>
  SqlClient.SqlClient.use((sql) =>
    Effect.forEach(
      [
        `CREATE FUNCTION delay() RETURNS trigger AS $$ BEGIN PERFORM ${action}; RETURN NULL; END $$ LANGUAGE plpgsql`,
        `CREATE CONSTRAINT TRIGGER delayed AFTER ${on} ${deferred ? "DEFERRABLE INITIALLY DEFERRED" : ""}
        FOR EACH ROW WHEN (${rows}) EXECUTE FUNCTION delay()`
      ],
      (statement) => sql.unsafe(statement),
      { discard: true }
    )
  )

/** Holds back each transaction with such a row until `release`. */
export const hold = Effect.fnUntraced(function*(options: Omit<Trigger, "action">) {
  // The server has one table of such locks for all schemas.
  const key = randomInt(2 ** 31)
  yield* trigger({ ...options, action: `pg_advisory_xact_lock(${key})` })
  const locked = yield* Deferred.make<void>()
  const gate = yield* Deferred.make<void>()
  const holding = yield* SqlClient.SqlClient.use((sql) =>
    sql.withTransaction(Effect.gen(function*() {
      yield* sql`SELECT pg_advisory_xact_lock(${key})`
      yield* Deferred.succeed(locked, undefined)
      yield* Deferred.await(gate)
    }))
  ).pipe(Effect.provide(Postgres.client()), Effect.forkChild({ startImmediately: true }))
  yield* Deferred.await(locked)
  return { release: Effect.andThen(Deferred.succeed(gate, undefined), Fiber.join(holding)) }
})

/** Once so many transactions of this schema wait for a lock. */
export const waiting = (count: number) =>
  SqlClient.SqlClient.use((sql) =>
    sql<{ readonly count: number }>`SELECT CAST(COUNT(DISTINCT l.pid) AS INTEGER) AS count FROM pg_locks l
      JOIN pg_locks m ON m.pid = l.pid AND m.relation IN
        (SELECT oid FROM pg_class WHERE relnamespace = CAST(current_schema() AS regnamespace))
      WHERE NOT l.granted`.pipe(
      Effect.repeat({ schedule: Schedule.spaced("5 millis"), until: ([row]) => row?.count === count })
    )
  )
