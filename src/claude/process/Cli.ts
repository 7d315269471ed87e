/**
 * One `claude` that talks stream-json on its stdin and stdout: started, greeted, and shown to run our hooks.
 *
 * That it says `hooks_applied: true` proves nothing (2.1.332). What proves it is a hook that says no: before the session is
 * used, a change of the model is asked for and refused by our own `PreModelSwitch` hook. Nothing is changed or written by it.
 */
import { Deferred, type Duration, Effect, type Path, Result, Schema, type Scope } from "effect"
import * as AgentProcess from "../../adapter/AgentProcess.ts"
import * as Executable from "../../adapter/Executable.ts"
import type * as PeerProtocol from "../../adapter/PeerProtocol.ts"
import * as StdioPeer from "../../adapter/StdioPeer.ts"
import type { InstanceId } from "../../domain/Ids.ts"
import { AgentProtocolError, type AgentStartError, AgentStartFailed, AgentTooOld } from "../../provider/AdapterError.ts"
import type { ProcessExit } from "../../provider/ProviderAdapter.ts"
import { Initialized } from "../protocol/Initialized.ts"
import * as Wire from "../protocol/Wire.ts"
import * as Binary from "./Binary.ts"
import * as Environment from "./Environment.ts"

/** How the executable is found and started. */
export interface Options extends Environment.EnvironmentOptions {
  /**
   * Path of the executable, or a name on the PATH. Default: `CLAUDE_BINARY`, `claude` on the PATH,
   * `@anthropic-ai/claude-agent-sdk`.
   */
  readonly binary?: string | undefined
  /** Further flags: `["--add-dir", "/srv/shared"]`. Others can read them, so they must hold no secret. */
  readonly flags?: ReadonlyArray<string> | undefined
  /** How long a start may take. Default: 30 seconds. */
  readonly startDeadline?: Duration.Input | undefined
}

export type Needs = AgentProcess.Needs | Path.Path | Scope.Scope

/** What a session hears. */
export interface Listener {
  readonly onNotification: (type: string, frame: unknown) => Effect.Effect<void>
  readonly onRequest: (request: PeerProtocol.Request) => Effect.Effect<unknown, PeerProtocol.Refusal>
  readonly onReport: (report: StdioPeer.Report) => Effect.Effect<void>
  /** Runs while the process can still be asked. */
  readonly beforeClose: Effect.Effect<unknown, unknown>
}

export interface Launch {
  readonly directory: string
  readonly args: ReadonlyArray<string>
  readonly variables: Environment.Environment["variables"]
  readonly initialize: { readonly hooks: object; readonly [field: string]: unknown }
  /** The model that the session works with, if the app named one. */
  readonly model: string | undefined
}

export interface Cli extends Initialized {
  readonly instanceId: InstanceId
  readonly version: string
  readonly environment: Environment.Environment
  readonly peer: StdioPeer.StdioPeer
  readonly exit: Effect.Effect<ProcessExit | undefined>
  /** Whether it really runs our hooks. */
  readonly hooked: boolean
  /** Frames that came before are heard first. */
  readonly listen: (listener: Listener) => Effect.Effect<void>
}

/** The oldest version whose protocol has all that is used. */
const needed = "2.1.300"

const flags = [
  "--input-format stream-json --output-format stream-json --verbose --include-partial-messages",
  "--permission-prompt-tool stdio --permission-mode manual"
].flatMap((flags) => flags.split(" "))

export const environment = (instanceId: InstanceId, options: Options) =>
  Environment.make(options).pipe(
    Effect.mapError(({ message }) => new AgentStartFailed({ instanceId, reason: "exited", stderr: message }))
  )

export const start = Effect.fn("Claude.Cli.start")(function*(
  instanceId: InstanceId,
  options: Options,
  environment: Environment.Environment,
  launch: Launch
): Effect.fn.Return<Cli, AgentStartError, Needs> {
  const executable = yield* Binary.find({ instanceId, binary: options.binary })
  const agent = yield* AgentProcess.spawn({
    instanceId,
    executable,
    args: [...flags, ...launch.args, ...options.flags ?? []],
    variables: { ...environment.variables, ...launch.variables },
    cwd: launch.directory,
    redact: environment.redact,
    // A background shell keeps it alive; SIGTERM takes both with it (2.1.332).
    inputDeadline: "2 seconds"
  })
  const listening = Deferred.makeUnsafe<Listener>()
  const early: Array<(listener: Listener) => Effect.Effect<void>> = []
  let heard: Listener | undefined
  let proving = false

  const tell = (hear: (listener: Listener) => Effect.Effect<void>) => {
    if (heard !== undefined) return hear(heard)
    early.push(hear)
    return Effect.void
  }
  const peer = yield* StdioPeer.make(agent, {
    protocol: Wire.protocol,
    onNotification: ({ method, params }) => tell((listener) => listener.onNotification(method, params)),
    onRequest: (request) =>
      isProof(request.params)
        ? Effect.sync(() => proving ? { decision: "block", reason: "to see that hooks are called" } : {})
        : Effect.flatMap(Deferred.await(listening), (listener) => listener.onRequest(request)),
    onReport: (report) => tell((listener) => listener.onReport(report)),
    beforeClose: () => heard?.beforeClose ?? Effect.void
  })

  const greeting = Effect.gen(function*() {
    const { hooks, ...rest } = launch.initialize
    const greeted = yield* peer.call("initialize", {
      ...rest,
      hooks: { ...hooks, PreModelSwitch: [{ hookCallbackIds: [proof] }] }
    })
    const initialized = yield* Effect.mapError(
      Schema.decodeUnknownEffect(Initialized)(greeted),
      () => new AgentProtocolError({ instanceId, operation: "initialize", body: greeted })
    )
    proving = true
    const refused = yield* Effect.result(peer.call("set_model", { model: "haiku" }))
    proving = false
    const hooked = Result.isFailure(refused) && refused.failure._tag === "PeerRefused" &&
      isBlocked(refused.failure.data)
    if (!hooked && Result.isSuccess(refused)) yield* peer.call("set_model", { model: launch.model ?? "default" })
    return { initialized, hooked }
  }).pipe(
    Effect.catchTag("PeerClosed", () => Effect.never),
    Effect.mapError((error) => error._tag === "AgentProtocolError" ? error : StdioPeer.toAgentError(instanceId)(error))
  )
  const { hooked, initialized } = yield* AgentProcess.awaitReady(
    agent,
    greeting,
    options.startDeadline ?? "30 seconds"
  )
  const version = initialized.claude_code_version
  if (version === undefined || !Executable.isAtLeast(version, needed)) {
    return yield* new AgentTooOld({ instanceId, ...(version === undefined ? {} : { found: version }), needed })
  }
  return {
    ...initialized,
    instanceId,
    version,
    environment,
    peer,
    exit: AgentProcess.ended(agent),
    hooked,
    listen: (listener) =>
      Effect.suspend(() => {
        heard = listener
        return Effect.andThen(
          Effect.forEach(early.splice(0), (hear) => hear(listener), { discard: true }),
          Deferred.succeed(listening, listener)
        )
      })
  }
})

const proof = "proof"

const isProof = Schema.is(Schema.Struct({ callback_id: Schema.Literal(proof) }))

const isBlocked = Schema.is(Schema.Struct({ error_code: Schema.Literal("blocked_by_hook") }))
