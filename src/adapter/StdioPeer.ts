/**
 * The other side of a child's stdio: lines of JSON both ways, with calls, answers, notifications and cancellation. What
 * the lines mean is a {@link PeerProtocol}.
 *
 * **Order**
 *
 * Lines are handled one after the other. A notification is handled to its end, a request up to its handler's first wait,
 * and an answer up to the next wait of the caller, before the next line is looked at. A handler that takes its time
 * holds back the child's stdout; what was read and not handled is at most one chunk and one unfinished line.
 *
 * **Ends**
 *
 * When stdout ends or the process does, whatever comes first, open calls fail with {@link PeerClosed} and handlers of open
 * requests are interrupted. What the process wrote before its end is handled first, even if one of its children holds its
 * stdout open. Closing the Scope runs `beforeClose` with the peer still at work, refuses what the peer still asks, and
 * ends stdin; stdout is read and dropped until the process ends, so that the process never waits for a reader.
 *
 * **Gotchas**
 *
 * Handlers of notifications must not wait for a call, since its answer is read after them; they fork it.
 *
 * **Example**
 *
 * ```ts
 * const agent = yield* AgentProcess.spawn({ instanceId, executable, args: ["app-server"] })
 * const peer = yield* StdioPeer.make(agent, {
 *   protocol: PeerProtocol.jsonRpc({ version: false }),
 *   onNotification: ({ method, params }) => Queue.offerAll(events, toEvents(method, params)),
 *   onRequest: ({ id, method, params }) => Effect.flatMap(ask(id, method, params), Deferred.await),
 *   onReport: (report) => Queue.offer(events, { _tag: "Unrecognized", type: report._tag, raw: report })
 * })
 * const thread = yield* peer.call("thread/start", { cwd })
 * ```
 *
 * @since 0.1.0
 */
import {
  Cause,
  Context,
  Deferred,
  type Duration,
  Effect,
  Fiber,
  Option,
  type Scope,
  type Sink,
  Stream,
  Tracer
} from "effect"
import type { ProcessExit } from "../provider/ProviderAdapter.ts"
import { exitSoon } from "./AgentProcess.ts"
import * as PeerCalls from "./internal/peerCalls.ts"
import * as PeerLines from "./internal/peerLines.ts"
import * as PeerRequests from "./internal/peerRequests.ts"
import * as PeerWriter from "./internal/peerWriter.ts"
import type { Ended, PeerClosed, PeerRefused, PeerTimeout } from "./PeerError.ts"
import type { Notification, PeerId, PeerProtocol, Refusal, Request } from "./PeerProtocol.ts"
import type { Report } from "./PeerReport.ts"

export * from "./PeerError.ts"
export type { BadLine, Report } from "./PeerReport.ts"

/**
 * The process, as far as the peer needs it. An `AgentProcess` fits.
 *
 * @category models
 * @since 0.1.0
 */
export interface Stdio {
  readonly stdin: Sink.Sink<void, Uint8Array, unknown, unknown>
  readonly stdout: Stream.Stream<Uint8Array, unknown>
  readonly exit: Effect.Effect<ProcessExit>
  /** Its last words, for errors. */
  readonly tail: Effect.Effect<string>
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  readonly protocol: PeerProtocol
  readonly onNotification: (notification: Notification) => Effect.Effect<unknown>
  /**
   * Answers with what it succeeds with, or refuses; `undefined` where the method is not known. Each request runs in a
   * fiber of its own, which is interrupted when the peer cancels it, `forget`s it, or ends. Default: none is known.
   */
  readonly onRequest?:
    | ((request: Request) => Effect.Effect<unknown, Refusal> | undefined)
    | undefined
  /** What came and fits nowhere; it is in order with the frames. */
  readonly onReport: (report: Report) => Effect.Effect<unknown>
  /** How long a call may take that names no deadline. Default: 60 seconds. */
  readonly deadline?: Duration.Input | undefined
  /** The bytes of a line at most. Default: 64 MiB; frames of 560 kB are real. `Infinity` lifts it. */
  readonly maxLine?: number | undefined
  /** Asks the agent to end by itself, when the Scope closes. */
  readonly beforeClose?: ((peer: StdioPeer) => Effect.Effect<unknown, unknown>) | undefined
  /** How long `beforeClose`, and then the writing of what waits, may each take. Default: 2 seconds. */
  readonly closeDeadline?: Duration.Input | undefined
}

/**
 * @category models
 * @since 0.1.0
 */
export interface StdioPeer {
  /**
   * Answers with the peer's result, not decoded. A call that is interrupted or runs into its deadline is forgotten, and
   * the peer is told if the protocol can say so. `deadline: "infinity"` waits for as long as the peer lives.
   */
  readonly call: (
    method: string,
    params?: object,
    options?: { readonly deadline?: Duration.Input | undefined }
  ) => Effect.Effect<unknown, PeerClosed | PeerTimeout | PeerRefused>
  /** Succeeds when the line waits to be written; at most 64 do, then writers wait. */
  readonly notify: (method: string, params?: object) => Effect.Effect<void, PeerClosed>
  /** The peer's request was settled elsewhere: its handler is interrupted, and nothing is answered. */
  readonly forget: (id: PeerId) => Effect.Effect<void>
  /** Waits for the end of the process or its stdout, or of our Scope. */
  readonly closed: Effect.Effect<Ended>
}

/**
 * Begins to read. The process itself is its owner's to stop, after the peer: acquire it before.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(
  stdio: Stdio,
  options: Options
): Effect.fn.Return<StdioPeer, never, Scope.Scope> {
  const { closeDeadline = "2 seconds", maxLine = 67_108_864, onNotification, onReport, protocol } = options
  const context = Context.omit(Tracer.ParentSpan)(yield* Effect.context())
  const howEnded = Effect.all({ exit: exitSoon(stdio.exit), tail: stdio.tail })
  const ended = Deferred.makeUnsafe<Ended>()

  const writer = yield* PeerWriter.make(stdio.stdin)
  const calls = PeerCalls.make({ protocol, writer, deadline: options.deadline ?? "60 seconds", howEnded })
  const requests = PeerRequests.make({ protocol, writer, onReport, onRequest: options.onRequest ?? (() => undefined) })

  // --- lines in ---

  const lines = PeerLines.make(maxLine)
  /** Lines that were handled, and chunks. */
  let progress = 0
  let dropping = false

  const frame = (value: unknown): Effect.Effect<unknown> => {
    const read = protocol.read(value)
    switch (read._tag) {
      case "Notification":
        return onNotification(read)
      case "Request":
        return requests.serve(read)
      case "Cancel":
        return requests.cancel(read.id)
      case "Answer":
      case "Refused": {
        const stray = calls.settle(read)
        return stray === undefined ? Effect.void : onReport(stray)
      }
      case "Unknown":
        return onReport({ _tag: "UnknownFrame", frame: value })
    }
  }

  const handle = (values: ReadonlyArray<unknown>): Effect.Effect<void> => {
    let next = 0
    const loop: Effect.Effect<void> = Effect.whileLoop({
      while: () => next < values.length && !dropping,
      body: () => {
        progress++
        const value = values[next++]
        return value instanceof PeerLines.NotJson ? onReport(value.line) : frame(value)
      },
      step: () => {}
    }).pipe(
      // A handler that dies takes only its own line with it.
      Effect.catchCauseIf(
        (cause) => !Cause.hasInterrupts(cause),
        (cause) => Effect.andThen(onReport({ _tag: "HandlerDied", cause }), loop)
      )
    )
    return loop
  }

  const reading = stdio.stdout.pipe(
    Stream.runForEach((chunk) => {
      progress++
      return dropping ? Effect.void : handle(PeerLines.parse(lines.push(chunk), "not-json"))
    }),
    Effect.ignore,
    Effect.andThen(Effect.suspend(() => handle(PeerLines.parse(lines.end(), "cut"))))
  )

  // --- the end ---

  const finish = (how: Ended) =>
    Effect.suspend(() => {
      calls.end(how)
      return Effect.andThen(requests.end, Deferred.succeed(ended, how))
    })

  /** What the process wrote is read to its end; a child of its own may hold stdout open, silently. */
  const drained = (reader: Fiber.Fiber<void>): Effect.Effect<void> =>
    Effect.suspend(() => {
      const before = progress
      return Effect.flatMap(
        Effect.timeoutOption(Fiber.await(reader), "1 second"),
        (done) => Option.isSome(done) || progress === before ? Effect.void : drained(reader)
      )
    })

  const watching = Effect.gen(function*() {
    const reader = yield* Effect.forkChild(reading)
    yield* Effect.raceFirst(Fiber.await(reader), Effect.andThen(stdio.exit, drained(reader)))
    yield* Fiber.interrupt(reader)
    yield* finish(yield* howEnded)
  })

  const peer: StdioPeer = {
    call: calls.call,
    notify: (method, params) =>
      Effect.suspend(() =>
        Deferred.isDoneUnsafe(ended)
          ? Effect.succeed(false)
          : writer.write(() => protocol.notification(method, params))
      ).pipe(
        Effect.flatMap((written) =>
          written ? Effect.void : Effect.flatMap(howEnded, (how) => Effect.fail(PeerCalls.closed(method, how)))
        )
      ),
    forget: requests.forget,
    closed: Deferred.await(ended)
  }

  const closing = Effect.gen(function*() {
    requests.refuse()
    if (!Deferred.isDoneUnsafe(ended) && options.beforeClose !== undefined) {
      yield* inItsOwnFiber(Effect.timeoutOption(options.beforeClose(peer), closeDeadline))
    }
    dropping = true
    yield* requests.end
    yield* writer.end(closeDeadline)
    yield* finish({ exit: undefined, tail: yield* stdio.tail })
  })
  yield* Effect.addFinalizer(() => closing)
  yield* Effect.forkDetach(Effect.provide(watching, context))
  return peer
})

/** An interrupted fiber could wait for nothing. */
const inItsOwnFiber = <A, E>(effect: Effect.Effect<A, E>) =>
  Effect.flatMap(Effect.forkDetach(Effect.interruptible(effect)), Fiber.await)
