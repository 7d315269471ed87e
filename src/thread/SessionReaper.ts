/**
 * Stops idle sessions. The conversation stays: the next turn resumes it.
 *
 * One fiber, one rule. Every sweep asks the store for the live sessions whose due time has passed (one index range,
 * whatever else is stored). {@link decide} says for each what to do, asked by the thread under its own lock. It goes by
 * {@link outlook}, which is also what `ThreadInfo` says of a session's future.
 *
 * - A session with a running turn or an open request is never stopped.
 * - Background work outside a turn pins a session, but no longer than `pinCap` after its last turn.
 * - At the cap (`maxLive`) the least recently used idle session is stopped, however short it was idle: before a start that
 *   would exceed the cap, and in each sweep. A busy session is never stopped for it, nor one that is exempt or works in
 *   the background. Where all are, the start goes on above the cap and a warning says so.
 * - Time that the host slept through is not idleness: a heartbeat that comes much too late is a sleep.
 * - A wall clock that is set back delays nothing: all times here are those of a {@link SteadyClock}. Due times are
 *   written in it or in wall time, which is never later, so a stored one can be too early and not too late. A session
 *   that is looked at too early is kept, with a new due time. No due time outlives its process.
 */
import { Duration, Effect, Schedule } from "effect"
import type { Epoch, ThreadId } from "../domain/Ids.ts"
import type { SteadyClock } from "../process/SteadyClock.ts"
import type { Binding } from "../store/SessionStore.ts"
import type { StoreFailed } from "../store/StoreError.ts"

export interface ReaperSettings {
  /** Idle time after which a session is stopped. */
  readonly idleAfter: Duration.Duration
  readonly sweepEvery: Duration.Duration
  /** How long after its last turn background work may keep a session alive. */
  readonly pinCap: Duration.Duration
  /** Live sessions that are too many are stopped once they are idle. `Infinity`: no cap. */
  readonly maxLive: number
  /** Threads that are never stopped for being idle. */
  readonly exempt: (binding: Binding) => boolean
}

/** A time span in which the host was asleep, in milliseconds of the {@link SteadyClock}. */
export interface Sleep {
  readonly from: number
  readonly until: number
}

/** What is known of a session. Times are milliseconds of one {@link SteadyClock}. */
export interface Observation {
  readonly now: number
  /** End of the last turn, or start of the session. */
  readonly activeAt: number
  /** A turn runs, the agent waits for an answer, or its context is being compacted. */
  readonly busy: boolean
  readonly backgroundWork: boolean
  readonly exempt: boolean
  /** There are more live sessions than the cap allows. */
  readonly overCap?: boolean | undefined
  readonly sleeps: ReadonlyArray<Sleep>
}

/** Why a session is looked at. The sleeps are asked for when it is decided about, since a look may take a while. */
export interface Look {
  readonly overCap: boolean
  readonly sleeps: () => ReadonlyArray<Sleep>
}

export type Decision =
  | { readonly _tag: "Stop" }
  | {
    readonly _tag: "Keep"
    readonly because: "busy" | "exempt" | "active" | "background-work"
    /** When to look again. Always later than `now`. */
    readonly until: number
  }

/** What becomes of a session if nothing happens in it. */
export type Outlook =
  /** At the first sweep from `at` on, in milliseconds of the same clock. */
  | { readonly _tag: "Stop"; readonly at: number; readonly because: "idle" | "pin-cap" | "live-cap" }
  | { readonly _tag: "Keep"; readonly because: "busy" | "exempt" }

const sleptSince = (activeAt: number, sleeps: ReadonlyArray<Sleep>): number =>
  sleeps.reduce((total, sleep) => total + Math.max(0, sleep.until - Math.max(sleep.from, activeAt)), 0)

type Limits = Pick<ReaperSettings, "idleAfter" | "pinCap">

/** Since when the session is idle, with the time that the host slept through taken out. */
const idleSince = ({ activeAt, sleeps }: Observation): number => activeAt + sleptSince(activeAt, sleeps)

/** The rule. Pure: the same observation gives the same outlook. */
export const outlook = (seen: Observation, settings: Limits): Outlook => {
  if (seen.busy) return { _tag: "Keep", because: "busy" }
  if (seen.exempt) return { _tag: "Keep", because: "exempt" }
  const since = idleSince(seen)
  const idleAfter = Duration.toMillis(settings.idleAfter)
  if (seen.backgroundWork) {
    const at = since + Math.max(idleAfter, Duration.toMillis(settings.pinCap))
    return { _tag: "Stop", at, because: "pin-cap" }
  }
  return seen.overCap === true
    ? { _tag: "Stop", at: seen.now, because: "live-cap" }
    : { _tag: "Stop", at: since + idleAfter, because: "idle" }
}

/** What to do now, by the rule: a stop whose time has come, or when to look again. */
export const decide = (seen: Observation, settings: Limits): Decision => {
  const next = outlook(seen, settings)
  const idleAfter = Duration.toMillis(settings.idleAfter)
  const later = (at: number) => Math.max(at, seen.now + 1)
  if (next._tag === "Keep") return { _tag: "Keep", because: next.because, until: later(seen.now + idleAfter) }
  if (next.at <= seen.now) return { _tag: "Stop" }
  const idleAt = idleSince(seen) + idleAfter
  return seen.now < idleAt
    ? { _tag: "Keep", because: "active", until: later(idleAt) }
    : { _tag: "Keep", because: "background-work", until: later(Math.min(next.at, seen.now + idleAfter)) }
}

/** One live session, or one that is being started, which is busy. */
export interface LiveSession {
  readonly threadId: ThreadId
  readonly epoch: Epoch
  readonly activeAt: number
  readonly busy: boolean
  readonly exempt: boolean
}

/** How many sessions there are above the cap, and which may be stopped for it, the least recently used first. Pure. */
export const aboveCap = (sessions: ReadonlyArray<LiveSession>, maxLive: number) => ({
  excess: Math.max(0, sessions.length - maxLive),
  idle: sessions.filter(({ busy, exempt }) => !busy && !exempt).toSorted((a, b) => a.activeAt - b.activeAt)
})

/** At most so many sessions are looked at per sweep; the rest is still due at the next one. */
const sweepLimit = 1000

/** The heart beats at least so often, and with every sweep. */
const longestBeat = Duration.seconds(30)

/** Spans in which the host slept. */
export interface Sleeps {
  /** Looks at the clock, and answers those that count for a session that may be stopped. */
  readonly look: () => ReadonlyArray<Sleep>
}

const beatOf = ({ sweepEvery }: Pick<ReaperSettings, "sweepEvery">) => Duration.min(sweepEvery, longestBeat)

/**
 * When the host slept: an interval between two looks at the clock that is more than two heartbeats long. It counts as
 * sleep whole, so nothing is ever stopped too early for it.
 */
export const makeSleeps = (
  clock: Pick<SteadyClock, "now">,
  settings: Pick<ReaperSettings, "idleAfter" | "pinCap" | "sweepEvery">
): Sleeps => {
  const beat = Duration.toMillis(beatOf(settings))
  const memory = Duration.toMillis(settings.idleAfter) + Duration.toMillis(settings.pinCap)
  let sleeps: ReadonlyArray<Sleep> = []
  let awakeAt = clock.now()
  return {
    look: () => {
      const now = clock.now()
      if (now - awakeAt > 2 * beat) sleeps = [...sleeps, { from: awakeAt, until: now }]
      // Forgotten in time awake: however long the host sleeps, a sleep before that one still counts.
      sleeps = sleeps.filter((sleep) => now - sleep.until - sleptSince(sleep.until, sleeps) <= memory)
      awakeAt = now
      return sleeps
    }
  }
}

/** A thread that is to be looked at. */
export interface Due {
  readonly threadId: ThreadId
  readonly epoch: Epoch
}

/**
 * Runs until interrupted. `clock` is the one that the sessions' `activeAt` is taken from. `reap` looks at one due thread
 * and stops it if {@link decide} says so; it asks for the sleeps when it decides, since a look may take a while.
 */
export const run = Effect.fnUntraced(function*(options: {
  readonly settings: ReaperSettings
  readonly clock: Pick<SteadyClock, "now">
  /** By the same clock. */
  readonly sleeps: Sleeps
  readonly due: (query: { readonly now: number; readonly limit: number }) => Effect.Effect<
    ReadonlyArray<Due>,
    StoreFailed
  >
  readonly reap: (due: Due, sleeps: () => ReadonlyArray<Sleep>) => Effect.Effect<void>
  /** Stops idle sessions above the cap. */
  readonly trim: Effect.Effect<void>
}) {
  const { clock, settings: { sweepEvery }, sleeps } = options

  const sweep = Effect.gen(function*() {
    const due = yield* options.due({ now: clock.now(), limit: sweepLimit })
    yield* Effect.forEach(due, (thread) => options.reap(thread, sleeps.look), { concurrency: 16, discard: true })
    yield* options.trim
  }).pipe(
    Effect.catchCause((cause) => Effect.logWarning("A reaper sweep failed; the next one tries again", cause)),
    Effect.withSpan("SessionReaper.sweep")
  )

  // Apart from the sweeps: one that waits for an agent to stop is not a sleep of the host.
  const heart = Effect.repeat(Effect.delay(Effect.sync(sleeps.look), beatOf(options.settings)), Schedule.forever)
  const sweeps = Effect.repeat(Effect.delay(sweep, sweepEvery), Schedule.forever)
  return yield* Effect.all([heart, sweeps], { concurrency: 2, discard: true })
})
