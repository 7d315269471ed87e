/** A short `npm run test:crash -- --agent opencode --agent <name>`: one thread goes to and fro between two real agents. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import type { Name } from "../crash/Agents.ts"
import * as Crash from "../crash/Crash.ts"

/** Of its six hosts four swap the thread, and one of these is killed while it does. */
const seed = 204

export const prove = (agent: Exclude<Name, "opencode">) =>
  it.live.runIf(process.platform === "linux")(
    `P1 P3 P4 P5 P10 ${agent}: a thread that is swapped with OpenCode by hosts that are killed keeps its conversation, and ` +
      "nothing is sent twice or left running",
    () =>
      Effect.gen(function*() {
        const { broken, continuities, endings, turns } = yield* Crash.run({
          agents: ["opencode", agent],
          cycles: 6,
          seed
        })
        assert.deepStrictEqual(broken, [])
        assert.containsAllKeys(continuities, ["Rehydrated", "Returned"])
        assert.strictEqual(Object.values(endings).reduce((sum, count) => sum + count, 0), turns)
      }).pipe(Effect.provide(NodeServices.layer)),
    300_000
  )
