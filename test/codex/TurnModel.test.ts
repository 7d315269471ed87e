import { assert, describe, it } from "@effect/vitest"
import * as TurnModel from "../../src/codex/session/TurnModel.ts"

const high = { model: "one", effort: "high" }
const plain = { model: "one", effort: undefined }

const reset = {
  collaborationMode: {
    mode: "default",
    settings: { model: "one", reasoning_effort: null, developer_instructions: null }
  }
}

describe("the model of a turn", () => {
  it("P15 codex: a turn says of its model what changes, and all of it where it is not known what the thread has", () => {
    const cases: ReadonlyArray<
      readonly [has: TurnModel.TurnModel | undefined, wanted: TurnModel.TurnModel, said: object]
    > = [
      [high, high, {}],
      [plain, plain, {}],
      [plain, high, high],
      [{ model: "two", effort: "high" }, high, high],
      [{ model: "two", effort: undefined }, plain, { model: "one" }],
      [high, plain, reset],
      [undefined, plain, reset],
      [undefined, high, high]
    ]
    for (const [has, wanted, said] of cases) assert.deepStrictEqual(TurnModel.change(has, wanted), said)
  })

  it("P15 codex: what the thread has is Codex's own word, and not known where that cannot be read", () => {
    assert.deepStrictEqual(TurnModel.told({ threadSettings: { model: "one", effort: null, cwd: "/" } }), plain)
    assert.deepStrictEqual(TurnModel.told({ threadSettings: { model: "one", effort: "high" } }), high)
    assert.isUndefined(TurnModel.told({ threadSettings: { effort: "high" } }))
  })
})
