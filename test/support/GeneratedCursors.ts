/** Generated and damaged stored cursors, each held against what the rules of decoding say about it. */
import { assert } from "@effect/vitest"
import { Arbitrary, Effect, Schema } from "effect"
import { cursor } from "../../src/opencode/protocol/Cursor.ts"
import * as ResumeCursor from "../../src/provider/ResumeCursor.ts"
import * as Mutation from "./Mutation.ts"

const Base = Schema.Struct(ResumeCursor.baseFields)

const Envelope = Schema.Struct({
  provider: Schema.Union([Schema.Literals(["opencode", "acme"]), Schema.Json]),
  version: Schema.Union([Schema.Literals([0, 1, 2, 1.5]), Schema.Json]),
  payload: Schema.Union([
    Base,
    Schema.Struct({ sessionId: Schema.Json, directory: Schema.Json, runtimeMode: Schema.Json }),
    Schema.Json
  ])
})

const Stored = Schema.Union([Envelope, Base, Schema.Json])
const isPayload = Schema.is(Base)

/** Checks so many generated values, and every damage that the seed finds for those that are cursors. */
export const run = Effect.fnUntraced(function*(options: { readonly count: number; readonly seed: number }) {
  const random = Mutation.seeded(options.seed)
  const answers = new Map<string, number>()
  const batch = 1_000
  for (let done = 0; done < options.count; done += batch) {
    const values = yield* Arbitrary.sampleEffect(Arbitrary.schema(Stored), {
      count: Math.min(batch, options.count - done),
      seed: options.seed + done
    }).pipe(Effect.orDie)
    for (const value of values) {
      const stored = random() < 0.5 ? value : damaged(value, random)
      const { _tag } = check(stored)
      answers.set(_tag, (answers.get(_tag) ?? 0) + 1)
    }
  }
  return answers
})

/** A real cursor of this payload, where it is one, with one field changed. */
const damaged = (value: unknown, random: Mutation.Random): unknown => {
  const whole = isPayload(value) ? cursor.encode(value) : value
  if (typeof whole !== "object" || whole === null || Object.keys(whole).length === 0) return whole
  return JSON.parse(Mutation.anyField(JSON.stringify(whole), random))
}

const check = (stored: unknown) => {
  const decoded = cursor.decode(stored)
  assert.strictEqual(decoded._tag, expected(stored), JSON.stringify(stored))
  if (decoded._tag === "Valid") assert.deepStrictEqual(cursor.decode(cursor.encode(decoded.value)), decoded)
  return decoded
}

/** The rules, once more and in other words. */
const expected = (stored: unknown): ResumeCursor.Decoded<unknown>["_tag"] => {
  if (stored === null || stored === undefined) return "Absent"
  const { payload, provider, version } = Object(stored)
  if (typeof stored !== "object" || Array.isArray(stored) || typeof provider !== "string" || provider === "") {
    return "Malformed"
  }
  if (provider !== "opencode") return "Foreign"
  if (!Number.isSafeInteger(version) || version < 1) return "Malformed"
  if (version > 1) return "Unsupported"
  return isPayload(payload) ? "Valid" : "Malformed"
}
