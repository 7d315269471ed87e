/** What a prompt is sent as. */
import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { Copilot, Gemini, Grok, Qwen } from "../../src/acp/index.ts"
import * as Blocks from "../../src/acp/session/Blocks.ts"

const decode = Schema.decodeUnknownSync(Schema.Array(Schema.Union([
  Schema.Struct({ type: Schema.Literal("text"), text: Schema.String }),
  Schema.Struct({
    type: Schema.Literal("resource"),
    resource: Schema.Struct({ uri: Schema.String, text: Schema.String })
  })
])))

const resources = (texts: ReadonlyArray<string>) =>
  decode(Blocks.of(Grok.profile, texts)).flatMap((block) => block.type === "resource" ? [block.resource] : [])

describe("the blocks of a prompt", () => {
  it("P1 acp: texts are texts, each its own, and one line by line for an agent that joins them", () => {
    assert.deepStrictEqual(Blocks.of(Qwen.profile, ["a", "@b"]), [{ type: "text", text: "a" }, {
      type: "text",
      text: "@b"
    }])
    assert.deepStrictEqual(Blocks.of(Grok.profile, ["a", "b"]), [{ type: "text", text: "a\nb" }])
  })

  it("P1 acp: for Grok what has an @ before a name is a resource, an address of mail is not", () => {
    for (const text of ["@there", "look at @there", "(@there)", "look,@there", "\u00a0@there", "é@there"]) {
      assert.deepStrictEqual(resources([text]).map((resource) => resource.text), [text])
    }
    assert.deepStrictEqual(resources(["mail a@example.com", "at 5 @ noon"]), [])
  })

  it("P1 acp: a long one is cut into resources that are whole together, each with a name, none inside a character", () => {
    const texts = ["@there\n".repeat(2_000), `@there ${"🌰".repeat(5_000)}`, `@there${"x".repeat(9_001)}`]
    for (const text of texts) {
      const found = resources([text])
      assert.isAbove(found.length, 2)
      assert.strictEqual(found.map((resource) => resource.text).join(""), text)
      assert.strictEqual(new Set(found.map(({ uri }) => uri)).size, found.length)
      assert.isTrue(found.every((resource) => resource.text.isWellFormed() && resource.text.length <= 4_000))
    }
  })

  it("P1 acp: what would be a command stands behind words of ours, or behind a blank", () => {
    for (const prompt of ["/init", " /init", "$init", "!ls"]) {
      assert.deepStrictEqual(Gemini.profile.literal(prompt), [`The user wrote:\n${prompt}`])
    }
    assert.deepStrictEqual(Gemini.profile.literal("a /b"), ["a /b"])
    assert.deepStrictEqual(Copilot.profile.literal("/init"), ["\n", "/init"])
  })
})
