/** The text of a command as OpenCode 1.18.33 makes it: what is checked must be what runs. */
import { assert, describe, it } from "@effect/vitest"
import { expand } from "../../../src/opencode/session/Commands.ts"

describe("the text of an OpenCode command", () => {
  for (
    const [template, args, text] of [
      ["Look at $ARGUMENTS.", "this and that", "Look at this and that."],
      ["Look.", "", "Look."],
      ["Look.", "  ", "Look."],
      ["Look.", "here", "Look.\n\nhere"],
      ["$1 then $2", "a b c", "a then b c"],
      ["$2 then $1", "a b", "b then a"],
      ["$1 then $2", "a", "a then "],
      ["$1", "\"a b\" c", "a b c"],
      ["!$1`id`", "", "!`id`"],
      ["$1`id`", "!", "!`id`"],
      ["$ARGUMENTS", "!`id`", "!`id`"],
      ["`id` $ARGUMENTS", "!$`", "`id` !`id` "],
      ["$1", "[Image 1] x", "[Image 1] x"]
    ] as const
  ) {
    it(`P7 opencode: ${JSON.stringify(template)} with ${JSON.stringify(args)}`, () => {
      assert.strictEqual(expand(template, args), text)
    })
  }
})
