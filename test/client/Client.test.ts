/** What a client of a server does where the connection does not last. Real sockets, a real store, the mock agent. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { ProviderService } from "../../src/index.ts"
import * as Agents from "../support/Agents.ts"
import * as Remote from "../support/Remote.ts"

const { threadId } = Agents

const app = (options: Agents.Options = {}) => {
  const host = Agents.layer(options)
  return Layer.merge(host, Remote.over(host))
}

describe("a client", () => {
  it.live("a turn runs on the server, and the thread is the server's", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      yield* Agents.start()
      const turn = yield* agents.runTurn({ threadId, prompt: "hello" })
      assert.strictEqual(turn.text, "echo: hello")
      assert.strictEqual((yield* agents.getThread({ threadId })).status, "idle")
    }).pipe(Effect.provide(app())))
})
