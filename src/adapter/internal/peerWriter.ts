/** Frames to a child's stdin, one line each, in the order of writing. */
import { type Cause, type Duration, Effect, Fiber, Queue, type Sink, Stream } from "effect"

export interface PeerWriter {
  /** Waits while 64 lines wait to be written. Answers whether the line will be; not when stdin is closed. */
  readonly write: (frame: () => object) => Effect.Effect<boolean>
  /** Does not wait for its turn. */
  readonly writeSoon: (frame: object) => Effect.Effect<void>
  /** Writes what waits, and ends stdin; at the deadline what is left is dropped. */
  readonly end: (deadline: Duration.Input) => Effect.Effect<void>
}

const encoder = new TextEncoder()

export const make = Effect.fnUntraced(function*(stdin: Sink.Sink<void, Uint8Array, unknown, unknown>) {
  const queue = yield* Queue.bounded<Uint8Array, Cause.Done>(64)
  const writing = yield* Stream.fromQueue(queue).pipe(
    Stream.run(stdin),
    Effect.ignore,
    Effect.ensuring(Queue.shutdown(queue)),
    Effect.forkDetach
  )
  const write = (frame: () => object) =>
    Effect.suspend(() => Queue.offer(queue, encoder.encode(`${JSON.stringify(frame())}\n`)))
  const writer: PeerWriter = {
    write,
    writeSoon: (frame) => Effect.asVoid(Effect.forkDetach(write(() => frame), { startImmediately: true })),
    end: (deadline) =>
      Queue.end(queue).pipe(
        Effect.andThen(Effect.timeoutOption(Fiber.await(writing), deadline)),
        Effect.andThen(Fiber.interrupt(writing))
      )
  }
  return writer
})
