/**
 * How a session of the mock begins and ends.
 */
import { type Cause, Clock, Effect, Fiber, Queue, type Scope } from "effect"
import type { SessionId } from "../../domain/Ids.ts"
import type { ProviderEvent } from "../../domain/ThreadEvent.ts"
import {
  AgentUnreachable,
  CapabilityMissing,
  DirectoryUnreachable,
  SessionMissing
} from "../../provider/AdapterError.ts"
import type { ProviderSession, StartInput, StartSessionError } from "../../provider/ProviderAdapter.ts"
import { accept } from "../../provider/ResumeCursor.ts"
import { changed, type StoredSession } from "../MockAgentDisk.ts"
import { type Live, type MockAgent, vanish } from "./MockAgent.ts"
import { realPath, touchAll } from "./MockDirectory.ts"
import { newId } from "./MockHistory.ts"
import { importSession } from "./MockPortable.ts"
import { checkModel, handle } from "./MockSession.ts"

/** Events that wait for their reader before the agent does. */
const eventBuffer = 4096

/** `startSession` of the adapter. Nothing is changed on the disk before everything is checked. */
export const start = Effect.fn("MockProvider.startSession")(function*(
  agent: MockAgent,
  input: StartInput
): Effect.fn.Return<ProviderSession, StartSessionError, Scope.Scope> {
  const { instanceId } = agent
  agent.disk.starts.push(input)
  changed(agent.disk)
  const fault = agent.startFaults.shift()
  if (fault !== undefined) yield* fault
  if (agent.unreachable !== undefined) {
    return yield* new AgentUnreachable({ instanceId, operation: "startSession", code: agent.unreachable })
  }
  yield* checkModel(agent, input.model)
  const directory = realPath(input.directory)
  const found = yield* past(agent, input.from)
  const origin: ProviderSession["origin"] = found === undefined
    ? { _tag: "New" }
    : found.directory === directory
    ? { _tag: "Resumed" }
    : { _tag: "Moved", from: found.directory }
  if (origin._tag === "Moved" && !mayMove(agent, origin.from, directory)) {
    return yield* new DirectoryUnreachable({ instanceId, from: origin.from, to: directory })
  }
  if (input.projectConfig === "trust") touchAll(directory, ".mock/start")
  const clock = yield* Clock.Clock
  const events = yield* Queue.bounded<ProviderEvent, Cause.Done>(eventBuffer)
  const stored = found ?? create(agent, input, clock)
  if (input.ephemeral === true) {
    yield* Effect.addFinalizer(() => Effect.sync(() => agent.disk.sessions.delete(stored.sessionId)))
  }
  const live = yield* Effect.acquireRelease(
    Effect.sync(() => open(agent, stored, input, { events, clock })),
    stop
  )
  return handle(live, origin, directory)
})

/** The session that is to go on, if one is. */
const past = Effect.fnUntraced(function*(agent: MockAgent, from: StartInput["from"]) {
  const { capabilities, instanceId, provider } = agent
  switch (from._tag) {
    case "Resume":
      return yield* find(agent, (yield* accept(agent.cursors, instanceId, from.cursor)).sessionId)
    case "Adopt":
      if (!capabilities.adopt) return yield* new CapabilityMissing({ provider, capability: "adopt" })
      return yield* find(agent, from.sessionId)
    case "Import":
      if (!capabilities.portable) return yield* new CapabilityMissing({ provider, capability: "portable" })
      return yield* importSession(agent, from.copies)
    default:
      return undefined
  }
})

const find = (agent: MockAgent, sessionId: SessionId) => {
  const { disk, instanceId } = agent
  const found = disk.sessions.get(sessionId)
  return found === undefined
    ? new SessionMissing({ instanceId, sessionId, evidence: { status: 404, name: "NotFoundError" } })
    : Effect.succeed(found)
}

const mayMove = ({ capabilities, projectOf }: MockAgent, from: string, to: string): boolean =>
  capabilities.moveDirectory === "anywhere" ||
  (capabilities.moveDirectory === "same-project" && projectOf(from) === projectOf(to))

const create = (agent: MockAgent, input: StartInput, clock: Clock.Clock): StoredSession => {
  const sessionId = newId(agent)
  const stored: StoredSession = {
    sessionId,
    threadId: input.threadId,
    title: input.title,
    directory: input.directory,
    runtimeMode: input.runtimeMode,
    model: input.model,
    history: input.from._tag === "Seeded" ? [{ role: "seed", text: input.from.transcript }] : [],
    messages: input.from._tag === "Seeded"
      ? [{
        _tag: "Text",
        role: "seed",
        id: `${sessionId}.seed`,
        at: clock.currentTimeMillisUnsafe(),
        turnId: undefined,
        text: input.from.transcript
      }]
      : [],
    turns: [],
    marks: new Map(),
    revision: 0,
    outside: false,
    resumable: !agent.neverResumableBeforeFirstTurn,
    requests: 0,
    tasks: 0,
    overlaps: 0
  }
  agent.disk.sessions.set(stored.sessionId, stored)
  return stored
}

const open = (
  agent: MockAgent,
  stored: StoredSession,
  input: StartInput,
  host: Pick<Live, "events" | "clock">
): Live => {
  stored.threadId = input.threadId
  stored.directory = realPath(input.directory)
  stored.title = input.title ?? stored.title
  stored.runtimeMode = input.runtimeMode
  stored.model = input.model ?? stored.model
  if (agent.live.has(stored.sessionId)) stored.overlaps++
  const live: Live = {
    agent,
    stored,
    ...host,
    compactions: input.compaction,
    setup: input.setup,
    toolGuard: input.toolGuard,
    pending: new Map(),
    allowed: new Set(),
    phase: "live",
    turn: undefined,
    compaction: undefined,
    tasks: new Map(),
    exit: undefined
  }
  agent.live.set(stored.sessionId, live)
  changed(agent.disk)
  return live
}

/** The end of the session's scope. While stops are to hang it waits, and the agent goes on meanwhile. */
const stop = (live: Live): Effect.Effect<void> =>
  Effect.suspend(() => {
    const { agent, stored: { sessionId } } = live
    agent.stopped.set(sessionId, live)
    return Effect.andThen(
      agent.stops.await,
      Effect.suspend(() => {
        const running = live.turn?.fiber ?? live.compaction?.fiber
        if (!agent.keepTalking && agent.stopped.get(sessionId) === live) agent.stopped.delete(sessionId)
        return Effect.andThen(
          vanish(live, "interrupted", agent.keepTalking ? "open" : "drop"),
          running === undefined ? Effect.void : Fiber.await(running)
        )
      })
    )
  })
