/**
 * Everything that this run has started, and whether it is still alive.
 *
 * Processes hand their environment down, so a variable that the app is started with marks the app, its agents, and the
 * tools that they run, whoever their parent is by then. It is not the library's own mark: a proof must not rest on
 * what it proves. Environments can be read on Linux only; elsewhere only the app's own processes are seen.
 */
import { Effect, Schedule } from "effect"
import { SecureRandom } from "effect/crypto"
import { kill, platform } from "node:process"
import { agentProcesses } from "../../src/testing/index.ts"

/** An agent gets no variable that it was not promised, so its adapter must be told to hand this one on. */
export const variable = "EXAMPLE_RUN"

export interface Running {
  readonly pid: number
  /** Known where environments can be read. */
  readonly parent?: number
  readonly command: string
}

export interface Processes {
  /** To be put into the environment of what is started. */
  readonly env: Readonly<Record<string, string>>
  /** Notes a process that was started, for systems that do not show environments. */
  readonly note: (pid: number) => void
  readonly alive: Effect.Effect<ReadonlyArray<Running>>
  /** Waits until nothing else of this run is alive. */
  readonly onlyLeft: (pid: number) => Effect.Effect<void>
  /** Waits until a process runs whose command line has these words; where command lines cannot be read, not at all. */
  readonly awaitCommand: (words: string) => Effect.Effect<void>
  /** What is still alive after the moment that a process may take to be gone once it was told to end. */
  readonly left: Effect.Effect<ReadonlyArray<Running>>
}

/** When the scope closes, what is left is ended. */
export const make = Effect.gen(function*() {
  const run = SecureRandom.uuidV4Unsafe()
  const noted = new Set<number>()

  const amongNoted = Effect.filter(Array.from(noted), (pid) => signal(pid, 0)).pipe(
    Effect.map((pids) => pids.map((pid) => ({ pid, command: "node host.ts" })))
  )
  const alive: Effect.Effect<ReadonlyArray<Running>> = platform === "linux"
    ? agentProcesses({ variable, value: run })
    : amongNoted

  const aliveUntil = (until: (running: ReadonlyArray<Running>) => boolean) =>
    Effect.repeat(alive, { schedule: Schedule.spaced("50 millis"), until })
  const left = Effect.timeoutOrElse(aliveUntil((running) => running.length === 0), {
    duration: "2 seconds",
    orElse: () => alive
  })
  const end = Effect.flatMap(alive, Effect.forEach(({ pid }) => signal(pid, "SIGKILL"), { discard: true }))
  yield* Effect.addFinalizer(() => Effect.andThen(end, left))
  const processes: Processes = {
    env: { [variable]: run },
    note: (pid) => noted.add(pid),
    alive,
    onlyLeft: (pid) => Effect.asVoid(aliveUntil((running) => running.every((process) => process.pid === pid))),
    awaitCommand: (words) =>
      platform === "linux"
        ? Effect.asVoid(aliveUntil((running) => running.some(({ command }) => command.includes(words))))
        : Effect.void,
    left
  }
  return processes
})

/** Whether there was such a process. */
const signal = (pid: number, name: NodeJS.Signals | 0) =>
  Effect.orElseSucceed(Effect.try(() => kill(pid, name)), () => false)
