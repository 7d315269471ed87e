/** The input of operations as callers of JavaScript give it. */
import { assert, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { decoder } from "../../src/service/decoder.ts"

const decode = decoder(
  "op",
  Schema.Struct({
    name: Schema.optionalKey(Schema.String),
    rows: Schema.Array(Schema.Struct({ id: Schema.Int, note: Schema.optionalKey(Schema.String) }))
  })
)

it.effect("P15 a key whose value is undefined is not there, at any depth", () =>
  Effect.gen(function*() {
    assert.deepStrictEqual(yield* decode({ name: undefined, rows: [{ id: 1, note: undefined }] }), {
      rows: [{ id: 1 }]
    })
  }))

it.effect("P15 what is wrong beside it is told as it was given", () =>
  Effect.gen(function*() {
    const error = yield* Effect.flip(decode({ name: undefined, rows: [{ id: "one" }] }))
    assert.deepStrictEqual(error.issues.map(({ path }) => path), ["rows[0].id"])
  }))
