import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import * as SteadyClock from "../../src/process/SteadyClock.ts"
import * as HostClock from "../support/HostClock.ts"

const minute = 60_000

describe("SteadyClock", () => {
  it.effect("is wall time as long as the wall clock is not set back", () =>
    Effect.gen(function*() {
      yield* TestClock.setTime(1_700_000_000_000)
      const clock = yield* SteadyClock.make
      assert.strictEqual(clock.now(), 1_700_000_000_000)
      yield* TestClock.adjust("10 minutes")
      assert.strictEqual(clock.now(), 1_700_000_000_000 + 10 * minute)
    }))

  it.effect("goes on from where it was when the wall clock is set back, however often", () =>
    Effect.gen(function*() {
      const host = yield* HostClock.HostClock
      const clock = yield* SteadyClock.make
      yield* TestClock.adjust("1 minute")
      yield* host.setBack("1 hour")
      assert.strictEqual(clock.now(), minute)
      yield* TestClock.adjust("1 minute")
      yield* host.setBack("10 minutes")
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(clock.now(), 3 * minute)
      assert.strictEqual(clock.wallOf(3 * minute), -67 * minute)
    }).pipe(HostClock.provide))

  it.effect("counts the time for which the host slept", () =>
    Effect.gen(function*() {
      const host = yield* HostClock.HostClock
      const clock = yield* SteadyClock.make
      yield* host.sleep("1 hour")
      assert.strictEqual(clock.now(), 60 * minute)
      yield* host.setBack("1 hour")
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(clock.now(), 61 * minute)
    }).pipe(HostClock.provide))

  it.effect("follows corrections of up to a second, so that many of them add up to nothing", () =>
    Effect.gen(function*() {
      const host = yield* HostClock.HostClock
      const clock = yield* SteadyClock.make
      for (let n = 0; n < 10; n++) {
        yield* host.setBack("1 second")
        clock.now()
      }
      assert.strictEqual(clock.now(), -10_000)
    }).pipe(HostClock.provide))
})
