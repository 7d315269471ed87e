/**
 * Effects as Promises and Streams as AsyncIterables, for as long as the services behind them are there.
 */
import { Cause, type Context, Effect, Exit, Fiber, Schema, Stream } from "effect"

/**
 * The app has closed its agents, so the call was not made, or was given up in the middle.
 *
 * @category errors
 * @since 0.1.0
 */
export class AgentsClosed
  extends Schema.TaggedError<AgentsClosed>("effect-coding-agents/AgentsClosed")("AgentsClosed", {}, {
    httpApiStatus: 503
  })
{
  readonly retryable = false
  override get message() {
    return "The agents are closed; open them again with CodingAgents.open"
  }
}

/**
 * Of every call and stream.
 *
 * @category models
 * @since 0.1.0
 */
export interface CallOptions {
  /** Gives the call up, or ends the stream; what is awaited rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined
}

/** Ends an iteration. */
type Stop = () => Promise<unknown>

const ended = { done: true, value: undefined } as const

/** How calls are made. */
export interface Calls {
  readonly run: <A, E>(effect: Effect.Effect<A, E>, options?: CallOptions) => Promise<A>
  readonly iterate: <A, E>(stream: Stream.Stream<A, E>, options?: CallOptions) => AsyncIterable<A>
}

/** What runs, in whatever context. */
export class Running {
  readonly fibers = new Set<Fiber.Fiber<unknown, unknown>>()
  readonly iterations = new Set<Stop>()
  closed = false

  /** No call is made from now on. */
  close(): void {
    this.closed = true
  }

  /** Ends what still runs; succeeds once it has ended. How an iteration ends is told to its reader, and keeps no other from ending. */
  readonly drain: Effect.Effect<void> = Effect.suspend(() =>
    Effect.andThen(
      Fiber.interruptAll(this.fibers),
      Effect.forEach(this.iterations, (stop) => Effect.promise(() => stop().catch(() => {})), {
        concurrency: "unbounded",
        discard: true
      })
    )
  )
}

/** Runs with the references of this context (log level, tracer, the hook that calls). */
export const make = (context: Context.Context<never>, running = new Running()): Calls => {
  const runFork = Effect.runForkWith(context)
  const { fibers, iterations } = running

  const run: Calls["run"] = (effect, { signal } = {}) =>
    new Promise((resolve, reject) => {
      if (running.closed) return reject(new AgentsClosed())
      if (signal?.aborted === true) return reject(signal.reason)
      const fiber = runFork(effect, { signal })
      fibers.add(fiber)
      fiber.addObserver((exit) => {
        fibers.delete(fiber)
        if (Exit.isSuccess(exit)) resolve(exit.value)
        else if (!Cause.hasInterruptsOnly(exit.cause)) reject(Cause.squash(exit.cause))
        else reject(signal?.aborted === true ? signal.reason : new AgentsClosed())
      })
    })

  const iterate: Calls["iterate"] = (stream, { signal } = {}) => ({
    [Symbol.asyncIterator]() {
      if (running.closed) return { next: () => Promise.reject(new AgentsClosed()) }
      const inner = Stream.toAsyncIterableWith(stream, context)[Symbol.asyncIterator]()
      // Ends its fiber; a `next` that waits for an element is answered that there is none.
      const stop: Stop = () => inner.return?.() ?? Promise.resolve()
      const abort = () => {
        release()
        // How it ends is told to the `next` that waits.
        stop().catch(() => {})
      }
      const release = () => {
        iterations.delete(stop)
        signal?.removeEventListener("abort", abort)
      }
      iterations.add(stop)
      signal?.addEventListener("abort", abort, { once: true })
      return {
        next: () => {
          if (signal?.aborted === true) {
            abort()
            return Promise.reject(signal.reason)
          }
          return inner.next().then((result) => {
            if (result.done !== true) return result
            release()
            if (signal?.aborted === true) throw signal.reason
            return ended
          }, (error) => {
            release()
            throw error
          })
        },
        return: () => {
          release()
          return stop().then(() => ended)
        }
      }
    }
  })

  return { run, iterate }
}
