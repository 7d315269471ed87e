/**
 * One step of a durable projection.
 *
 * @since 0.1.0
 */
import type { Effect, Option } from "effect"
import type { SqlClient } from "effect/sql"
import type { Position } from "../domain/Ids.ts"

/**
 * What a projection writes for the events after `from` up to `to`. With the store's own `client` it is one transaction with
 * the position; else the position is moved after it.
 *
 * @category models
 * @since 0.1.0
 */
export interface ProjectionStep<E, R> {
  readonly name: string
  /** None before the first step. */
  readonly from: Option.Option<Position>
  readonly to: Position
  readonly client: SqlClient.SqlClient | undefined
  readonly apply: Effect.Effect<unknown, E, R>
}
