/** Child processes of Node for tests, killed with the scope. What they print and their end are awaited, never slept for. */
import { Effect } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import { createInterface } from "node:readline"

export interface Child {
  readonly pid: number
  /** Its first line of output. */
  readonly line: string
  /** `kill -9`, and the wait for its end. */
  readonly kill: Effect.Effect<void>
}

const killed = (child: ChildProcess): Effect.Effect<void> =>
  Effect.callback((resume) => {
    if (child.exitCode !== null || child.signalCode !== null) return resume(Effect.void)
    child.once("exit", () => resume(Effect.void))
    child.kill("SIGKILL")
  })

/** Starts Node and answers when the child has printed its first line. */
export const start = Effect.fnUntraced(function*(
  args: ReadonlyArray<string>,
  env: Readonly<Record<string, string>> = {}
) {
  const child = yield* Effect.acquireRelease(
    Effect.sync(() =>
      spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"], env: { ...process.env, ...env } })
    ),
    killed
  )
  const line = yield* Effect.callback<string>((resume) => {
    createInterface({ input: child.stdout }).once("line", (line) => resume(Effect.succeed(line)))
    child.once("exit", (code) => resume(Effect.die(`The child ended with ${code} before it said anything`)))
  })
  const started: Child = { pid: child.pid ?? 0, line, kill: killed(child) }
  return started
})

/** A process that does nothing, for as long as it is left alone. */
export const idle = (env: Readonly<Record<string, string>> = {}) =>
  start(["-e", "console.log(\"here\"); setInterval(() => {}, 1000)"], env)
