/**
 * The end of open streams when the server stops. A server waits for its connections to end, and a reader of events never
 * ends its own, so streams are ended first.
 *
 * @since 0.1.0
 */
import { Context, Deferred, Effect, Layer } from "effect"

/**
 * Succeeds once the server begins to stop. Default: never.
 *
 * @category services
 * @since 0.1.0
 */
export const Drain = Context.Reference<Effect.Effect<void>>("effect-coding-agents/Drain", {
  defaultValue: () => Effect.never
})

/**
 * Ends the streams of this server before it stops itself.
 *
 * @category layers
 * @since 0.1.0
 */
export const drained = <A, E, R>(server: Layer.Layer<A, E, R>): Layer.Layer<A, E, R> =>
  Layer.unwrap(Effect.gen(function*() {
    const stopping = yield* Deferred.make<void>()
    const first = Layer.effectDiscard(Effect.addFinalizer(() => Deferred.succeed(stopping, undefined)))
    // Built after the server, so closed before it.
    return Layer.provideMerge(first, Layer.provide(server, Layer.succeed(Drain, Deferred.await(stopping))))
  }))
