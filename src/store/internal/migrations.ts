/**
 * The migrations of the store. A released one is never changed; a new one is added below it.
 */
import { Effect } from "effect"
import { Migrator, SqlClient, type SqlError } from "effect/sql"
import { StoreFailed, StoreNewer, StoreOlder } from "../StoreError.ts"
import * as tables from "./tables.ts"

const table = "eca_migrations"

const migrations: Readonly<Record<string, Effect.Effect<void, SqlError.SqlError, SqlClient.SqlClient>>> = {
  "0001_store": tables.create
}

/** What each migration of this release is called, by its id. */
const names = new Map(
  Object.keys(migrations).map((key) => [Number.parseInt(key, 10), key.slice(key.indexOf("_") + 1)] as const)
)

/** The schema version that this release writes, and the highest that it opens. */
export const supported = Math.max(...names.keys())

/** Migrations that the store has seen, oldest first. */
const found = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  const there = yield* sql.onDialectOrElse({
    sqlite: () => sql`SELECT name FROM sqlite_schema WHERE type = 'table' AND name = ${table}`,
    orElse: () =>
      sql`SELECT table_name FROM information_schema.tables
        WHERE table_schema = current_schema() AND table_name = ${table}`
  })
  if (there.length === 0) return []
  const rows = yield* sql<{ readonly id: unknown; readonly name: unknown }>`SELECT migration_id AS id, name
    FROM ${sql(table)} ORDER BY migration_id`
  return rows.map((row) => ({ id: Number(row.id), name: String(row.name) }))
})

/**
 * Brings the tables up to date. Refuses a store that is ahead of this release, and one that no release has written,
 * before anything is changed.
 */
export const run: Effect.Effect<void, StoreNewer | StoreOlder | StoreFailed, SqlClient.SqlClient> = Effect.gen(
  function*() {
    const seen = yield* found
    const version = seen.at(-1)?.id ?? 0
    if (seen.some(({ id, name }) => id <= supported && names.get(id) !== name)) {
      return yield* new StoreOlder({ found: version })
    }
    if (version > supported) return yield* new StoreNewer({ found: version, supported })
    yield* Migrator.make({})({ table, loader: Migrator.fromRecord(migrations) })
  }
).pipe(Effect.catchTag(["SqlError", "MigrationError"], (error) => Effect.fail(StoreFailed.of("migrate")(error))))
