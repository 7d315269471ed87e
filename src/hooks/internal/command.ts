/**
 * One run of a command: its input on stdin, its output kept up to a limit, and nothing of it left afterwards.
 *
 * The command leads a process group of its own. Whatever is left of the group when the run is over (it ended, was
 * interrupted, or its time was up) gets SIGTERM, and SIGKILL after {@link CommandOptions.killGrace}: what a script puts
 * in the background does not outlive it, unless it makes a session of its own (`setsid`). On Windows the processes that
 * the command leaves behind after its own end are not found.
 */
import { type Duration, Effect, Fiber, Redacted, Schema, type Scope, Stream } from "effect"
import type { PlatformError } from "effect/PlatformError"
import { ChildProcess, type ChildProcessSpawner } from "effect/process"
import { errorCode } from "../../process/ErrorCode.ts"

/** What is kept of stdout, from its start, and of stderr, from its end, in bytes. The rest is read and dropped. */
export const outputLimit = 64 * 1024

/** How long output is waited for that is still in the pipe, or held open by a process left behind, after the end. */
const drainTime = "1 second"

export interface CommandOptions {
  /**
   * An executable: a path, or a name that is looked up in `PATH`. No shell reads it; `"/bin/sh"` with `args`
   * `["-c", "..."]` is one. A relative path is looked up in `cwd`, where an agent may be able to write.
   */
  readonly command: string
  readonly args?: ReadonlyArray<string> | undefined
  /** Default: the directory of the session. It has to be there. */
  readonly cwd?: string | undefined
  /**
   * Added to the environment of this process, which the command inherits as it would from a shell; `undefined` takes a
   * variable away. `Redacted` values are replaced in whatever is kept of stderr and in the reasons of vetoes.
   */
  readonly env?: Readonly<Record<string, string | Redacted.Redacted<string> | undefined>> | undefined
  /** How long the group has between SIGTERM and SIGKILL. Whoever calls the hook waits for it. Default 2 seconds. */
  readonly killGrace?: Duration.Input | undefined
}

/**
 * The command was not started: there is no such executable (`ENOENT`, also where a script's interpreter is missing), it
 * must not be executed (`EACCES`), ... With a `directory`, that is what could not be entered.
 */
export class CommandNotStarted
  extends Schema.TaggedError<CommandNotStarted>("effect-coding-agents/CommandNotStarted")("CommandNotStarted", {
    command: Schema.String,
    directory: Schema.optionalKey(Schema.String),
    code: Schema.String
  })
{
  readonly retryable = true
  override get message() {
    const where = this.directory === undefined ? "" : ` in ${this.directory}`
    return `${this.command} cannot be started${where} (${this.code})`
  }
}

/**
 * The command ended with an exit code that means failure. Without an `exitCode` a signal ended it.
 *
 * @since 0.1.0
 * @category errors
 */
export class CommandFailed
  extends Schema.TaggedError<CommandFailed>("effect-coding-agents/CommandFailed")("CommandFailed", {
    command: Schema.String,
    exitCode: Schema.optionalKey(Schema.Int),
    /** Its end. */
    stderr: Schema.String
  })
{
  readonly retryable = true
  override get message() {
    const how = this.exitCode === undefined ? "was ended by a signal" : `ended with exit code ${this.exitCode}`
    const said = this.stderr.trim().slice(-1000)
    return `${this.command} ${how}${said === "" ? "" : `: ${said}`}`
  }
}

export interface CommandResult {
  /** Absent where a signal ended it. */
  readonly exitCode: number | undefined
  /** The start of it. */
  readonly stdout: string
  /** Whether there was more than is kept. */
  readonly truncated: boolean
  /** The end of it. */
  readonly stderr: string
}

/** Runs the command to its end, whatever its exit code. Whether it reads its input is its own business. */
export const run = Effect.fnUntraced(
  function*(
    options: CommandOptions & { readonly cwd: string },
    input: string
  ): Effect.fn.Return<CommandResult, CommandNotStarted, ChildProcessSpawner.ChildProcessSpawner | Scope.Scope> {
    const handle = yield* ChildProcess.make(options.command, options.args ?? [], {
      cwd: options.cwd,
      env: { ...options.env },
      extendEnv: true,
      forceKillAfter: options.killGrace ?? "2 seconds"
    }).pipe(Effect.mapError(notStarted(options)))
    yield* Effect.forkScoped(Effect.ignore(Stream.run(Stream.encodeText(Stream.make(input)), handle.stdin)))
    let stdout = Buffer.alloc(0)
    let stderr = Buffer.alloc(0)
    let truncated = false
    const output = yield* Effect.forkScoped(Effect.all([
      read(handle.stdout, (bytes) => {
        truncated ||= stdout.length + bytes.length > outputLimit
        stdout = Buffer.concat([stdout, bytes]).subarray(0, outputLimit)
      }),
      read(handle.stderr, (bytes) => {
        stderr = Buffer.concat([stderr, bytes]).subarray(-outputLimit)
      })
    ], { concurrency: 2 }))
    const exitCode = yield* Effect.orElseSucceed(handle.exitCode, () => undefined)
    yield* Effect.timeoutOption(Fiber.await(output), drainTime)
    return {
      exitCode,
      stdout: stdout.toString("utf8"),
      truncated,
      stderr: redacted(options.env ?? {}, stderr.toString("utf8"))
    }
  },
  Effect.scoped
)

/** Replaces the secrets of an environment in a text. */
export const redacted = (env: NonNullable<CommandOptions["env"]>, text: string): string =>
  Object.values(env).reduce<string>((text, value) => {
    const secret = Redacted.isRedacted(value) ? Redacted.value(value) : ""
    return secret === "" ? text : text.replaceAll(secret, "<redacted>")
  }, text)

const notStarted = (options: CommandOptions & { readonly cwd: string }) => ({ reason }: PlatformError) =>
  new CommandNotStarted({
    command: options.command,
    // The directory is looked at through the file system, the command by starting it.
    ...(reason.module === "FileSystem" ? { directory: options.cwd } : {}),
    code: errorCode(reason) ?? reason._tag
  })

const read = (stream: Stream.Stream<Uint8Array, PlatformError>, keep: (bytes: Uint8Array) => void) =>
  Effect.ignore(Stream.runForEach(stream, (bytes) => Effect.sync(() => keep(bytes))))
