/**
 * One `codex app-server`: started, greeted, and its frames handed to the threads that they are about.
 *
 * A thread's first frames may come before its listener is there; they are kept for it while it is being opened.
 *
 * **Gotchas**
 *
 * Frames come one after the other. A thread whose events are not read holds up the other threads of its app-server.
 */
import { Deferred, type Duration, Effect, Exit, type Path, Ref, Schema, Scope } from "effect"
import * as AgentProcess from "../../adapter/AgentProcess.ts"
import * as Executable from "../../adapter/Executable.ts"
import * as PeerProtocol from "../../adapter/PeerProtocol.ts"
import * as StdioPeer from "../../adapter/StdioPeer.ts"
import type { InstanceId } from "../../domain/Ids.ts"
import { AgentProtocolError, type AgentStartError, AgentStartFailed, AgentTooOld } from "../../provider/AdapterError.ts"
import type { ProcessExit } from "../../provider/ProviderAdapter.ts"
import { threadOf } from "../protocol/Frame.ts"
import * as Binary from "./Binary.ts"
import * as Environment from "./Environment.ts"
import * as Gate from "./Gate.ts"

/** How the app-server is found and started. */
export interface Options extends Environment.EnvironmentOptions {
  /** Path of the executable, or a name on the PATH. Default: `CODEX_BINARY`, `codex` on the PATH, `@openai/codex`. */
  readonly binary?: string | undefined
  /** Further flags of the app-server: `["-c", "model=..."]`. Others can read them, so they must hold no secret. */
  readonly flags?: ReadonlyArray<string> | undefined
  /** How long a start may take. Default: 20 seconds. */
  readonly startDeadline?: Duration.Input | undefined
}

export type Needs = AgentProcess.Needs | Path.Path | Scope.Scope

/** What a thread hears. */
export interface Listener {
  readonly onNotification: (method: string, params: unknown) => Effect.Effect<void>
  readonly onRequest: (request: PeerProtocol.Request) => Effect.Effect<unknown> | undefined
  readonly onReport: (report: StdioPeer.Report) => Effect.Effect<void>
}

export interface AppServer {
  readonly instanceId: InstanceId
  readonly version: string
  /** Codex's home, where its threads are. */
  readonly home: string
  readonly peer: StdioPeer.StdioPeer
  /** What its environment holds and no event may. */
  readonly secrets: ReadonlyArray<string>
  readonly exit: Effect.Effect<ProcessExit | undefined>
  /** Calls, and decodes the result. */
  readonly call: <A>(
    method: string,
    params: object,
    schema: Schema.ConstraintDecoder<A>
  ) => Effect.Effect<A, StdioPeer.PeerError | AgentProtocolError>
  /** Opens threads: what Codex tells of one before it is listened to is kept until this is over. */
  readonly opening: <A, E, R>(open: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  /** `false` where a session of this app-server has the thread; else it is taken until the Scope closes. */
  readonly claim: (threadId: string) => Effect.Effect<boolean, never, Scope.Scope>
  /** Until the Scope closes. */
  readonly listen: (threadId: string, listener: Listener) => Effect.Effect<void, never, Scope.Scope>
  /** Lets the thread go, and answers whether it is no longer loaded: another process can then write to it. */
  readonly unload: (threadId: string) => Effect.Effect<boolean>
}

/** What Codex notes with each thread that is made here. */
export const clientName = "effect-coding-agents"

/** The oldest version whose protocol has all that is used. */
const needed = "0.169.0"

export const start = Effect.fn("Codex.AppServer.start")(function*(
  instanceId: InstanceId,
  options: Options,
  gate: { readonly gate: Gate.Gate; readonly directory: string } | undefined
): Effect.fn.Return<AppServer, AgentStartError, Needs> {
  const executable = yield* Binary.find({ instanceId, binary: options.binary })
  const environment = yield* Environment.make(options).pipe(
    Effect.mapError(({ message }) => new AgentStartFailed({ instanceId, reason: "exited", stderr: message }))
  )
  const spawned = (flags: ReadonlyArray<string>) => spawn(instanceId, executable, environment, options, flags)
  if (gate === undefined) return yield* spawned([])
  const { directory, gate: hook } = gate
  const scope = yield* Scope.fork(yield* Effect.scope)
  const server = yield* Scope.provide(spawned(Gate.flags(hook, yield* Ref.get(hook.trust))), scope)
  const told = yield* hookOf(server, hook, directory)
  if (told === undefined || told.trusted) return server
  // A version that hashes otherwise has told its own hash.
  yield* Scope.close(scope, Exit.void)
  yield* Ref.set(hook.trust, told)
  return yield* spawned(Gate.flags(hook, told))
})

const spawn = Effect.fnUntraced(function*(
  instanceId: InstanceId,
  executable: string,
  environment: Environment.Environment,
  options: Options,
  flags: ReadonlyArray<string>
): Effect.fn.Return<AppServer, AgentStartError, Needs> {
  const agent = yield* AgentProcess.spawn({
    instanceId,
    executable,
    args: [...Environment.flags, ...flags, ...options.flags ?? [], "app-server"],
    variables: environment.variables,
    redact: environment.redact
  })
  const listeners = new Map<string, Listener>()
  const claimed = new Set<string>()
  const early = new Map<string, Array<(listener: Listener) => Effect.Effect<void>>>()
  const unloading = new Map<string, Deferred.Deferred<void>>()
  let openings = 0

  const tell = (threadId: string | undefined, hear: (listener: Listener) => Effect.Effect<void>) => {
    if (threadId === undefined) return Effect.forEach(Array.from(listeners.values()), hear, { discard: true })
    const listener = listeners.get(threadId)
    if (listener !== undefined) return hear(listener)
    const kept = early.get(threadId) ?? []
    if (openings > 0 && kept.length < earlyFrames) early.set(threadId, [...kept, hear])
    return Effect.void
  }

  const peer = yield* StdioPeer.make(agent, {
    protocol: PeerProtocol.jsonRpc({ version: false }),
    onNotification: ({ method, params }) => {
      const threadId = threadOf(params)
      const waiting = threadId === undefined ? undefined : unloading.get(threadId)
      return method === "thread/closed" && waiting !== undefined
        ? Deferred.succeed(waiting, undefined)
        : tell(threadId, (listener) => listener.onNotification(method, params))
    },
    onRequest: (request) => listeners.get(threadOf(request.params) ?? "")?.onRequest(request),
    onReport: (report) => tell(undefined, (listener) => listener.onReport(report))
  })
  const call: AppServer["call"] = (method, params, schema) =>
    Effect.flatMap(peer.call(method, params), (result) =>
      Effect.mapError(
        Schema.decodeUnknownEffect(schema)(result),
        () => new AgentProtocolError({ instanceId, operation: method, body: result })
      ))

  const greeting = call("initialize", {
    clientInfo: { name: clientName, title: null, version: "0.1.0" },
    capabilities: { experimentalApi: true, requestAttestation: false }
  }, Initialized).pipe(
    Effect.tap(() => peer.notify("initialized")),
    Effect.catchTag("PeerClosed", () => Effect.never),
    Effect.mapError((error) => error._tag === "AgentProtocolError" ? error : StdioPeer.toAgentError(instanceId)(error))
  )
  const { codexHome, userAgent } = yield* AgentProcess.awaitReady(
    agent,
    greeting,
    options.startDeadline ?? "20 seconds"
  )
  const version = /\/(\d+\.\d+\.\d+\S*)/.exec(userAgent)?.[1] ?? "unknown"
  if (version !== "unknown" && !Executable.isAtLeast(version, needed)) {
    return yield* new AgentTooOld({ instanceId, found: version, needed })
  }
  return {
    instanceId,
    version,
    home: codexHome,
    peer,
    secrets: environment.secrets,
    exit: AgentProcess.ended(agent),
    call,
    opening: (open) =>
      Effect.acquireUseRelease(
        Effect.sync(() => openings++),
        () => open,
        () =>
          Effect.sync(() => {
            openings--
            if (openings === 0) early.clear()
          })
      ),
    claim: (threadId) =>
      Effect.suspend(() => {
        if (claimed.has(threadId)) return Effect.succeed(false)
        claimed.add(threadId)
        return Effect.as(Effect.addFinalizer(() => Effect.sync(() => claimed.delete(threadId))), true)
      }),
    listen: Effect.fnUntraced(function*(threadId, listener) {
      yield* Effect.acquireRelease(
        Effect.sync(() => listeners.set(threadId, listener)),
        () => Effect.sync(() => listeners.delete(threadId))
      )
      const kept = early.get(threadId) ?? []
      early.delete(threadId)
      yield* Effect.forEach(kept, (hear) => hear(listener), { discard: true })
    }),
    unload: (threadId) =>
      Effect.suspend(() => {
        const closed = Deferred.makeUnsafe<void>()
        unloading.set(threadId, closed)
        return call("thread/unsubscribe", { threadId }, Unsubscribed).pipe(
          Effect.andThen(({ status }) => status === "unsubscribed" ? Deferred.await(closed) : Effect.void),
          Effect.timeoutOption(unloadDeadline),
          Effect.match({ onSuccess: (done) => done._tag === "Some", onFailure: () => false }),
          Effect.ensuring(Effect.sync(() => unloading.delete(threadId)))
        )
      })
  }
})

/** Its status is another one where the thread was not loaded. */
const Unsubscribed = Schema.Struct({ status: Schema.String })

const unloadDeadline = "5 seconds"

const earlyFrames = 1000

const Initialized = Schema.Struct({ userAgent: Schema.String, codexHome: Schema.String })

const Hooks = Schema.Struct({
  data: Schema.Array(Schema.Struct({
    hooks: Schema.Array(Schema.Struct({
      key: Schema.String,
      currentHash: Schema.String,
      enabled: Schema.Boolean,
      trustStatus: Schema.String,
      command: Schema.optionalKey(Schema.String)
    }))
  }))
})

const listed = (server: AppServer, { command }: Gate.Gate, directory: string) =>
  Effect.map(
    server.call("hooks/list", { cwds: [directory] }, Hooks),
    ({ data }) => data.flatMap(({ hooks }) => hooks).find((hook) => hook.command === command)
  )

const hookOf = (server: AppServer, gate: Gate.Gate, directory: string) =>
  listed(server, gate, directory).pipe(
    Effect.map((hook) =>
      hook === undefined
        ? undefined
        : { key: hook.key, hash: hook.currentHash, trusted: hook.trustStatus === "trusted" }
    ),
    Effect.mapError((error) =>
      error._tag === "AgentProtocolError" ? error : StdioPeer.toAgentError(server.instanceId)(error)
    )
  )

/** Whether Codex will run the hook: what it does not trust it leaves out without a word. */
export const isGated = (server: AppServer, gate: Gate.Gate, directory: string): Effect.Effect<boolean> =>
  listed(server, gate, directory).pipe(
    Effect.map((hook) => hook?.enabled === true && hook.trustStatus === "trusted"),
    Effect.orElseSucceed(() => false)
  )
