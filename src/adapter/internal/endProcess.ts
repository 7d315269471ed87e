/**
 * Ends a child process and its group in steps, from the kindest to the last, each with a deadline.
 */
import { Clock, Context, type Duration, Effect, Fiber, Stream } from "effect"
import type { ChildProcessSpawner } from "effect/process"
import type { HostProcesses } from "../../process/HostProcesses.ts"

export interface Steps {
  /** The machine whose process it is. */
  readonly machine: Pick<HostProcesses, "endGroup">
  /** Asks the process to end. */
  readonly ask: Effect.Effect<unknown>
  /** How long the process may take once its stdin has ended. `undefined` if it has none. */
  readonly inputDeadline: Duration.Input | undefined
  /** How long every other step may take. */
  readonly deadline: Duration.Input
}

/**
 * A step that the process did not need is passed over. What is left of its group after the last step, such as a process
 * that the system cannot end, is left to the record of agents.
 */
export const endProcess = (
  handle: ChildProcessSpawner.ChildProcessHandle,
  { ask, deadline, inputDeadline, machine }: Steps
): Effect.Effect<void> => {
  const exited = Effect.exit(handle.exitCode)
  const ifRunning = (step: Effect.Effect<unknown>) =>
    Effect.flatMap(
      Effect.orElseSucceed(handle.isRunning, () => false),
      (running) => running ? step : Effect.void
    )
  // What is still to be written may never be read, so the end of the writing is not waited for.
  const endInput = Effect.raceFirst(
    Effect.andThen(Effect.ignore(Stream.run(Stream.empty, handle.stdin)), Effect.never),
    exited
  )
  return Effect.gen(function*() {
    yield* ifRunning(Effect.timeoutOption(ask, deadline))
    yield* Effect.gen(function*() {
      if (inputDeadline !== undefined) yield* ifRunning(Effect.timeoutOption(endInput, inputDeadline))
      yield* machine.endGroup(handle.pid, deadline)
      yield* Effect.timeoutOption(exited, deadline)
    }).pipe(Effect.provideService(Clock.Clock, systemClock))
    // The spawner would count zombies among the living, and wait for them.
    yield* Effect.ignore(handle.unref)
  }).pipe(
    // In a fiber of its own: an interrupted one could wait for nothing here, and would leave the process behind.
    Effect.interruptible,
    Effect.forkDetach,
    Effect.flatMap(Fiber.await),
    Effect.asVoid
  )
}

/** Processes live in real time, whatever clock the app has. */
const systemClock = Context.get(Context.empty(), Clock.Clock)
