/**
 * Our side of the compaction gate: a {@link GateSocket} on the loopback interface. OpenCode's plugin ({@link
 * ./CompactionPlugin.js}) says hello to it, and asks it before each compaction.
 *
 * A registered session answers for itself. A compaction of any other session, a subagent's included, is allowed at
 * once. If the plugin hangs up while it waits, the answer that is being prepared is interrupted.
 *
 * **Gotchas**
 *
 * A plugin that does not load says nothing at all, so the hello is the only proof that the agent will ask. It is kept
 * per directory, because OpenCode loads its plugins once in each.
 */
import { Clock, Deferred, type Duration, Effect, type Redacted, Schedule, Schema, type Scope } from "effect"
import { fileURLToPath } from "node:url"
import * as GateSocket from "../../adapter/GateSocket.ts"
import type { InstanceId } from "../../domain/Ids.ts"
import type { AgentUnreachable } from "../../provider/AdapterError.ts"
import type { CompactionVerdict } from "../../provider/ProviderAdapter.ts"

/** The address and token that the plugin of an external server reads from its file. */
export interface Address {
  readonly port: number
  readonly token: Redacted.Redacted<string>
}

export interface Gate extends GateSocket.GateSocket {
  /** Whether the plugin has said hello for this directory. Waits a moment if it may not have had the time. */
  readonly greeted: (directory: string) => Effect.Effect<boolean>
  /**
   * Registers the session as one to ask, for as long as the scope is open. Closing the scope refuses what is being
   * asked.
   */
  readonly register: (sessionId: string) => Effect.Effect<Registration, never, Scope.Scope>
}

export interface Registration {
  /** Sets what answers from now on. Until then everything is refused. */
  readonly answer: (ask: Effect.Effect<CompactionVerdict>) => void
  /** Refuses what is being asked: the agent no longer waits for it. */
  readonly abandon: (reason: string) => Effect.Effect<void>
}

/** The plugin's URL, for OpenCode's configuration. */
export const plugin = new URL("./CompactionPlugin.js", import.meta.url).href

/** The plugin's path, for people. */
export const pluginPath = fileURLToPath(plugin)

/** How often an external server's plugin should say hello. */
export const helloMillis = 5000

interface Asked {
  ask: Effect.Effect<CompactionVerdict>
  readonly waiting: Set<Deferred.Deferred<CompactionVerdict>>
}

/** Listens at the address that an external server's plugin knows, or at a free port for a server of our own. */
export const make = Effect.fnUntraced(function*(
  instanceId: InstanceId,
  address?: Address
): Effect.fn.Return<Gate, AgentUnreachable, Scope.Scope> {
  const sessions = new Map<string, Asked>()
  const greetings = new Map<string, number>()
  const openedAt = yield* Clock.currentTimeMillis

  const greeted = (directory: string) =>
    Effect.map(Clock.currentTimeMillis, (now) => {
      const at = greetings.get(directory)
      return at !== undefined && (address === undefined || now - at < 3 * helloMillis)
    })
  // A plugin that was running before this listener says hello again before this is over.
  const early = Effect.map(Clock.currentTimeMillis, (now) => address !== undefined && now - openedAt < 2 * helloMillis)

  const asked = (sessionId: string): Effect.Effect<CompactionVerdict> =>
    Effect.gen(function*() {
      const session = sessions.get(sessionId)
      if (session === undefined) return allowed
      const abandoned = yield* Deferred.make<CompactionVerdict>()
      session.waiting.add(abandoned)
      return yield* Effect.raceFirst(session.ask, Deferred.await(abandoned)).pipe(
        Effect.catchDefect(() => Effect.succeed(veto("what was to be done before it failed"))),
        Effect.ensuring(Effect.sync(() => session.waiting.delete(abandoned)))
      )
    }).pipe(Effect.withSpan("OpenCode.Gate.asked", { attributes: { sessionId } }))

  const hello = GateSocket.question({
    schema: Schema.Struct({ directory: Schema.String }),
    answer: ({ directory }) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        greetings.set(directory, now)
        return {}
      }),
    otherwise: {}
  })
  const compacting = GateSocket.question({
    schema: Schema.Struct({ sessionID: Schema.String }),
    answer: ({ sessionID }) => asked(sessionID),
    otherwise: veto("the app is being shut down")
  })
  const socket = yield* GateSocket.loopback({
    instanceId,
    questions: { hello, compacting },
    token: address?.token,
    port: address?.port
  })

  return {
    ...socket,
    greeted: (directory) =>
      Effect.zipWith(greeted(directory), early, (greeted, early) => ({ greeted, early })).pipe(
        Effect.repeat({ until: ({ early, greeted }) => greeted || !early, schedule: Schedule.spaced("50 millis") }),
        Effect.map(({ greeted }) => greeted)
      ),
    register: Effect.fnUntraced(function*(sessionId) {
      const session: Asked = { ask: Effect.succeed(veto("the session is being started")), waiting: new Set() }
      const abandon = (reason: string) =>
        Effect.forEach(Array.from(session.waiting), (waiting) => Deferred.succeed(waiting, veto(reason)), {
          discard: true
        })
      yield* Effect.acquireRelease(
        Effect.sync(() => sessions.set(sessionId, session)),
        () =>
          Effect.suspend(() => {
            if (sessions.get(sessionId) === session) sessions.delete(sessionId)
            return abandon("the session was stopped")
          })
      )
      return { answer: (ask) => void (session.ask = ask), abandon }
    })
  }
})

const allowed: CompactionVerdict = { _tag: "Allow", context: [] }
const veto = (reason: string): CompactionVerdict => ({ _tag: "Veto", reason })

/** The plugin's settings file, for a server of our own. */
export const settings: (gate: Gate, deadline: Duration.Input | undefined) => string = GateSocket.settings
