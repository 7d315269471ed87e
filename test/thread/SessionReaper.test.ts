import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Schema } from "effect"
import { CodingAgents, Epoch, ThreadId } from "../../src/index.ts"
import * as SessionReaper from "../../src/thread/SessionReaper.ts"

const { decide, outlook } = SessionReaper
const { reaper: defaults } = CodingAgents.defaults
const minute = 60_000
const idleAfter = Duration.toMillis(defaults.idleAfter)
const pinCap = Duration.toMillis(defaults.pinCap)

const start = 1_700_000_000_000
const Observation = Schema.Struct({
  now: Schema.Int.check(Schema.isBetween({ minimum: start, maximum: start + 48 * 60 * minute })),
  activeAt: Schema.Int.check(Schema.isBetween({ minimum: start, maximum: start + 48 * 60 * minute })),
  busy: Schema.Boolean,
  backgroundWork: Schema.Boolean,
  exempt: Schema.Boolean,
  sleeps: Schema.Array(Schema.Struct({
    from: Schema.Int.check(Schema.isBetween({ minimum: start, maximum: start + 24 * 60 * minute })),
    millis: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 12 * 60 * minute }))
  })).check(Schema.isMaxLength(3))
})

const observe = (seen: typeof Observation.Type): SessionReaper.Observation => ({
  ...seen,
  sleeps: seen.sleeps.map(({ from, millis }) => ({ from, until: from + millis }))
})

const idle: SessionReaper.Observation = {
  now: start + 10 * 60 * minute,
  activeAt: start,
  busy: false,
  backgroundWork: false,
  exempt: false,
  sleeps: []
}

describe("SessionReaper.decide", () => {
  it.effect.prop(
    "P9 reaper: a busy session is kept, whatever else is true",
    [Observation],
    ([input]) =>
      Effect.sync(() => {
        const seen = observe(input)
        if (!seen.busy) return
        assert.strictEqual(decide(seen, defaults)._tag, "Keep")
      }),
    { arbitrary: { runs: 2000 } }
  )

  it.effect.prop(
    "P9 reaper: above the cap exactly what is neither busy, exempt nor at work is stopped at once",
    [Observation],
    ([input]) =>
      Effect.sync(() => {
        const seen = observe(input)
        const idle = !seen.busy && !seen.exempt && !seen.backgroundWork
        const decision = decide({ ...seen, overCap: true }, defaults)
        if (idle) assert.strictEqual(decision._tag, "Stop")
        else assert.deepStrictEqual(decision, decide(seen, defaults))
      }),
    { arbitrary: { runs: 2000 } }
  )

  it("P9 reaper: above the cap the idle ones come first that were used least recently", () => {
    const session = (id: string, activeAt: number, busy = false, exempt = false) => ({
      threadId: ThreadId.make(id),
      epoch: Epoch.make(1),
      activeAt,
      busy,
      exempt
    })
    const sessions = [session("c", 3), session("a", 1), session("busy", 0, true), session("kept", 0, false, true)]
    const { excess, idle } = SessionReaper.aboveCap(sessions, 1)
    assert.strictEqual(excess, 3)
    assert.deepStrictEqual(idle.map(({ threadId }) => threadId), ["a", "c"])
    assert.strictEqual(SessionReaper.aboveCap(sessions, 4).excess, 0)
    assert.strictEqual(SessionReaper.aboveCap(sessions, Number.POSITIVE_INFINITY).excess, 0)
  })

  it.effect.prop(
    "P9 reaper: nothing is stopped before it was idle for the threshold",
    [Observation],
    ([input]) =>
      Effect.sync(() => {
        const seen = observe(input)
        if (decide(seen, defaults)._tag === "Stop") assert.isAtLeast(seen.now - seen.activeAt, idleAfter)
      }),
    { arbitrary: { runs: 2000 } }
  )

  it.effect.prop(
    "P9 reaper: background work pins no longer than the cap",
    [Observation],
    ([input]) =>
      Effect.sync(() => {
        const seen = { ...observe(input), busy: false, exempt: false, sleeps: [] }
        if (seen.now - seen.activeAt >= idleAfter + pinCap) assert.strictEqual(decide(seen, defaults)._tag, "Stop")
      }),
    { arbitrary: { runs: 2000 } }
  )

  it.effect.prop(
    "P9 reaper: a kept session is looked at again later, and in bounded time",
    [Observation],
    ([input]) =>
      Effect.sync(() => {
        const seen = observe(input)
        const decision = decide(seen, defaults)
        if (decision._tag === "Stop") return
        assert.isAbove(decision.until, seen.now)
      }),
    { arbitrary: { runs: 2000 } }
  )

  it("P9 reaper: an idle session is stopped at the threshold and not a millisecond before", () => {
    assert.strictEqual(decide({ ...idle, now: start + idleAfter - 1 }, defaults)._tag, "Keep")
    assert.strictEqual(decide({ ...idle, now: start + idleAfter }, defaults)._tag, "Stop")
  })

  it("P9 reaper: the host's sleep is not idleness", () => {
    const sleeps = [{ from: start + 5 * minute, until: start + 9 * 60 * minute }]
    const awake = { ...idle, now: start + 9 * 60 * minute, sleeps }
    assert.deepStrictEqual(decide(awake, defaults), {
      _tag: "Keep",
      because: "active",
      until: start + 9 * 60 * minute + 25 * minute
    })
    assert.strictEqual(decide({ ...awake, now: awake.now + 25 * minute }, defaults)._tag, "Stop")
  })

  it("P9 reaper: a sleep before the last activity does not count", () => {
    const sleeps = [{ from: start - 8 * 60 * minute, until: start - minute }]
    assert.strictEqual(decide({ ...idle, now: start + idleAfter, sleeps }, defaults)._tag, "Stop")
  })

  it("P9 reaper: a cap that is shorter than the idle time stops no session earlier that works in the background", () => {
    const settings = { idleAfter: Duration.minutes(30), pinCap: Duration.minutes(5) }
    assert.deepStrictEqual(outlook({ ...idle, backgroundWork: true }, settings), {
      _tag: "Stop",
      at: start + 30 * minute,
      because: "pin-cap"
    })
  })

  it("P9 reaper: background work keeps an idle session until the cap", () => {
    const working = { ...idle, backgroundWork: true }
    assert.strictEqual(decide({ ...working, now: start + pinCap - 1 }, defaults)._tag, "Keep")
    assert.strictEqual(decide({ ...working, now: start + pinCap }, defaults)._tag, "Stop")
  })

  it.effect.prop(
    "P9 reaper: what it says it will do is what it does: it stops at that time, and not a millisecond before",
    [Observation, Schema.Boolean],
    ([input, overCap]) =>
      Effect.sync(() => {
        const seen = { ...observe(input), overCap }
        const next = outlook(seen, defaults)
        // Sleeps that are still to come are not known.
        const at = (now: number) => decide({ ...seen, now }, defaults)
        if (next._tag === "Keep") {
          assert.deepInclude(at(seen.now), { _tag: "Keep", because: next.because })
          return
        }
        assert.strictEqual(at(next.at)._tag, "Stop")
        if (next.because !== "live-cap") assert.strictEqual(at(next.at - 1)._tag, "Keep")
        assert.strictEqual(next.because === "live-cap", overCap && !seen.backgroundWork)
      }),
    { arbitrary: { runs: 2000 } }
  )

  it("P9 reaper: an exempt session is kept", () => {
    assert.strictEqual(decide({ ...idle, exempt: true }, defaults)._tag, "Keep")
  })
})
