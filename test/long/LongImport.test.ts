import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { fileURLToPath } from "node:url"
import { folder } from "../support/Agents.ts"
import * as ChildScript from "../support/ChildScript.ts"
import { temporaryFile } from "../support/StoreFixture.ts"

const turns = 100_000

describe("a thread of 100,000 turns that is brought along", () => {
  it.live("P15 store: its turns, 200 MB of JSON, are written in a heap of 64 MB", () =>
    Effect.gen(function*() {
      const script = fileURLToPath(new URL("../support/LongImport.ts", import.meta.url))
      const args = ["--max-old-space-size=64", script, yield* temporaryFile, yield* folder, `${turns}`]
      const { line } = yield* ChildScript.start(args)
      const last = [turns - 1, turns - 2].map((n) => `old-${n}`)
      assert.deepStrictEqual(JSON.parse(line), { turns, lastSeq: turns, last })
    }).pipe(Effect.provide(NodeServices.layer)), 600_000)
})
