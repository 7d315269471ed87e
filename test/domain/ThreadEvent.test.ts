import { assert, describe, it } from "@effect/vitest"
import { Effect, Equal, Layer, Option, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { readFileSync } from "node:fs"
import { Epoch, ThreadId } from "../../src/domain/Ids.ts"
import { EventBody, isEphemeral, isTerminal, ThreadEvent, version } from "../../src/domain/ThreadEvent.ts"
import { Binding } from "../../src/domain/ThreadRecord.ts"
import * as EventPosition from "../../src/store/EventPosition.ts"
import * as eventLog from "../../src/store/internal/eventLog.ts"
import { eventReader, eventRow, toEvent } from "../../src/store/internal/rows.ts"
import { upcasts } from "../../src/store/internal/upcasts.ts"
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
      assert.lengthOf(upcasts, version - 1)
    }))

  it("P15 events: a reader takes events of earlier versions through each step, and none of a newer version for its own", () => {
    const row = { seq: 3, epoch: 1, turn_id: null, type: "Warning", at: 4, position: 5 }
    const place = { seq: 3, threadId: ThreadId.make("t"), epoch: 1, at: 4, position: "5" }
    // Version 1 had `name`, version 2 called it `kind`, and version 3 calls it `code` and adds the prose.
    const read = eventReader([
      ({ name, ...rest }) => ({ ...rest, kind: name }),
      ({ kind, ...rest }) => ({ ...rest, code: kind, message: `upcast from ${String(kind)}` })
    ])
    const stored = (version: number | bigint | string, body: unknown) =>
      read(place.threadId, { ...row, version, body: JSON.stringify(body) })
    const event = { _tag: "Warning", code: "slow", message: "upcast from slow", ...place }
    assert.deepStrictEqual<unknown>(stored(1, { _tag: "Warning", name: "slow" }), event)
    assert.deepStrictEqual<unknown>(stored("2", { _tag: "Warning", kind: "slow" }), event)
    assert.deepStrictEqual<unknown>(stored(3n, { _tag: "Warning", code: "slow", message: "upcast from slow" }), event)
    // Neither of a release that this one does not know, nor damaged, even if the body looks like one of this version.
    const body = { _tag: "Warning", code: "slow" }
    for (const other of [4, 0, -1, 1.5, "x", ""]) {
      assert.deepStrictEqual<unknown>(stored(other, body), {
        _tag: "Unrecognized",
        type: "Warning",
        raw: body,
        ...place
      })
    }
    // What a step makes of a damaged body is decoded like any other.
    assert.deepInclude<unknown>(stored(1, { _tag: "Warning" }), { _tag: "Unrecognized", raw: { _tag: "Warning" } })
  })

  it.effect("P15 events: an event of a newer release is kept in the store and shown as unrecognized", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      const place = { seq: 1, threadId: ThreadId.make("t"), epoch: Epoch.make(1), at: 4 }
      yield* eventLog.insert(sql, [{ _tag: "Warning", code: "slow", ...place }], 7)
      yield* sql`UPDATE eca_events SET version = ${version + 1}`
      assert.deepStrictEqual<unknown>(yield* allEvents(place.threadId), [
        { _tag: "Unrecognized", type: "Warning", raw: { _tag: "Warning", code: "slow" }, ...place, position: "7" }
      ])
    }).pipe(
      Effect.provide(Layer.provideMerge(SessionStore.layer, SqliteClient.layer({ filename: ":memory:" })))
    ))

  it.effect("P11 events: every durable event of every version goes through the store unchanged", () =>
    Effect.gen(function*() {
      const durable: Array<ThreadEvent> = []
      for (const event of yield* decodeGolden(golden)) {
        if (!isEphemeral(event)) {
          const seq = durable.length + 1
          durable.push({ ...event, seq, position: EventPosition.of(seq) })
        }
      }
      // Past the ledger: no one turn goes through all of them.
      yield* eventLog.insert(yield* SqlClient.SqlClient, durable, durable.length)
      assert.deepStrictEqual(yield* allEvents(), durable)
    }).pipe(
      Effect.provide(Layer.provideMerge(SessionStore.layer, SqliteClient.layer({ filename: ":memory:" })))
    ))

  it.prop("P11 events: an event is plain JSON and comes back equal", [ThreadEvent], ([generated]) => {
    const event = Option.getOrUndefined(asJson(generated))
    if (event === undefined) return
    const again = toEvent(event.threadId, eventRow(event, 7))
    assert.isTrue(Equal.equals(again, { ...event, position: EventPosition.of(7) }), JSON.stringify(event))
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
      version,
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
