/**
 * One live thread: its state, the one place where the state is stepped, and what its app-server's frames do to it.
 *
 * Inputs are taken one after the other, as {@link StepLock} says.
 */
import {
  type Cause,
  type Context,
  Deferred,
  type Duration,
  Effect,
  Fiber,
  type FileSystem,
  type Path,
  Queue,
  Schema,
  Scope
} from "effect"
import { SecureRandom } from "effect/crypto"
import { Hex } from "effect/encoding"
import type { PeerId } from "../../adapter/PeerProtocol.ts"
import * as SecretFilter from "../../adapter/SecretFilter.ts"
import * as StepLock from "../../adapter/StepLock.ts"
import type { TaskId, TurnId } from "../../domain/Ids.ts"
import type { RuntimeMode } from "../../domain/RuntimeMode.ts"
import type { ProviderEvent } from "../../domain/ThreadEvent.ts"
import type { StartInput } from "../../provider/ProviderAdapter.ts"
import type { ToolVerdict } from "../../provider/ToolGuard.ts"
import type { AppServer, Listener } from "../process/AppServer.ts"
import type { Lease } from "../process/AppServers.ts"
import * as Frame from "../protocol/Frame.ts"
import { subagentOf } from "../protocol/Items.ts"
import * as Request from "../protocol/Request.ts"
import * as Turn from "../turn/Turn.ts"
import { itemOf, subjectOf } from "../turn/TurnRequests.ts"
import { type Input, make as makeState, type State, type Want } from "../turn/TurnState.ts"
import * as Policy from "./Policy.ts"
import type { Started } from "./SessionStart.ts"
import * as TurnModel from "./TurnModel.ts"

export interface Deadlines {
  /** How long Codex may call a model in vain, until the turn fails. Default: 2 minutes. */
  readonly retryDeadline?: Duration.Input | undefined
}

export interface LiveSession extends Started, StepLock.Stepped<State> {
  readonly server: AppServer
  readonly input: StartInput
  readonly scope: Scope.Scope
  /** Requests of Codex's that wait for the user. */
  readonly answers: Map<PeerId, Deferred.Deferred<object>>
  /** Turns of which Codex has not said that they began. */
  readonly starting: Map<TurnId, Deferred.Deferred<void>>
  readonly retryDeadline: Duration.Input
  /** It changes while the session lives. */
  runtimeMode: RuntimeMode
  /** What turns have that name neither a model nor an effort; `undefined` where that is not known. */
  has: TurnModel.TurnModel | undefined
  /** Codex keeps a thread only once its first turn has begun. */
  resumable: boolean
}

export const open = Effect.fnUntraced(function*(options: {
  readonly lease: Lease
  readonly input: StartInput
  readonly started: Started
  /** What no event may hold. */
  readonly secrets: ReadonlyArray<string>
  readonly gated: boolean
  readonly retryDeadline: Duration.Input | undefined
}): Effect.fn.Return<LiveSession, never, Scope.Scope | FileSystem.FileSystem | Path.Path> {
  const { gated, input, lease: { retire, server }, retryDeadline = "2 minutes", secrets, started } = options
  const live: LiveSession = {
    ...started,
    server,
    input,
    scope: yield* Effect.scope,
    lock: StepLock.make(),
    events: yield* Queue.bounded<ProviderEvent, Cause.Done>(eventCapacity),
    filter: SecretFilter.make(secrets),
    answers: new Map(),
    starting: new Map(),
    retryDeadline,
    runtimeMode: input.runtimeMode,
    has: { model: started.model, effort: started.effort },
    resumable: started.origin._tag !== "New",
    // Codex counts its requests from 0 in every process.
    state: makeState(Hex.encode(SecureRandom.randomBytesUnsafe(6)), gated)
  }
  const files = yield* Effect.context<FileSystem.FileSystem | Path.Path>()
  // Ends last: what Codex tells while the thread is told to go settles what is open.
  yield* listen(live, { scope: yield* Scope.fork(live.scope), files })
  yield* Effect.addFinalizer(() => leave(live, retire))
  // Releases what waits for a reader that has gone.
  yield* Effect.addFinalizer(() => Effect.andThen(Queue.end(live.events), Queue.shutdown(live.events)))
  yield* Effect.forkScoped(Effect.andThen(server.peer.closed, Queue.end(live.events)))
  return live
})

interface Listening {
  readonly scope: Scope.Scope
  readonly files: Context.Context<FileSystem.FileSystem | Path.Path>
}

/** Of the thread itself, or of a subagent's, whose frames come on the same connection. */
const listenerOf = (live: LiveSession, listening: Listening, agent?: string): Listener => ({
  onNotification: (method, params) => {
    // What is about no thread is told to every listener, and heard once.
    if (agent !== undefined && Frame.threadOf(params) !== agent) return Effect.void
    if (agent === undefined && method === "turn/started") live.resumable = true
    if (agent === undefined && method === "thread/settings/updated") live.has = TurnModel.told(params)
    const frame = Frame.decode(method, params)
    if (frame === undefined) return Effect.void
    const input: Input = agent === undefined ? frame : { _tag: "Subagent", agent, frame }
    const named = frame._tag === "item/started" ? subagentOf(frame.item)?.threadId : undefined
    return named === undefined || live.state.subagents.has(named)
      ? steps.takeNow(live, input)
      : Effect.andThen(listen(live, listening, named), apply(live, input))
  },
  onRequest: ({ id, method, params }) => {
    const asked = Request.decode(method, params)
    return asked === undefined
      ? undefined
      : Effect.provide(answer(live, { id, asked, raw: params, agent }), listening.files)
  },
  onReport: (report) =>
    agent === undefined ? apply(live, { _tag: "Unrecognized", type: report._tag, raw: report }) : Effect.void
})

const listen = (live: LiveSession, listening: Listening, agent?: string) =>
  Scope.provide(
    live.server.listen(agent ?? live.sessionId, listenerOf(live, listening, agent)),
    listening.scope
  )

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
    // At once: each may take its deadline, where the app-server does not answer.
    const all = { concurrency: "unbounded" } as const
    yield* Effect.forEach(
      live.state.tasks.values(),
      ({ agent, task }) =>
        agent === undefined ? Effect.void : call("turn/interrupt", { threadId: agent, turnId: task.taskId }),
      all
    )
    const threads = [threadId, ...live.state.subagents.keys()]
    yield* Effect.forEach(threads, (threadId) => call("thread/backgroundTerminals/clean", { threadId }), all)
    const left = yield* Effect.forEach(threads, unload, all)
    if (left.includes(false)) yield* retire
    yield* Effect.forEach(answers.keys(), peer.forget, { discard: true })
  }).pipe(
    Effect.raceFirst(live.server.peer.closed),
    // The fiber that closes a Scope may be an interrupted one, which could wait for nothing.
    Effect.forkDetach,
    Effect.flatMap(Fiber.await)
  )

const leaveDeadline = "5 seconds"

const eventCapacity = 4096

const steps = StepLock.steps<LiveSession, State, Input, Want>({
  reduce: (live, input) => Turn.reduce(live.state, input),
  fulfil: (live, want) => fulfil(live, want)
})

/** Steps the state and lets the events out. */
export const apply = steps.take

const fulfil = (live: LiveSession, want: Want): Effect.Effect<unknown> => {
  switch (want._tag) {
    case "Allow":
      return reply(live, want.native.id, Request.approvalAnswer(want.native.asked, true))
    case "Refuse":
      return live.server.peer.forget(want.native.id)
    case "Forget":
      return live.server.peer.forget(want.id)
    case "Started":
    case "Ended": {
      const starting = live.starting.get(want.turnId)
      live.starting.delete(want.turnId)
      return starting === undefined ? Effect.void : Deferred.succeed(starting, undefined)
    }
    case "Retrying":
      return Effect.forkIn(giveUp(live, want), live.scope)
  }
}

/** Codex calls a model that cannot be reached again and again, and never says that it failed (0.171.0). */
const giveUp = Effect.fnUntraced(function*(
  live: LiveSession,
  { spell, turnId }: Extract<Want, { readonly _tag: "Retrying" }>
) {
  yield* Effect.sleep(live.retryDeadline)
  yield* apply(live, { _tag: "GivenUp", turnId, spell })
  const { turn } = live.state
  if (turn?.turnId !== turnId || !turn.givenUp) return
  yield* Effect.ignore(live.server.peer.call("turn/interrupt", { threadId: live.sessionId, turnId: turn.native }))
})

const Terminals = Schema.Struct({
  data: Schema.Array(Schema.Struct({ itemId: Schema.String, processId: Schema.String }))
})

/** Ends a command or a subagent in the background. Codex tells of its end. */
export const stopTask = Effect.fnUntraced(function*(live: LiveSession, taskId: TaskId) {
  const { server: { call, peer }, sessionId: threadId } = live
  const work = live.state.tasks.get(taskId)
  if (work === undefined) return
  yield* apply(live, { _tag: "Stopping", taskId })
  if (work.agent !== undefined) {
    yield* peer.call("turn/interrupt", { threadId: work.agent, turnId: taskId })
    return
  }
  const { data } = yield* call("thread/backgroundTerminals/list", { threadId }, Terminals)
  const terminal = data.find(({ itemId }) => itemId === taskId)
  if (terminal === undefined) return
  yield* peer.call("thread/backgroundTerminals/terminate", { threadId, processId: terminal.processId })
})

/** The answer to a request, or `false` if Codex no longer waits for it. */
export const reply = (live: LiveSession, id: PeerId, answer: object): Effect.Effect<boolean> => {
  const waiting = live.answers.get(id)
  return waiting === undefined ? Effect.succeed(false) : Deferred.succeed(waiting, answer)
}

type Of<Tag extends Input["_tag"]> = Extract<Input, { readonly _tag: Tag }>

/** What the app's guards say of what Codex asks permission for. */
const guarded = (
  live: LiveSession,
  { agent, asked, raw }: Pick<Of<"Asked">, "agent" | "asked" | "raw">
): Effect.Effect<ToolVerdict> => {
  const { toolGuard } = live.input
  const approval = Request.approvalOf(asked)
  if (toolGuard === undefined || approval === undefined) return Effect.succeed({ _tag: "Allow" })
  return toolGuard({
    kind: approval.kind,
    subject: approval.subject ?? subjectOf(asked, itemOf(live.state, asked)),
    ...(asked.itemId == null ? {} : { itemId: asked.itemId }),
    ...(agent === undefined ? {} : { subagent: agent }),
    detail: raw
  })
}

const answer = Effect.fnUntraced(function*(live: LiveSession, request: Omit<Of<"Asked">, "_tag" | "always">) {
  const { asked, id } = request
  const verdict = yield* guarded(live, request)
  if (verdict._tag === "Veto") return Request.approvalAnswer(asked, false)
  const always = verdict._tag === "Ask"
  const rule = Request.approvalOf(asked) === undefined
    ? undefined
    : yield* Policy.byRule(live.runtimeMode, live.directory, asked, itemOf(live.state, asked))
  if (rule === false || (rule === true && !always)) return Request.approvalAnswer(asked, rule)
  const waiting = Deferred.makeUnsafe<object>()
  live.answers.set(id, waiting)
  return yield* apply(live, { _tag: "Asked", ...request, always }).pipe(
    Effect.andThen(Deferred.await(waiting)),
    Effect.ensuring(Effect.sync(() => live.answers.delete(id)))
  )
})
