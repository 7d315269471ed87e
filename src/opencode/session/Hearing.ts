/**
 * A live session from its opening to its end: what it hears of its server steps it, frame by frame, and what it missed is read.
 */
import { type Cause, Effect, type FileSystem, type Path, Queue, type Scope, Semaphore } from "effect"
import * as SecretFilter from "../../adapter/SecretFilter.ts"
import type { InstanceId } from "../../domain/Ids.ts"
import type { ProviderEvent } from "../../domain/ThreadEvent.ts"
import type { ToolGuard } from "../../provider/ToolGuard.ts"
import * as Catalog from "../protocol/Catalog.ts"
import * as Frame from "../protocol/Frame.ts"
import type { Heard, OpenCodeConnection } from "../server/Connection.ts"
import { type Input, make as makeState } from "../turn/TurnState.ts"
import * as Edits from "./Edits.ts"
import * as Enforcement from "./Enforcement.ts"
import { apply, enforce, type LiveSession, type SessionGate } from "./LiveSession.ts"
import * as Recovery from "./Recovery.ts"
import type { Started } from "./SessionStart.ts"
import * as ToolGate from "./ToolGate.ts"

export const open = Effect.fnUntraced(function*(
  connection: OpenCodeConnection,
  instanceId: InstanceId,
  started: Started,
  gate: SessionGate,
  toolGuard: ToolGuard | undefined
): Effect.fn.Return<LiveSession, never, Scope.Scope | FileSystem.FileSystem | Path.Path> {
  const live: LiveSession = {
    ...started,
    instanceId,
    gate,
    toolGuard,
    guarding: new Set(),
    agentVersion: connection.version,
    scope: yield* Effect.scope,
    lock: yield* Semaphore.make(1),
    handover: yield* Semaphore.make(1),
    events: yield* Queue.bounded<ProviderEvent, Cause.Done>(eventCapacity),
    refuseDirectory: () => void connection.unasking.add(started.calls.directory),
    isDirectoryRefused: () => connection.unasking.has(started.calls.directory),
    filter: SecretFilter.make(connection.secrets),
    // To append no rules changes nothing, and OpenCode tells of it.
    listening: connection.listening(started.calls.appendRules(started.sessionId, [])),
    deliveries: new Map(),
    compactions: new Set(),
    lastOwnId: undefined,
    background: { tasks: new Map(), watched: false, look: Effect.void },
    mcp: { told: [], look: Effect.void },
    clockTold: false,
    closing: false,
    heard: 0,
    missed: false,
    state: makeState(started.sessionId, started.policy, started.lastMessageId, started.title)
  }
  yield* Queue.offerAll(live.events, started.warnings)
  const frames = yield* connection.subscribe(started.sessionId)
  yield* live.listening
  yield* pump(live, frames).pipe(Effect.forkScoped)
  // Runs first: ends the session's work, and releases fibers that wait for a reader that has gone.
  yield* Effect.addFinalizer(() =>
    abortAll(live).pipe(
      Effect.andThen(Queue.end(live.events)),
      Effect.andThen(Queue.shutdown(live.events))
    )
  )
  return live
})

const eventCapacity = 4096

const pump = Effect.fnUntraced(
  function*(live: LiveSession, frames: Queue.Dequeue<Heard, Cause.Done>) {
    while (true) {
      const inputs: Array<Input> = []
      const batch = yield* Queue.takeAll(frames)
      live.heard++
      for (const frame of batch) {
        if (frame._tag === "Frame") {
          const decoded = Frame.decode(frame)
          if (decoded?._tag === "PermissionAsked") {
            yield* apply(live, inputs.splice(0))
            yield* asked(live, decoded.request)
          } else if (decoded !== undefined) inputs.push(decoded)
          const rules = frame.sessionId === live.sessionId ? Catalog.rulesOf(frame) : undefined
          if (rules !== undefined) yield* enforce(live, Enforcement.rulesSeen(live, rules))
        } else if (frame._tag === "AllowedAlways") {
          if (frame.directory !== live.calls.directory) continue
          yield* apply(live, inputs.splice(0))
          yield* enforce(live, Enforcement.allowedAlways(live))
        } else if (frame._tag === "McpChanged") {
          if (frame.directory === live.calls.directory) yield* Effect.forkIn(live.mcp.look, live.scope)
        } else {
          yield* apply(live, inputs.splice(0))
          yield* restore(live)
          yield* Effect.forkIn(live.mcp.look, live.scope)
        }
      }
      if (inputs.length > 0) yield* apply(live, inputs)
      if (live.missed) yield* restore(live)
    }
  },
  // The server or the subscription is gone, and with it the session.
  (effect, live) => effect.pipe(Effect.ignore, Effect.ensuring(Queue.end(live.events)))
)

/** Between the frames, so that what is read is never older than what was heard before. */
const restore = (live: LiveSession) =>
  Effect.flatMap(Recovery.readAll(live), (read) => {
    live.missed = false
    if (read === undefined) return apply(live, [{ _tag: "Restored", read }])
    const known = read.permissions.filter((request) => ToolGate.isKnown(live.state, request))
    const others = read.permissions.filter((request) => !known.includes(request))
    return Effect.andThen(
      apply(live, [{ _tag: "Restored", read: { ...read, permissions: known } }]),
      Effect.forEach(others, (request) => asked(live, request), { discard: true })
    )
  })

/** A request for a permission, with what is known of the files that it is about, and what the app's guards say. */
const asked = (
  live: LiveSession,
  request: Frame.PermissionRequest
): Effect.Effect<unknown, never, FileSystem.FileSystem | Path.Path> => {
  const elsewhere = Edits.leaveDirectory(live.calls.directory, request)
  const { toolGuard } = live
  return Effect.flatMap(elsewhere, (elsewhere) =>
    toolGuard === undefined
      ? apply(live, [{ _tag: "Guarded", request, always: false, elsewhere }])
      : guard(live, toolGuard, request, elsewhere))
}

/** Asks the guards beside the frames, which go on coming. */
const guard = (
  live: LiveSession,
  toolGuard: ToolGuard,
  request: Frame.PermissionRequest,
  elsewhere: boolean
): Effect.Effect<unknown> =>
  Effect.suspend(() => {
    if (live.guarding.has(request.id) || ToolGate.isKnown(live.state, request)) return Effect.void
    live.guarding.add(request.id)
    const turnId = live.state.turn?.turnId
    return ToolGate.ask(toolGuard, live.state, request, elsewhere).pipe(
      Effect.flatMap((verdict) =>
        live.state.turn?.turnId === turnId
          ? apply(live, [verdict])
          // Its turn is over: nothing waits for an answer that could still let it run.
          : Effect.ignore(live.calls.replyPermission(request.id, "reject"))
      ),
      Effect.ensuring(Effect.sync(() => live.guarding.delete(request.id))),
      Effect.forkIn(live.scope)
    )
  })

/** Ends the session's work and its subagents', within a few seconds. Other sessions of the server go on. */
const abortAll = (live: LiveSession) =>
  Effect.suspend(() => {
    live.closing = true
    const busy = Array.from(live.state.children).flatMap(([id, busy]) => busy ? [id] : [])
    const all = live.state.turn === undefined ? busy : [live.sessionId, ...busy]
    return Effect.forEach(all, (id) => Effect.ignore(live.calls.abort(id)), { concurrency: 4, discard: true })
  }).pipe(Effect.interruptible, Effect.timeoutOption("3 seconds"), Effect.ignore)
