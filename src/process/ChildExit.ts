/**
 * How a child process ended, as the system told Node: with a code, or by a signal.
 *
 * The spawner of `effect/process` answers the exit code; of a signal it has only words (its error's message). Node
 * announces each child that it makes on the diagnostics channel `child_process`, and the child knows both. So the
 * children that are made while {@link watch} runs an effect are looked at, and the one with the right id is kept.
 *
 * With a spawner that does not use Node's children nothing is announced, and a signal stays unknown.
 *
 * @since 0.1.0
 */
import { Effect } from "effect"
import { ChildProcess } from "node:child_process"
import { subscribe, unsubscribe } from "node:diagnostics_channel"

/**
 * How a process ended. Empty if neither is known.
 *
 * @category models
 * @since 0.1.0
 */
export interface ChildExit {
  readonly exitCode?: number
  readonly signal?: string
}

/**
 * Runs an effect that starts a process, and answers its result with a function that reads how that process has ended.
 * The function answers nothing known for as long as the process runs.
 *
 * @category combinators
 * @since 0.1.0
 */
export const watch = <A extends { readonly pid: number }, E, R>(
  spawn: Effect.Effect<A, E, R>
): Effect.Effect<readonly [started: A, exit: () => ChildExit], E, R> =>
  Effect.suspend(() => {
    const made = new Set<ChildProcess>()
    const note = (announced: unknown): void => {
      if (typeof announced !== "object" || announced === null) return
      const child: unknown = Reflect.get(announced, "process")
      if (child instanceof ChildProcess) made.add(child)
    }
    return Effect.acquireUseRelease(
      Effect.sync(() => subscribe(channel, note)),
      () => spawn,
      () => Effect.sync(() => unsubscribe(channel, note))
    ).pipe(Effect.map((started) => {
      const child = Array.from(made).findLast(({ pid }) => pid === started.pid)
      return [started, () => exitOf(child)] as const
    }))
  })

const channel = "child_process"

const exitOf = (child: ChildProcess | undefined): ChildExit => ({
  ...(typeof child?.exitCode === "number" ? { exitCode: child.exitCode } : {}),
  ...(typeof child?.signalCode === "string" ? { signal: child.signalCode } : {})
})
