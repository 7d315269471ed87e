/**
 * How many deliveries hooks have not acknowledged, for the app's telemetry: counted every quarter of a minute, since the
 * store alone knows what earlier runs have left.
 */
import { Duration, Effect } from "effect"
import type { HookBacklog, Instrumentation } from "../domain/Instrumentation.ts"
import type { HookOutbox } from "../store/HookOutbox.ts"

const every = Duration.seconds(15)

/** Never ends. A hook whose last delivery was made is told once more, with nothing left. */
export const watch = (outbox: HookOutbox["Service"], instrumentation: Instrumentation) =>
  Effect.gen(function*() {
    let known: ReadonlyArray<HookBacklog> = []
    const look = Effect.map(outbox.backlog, (hooks) => {
      const gone = known.filter(({ hook }) => !hooks.some((one) => one.hook === hook))
      instrumentation.backlog([...hooks, ...gone.map(({ hook }) => ({ hook, waiting: 0, givenUp: 0 }))])
      known = hooks
    })
    return yield* Effect.ignore(look, { log: "Warn", message: "The backlog of hooks could not be counted" }).pipe(
      Effect.delay(every),
      Effect.forever
    )
  })
