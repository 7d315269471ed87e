/**
 * The tables of the store. A released migration is never changed; a new one is added below it.
 *
 * Times are milliseconds since the epoch; `body`, `input`, `model` and cursors are JSON. The SQL is the part that
 * SQLite and PostgreSQL have in common.
 */
import { Effect } from "effect"
import { Migrator, SqlClient, type SqlError } from "effect/sql"
import { StoreFailed, StoreNewer } from "../StoreError.ts"

const table = "eca_migrations"

const threads = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  yield* sql`CREATE TABLE eca_threads (
    thread_id TEXT PRIMARY KEY NOT NULL,
    instance_id TEXT NOT NULL,
    provider TEXT NOT NULL,
    session_id TEXT NOT NULL,
    directory TEXT NOT NULL,
    runtime_mode TEXT NOT NULL,
    model TEXT,
    title TEXT,
    status TEXT NOT NULL,
    epoch BIGINT NOT NULL,
    last_seq BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    active_at BIGINT NOT NULL,
    due_at BIGINT
  )`
  yield* sql`CREATE INDEX eca_threads_active ON eca_threads (active_at, thread_id)`
  yield* sql`CREATE INDEX eca_threads_due ON eca_threads (due_at, thread_id, epoch) WHERE due_at IS NOT NULL`
  yield* sql`CREATE INDEX eca_threads_live ON eca_threads (thread_id) WHERE status = 'live'`
})

const cursors = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  yield* sql`CREATE TABLE eca_cursors (
    thread_id TEXT NOT NULL,
    instance_id TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (thread_id, instance_id)
  )`
})

const turns = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  yield* sql`CREATE TABLE eca_turns (
    turn_id TEXT PRIMARY KEY NOT NULL,
    thread_id TEXT NOT NULL,
    epoch BIGINT NOT NULL,
    status TEXT NOT NULL,
    ref TEXT,
    input TEXT NOT NULL,
    intent_at BIGINT NOT NULL,
    ended_at BIGINT,
    reconciled_at BIGINT
  )`
  yield* sql`CREATE INDEX eca_turns_thread ON eca_turns (thread_id, intent_at)`
  yield* sql`CREATE INDEX eca_turns_open ON eca_turns (thread_id) WHERE status IN ('intent', 'accepted')`
  yield* sql`CREATE INDEX eca_turns_unreconciled ON eca_turns (thread_id)
    WHERE status = 'unknown' AND reconciled_at IS NULL`
})

const events = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  yield* sql`CREATE TABLE eca_events (
    thread_id TEXT NOT NULL,
    seq BIGINT NOT NULL,
    epoch BIGINT NOT NULL,
    turn_id TEXT,
    type TEXT NOT NULL,
    request_id TEXT,
    at BIGINT NOT NULL,
    version BIGINT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (thread_id, seq)
  )`
  yield* sql`CREATE INDEX eca_events_request ON eca_events (thread_id, request_id, seq) WHERE request_id IS NOT NULL`
})

const ownership = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  yield* sql`CREATE TABLE eca_owner (
    id BIGINT PRIMARY KEY NOT NULL,
    token TEXT NOT NULL,
    host TEXT NOT NULL,
    boot TEXT NOT NULL,
    pid BIGINT NOT NULL,
    start_time TEXT NOT NULL,
    since BIGINT NOT NULL
  )`
  yield* sql`CREATE TABLE eca_processes (
    marker TEXT PRIMARY KEY NOT NULL,
    instance_id TEXT NOT NULL,
    host TEXT NOT NULL,
    boot TEXT NOT NULL,
    pid BIGINT NOT NULL,
    start_time TEXT NOT NULL
  )`
})

const processFolders = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  yield* sql`ALTER TABLE eca_processes ADD COLUMN folder TEXT`
})

const compactionPolicies = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  yield* sql`ALTER TABLE eca_threads ADD COLUMN compaction TEXT`
})

const hooks = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  yield* sql`CREATE TABLE eca_hooks (
    name TEXT PRIMARY KEY NOT NULL,
    patterns TEXT NOT NULL,
    seen_at BIGINT NOT NULL
  )`
  yield* sql`CREATE TABLE eca_hook_events (
    event_id TEXT PRIMARY KEY NOT NULL,
    thread_id TEXT NOT NULL,
    at BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    ordinal BIGINT NOT NULL,
    body TEXT NOT NULL
  )`
  yield* sql`CREATE INDEX eca_hook_events_ordinal ON eca_hook_events (ordinal)`
  yield* sql`CREATE TABLE eca_hook_deliveries (
    event_id TEXT NOT NULL,
    hook TEXT NOT NULL,
    attempt BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    ordinal BIGINT NOT NULL,
    PRIMARY KEY (event_id, hook)
  )`
  yield* sql`CREATE INDEX eca_hook_deliveries_due ON eca_hook_deliveries (hook, due_at, ordinal)`
})

const snapshots = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  yield* sql`CREATE TABLE eca_snapshots (
    snapshot_id TEXT PRIMARY KEY NOT NULL,
    thread_id TEXT NOT NULL,
    folder TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    disk_bytes BIGINT NOT NULL,
    body TEXT NOT NULL
  )`
  yield* sql`CREATE INDEX eca_snapshots_thread ON eca_snapshots (thread_id, created_at)`
  yield* sql`CREATE INDEX eca_snapshots_folder ON eca_snapshots (folder, created_at)`
})

const migrations: Readonly<Record<string, Effect.Effect<void, SqlError.SqlError, SqlClient.SqlClient>>> = {
  "0001_threads": threads,
  "0002_cursors": cursors,
  "0003_turns": turns,
  "0004_events": events,
  "0005_ownership": ownership,
  "0006_process_folders": processFolders,
  "0007_hooks": hooks,
  "0008_snapshots": snapshots,
  "0009_compaction_policies": compactionPolicies
}

/** The schema version that this release writes, and the highest that it opens. */
export const supported = Math.max(...Object.keys(migrations).map((name) => Number.parseInt(name, 10)))

const found = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  const tables = yield* sql.onDialectOrElse({
    sqlite: () => sql`SELECT name FROM sqlite_schema WHERE type = 'table' AND name = ${table}`,
    orElse: () =>
      sql`SELECT table_name FROM information_schema.tables
        WHERE table_schema = current_schema() AND table_name = ${table}`
  })
  if (tables.length === 0) return 0
  const rows = yield* sql<{ readonly id: unknown }>`SELECT MAX(migration_id) AS id FROM ${sql(table)}`
  return Number(rows[0]?.id ?? 0)
})

/** Brings the tables up to date, or refuses a store that is ahead of this release before anything is changed. */
export const run: Effect.Effect<void, StoreNewer | StoreFailed, SqlClient.SqlClient> = Effect.gen(function*() {
  const version = yield* found
  if (version > supported) return yield* new StoreNewer({ found: version, supported })
  yield* Migrator.make({})({ table, loader: Migrator.fromRecord(migrations) })
}).pipe(Effect.catchTag(["SqlError", "MigrationError"], (error) => Effect.fail(StoreFailed.of("migrate")(error))))
