/**
 * What is written to the store: each operation is one statement or one transaction, and never part of another.
 */
import { Effect, Option } from "effect"
import type { SqlClient, SqlError } from "effect/sql"
import { Epoch, type Position, type ThreadId, type TurnId } from "../../domain/Ids.ts"
import type { Commit, Intent, NewThread, ThreadChange } from "../Commit.ts"
import { EpochFenced, type StoreFailed, TurnExists } from "../StoreError.ts"
import * as crashSettlement from "./crashSettlement.ts"
import * as erasure from "./erasure.ts"
import type { Positions } from "./positions.ts"
import { bindingRow, labelsColumn, toPosition } from "./rows.ts"
import { write, writeFenced } from "./run.ts"
import * as sqlBlobs from "./sqlBlobs.ts"
import * as sqlCommit from "./sqlCommit.ts"
import * as sqlImport from "./sqlImport.ts"
import * as sqlLabels from "./sqlLabels.ts"
import * as sqlMaintenance from "./sqlMaintenance.ts"

const unerased =
  "What a deleted thread has said could not be taken out of the store's files yet; it will be tried again"

/**
 * The fence, the check of the id and the insert in one statement. What the agent proved not to have can be sent again under
 * its id.
 */
const intent = (
  sql: SqlClient.SqlClient,
  turn: Intent
): Effect.Effect<"recorded" | "exists" | "fenced", SqlError.SqlError> =>
  sql`INSERT INTO eca_turns (turn_id, thread_id, epoch, session_id, status, ref, trace, intent_at)
        SELECT CAST(${turn.turnId} AS TEXT), thread_id, epoch, session_id, 'intent', CAST(${turn.ref ?? null} AS TEXT),
          CAST(${turn.trace ?? null} AS TEXT), CAST(${turn.at} AS BIGINT) FROM eca_threads
        WHERE thread_id = ${turn.threadId} AND epoch = ${turn.epoch} AND status <> 'stopped'
        ON CONFLICT (turn_id) DO UPDATE SET epoch = excluded.epoch, session_id = excluded.session_id,
          status = excluded.status, ref = excluded.ref, trace = excluded.trace, intent_at = excluded.intent_at,
          ended_at = NULL
        WHERE eca_turns.status = 'refused' AND eca_turns.thread_id = excluded.thread_id RETURNING turn_id`.pipe(
    Effect.flatMap((rows) =>
      rows.length > 0
        ? Effect.succeed("recorded")
        : Effect.map(
          sql`SELECT turn_id FROM eca_turns WHERE turn_id = ${turn.turnId}`,
          (used) => used.length > 0 ? "exists" : "fenced"
        )
    )
  )

const said = (sql: SqlClient.SqlClient, turn: Intent) => {
  const { asked = null, input, threadId, turnId } = turn
  const row = { thread_id: threadId, turn_id: turnId, body: JSON.stringify(input), asked }
  return Effect.andThen(
    sql`INSERT INTO eca_inputs ${sql.insert(row)}
      ON CONFLICT (thread_id, turn_id) DO UPDATE SET body = excluded.body, asked = excluded.asked`,
    sqlBlobs.recordIntent(sql, turn)
  )
}

const configure = Effect.fnUntraced(function*(
  sql: SqlClient.SqlClient,
  positions: Positions,
  { archived, epoch, labels, model, runtimeMode, threadId, title }: ThreadChange
) {
  const position = yield* positions.next
  const changed = {
    ...(runtimeMode === undefined ? {} : { runtime_mode: runtimeMode }),
    ...(model === undefined ? {} : { model: JSON.stringify(model) }),
    ...(title === undefined ? {} : { title }),
    ...(labels === undefined ? {} : { labels: labelsColumn(labels) }),
    ...(archived === undefined ? {} : { archived: archived ? 1 : 0 }),
    position
  }
  const live = epoch === undefined ? sql.literal("") : sql` AND epoch = ${epoch} AND status <> 'stopped'`
  const rows = yield* sql`UPDATE eca_threads SET ${sql.update(changed)}
    WHERE thread_id = ${threadId}${live} RETURNING thread_id`
  if (rows.length === 0) return Option.none()
  if (labels !== undefined) yield* sqlLabels.index(sql, threadId, labels)
  return Option.some(toPosition(position))
})

export const make = (parts: crashSettlement.Parts) => {
  const { outbox, positions, sql } = parts
  return {
    commit: (commit: Commit): Effect.Effect<Position, StoreFailed | EpochFenced> =>
      writeFenced(
        sql,
        commit.name,
        commit.flush ? "flushed" : "relaxed",
        sqlCommit.write(sql, positions, outbox, commit)
      ),

    deleteThread: (threadId: ThreadId) =>
      write(
        sql,
        "delete a thread",
        "flushed",
        sql.withTransaction(sqlImport.remove(sql, positions, threadId))
      ).pipe(
        Effect.tap(
          write(sql, "erase a thread", "relaxed", erasure.run(sql)).pipe(
            Effect.flatMap((erased) => erased ? Effect.void : Effect.logWarning(unerased)),
            // The thread is deleted; what is left of it is erased by the next deletion, `maintain` or opening, or with the
            // first row of another thread of its id.
            Effect.catch((error) => Effect.logWarning(unerased, error))
          )
        ),
        // A thread of this id can be made once nothing of the deleted one is left.
        Effect.uninterruptible
      ),

    maintain: sqlMaintenance.make(sql),

    ...sqlImport.make(sql, positions),

    createThread: (thread: NewThread) =>
      write(
        sql,
        "create a thread",
        "flushed",
        sql.withTransaction(Effect.gen(function*() {
          const position = yield* positions.next
          const row = bindingRow({ ...thread, status: "stopped", epoch: Epoch.make(0), lastSeq: 0 }, {
            lastSeq: 0,
            position,
            dueAt: null
          })
          const made = yield* sql`INSERT INTO eca_threads ${sql.insert({ ...row })}
          ON CONFLICT (thread_id) DO NOTHING RETURNING thread_id`
          if (made.length === 0) return Option.none()
          yield* erasure.finish(sql, thread.threadId)
          yield* sqlLabels.index(sql, thread.threadId, thread.labels ?? {})
          return Option.some(toPosition(position))
        }))
      ),

    configureThread: (change: ThreadChange): Effect.Effect<Option.Option<Position>, StoreFailed> =>
      write(sql, "configure a thread", "flushed", sql.withTransaction(configure(sql, positions, change))),

    settleThread: (threadId: ThreadId) =>
      write(sql, "settle a thread", "flushed", crashSettlement.settle(parts, threadId)),

    recordIntent: (turn: Intent): Effect.Effect<void, StoreFailed | TurnExists | EpochFenced> =>
      write(
        sql,
        "record a turn",
        "flushed",
        sql.withTransaction(
          Effect.andThen(
            sqlBlobs.beforeIntent(sql, turn),
            Effect.tap(intent(sql, turn), (outcome) => outcome === "recorded" ? said(sql, turn) : Effect.void)
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

    refuseTurn: (turnId: TurnId, at: number) =>
      write(
        sql,
        "refuse a turn",
        "relaxed",
        Effect.asVoid(sql`UPDATE eca_turns SET status = 'refused', ended_at = ${at}
        WHERE turn_id = ${turnId} AND status = 'intent'`)
      ),

    setDue: ({ dueAt, epoch, threadId }: {
      readonly threadId: ThreadId
      readonly epoch: Epoch
      readonly dueAt: number
    }) =>
      write(
        sql,
        "set a due time",
        "relaxed",
        Effect.asVoid(sql`UPDATE eca_threads SET due_at = ${dueAt}
        WHERE thread_id = ${threadId} AND epoch = ${epoch} AND status <> 'stopped'`)
      )
  }
}
