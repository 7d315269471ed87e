import { assert, describe, it } from "@effect/vitest"
import * as Context from "../../src/codex/protocol/Context.ts"

const valuesOf = (entries: object) =>
  Object.entries(entries).toSorted(([a], [b]) => a < b ? -1 : 1).map(([, { value }]): string => value)

describe("what goes with a prompt", () => {
  it("P1 codex: texts of any length come in pieces that Codex keeps, in their order, and lose nothing", () => {
    const texts = [
      "a".repeat(9_999),
      "\u00e9".repeat(5_000),
      "\ud83d\udc0d".repeat(2_500),
      "line\n".repeat(2_000),
      "",
      "short"
    ]
    const values = valuesOf(Context.entries("turn", texts))
    assert.strictEqual(values.join(""), texts.join(""))
    for (const value of values) assert.isAtMost(Buffer.byteLength(value), 4_000)
    assert.notInclude(values.join(""), "\ufffd")
    assert.isTrue(values.filter((value) => value.includes("line")).every((value) => value.endsWith("\n")))
    assert.strictEqual(values.length, 3 + 3 + 3 + 3 + 1 + 1)
  })
})
