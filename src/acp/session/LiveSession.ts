/**
 * One live session: its state, the one place where the state is stepped, and what its agent's frames do to it.
 *
 * Inputs are taken one after the other, as {@link StepLock} says.
 */
import {
  type Cause,
  Clock,
  type Context,
  Deferred,
  type Duration,
  Effect,
  type FileSystem,
  type Path,
  Queue,
  type Scope
} from "effect"
import { SecureRandom } from "effect/crypto"
import { Hex } from "effect/encoding"
import type { PeerId, Request as PeerRequest } from "../../adapter/PeerProtocol.ts"
import * as ProjectText from "../../adapter/ProjectText.ts"
import * as SecretFilter from "../../adapter/SecretFilter.ts"
import * as StepLock from "../../adapter/StepLock.ts"
import type { TurnId } from "../../domain/Ids.ts"
import type { RuntimeMode } from "../../domain/RuntimeMode.ts"
import type { ProviderEvent } from "../../domain/ThreadEvent.ts"
import type { ModelSelection } from "../../domain/TurnInput.ts"
import type { SendTurnError, StartInput } from "../../provider/ProviderAdapter.ts"
import * as SessionSetup from "../../provider/SessionSetup.ts"
import type { Connection } from "../process/Connection.ts"
import { type Mode, type Profile, textIn } from "../Profile.ts"
import * as Request from "../protocol/Request.ts"
import * as Update from "../protocol/Update.ts"
import * as Turn from "../turn/Turn.ts"
import { aboutOf } from "../turn/TurnItems.ts"
import * as TurnRequests from "../turn/TurnRequests.ts"
import { type Input, make as makeState, type State, type Want } from "../turn/TurnState.ts"
import * as Guarding from "./Guarding.ts"
import type { Project } from "./Project.ts"
import * as Rule from "./Rule.ts"
import * as Selection from "./Selection.ts"
import { resumes, type Started } from "./SessionStart.ts"

export interface Deadlines {
  /**
   * How long an agent may take to end a turn that it was told to cancel, until its session is given up. Default: 20
   * seconds.
   */
  readonly cancelDeadline?: Duration.Input | undefined
}

export interface LiveSession extends Omit<Started, "mode">, StepLock.Stepped<State> {
  runtimeMode: RuntimeMode
  mode: Mode
  readonly connection: Connection
  readonly profile: Profile
  readonly input: StartInput
  readonly scope: Scope.Scope
  readonly clock: Clock.Clock
  /** Requests of the agent's that wait for the user. */
  readonly answers: Map<string, Deferred.Deferred<object>>
  readonly guarding: Guarding.Guarding
  readonly cancelDeadline: Duration.Input
  /** Done with the first sign of the agent's that it works on what was sent, unless it was refused before. */
  taken: Deferred.Deferred<void, SendTurnError>
  /** Done once the turn that was sent last has ended, however. */
  over: Deferred.Deferred<void>
  /** The agent did not end a turn that it was told to. */
  givenUp: boolean
  /** What the model is to read before the first prompt. */
  seed: ReadonlyArray<string>
  resumable: boolean
  /** Whether it ever will be. */
  readonly resumes: boolean
  /** What the session has of its model, for turns that name none. */
  readonly model: ModelSelection | undefined
  /** The agent's own mode that it is to be in. */
  agentMode: string | undefined
  /** How often it has left it by itself since the last prompt. */
  strayed: number
}

export const open = Effect.fnUntraced(function*(options: {
  readonly connection: Connection
  readonly profile: Profile
  readonly input: StartInput
  readonly started: Started
  readonly project: Project
  readonly cancelDeadline: Duration.Input | undefined
}): Effect.fn.Return<LiveSession, never, Scope.Scope | FileSystem.FileSystem | Path.Path> {
  const { cancelDeadline = "20 seconds", connection, input, profile, project, started } = options
  const live: LiveSession = {
    ...started,
    runtimeMode: input.runtimeMode,
    connection,
    profile,
    input,
    scope: yield* Effect.scope,
    clock: yield* Clock.Clock,
    lock: StepLock.make(),
    filter: SecretFilter.make([...connection.secrets, ...SessionSetup.secrets(input.setup)]),
    events: yield* Queue.bounded<ProviderEvent, Cause.Done>(eventCapacity),
    answers: new Map(),
    guarding: Guarding.make(),
    cancelDeadline,
    taken: Deferred.makeUnsafe(),
    over: Deferred.makeUnsafe(),
    givenUp: false,
    seed: [
      ...input.setup?.instructions === undefined ? [] : [input.setup.instructions],
      ...project.instructions,
      ...input.from._tag === "Seeded" ? [input.from.transcript] : []
    ],
    resumable: started.origin._tag !== "New" || profile.resumable === "at-once",
    resumes: resumes(profile, connection),
    model: Selection.current(started.offered),
    agentMode: started.mode.mode,
    strayed: 0,
    // Agents count their requests from 0 in every process.
    state: makeState(Hex.encode(SecureRandom.randomBytesUnsafe(6)), profile, connection.methods, started.offered)
  }
  const files = yield* Effect.context<FileSystem.FileSystem | Path.Path>()
  // Runs before the agent ends: releases what waits for a reader that has gone.
  yield* Effect.addFinalizer(() => Effect.andThen(Queue.end(live.events), Queue.shutdown(live.events)))
  yield* Effect.forkScoped(Effect.andThen(connection.peer.closed, Queue.end(live.events)))
  yield* Queue.offerAll(live.events, ProjectText.warning(project.ignored))
  yield* connection.listen({
    onNotification: (method, params) => notified(live, method, params),
    onRequest: (request) => requested(live, files, request),
    onReport: (report) =>
      report._tag === "RequestRefused" && isIgnored(profile, report.request.method)
        ? Effect.void
        : apply(live, unrecognized(report._tag, report))
  })
  return live
})

const eventCapacity = 4096

const unrecognized = (type: string, raw: unknown): Input => ({
  _tag: "Told",
  update: { _tag: "Unrecognized", type, raw },
  raw
})

const steps = StepLock.steps<LiveSession, State, Input, Want>({
  reduce: (live, input) => Turn.reduce(live.state, input, live.clock.currentTimeMillisUnsafe()),
  fulfil: (live, want) => fulfil(live, want)
})

/** Steps the state and lets the events out. */
export const apply = steps.take

const fulfil = (live: LiveSession, { _tag, native: { asked, id } }: Want): Effect.Effect<boolean> =>
  reply(
    live,
    id,
    _tag === "Allow" && asked._tag === "session/request_permission"
      ? Request.permissionAnswer(asked, true)
      : Request.noAnswer(asked)
  )

/** The answer to a request, or `false` if the agent no longer waits for it. */
export const reply = (live: LiveSession, id: PeerId, answer: object): Effect.Effect<boolean> => {
  const waiting = live.answers.get(String(id))
  return waiting === undefined ? Effect.succeed(false) : Deferred.succeed(waiting, answer)
}

const notified = (live: LiveSession, method: string, params: unknown): Effect.Effect<void> => {
  const { modeOf, updateOf } = live.profile
  if (method === "session/update") {
    const told = Update.ofSession(params)
    if (told?.sessionId !== live.sessionId) return apply(live, unrecognized(method, params))
    const update = Update.decode(told.update)
    Deferred.doneUnsafe(live.taken, Effect.void)
    const applied = steps.takeNow(live, { _tag: "Told", update, raw: told.update })
    return update._tag === "current_mode_update" || update._tag === "config_option_update"
      ? Effect.andThen(applied, keepMode(live))
      : applied
  }
  // A subagent's session has notifications of its own.
  const ours = (textIn(params, "sessionId") ?? live.sessionId) === live.sessionId
  const own = ours ? updateOf?.(method, params) : undefined
  if (own !== undefined) return apply(live, { _tag: "Told", update: Update.decode(own), raw: params })
  const mode = modeOf?.(method, params)
  if (mode !== undefined) {
    const update = { _tag: "current_mode_update", currentModeId: mode } as const
    return Effect.andThen(apply(live, { _tag: "Told", update, raw: params }), keepMode(live))
  }
  return isIgnored(live.profile, method) ? Effect.void : apply(live, unrecognized(method, params))
}

const isIgnored = ({ ignored = [] }: Profile, method: string): boolean =>
  ignored.some((name) => name.endsWith("*") ? method.startsWith(name.slice(0, -1)) : name === method)

/**
 * An agent may leave its mode by itself, after a plan for example. It is told again, and until it has taken it the
 * mode's own answers hold all the same, since they are given here.
 */
const keepMode = (live: LiveSession): Effect.Effect<void> =>
  Effect.suspend(() => {
    const { offered } = live.state
    const wanted = live.mode.mode
    if (wanted === undefined || offered.modes.current === live.agentMode) return Effect.void
    live.agentMode = wanted
    if (offered.modes.current === wanted) return Effect.void
    if (++live.strayed > strayedAtMost) return Queue.end(live.events)
    return Selection.setMode(live, offered, wanted).pipe(
      Effect.flatMap((offered) => apply(live, { _tag: "Chosen", offered })),
      // What cannot be kept is not worked in.
      Effect.catch(() => Queue.end(live.events)),
      Effect.forkIn(live.scope),
      Effect.asVoid
    )
  })

/** One that leaves its mode each time that it is told would be told for ever. */
const strayedAtMost = 10

const requested = (
  live: LiveSession,
  files: Context.Context<FileSystem.FileSystem | Path.Path>,
  { id, method, params }: PeerRequest
): Effect.Effect<unknown> | undefined => {
  const { requests } = live.profile
  const own = requests?.permissionOf(method, params)
  const asked = own === undefined ? Request.decode(method, params) : Request.permission(live.sessionId, own)
  if (asked === undefined) return undefined
  const answered: Effect.Effect<object> = Deferred.succeed(live.taken, undefined).pipe(
    Effect.andThen(decided(live, asked, params)),
    Effect.flatMap((decision) => {
      if (decision === undefined) return Effect.succeed(Request.noAnswer(asked))
      const { always, rule } = decision
      return rule === undefined || asked._tag !== "session/request_permission"
        ? waitFor(live, id, asked, params, always)
        : Effect.as(apply(live, { _tag: "Ruled", asked, allow: rule }), Request.permissionAnswer(asked, rule))
    }),
    Effect.provide(files)
  )
  return own === undefined || requests === undefined ? answered : Effect.map(answered, requests.answerOf)
}

/** What the app's guards and the mode say; without a rule the user is asked. Nothing where the turn is over by then. */
const decided = Effect.fnUntraced(function*(live: LiveSession, asked: Request.Asked, raw: unknown) {
  const { input: { toolGuard }, state: { turn } } = live
  const verdict = toolGuard === undefined || asked._tag !== "session/request_permission"
    ? { _tag: "Allow" } as const
    : yield* live.guarding.ask(toolGuard(TurnRequests.toolOf(live.state, asked, raw)))
  if (verdict === undefined || live.state.turn?.turnId !== turn?.turnId) return undefined
  if (verdict._tag === "Veto") return { rule: false, always: false }
  const always = verdict._tag === "Ask"
  const rule = yield* byRule(live, asked)
  return { rule: rule === true && always ? undefined : rule, always }
})

const byRule = (live: LiveSession, asked: Request.Asked) => {
  if (asked._tag !== "session/request_permission") return Effect.undefined
  const { call } = aboutOf(live.state, asked.toolCall)
  // Whether a plan that was asked for is carried out is the user's to say, in every mode that carries anything out.
  const isPlan = Request.kindOf(call.kind) === "plan" && live.profile.plan !== undefined &&
    live.agentMode === live.profile.plan
  if (isPlan && live.mode.answer === "allow") return Effect.undefined
  const trusted = live.input.projectConfig === "trust"
  const rule = live.mode.answer === "allow" ? undefined : live.profile.ruleOf?.(call, trusted)
  if (rule !== undefined) return Effect.succeed(rule)
  return live.profile.questionsOf?.({ ...asked, toolCall: call }) === undefined
    ? Rule.byRule(live.mode, live.directory, call)
    : Effect.undefined
}

const waitFor = Effect.fnUntraced(function*(
  live: LiveSession,
  id: PeerId,
  asked: Request.Asked,
  raw: unknown,
  always: boolean
) {
  const waiting = Deferred.makeUnsafe<object>()
  live.answers.set(String(id), waiting)
  return yield* apply(live, { _tag: "Asked", id, asked, raw, always }).pipe(
    Effect.andThen(Deferred.await(waiting)),
    Effect.onInterrupt(() => apply(live, { _tag: "Withdrawn", id })),
    Effect.ensuring(Effect.sync(() => live.answers.delete(String(id))))
  )
})

/**
 * Ends a turn that the agent, although it was told, does not end. What it does then is not known, so its session ends
 * with it.
 */
export const giveUp = Effect.fnUntraced(function*(live: LiveSession, turnId: TurnId) {
  const { over } = live
  if ((yield* Effect.timeoutOption(Deferred.await(over), live.cancelDeadline))._tag === "Some") return
  live.givenUp = true
  yield* apply(live, { _tag: "GivenUp", turnId })
  yield* Queue.end(live.events)
  yield* Deferred.succeed(over, undefined)
})
