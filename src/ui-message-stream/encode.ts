/** Streams of events as streams of pieces. */
import { Array as Arr, Cause, Clock, Duration, Effect, Option, Pull, Stream } from "effect"
import type { ThreadEvent } from "../domain/ThreadEvent.ts"
import * as MessageFold from "./MessageFold.ts"
import type { UIMessageChunk } from "./UIMessageChunk.ts"

/**
 * How a turn is written.
 *
 * @since 0.1.0
 * @category models
 */
export interface EncodeOptions extends MessageFold.FoldOptions {
  /**
   * Ends the stream once an approval has been open for so long, so that a page can send its answer. The delay leaves a rule
   * or a hook the time to answer in the user's place. Default: never.
   */
  readonly pauseAfter?: Duration.Input | undefined
}

/**
 * One turn of a thread as a UI message stream: from the turn's first event on, to its end. The events are those of
 * `streamEvents`, from before the turn on.
 *
 * @since 0.1.0
 * @category encoding
 */
export const encode = <E, R>(
  events: Stream.Stream<ThreadEvent, E, R>,
  options: EncodeOptions = {}
): Stream.Stream<UIMessageChunk, E, R> =>
  Stream.transformPull(events, (pull) =>
    Effect.sync(() => {
      const pauseAfter = options.pauseAfter === undefined ? undefined : Duration.toMillis(options.pauseAfter)
      let state = MessageFold.initial(options)
      let waitsSince: number | undefined

      const write = ([next, chunks]: MessageFold.Step) => {
        state = next
        return chunks
      }

      /** The next events, or nothing once the approval has waited for long enough. */
      const nextEvents = Effect.suspend(() => {
        if (pauseAfter === undefined || !MessageFold.isWaiting(state)) {
          waitsSince = undefined
          return Effect.asSome(pull)
        }
        return Effect.flatMap(Clock.currentTimeMillis, (now) => {
          waitsSince ??= now
          const left = waitsSince + pauseAfter - now
          return left <= 0 ? Effect.succeedNone : Effect.timeoutOption(pull, left)
        })
      })

      const next: Effect.Effect<Arr.NonEmptyReadonlyArray<UIMessageChunk>, E | Cause.Done, R> = Effect.suspend(() =>
        MessageFold.isOver(state)
          ? Cause.done()
          : nextEvents.pipe(
            Effect.map((taken) =>
              Option.isNone(taken)
                ? write(MessageFold.pause(state))
                : taken.value.flatMap((event) => write(MessageFold.step(state, event)))
            ),
            Pull.catchDone(() => Effect.succeed(write(MessageFold.breakOff(state, "StreamEnded")))),
            Effect.flatMap((chunks) => Arr.isReadonlyArrayNonEmpty(chunks) ? Effect.succeed(chunks) : next)
          )
      )
      return next
    }))
