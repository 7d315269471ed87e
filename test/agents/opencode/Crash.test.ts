/** A short `npm run test:crash`. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Crash from "../../crash/Crash.ts"

it.live.runIf(process.platform === "linux")(
  "P1 P3 P4 P5 P10 opencode: hosts killed at random points lose no cursor, send nothing twice, end every turn, leave nobody",
  () =>
    Effect.gen(function*() {
      const { broken, endings, kills, turns } = yield* Crash.run({ agents: ["opencode"], cycles: 3, seed: 10 })
      assert.deepStrictEqual(broken, [])
      assert.strictEqual(Object.values(kills).reduce((sum, count) => sum + count, 0), 3)
      assert.strictEqual(Object.values(endings).reduce((sum, count) => sum + count, 0), turns)
    }).pipe(Effect.provide(NodeServices.layer)),
  300_000
)
