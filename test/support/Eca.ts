/** The command line as a process of its own, from its sources. */
import { Effect, type Scope } from "effect"
import { type ChildProcessWithoutNullStreams, execFileSync, spawn } from "node:child_process"
import { fileURLToPath } from "node:url"

const bin = fileURLToPath(new URL("../../src/cli/eca.ts", import.meta.url))

/** `eca serve` serves the page from where a build puts it. */
export const buildPage = () => {
  execFileSync(process.execPath, ["src/inspector/page/bundle.mjs"])
}

/** Of a terminal: python's `pty` runs the command on a new one, and passes what is typed and shown. */
const onTerminal = ["-c", "import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)"]

export interface Eca {
  readonly child: ChildProcessWithoutNullStreams
  readonly stdout: () => string
  readonly stderr: () => string
  readonly type: (text: string) => Effect.Effect<void>
  /** Once stdout has this, now or later; answers what matched. */
  readonly shows: (pattern: RegExp) => Effect.Effect<RegExpExecArray>
  readonly exit: Effect.Effect<number | null>
}

/** Starts it; killed with the scope. */
export const start = (
  args: ReadonlyArray<string>,
  options: {
    readonly cwd?: string | undefined
    readonly terminal?: boolean
    readonly env?: Record<string, string>
    /** What a shell does with it, as `exec "$@" > file`. Default: it is run as it is. */
    readonly shell?: string | undefined
  } = {}
): Effect.Effect<Eca, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const line = [process.execPath, bin, ...args]
      const [command, ...rest] = options.terminal === true
        ? ["python3", ...onTerminal, ...line]
        : options.shell !== undefined
        ? ["sh", "-c", options.shell, "sh", ...line]
        : line
      const { ECA_STORE: _, ECA_TOKEN: __, NO_COLOR: ___, ...env } = process.env
      const child = spawn(command ?? "", rest, { cwd: options.cwd, env: { ...env, ...options.env } })
      let [out, err] = ["", ""]
      const watchers = new Set<() => void>()
      child.stdout.on("data", (chunk: Buffer) => {
        out += chunk.toString()
        for (const watcher of watchers) watcher()
      })
      child.stderr.on("data", (chunk: Buffer) => err += chunk.toString())
      // The reader is gone already.
      child.stdin.on("error", () => {})
      const exit = Effect.callback<number | null>((resume) => {
        if (child.exitCode !== null || child.signalCode !== null) return resume(Effect.succeed(child.exitCode))
        child.once("close", (code) => resume(Effect.succeed(code)))
      })
      const shows = (pattern: RegExp) =>
        Effect.callback<RegExpExecArray>((resume) => {
          const check = () => {
            const found = pattern.exec(out)
            if (found === null) return
            watchers.delete(check)
            resume(Effect.succeed(found))
          }
          watchers.add(check)
          check()
          child.once("close", (code) => {
            if (watchers.delete(check)) {
              resume(Effect.die(new Error(`It ended with ${code} and did not show ${pattern}: ${err}`)))
            }
          })
          return Effect.sync(() => watchers.delete(check))
        })
      return {
        child,
        stdout: () => out,
        stderr: () => err,
        type: (text: string) => Effect.sync(() => void child.stdin.write(text)),
        shows,
        exit
      }
    }),
    ({ child }) => Effect.sync(() => child.kill("SIGKILL"))
  )

/** Runs it to its end, with all that it is told. */
export const run = (args: ReadonlyArray<string>, input = "", cwd?: string, shell?: string) =>
  Effect.scoped(Effect.gen(function*() {
    const eca = yield* start(args, { cwd, shell })
    yield* Effect.sync(() => eca.child.stdin.end(input))
    const code = yield* eca.exit
    return { code, stdout: eca.stdout(), stderr: eca.stderr() }
  }))
