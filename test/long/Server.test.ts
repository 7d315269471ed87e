import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Agents from "../support/Agents.ts"
import * as FuzzedServer from "../support/FuzzedServer.ts"

describe("requests made of the server's own OpenAPI document, at length", () => {
  it.live(
    "P15: 100,000 find no failure of the server, and all that they have stored can be read back",
    () =>
      Effect.gen(function*() {
        const answers = yield* FuzzedServer.run({ requests: 100_000, seed: 11 })
        assert.isAbove(answers.get(200) ?? 0, 10_000)
      }).pipe(Effect.scoped, Effect.provide(Agents.platform)),
    1_800_000
  )
})
