/**
 * One live session: its state, the one place where the state is stepped, and the fiber that feeds it with frames.
 *
 * Inputs are taken one after the other under a lock, and their events are offered before the next is taken, so events
 * leave in the order in which they became true, and a slow reader holds back the frames and not the memory.
 */
import { type Cause, Deferred, Effect, Queue, Schedule, type Scope, Semaphore } from "effect"
import * as SecretFilter from "../../adapter/SecretFilter.ts"
import type { InstanceId, RequestId, TaskId, TurnId } from "../../domain/Ids.ts"
import type { Task } from "../../domain/Task.ts"
import type { ProviderEvent } from "../../domain/ThreadEvent.ts"
import type { MarkedProcess } from "../../process/MarkedProcesses.ts"
import type { AgentError, GateMissing } from "../../provider/AdapterError.ts"
import type { CompactionGate } from "../../provider/ProviderAdapter.ts"
import type { ToolGuard } from "../../provider/ToolGuard.ts"
import * as Catalog from "../protocol/Catalog.ts"
import * as Frame from "../protocol/Frame.ts"
import type { ErrorInfo } from "../protocol/Message.ts"
import type { Heard, OpenCodeConnection } from "../server/Connection.ts"
import type { Registration } from "../server/Gate.ts"
import * as Turn from "../turn/Turn.ts"
import { type Input, make as makeState, running, type State, type Want } from "../turn/TurnState.ts"
import * as Enforcement from "./Enforcement.ts"
import * as Recovery from "./Recovery.ts"
import * as Removal from "./Removal.ts"
import type { Started } from "./SessionStart.ts"
import * as ToolGate from "./ToolGate.ts"

export type McpServer = Extract<ProviderEvent, { readonly _tag: "McpStatus" }>["servers"][number]

/** A prompt on its way, with what is known of its arrival. */
export interface Delivery {
  readonly accepted: Deferred.Deferred<void>
  readonly doubt: Deferred.Deferred<ErrorInfo>
}

/** What answers before a compaction of this session. */
export interface SessionGate extends Registration {
  readonly kind: CompactionGate
  /** Fails while a compaction would pass the gate unasked. */
  readonly ready: Effect.Effect<void, GateMissing>
}

/** Asks for no answer. */
export const ungated = (kind: CompactionGate): SessionGate => ({
  kind,
  ready: Effect.void,
  answer: () => {},
  abandon: () => Effect.void
})

export interface LiveSession extends Omit<Started, "policy" | "rules">, Enforcement.Enforced {
  readonly instanceId: InstanceId
  readonly gate: SessionGate
  readonly agentVersion: string
  readonly scope: Scope.Scope
  readonly lock: Semaphore.Semaphore
  /** Held while a prompt is sent and while an abort is answered, so that a late abort never hits the next turn. */
  readonly handover: Semaphore.Semaphore
  /** Takes the server's secrets out of them. */
  readonly filter: SecretFilter.SecretFilter
  /** Answers when the stream of frames carries all that the server says. */
  readonly listening: Effect.Effect<void>
  /** The app's guards, and what they are asked about now. */
  readonly toolGuard: ToolGuard | undefined
  readonly guarding: Set<RequestId>
  readonly deliveries: Map<string, Delivery>
  /** Calls that wait for the start of a compaction. */
  readonly compactions: Set<Deferred.Deferred<void>>
  /** The greatest message id that we made. */
  lastOwnId: string | undefined
  /** Commands that go on without a turn, as they were told ({@link ./Background.ts}). */
  readonly background: {
    readonly tasks: Map<TaskId, { readonly process: MarkedProcess; readonly task: Omit<Task, "status"> }>
    watched: boolean
    /** Looks for them anew. */
    look: Effect.Effect<unknown>
  }
  /** Its MCP servers, as they were told ({@link ./McpServers.ts}). */
  readonly mcp: {
    told: ReadonlyArray<McpServer>
    /** Looks at them anew. */
    look: Effect.Effect<unknown>
  }
  /** The user knows that the server's clock differs. */
  clockTold: boolean
  /** Set when the scope closes: requests that come now are left to the next resume of the session. */
  closing: boolean
  /** How many batches of frames have come. */
  heard: number
  /** One was not heard. */
  missed: boolean
  state: State
}

export const open = Effect.fnUntraced(function*(
  connection: OpenCodeConnection,
  instanceId: InstanceId,
  started: Started,
  gate: SessionGate,
  toolGuard: ToolGuard | undefined
): Effect.fn.Return<LiveSession, never, Scope.Scope> {
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

/** Steps the state and lets the events out. */
export const apply = (live: LiveSession, inputs: ReadonlyArray<Input>): Effect.Effect<void> =>
  Effect.gen(function*() {
    const events: Array<ProviderEvent> = []
    const wants: Array<Want> = []
    for (const input of inputs) {
      const next = Turn.reduce(live.state, input)
      live.state = next.state
      for (const event of next.events) events.push(event)
      for (const want of next.wants) wants.push(want)
    }
    if (events.length > 0) yield* Queue.offerAll(live.events, live.filter(events))
    yield* Effect.forEach(wants, (want) => fulfil(live, want), { discard: true })
  }).pipe(live.lock.withPermits(1), Effect.uninterruptible)

/** Lets out what no frame of the session says. */
export const tell = (live: LiveSession, events: ReadonlyArray<ProviderEvent>): Effect.Effect<void> =>
  Effect.suspend(() => Queue.offerAll(live.events, live.filter(events))).pipe(live.lock.withPermits(1), Effect.asVoid)

// --- frames ---

const pump = Effect.fnUntraced(
  function*(live: LiveSession, frames: Queue.Dequeue<Heard, Cause.Done>) {
    while (true) {
      const inputs: Array<Input> = []
      const batch = yield* Queue.takeAll(frames)
      live.heard++
      for (const frame of batch) {
        if (frame._tag === "Frame") {
          const decoded = Frame.decode(frame)
          if (decoded?._tag === "PermissionAsked" && live.toolGuard !== undefined) {
            yield* apply(live, inputs.splice(0))
            yield* guard(live, live.toolGuard, decoded.request)
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
    const { toolGuard } = live
    if (toolGuard === undefined || read === undefined) return apply(live, [{ _tag: "Restored", read }])
    const known = read.permissions.filter((request) => ToolGate.isKnown(live.state, request))
    const asked = read.permissions.filter((request) => !known.includes(request))
    return Effect.andThen(
      apply(live, [{ _tag: "Restored", read: { ...read, permissions: known } }]),
      Effect.forEach(asked, (request) => guard(live, toolGuard, request), { discard: true })
    )
  })

/** Asks the guards beside the frames, which go on coming. */
const guard = (live: LiveSession, toolGuard: ToolGuard, request: Frame.PermissionRequest): Effect.Effect<unknown> =>
  Effect.suspend(() => {
    if (live.guarding.has(request.id) || ToolGate.isKnown(live.state, request)) return Effect.void
    live.guarding.add(request.id)
    const turnId = live.state.turn?.turnId
    return ToolGate.ask(toolGuard, live.state, request).pipe(
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

/** Beside the frames, which go on coming. */
const enforce = (live: LiveSession, effect: Effect.Effect<unknown, unknown>) =>
  live.closing
    ? Effect.void
    : Effect.forkIn(Effect.ignore(effect, { log: "Warn" }), live.scope, { startImmediately: true })

// --- what the state wants ---

const fulfil = (live: LiveSession, want: Want): Effect.Effect<unknown> => {
  switch (want._tag) {
    case "Check":
      return Effect.forkIn(check(live, want), live.scope)
    case "Reply":
      return live.closing ? Effect.void : Effect.forkIn(reply(live, want), live.scope)
    case "Abort": {
      const turnId = live.state.turn?.turnId
      return turnId === undefined ? Effect.void : Effect.forkIn(Effect.ignore(abort(live, turnId)), live.scope)
    }
    case "Accepted": {
      const delivery = live.deliveries.get(want.messageId)
      const accept = delivery === undefined ? Effect.void : Deferred.succeed(delivery.accepted, undefined)
      const { turn } = live.state
      return turn?.messageId === want.messageId
        ? Effect.andThen(accept, Effect.forkIn(watch(live, turn.turnId), live.scope))
        : accept
    }
    case "Doubt":
      return Effect.forEach(live.deliveries.values(), ({ doubt }) => Deferred.succeed(doubt, want.error))
    case "Unasked":
      return enforce(live, Enforcement.unasked(live, want.tool))
    case "CompactionBegan":
      return Effect.forEach(live.compactions, (waiting) => Deferred.succeed(waiting, undefined))
    case "CompactionGivenUp": {
      const abandoned = live.gate.abandon("the agent has given up this compaction")
      return live.closing
        ? abandoned
        : Effect.andThen(
          abandoned,
          beforeNext(live, Removal.request(live, want.messageId))
        )
    }
    case "TakeOut":
      return live.closing
        ? Effect.void
        : beforeNext(live, Effect.flatMap(Removal.offence(live, want.because), (events) => tell(live, events)))
    case "Missed":
      return Effect.sync(() => void (live.missed = true))
    case "Gone":
      return Queue.end(live.events)
    case "Ended":
      return Effect.forkIn(live.background.look, live.scope)
  }
}

/**
 * Looks until the messages of an idle session say that its turn is over, for three seconds at most, in which nothing
 * more was written. A server that does not answer is asked again for as long as the session lives. One that says busy
 * is asked again too, because OpenCode announces idle before it takes busy back (1.18.33).
 */
export const check = Effect.fnUntraced(function*(live: LiveSession, { turnId }: Extract<Want, { _tag: "Check" }>) {
  const times = 10
  let attempt = 0
  for (let time = 1; time <= times && running(live.state)?.turnId === turnId; time++) {
    if (time > 1) yield* Effect.sleep("300 millis")
    const { busy, messages } = yield* Effect.gen(function*() {
      const busy = (yield* live.calls.busy).has(live.sessionId)
      return {
        busy,
        messages: busy
          ? []
          : yield* live.calls.messages(live.sessionId, live.state.turn?.holed === true ? undefined : 50)
      }
    }).pipe(Effect.retry(Schedule.spaced("1 second")), Effect.orDie)
    if (busy) continue
    attempt++
    yield* apply(live, [{ _tag: "Checked", turnId, messages, attempt, final: time === times }])
  }
})

/** Checks a turn whenever it has been silent for a while: the frame that ended it may have been lost. */
const watch = Effect.fnUntraced(function*(live: LiveSession, turnId: TurnId) {
  while (running(live.state)?.turnId === turnId) {
    const { heard } = live
    yield* Effect.sleep(silence)
    if (live.heard !== heard) continue
    const idle = yield* Effect.match(live.calls.busy, {
      onSuccess: (busy) => !busy.has(live.sessionId),
      onFailure: () => false
    })
    if (idle) yield* check(live, { _tag: "Check", turnId })
  }
})

/** A turn with a tool at work is silent too, so each check costs one small call. */
const silence = "5 seconds"

/** Done before the next prompt is sent. */
const beforeNext = (live: LiveSession, effect: Effect.Effect<unknown>) =>
  Effect.forkIn(live.handover.withPermits(1)(effect), live.scope, { startImmediately: true })

/** Answers for the user, by rule. A request that is gone needs no answer. */
const reply = (live: LiveSession, { requestId, reply, message }: Extract<Want, { _tag: "Reply" }>) =>
  live.calls.replyPermission(requestId, reply, message).pipe(
    Effect.catchTag(
      "OpenCodeApiRefusal",
      (refusal) => refusal.status === 404 ? Effect.void : live.calls.plain(Effect.fail(refusal))
    ),
    Effect.retry({ times: 5, schedule: Schedule.exponential("100 millis") }),
    Effect.catch((error) => Effect.logWarning("OpenCode waits for an answer that could not be given", error)),
    Effect.andThen(apply(live, [{ _tag: "Replied", requestId }]))
  )

/** Aborts the turn, unless it is over by the time the abort would go out. */
export const abort = (live: LiveSession, turnId: TurnId): Effect.Effect<void, AgentError> =>
  Effect.suspend((): Effect.Effect<unknown, AgentError> =>
    live.state.turn?.turnId === turnId ? live.calls.abort(live.sessionId) : Effect.void
  ).pipe(live.handover.withPermits(1), Effect.asVoid)

/** Ends the session's work and its subagents', within a few seconds. Other sessions of the server go on. */
const abortAll = (live: LiveSession) =>
  Effect.suspend(() => {
    live.closing = true
    const busy = Array.from(live.state.children).flatMap(([id, busy]) => busy ? [id] : [])
    const all = live.state.turn === undefined ? busy : [live.sessionId, ...busy]
    return Effect.forEach(all, (id) => Effect.ignore(live.calls.abort(id)), { concurrency: 4, discard: true })
  }).pipe(Effect.interruptible, Effect.timeoutOption("3 seconds"), Effect.ignore)
