/**
 * The tables of the store, as the first release makes them. Times are milliseconds since the epoch; `body`, `model` and
 * cursors are JSON. The SQL is the part that SQLite and PostgreSQL have in common.
 */
import { Effect } from "effect"
import { SqlClient, type SqlError } from "effect/sql"
import { beginsTurn, opensSubject } from "./rows.ts"

const threads = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  yield* sql`CREATE TABLE eca_threads (
    thread_id TEXT PRIMARY KEY NOT NULL,
    instance_id TEXT NOT NULL,
    provider TEXT NOT NULL,
    session_id TEXT,
    directory TEXT NOT NULL,
    runtime_mode TEXT NOT NULL,
    project TEXT NOT NULL,
    model TEXT,
    agent TEXT,
    title TEXT,
    compaction TEXT,
    labels TEXT,
    archived BIGINT NOT NULL,
    status TEXT NOT NULL,
    epoch BIGINT NOT NULL,
    last_seq BIGINT NOT NULL,
    position BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    active_at BIGINT NOT NULL,
    due_at BIGINT
  )`
  yield* sql`CREATE INDEX eca_threads_active ON eca_threads (active_at, thread_id)`
  yield* sql`CREATE INDEX eca_threads_due ON eca_threads (due_at, thread_id, epoch) WHERE due_at IS NOT NULL`
  yield* sql`CREATE INDEX eca_threads_live ON eca_threads (thread_id) WHERE status <> 'stopped'`
  yield* sql`CREATE TABLE eca_labels (
    thread_id TEXT NOT NULL,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (thread_id, name)
  )`
  yield* sql`CREATE INDEX eca_labels_value ON eca_labels (name, value, thread_id)`
  yield* sql`CREATE TABLE eca_cursors (
    thread_id TEXT NOT NULL,
    instance_id TEXT NOT NULL,
    session_id TEXT NOT NULL,
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
    session_id TEXT,
    status TEXT NOT NULL,
    ref TEXT,
    trace TEXT,
    cause TEXT,
    intent_at BIGINT NOT NULL,
    ended_at BIGINT,
    tokens BIGINT,
    cost_usd DOUBLE PRECISION,
    reconcile BIGINT NOT NULL DEFAULT 0,
    reconciled_at BIGINT
  )`
  yield* sql`CREATE INDEX eca_turns_thread ON eca_turns (thread_id, intent_at)`
  yield* sql`CREATE INDEX eca_turns_open ON eca_turns (thread_id) WHERE status IN ('intent', 'accepted')`
  yield* sql`CREATE INDEX eca_turns_reconcile ON eca_turns (thread_id) WHERE reconcile = 1`
  // What was said is in rows that no update makes longer: SQLite 3.54 leaves a copy of a row that it moves for that, and no
  // later delete overwrites it.
  yield* sql`CREATE TABLE eca_inputs (
    thread_id TEXT NOT NULL,
    turn_id TEXT NOT NULL,
    body TEXT NOT NULL,
    asked TEXT,
    PRIMARY KEY (thread_id, turn_id)
  )`
})

const events = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  // SQLite keeps rows in the order of such a key, so that the order over all threads costs a commit no index.
  const number = sql.onDialectOrElse({ sqlite: () => sql.literal("INTEGER"), orElse: () => sql.literal("BIGINT") })
  yield* sql`CREATE TABLE eca_events (
    position ${number} PRIMARY KEY NOT NULL,
    thread_id TEXT NOT NULL,
    seq BIGINT NOT NULL,
    epoch BIGINT NOT NULL,
    turn_id TEXT,
    type TEXT NOT NULL,
    subject_id TEXT,
    at BIGINT NOT NULL,
    version BIGINT NOT NULL,
    body TEXT NOT NULL,
    UNIQUE (thread_id, seq)
  )`
  yield* sql`CREATE INDEX eca_events_subject ON eca_events (thread_id, subject_id, seq) WHERE subject_id IS NOT NULL`
  yield* sql`CREATE INDEX eca_events_open ON eca_events (thread_id, epoch, seq)
    WHERE subject_id IS NOT NULL AND ${sql.literal(opensSubject)}`
  yield* sql`CREATE INDEX eca_events_turns ON eca_events (thread_id, seq, turn_id, type)
    WHERE ${sql.literal(beginsTurn)}`
  yield* sql`CREATE TABLE eca_tombstones (
    position BIGINT PRIMARY KEY NOT NULL,
    thread_id TEXT NOT NULL,
    epoch BIGINT NOT NULL,
    last_seq BIGINT NOT NULL,
    at BIGINT NOT NULL
  )`
  yield* sql`CREATE INDEX eca_tombstones_thread ON eca_tombstones (thread_id, position)`
  // Where in the order over all threads the last removed event was.
  yield* sql`CREATE TABLE eca_pruned (
    thread_id TEXT PRIMARY KEY NOT NULL,
    through BIGINT NOT NULL,
    items BIGINT NOT NULL,
    removed BIGINT NOT NULL,
    position BIGINT NOT NULL,
    epoch BIGINT NOT NULL,
    at BIGINT NOT NULL
  )`
  yield* sql`CREATE INDEX eca_pruned_position ON eca_pruned (position)`
  yield* sql`CREATE TABLE eca_positions (id BIGINT PRIMARY KEY NOT NULL, value BIGINT NOT NULL)`
  yield* sql`INSERT INTO eca_positions (id, value) VALUES (1, 0)`
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
  yield* sql`CREATE TABLE eca_folders (
    path TEXT PRIMARY KEY NOT NULL,
    host TEXT NOT NULL
  )`
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
  yield* sql`CREATE INDEX eca_hook_events_thread ON eca_hook_events (thread_id, seq)`
  yield* sql`CREATE TABLE eca_hook_deliveries (
    event_id TEXT NOT NULL,
    hook TEXT NOT NULL,
    attempt BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    ordinal BIGINT NOT NULL,
    given_up_at BIGINT,
    error TEXT,
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

const projections = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  yield* sql`CREATE TABLE eca_projections (
    name TEXT PRIMARY KEY NOT NULL,
    position TEXT NOT NULL,
    at BIGINT NOT NULL
  )`
})

/** Threads that are deleted, and whose events and turns are still to be erased. */
const erasures = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  yield* sql`CREATE TABLE eca_erasures (
    thread_id TEXT PRIMARY KEY NOT NULL,
    erased BIGINT NOT NULL
  )`
})

/** Threads that are being imported: their events are there before they are. */
const imports = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  yield* sql`CREATE TABLE eca_imports (thread_id TEXT PRIMARY KEY NOT NULL)`
})

/**
 * A part of a blob per row; which thread has which blob, and the last event that names it; and blobs that some thread had.
 * `BYTEA` is PostgreSQL's name of the type; SQLite takes any name, and keeps bytes as they are.
 */
const blobs = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  yield* sql`CREATE TABLE eca_blobs (
    sha256 TEXT NOT NULL,
    part BIGINT NOT NULL,
    body BYTEA NOT NULL,
    PRIMARY KEY (sha256, part)
  )`
  yield* sql`CREATE TABLE eca_blob_refs (
    thread_id TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    seq BIGINT NOT NULL,
    bytes BIGINT NOT NULL,
    PRIMARY KEY (thread_id, sha256)
  )`
  yield* sql`CREATE INDEX eca_blob_refs_blob ON eca_blob_refs (sha256)`
  yield* sql`CREATE INDEX eca_blob_refs_seq ON eca_blob_refs (thread_id, seq)`
  yield* sql`CREATE TABLE eca_loose_blobs (sha256 TEXT PRIMARY KEY NOT NULL)`
})

/** Makes all of them. */
export const create: Effect.Effect<void, SqlError.SqlError, SqlClient.SqlClient> = Effect.all([
  threads,
  turns,
  events,
  ownership,
  hooks,
  snapshots,
  erasures,
  imports,
  blobs,
  projections
], { discard: true })
