/**
 * Deliveries of hooks as they are listed: those that are still to be made, and those that were given up.
 */
import { Effect, Option, Schema } from "effect"
import type { SqlClient, Statement } from "effect/sql"
import { LifecycleEvent } from "../../domain/LifecycleEvent.ts"
import type { DeliveriesQuery, GivenUpDelivery, HookOutbox, WaitingDelivery } from "../HookOutbox.ts"
import * as pageCursor from "./pageCursor.ts"
import { type BigIntColumn, parseJson } from "./rows.ts"
import { read } from "./run.ts"

export interface DeliveryRow {
  readonly event_id: string
  readonly attempt: BigIntColumn
  readonly ordinal: BigIntColumn
  readonly body: string
}

interface ListedRow extends DeliveryRow {
  readonly hook: string
  readonly due_at: BigIntColumn
  readonly given_up_at: BigIntColumn | null
  readonly error: string | null
}

/** When a delivery that was given up is due. */
export const never = Number.MAX_SAFE_INTEGER

const decode = Schema.decodeUnknownOption(LifecycleEvent)

/** None where this release cannot read it. */
export const eventOf = ({ body }: DeliveryRow): LifecycleEvent | undefined =>
  Option.getOrUndefined(decode(parseJson(body)))

type Listed = Pick<WaitingDelivery, "hook" | "event" | "attempts">

const givenUp = (known: Listed, { error, given_up_at }: ListedRow): GivenUpDelivery => ({
  ...known,
  givenUpAt: Number(given_up_at),
  error: error ?? ""
})

const waiting = (known: Listed, { due_at, error }: ListedRow): WaitingDelivery => ({
  ...known,
  dueAt: Number(due_at),
  error: error ?? undefined
})

export const make = (sql: SqlClient.SqlClient): Pick<HookOutbox["Service"], "waiting" | "givenUp"> => {
  /** One page of what `which` deliveries are, in the order of recording. */
  const list = <A>(
    name: string,
    which: Statement.Fragment,
    toDelivery: (known: Listed, row: ListedRow) => A
  ) =>
    Effect.fnUntraced(function*({ hook, ...query }: DeliveriesQuery) {
      const { after, limit } = yield* pageCursor.decode(query)
      const rows = yield* read(
        name,
        sql<ListedRow>`SELECT d.hook, d.event_id, d.attempt, d.ordinal, d.due_at, d.given_up_at, d.error, e.body
          FROM eca_hook_deliveries d JOIN eca_hook_events e ON e.event_id = d.event_id
          WHERE ${which} AND ${hook === undefined ? sql.literal("1 = 1") : sql`d.hook = ${hook}`}
            AND ${after === undefined ? sql.literal("1 = 1") : sql`(d.ordinal, d.hook) > (${after[0]}, ${after[1]})`}
          ORDER BY d.ordinal, d.hook LIMIT ${limit + 1}`
      )
      const page = rows.slice(0, limit)
      const last = page.at(-1)
      return {
        deliveries: page.flatMap((row) => {
          const event = eventOf(row)
          return event === undefined ? [] : toDelivery({ hook: row.hook, event, attempts: Number(row.attempt) }, row)
        }),
        next: last === undefined || rows.length <= limit ? undefined : pageCursor.after(last.ordinal, last.hook)
      }
    })

  return {
    waiting: list("read deliveries that are still to be made", sql`d.due_at < ${never}`, waiting),
    givenUp: list("read deliveries that were given up", sql`d.due_at = ${never}`, givenUp)
  }
}
