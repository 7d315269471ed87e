/**
 * One running agent. It carries the marker of `AgentProcesses` and is recorded there, so it does not outlive its host,
 * not even after `kill -9`. What it writes to stderr is always read, and the last 8,192 characters are kept for errors.
 *
 * Closing the Scope stops it: `beforeStop` asks it to end, then its stdin ends, then SIGTERM goes to its process group,
 * then SIGKILL. Each step takes its deadline at most, and one that is no longer needed is passed over. After that the
 * record goes, and with it every process that still carries the marker, such as one that left the group.
 *
 * It has the variables that it is given and none of this process's: those may hold secrets of the app, and an agent hands
 * its environment to the tools that it runs. Begin with `AgentEnvironment.pick`.
 *
 * **Gotchas**
 *
 * - An agent that closes stdout may live on: the end of `stdout` is no exit. Close the Scope.
 * - Tools that inherit stdout or stderr hold them open after the agent has ended. Await `exit`, not their end.
 * - Writing to an agent that has ended fails with a `PlatformError` and is harmless.
 *
 * **Example**
 *
 * ```ts
 * const agent = yield* AgentProcess.spawn({ instanceId, executable, args: ["serve"], stdout: "log" })
 * const [, url] = yield* AgentProcess.awaitReady(agent, agent.said(/listening on (\S+)\n/), "30 seconds")
 * ```
 *
 * @since 0.1.0
 */
import { type Duration, Effect, Exit, Fiber, FileSystem, Scope, type Sink, Stream } from "effect"
import type { PlatformError } from "effect/PlatformError"
import { ChildProcess, type ChildProcessSpawner } from "effect/process"
import type { InstanceId } from "../domain/Ids.ts"
import { AgentTraceparent } from "../domain/Instrumentation.ts"
import { AgentProcesses, markerVariable } from "../process/AgentProcesses.ts"
import * as ChildExit from "../process/ChildExit.ts"
import { errorCode } from "../process/ErrorCode.ts"
import { HostProcesses } from "../process/HostProcesses.ts"
import { AgentNotExecutable, AgentNotFound, AgentStartFailed } from "../provider/AdapterError.ts"
import type { ProcessExit } from "../provider/ProviderAdapter.ts"
import type { Variables } from "./AgentEnvironment.ts"
import * as AgentLog from "./internal/agentLog.ts"
import { endProcess } from "./internal/endProcess.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  readonly instanceId: InstanceId
  /** Absolute path; see `Executable.find`. */
  readonly executable: string
  readonly args?: ReadonlyArray<string> | undefined
  /** Its whole environment, but for the marker and, where the app's telemetry gives it, `TRACEPARENT`, which are added. Default: empty. */
  readonly variables?: Variables | undefined
  readonly cwd?: string | undefined
  /** Default: `pipe`. */
  readonly stdin?: "pipe" | "ignore" | undefined
  /**
   * `stream`: the protocol, to be read from `stdout`. `log`: words for people; read, kept and searched as stderr is, and
   * `stdout` must not be read. Default: `stream`.
   */
  readonly stdout?: "stream" | "log" | undefined
  /** Takes secrets out of the kept output; each may be 8,192 characters long. See `AgentEnvironment.redactor`. */
  readonly redact?: ((text: string) => string) | undefined
  /** Asks the agent to end by itself. Runs only while the agent does, in a fiber of its own. */
  readonly beforeStop?: Effect.Effect<unknown> | undefined
  /** How long each step of stopping may take. Default: 5 seconds. */
  readonly stopDeadline?: Duration.Input | undefined
  /**
   * How long the agent may take to end once its stdin has; zero for one that does not heed it. Default: `stopDeadline`.
   */
  readonly inputDeadline?: Duration.Input | undefined
}

/**
 * What starting an agent requires.
 *
 * @category models
 * @since 0.1.0
 */
export type Needs = Scope.Scope | ChildProcessSpawner.ChildProcessSpawner | AgentProcesses | FileSystem.FileSystem

/**
 * @category models
 * @since 0.1.0
 */
export interface AgentProcess {
  readonly instanceId: InstanceId
  readonly pid: number
  readonly stdin: Sink.Sink<void, Uint8Array, never, PlatformError>
  readonly stdout: Stream.Stream<Uint8Array, PlatformError>
  /** How the process ended, once it has. */
  readonly exit: Effect.Effect<ProcessExit>
  /** The first match in what the agent writes to its log. Waits for one for as long as the process may run. */
  readonly said: (pattern: RegExp) => Effect.Effect<RegExpExecArray>
  /** The last output, redacted. */
  readonly tail: Effect.Effect<string>
  /** Completes when the agent's log has been read to its end; tools that inherited it may hold it open. */
  readonly drained: Effect.Effect<void>
}

/**
 * Starts an agent. Fails with `AgentNotFound` where the executable has gone, with `AgentNotExecutable` and the system's
 * code where it cannot be run.
 *
 * @category constructors
 * @since 0.1.0
 */
export const spawn = Effect.fn("AgentProcess.spawn")(function*(
  options: Options
): Effect.fn.Return<
  AgentProcess,
  AgentNotFound | AgentNotExecutable,
  Needs
> {
  const { executable, instanceId, redact = (text) => text, stdin = "pipe" } = options
  const { beforeStop = Effect.void, stopDeadline = "5 seconds", inputDeadline = stopDeadline } = options
  const fs = yield* FileSystem.FileSystem
  const processes = yield* AgentProcesses
  const machine = yield* HostProcesses
  const { marker, spawned } = yield* processes.record(instanceId)
  const traceparent = yield* AgentTraceparent
  const command = ChildProcess.make(executable, options.args ?? [], {
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    env: {
      ...(traceparent === undefined ? {} : { TRACEPARENT: traceparent }),
      ...options.variables,
      [markerVariable]: marker
    },
    stdin
  })
  const acquire = Effect.gen(function*() {
    const alive = yield* Scope.make()
    const [handle, exit] = yield* ChildExit.watch(Scope.provide(command, alive)).pipe(
      Effect.catch((error) => Effect.flatMap(spawnError(fs, instanceId, executable, error), Effect.fail))
    )
    yield* Effect.onError(spawned(handle.pid), () => Scope.close(alive, Exit.void))
    return { handle, exit, alive }
  })
  const { alive, exit, handle } = yield* Effect.acquireRelease(
    acquire,
    ({ alive, handle }) =>
      endProcess(handle, {
        machine,
        ask: beforeStop,
        inputDeadline: stdin === "pipe" ? inputDeadline : undefined,
        deadline: stopDeadline
      }).pipe(Effect.andThen(Scope.close(alive, Exit.void)))
  )
  const log = AgentLog.make(redact)
  const output = options.stdout === "log"
    ? Stream.merge(Stream.decodeText(handle.stdout), Stream.decodeText(handle.stderr))
    : Stream.decodeText(handle.stderr)
  const reading = yield* output.pipe(
    Stream.runForEach((text) => Effect.sync(() => log.add(text))),
    Effect.ignore,
    Effect.forkIn(alive)
  )
  return {
    instanceId,
    pid: handle.pid,
    stdin: handle.stdin,
    stdout: handle.stdout,
    exit: Effect.match(handle.exitCode, {
      onSuccess: (exitCode): ProcessExit => ({ exitCode }),
      // By a signal; the spawner fails with words alone.
      onFailure: exit
    }),
    said: log.find,
    tail: Effect.sync(log.tail),
    drained: Effect.asVoid(Fiber.await(reading))
  }
})

/**
 * Runs `ready`, which answers once the agent can be used. Fails with `AgentStartFailed` and the agent's last output if
 * the process ends first or the deadline passes.
 *
 * @category combinators
 * @since 0.1.0
 */
export const awaitReady = <A, E, R>(
  { drained, exit, instanceId, tail }: AgentProcess,
  ready: Effect.Effect<A, E, R>,
  deadline: Duration.Input
): Effect.Effect<A, E | AgentStartFailed, R> => {
  const exited = Effect.flatMap(exit, (how) =>
    drained.pipe(
      Effect.timeoutOption("1 second"),
      Effect.andThen(tail),
      Effect.flatMap((stderr) => Effect.fail(new AgentStartFailed({ instanceId, reason: "exited", ...how, stderr })))
    ))
  return Effect.raceFirst(ready, exited).pipe(
    Effect.timeoutOrElse({
      duration: deadline,
      orElse: () =>
        Effect.flatMap(tail, (stderr) => Effect.fail(new AgentStartFailed({ instanceId, reason: "deadline", stderr })))
    })
  )
}

/**
 * What `ProviderSession.exit` answers for a session whose agent is this process: how it ended, or `undefined` if it has
 * not ended within a second.
 *
 * @category getters
 * @since 0.1.0
 */
export const exitSoon = (exit: Effect.Effect<ProcessExit>): Effect.Effect<ProcessExit | undefined> =>
  Effect.timeoutOrElse(exit, { duration: "1 second", orElse: () => Effect.undefined })

/** So much of the log as fits into an event. */
const lastWords = 2048

/**
 * As {@link exitSoon}, with the last words of the agent's log: what `ProviderSession.exit` answers for a session whose
 * agent is this process.
 *
 * @category getters
 * @since 0.1.0
 */
export const ended = (
  { drained, exit, tail }: Pick<AgentProcess, "exit" | "drained" | "tail">
): Effect.Effect<ProcessExit | undefined> =>
  Effect.flatMap(exitSoon(exit), (known) => {
    if (known === undefined) return Effect.undefined
    return Effect.timeoutOption(drained, "1 second").pipe(
      Effect.andThen(tail),
      Effect.map((text) => text === "" ? known : { ...known, stderr: text.slice(-lastWords).toWellFormed() })
    )
  })

const spawnError = Effect.fnUntraced(function*(
  fs: FileSystem.FileSystem,
  instanceId: InstanceId,
  path: string,
  error: PlatformError
) {
  const code = errorCode(error.reason) ?? error.reason._tag
  // ENOENT also stands for a script whose interpreter is missing.
  const there = yield* Effect.orElseSucceed(fs.exists(path), () => true)
  return code === "ENOENT" && !there
    ? new AgentNotFound({ instanceId, searched: [path] })
    : new AgentNotExecutable({ instanceId, path, code })
})
