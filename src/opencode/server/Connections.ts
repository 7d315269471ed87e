/**
 * The server that all sessions of one provider instance share: started at the first use, kept for a while after the
 * last, and replaced at the next use when it has died.
 *
 * Making it costs nothing: no process, no import of the SDK. A start that failed is tried again by the next caller.
 */
import { Deferred, Duration, Effect, Exit, type Path, RcRef, Schedule, Scope, Semaphore } from "effect"
import * as AgentProcess from "../../adapter/AgentProcess.ts"
import type { AgentStartError, AgentUnreachable } from "../../provider/AdapterError.ts"
import * as Api from "./Api.ts"
import type { OpenCodeConnection } from "./Connection.ts"
import * as EventHub from "./EventHub.ts"
import * as Gate from "./Gate.ts"
import * as Server from "./Server.ts"
import * as StartLock from "./StartLock.ts"

/** With a `baseUrl`, the server that runs there; without, one of our own. */
export type Options =
  & (Server.ManagedOptions | Server.ExternalOptions)
  & Api.Options
  & Pick<EventHub.Options, "silence" | "reconnect">
  & {
    /** How long a server is kept when no session uses it. Default: 5 minutes. */
    readonly idleTimeToLive?: Duration.Input | undefined
    /**
     * How long OpenCode waits for the gate's answer before it gives up a compaction. Must be longer than saving a
     * transcript may take. Default: 2 minutes. The plugin of an external server has its own setting.
     */
    readonly gateDeadline?: Duration.Input | undefined
  }

export interface Connections {
  /** The shared connection, for as long as the scope is open. */
  readonly get: Effect.Effect<OpenCodeConnection, AgentStartError, Scope.Scope>
}

/** `starting`: held while a server starts ({@link ./StartLock.ts}). */
export const make = Effect.fnUntraced(function*(
  options: Options,
  starting: Semaphore.Semaphore = Semaphore.makeUnsafe(1)
): Effect.fn.Return<Connections, never, AgentProcess.Needs | Path.Path> {
  let latest: Opened | undefined
  // When its own scope closes, RcRef does not wait for an idle close that is under way, nor for a replaced server that
  // a session still holds. The process would be left behind, so every server is stopped from here too.
  const stops = new Set<Effect.Effect<void>>()
  yield* Effect.addFinalizer(() => Effect.forEach(stops, (stop) => stop, { concurrency: "unbounded", discard: true }))
  const acquire = Effect.gen(function*() {
    const scope = yield* Scope.make()
    const stop = yield* Effect.cached(Scope.close(scope, Exit.void))
    stops.add(stop)
    yield* Effect.addFinalizer(() => Effect.tap(stop, () => Effect.sync(() => stops.delete(stop))))
    latest = yield* Effect.andThen(lock, Scope.provide(open(options, listener), scope)).pipe(
      Effect.scoped,
      starting.withPermits(1)
    )
    return latest
  })
  const lock = lockOf(options)
  // The plugin of an external server asks for as long as that server runs, whether or not a session is open here.
  const listener = "baseUrl" in options && options.gate !== undefined
    ? yield* RcRef.make({
      acquire: Gate.make(options.instanceId, options.gate),
      idleTimeToLive: Duration.infinity
    })
    : undefined
  const shared = yield* RcRef.make({ acquire, idleTimeToLive: options.idleTimeToLive ?? "5 minutes" })
  const get = Effect.gen(function*() {
    // Synchronous up to here, so that of several callers one replaces a dead server and none replaces a new one.
    if (latest !== undefined && Deferred.isDoneUnsafe(latest.lost)) {
      latest = undefined
      yield* RcRef.invalidate(shared)
    }
    return (yield* RcRef.get(shared)).connection
  })
  return { get }
})

/** The home of a server of ours, but for one that no other host can know. */
const lockOf = (options: Options) => {
  if ("baseUrl" in options || options.isolated === true) return Effect.void
  return typeof options.isolated === "object"
    ? StartLock.take(options.isolated.folder)
    : StartLock.takeFor({ ...process.env, ...options.env })
}

/** Our own server is on this machine. If it does not answer five times in a row, of ten seconds each, it hangs. */
const untilUnresponsive = Schedule.exponential("100 millis").pipe(Schedule.upTo({ times: 5 }))

interface Opened {
  readonly connection: OpenCodeConnection
  readonly lost: Deferred.Deferred<void>
}

const open = Effect.fn("OpenCode.connect")(function*(
  options: Options,
  listener: RcRef.RcRef<Gate.Gate, AgentUnreachable> | undefined
) {
  const managed = !("baseUrl" in options)
  const gate = managed
    ? yield* Gate.make(options.instanceId)
    : listener === undefined
    ? undefined
    : yield* RcRef.get(listener)
  const server: Server.Server = "baseUrl" in options
    ? yield* Server.external(options)
    : yield* Server.managed({
      ...options,
      ...(gate === undefined
        ? {}
        : { plugin: { url: Gate.plugin, settings: Gate.settings(gate, options.gateDeadline) } })
    })
  const call = yield* Api.make(server, options)
  const hub = yield* EventHub.make(server, {
    silence: options.silence,
    reconnect: options.reconnect ?? (managed ? untilUnresponsive : undefined),
    serverLost: server.exit
  })
  const connection: OpenCodeConnection = {
    version: server.version,
    managed,
    secrets: server.secrets,
    gate,
    exit: server.ended,
    call,
    subscribe: hub.subscribe,
    listening: hub.listening,
    unasking: hub.unasking
  }
  return { connection, lost: hub.lost }
})
