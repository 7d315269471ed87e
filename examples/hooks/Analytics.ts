/**
 * Session analytics in SQLite: how long sessions live, how they end, what their turns cost.
 *
 * Delivery is at least once, so the event's id is the primary key, and a second delivery changes nothing. Everything
 * else is a query.
 */
import { Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { LifecycleHooks } from "../../src/index.ts"
import type { Matching } from "../../src/protocol.ts"

const howOf = (event: Matching<"session:*" | "turn:end">): string => {
  switch (event._tag) {
    case "session:start":
      return event.source
    case "session:end":
      return event.reason
    case "session:reset":
      return event.previousSessionId
    case "turn:end":
      return event.outcome
  }
}

/** Needs a `SqlClient` of the app's own; the library's store is not for others to write to. */
export const layer = Layer.unwrap(Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  yield* sql`
    CREATE TABLE IF NOT EXISTS analytics (
      event_id TEXT PRIMARY KEY,
      session_id TEXT NOT NULL,
      epoch INTEGER NOT NULL,
      seq INTEGER NOT NULL,
      kind TEXT NOT NULL,
      at REAL NOT NULL,
      how TEXT NOT NULL,
      estimated INTEGER NOT NULL,
      tokens REAL NOT NULL,
      cost_usd REAL NOT NULL
    )`
  return LifecycleHooks.observe({
    name: "analytics",
    events: ["session:*", "turn:end"],
    run: Effect.fn("Analytics.run")(function*(event) {
      const { _tag: kind, epoch, eventId, seq, sessionId } = event
      const usage = event._tag === "turn:end" ? event.usage : undefined
      const row = {
        event_id: eventId,
        session_id: sessionId,
        epoch,
        seq,
        kind,
        at: event._tag === "session:end" ? event.endedAt : event.at,
        how: howOf(event),
        estimated: event._tag === "session:end" && event.endedAtEstimated ? 1 : 0,
        tokens: usage === undefined ? 0 : (usage.input ?? 0) + (usage.output ?? 0),
        cost_usd: usage?.costUsd ?? 0
      }
      yield* sql`INSERT INTO analytics ${sql.insert(row)} ON CONFLICT (event_id) DO NOTHING`
    })
  })
}))

export interface Life {
  readonly epoch: number
  readonly sessionId: string
  readonly began: string
  readonly ended: string | null
  readonly estimated: number | null
  readonly millis: number | null
  readonly turns: number
  readonly tokens: number
  readonly costUsd: number
}

/** One line for each life of a session, oldest first. */
export const report = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  return yield* sql<Life>`
    SELECT
      s.epoch AS epoch,
      s.session_id AS "sessionId",
      s.how AS began,
      e.how AS ended,
      e.estimated AS estimated,
      e.at - s.at AS millis,
      count(t.event_id) AS turns,
      coalesce(sum(t.tokens), 0) AS tokens,
      coalesce(sum(t.cost_usd), 0) AS "costUsd"
    FROM analytics s
    LEFT JOIN analytics e ON e.kind = 'session:end' AND e.session_id = s.session_id AND e.epoch = s.epoch
    LEFT JOIN analytics t ON t.kind = 'turn:end' AND t.session_id = s.session_id AND t.epoch = s.epoch
    WHERE s.kind = 'session:start'
    GROUP BY s.event_id
    ORDER BY s.seq`
})

/** An event in its place in the thread. */
export interface Moment {
  readonly seq: number
  readonly kind: string
}

/** What belongs to resets, in the order in which it was recorded. */
export const resets = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  return yield* sql<Moment>`
    SELECT seq, kind FROM analytics WHERE kind = 'session:reset' OR how = 'reset' ORDER BY seq`
})
