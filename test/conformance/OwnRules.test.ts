/** An adapter's own rules, written with what the package exports. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Conformance, MockProvider, MockStep } from "../../src/testing/index.ts"

const { Bench, Check } = Conformance

const remembers: Conformance.Rule = {
  id: "own/remembers",
  promise: "P1",
  title: "a follow-up after a stop knows what was said",
  prove: (bench) =>
    bench.onHost((host) =>
      Effect.gen(function*() {
        yield* Bench.start(host)
        yield* Bench.run(host, "blue walnut")
        yield* Bench.stop(host)
        const { text } = yield* Bench.run(host, "what was it?")
        yield* Check.expect(text.includes("blue walnut"), "a text with what was said", text)
      })
    )
}

const check = (script: MockStep.MockScript) =>
  Conformance.checkRule(remembers, MockProvider.layer({ script }), {
    instanceId: "mock",
    platform: NodeServices.layer
  })

describe("an adapter's own rule", () => {
  it.live("P1 mock: is kept, or broken with what was expected and what was seen", () =>
    Effect.gen(function*() {
      const kept = yield* check(({ history }) => [MockStep.text(history.map(({ text }) => text).join(" "))])
      assert.strictEqual(kept._tag, "Kept")
      const broken = yield* check(() => [MockStep.text("I forget.")])
      assert.strictEqual(broken._tag, "Broken")
      if (broken._tag !== "Broken") return
      assert.deepInclude(broken.error, {
        rule: "own/remembers",
        expected: "a text with what was said",
        seen: "I forget."
      })
    }))
})
