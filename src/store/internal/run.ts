/**
 * How the store runs its statements: without spans (the service's operations have them, and a trace of single statements
 * would cost more than the statements), with the durability that the operation needs, and with typed errors.
 */
import { Context, Effect, References } from "effect"
import type { SqlClient, SqlError } from "effect/sql"
import { Durability } from "../SqliteClient.ts"
import { type EpochFenced, StoreFailed } from "../StoreError.ts"

const untraced = Context.make(References.TracerEnabled, false)

const contexts = {
  flushed: Context.add(untraced, Durability, "flushed"),
  relaxed: Context.add(untraced, Durability, "relaxed")
}

export const read = <A>(
  operation: string,
  effect: Effect.Effect<A, SqlError.SqlError>
): Effect.Effect<A, StoreFailed> =>
  Effect.provideContext(Effect.mapError(effect, StoreFailed.of(operation)), contexts.flushed)

/**
 * Fails if the caller has a transaction open on the client: what is written there would be a savepoint in it, which is
 * neither flushed nor kept where that transaction is rolled back.
 */
export const outsideTransaction = <A, E, R>(
  sql: SqlClient.SqlClient,
  operation: string,
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, E | StoreFailed, R> =>
  Effect.withFiber<A, E | StoreFailed, R>((fiber) =>
    Context.getOption(fiber.context, sql.transactionService)._tag === "None"
      ? effect
      : Effect.fail(StoreFailed.nested(operation))
  )

/** One statement or transaction of its own. */
export const write = <A>(
  sql: SqlClient.SqlClient,
  operation: string,
  durability: keyof typeof contexts,
  effect: Effect.Effect<A, SqlError.SqlError>
): Effect.Effect<A, StoreFailed> =>
  Effect.provideContext(
    outsideTransaction(sql, operation, Effect.mapError(effect, StoreFailed.of(operation))),
    contexts[durability]
  )

/** A transaction of its own, which may be fenced. */
export const writeFenced = <A>(
  sql: SqlClient.SqlClient,
  operation: string,
  durability: keyof typeof contexts,
  effect: Effect.Effect<A, SqlError.SqlError | EpochFenced>
): Effect.Effect<A, StoreFailed | EpochFenced> => {
  const failed = StoreFailed.of(operation)
  const transaction = Effect.mapError(
    sql.withTransaction(effect),
    (error) => error._tag === "SqlError" ? failed(error) : error
  )
  return Effect.provideContext(outsideTransaction(sql, operation, transaction), contexts[durability])
}
