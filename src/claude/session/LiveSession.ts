/**
 * One live session: its state, the one place where the state is stepped, and what the frames of its process do to it.
 *
 * Inputs are taken one after the other, as {@link StepLock} says.
 */
import { type Cause, Clock, Deferred, Effect, FileSystem, Path, Queue, Scope } from "effect"
import { SecureRandom } from "effect/crypto"
import { Hex } from "effect/encoding"
import type * as PeerProtocol from "../../adapter/PeerProtocol.ts"
import * as SecretFilter from "../../adapter/SecretFilter.ts"
import * as StdioPeer from "../../adapter/StdioPeer.ts"
import * as StepLock from "../../adapter/StepLock.ts"
import { ItemId } from "../../domain/Ids.ts"
import type { RuntimeMode } from "../../domain/RuntimeMode.ts"
import type { ProviderEvent } from "../../domain/ThreadEvent.ts"
import { type AgentError, AgentUnreachable } from "../../provider/AdapterError.ts"
import type { StartInput } from "../../provider/ProviderAdapter.ts"
import * as SessionSetup from "../../provider/SessionSetup.ts"
import type { ToolVerdict } from "../../provider/ToolGuard.ts"
import * as Frame from "../protocol/Frame.ts"
import * as Request from "../protocol/Request.ts"
import * as Turn from "../turn/Turn.ts"
import { type Input, make as makeState, type State, type Want } from "../turn/TurnState.ts"
import * as Policy from "./Policy.ts"
import type { Started } from "./SessionStart.ts"
import type * as Transcript from "./Transcript.ts"

/** What is known of a message on its way. */
export interface Message {
  readonly queued: Deferred.Deferred<void>
  readonly started: Deferred.Deferred<void>
  readonly done: Deferred.Deferred<void>
}

export interface LiveSession extends Omit<Started, "cli" | "end" | "hide" | "seen">, StepLock.Stepped<State> {
  cli: Started["cli"]
  end: Started["end"]
  hide: Started["hide"]
  /** Its process is about to be another one. */
  replacing: boolean
  readonly input: StartInput
  readonly scope: Scope.Scope
  readonly clock: Clock.Clock
  /** Requests of Claude's that wait for the user. */
  readonly answers: Map<string, Deferred.Deferred<object>>
  /** Messages of ours that wait to be taken. */
  readonly messages: Map<string, Message>
  /** Messages that turns of this process began with: of a repeat of one of them Claude says nothing. */
  readonly taken: Set<string>
  /** The calls of `compact` that wait for its beginning. */
  readonly compactions: Set<Deferred.Deferred<void>>
  readonly answerers: Answerers
  seen: Started["seen"]
  /** Its file, once it was found: of a user with many projects a search takes long, and Claude does not move it. */
  file: string | undefined
  /** Lines of other clients' turns. */
  readonly foreign: Map<string, Transcript.Entry>
  /** Its file has a message. */
  resumable: boolean
  /** The last message that was seen on the stream: the file has it a moment later. */
  lastMessage: string | undefined
  /** It changes while the session lives. */
  runtimeMode: RuntimeMode
  /** Whether skills and commands call a shell, unasked. */
  skillShell: boolean
  model: string | undefined
  /** The turn before asked for a plan. */
  planned: boolean
  effort: string | undefined
}

/** What stands above the state and is asked by it. */
export interface Answerers {
  /** Answers a hook of the session. */
  readonly hook: (
    live: LiveSession,
    asked: Extract<Request.Asked, { readonly _tag: "hook_callback" }>
  ) => Effect.Effect<object>
  /** Tells the end of a turn that Claude had already. */
  readonly had: (live: LiveSession, had: Extract<Want, { readonly _tag: "Had" }>) => Effect.Effect<void>
}

export const open = Effect.fnUntraced(function*(
  started: Started,
  input: StartInput,
  answerers: Answerers
): Effect.fn.Return<LiveSession, never, Scope.Scope | FileSystem.FileSystem | Path.Path> {
  const { cli } = started
  const live: LiveSession = {
    ...started,
    input,
    scope: yield* Effect.scope,
    lock: StepLock.make(),
    clock: yield* Clock.Clock,
    events: yield* Queue.bounded<ProviderEvent, Cause.Done>(eventCapacity),
    filter: SecretFilter.make([...cli.environment.secrets, ...SessionSetup.secrets(input.setup)]),
    answers: new Map(),
    messages: new Map(),
    answerers,
    taken: new Set(),
    compactions: new Set(),
    resumable: started.origin._tag !== "New",
    file: undefined,
    foreign: new Map(),
    lastMessage: undefined,
    runtimeMode: input.runtimeMode,
    skillShell: input.runtimeMode === "full-access",
    model: input.model?.id,
    planned: false,
    replacing: false,
    effort: undefined,
    // Claude's ids of requests are its process's own.
    state: makeState(Hex.encode(SecureRandom.randomBytesUnsafe(6)), input.compaction?.gate !== undefined)
  }
  yield* Queue.offerAll(live.events, started.warnings)
  yield* attach(live)
  return live
})

/** Hears the session's process, and loses the session with it. */
const attach = Effect.fnUntraced(function*(live: LiveSession) {
  const { cli } = live
  const files = yield* Effect.context<FileSystem.FileSystem | Path.Path>()
  // Runs before the process ends: releases what waits for a reader that has gone.
  yield* Scope.addFinalizer(live.scope, Effect.andThen(Queue.end(live.events), Queue.shutdown(live.events)))
  yield* Effect.forkIn(
    Effect.andThen(cli.peer.closed, Effect.suspend(() => live.replacing ? Effect.void : Queue.end(live.events))),
    live.scope
  )
  yield* cli.listen({
    onNotification: (type, params) => {
      const frame = Frame.decode(type, params)
      if (frame === undefined) return Effect.void
      if ((frame._tag === "assistant" || frame._tag === "user") && frame.parent_tool_use_id == null) {
        live.lastMessage = frame.uuid ?? live.lastMessage
      }
      return frame._tag === "system/commands_changed"
        ? Effect.andThen(Effect.forkIn(live.hide, live.scope), apply(live, frame))
        : steps.takeNow(live, frame)
    },
    onRequest: (request) => Effect.provide(answer(live, request), files),
    onReport: (report) => apply(live, { _tag: "Unrecognized", type: report._tag, raw: report }),
    // A turn that still runs would be worked to its end.
    beforeClose: Effect.suspend(() => live.state.turn === undefined ? Effect.void : call(live, "interrupt"))
  })
})

/**
 * Ends the session's process, does something while there is none, and goes on in another one. `change` answers whether there is
 * a session to go on with. What fails after the first process has ended loses the session.
 */
export const replace = Effect.fnUntraced(
  function*<E, R>(live: LiveSession, change: Effect.Effect<boolean, E, R>) {
    const { cli: { instanceId } } = live
    live.replacing = true
    yield* live.end
    yield* apply(live, { _tag: "Replaced" })
    const resumes = yield* change
    const { cli, end, hide } = yield* live.again(resumes, live.runtimeMode).pipe(
      Scope.provide(live.scope),
      Effect.mapError(({ _tag: code }) => new AgentUnreachable({ instanceId, operation: "restart", code }))
    )
    live.cli = cli
    live.end = end
    live.hide = hide
    live.skillShell = live.runtimeMode === "full-access"
    live.file = undefined
    live.lastMessage = undefined
    live.resumable = resumes
    live.planned = false
    live.replacing = false
    yield* attach(live)
    return resumes
  },
  (effect, live) => Effect.onError(Effect.uninterruptible(effect), () => Queue.end(live.events))
)

const eventCapacity = 4096

const steps = StepLock.steps<LiveSession, State, Input, Want>({
  reduce: (live, input) => Turn.reduce(live.state, input, live.clock.currentTimeMillisUnsafe()),
  fulfil: (live, want) => fulfil(live, want)
})

/** Steps the state and lets the events out. */
export const apply = steps.take

const fulfil = (live: LiveSession, want: Want): Effect.Effect<unknown> => {
  switch (want._tag) {
    case "Allow":
      return reply(live, want.native.id, Request.allow(want.native.asked))
    case "Refuse":
      return live.cli.peer.forget(want.native.id)
    case "Queued":
      return settle(live.messages.get(want.uuid)?.queued)
    case "Had":
      return Effect.forkIn(live.answerers.had(live, want), live.scope)
    case "Started":
      live.taken.add(want.uuid)
      return settle(live.messages.get(want.uuid)?.started)
    case "Done":
      return settle(live.messages.get(want.uuid)?.done)
    case "Lost":
      return Queue.end(live.events)
  }
}

const settle = (waiting: Deferred.Deferred<void> | undefined): Effect.Effect<unknown> =>
  waiting === undefined ? Effect.void : Deferred.succeed(waiting, undefined)

/** A call, with the errors of the contract. */
export const call = (
  { cli }: Pick<LiveSession, "cli">,
  subtype: string,
  params?: object
): Effect.Effect<unknown, AgentError> =>
  Effect.mapError(cli.peer.call(subtype, params), StdioPeer.toAgentError(cli.instanceId))

/** The answer to a request, or `false` if Claude no longer waits for it. */
export const reply = (live: LiveSession, id: PeerProtocol.PeerId, answer: object): Effect.Effect<boolean> => {
  const waiting = live.answers.get(String(id))
  return waiting === undefined ? Effect.succeed(false) : Deferred.succeed(waiting, answer)
}

/** What the app's guards say of a tool. */
const guarded = (live: LiveSession, asked: Request.ForUser, detail: unknown): Effect.Effect<ToolVerdict> => {
  const { toolGuard } = live.input
  if (toolGuard === undefined || asked._tag === "elicitation" || Policy.isInteractive(asked.tool_name)) {
    return Effect.succeed({ _tag: "Allow" })
  }
  const { kind, subject } = Request.approvalOf(asked)
  return toolGuard({
    kind,
    subject,
    detail,
    itemId: ItemId.make(asked.tool_use_id),
    ...(asked.agent_id == null ? {} : { subagent: asked.agent_id })
  })
}

const answer = Effect.fnUntraced(function*(
  live: LiveSession,
  { id, method, params }: PeerProtocol.Request
): Effect.fn.Return<object, PeerProtocol.Refusal, FileSystem.FileSystem | Path.Path> {
  const asked = Request.decode(method, params)
  if (asked === undefined) {
    yield* apply(live, { _tag: "Unrecognized", type: `control_request/${method}`, raw: params })
    return yield* Effect.fail({ message: `${method} is not supported` })
  }
  if (asked._tag === "hook_callback") return yield* live.answerers.hook(live, asked)
  const verdict = yield* guarded(live, asked, params)
  if (verdict._tag === "Veto") return Request.deny(verdict.reason)
  const rule = asked._tag === "elicitation"
    ? undefined
    : yield* Policy.byRule(live.runtimeMode, live.directory, asked)
  if (rule === false) return Request.deny("The session is read-only.")
  if (rule === true && verdict._tag === "Allow") return Request.allow(asked)
  const key = String(id)
  const waiting = Deferred.makeUnsafe<object>()
  live.answers.set(key, waiting)
  return yield* apply(live, { _tag: "Asked", id, asked, raw: params, always: verdict._tag === "Ask" }).pipe(
    Effect.andThen(Deferred.await(waiting)),
    // In a fiber of its own, since what interrupts this one may hold the lock.
    Effect.onInterrupt(() => Effect.forkIn(apply(live, { _tag: "Withdrawn", key }), live.scope)),
    Effect.ensuring(Effect.sync(() => live.answers.delete(key)))
  )
})
