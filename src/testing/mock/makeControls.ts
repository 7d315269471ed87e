/**
 * How a test reaches into the mock.
 */
import { Deferred, Effect, Queue } from "effect"
import type { SessionId } from "../../domain/Ids.ts"
import { changed, type StoredSession, watch } from "../MockAgentDisk.ts"
import { type Live, type MockAgent, vanish } from "./MockAgent.ts"
import type { MockControls, MockRequest, MockSession } from "./MockControls.ts"
import { make } from "./MockPortable.ts"
import { cut } from "./MockRewind.ts"
import { begin } from "./MockSession.ts"
import { reapIdle } from "./reapIdle.ts"
import { askBeside, ofTurn } from "./ScriptedRequest.ts"
import * as ScriptedTask from "./ScriptedTask.ts"

export const makeControls = (agent: MockAgent): MockControls => {
  const { disk } = agent
  const set = (change: () => unknown) => Effect.asVoid(Effect.sync(change))
  return {
    instanceId: agent.instanceId,
    disk,

    script: (script) => set(() => agent.script = script),
    nextTurn: (script) => set(() => agent.nextScripts.push(script)),

    changeOffers: (offers) =>
      Effect.suspend(() => {
        agent.offers = { ...agent.offers, ...offers }
        return Effect.forEach(
          handles(agent),
          ({ events }) => Queue.offer(events, { _tag: "OffersChanged" }),
          { discard: true }
        )
      }),

    failNextStart: (error) => set(() => agent.startFaults.push(Effect.fail(error))),
    slowStart: (effect) => set(() => agent.startFaults.push(Effect.asVoid(effect))),
    failNextSend: (error, options) =>
      set(() =>
        agent.sendFaults.push({
          error: typeof error === "function" ? error : () => error,
          delivered: options?.delivered ?? false
        })
      ),
    slowSend: (effect) => set(() => agent.sendDelays.push(effect)),
    unreachable: (on) => set(() => agent.unreachable = on === true ? "ECONNREFUSED" : on === false ? undefined : on),
    loseGate: (on) => set(() => agent.gateLost = on),
    passGate: (sessionId) =>
      Effect.suspend(() => {
        const held = agent.live.get(sessionId)?.compaction
        return held === undefined ? Effect.void : Effect.asVoid(Deferred.succeed(held.passed, undefined))
      }),
    historyBehind: (sessionId, on) => set(() => on ? agent.behind.add(sessionId) : agent.behind.delete(sessionId)),
    loseSession: (sessionId) =>
      set(() => {
        disk.sessions.delete(sessionId)
        changed(disk)
      }),
    loseTurns: (sessionId, turns) =>
      Effect.sync(() => {
        const stored = disk.sessions.get(sessionId)
        const lost = stored !== undefined && cut(stored, stored.turns.length - turns)
        changed(disk)
        return lost
      }),
    makeSession: (made) => Effect.sync(() => make(agent, made)),
    crash: (sessionId, exit) =>
      Effect.suspend(() =>
        Effect.forEach(handles(agent, sessionId), (live) => {
          live.exit = exit
          return vanish(live, "unfinished", "end")
        }, { discard: true })
      ),
    killHost: Effect.suspend(() => Effect.forEach(handles(agent), (live) => vanish(live, "unfinished", "open"))).pipe(
      Effect.asVoid
    ),
    hangStop: (on) => set(() => on ? agent.stops.closeUnsafe() : agent.stops.openUnsafe()),
    keepTalking: (on) => set(() => agent.keepTalking = on),
    emit: (sessionId, events, from = "live") =>
      Effect.suspend(() => {
        const target = (from === "live" ? agent.live : agent.stopped).get(sessionId)
        return target === undefined ? Effect.void : Effect.asVoid(Queue.offerAll(target.events, events))
      }),
    backgroundWork: (sessionId, on) =>
      Effect.suspend(() => {
        const live = agent.live.get(sessionId)
        if (live === undefined) return Effect.void
        if (on) {
          return ScriptedTask.start(live, { kind: "command", title: "in the background" }, {
            turnId: undefined,
            item: undefined
          })
        }
        return Effect.forEach(Array.from(live.tasks.keys()), (taskId) => ScriptedTask.end(live, taskId, "completed"))
      }).pipe(Effect.asVoid),
    beginTurn: (sessionId, cause, script) =>
      Effect.suspend(() => {
        const live = agent.live.get(sessionId)
        if (live === undefined) return Effect.undefined
        if (script !== undefined) agent.nextScripts.push(script)
        return begin(live, cause)
      }),
    askBeside: (sessionId, about) =>
      Effect.suspend(() => {
        const live = agent.live.get(sessionId)
        return live === undefined ? Effect.undefined : askBeside(live, about)
      }),
    reapIdle: (threadId, options = {}) =>
      reapIdle(threadId, options, (sessionId) => watch(disk, () => agent.live.has(sessionId) ? undefined : true)),
    settleElsewhere: (requestId, decision) =>
      Effect.suspend(() => {
        for (const live of agent.live.values()) {
          const pending = live.pending.get(requestId)
          if (pending?._tag !== "Approval") continue
          live.pending.delete(requestId)
          const turnId = ofTurn(pending.turnId)
          return Queue.offer(live.events, { _tag: "ApprovalSettled", ...turnId, requestId, by: "agent", decision })
            .pipe(
              Effect.andThen(Deferred.succeed(pending.answer, decision))
            )
        }
        return Effect.succeed(false)
      }),

    sessions: Effect.sync(() => Array.from(disk.sessions.values(), (stored) => sessionOf(agent, stored))),
    starts: Effect.sync(() => disk.starts.slice()),
    received: Effect.sync(() => disk.received.slice()),
    answers: Effect.sync(() => disk.answers.slice()),
    summaries: Effect.sync(() => disk.summaries.slice()),
    pending: Effect.sync(() => Array.from(openRequests(agent))),

    awaitTurn: (predicate = () => true) => watch(disk, () => disk.received.find(predicate)),
    awaitSession: (predicate) =>
      watch(disk, () => {
        for (const stored of disk.sessions.values()) {
          const session = sessionOf(agent, stored)
          if (predicate(session)) return session
        }
        return undefined
      }),
    awaitRequest: (predicate = () => true) =>
      watch(disk, () => {
        for (const request of openRequests(agent)) if (predicate(request)) return request
        return undefined
      }),
    awaitSummary: (predicate = () => true) => watch(disk, () => disk.summaries.find(predicate)),
    awaitStarts: (count) => watch(disk, () => disk.starts.length >= count ? true : undefined).pipe(Effect.asVoid)
  }
}

/** Live handles, of one session or all, those included whose stop hangs. */
const handles = (agent: MockAgent, sessionId?: SessionId): ReadonlyArray<Live> => {
  const all = new Set([...agent.live.values(), ...agent.stopped.values()])
  return Array.from(all).filter((live) => sessionId === undefined || live.stored.sessionId === sessionId)
}

const sessionOf = (agent: MockAgent, stored: StoredSession): MockSession => ({
  sessionId: stored.sessionId,
  threadId: stored.threadId,
  title: stored.title,
  directory: stored.directory,
  runtimeMode: stored.runtimeMode,
  model: stored.model,
  history: stored.history.slice(),
  turns: stored.turns.map(({ outcome, turnId }) => ({ turnId, outcome })),
  live: agent.live.has(stored.sessionId),
  compaction: agent.live.get(stored.sessionId)?.compaction?.phase,
  overlaps: stored.overlaps
})

function* openRequests(agent: MockAgent): Generator<MockRequest> {
  for (const live of agent.live.values()) {
    const { stored: { sessionId } } = live
    for (const pending of live.pending.values()) {
      const of = { sessionId, turnId: pending.turnId }
      switch (pending._tag) {
        case "Approval":
          yield { _tag: "Approval", ...of, request: pending.request }
          break
        case "Question":
          yield { _tag: "Question", ...of, request: pending.request }
          break
        case "Elicitation":
          yield { _tag: "Elicitation", ...of, request: pending.request }
      }
    }
  }
}
