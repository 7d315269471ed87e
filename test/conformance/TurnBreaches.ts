/** Adapters whose turns do not end, or end otherwise than they should. */
import { Clock, Deferred, Effect, Scope, Stream } from "effect"
import { InstanceId, ProviderName, type TurnId } from "../../src/domain/Ids.ts"
import { AgentProtocolError, CapabilityMissing, TurnRefused } from "../../src/provider/AdapterError.ts"
import type { ProviderSession } from "../../src/provider/ProviderAdapter.ts"
import { type Breach, events, type Heard, listening, sessions, starting } from "./Breach.ts"

const instanceId = InstanceId.make("mock")

/** An interrupt that is not heard in some states of the session. */
const deafWhen = (deaf: (heard: Heard, now: number) => boolean) =>
  listening((session, heard) => ({
    interruptTurn: (turnId) =>
      Effect.flatMap(
        Clock.currentTimeMillis,
        (now) => deaf(heard, now) ? Effect.void : session.interruptTurn(turnId)
      )
  }))

const isOpen = (heard: Heard, kind: "approval" | "question" | "elicitation") =>
  Array.from(heard.open.values()).includes(kind)

/** After a stop in that state the agent still waits for the turn that it was stopped in. */
const stuckAfter = (when: (heard: Heard) => boolean) => {
  const stuck = new Set<string>()
  const refuse = (session: ProviderSession): ProviderSession["sendTurn"] => (turn) =>
    stuck.has(session.sessionId)
      ? new TurnRefused({ turnId: turn.turnId, name: "Busy", reason: null })
      : session.sendTurn(turn)
  return (adapter: Parameters<ReturnType<typeof starting>>[0]) =>
    starting((start) =>
      Effect.fnUntraced(function*(input) {
        let interruptedIn = false
        const heardStart = listening((session, heard) => ({
          interruptTurn: (turnId) =>
            Effect.suspend(() => {
              interruptedIn = when(heard)
              return session.interruptTurn(turnId)
            }),
          sendTurn: (turn) =>
            Effect.suspend(() => {
              interruptedIn = false
              return refuse(session)(turn)
            })
        }))({ ...adapter, startSession: start })
        const session = yield* heardStart.startSession(input)
        yield* Effect.addFinalizer(() => Effect.sync(() => interruptedIn && stuck.add(session.sessionId)))
        return session
      })
    )(adapter)
}

export const breaches: ReadonlyArray<Breach> = [
  {
    rule: "turn/resend",
    what: "takes a repeated turn for news that says nothing",
    mock: { capabilities: { resend: true } },
    adapter: (adapter) => {
      const sent = new Set<TurnId>()
      return sessions((session) => ({
        sendTurn: (turn) => {
          if (sent.has(turn.turnId)) return Effect.void
          sent.add(turn.turnId)
          return session.sendTurn(turn)
        }
      }))(adapter)
    }
  },
  {
    rule: "turn/completed",
    what: "keeps the agent's messages to itself",
    adapter: events((event) => event._tag === "ItemCompleted" && event.item._tag === "AssistantMessage" ? [] : [event])
  },
  {
    rule: "turn/failed",
    what: "swallows failures",
    adapter: events((event) => event._tag === "TurnFailed" ? [] : [event])
  },
  { rule: "interrupt/silent", what: "is deaf until the agent speaks", adapter: deafWhen((heard) => !heard.spoken) },
  {
    rule: "interrupt/streaming",
    what: "is deaf while the agent speaks",
    adapter: deafWhen((heard) => heard.spoken && heard.open.size === 0)
  },
  {
    rule: "interrupt/twice",
    what: "fails a second interrupt",
    adapter: sessions((session) => {
      const asked = new Set<TurnId>()
      return {
        interruptTurn: (turnId) =>
          Effect.suspend(() => {
            if (asked.has(turnId)) {
              return new AgentProtocolError({ instanceId, operation: "interruptTurn", status: 409, body: null })
            }
            asked.add(turnId)
            return session.interruptTurn(turnId)
          })
      }
    })
  },
  {
    rule: "interrupt/idle",
    what: "keeps an interrupt for the next turn",
    adapter: listening((session, heard) => {
      let kept = false
      return {
        interruptTurn: (turnId) =>
          Effect.suspend(() => {
            if (heard.running === turnId) return session.interruptTurn(turnId)
            kept = true
            return Effect.void
          }),
        sendTurn: (turn) =>
          Effect.andThen(
            session.sendTurn(turn),
            Effect.suspend(() => kept ? session.interruptTurn(turn.turnId) : Effect.void)
          )
      }
    })
  },
  {
    rule: "interrupt/approval",
    what: "is deaf while it asks",
    adapter: deafWhen((heard) => isOpen(heard, "approval"))
  },
  {
    rule: "interrupt/question",
    what: "is deaf while it waits for an answer",
    adapter: deafWhen((heard) => isOpen(heard, "question"))
  },
  {
    rule: "interrupt/elicitation",
    what: "is deaf while a server of its waits for an answer",
    adapter: deafWhen((heard) => isOpen(heard, "elicitation"))
  },
  {
    rule: "deadline/no-progress",
    what: "passes heartbeats on as events",
    adapter: listening((session, heard) => ({
      events: Stream.merge(
        session.events,
        Stream.tick("100 millis").pipe(
          Stream.filter(() => heard.running !== undefined),
          Stream.map(() => ({ _tag: "Unrecognized", type: "heartbeat", raw: null }) as const)
        ),
        { haltStrategy: "left" }
      )
    }))
  },
  {
    rule: "deadline/turn",
    what: "is deaf once a turn has taken a while",
    adapter: deafWhen((heard, now) => heard.spoken && heard.open.size === 0 && now - heard.sentAt > 350)
  },
  {
    rule: "turn/crash",
    what: "does not notice that the agent has died",
    adapter: sessions((session) => ({ events: Stream.concat(session.events, Stream.never) }))
  },
  {
    rule: "stop/busy",
    what: "does not stop the turn that a session is stopped in",
    adapter: stuckAfter((heard) => heard.open.size === 0)
  },
  {
    rule: "stop/approval",
    what: "still waits for the approval that a session is stopped in",
    adapter: stuckAfter((heard) => isOpen(heard, "approval"))
  },
  {
    rule: "stop/elicitation",
    what: "still waits for the elicitation that a session is stopped in",
    adapter: stuckAfter((heard) => isOpen(heard, "elicitation"))
  },
  {
    rule: "turn/once",
    what: "sends each turn to two sessions",
    adapter: starting((start) =>
      Effect.fnUntraced(function*(input) {
        const double = yield* start({ ...input, from: { _tag: "New" } })
        const session = yield* start(input)
        return {
          ...session,
          sendTurn: (turn) => Effect.andThen(Effect.ignore(double.sendTurn(turn)), session.sendTurn(turn))
        }
      })
    )
  },
  {
    rule: "history",
    what: "knows of turns that were never sent",
    adapter: sessions((session) => ({
      evidence: (turn) =>
        Effect.map(session.evidence(turn), (found) => ({
          ...found,
          outcome: found.outcome === "never-delivered" ? "completed" : found.outcome
        }))
    }))
  },
  {
    rule: "exit/known",
    what: "does not say how its agent's process ended",
    adapter: sessions(() => ({ exit: Effect.undefined }))
  },
  {
    rule: "steer",
    what: "declares steering, and has none",
    adapter: sessions(() => ({
      steerTurn: () => new CapabilityMissing({ provider: ProviderName.make("mock"), capability: "steer" })
    }))
  },
  {
    rule: "close/twice",
    what: "dies when it is closed",
    adapter: starting((start) => (input) => Effect.tap(start(input), Effect.addFinalizer(() => Effect.die("closed"))))
  },
  {
    rule: "close/busy",
    what: "waits for the turn when it is closed",
    adapter: starting((start) =>
      Effect.fnUntraced(function*(input) {
        // The session outlives the scope that it should have closed with.
        const scope = Scope.makeUnsafe()
        const session = yield* Scope.provide(start(input), scope)
        const ended = new Map<TurnId, Deferred.Deferred<void>>()
        yield* Effect.addFinalizer((exit) =>
          Effect.andThen(
            Effect.forEach(ended.values(), (turn) => Deferred.await(turn), { discard: true }),
            Scope.close(scope, exit)
          )
        )
        const over = Effect.sync(() => {
          for (const turn of ended.values()) Deferred.doneUnsafe(turn, Effect.void)
        })
        return {
          ...session,
          sendTurn: (turn) =>
            Effect.andThen(
              Effect.sync(() => ended.set(turn.turnId, Deferred.makeUnsafe())),
              session.sendTurn(turn)
            ),
          events: session.events.pipe(
            Stream.tap((event) =>
              event._tag === "TurnCompleted" || event._tag === "TurnFailed" || event._tag === "TurnInterrupted"
                ? over
                : Effect.void
            ),
            Stream.onEnd(over)
          )
        }
      })
    )
  }
]
