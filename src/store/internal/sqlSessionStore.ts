/**
 * The SessionStore on a `SqlClient`.
 *
 * Each operation is one statement or one transaction. The writes of a turn are what everything waits for, so nothing
 * here makes spans: the service's operations have them, and a trace of single statements would cost more than the
 * statements.
 */
import { Clock, Context, Effect, Option, References, Schema, type Scope } from "effect"
import { SqlClient, SqlError } from "effect/sql"
import { Epoch, ThreadId, TurnId } from "../../domain/Ids.ts"
import type { AgentProcesses } from "../../process/AgentProcesses.ts"
import type { StoredCursor } from "../../provider/ResumeCursor.ts"
import type { HookOutbox } from "../HookOutbox.ts"
import type { SessionStore } from "../SessionStore.ts"
import * as SnapshotIndex from "../SnapshotIndex.ts"
import { Durability } from "../SqliteClient.ts"
import { EpochFenced, StoreFailed, type StoreNewer, type StoreOwned, TurnExists } from "../StoreError.ts"
import * as crashSettlement from "./crashSettlement.ts"
import * as eventLog from "./eventLog.ts"
import * as migrations from "./migrations.ts"
import * as owner from "./owner.ts"
import {
  type BigIntColumn,
  type BindingRow,
  bindingRow,
  type EventRow,
  parseJson,
  toBinding,
  toEvent,
  toTurn,
  type TurnRow
} from "./rows.ts"
import * as AgentProcessesSql from "./sqlAgentProcesses.ts"
import * as StoreOutbox from "./sqlHookOutbox.ts"

const untraced = Context.make(References.TracerEnabled, false)

const storeOperations = (
  sql: SqlClient.SqlClient,
  outbox: StoreOutbox.StoreOutbox["Service"]
): SessionStore["Service"] => {
  type Unexpected = SqlError.SqlError | Schema.SchemaError
  type Durable = typeof Durability.Service
  type Writes = StoreOutbox.StoreOutbox

  const given = Context.add(untraced, StoreOutbox.StoreOutbox, outbox)
  const contexts = {
    flushed: Context.add(given, Durability, "flushed"),
    relaxed: Context.add(given, Durability, "relaxed")
  }

  const sealed = <A>(operation: string, durability: Durable, effect: Effect.Effect<A, Unexpected, Writes>) =>
    effect.pipe(Effect.mapError(StoreFailed.of(operation)), Effect.provide(contexts[durability]))

  const fenced = <A>(
    operation: string,
    durability: Durable,
    effect: Effect.Effect<A, Unexpected | EpochFenced, Writes>
  ) =>
    sql.withTransaction(effect).pipe(
      Effect.mapError((error) => error._tag === "EpochFenced" ? error : StoreFailed.of(operation)(error)),
      Effect.provide(contexts[durability])
    )

  /** The cursor of the thread's instance. */
  const putCursor = (threadId: ThreadId, cursor: Option.Option<StoredCursor>) =>
    Option.match(cursor, {
      onNone: () => Effect.void,
      onSome: (cursor) =>
        Effect.asVoid(sql`INSERT INTO eca_cursors (thread_id, instance_id, body)
          SELECT thread_id, instance_id, CAST(${JSON.stringify(cursor)} AS TEXT) FROM eca_threads
          WHERE thread_id = ${threadId}
          ON CONFLICT (thread_id, instance_id) DO UPDATE SET body = excluded.body`)
    })

  const removeCursors = (threadId: ThreadId) =>
    Effect.asVoid(sql`DELETE FROM eca_cursors WHERE thread_id = ${threadId}`)

  const replaced = sql.csv([
    "instance_id",
    "provider",
    "session_id",
    "directory",
    "runtime_mode",
    "model",
    "title",
    "compaction",
    "status",
    "epoch",
    "last_seq",
    "created_at",
    "active_at",
    "due_at"
  ].map((column) => `${column} = excluded.${column}`))

  /** An update of a turn that was not in the right state found nothing: it was written under an epoch that is over. */
  const fencedUnless = (place: eventLog.Place) => (rows: ReadonlyArray<unknown>) =>
    rows.length === 0
      ? Effect.fail(new EpochFenced({ threadId: place.threadId, epoch: place.epoch }))
      : Effect.void

  return {
    getThread: (threadId) =>
      sealed(
        "read a thread",
        "flushed",
        sql<BindingRow>`SELECT * FROM eca_threads WHERE thread_id = ${threadId}`.pipe(
          Effect.flatMap(([row]) => row === undefined ? Effect.succeedNone : Effect.asSome(toBinding(row)))
        )
      ),

    listThreads: ({ before, limit }) => {
      const page = before === undefined
        ? sql.literal("")
        : sql`WHERE (active_at, thread_id) < (${before.activeAt}, ${before.threadId})`
      return sealed(
        "list threads",
        "flushed",
        sql<BindingRow>`SELECT * FROM eca_threads ${page} ORDER BY active_at DESC, thread_id DESC LIMIT ${limit}`.pipe(
          Effect.flatMap(Effect.forEach(toBinding))
        )
      )
    },

    deleteThread: (threadId) =>
      sealed(
        "delete a thread",
        "flushed",
        sql.withTransaction(Effect.forEach(["eca_events", "eca_turns", "eca_cursors", "eca_threads"], (table) =>
          sql`DELETE FROM ${sql(table)} WHERE thread_id = ${threadId}`, { discard: true }))
      ),

    getCursor: (threadId, instanceId) =>
      sealed(
        "read a cursor",
        "flushed",
        sql<{ readonly body: string }>`SELECT body FROM eca_cursors
          WHERE thread_id = ${threadId} AND instance_id = ${instanceId}`.pipe(
          Effect.map(([row]) => row === undefined ? Option.none() : Option.some(parseJson(row.body)))
        )
      ),

    openEpoch: ({ binding, cursor, dueAt, ends, events, resets = false }) => {
      const { threadId } = binding
      const close = ends === undefined
        ? Effect.void
        : eventLog.append(sql, { threadId, epoch: ends.epoch }, ends.events, sql`, status = 'stopped'`)
      const first = events[0]
      const follows = first === undefined ? sql.literal("") : sql` AND eca_threads.last_seq = ${first.seq - 1}`
      const row = bindingRow(binding, events.at(-1)?.seq ?? binding.lastSeq, dueAt)
      return fenced(
        "open an epoch",
        "flushed",
        close.pipe(
          Effect.andThen(sql`INSERT INTO eca_threads ${sql.insert({ ...row })} ON CONFLICT (thread_id)
            DO UPDATE SET ${replaced} WHERE eca_threads.epoch < excluded.epoch${follows} RETURNING thread_id`),
          Effect.flatMap(fencedUnless(binding)),
          Effect.andThen(eventLog.insert(sql, events)),
          Effect.andThen(resets ? removeCursors(threadId) : Effect.void),
          Effect.andThen(putCursor(threadId, cursor))
        )
      )
    },

    closeEpoch: (write) =>
      fenced(
        "close an epoch",
        "flushed",
        eventLog.append(
          sql,
          write,
          write.events,
          sql`, status = 'stopped', due_at = NULL, active_at = ${write.at}`
        )
      ),

    settleThread: (threadId) => sealed("settle a thread", "flushed", crashSettlement.settle(sql, threadId)),

    recordIntent: (turn) =>
      sealed(
        "record a turn",
        "flushed",
        // The fence, the check of the id and the insert in one statement, which is its own transaction.
        sql`INSERT INTO eca_turns (turn_id, thread_id, epoch, status, ref, input, intent_at)
          SELECT CAST(${turn.turnId} AS TEXT), thread_id, epoch, 'intent', CAST(${turn.ref ?? null} AS TEXT),
            CAST(${JSON.stringify(turn.input)} AS TEXT), CAST(${turn.at} AS BIGINT) FROM eca_threads
          WHERE thread_id = ${turn.threadId} AND epoch = ${turn.epoch} AND status = 'live'
          ON CONFLICT (turn_id) DO NOTHING RETURNING turn_id`.pipe(
          Effect.flatMap((rows) =>
            rows.length > 0
              ? Effect.succeed("recorded")
              : Effect.map(
                sql`SELECT turn_id FROM eca_turns WHERE turn_id = ${turn.turnId}`,
                (used) => used.length > 0 ? "exists" : "fenced"
              )
          )
        )
      ).pipe(
        Effect.flatMap((outcome): Effect.Effect<void, TurnExists | EpochFenced> => {
          if (outcome === "recorded") return Effect.void
          return outcome === "exists"
            ? Effect.fail(new TurnExists({ turnId: turn.turnId }))
            : Effect.fail(new EpochFenced({ threadId: turn.threadId, epoch: turn.epoch }))
        })
      ),

    acceptTurn: (write) =>
      fenced(
        "accept a turn",
        "relaxed",
        eventLog.append(sql, write, write.events, sql`, due_at = NULL, active_at = ${write.at}`).pipe(
          Effect.andThen(sql`UPDATE eca_turns SET status = 'accepted'
            WHERE turn_id = ${write.turnId} AND status = 'intent' RETURNING turn_id`),
          Effect.flatMap(fencedUnless(write))
        )
      ),

    refuseTurn: (turnId, at) =>
      sealed(
        "refuse a turn",
        "relaxed",
        Effect.asVoid(sql`UPDATE eca_turns SET status = 'refused', ended_at = ${at}
          WHERE turn_id = ${turnId} AND status = 'intent'`)
      ),

    endTurn: (write) =>
      fenced(
        "end a turn",
        "flushed",
        eventLog.append(sql, write, write.events, sql`, due_at = ${write.dueAt}, active_at = ${write.at}`).pipe(
          Effect.andThen(sql`UPDATE eca_turns SET status = ${write.status}, ended_at = ${write.at}
            WHERE turn_id = ${write.turnId} AND status IN ('intent', 'accepted') RETURNING turn_id`),
          Effect.flatMap(fencedUnless(write)),
          Effect.andThen(putCursor(write.threadId, write.cursor))
        )
      ),

    getTurn: (turnId) =>
      sealed(
        "read a turn",
        "flushed",
        sql<TurnRow>`SELECT * FROM eca_turns WHERE turn_id = ${turnId}`.pipe(
          Effect.flatMap(([row]) => row === undefined ? Effect.succeedNone : Effect.asSome(toTurn(row)))
        )
      ),

    turnRefs: (threadId) =>
      sealed(
        "read the refs of turns",
        "flushed",
        sql<{ readonly turn_id: string; readonly ref: string }>`SELECT turn_id, ref FROM eca_turns
          WHERE thread_id = ${threadId} AND ref IS NOT NULL`.pipe(
          Effect.map((rows) => new Map(rows.map((row) => [TurnId.make(row.turn_id), row.ref])))
        )
      ),

    unreconciledTurns: (threadId) =>
      sealed(
        "read unknown turns",
        "flushed",
        sql<TurnRow>`SELECT * FROM eca_turns WHERE thread_id = ${threadId} AND status = 'unknown'
          AND reconciled_at IS NULL ORDER BY intent_at`.pipe(Effect.flatMap(Effect.forEach(toTurn)))
      ),

    reconcileTurn: (write) =>
      fenced(
        "reconcile a turn",
        "flushed",
        Effect.gen(function*() {
          yield* eventLog.append(sql, write, write.events)
          const at = yield* Clock.currentTimeMillis
          yield* sql`UPDATE eca_turns SET reconciled_at = ${at}
            WHERE turn_id = ${write.turnId} AND status = 'unknown'`
        })
      ),

    appendEvents: (events) => fenced("append events", "relaxed", eventLog.append(sql, events[0], events)),

    annotateThread: (events) =>
      fenced("annotate a thread", "flushed", eventLog.append(sql, events[0], events, undefined, "stopped")),

    readEvents: ({ after, limit, threadId }) =>
      sealed(
        "read events",
        "flushed",
        sql<EventRow>`SELECT thread_id, seq, epoch, turn_id, type, at, body FROM eca_events
          WHERE thread_id = ${threadId} AND seq > ${after} ORDER BY seq LIMIT ${limit}`.pipe(
          Effect.map((rows) => rows.map(toEvent))
        )
      ),

    requestStatus: (threadId, requestId) =>
      sealed(
        "read a request",
        "flushed",
        sql<{ readonly type: string }>`SELECT type FROM eca_events
          WHERE thread_id = ${threadId} AND request_id = ${requestId} ORDER BY seq DESC LIMIT 1`.pipe(
          Effect.map(([last]) =>
            last === undefined
              ? "unknown"
              : last.type === "ApprovalSettled" || last.type === "QuestionSettled"
              ? "settled"
              : "open"
          )
        )
      ),

    dueThreads: ({ limit, now }) =>
      sealed(
        "read due threads",
        "flushed",
        sql<{ readonly thread_id: string; readonly epoch: BigIntColumn }>`SELECT thread_id, epoch FROM eca_threads
          WHERE due_at <= ${now} ORDER BY due_at LIMIT ${limit}`.pipe(
          Effect.map((rows) =>
            rows.map((row) => ({ threadId: ThreadId.make(row.thread_id), epoch: Epoch.make(Number(row.epoch)) }))
          )
        )
      ),

    setDue: ({ dueAt, epoch, threadId }) =>
      sealed(
        "set a due time",
        "relaxed",
        Effect.asVoid(sql`UPDATE eca_threads SET due_at = ${dueAt}
          WHERE thread_id = ${threadId} AND epoch = ${epoch} AND status = 'live'`)
      )
  }
}

/** Opens the store until the scope closes: migrates, takes ownership, ends orphans, settles what a crash left open. */
export const make: Effect.Effect<
  {
    readonly store: SessionStore["Service"]
    readonly processes: AgentProcesses["Service"]
    readonly outbox: HookOutbox["Service"]
    readonly snapshots: SnapshotIndex.SnapshotIndex["Service"]
  },
  StoreNewer | StoreOwned | StoreFailed,
  SqlClient.SqlClient | Scope.Scope
> = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  yield* migrations.run
  yield* owner.acquire
  yield* AgentProcessesSql.endOrphans(sql).pipe(
    Effect.catchTag("SqlError", (error) => Effect.fail(StoreFailed.of("end orphans")(error)))
  )
  const outbox = yield* StoreOutbox.load(sql).pipe(
    Effect.catchTag("SqlError", (error) => Effect.fail(StoreFailed.of("read the hooks")(error)))
  )
  yield* crashSettlement.settleAll(sql).pipe(
    Effect.provideService(StoreOutbox.StoreOutbox, outbox),
    Effect.catchTag("SqlError", (error) => Effect.fail(StoreFailed.of("settle after a crash")(error)))
  )
  outbox.openedAt = outbox.ordinal
  return {
    store: storeOperations(sql, outbox),
    processes: AgentProcessesSql.make(sql),
    outbox: StoreOutbox.operations(sql, outbox),
    snapshots: SnapshotIndex.makeSql(sql)
  }
})
