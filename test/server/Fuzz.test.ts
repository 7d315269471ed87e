import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Agents from "../support/Agents.ts"
import * as FuzzedServer from "../support/FuzzedServer.ts"

describe("requests made of the server's own OpenAPI document", () => {
  it.live("P15: 2,000 find no failure of the server, and all that they have stored can be read back", () =>
    Effect.gen(function*() {
      const answers = yield* FuzzedServer.run({ requests: 2000, seed: 7 })
      assert.isAbove((answers.get(200) ?? 0) + (answers.get(202) ?? 0), 200)
      assert.isAbove(answers.get(400) ?? 0, 100)
      assert.isAbove(answers.get(409) ?? 0, 5)
    }).pipe(Effect.scoped, Effect.provide(Agents.platform)))
})
