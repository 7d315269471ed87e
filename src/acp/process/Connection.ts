/**
 * One agent's process: started, greeted, and the frames of its one session handed on.
 *
 * An agent may tell of a session before it answers that there is one, and of a past one after it has answered that it
 * is loaded, so frames wait for the session's listener.
 */
import { type Duration, Effect, type Path, Redacted, Schema, type Scope } from "effect"
import type * as AgentEnvironment from "../../adapter/AgentEnvironment.ts"
import * as AgentProcess from "../../adapter/AgentProcess.ts"
import * as Executable from "../../adapter/Executable.ts"
import * as PeerProtocol from "../../adapter/PeerProtocol.ts"
import * as StdioPeer from "../../adapter/StdioPeer.ts"
import type { InstanceId } from "../../domain/Ids.ts"
import {
  type AgentError,
  AgentProtocolError,
  type AgentStartError,
  AgentStartFailed,
  AgentTooOld,
  LoginRequired
} from "../../provider/AdapterError.ts"
import type { ProcessExit } from "../../provider/ProviderAdapter.ts"
import type { Launch, Mode, Profile } from "../Profile.ts"
import { codes } from "../protocol/Failure.ts"
import { fitting } from "../protocol/Lenient.ts"
import { clientCapabilities, Initialized, protocolVersion } from "../protocol/Session.ts"
import * as Environment from "./Environment.ts"

/** How the agent is found and started. */
export interface Options extends Environment.EnvironmentOptions {
  /**
   * Path of the executable, or a name on the PATH. Default: the profile's variable, its name on the PATH, its package.
   */
  readonly binary?: string | undefined
  /** Further flags. Others can read them, so they must hold no secret. */
  readonly flags?: ReadonlyArray<string> | undefined
  /** How long each call may take, but for a prompt's, and the replay of a session that is loaded. Default: 60 seconds. */
  readonly startDeadline?: Duration.Input | undefined
}

export type Needs = AgentProcess.Needs | Path.Path | Scope.Scope

/** What a session hears. */
export interface Listener {
  readonly onNotification: (method: string, params: unknown) => Effect.Effect<void>
  readonly onRequest: (request: PeerProtocol.Request) => Effect.Effect<unknown> | undefined
  readonly onReport: (report: StdioPeer.Report) => Effect.Effect<void>
}

export interface Connection {
  readonly instanceId: InstanceId
  readonly executable: string
  readonly version: string
  /** What its process was started with. */
  readonly variables: AgentEnvironment.Variables
  /** What no event may hold. */
  readonly secrets: ReadonlyArray<string>
  readonly greeting: Initialized
  /** The agent's names of its ways to log in. */
  readonly methods: ReadonlyArray<string>
  readonly peer: StdioPeer.StdioPeer
  readonly exit: Effect.Effect<ProcessExit | undefined>
  /** Calls, and decodes the result. */
  readonly call: <A>(
    method: string,
    params: object,
    schema: Schema.ConstraintDecoder<A>
  ) => Effect.Effect<A, StdioPeer.PeerError | AgentProtocolError>
  readonly toError: (error: StdioPeer.PeerError | AgentProtocolError) => AgentError
  /** Fails where it takes longer than a start may, or the agent ends before. */
  readonly inTime: <A, E>(effect: Effect.Effect<A, E>) => Effect.Effect<A, E | AgentStartFailed>
  /** How many frames have come. */
  readonly heard: () => number
  /** Drops what waits for the listener. */
  readonly forget: () => void
  /** What waits is heard first. */
  readonly listen: (listener: Listener) => Effect.Effect<void>
}

export const find = (
  instanceId: InstanceId,
  { command: { name, npm, variable } }: Profile,
  options: Pick<Executable.Options, "binary" | "path">
) =>
  Executable.find({
    instanceId,
    name,
    variable,
    ...options,
    ...(npm === undefined ? {} : Executable.npmPackage({
      name: npm.name,
      binaries: Effect.succeed([{ package: npm.package ?? npm.name, file: npm.file }])
    }))
  })

export const start = Effect.fn("Acp.Connection.start")(function*(
  instanceId: InstanceId,
  profile: Profile,
  options: Options,
  project: { readonly directory: string; readonly trusted: boolean; readonly mode?: Mode } | undefined
): Effect.fn.Return<Connection, AgentStartError, Needs> {
  const executable = yield* find(instanceId, profile, { binary: options.binary })
  const { startDeadline = "60 seconds" } = options
  const environment = yield* Environment.make(profile, options, launchesOf(profile, project)).pipe(
    Effect.mapError(({ message }) => new AgentStartFailed({ instanceId, reason: "exited", stderr: message }))
  )
  const agent = yield* AgentProcess.spawn({
    instanceId,
    executable,
    args: [...profile.command.args, ...environment.flags, ...options.flags ?? []],
    variables: environment.variables,
    redact: environment.redact,
    ...(project === undefined ? {} : { cwd: project.directory }),
    ...(profile.stopGrace === undefined ? {} : { inputDeadline: profile.stopGrace })
  })

  let listener: Listener | undefined
  let heard = 0
  let early: Array<(listener: Listener) => Effect.Effect<void>> = []
  const tell = (hear: (listener: Listener) => Effect.Effect<void>) => {
    heard++
    if (listener !== undefined) return hear(listener)
    if (early.length < earlyFrames) early.push(hear)
    return Effect.void
  }
  const peer = yield* StdioPeer.make(agent, {
    protocol: PeerProtocol.jsonRpc({ version: true, cancel: { method: "$/cancel_request", id: "requestId" } }),
    deadline: startDeadline,
    onNotification: ({ method, params }) => tell((listener) => listener.onNotification(method, params)),
    onRequest: (request) => listener?.onRequest(request),
    onReport: (report) => tell((listener) => listener.onReport(report))
  })
  const call: Connection["call"] = Effect.fnUntraced(function*(method, params, schema) {
    const result = yield* peer.call(method, params)
    // An answer with nothing to say.
    return yield* Effect.mapError(
      Schema.decodeEffect(schema)(result === null ? {} : result),
      () => new AgentProtocolError({ instanceId, operation: method, body: result })
    )
  })

  const greeting = yield* AgentProcess.awaitReady(
    agent,
    call("initialize", {
      protocolVersion,
      clientInfo: { name: "effect-coding-agents", version: "0.1.0" },
      clientCapabilities
    }, Initialized).pipe(
      Effect.catchTag("PeerClosed", () => Effect.never),
      Effect.mapError((error) =>
        error._tag === "AgentProtocolError" ? error : StdioPeer.toAgentError(instanceId)(error)
      )
    ),
    startDeadline
  )
  if (greeting.protocolVersion !== protocolVersion) {
    return yield* new AgentProtocolError({
      instanceId,
      operation: "initialize",
      name: "protocolVersion",
      body: greeting
    })
  }
  const version = greeting.agentInfo?.version ?? "unknown"
  const { needed } = profile
  if (needed !== undefined && version !== "unknown" && !Executable.isAtLeast(version, needed)) {
    return yield* new AgentTooOld({ instanceId, found: version, needed })
  }
  const methods = fitting(greeting.authMethods).map(({ id }) => id)
  const toError: Connection["toError"] = (error) => {
    if (error._tag === "AgentProtocolError") return error
    return error._tag === "PeerRefused" && error.code === codes.loginRequired
      ? new LoginRequired({ instanceId, methods })
      : StdioPeer.toAgentError(instanceId)(error)
  }
  if (profile.login !== undefined) {
    yield* Effect.mapError(peer.call("authenticate", { methodId: profile.login }), toError)
  }
  return {
    instanceId,
    executable,
    version,
    variables: environment.variables,
    secrets: environment.secrets,
    greeting,
    methods,
    peer,
    exit: AgentProcess.ended(agent),
    call,
    toError,
    inTime: (effect) => AgentProcess.awaitReady(agent, effect, startDeadline),
    heard: () => heard,
    forget: () => {
      early = []
    },
    listen: (next) =>
      Effect.suspend(() => {
        listener = next
        const kept = early
        early = []
        return Effect.forEach(kept, (hear) => hear(next), { discard: true })
      })
  }
})

/** Its environment without what is secret. */
export const plainVariables = ({ variables }: Connection): Readonly<Record<string, string | undefined>> =>
  Object.fromEntries(
    Object.entries(variables).map(([name, value]) => [name, Redacted.isRedacted(value) ? undefined : value])
  )

const launchesOf = (profile: Profile, project: Parameters<typeof start>[3]): ReadonlyArray<Launch> => {
  if (project === undefined) return []
  const { directory, mode, trusted } = project
  return [trusted ? profile.trust : profile.distrust?.(directory), mode?.launch].filter((launch) =>
    launch !== undefined
  )
}

const earlyFrames = 1000
