/**
 * What the app's guards are asked about now. A turn that is cancelled waits for none of them: its agent may end it only once its
 * own requests are answered.
 */
import { Deferred, Effect } from "effect"
import type { ToolVerdict } from "../../provider/ToolGuard.ts"

export interface Guarding {
  /** The verdict; `undefined` if the turn is cancelled before. */
  readonly ask: (verdict: Effect.Effect<ToolVerdict>) => Effect.Effect<ToolVerdict | undefined>
  readonly cancel: Effect.Effect<void>
}

export const make = (): Guarding => {
  const waiting = new Set<Deferred.Deferred<undefined>>()
  return {
    ask: (verdict) =>
      Effect.suspend(() => {
        const cancelled = Deferred.makeUnsafe<undefined>()
        waiting.add(cancelled)
        return Effect.raceFirst(verdict, Deferred.await(cancelled)).pipe(
          Effect.ensuring(Effect.sync(() => waiting.delete(cancelled)))
        )
      }),
    cancel: Effect.suspend(() =>
      Effect.forEach(waiting, (cancelled) => Deferred.succeed(cancelled, undefined), { discard: true })
    )
  }
}
