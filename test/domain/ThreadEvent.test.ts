import { assert, describe, it } from "@effect/vitest"
import { Effect, Equal, Layer, Option, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { readFileSync } from "node:fs"
import { Position, ThreadId } from "../../src/domain/Ids.ts"
import { EventBody, isEphemeral, isTerminal, ThreadEvent, version } from "../../src/domain/ThreadEvent.ts"
import { Binding } from "../../src/domain/ThreadRecord.ts"
import * as eventLog from "../../src/store/internal/eventLog.ts"
import { eventRow, toEvent } from "../../src/store/internal/rows.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import * as SqliteClient from "../../src/store/SqliteClient.ts"
import { allEvents, binding } from "../support/StoreFixture.ts"

const read = (file: string): ReadonlyArray<unknown> =>
  JSON.parse(readFileSync(new URL(`../golden/${file}`, import.meta.url), "utf8"))

/** Every case, as version 1 writes it. After the release never changed; a later version adds a file of its own. */
const golden: ReadonlyArray<unknown> = read("events-v1.json")
const decodeGolden = Schema.decodeUnknownEffect(Schema.NonEmptyArray(ThreadEvent))

/** Agents' own values are JSON by contract; the arbitrary of Unknown is not. */
const asJson = (event: ThreadEvent): Option.Option<ThreadEvent> => {
  const json = JSON.stringify(event, (_, value: unknown) => typeof value === "bigint" ? String(value) : value)
  return Schema.decodeUnknownOption(ThreadEvent)(JSON.parse(json))
}

describe("ThreadEvent", () => {
  it.effect("P11 events: every event of every version is read back as it was written", () =>
    Effect.gen(function*() {
      const events = yield* decodeGolden(golden)
      assert.deepStrictEqual<unknown>(events, golden)
      const cases = Object.keys(EventBody.cases)
      assert.deepStrictEqual(Array.from(new Set(events.map((event) => event._tag))).toSorted(), cases.toSorted())
      assert.strictEqual(version, 1)
    }))

  it.effect("P11 events: every durable event of every version goes through the store unchanged", () =>
    Effect.gen(function*() {
      const durable: Array<ThreadEvent> = []
      for (const event of yield* decodeGolden(golden)) {
        if (!isEphemeral(event)) durable.push({ ...event, seq: durable.length + 1, position: Position.make("7") })
      }
      // Past the ledger: no one turn goes through all of them.
      yield* eventLog.insert(yield* SqlClient.SqlClient, durable, 7)
      assert.deepStrictEqual(yield* allEvents(), durable)
    }).pipe(
      Effect.provide(Layer.provideMerge(SessionStore.layer, SqliteClient.layer({ filename: ":memory:" })))
    ))

  it.prop("P11 events: an event is plain JSON and comes back equal", [ThreadEvent], ([generated]) => {
    const event = Option.getOrUndefined(asJson(generated))
    if (event === undefined) return
    const again = toEvent(event.threadId, { ...eventRow(event, 0), position: event.position })
    assert.isTrue(Equal.equals(again, event), JSON.stringify(event))
  }, { arbitrary: { runs: 500 } })

  it.prop("P11 events: whatever body is stored, reading it answers an event in its place", [
    Schema.Struct({ type: Schema.String, turn: Schema.NullOr(Schema.NonEmptyString), body: Schema.Json })
  ], ([{ body, turn, type }]) => {
    const row = {
      thread_id: "t",
      seq: 3n,
      epoch: "2",
      turn_id: turn,
      type,
      at: 4,
      position: 5n,
      body: JSON.stringify(body)
    }
    const event = toEvent(ThreadId.make("t"), row)
    const place: ReadonlyArray<unknown> = [event.seq, event.epoch, event.at, event.threadId, event.position]
    assert.deepStrictEqual(place, [3, 2, 4, "t", "5"])
    if (event._tag === "Unrecognized") assert.isTrue(Equal.equals(event.raw, body))
  })

  it.effect("P4 events: four events end a turn, and a reconciliation is none of them", () =>
    Effect.gen(function*() {
      const ending = (yield* decodeGolden(golden)).filter(isTerminal).map((event) => event._tag)
      assert.deepStrictEqual(Array.from(new Set(ending)), [
        "TurnCompleted",
        "TurnFailed",
        "TurnInterrupted",
        "TurnUnknown"
      ])
    }))

  it.effect("P3 binding: fields that a later release adds do not make a binding unreadable", () =>
    Effect.gen(function*() {
      const decoded = yield* Schema.decodeUnknownEffect(Binding)({ ...binding(), colour: "blue" })
      assert.deepStrictEqual(decoded, binding())
    }))
})
