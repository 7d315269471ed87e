/** Bytes of OpenCode's event stream as frames. */
import { assert, it } from "@effect/vitest"
import { makeParser } from "../../../src/opencode/server/EventFrames.ts"

it("opencode: a line of the event stream that does not end is not kept for ever", () => {
  const parse = makeParser()
  const part = new Uint8Array(16_777_216).fill(0x61)
  const tooLong = Array.from({ length: 5 }, () => parse(part).tooLong)
  assert.deepStrictEqual(tooLong, [false, false, false, false, true])
})
