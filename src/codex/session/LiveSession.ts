/**
 * One live thread: its state, the one place where the state is stepped, and what its app-server's frames do to it.
 *
 * Inputs are taken one after the other under a lock, and their events are offered before the next is taken, so events leave
 * in the order in which they became true, and a slow reader holds back the frames and not the memory.
 */
import {
  type Cause,
  Deferred,
  type Duration,
  Effect,
  Fiber,
  FileSystem,
  Path,
  Queue,
  type Scope,
  Semaphore
} from "effect"
import { SecureRandom } from "effect/crypto"
import { Hex } from "effect/encoding"
import type { PeerId } from "../../adapter/PeerProtocol.ts"
import * as SecretFilter from "../../adapter/SecretFilter.ts"
import type { TurnId } from "../../domain/Ids.ts"
import type { ProviderEvent } from "../../domain/ThreadEvent.ts"
import type { StartInput } from "../../provider/ProviderAdapter.ts"
import type { AppServer } from "../process/AppServer.ts"
import type { Lease } from "../process/AppServers.ts"
import * as Frame from "../protocol/Frame.ts"
import * as Request from "../protocol/Request.ts"
import * as Turn from "../turn/Turn.ts"
import { itemOf } from "../turn/TurnRequests.ts"
import { type Input, make as makeState, type State, type Want } from "../turn/TurnState.ts"
import * as Policy from "./Policy.ts"
import type { Started } from "./SessionStart.ts"

export interface Deadlines {
  /** How long Codex may call a model in vain, until the turn fails. Default: 2 minutes. */
  readonly retryDeadline?: Duration.Input | undefined
}

export interface LiveSession extends Started {
  readonly server: AppServer
  readonly input: StartInput
  readonly scope: Scope.Scope
  readonly lock: Semaphore.Semaphore
  readonly events: Queue.Queue<ProviderEvent, Cause.Done>
  /** Takes the app-server's secrets out of them. */
  readonly filter: SecretFilter.SecretFilter
  /** Requests of Codex's that wait for the user. */
  readonly answers: Map<PeerId, Deferred.Deferred<object>>
  /** Turns of which Codex has not said that they began. */
  readonly starting: Map<TurnId, Deferred.Deferred<void>>
  readonly retryDeadline: Duration.Input
  /** Codex keeps a thread only once its first turn has begun. */
  resumable: boolean
  state: State
}

export const open = Effect.fnUntraced(function*(options: {
  readonly lease: Lease
  readonly input: StartInput
  readonly started: Started
  readonly gated: boolean
  readonly retryDeadline: Duration.Input | undefined
}): Effect.fn.Return<LiveSession, never, Scope.Scope | FileSystem.FileSystem | Path.Path> {
  const { gated, input, lease: { retire, server }, retryDeadline = "2 minutes", started } = options
  const live: LiveSession = {
    ...started,
    server,
    input,
    scope: yield* Effect.scope,
    lock: yield* Semaphore.make(1),
    events: yield* Queue.bounded<ProviderEvent, Cause.Done>(eventCapacity),
    filter: SecretFilter.make(server.secrets),
    answers: new Map(),
    starting: new Map(),
    retryDeadline,
    resumable: started.origin._tag !== "New",
    // Codex counts its requests from 0 in every process.
    state: makeState(Hex.encode(SecureRandom.randomBytesUnsafe(6)), gated)
  }
  const files = yield* Effect.context<FileSystem.FileSystem | Path.Path>()
  // Ends last: what Codex tells while the thread is told to go settles what is open.
  yield* server.listen(started.sessionId, {
    onNotification: (method, params) => {
      if (method === "turn/started") live.resumable = true
      const frame = Frame.decode(method, params)
      return frame === undefined ? Effect.void : apply(live, frame)
    },
    onRequest: ({ id, method, params }) => {
      const asked = Request.decode(method, params)
      return asked === undefined ? undefined : Effect.provide(answer(live, id, asked, params), files)
    },
    onReport: (report) => apply(live, { _tag: "Unrecognized", type: report._tag, raw: report })
  })
  yield* Effect.addFinalizer(() => leave(live, retire))
  // Releases what waits for a reader that has gone.
  yield* Effect.addFinalizer(() => Effect.andThen(Queue.end(live.events), Queue.shutdown(live.events)))
  yield* Effect.forkScoped(Effect.andThen(server.peer.closed, Queue.end(live.events)))
  return live
})

/** Ends what the thread still does, since its app-server may live on. One that does not let go is given no more threads. */
const leave = (live: LiveSession, retire: Effect.Effect<void>) =>
  Effect.gen(function*() {
    const { answers, server: { peer, unload }, sessionId: threadId, starting } = live
    const begun = live.state.turn === undefined ? undefined : starting.get(live.state.turn.turnId)
    if (begun !== undefined) yield* Effect.timeoutOption(Deferred.await(begun), leaveDeadline)
    const call = (method: string, params: object) =>
      Effect.ignore(peer.call(method, params, { deadline: leaveDeadline }))
    const turnId = live.state.turn?.native ?? live.state.compaction?.native
    if (turnId !== undefined) yield* call("turn/interrupt", { threadId, turnId })
    yield* call("thread/backgroundTerminals/clean", { threadId })
    if (!(yield* unload(threadId))) yield* retire
    yield* Effect.forEach(answers.keys(), peer.forget, { discard: true })
  }).pipe(
    Effect.raceFirst(live.server.peer.closed),
    // The fiber that closes a Scope may be an interrupted one, which could wait for nothing.
    Effect.forkDetach,
    Effect.flatMap(Fiber.await)
  )

const leaveDeadline = "5 seconds"

const eventCapacity = 4096

/** Steps the state and lets the events out. */
export const apply = (live: LiveSession, input: Input): Effect.Effect<void> =>
  Effect.suspend(() => {
    const { events, state, wants } = Turn.reduce(live.state, input)
    live.state = state
    return Effect.andThen(
      events.length === 0 ? Effect.void : Queue.offerAll(live.events, live.filter(events)),
      Effect.forEach(wants, (want) => fulfil(live, want), { discard: true })
    )
  }).pipe(live.lock.withPermits(1), Effect.uninterruptible)

const fulfil = (live: LiveSession, want: Want): Effect.Effect<unknown> => {
  switch (want._tag) {
    case "Allow":
      return reply(live, want.native.id, Request.approvalAnswer(want.native.asked, true))
    case "Refuse":
      return live.server.peer.forget(want.native.id)
    case "Started":
    case "Ended": {
      const starting = live.starting.get(want.turnId)
      live.starting.delete(want.turnId)
      return starting === undefined ? Effect.void : Deferred.succeed(starting, undefined)
    }
    case "Retrying":
      return Effect.forkIn(giveUp(live, want.turnId), live.scope)
  }
}

/** Codex calls a model that cannot be reached again and again, and never says that it failed (0.171.0). */
const giveUp = Effect.fnUntraced(function*(live: LiveSession, turnId: TurnId) {
  yield* Effect.sleep(live.retryDeadline)
  const { turn } = live.state
  if (turn?.turnId !== turnId || turn.retries === 0) return
  yield* apply(live, { _tag: "GivenUp", turnId })
  yield* Effect.ignore(live.server.peer.call("turn/interrupt", { threadId: live.sessionId, turnId: turn.native }))
})

/** The answer to a request, or `false` if Codex no longer waits for it. */
export const reply = (live: LiveSession, id: PeerId, answer: object): Effect.Effect<boolean> => {
  const waiting = live.answers.get(id)
  return waiting === undefined ? Effect.succeed(false) : Deferred.succeed(waiting, answer)
}

const answer = Effect.fnUntraced(function*(live: LiveSession, id: PeerId, asked: Request.Asked, raw: unknown) {
  const approval = Request.approvalOf(asked)
  const rule = approval === undefined
    ? undefined
    : yield* Policy.byRule(live.input.runtimeMode, live.directory, asked, itemOf(live.state, asked))
  if (rule !== undefined) return Request.approvalAnswer(asked, rule)
  const waiting = Deferred.makeUnsafe<object>()
  live.answers.set(id, waiting)
  return yield* apply(live, { _tag: "Asked", id, asked, raw }).pipe(
    Effect.andThen(Deferred.await(waiting)),
    Effect.ensuring(Effect.sync(() => live.answers.delete(id)))
  )
})
