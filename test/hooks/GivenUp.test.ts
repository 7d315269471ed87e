/** P12 and P15 on the mock: deliveries that are still tried or were given up, by way of the service. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Queue } from "effect"
import { TestClock } from "effect/testing"
import { HookDeliveries } from "../../src/hooks/index.ts"
import { LifecycleHooks, ProviderService } from "../../src/index.ts"
import type { WaitingPage } from "../../src/service/Results.ts"
import * as Agents from "../support/Agents.ts"
import { Broken } from "../support/Hooks.ts"

const { layer, threadId } = Agents

const kinds = ({ deliveries }: WaitingPage) =>
  deliveries.map(({ attempts, error, event, hook, nextAt }) => [hook, event._tag, attempts, error, nextAt])

describe("deliveries that wait or were given up", () => {
  it.effect("P12 hooks: those that are still tried are listed with their last error, and when they are tried next", () => {
    const asked = Effect.runSync(Queue.unbounded<string>())
    const billing = LifecycleHooks.observe({
      name: "billing",
      events: ["session:*"],
      attempts: 3,
      backoff: "1 minute",
      run: ({ _tag }) => Effect.andThen(Queue.offer(asked, _tag), Effect.fail(new Broken()))
    })
    return Effect.gen(function*() {
      const deliveries = yield* HookDeliveries
      yield* Agents.start()
      assert.strictEqual(yield* Queue.take(asked), "session:start")
      const waiting = Effect.andThen(TestClock.adjust(0), deliveries.waiting({}))
      const first = yield* Effect.repeat(waiting, { until: ({ deliveries: [one] }) => one?.error !== undefined })
      assert.deepStrictEqual(kinds(first), [["billing", "session:start", 1, "Broken", 60_000]])
      assert.deepStrictEqual((yield* deliveries.waiting({ hook: "other" })).deliveries, [])
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* Queue.take(asked), "session:start")
      const again = yield* Effect.repeat(waiting, {
        until: ({ deliveries: [one] }) => one?.nextAt !== undefined && one.nextAt > 60_000
      })
      assert.deepStrictEqual(kinds(again), [["billing", "session:start", 2, "Broken", 180_000]])
      yield* TestClock.adjust("2 minutes")
      assert.strictEqual(yield* Queue.take(asked), "session:start")
      yield* Effect.repeat(waiting, { until: (page) => page.deliveries.length === 0 })
      assert.lengthOf((yield* deliveries.givenUp({})).deliveries, 1)
    }).pipe(Effect.provide(layer({ hooks: [billing] })))
  })

  it.effect("P12 hooks: what waits for a hook that is not registered any more has no time", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const deliveries = yield* HookDeliveries
      const away = LifecycleHooks.observe({ name: "away", events: ["session:end"], run: () => Effect.void })
      yield* Agents.start()
      yield* Effect.scoped(Layer.build(away))
      yield* agents.stopSession({ threadId })
      assert.deepStrictEqual(kinds(yield* deliveries.waiting({})), [["away", "session:end", 0, undefined, undefined]])
    }).pipe(Effect.provide(layer())))

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
      assert.strictEqual((yield* Effect.flip(deliveries.waiting({ limit: 1001 })))._tag, "InputInvalid")
      assert.strictEqual((yield* Effect.flip(deliveries.waiting({ after: "nowhere" })))._tag, "InputInvalid")
      assert.strictEqual((yield* Effect.flip(deliveries.resend({ hook: "\ud800" })))._tag, "InputInvalid")
    }).pipe(Effect.provide(layer())))
})
