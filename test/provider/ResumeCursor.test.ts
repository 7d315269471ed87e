import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { readdirSync, readFileSync } from "node:fs"
import { ProviderName, SessionId } from "../../src/domain/Ids.ts"
import * as ResumeCursor from "../../src/provider/ResumeCursor.ts"

const acme = ResumeCursor.make({
  provider: ProviderName.make("acme"),
  version: 1,
  schema: Schema.Struct(ResumeCursor.baseFields)
})

/** The same provider two releases later. */
const later = ResumeCursor.make({
  provider: ProviderName.make("acme"),
  version: 3,
  schema: Schema.Struct({ ...ResumeCursor.baseFields, region: Schema.String }),
  migrations: [
    ResumeCursor.migration(1, Schema.Struct(ResumeCursor.baseFields), (v1) => ({ ...v1, region: "eu" })),
    ResumeCursor.migration(2, Schema.Struct({ ...ResumeCursor.baseFields, region: Schema.String }), (v2) => {
      if (v2.region === "mars") throw new Error("no such region")
      return v2
    })
  ]
})

const value = {
  sessionId: SessionId.make("session-1"),
  directory: "/project",
  runtimeMode: "approval-required",
  agentVersion: "1.0.0"
} as const

const outcomes = ["Valid", "Absent", "Malformed", "Foreign", "Unsupported"]

const golden = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`../golden/${name}`, import.meta.url), "utf8"))

describe("ResumeCursor", () => {
  it.prop("P3 cursor: whatever JSON is stored, the answer is one of the five", [Schema.Json], ([json]) => {
    assert.include(outcomes, acme.decode(json)._tag)
  })

  it.prop(
    "P3 cursor: whatever is stored in a cursor's envelope, the answer is one of the five",
    [Schema.Struct({
      provider: Schema.Union([Schema.Literals(["acme", "other"]), Schema.Json]),
      version: Schema.Union([Schema.Literals([0, 1, 2, 3, 4]), Schema.Json]),
      payload: Schema.Union([
        Schema.Struct({ sessionId: Schema.Json, directory: Schema.Json, runtimeMode: Schema.Json }),
        Schema.Struct({ ...ResumeCursor.baseFields, region: Schema.String }),
        Schema.Json
      ])
    })],
    ([envelope]) => {
      assert.include(outcomes, acme.decode(envelope)._tag)
      assert.include(outcomes, later.decode(envelope)._tag)
    }
  )

  it.prop("P3 cursor: what was encoded is found again", [Schema.Struct(ResumeCursor.baseFields)], ([value]) => {
    const stored: unknown = JSON.parse(JSON.stringify(acme.encode(value)))
    assert.deepStrictEqual(acme.decode(stored), ResumeCursor.Decoded.Valid({ value, migratedFrom: undefined }))
  })

  it("P3 cursor: only nothing at all is absent", () => {
    assert.strictEqual(acme.decode(null)._tag, "Absent")
    assert.strictEqual(acme.decode(undefined)._tag, "Absent")
    for (const rubbish of ["", "null", 0, false, [], {}, { provider: "" }, { provider: "acme", version: 0.5 }]) {
      assert.strictEqual(acme.decode(rubbish)._tag, "Malformed", JSON.stringify(rubbish))
    }
  })

  it("P3 cursor: another provider's cursor and one of a newer release are told apart from rubbish", () => {
    const { payload } = acme.encode(value)
    assert.deepStrictEqual(
      acme.decode({ provider: "other", version: 99, payload: 1 }),
      ResumeCursor.Decoded.Foreign({ provider: "other" })
    )
    assert.deepStrictEqual(
      acme.decode({ provider: "acme", version: 2, payload }),
      ResumeCursor.Decoded.Unsupported({ version: 2, supported: 1 })
    )
  })

  it("P3 cursor: older versions are migrated step by step; a step that cannot is a malformed cursor", () => {
    assert.deepStrictEqual(
      later.decode(acme.encode(value)),
      ResumeCursor.Decoded.Valid({ value: { ...value, region: "eu" }, migratedFrom: 1 })
    )
    const payload = { ...value, region: "mars" }
    assert.deepStrictEqual(
      later.decode({ provider: "acme", version: 2, payload }),
      ResumeCursor.Decoded.Malformed({ at: "payload of version 2" })
    )
  })

  it.effect("P3 cursor: every golden cursor of every version is readable JSON with an envelope", () =>
    Effect.gen(function*() {
      const names = readdirSync(new URL("../golden/", import.meta.url)).filter((name) => name.startsWith("cursor-"))
      assert.include(names, "cursor-acme-v1.json")
      for (const name of names) yield* Schema.decodeUnknownEffect(ResumeCursor.StoredCursor)(golden(name))
    }))

  it("P3 cursor: the golden cursor of version 1 is what version 1 writes, and every later release reads it", () => {
    assert.deepStrictEqual(golden("cursor-acme-v1.json"), acme.encode(value))
    assert.strictEqual(acme.decode(golden("cursor-acme-v1.json"))._tag, "Valid")
    assert.strictEqual(later.decode(golden("cursor-acme-v1.json"))._tag, "Valid")
  })
})
