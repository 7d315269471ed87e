/**
 * Keeps the logs of threads as short as the settings say: looks at all threads at the start and from time to time, and has
 * the store remove what is more. Nothing runs where nothing is to be removed.
 */
import { Duration, Effect, Option, Schedule, Stream } from "effect"
import type { ThreadId } from "../domain/Ids.ts"
import type { ThreadDeps } from "../thread/ThreadDeps.ts"
import type { Resolved } from "./Settings.ts"
import type { ThreadActors } from "./threadActors.ts"

const pageSize = 100

/** Runs until interrupted. A thread that cannot be pruned, or not be archived first, is left as it is until the next look. */
export const run = ({ actors, deps: { archive, clock, store }, settings }: {
  readonly actors: ThreadActors
  readonly deps: ThreadDeps
  readonly settings: Resolved["retention"]
}): Effect.Effect<void> => {
  const { keepTurns, maxAge, maxBytes, settleAfter } = settings
  if (keepTurns === Infinity && maxBytes === Infinity && !Duration.isFinite(maxAge)) return Effect.void

  const before = (age: Duration.Duration) => clock.currentTimeMillisUnsafe() - Duration.toMillis(age)
  const settled = () => Duration.isFinite(settleAfter) ? { settledBefore: before(settleAfter) } : {}
  const limits = () => ({
    ...settled(),
    ...(keepTurns === Infinity ? {} : { keepTurns }),
    ...(maxBytes === Infinity ? {} : { maxBytes }),
    ...(Duration.isFinite(maxAge) ? { since: before(maxAge) } : {})
  })

  const prune = Effect.fnUntraced(
    function*(threadId: ThreadId) {
      const through = Option.getOrUndefined(yield* store.prunable(threadId, limits()))
      if (through === undefined) return
      if (settings.archive) yield* actors.use(threadId, (actor) => actor.snapshot())
      yield* store.prune({ ...settled(), threadId, through, items: yield* archive.itemsThrough(threadId, through) })
    },
    (effect, threadId) =>
      Effect.catchCause(
        effect,
        (cause) =>
          Effect.logWarning("What retention would remove of a thread was kept; the next look tries again", cause).pipe(
            Effect.annotateLogs({ threadId })
          )
      )
  )

  const sweep = Stream.paginate(undefined, (after: string | undefined) =>
    Effect.map(
      store.listThreads({ limit: pageSize, after }),
      ({ next, threads }) => [threads, Option.fromUndefinedOr(next)] as const
    )).pipe(
      Stream.runForEach(({ threadId }) => prune(threadId)),
      Effect.catchCause((cause) =>
        Effect.logWarning("Threads could not be looked at for what is to be removed", cause)
      ),
      Effect.withSpan("Retention.sweep")
    )

  return Effect.asVoid(Effect.repeat(sweep, Schedule.spaced(settings.every)))
}
