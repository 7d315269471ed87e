/**
 * What a durable projection is handed, and how far it has come.
 *
 * @since 0.1.0
 */
import type { Array as Arr, Duration, Effect } from "effect"
import type { SqlClient } from "effect/sql"
import type { FeedEvent, FeedGap } from "../domain/FeedEvent.ts"
import type { ThreadEvent } from "../domain/ThreadEvent.ts"

/**
 * Events of these kinds, in the order over all threads, and what is missing between them: events that were pruned (`Gap`),
 * or all that was projected before (`FeedGap`, `log-replaced`).
 *
 * @since 0.1.0
 * @category models
 */
export type Projected<K extends ThreadEvent["_tag"]> = Extract<ThreadEvent, { readonly _tag: K | "Gap" }> | FeedGap

/**
 * A batch of them, in order.
 *
 * @since 0.1.0
 * @category models
 */
export type ProjectionBatch<K extends ThreadEvent["_tag"] = ThreadEvent["_tag"]> = Arr.NonEmptyReadonlyArray<
  Projected<K>
>

/**
 * A registered projection.
 *
 * @since 0.1.0
 * @category models
 */
export interface ProjectionRegistration {
  readonly phase: "project"
  readonly name: string
  readonly priority: number
  readonly timeout: Duration.Duration
  readonly kinds: ReadonlyArray<ThreadEvent["_tag"]>
  readonly limit: number
  /** The client that `run` writes with, where rows and position are to be one transaction. */
  readonly client: SqlClient.SqlClient | undefined
  readonly run: (batch: ReadonlyArray<FeedEvent>) => Effect.Effect<unknown, unknown>
}
