/**
 * The SessionStore on a `SqlClient`.
 *
 * Each operation is one statement or one transaction. The writes of a turn are what everything waits for, so nothing
 * here makes spans: the service's operations have them, and a trace of single statements would cost more than the
 * statements.
 */
import { Clock, Context, Effect, Option, References, type Schema, type Scope } from "effect"
import { SqlClient, type SqlError } from "effect/sql"
import { Epoch, Position, ThreadId, TurnId } from "../../domain/Ids.ts"
import type { AgentProcesses } from "../../process/AgentProcesses.ts"
import type { HookOutbox } from "../HookOutbox.ts"
import type { SessionStore } from "../SessionStore.ts"
import * as SnapshotIndex from "../SnapshotIndex.ts"
import { Durability } from "../SqliteClient.ts"
import {
  EpochFenced,
  StoreFailed,
  type StoreNewer,
  type StoreOlder,
  type StoreOwned,
  TurnExists
} from "../StoreError.ts"
import * as crashSettlement from "./crashSettlement.ts"
import * as migrations from "./migrations.ts"
import * as owner from "./owner.ts"
import * as Positions from "./positions.ts"
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
import * as sqlCommit from "./sqlCommit.ts"
import * as StoreOutbox from "./sqlHookOutbox.ts"

const untraced = Context.make(References.TracerEnabled, false)

const contexts = {
  flushed: Context.add(untraced, Durability, "flushed"),
  relaxed: Context.add(untraced, Durability, "relaxed")
}

const storeOperations = (
  sql: SqlClient.SqlClient,
  positions: Positions.Positions,
  outbox: StoreOutbox.Subscriptions
): SessionStore["Service"] => {
  const sealed = <A>(
    operation: string,
    durability: typeof Durability.Service,
    effect: Effect.Effect<A, SqlError.SqlError | Schema.SchemaError>
  ) => effect.pipe(Effect.mapError(StoreFailed.of(operation)), Effect.provide(contexts[durability]))

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
        sql.withTransaction(Effect.gen(function*() {
          for (const table of ["eca_events", "eca_turns", "eca_cursors", "eca_threads"]) {
            yield* sql`DELETE FROM ${sql(table)} WHERE thread_id = ${threadId}`
          }
          const row = { thread_id: threadId, position: yield* positions.next, at: yield* Clock.currentTimeMillis }
          yield* sql`INSERT INTO eca_tombstones ${sql.insert(row)} ON CONFLICT (thread_id)
            DO UPDATE SET position = excluded.position, at = excluded.at`
          return Position.make(String(row.position))
        }))
      ),

    tombstone: (threadId) =>
      sealed(
        "read a tombstone",
        "flushed",
        sql<{ readonly position: BigIntColumn; readonly at: BigIntColumn }>`SELECT position, at FROM eca_tombstones
          WHERE thread_id = ${threadId}`.pipe(
          Effect.map(([row]) =>
            row === undefined
              ? Option.none()
              : Option.some({ position: Position.make(String(row.position)), at: Number(row.at) })
          )
        )
      ),

    createThread: (binding) =>
      sealed(
        "create a thread",
        "flushed",
        sql.withTransaction(Effect.gen(function*() {
          const position = yield* positions.next
          const row = bindingRow({ ...binding, status: "stopped", epoch: Epoch.make(0), lastSeq: 0 }, {
            lastSeq: 0,
            position,
            dueAt: null
          })
          const made = yield* sql`INSERT INTO eca_threads ${sql.insert({ ...row })}
            ON CONFLICT (thread_id) DO NOTHING RETURNING thread_id`
          return made.length === 0 ? Option.none() : Option.some(Position.make(String(position)))
        }))
      ),

    configureThread: ({ epoch, model, threadId, title }) =>
      sql.withTransaction(Effect.gen(function*() {
        const position = yield* positions.next
        const changed = { model: model === undefined ? null : JSON.stringify(model), title: title ?? null, position }
        const rows = yield* sql`UPDATE eca_threads SET ${sql.update(changed)}
          WHERE thread_id = ${threadId} AND epoch = ${epoch} AND status <> 'stopped' RETURNING thread_id`
        if (rows.length === 0) return yield* new EpochFenced({ threadId, epoch })
        return Position.make(String(position))
      })).pipe(
        Effect.mapError((error) => error._tag === "EpochFenced" ? error : StoreFailed.of("configure a thread")(error)),
        Effect.provide(contexts.flushed)
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

    commit: (write) =>
      sql.withTransaction(sqlCommit.write(sql, positions, outbox, write)).pipe(
        Effect.mapError((error) => error._tag === "EpochFenced" ? error : StoreFailed.of(write.name)(error)),
        Effect.provide(contexts[write.flush ? "flushed" : "relaxed"])
      ),

    settleThread: (threadId) =>
      sealed("settle a thread", "flushed", crashSettlement.settle(sql, positions, outbox, threadId)),

    recordIntent: (turn) =>
      sealed(
        "record a turn",
        "flushed",
        // The fence, the check of the id and the insert in one statement, which is its own transaction.
        sql`INSERT INTO eca_turns (turn_id, thread_id, epoch, status, ref, input, intent_at)
          SELECT CAST(${turn.turnId} AS TEXT), thread_id, epoch, 'intent', CAST(${turn.ref ?? null} AS TEXT),
            CAST(${JSON.stringify(turn.input)} AS TEXT), CAST(${turn.at} AS BIGINT) FROM eca_threads
          WHERE thread_id = ${turn.threadId} AND epoch = ${turn.epoch} AND status <> 'stopped'
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

    refuseTurn: (turnId, at) =>
      sealed(
        "refuse a turn",
        "relaxed",
        Effect.asVoid(sql`UPDATE eca_turns SET status = 'refused', ended_at = ${at}
          WHERE turn_id = ${turnId} AND status = 'intent'`)
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
        "read turns to reconcile",
        "flushed",
        sql<TurnRow>`SELECT * FROM eca_turns WHERE thread_id = ${threadId} AND reconcile = 1
          ORDER BY intent_at`.pipe(Effect.flatMap(Effect.forEach(toTurn)))
      ),

    readEvents: ({ after, limit, threadId }) =>
      sealed(
        "read events",
        "flushed",
        sql<EventRow>`SELECT thread_id, seq, epoch, turn_id, type, at, position, body FROM eca_events
          WHERE thread_id = ${threadId} AND seq > ${after} ORDER BY seq LIMIT ${limit}`.pipe(
          Effect.map((rows) => rows.map(toEvent))
        )
      ),

    requestStatus: (threadId, requestId) =>
      sealed(
        "read a request",
        "flushed",
        sql<{ readonly type: string }>`SELECT type FROM eca_events
          WHERE thread_id = ${threadId} AND subject_id = ${requestId}
            AND type IN ('ApprovalRequested', 'ApprovalSettled', 'QuestionAsked', 'QuestionSettled')
          ORDER BY seq DESC LIMIT 1`.pipe(
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
          WHERE thread_id = ${threadId} AND epoch = ${epoch} AND status <> 'stopped'`)
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
  StoreNewer | StoreOlder | StoreOwned | StoreFailed,
  SqlClient.SqlClient | Scope.Scope
> = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  const opening = (operation: string) => Effect.mapError(StoreFailed.of(operation))
  yield* migrations.run
  yield* owner.acquire
  yield* AgentProcessesSql.endOrphans(sql).pipe(opening("end orphans"))
  const outbox = yield* StoreOutbox.load(sql).pipe(opening("read the hooks"))
  const positions = yield* Positions.open(sql).pipe(opening("read the last position"))
  yield* crashSettlement.settleAll(sql, positions, outbox).pipe(opening("settle after a crash"))
  outbox.openedAt = outbox.ordinal
  return {
    store: storeOperations(sql, positions, outbox),
    processes: AgentProcessesSql.make(sql),
    outbox: StoreOutbox.operations(sql, outbox),
    snapshots: SnapshotIndex.makeSql(sql)
  }
})
