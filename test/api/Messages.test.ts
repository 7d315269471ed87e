/** Elements of a stream as messages that are not too long. */
import { assert, describe, it } from "@effect/vitest"
import { Array as Arr } from "effect"
import * as Messages from "../../src/api/Messages.ts"

const mebibyte = 1024 * 1024
const element = (n: number, length: number) => ({ n, item: { output: "x".repeat(length) } })

describe("messages of a stream", () => {
  it("P11 have each element once and in order, a mebibyte at most or one element, and no more elements than they may", () => {
    const small = Arr.makeBy(300, (n) => element(n, 10))
    assert.deepStrictEqual(Messages.split(small, 128).map(({ length }) => length), [128, 128, 44])
    const large = Arr.makeBy(12, (n) => element(n, n === 5 ? 3 * mebibyte : mebibyte / 4))
    const messages = Messages.split(large, 128)
    assert.deepStrictEqual(messages.flat().map(({ n }) => n), large.map(({ n }) => n))
    assert.deepStrictEqual(messages.map(({ length }) => length), [3, 2, 1, 3, 3])
  })
})
