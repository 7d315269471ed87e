/**
 * A Clock for agents that are simulated in this process. It stands still while the process computes, passes as real time
 * does while the process waits for the world, and otherwise goes to the next sleep at once: patience with an event that
 * never comes takes no time, and no deadline passes because a machine is slow.
 *
 * What the process waits for is asked of Node: requests to files and the network, child processes, sockets and servers.
 * Those that were there before do not count. Node does not tell of compression, of cryptography in its thread pool, or of
 * an import: see {@link real}. Node 26.12 is silent about a request to a file for moments of its life, so there a wait for
 * one may be overtaken. Timers of Node do not count, because a test runner has its own: an agent that waits by
 * them and not by the Clock is overtaken.
 */
import { Clock, Duration, Effect } from "effect"

interface Sleep {
  readonly until: number
  readonly wake: () => void
}

/** One clock, as the watch over the process sees it. */
interface Hands {
  readonly sleeps: ReadonlyArray<Sleep>
  /** Goes on by so many milliseconds, or to the next sleep, which is woken, if that is earlier. */
  readonly pass: (millis: number) => void
}

/** What is done once an I/O operation or a child has ended takes a few turns of the event loop, such as its `close` event. */
const quietTurns = 10

/** All clocks of the process: what the process does for one of them holds the others, too. */
const clocks = new Set<Hands>()
let watching = false
let turnedAt = 0
let quiet = 0
let waiting = 0
let known: ReadonlyMap<string, number> = new Map()

/** What Node has to wait for, counted by its kind. */
const resources = (): Map<string, number> => {
  const counts = new Map<string, number>()
  for (const kind of process.getActiveResourcesInfo()) {
    if (kind !== "Timeout") counts.set(kind, (counts.get(kind) ?? 0) + 1)
  }
  return counts
}

/** Requests to files end by themselves, so none of them is known. */
const lasting = (counts: ReadonlyMap<string, number>) =>
  new Map(Array.from(counts).filter(([kind]) => !kind.startsWith("FSReq") && kind !== "Immediate"))

const look = (): "computes" | "waits" | "quiet" => {
  const counts = resources()
  // What was there and is gone was not known for good: the next of its kind is new.
  known = new Map(Array.from(known, ([kind, count]) => [kind, Math.min(count, counts.get(kind) ?? 0)]))
  if (counts.has("Immediate")) return "computes"
  if (waiting > 0) return "waits"
  return Array.from(counts).some(([kind, count]) => count > (known.get(kind) ?? 0)) ? "waits" : "quiet"
}

/** Runs as an immediate, so that its own is not among those that Node counts. */
const turn = (): void => {
  const asleep = Array.from(clocks).filter(({ sleeps }) => sleeps.length > 0)
  if (asleep.length === 0) {
    watching = false
    return
  }
  const elapsed = performance.now() - turnedAt
  turnedAt += elapsed
  const seen = look()
  quiet = seen === "quiet" ? quiet + 1 : 0
  if (seen === "waits") {
    for (const clock of asleep) clock.pass(elapsed)
    setTimeout(() => setImmediate(turn), 1)
    return
  }
  if (quiet > quietTurns) {
    quiet = 0
    for (const clock of asleep) clock.pass(Infinity)
  }
  setImmediate(turn)
}

const watch = (): void => {
  if (watching) return
  watching = true
  quiet = 0
  turnedAt = performance.now()
  setImmediate(turn)
}

const make = (from: number, sleeps: Array<Sleep>): { readonly clock: Clock.Clock; readonly hands: Hands } => {
  let now = from
  const millis = () => Math.floor(now)
  const nanos = () => BigInt(millis()) * 1_000_000n
  const sleep = (time: number): Effect.Effect<void> =>
    Effect.callback((resume) => {
      const entry: Sleep = { until: now + time, wake: () => resume(Effect.void) }
      const later = sleeps.findIndex(({ until }) => until > entry.until)
      sleeps.splice(later === -1 ? sleeps.length : later, 0, entry)
      watch()
      return Effect.sync(() => {
        const at = sleeps.indexOf(entry)
        if (at !== -1) sleeps.splice(at, 1)
      })
    })
  return {
    hands: {
      sleeps,
      pass: (time) => {
        const [next] = sleeps
        if (next === undefined) return
        if (next.until > now + time) {
          now += time
          return
        }
        sleeps.shift()
        now = Math.max(now, next.until)
        next.wake()
      }
    },
    clock: {
      currentTimeMillisUnsafe: millis,
      currentTimeMillis: Effect.sync(millis),
      currentTimeNanosUnsafe: nanos,
      currentTimeNanos: Effect.sync(nanos),
      monotonicTimeNanosUnsafe: nanos,
      monotonicTimeNanos: Effect.sync(nanos),
      sleep: (duration) => {
        const time = Duration.toMillis(duration)
        return time <= 0 ? Effect.yieldNow : Number.isFinite(time) ? sleep(time) : Effect.never
      }
    }
  }
}

/** Runs on a clock of its own, which begins at the current time. Sleeps that are due together wake one after the other. */
export const provide = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.flatMap(Clock.currentTimeMillis, (from) => {
    const { clock, hands } = make(from, [])
    return Effect.acquireUseRelease(
      Effect.sync(() => {
        if (clocks.size === 0) known = lasting(resources())
        clocks.add(hands)
      }),
      () => Effect.provideService(effect, Clock.Clock, clock),
      () => Effect.sync(() => clocks.delete(hands))
    )
  })

/** While the effect runs, time passes as real time does. */
export const real = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.acquireUseRelease(Effect.sync(() => waiting++), () => effect, () => Effect.sync(() => waiting--))
