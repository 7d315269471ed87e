/**
 * One run of a command: its input on stdin, its output kept up to a limit, and no process left afterwards.
 *
 * The command leads its own process group. Processes of the group that are left when the run is over get SIGTERM, and
 * SIGKILL after {@link CommandOptions.killGrace}: background processes of a script do not outlive it.
 *
 * A process can leave the group: by `setsid`, as what `timeout` runs, as a job of a shell with `set -m`. Where the run is given
 * up (interrupted, or timed out) it is ended as well, by the marker in its environment, which Linux alone shows. What has
 * left the group of a command that ended by itself stays: a script starts a daemon so. On Windows, processes that outlive
 * the command are not found.
 *
 * Processes that have ended and that no parent reaps, as in a container without an init process, are not waited for.
 */
import { Duration, Effect, Exit, Fiber, Option, Redacted, Schema, Scope, Stream } from "effect"
import type { PlatformError } from "effect/PlatformError"
import { ChildProcess, type ChildProcessSpawner } from "effect/process"
import { randomUUID } from "node:crypto"
import { hidden } from "../../domain/PublicError.ts"
import { markerVariable } from "../../process/AgentProcesses.ts"
import { errorCode } from "../../process/ErrorCode.ts"
import * as ProcessGroup from "../../process/ProcessGroup.ts"
import * as ProcessIdentity from "../../process/ProcessIdentity.ts"
import * as ProcessTable from "../../process/ProcessTable.ts"
import * as RealTime from "../../process/RealTime.ts"

/** Bytes that are kept of the start of stdout, and characters of the end of stderr. The rest is read and dropped. */
export const outputLimit = 64 * 1024

/** Wait, after the end, for output that is still in the pipe, before the background processes that hold it are ended. */
const lastOutput = "100 millis"

/** Wait for output once they were ended. */
const drainTime = "1 second"

/**
 * How a command is run.
 *
 * @since 0.1.0
 * @category models
 */
export interface CommandOptions {
  /**
   * An executable: a path, or a name in `PATH`. No shell is involved; for one give `"/bin/sh"` with `args`
   * `["-c", "..."]`. A relative path is resolved in `cwd`, where an agent may be able to write.
   */
  readonly command: string
  readonly args?: ReadonlyArray<string> | undefined
  /** Must exist. Default: the directory of the session. */
  readonly cwd?: string | undefined
  /**
   * Added to the environment of this process, which the command inherits as from a shell; `undefined` removes a
   * variable. `Redacted` values are replaced in errors, in the reasons of vetoes, and in what the command adds.
   */
  readonly env?: Readonly<Record<string, string | Redacted.Redacted<string> | undefined>> | undefined
  /** Time between SIGTERM and SIGKILL. The caller of the hook waits for it, and three seconds more. Default 2 seconds. */
  readonly killGrace?: Duration.Input | undefined
}

/**
 * The command did not start: the executable, or the interpreter of a script, does not exist (`ENOENT`), may not be
 * executed (`EACCES`), ... With a `directory`, that directory could not be entered.
 *
 * @since 0.1.0
 * @category errors
 */
export class CommandNotStarted
  extends Schema.TaggedError<CommandNotStarted>("effect-coding-agents/CommandNotStarted")("CommandNotStarted", {
    command: hidden(Schema.String),
    directory: hidden(Schema.optionalKey(Schema.String)),
    code: Schema.String
  }, { httpApiStatus: 503 })
{
  readonly retryable = true
  get publicMessage() {
    return `A hook's command cannot be started (${this.code})`
  }
  override get message() {
    const where = this.directory === undefined ? "" : ` in ${this.directory}`
    return `${this.command} cannot be started${where} (${this.code}); check its path and permissions`
  }
}

const ending = (exitCode: number | undefined) =>
  exitCode === undefined ? "was ended by a signal" : `ended with exit code ${exitCode}`

/**
 * The command ended with an exit code that means failure. Without an `exitCode` a signal ended it.
 *
 * @since 0.1.0
 * @category errors
 */
export class CommandFailed
  extends Schema.TaggedError<CommandFailed>("effect-coding-agents/CommandFailed")("CommandFailed", {
    command: hidden(Schema.String),
    exitCode: Schema.optionalKey(Schema.Int),
    /** Its end. */
    stderr: hidden(Schema.String)
  }, { httpApiStatus: 502 })
{
  readonly retryable = true
  get publicMessage() {
    return `A hook's command ${ending(this.exitCode)}`
  }
  override get message() {
    const said = this.stderr.trim().slice(-1000)
    return `${this.command} ${ending(this.exitCode)}${said === "" ? "" : `: ${said}`}`
  }
}

export interface CommandResult {
  /** Absent if a signal ended it. */
  readonly exitCode: number | undefined
  /** Its start. */
  readonly stdout: string
  /** Whether stdout was longer than what is kept. */
  readonly truncated: boolean
  /** Its end. */
  readonly stderr: string
}

/** Runs the command to its end and succeeds with any exit code. The command need not read its input. */
export const run = Effect.fnUntraced(
  function*(
    options: CommandOptions & { readonly cwd: string },
    input: string
  ): Effect.fn.Return<CommandResult, CommandNotStarted, ChildProcessSpawner.ChildProcessSpawner | Scope.Scope> {
    const handle = yield* spawned(options)
    yield* Effect.forkScoped(Effect.ignore(Stream.run(Stream.encodeText(Stream.make(input)), handle.stdin)))
    let stdout = Buffer.alloc(0)
    let stderr = ""
    let truncated = false
    const output = yield* Effect.forkScoped(Effect.all([
      read(handle.stdout, (bytes) => {
        truncated ||= stdout.length + bytes.length > outputLimit
        stdout = Buffer.concat([stdout, bytes]).subarray(0, outputLimit)
      }),
      read(Stream.decodeText(handle.stderr), (text) => {
        stderr += text
        if (stderr.length > 2 * outputLimit) stderr = endOf(options, stderr)
      })
    ], { concurrency: 2 }))
    const exitCode = yield* Effect.orElseSucceed(handle.exitCode, () => undefined)
    const drained = yield* Effect.timeoutOption(Fiber.await(output), lastOutput)
    if (Option.isNone(drained)) {
      yield* ProcessGroup.end(handle.pid, graceOf(options))
      yield* Effect.timeoutOption(Fiber.await(output), drainTime)
    }
    return {
      exitCode,
      stdout: stdout.toString("utf8"),
      truncated,
      stderr: endOf(options, stderr)
    }
  },
  Effect.scoped
)

const graceOf = ({ killGrace }: CommandOptions) => killGrace ?? "2 seconds"

/** How long a call has to end that was interrupted, so that it is not abandoned before its command was killed. */
export const callGrace = (options: CommandOptions): Duration.Duration =>
  Duration.sum(Option.getOrElse(Duration.fromInput(graceOf(options)), () => Duration.seconds(2)), Duration.seconds(3))

/**
 * The process, until the scope closes. Its group is ended by us: the spawner's own end counts members that no parent
 * reaps among the living, and waits for them. So that end is not waited for; there is nothing left to end by then.
 */
const spawned = Effect.fnUntraced(function*(options: CommandOptions & { readonly cwd: string }) {
  const own = yield* Scope.make()
  const marker = `hook-${randomUUID()}`
  const handle = yield* ChildProcess.make(options.command, options.args ?? [], {
    cwd: options.cwd,
    env: { ...options.env, [markerVariable]: marker },
    extendEnv: true,
    forceKillAfter: graceOf(options)
  }).pipe(
    Scope.provide(own),
    Effect.mapError(notStarted(options)),
    Effect.onError(() => Scope.close(own, Exit.void))
  )
  const startTime = ProcessIdentity.isLinux
    ? Option.getOrElse(yield* ProcessIdentity.startTime(handle.pid), () => "")
    : ""
  const close = Scope.close(own, Exit.void)
  const endGroup = ProcessGroup.end(handle.pid, graceOf(options))
  const endAll = RealTime.toTheEnd(ProcessTable.end([{ pid: handle.pid, startTime, marker }], graceOf(options)))
  yield* Effect.addFinalizer((exit) => {
    if (process.platform === "win32") return close
    const givenUp = Exit.isFailure(exit) && ProcessIdentity.isLinux
    return Effect.andThen(givenUp ? Effect.andThen(endAll, endGroup) : endGroup, Effect.forkDetach(close))
  })
  return handle
}, Effect.uninterruptible)

/** Replaces the secrets of an environment in a text, longest first: one can be a part of another. */
export const redacted = (env: NonNullable<CommandOptions["env"]>, text: string): string =>
  Object.values(env)
    .flatMap((value) => Redacted.isRedacted(value) && Redacted.value(value) !== "" ? [Redacted.value(value)] : [])
    .toSorted((a, b) => b.length - a.length)
    .reduce((text, secret) => text.replaceAll(secret, "<redacted>"), text)

/** First redacted, then cut: a secret of which the beginning was dropped could not be recognized any more. */
const endOf = ({ env = {} }: CommandOptions, text: string) => redacted(env, text).slice(-outputLimit)

const notStarted = (options: CommandOptions & { readonly cwd: string }) => ({ reason }: PlatformError) =>
  new CommandNotStarted({
    command: options.command,
    // The spawner checks the directory through the file system, the command by starting it.
    ...(reason.module === "FileSystem" ? { directory: options.cwd } : {}),
    code: errorCode(reason) ?? reason._tag
  })

const read = <A>(stream: Stream.Stream<A, PlatformError>, keep: (part: A) => void) =>
  Effect.ignore(Stream.runForEach(stream, (part) => Effect.sync(() => keep(part))))
