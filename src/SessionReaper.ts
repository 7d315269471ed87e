/**
 * Stops sessions that nobody uses. The conversation stays: the next turn resumes it.
 *
 * One fiber, one rule. Every sweep asks the store for the live sessions whose due time has passed (one index range,
 * whatever else is stored), and {@link decide} says for each what to do; the thread asks it again under its own lock
 * before it stops anything.
 *
 * - A session with a running turn or an open request is never stopped.
 * - Background work outside of a turn pins a session, but no longer than `pinCap` after its last turn.
 * - Time during which the host slept is not idleness: a sweep that comes much too late counts as sleep.
 */
import { Clock, Duration, Effect, Schedule } from "effect"
import type { Epoch, ThreadId } from "./Ids.ts"
import type { Binding, SessionStore } from "./SessionStore.ts"

export interface ReaperSettings {
  /** Idle time after which a session is stopped. */
  readonly idleAfter: Duration.Duration
  readonly sweepEvery: Duration.Duration
  /** How long after its last turn background work may keep a session alive. */
  readonly pinCap: Duration.Duration
  /** Threads that are never stopped for being idle. */
  readonly exempt: (binding: Binding) => boolean
}

export const defaults: ReaperSettings = {
  idleAfter: Duration.minutes(30),
  sweepEvery: Duration.minutes(1),
  pinCap: Duration.hours(4),
  exempt: () => false
}

/** A time span in which the host was asleep, in milliseconds since the epoch. */
export interface Sleep {
  readonly from: number
  readonly until: number
}

export interface Observation {
  readonly now: number
  /** End of the last turn, or start of the session. */
  readonly activeAt: number
  readonly turnRunning: boolean
  readonly openRequests: number
  readonly backgroundWork: boolean
  readonly exempt: boolean
  readonly sleeps: ReadonlyArray<Sleep>
}

export type Decision =
  | { readonly _tag: "Stop" }
  | {
    readonly _tag: "Keep"
    readonly because: "busy" | "exempt" | "active" | "background-work"
    /** When to look again, in milliseconds since the epoch. Always later than now. */
    readonly until: number
  }

const sleptSince = (activeAt: number, sleeps: ReadonlyArray<Sleep>): number =>
  sleeps.reduce((total, sleep) => total + Math.max(0, sleep.until - Math.max(sleep.from, activeAt)), 0)

/** The rule. Pure: the same observation gives the same decision. */
export const decide = (seen: Observation, settings: Pick<ReaperSettings, "idleAfter" | "pinCap">): Decision => {
  const idleAfter = Duration.toMillis(settings.idleAfter)
  const later = (at: number) => Math.max(at, seen.now + 1)
  if (seen.turnRunning || seen.openRequests > 0) {
    return { _tag: "Keep", because: "busy", until: later(seen.now + idleAfter) }
  }
  if (seen.exempt) return { _tag: "Keep", because: "exempt", until: later(seen.now + idleAfter) }
  const awakeSince = seen.activeAt + sleptSince(seen.activeAt, seen.sleeps)
  if (seen.now - awakeSince < idleAfter) {
    return { _tag: "Keep", because: "active", until: later(awakeSince + idleAfter) }
  }
  const pinnedUntil = awakeSince + Duration.toMillis(settings.pinCap)
  if (seen.backgroundWork && seen.now < pinnedUntil) {
    return { _tag: "Keep", because: "background-work", until: later(Math.min(pinnedUntil, seen.now + idleAfter)) }
  }
  return { _tag: "Stop" }
}

/** At most so many sessions are looked at per sweep; the rest is still due at the next one. */
const sweepLimit = 1000

/** Runs until interrupted. `reap` looks at one due thread and stops it if {@link decide} says so. */
export const run = Effect.fnUntraced(function*(options: {
  readonly settings: ReaperSettings
  readonly store: SessionStore["Service"]
  readonly reap: (
    due: { readonly threadId: ThreadId; readonly epoch: Epoch },
    sleeps: ReadonlyArray<Sleep>
  ) => Effect.Effect<void>
}) {
  const every = Duration.toMillis(options.settings.sweepEvery)
  const memory = Duration.toMillis(options.settings.idleAfter) + Duration.toMillis(options.settings.pinCap)
  let sleeps: ReadonlyArray<Sleep> = []
  let lastSweep = yield* Clock.currentTimeMillis

  const sweep = Effect.gen(function*() {
    const now = yield* Clock.currentTimeMillis
    // A sweep is late by a scheduler's hiccup or by a sleep of the host; twice the interval tells them apart.
    if (now - lastSweep > 2 * every) sleeps = [...sleeps, { from: lastSweep + every, until: now }]
    sleeps = sleeps.filter((sleep) => now - sleep.until <= memory)
    lastSweep = now
    const due = yield* options.store.dueThreads({ now, limit: sweepLimit })
    yield* Effect.forEach(due, (thread) => options.reap(thread, sleeps), { concurrency: 16, discard: true })
  }).pipe(
    Effect.catchCause((cause) => Effect.logWarning("A reaper sweep failed; the next one tries again", cause)),
    Effect.withSpan("SessionReaper.sweep")
  )

  return yield* Effect.repeat(Effect.delay(sweep, options.settings.sweepEvery), Schedule.forever)
})
