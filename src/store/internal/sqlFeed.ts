/**
 * The feed in SQL: events by their positions, and between them what became of those that are gone: a deletion where it
 * was committed, and one `Gap` where the last removed event was.
 *
 * The end is asked for first. Nothing up to it is in flight any more ({@link Positions}), so what the statements after it
 * do not find there never comes.
 */
import { Effect, Option } from "effect"
import type { SqlClient, SqlError, Statement } from "effect/sql"
import type { Position, ThreadId } from "../../domain/Ids.ts"
import type { ThreadEvent } from "../../domain/ThreadEvent.ts"
import * as EventPosition from "../EventPosition.ts"
import type { FeedPage, FeedQuery } from "../Feed.ts"
import { PageInvalid, type StoreFailed } from "../StoreError.ts"
import * as eventRows from "./eventRows.ts"
import type { Positions } from "./positions.ts"
import { type BigIntColumn, type EventRow, toEpoch, toEvent, toNumber, toThreadId } from "./rows.ts"
import { read } from "./run.ts"

interface Found {
  readonly place: number
  /** Absent where no thread can have the id of the row. */
  readonly event: ThreadEvent | undefined
}

interface TombstoneRow {
  readonly thread_id: string
  readonly position: BigIntColumn
  readonly epoch: BigIntColumn
  readonly last_seq: BigIntColumn
  readonly at: BigIntColumn
}

interface PrunedRow extends Omit<TombstoneRow, "last_seq"> {
  readonly through: BigIntColumn
}

const deletionOf = (row: TombstoneRow): Found => {
  const threadId = toThreadId(row.thread_id)
  const place = toNumber(row.position)
  return {
    place,
    event: threadId === undefined ? undefined : {
      _tag: "ThreadDeleted",
      seq: toNumber(row.last_seq),
      threadId,
      epoch: toEpoch(row.epoch),
      at: toNumber(row.at),
      position: EventPosition.of(place)
    }
  }
}

const gapOf = (row: PrunedRow): Found => {
  const threadId = toThreadId(row.thread_id)
  const place = toNumber(row.position)
  return {
    place,
    event: threadId === undefined ? undefined : {
      _tag: "Gap",
      cause: "pruned",
      lost: "events",
      seq: toNumber(row.through),
      threadId,
      epoch: toEpoch(row.epoch),
      at: toNumber(row.at),
      position: EventPosition.of(place)
    }
  }
}

/** Many of a page are of few threads. */
const eventsOf = (rows: ReadonlyArray<EventRow>): ReadonlyArray<Found> => {
  const ids = new Map<string, ThreadId | undefined>()
  return rows.map((row) => {
    if (!ids.has(row.thread_id)) ids.set(row.thread_id, toThreadId(row.thread_id))
    const threadId = ids.get(row.thread_id)
    return {
      place: toNumber(row.position),
      event: threadId === undefined ? undefined : toEvent(threadId, row)
    }
  })
}

/** In order. Of two at one place the first stays: the gap of an event that is still being removed. */
const merge = (lists: ReadonlyArray<ReadonlyArray<Found>>): ReadonlyArray<Found> => {
  const filled = lists.filter((list) => list.length > 0)
  const [only] = filled
  if (only === undefined || filled.length === 1) return only ?? []
  const all = filled.flat().toSorted((a, b) => a.place - b.place)
  return all.filter(({ place }, n) => all[n - 1]?.place !== place)
}

export const make = (sql: SqlClient.SqlClient, positions: Positions) => {
  const ofKinds = (kinds: FeedQuery["kinds"]): Statement.Fragment =>
    kinds === undefined
      ? sql.literal("")
      : kinds.length === 0
      ? sql.literal(" AND 1 = 0")
      : sql` AND ${sql.in("type", kinds)}`

  const page = Effect.fnUntraced(function*(
    after: number,
    { kinds, limit }: FeedQuery
  ): Effect.fn.Return<FeedPage, SqlError.SqlError> {
    const end = yield* positions.last
    if (after > end) return { events: [], through: EventPosition.of(end), ahead: true }
    const rows = yield* eventRows.select(
      sql,
      sql`WHERE position > ${after} AND position <= ${end}${ofKinds(kinds)} ORDER BY position LIMIT ${limit}`
    )
    // Asked after the events: what was removed meanwhile is told, even where it was read before.
    const gaps = yield* sql<PrunedRow>`SELECT thread_id, through, position, epoch, at FROM eca_pruned
      WHERE position > ${after} AND position <= ${end} AND through > 0 ORDER BY position LIMIT ${limit}`
    const deletions = kinds === undefined || kinds.includes("ThreadDeleted")
      ? yield* sql<TombstoneRow>`SELECT thread_id, position, epoch, last_seq, at FROM eca_tombstones
        WHERE position > ${after} AND position <= ${end} ORDER BY position LIMIT ${limit}`
      : []
    const found = merge([gaps.map(gapOf), eventsOf(rows), deletions.map(deletionOf)])
    const some = found.slice(0, limit)
    const last = some.at(-1)
    const goesOn = found.length > limit || [rows, gaps, deletions].some((list) => list.length === limit)
    return {
      events: some.flatMap(({ event }) => event === undefined ? [] : [event]),
      through: EventPosition.of(goesOn && last !== undefined ? last.place : end),
      ahead: false
    }
  })

  return {
    readFeed: (query: FeedQuery): Effect.Effect<FeedPage, StoreFailed | PageInvalid> =>
      Option.match(query.after === undefined ? Option.some(0) : EventPosition.parse(query.after), {
        onNone: () => Effect.fail(new PageInvalid({ reason: "after: a position" })),
        onSome: (after) => read("read the feed", page(after, query))
      }),

    feedChanged: (after: Position): Effect.Effect<void> =>
      Option.match(EventPosition.parse(after), { onNone: () => Effect.void, onSome: positions.changed })
  }
}
