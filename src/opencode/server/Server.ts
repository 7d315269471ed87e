/**
 * An OpenCode server to talk to: one that this library starts and stops ({@link managed}), or one that runs already
 * ({@link external}).
 *
 * A managed server lives as long as its scope. It is ready when its own ready line says so. It is stopped in three
 * steps, each with a deadline: `/global/dispose`, which ends turns and the tools that they run (a plain SIGTERM leaves
 * running shell commands behind, OpenCode 1.18.33), then SIGTERM, then SIGKILL; after that whatever still carries its
 * marker is ended too.
 */
import { Deferred, Duration, Effect, Exit, Fiber, FileSystem, Path, type Redacted, Scope, Stream } from "effect"
import type { PlatformError } from "effect/PlatformError"
import { ChildProcess, ChildProcessSpawner } from "effect/process"
import { createServer } from "node:net"
import type { InstanceId } from "../../domain/Ids.ts"
import { AgentProcesses } from "../../process/AgentProcesses.ts"
import { errorCode } from "../../process/ErrorCode.ts"
import {
  type AgentError,
  AgentNotExecutable,
  AgentNotFound,
  type AgentStartError,
  AgentStartFailed
} from "../../provider/AdapterError.ts"
import * as Binary from "./Binary.ts"
import { type Endpoint, health, request } from "./Endpoint.ts"
import * as Environment from "./Environment.ts"
import type { Address } from "./Gate.ts"

export interface ManagedOptions extends Binary.BinaryOptions, Environment.EnvironmentOptions {
  /** Working directory of the server itself; sessions bring their own. Default: a private empty folder. */
  readonly cwd?: string | undefined
  /** How long the server may take to become ready. Default: 30 seconds. */
  readonly startDeadline?: Duration.Input | undefined
  /** How long each step of stopping may take. Default: 5 seconds. */
  readonly stopDeadline?: Duration.Input | undefined
}

export interface ExternalOptions extends Endpoint {
  /** Where the compaction plugin that the user has installed in that server asks. Without: nobody is asked. */
  readonly gate?: Address | undefined
  /** Default: 30 seconds. */
  readonly startDeadline?: Duration.Input | undefined
}

/** How a server process ended. Without an `exitCode` a signal ended it. */
export interface ServerExit {
  readonly exitCode: number | undefined
}

export interface Server extends Endpoint {
  readonly version: string
  /** Completes when the process has ended, whoever ended it. Of an external server nothing is known: never. */
  readonly lost: Effect.Effect<ServerExit>
}

export interface RunningServer extends Server {
  readonly password: Redacted.Redacted<string>
  readonly pid: number
}

/** Starts a server and waits until it answers. */
export const managed = Effect.fn("OpenCode.Server.managed")(function*(
  options: ManagedOptions
): Effect.fn.Return<
  RunningServer,
  AgentStartError,
  Scope.Scope | ChildProcessSpawner.ChildProcessSpawner | FileSystem.FileSystem | Path.Path | AgentProcesses
> {
  const { instanceId } = options
  const startDeadline = options.startDeadline ?? Duration.seconds(30)
  const processes = yield* AgentProcesses
  const binary = yield* Binary.find(options)
  const marker = yield* processes.makeMarker
  const environment = yield* Environment.make(options, marker).pipe(Effect.mapError(notStarted(instanceId)))
  const running = yield* spawn(options, binary, environment, marker)
  const lost = Effect.match(running.handle.exitCode, {
    onSuccess: (exitCode): ServerExit => ({ exitCode }),
    onFailure: (): ServerExit => ({ exitCode: undefined })
  })
  const exited = Effect.flatMap(lost, ({ exitCode }) =>
    Fiber.await(running.output).pipe(
      Effect.timeoutOption("1 second"),
      Effect.andThen(Effect.suspend(() =>
        Effect.fail(
          new AgentStartFailed({
            instanceId,
            reason: "exited",
            ...(exitCode === undefined ? {} : { exitCode }),
            stderr: environment.redact(running.tail())
          })
        )
      ))
    ))
  const ready = Effect.gen(function*() {
    const endpoint = yield* Deferred.await(running.listening)
    const version = yield* health(endpoint, startDeadline)
    yield* Effect.annotateCurrentSpan({ pid: running.handle.pid, version })
    return { ...endpoint, password: environment.password, version, pid: running.handle.pid, lost }
  })
  return yield* Effect.raceFirst(ready, exited).pipe(
    Effect.timeoutOrElse({
      duration: startDeadline,
      orElse: () =>
        Effect.fail(
          new AgentStartFailed({ instanceId, reason: "deadline", stderr: environment.redact(running.tail()) })
        )
    })
  )
})

/** Checks that a server which is already there answers and accepts the password. */
export const external = Effect.fn("OpenCode.Server.external")(function*(
  options: ExternalOptions
): Effect.fn.Return<Server, AgentError> {
  const version = yield* health(options, options.startDeadline ?? Duration.seconds(30))
  return {
    instanceId: options.instanceId,
    baseUrl: options.baseUrl.replace(/\/+$/, ""),
    password: options.password,
    version,
    lost: Effect.never
  }
})

// --- the process ---

const spawn = Effect.fnUntraced(function*(
  options: ManagedOptions,
  binary: string,
  environment: Environment.Environment,
  marker: string
) {
  const { instanceId } = options
  const fs = yield* FileSystem.FileSystem
  const processes = yield* AgentProcesses
  const stopDeadline = options.stopDeadline ?? Duration.seconds(5)
  // With `--port 0` OpenCode prefers 4096, so a new server would meet kept-alive connections of the one before it.
  const port = yield* freePort
  const command = ChildProcess.make(binary, ["serve", "--hostname", "127.0.0.1", "--port", String(port)], {
    cwd: options.cwd ?? environment.folder,
    env: environment.variables,
    extendEnv: true,
    stdin: "ignore",
    forceKillAfter: stopDeadline
  })
  const acquire = Effect.gen(function*() {
    // Two scopes, because the record must go after the process and can be made only when there is one.
    const recorded = yield* Scope.make()
    const alive = yield* Scope.make()
    const handle = yield* command.pipe(
      Scope.provide(alive),
      Effect.catch((error) => Effect.flatMap(spawnError(fs, instanceId, binary, error), Effect.fail))
    )
    yield* Scope.provide(
      processes.record({ instanceId, pid: handle.pid, marker, folder: environment.folder }),
      recorded
    )
    return { handle, recorded, alive }
  })
  const listening = yield* Deferred.make<Endpoint>()
  const { handle, alive } = yield* Effect.acquireRelease(
    acquire,
    ({ handle, recorded, alive }) =>
      dispose(handle, listening, stopDeadline).pipe(
        Effect.andThen(Scope.close(alive, Exit.void)),
        Effect.andThen(Scope.close(recorded, Exit.void))
      )
  )
  let tail = ""
  const output = yield* Stream.merge(Stream.decodeText(handle.stdout), Stream.decodeText(handle.stderr)).pipe(
    Stream.runForEach((text) =>
      Effect.suspend(() => {
        tail = (tail + text).slice(-tailLength)
        const baseUrl = Deferred.isDoneUnsafe(listening) ? undefined : readyLine.exec(tail)?.[1]
        return baseUrl === undefined
          ? Effect.void
          : Deferred.succeed(listening, { instanceId, baseUrl, password: environment.password })
      })
    ),
    Effect.ignore,
    Effect.forkIn(alive)
  )
  return { handle, listening, output, tail: () => tail }
})

const freePort = Effect.callback<number>((resume) => {
  const server = createServer()
  server.listen(0, "127.0.0.1", () => {
    const address = server.address()
    server.close(() => resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : 0)))
  })
})

const readyLine = /listening on (http:\/\/\S+)\r?\n/
const tailLength = 8192

const dispose = Effect.fnUntraced(
  function*(
    handle: ChildProcessSpawner.ChildProcessHandle,
    listening: Deferred.Deferred<Endpoint>,
    deadline: Duration.Input
  ) {
    if (!Deferred.isDoneUnsafe(listening) || !(yield* handle.isRunning)) return
    yield* request(yield* Deferred.await(listening), "global.dispose", "/global/dispose", { method: "POST", deadline })
  },
  // In a fiber of its own: one that was interrupted itself could wait for nothing here, and would leave the server.
  (effect) => Effect.flatMap(Effect.forkDetach(Effect.interruptible(effect)), Fiber.await)
)

// --- what went wrong ---

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

const notStarted = (instanceId: InstanceId) => (error: PlatformError) =>
  new AgentStartFailed({ instanceId, reason: "exited", stderr: error.message })
