/**
 * The frame of an adapter: from `startSession` and what it declares to a Layer that registers it.
 *
 * `startSession` runs with the services that the Layer was built with, and with the Scope of the session. Anything that
 * it acquires ends with the session. What the capabilities do not list is refused before it runs: a runtime mode, a
 * `projectConfig`, a part of a setup, a persona.
 *
 * **Gotchas**
 *
 * Do not capture the context of a Layer yourself and provide it to `startSession`: it holds the Layer's Scope, which
 * takes the place of the session's, so a session's process would live until the Layer closes. {@link make} leaves that
 * Scope out.
 *
 * **Example**
 *
 * ```ts
 * export const layer = (options: Options) =>
 *   Adapter.layer({
 *     provider: ProviderName.make("acme"),
 *     instanceId: InstanceId.make(options.instanceId ?? "acme"),
 *     capabilities,
 *     startSession: (input) => startSession(options, input)
 *   })
 * ```
 *
 * @since 0.1.0
 */
import { Context, Effect, FileSystem, Layer, Option, Path, Scope, Stream, Tracer } from "effect"
import type { ChildProcessSpawner } from "effect/process"
import type { AgentSessionPage } from "../domain/AgentSession.ts"
import type { ProviderName, RequestId } from "../domain/Ids.ts"
import type { AgentProcesses } from "../process/AgentProcesses.ts"
import { HostFolders } from "../process/HostProcesses.ts"
import {
  type AgentStartError,
  CapabilityMissing,
  PolicyUnenforceable,
  RequestGone,
  SetupRefused
} from "../provider/AdapterError.ts"
import type { AgentCheck } from "../provider/AgentCheck.ts"
import type { Capabilities } from "../provider/Capabilities.ts"
import type { Offers, OffersInput } from "../provider/Offers.ts"
import type {
  ListSessionsError,
  ProviderAdapter,
  ProviderSession,
  SessionQuery,
  StartInput,
  StartSessionError
} from "../provider/ProviderAdapter.ts"
import { type InstanceExists, ProviderRegistry } from "../provider/ProviderRegistry.ts"
import * as SessionSetup from "../provider/SessionSetup.ts"
import type { SignInFailed, SignInStep } from "../provider/SignIn.ts"

/**
 * What an adapter is made of. Its functions may require services of the Layer; the Scope of `startSession` is always the
 * session's.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options<R>
  extends Omit<ProviderAdapter, "host" | "startSession" | "listSessions" | "offers" | "check" | "signIn">
{
  readonly startSession: (input: StartInput) => Effect.Effect<ProviderSession, StartSessionError, R | Scope.Scope>
  /** Arguments and variables that no setup may have: what the adapter keeps its promises by. Default: none. */
  readonly reserved?: SessionSetup.Reserved | undefined
  /** Its Scope ends with the call. */
  readonly listSessions?:
    | ((query: SessionQuery) => Effect.Effect<AgentSessionPage, ListSessionsError, R | Scope.Scope>)
    | undefined
  /** Its Scope ends with the call. */
  readonly offers?: ((input: OffersInput) => Effect.Effect<Offers, AgentStartError, R | Scope.Scope>) | undefined
  /** Its Scope ends when the Stream is no longer read. */
  readonly signIn?:
    | ((method: string) => Stream.Stream<SignInStep, SignInFailed | AgentStartError, R | Scope.Scope>)
    | undefined
  /** Its Scope ends with the call. */
  readonly check?: Effect.Effect<AgentCheck, never, R | Scope.Scope> | undefined
}

/**
 * The adapter alone, not registered. Takes the services that its functions require from the current context; the file system
 * and the paths that it finds there are also those of its `host`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <R = never>(options: Options<R>): Effect.Effect<ProviderAdapter, never, R> =>
  Effect.map(Effect.all([Effect.context<R>(), host]), ([services, host]) => {
    const { check, listSessions, offers, reserved, signIn, startSession, ...declared } = options
    const withServices = <A, E>(effect: Effect.Effect<A, E, R | Scope.Scope>): Effect.Effect<A, E, Scope.Scope> =>
      Effect.updateContext(effect, (caller: Context.Context<Scope.Scope>) => inScope(services, caller))
    return {
      ...declared,
      ...(Option.isNone(host) ? {} : { host: host.value }),
      ...(check === undefined ? {} : { check: Effect.scoped(withServices(check)) }),
      ...(offers === undefined ? {} : { offers: (input) => Effect.scoped(withServices(offers(input))) }),
      ...(signIn === undefined ? {} : {
        signIn: (method) =>
          Stream.unwrap(
            Effect.map(Effect.scope, (scope) =>
              Stream.provideContext(signIn(method), inScope(services, Context.make(Scope.Scope, scope))))
          )
      }),
      ...(listSessions === undefined
        ? {}
        : { listSessions: (query: SessionQuery) => Effect.scoped(withServices(listSessions(query))) }),
      startSession: (input) =>
        Effect.andThen(declaredOnly(declared, reserved, input), withServices(startSession(input)))
    }
  })

/** What the adapter is given it looks at directories with, and so does the service. */
const host = Effect.map(
  Effect.all([Effect.serviceOption(FileSystem.FileSystem), Effect.serviceOption(Path.Path), HostFolders]),
  ([fileSystem, path, { host }]) => Option.map(Option.all({ fileSystem, path }), (files) => ({ ...files, name: host }))
)

/** Fails where the input asks for what the adapter does not declare. */
const declaredOnly = (
  { capabilities, instanceId }: Pick<ProviderAdapter, "capabilities" | "instanceId">,
  reserved: SessionSetup.Reserved | undefined,
  { agent, projectConfig, runtimeMode, setup = {} }: StartInput
): Effect.Effect<void, PolicyUnenforceable | SetupRefused> => {
  const { agents, projectConfig: kept, runtimeModes } = capabilities
  if (!runtimeModes.includes(runtimeMode)) {
    return new PolicyUnenforceable({ instanceId, runtimeMode, effective: runtimeModes })
  }
  if (!kept.includes(projectConfig)) {
    return new PolicyUnenforceable({ instanceId, runtimeMode, projectConfig, effective: kept })
  }
  return agent !== undefined && agents === "never"
    ? new SetupRefused({ instanceId, part: "agent", reason: "unsupported" })
    : SessionSetup.check({ instanceId, capabilities }, setup, reserved)
}

/**
 * The Layer of an agent whose process runs here: it registers the instance, and costs nothing until the first session.
 *
 * @category models
 * @since 0.1.0
 */
export type AgentLayer = Layer.Layer<
  never,
  InstanceExists,
  | ProviderRegistry
  | ChildProcessSpawner.ChildProcessSpawner
  | FileSystem.FileSystem
  | Path.Path
  | AgentProcesses
>

/**
 * Registers the adapter with the `ProviderRegistry` for as long as the Layer is open. Fails with `InstanceExists` where
 * the instance id is in use.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = <R = never>(
  options: Options<R>
): Layer.Layer<never, InstanceExists, Exclude<R | ProviderRegistry, Scope.Scope>> =>
  Layer.effectDiscard(
    Effect.flatMap(make(options), ProviderRegistry.register)
  )

/**
 * What an agent declares that takes turns and nothing else. Spread it, and say what yours can.
 *
 * @category constants
 * @since 0.1.0
 */
export const least: Omit<Capabilities, "runtimeModes" | "projectConfig" | "compactionGate" | "autoCompaction"> = {
  setup: {
    environment: "never",
    mcpServers: "never",
    directories: "never",
    instructions: "never",
    arguments: "never",
    tools: "never"
  },
  agents: "never",
  moveDirectory: "never",
  modelSwitch: "per-session",
  modeSwitch: "per-session",
  resend: false,
  steer: false,
  fork: false,
  forkAt: false,
  rewind: "never",
  portable: false,
  adopt: false,
  ephemeral: false,
  compact: false,
  questions: false,
  elicitations: false,
  denyReason: false,
  afterDenial: "ends",
  toolGuard: "none",
  tasks: false,
  ownTurns: false,
  steps: false,
  usage: "none",
  attachments: false,
  history: false
}

type Optional =
  | "turnRef"
  | "checkModel"
  | "rename"
  | "switchMode"
  | "steerTurn"
  | "answerQuestion"
  | "answerElicitation"
  | "compact"
  | "fork"
  | "rewind"
  | "exportSession"
  | "history"
  | "evidence"
  | "stopTask"

/**
 * A session. What is left out is refused as not offered, waits for nothing, or takes any model and title.
 *
 * @category constructors
 * @since 0.1.0
 */
export const session = (
  provider: ProviderName,
  members: Omit<ProviderSession, Optional> & Partial<Pick<ProviderSession, Optional>>
): ProviderSession => {
  const missing = (capability: string) => new CapabilityMissing({ provider, capability })
  const gone = (requestId: RequestId) => new RequestGone({ requestId })
  return {
    turnRef: () => Effect.undefined,
    checkModel: () => Effect.void,
    rename: () => Effect.void,
    switchMode: () => Effect.succeed(false),
    steerTurn: () => missing("steer"),
    answerQuestion: gone,
    answerElicitation: gone,
    compact: missing("compact"),
    fork: () => missing("fork"),
    rewind: () => missing("rewind"),
    exportSession: () => missing("export a session"),
    history: missing("history"),
    evidence: () => missing("history"),
    stopTask: () => missing("stop a task"),
    ...members
  }
}

/** The services of the Layer, with the Scope and the span of the caller. */
const inScope = <R>(services: Context.Context<R>, caller: Context.Context<Scope.Scope>) => {
  const merged = Context.merge(caller, services).pipe(Context.add(Scope.Scope, Context.get(caller, Scope.Scope)))
  const span = Context.getOrUndefined(caller, Tracer.ParentSpan)
  return span === undefined ? merged : Context.add(merged, Tracer.ParentSpan, span)
}
