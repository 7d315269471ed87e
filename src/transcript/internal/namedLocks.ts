/**
 * One holder per name; others wait in order of arrival. Unused names take no memory.
 */
import { Effect, Semaphore } from "effect"

export type NamedLocks = <A, E, R>(name: string, effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

export const make: Effect.Effect<NamedLocks> = Effect.sync(() => {
  const locks = new Map<string, { readonly semaphore: Semaphore.Semaphore; users: number }>()
  return (name, effect) =>
    Effect.acquireUseRelease(
      Effect.sync(() => {
        const lock = locks.get(name) ?? { semaphore: Semaphore.makeUnsafe(1), users: 0 }
        lock.users += 1
        locks.set(name, lock)
        return lock
      }),
      ({ semaphore }) => semaphore.withPermit(effect),
      (lock) =>
        Effect.sync(() => {
          lock.users -= 1
          if (lock.users === 0) locks.delete(name)
        })
    )
})
