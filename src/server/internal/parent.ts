/** Signs that the process which has started this one is gone. */
import { Effect } from "effect"
import { fstatSync } from "node:fs"

/** A terminal, a file and /dev/null are no sign of a parent. */
export const isPipe = Effect.sync(() => fstatSync(0)).pipe(
  Effect.map((stdin) => stdin.isFIFO() || stdin.isSocket()),
  Effect.catchDefect(() => Effect.succeed(false))
)

/** Reads what comes and drops it. */
export const stdinEnds = Effect.callback<void>((resume) => {
  const ended = () => resume(Effect.void)
  process.stdin.once("end", ended).once("close", ended).once("error", ended).resume()
  return Effect.sync(() => {
    process.stdin.off("end", ended).off("close", ended).off("error", ended).pause()
  })
})

/** We have another parent. */
export const replaced: Effect.Effect<void> = Effect.suspend(() => {
  const first = process.ppid
  return Effect.sync(() => process.ppid !== first).pipe(
    Effect.delay("500 millis"),
    Effect.repeat({ until: (gone) => gone }),
    Effect.asVoid
  )
})
