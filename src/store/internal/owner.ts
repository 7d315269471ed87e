/**
 * One living process owns a store. The owner is recorded with its process identity, so one that has died without
 * giving the store back is recognised and succeeded.
 *
 * A process of another host cannot be looked at and counts as alive.
 */
import { Clock, Effect, type Scope } from "effect"
import { SqlClient } from "effect/sql"
import { randomUUID } from "node:crypto"
import * as ProcessIdentity from "../../process/ProcessIdentity.ts"
import { StoreFailed, StoreOwned } from "../StoreError.ts"
import type { BigIntColumn } from "./rows.ts"

interface OwnerRow {
  readonly token: string
  readonly host: string
  readonly boot: string
  readonly pid: BigIntColumn
  readonly start_time: string
  readonly since: BigIntColumn
}

const owned = (row: OwnerRow) => new StoreOwned({ host: row.host, pid: Number(row.pid), since: Number(row.since) })

const isAlive = (row: OwnerRow, self: ProcessIdentity.ProcessIdentity) =>
  row.host === self.host
    ? ProcessIdentity.isRunning({ host: row.host, boot: row.boot, pid: Number(row.pid), startTime: row.start_time })
    : Effect.succeed(true)

/** Owns the store until the scope closes. */
export const acquire: Effect.Effect<void, StoreOwned | StoreFailed, SqlClient.SqlClient | Scope.Scope> = Effect.gen(
  function*() {
    const sql = yield* SqlClient.SqlClient
    const self = yield* ProcessIdentity.self
    const token = randomUUID()
    const row = {
      token,
      host: self.host,
      boot: self.boot,
      pid: self.pid,
      start_time: self.startTime,
      since: yield* Clock.currentTimeMillis
    }
    const read = Effect.map(sql<OwnerRow>`SELECT * FROM eca_owner WHERE id = 1`, (rows) => rows[0])
    const take = Effect.gen(function*() {
      const before = yield* read
      if (before !== undefined && (yield* isAlive(before, self))) return yield* owned(before)
      // Two successors may come here at once: the token says whether the dead owner is still the one that was seen.
      const taken = before === undefined
        ? yield* sql`INSERT INTO eca_owner ${sql.insert({ id: 1, ...row })} ON CONFLICT (id) DO NOTHING RETURNING id`
        : yield* sql`UPDATE eca_owner SET ${sql.update(row)} WHERE id = 1 AND token = ${before.token} RETURNING id`
      if (taken.length > 0) return
      const winner = yield* read
      return yield* winner === undefined ? owned({ ...row, host: "unknown" }) : owned(winner)
    })
    yield* Effect.acquireRelease(
      take,
      () => Effect.ignore(sql`DELETE FROM eca_owner WHERE id = 1 AND token = ${token}`, { log: "Warn" })
    )
  }
).pipe(Effect.catchTag("SqlError", (error) => Effect.fail(StoreFailed.of("take ownership")(error))))
