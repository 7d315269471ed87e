/**
 * An OpenCode server: one that this library starts and stops ({@link managed}), or one that runs already ({@link
 * external}).
 *
 * A managed server lives as long as its scope. It is ready when it prints its ready line and answers. It is stopped in
 * three steps, each with a deadline: `/global/dispose`, which ends turns and the tools that they run (a plain SIGTERM
 * leaves running shell commands behind, OpenCode 1.18.33), then SIGTERM, then SIGKILL. After that, processes that still
 * carry its marker are ended too.
 */
import { Duration, Effect, Option, type Path, Redacted, Scope } from "effect"
import type { PlatformError } from "effect/PlatformError"
import { createServer } from "node:net"
import { Dial } from "../../adapter/AgentHost.ts"
import * as AgentProcess from "../../adapter/AgentProcess.ts"
import * as Executable from "../../adapter/Executable.ts"
import type { InstanceId } from "../../domain/Ids.ts"
import { AgentMisconfigured, type AgentStartError, AgentStartFailed } from "../../provider/AdapterError.ts"
import type { ProcessExit } from "../../provider/ProviderAdapter.ts"
import * as Versions from "../protocol/Versions.ts"
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
  /**
   * The gate's address, if the user has installed the compaction plugin in that server. Absent: its compactions are not
   * gated.
   */
  readonly gate?: Address | undefined
  /** Default: 30 seconds. */
  readonly startDeadline?: Duration.Input | undefined
}

export interface Server extends Endpoint {
  readonly version: string
  /** How the process ended, once it has. Never completes for an external server. */
  readonly exit: Effect.Effect<ProcessExit>
  /** How it ended, with its last words; nothing if it still runs, or is not ours. */
  readonly ended: Effect.Effect<ProcessExit | undefined>
  /** What no event may hold: its password and, of a server of ours, the keys of its configuration and environment. */
  readonly secrets: ReadonlyArray<string>
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
  AgentProcess.Needs | Path.Path
> {
  const { instanceId } = options
  const executable = yield* Binary.find(options)
  const environment = yield* Environment.make(options).pipe(Effect.mapError(notStarted(instanceId)))
  const attempt = (left: number): ReturnType<typeof start> =>
    // With `--port 0` OpenCode prefers 4096, so a new server would meet kept-alive connections of the one before it.
    Effect.flatMap(freePort, (port) =>
      Effect.catch(start(options, executable, environment, port), (error) =>
        // Another process may take the port before the server does, which then ends (1.18.33).
        left === 0 || error._tag !== "AgentStartFailed" || error.reason !== "exited"
          ? Effect.fail(error)
          : Effect.flatMap(isFree(port), (free) => free ? Effect.fail(error) : attempt(left - 1))))
  return yield* attempt(3)
})

const start = Effect.fnUntraced(function*(
  options: ManagedOptions,
  executable: string,
  { folder, password, redact, secrets, variables }: Environment.Environment,
  port: number
): Effect.fn.Return<
  RunningServer,
  AgentStartError,
  AgentProcess.Needs | Path.Path
> {
  const { instanceId } = options
  const startDeadline = options.startDeadline ?? Duration.seconds(30)
  const stopDeadline = options.stopDeadline ?? Duration.seconds(5)
  const dial = yield* Dial
  let endpoint: Endpoint | undefined
  // Before the process: the way to it must be there while it is asked to end.
  const dialled = yield* Effect.acquireRelease(Scope.make(), (scope, exit) => Scope.close(scope, exit))
  const agent = yield* AgentProcess.spawn({
    instanceId,
    executable,
    args: ["serve", "--hostname", "127.0.0.1", "--port", String(port)],
    variables,
    cwd: options.cwd ?? folder,
    stdin: "ignore",
    stdout: "log",
    redact,
    stopDeadline,
    beforeStop: Effect.suspend(() =>
      endpoint === undefined
        ? Effect.void
        : Effect.ignore(
          request(endpoint, "global.dispose", "/global/dispose", { method: "POST", deadline: stopDeadline })
        )
    )
  })
  const ready = Effect.gen(function*() {
    const [, url = ""] = yield* agent.said(readyLine)
    const baseUrl = yield* Scope.provide(dial(url), dialled).pipe(Effect.mapError(notStarted(instanceId)))
    endpoint = { instanceId, baseUrl, password }
    const version = yield* versionOf(endpoint, startDeadline)
    yield* Effect.annotateCurrentSpan({ pid: agent.pid, version })
    return {
      ...endpoint,
      password,
      version,
      pid: agent.pid,
      exit: agent.exit,
      ended: AgentProcess.ended(agent),
      secrets
    }
  })
  return yield* AgentProcess.awaitReady(agent, ready, startDeadline).pipe(
    Effect.catch((error) =>
      // One that speaks another protocol may not become ready in a way that is known here.
      Effect.option(Executable.version({ instanceId, executable })).pipe(
        Effect.flatMap((version) =>
          Effect.fail(
            Option.getOrUndefined(Option.map(version, (found) => Versions.refusal(instanceId, found))) ?? error
          )
        )
      )
    )
  )
})

/** Checks that a server which is already there answers and accepts the password. */
export const external = Effect.fn("OpenCode.Server.external")(function*(
  options: ExternalOptions
): Effect.fn.Return<Server, AgentStartError> {
  const { baseUrl, instanceId } = options
  if (!URL.canParse(baseUrl)) return yield* new AgentMisconfigured({ instanceId, setting: "baseUrl", found: baseUrl })
  const version = yield* versionOf(options, options.startDeadline ?? Duration.seconds(30))
  return {
    instanceId,
    baseUrl: baseUrl.replace(/\/+$/, ""),
    password: options.password,
    version,
    exit: Effect.never,
    ended: Effect.undefined,
    secrets: options.password === undefined
      ? []
      : [Redacted.value(options.password), ...Environment.login(options.password)]
  }
})

/**
 * The version of a server that speaks this protocol. One call that is not answered says nothing, so it is asked again, six times
 * within the deadline.
 */
const versionOf = Effect.fnUntraced(function*(endpoint: Endpoint, deadline: Duration.Input) {
  const patience = Duration.times(Duration.fromInputUnsafe(deadline), 1 / 6)
  const version = yield* Effect.retry(health(endpoint, patience), {
    times: 5,
    while: (error) => error._tag === "AgentUnreachable" && error.code === "DEADLINE"
  })
  const refusal = Versions.refusal(endpoint.instanceId, version)
  return refusal === undefined ? version : yield* refusal
})

const freePort = Effect.callback<number>((resume) => {
  const server = createServer()
  server.listen(0, "127.0.0.1", () => {
    const address = server.address()
    server.close(() => resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : 0)))
  })
})

const isFree = (port: number) =>
  Effect.callback<boolean>((resume) => {
    const server = createServer()
    server.once("error", () => resume(Effect.succeed(false)))
    server.listen(port, "127.0.0.1", () => server.close(() => resume(Effect.succeed(true))))
  })

const readyLine = /listening on (http:\/\/\S+)\r?\n/

const notStarted = (instanceId: InstanceId) => (error: PlatformError) =>
  new AgentStartFailed({ instanceId, reason: "exited", stderr: error.message })
