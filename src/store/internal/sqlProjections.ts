/**
 * How far projections have come. Where one writes with the store's own client, its rows and its position are one
 * transaction; else the position follows the rows.
 */
import { Clock, Data, Effect, Option } from "effect"
import { type SqlClient, SqlError } from "effect/sql"
import type { Position } from "../../domain/Ids.ts"
import type { ProjectionStep } from "../ProjectionStep.ts"
import { StoreFailed } from "../StoreError.ts"
import { toPosition } from "./rows.ts"
import { outsideTransaction, read, write } from "./run.ts"

/** Another process has moved the position: what was done in the transaction is taken back. */
class Moved extends Data.TaggedError("Moved") {}

export const make = (sql: SqlClient.SqlClient) => {
  const move = Effect.fnUntraced(function*<E, R>({ from, name, to }: ProjectionStep<E, R>) {
    const row = { name, position: to, at: yield* Clock.currentTimeMillis }
    const moved = Option.isNone(from)
      ? yield* sql`INSERT INTO eca_projections ${sql.insert(row)} ON CONFLICT (name) DO NOTHING RETURNING name`
      : yield* sql`UPDATE eca_projections SET position = ${to}, at = ${row.at}
        WHERE name = ${name} AND position = ${from.value} RETURNING name`
    return moved.length > 0
  })

  const failed = StoreFailed.of("move a projection")

  return {
    projected: (name: string): Effect.Effect<Option.Option<Position>, StoreFailed> =>
      read(
        "read where a projection is",
        sql<{ readonly position: string }>`SELECT position FROM eca_projections WHERE name = ${name}`.pipe(
          Effect.map(([row]) => row === undefined ? Option.none() : Option.some(toPosition(row.position)))
        )
      ),

    project: <E, R>(step: ProjectionStep<E, R>): Effect.Effect<boolean, E | StoreFailed, R> => {
      if (step.client !== sql) {
        return Effect.andThen(step.apply, write(sql, "move a projection", "relaxed", move(step)))
      }
      const together = Effect.gen(function*() {
        yield* step.apply
        if (!(yield* move(step))) return yield* new Moved()
      })
      return outsideTransaction(
        sql,
        "move a projection",
        sql.withTransaction(together).pipe(
          Effect.as(true),
          Effect.catchIf((error): error is Moved => error instanceof Moved, () => Effect.succeed(false)),
          // Also one of the projection's own statements.
          Effect.mapError((error): E | StoreFailed => SqlError.isSqlError(error) ? failed(error) : error)
        )
      )
    }
  }
}
