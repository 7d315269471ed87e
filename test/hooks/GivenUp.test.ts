/** P12 and P15 on the mock: deliveries that were given up, by way of the service. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Queue } from "effect"
import { TestClock } from "effect/testing"
import { HookDeliveries } from "../../src/hooks/index.ts"
import { LifecycleHooks, ProviderService } from "../../src/index.ts"
import * as Agents from "../support/Agents.ts"
import { Broken } from "../support/Hooks.ts"

const { layer, threadId } = Agents

describe("deliveries that were given up", () => {
  it.effect("P12 hooks: they are listed with their errors, and delivered when they are sent again", () => {
    const heard = Effect.runSync(Queue.unbounded<string>())
    let away = true
    const billing = LifecycleHooks.observe({
      name: "billing",
      events: ["session:*"],
      attempts: 2,
      run: ({ _tag }) => Effect.suspend(() => away ? Effect.fail(new Broken()) : Queue.offer(heard, _tag))
    })
    return Effect.gen(function*() {
      const agents = yield* ProviderService
      const deliveries = yield* HookDeliveries
      yield* Agents.start()
      yield* agents.stopSession({ threadId })
      const later = Effect.andThen(TestClock.adjust("1 second"), deliveries.givenUp({}))
      const { deliveries: found, next } = yield* Effect.repeat(later, { until: (page) => page.deliveries.length === 2 })
      assert.deepStrictEqual(
        found.map(({ attempts, error, event, hook }) => [hook, event._tag, attempts, error]),
        [["billing", "session:start", 2, "Broken"], ["billing", "session:end", 2, "Broken"]]
      )
      assert.strictEqual(next, undefined)
      assert.deepStrictEqual((yield* deliveries.givenUp({ hook: "other" })).deliveries, [])
      away = false
      assert.strictEqual(yield* deliveries.resend({ hook: "billing" }), 2)
      assert.deepStrictEqual(yield* Queue.takeN(heard, 2), ["session:start", "session:end"])
      assert.deepStrictEqual((yield* deliveries.givenUp({})).deliveries, [])
    }).pipe(Effect.provide(layer({ hooks: [billing] })))
  })

  it.effect("P15 hooks: bad input is refused at the door", () =>
    Effect.gen(function*() {
      const deliveries = yield* HookDeliveries
      assert.strictEqual((yield* Effect.flip(deliveries.givenUp({ limit: 0 })))._tag, "InputInvalid")
      assert.strictEqual((yield* Effect.flip(deliveries.givenUp({ after: "nowhere" })))._tag, "InputInvalid")
      assert.strictEqual((yield* Effect.flip(deliveries.resend({ hook: "\ud800" })))._tag, "InputInvalid")
    }).pipe(Effect.provide(layer())))
})
