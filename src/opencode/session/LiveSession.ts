/**
 * One live session: its state, and the one place where the state is stepped. What steps it is in {@link ./Hearing.ts}.
 *
 * Inputs are taken one after the other under a lock, and their events are offered before the next is taken, so events
 * leave in the order in which they became true, and a slow reader holds back the frames and not the memory.
 */
import { Deferred, Effect, Queue, Schedule, type Scope, type Semaphore } from "effect"
import type * as SecretFilter from "../../adapter/SecretFilter.ts"
import type { InstanceId, RequestId, TaskId, TurnId } from "../../domain/Ids.ts"
import type { Task } from "../../domain/Task.ts"
import type { ProviderEvent } from "../../domain/ThreadEvent.ts"
import type { MarkedProcess } from "../../process/MarkedProcesses.ts"
import type { AgentError, GateMissing } from "../../provider/AdapterError.ts"
import type { CompactionGate } from "../../provider/ProviderAdapter.ts"
import type { ToolGuard } from "../../provider/ToolGuard.ts"
import type { ErrorInfo } from "../protocol/Message.ts"
import type { Registration } from "../server/Gate.ts"
import * as Turn from "../turn/Turn.ts"
import { type Input, running, type State, type Want } from "../turn/TurnState.ts"
import * as Enforcement from "./Enforcement.ts"
import * as Removal from "./Removal.ts"
import type { Started } from "./SessionStart.ts"

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

/** Beside the frames, which go on coming. */
export const enforce = (live: LiveSession, effect: Effect.Effect<unknown, unknown>) =>
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
