import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import * as BoundedJson from "../../src/domain/BoundedJson.ts"
import * as Transcript from "../../src/domain/Transcript.ts"
import * as WellFormed from "../../src/domain/WellFormed.ts"

const nested = (depth: number): unknown => JSON.parse(`${"{\"a\":[".repeat(depth)}1${"]}".repeat(depth)}`)

const depthOf = (value: unknown): number =>
  typeof value === "object" && value !== null
    ? 1 + Math.max(0, ...Object.values(value).map(depthOf))
    : 0

describe("P15 JSON of bounded depth", () => {
  it.prop("P15 json: what is not too deep is the same value", [Schema.Json], ([value]) => {
    assert.strictEqual(BoundedJson.bound(value), value)
  })

  it.prop("P15 json: what lies deeper is its JSON text", [Schema.Json], ([value]) => {
    const cut = BoundedJson.bound({ at: value }, 1)
    const expected = typeof value === "object" && value !== null ? JSON.stringify(value) : value
    assert.deepStrictEqual(cut, { at: expected })
  })

  it("P15 json: no value is deeper than the limit, and none is too deep to be read", () => {
    for (const depth of [10, 64, 65, 1000, 50_000]) {
      const bounded = BoundedJson.bound(nested(depth))
      assert.isAtMost(depthOf(bounded), BoundedJson.maxDepth)
      assert.deepStrictEqual(BoundedJson.bound(bounded), bounded)
      assert.strictEqual(JSON.stringify(bounded).split("a").length - 1, depth)
    }
  })

  it("P15 json: what JSON does not have is kept as text or null, also below the limit, and a value that holds itself ends", () => {
    const loop: Record<string, unknown> = { size: 5n, at: new Date(0), run: () => 1, rate: Number.NaN }
    loop["self"] = loop
    const cut = { size: "5", at: "1970-01-01T00:00:00.000Z", run: null, rate: null, self: "[circular]" }
    assert.deepStrictEqual(BoundedJson.bound(loop), cut)
    assert.deepStrictEqual(BoundedJson.bound([loop, loop], 1), [JSON.stringify(cut), JSON.stringify(cut)])
    // What it lies in is known below the limit, too.
    const list: Array<unknown> = []
    list.push({ list })
    assert.deepStrictEqual(BoundedJson.bound(list, 1), ["{\"list\":\"[circular]\"}"])
  })

  it("P15 json: the value that was given is not changed", () => {
    const value = nested(200)
    BoundedJson.bound(value)
    assert.strictEqual(JSON.stringify(value), JSON.stringify(nested(200)))
  })
})

describe("P15 well-formed text", () => {
  it.prop("P15 text: a cut at either end of well-formed text is well-formed, and at most as long as asked", [
    Schema.String,
    Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 20 }))
  ], ([text, length]) => {
    const whole = text.toWellFormed()
    for (const cut of [WellFormed.start(whole, length), WellFormed.end(whole, length)]) {
      assert.isTrue(cut.isWellFormed())
      assert.isAtMost(cut.length, length)
      assert.isAtLeast(cut.length, Math.min(length, whole.length) - 1)
    }
  })

  it("P15 text: half of a pair becomes U+FFFD in a human's text, and is refused in an id", () => {
    assert.strictEqual(Schema.decodeSync(WellFormed.Text)("so\ud83d"), "so\ufffd")
    assert.strictEqual(Schema.decodeSync(WellFormed.Text)("so 😀"), "so 😀")
    assert.isFalse(Schema.is(WellFormed.WellFormed)("so\ud83d"))
    assert.isTrue(Schema.is(WellFormed.WellFormed)("so 😀"))
  })

  it("P15 text: the seed of a new session is well-formed, wherever an item is shortened", () => {
    const turn = (prompt: string): Transcript.TranscriptTurn =>
      Schema.decodeSync(Transcript.TranscriptTurn)({
        turnId: "t",
        epoch: 1,
        startedAt: 0,
        input: { prompt },
        items: [{ _tag: "UserMessage", itemId: "i", text: prompt, attachments: [] }]
      })
    for (let budget = 30; budget < 60; budget++) {
      const seed = Transcript.seed([turn(`${"x".repeat(budget % 2)}${"😀".repeat(500)}`)], budget)
      if (seed !== undefined) assert.isTrue(seed.text.isWellFormed(), `budget ${budget}`)
      assert.notInclude(seed?.text, "\ufffd")
    }
  })
})
