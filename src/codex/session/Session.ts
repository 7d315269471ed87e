/**
 * A live Codex thread as the service sees it.
 */
import { Effect, FileSystem, Option, Path, Queue, Stream } from "effect"
import * as Adapter from "../../adapter/Adapter.ts"
import * as ProjectText from "../../adapter/ProjectText.ts"
import * as RequestBook from "../../adapter/RequestBook.ts"
import * as SecretFilter from "../../adapter/SecretFilter.ts"
import { type InstanceId, type RequestId, SessionId } from "../../domain/Ids.ts"
import type { ModelSelection } from "../../domain/TurnInput.ts"
import { ModelUnavailable, RequestGone } from "../../provider/AdapterError.ts"
import type { OffersInput } from "../../provider/Offers.ts"
import type { ProviderSession, SessionQuery, StartInput, StartSessionError } from "../../provider/ProviderAdapter.ts"
import * as AppServer from "../process/AppServer.ts"
import type * as AppServers from "../process/AppServers.ts"
import type { Gate } from "../process/Gate.ts"
import { capabilities } from "../protocol/Capabilities.ts"
import { cursor, provider } from "../protocol/Cursor.ts"
import * as Request from "../protocol/Request.ts"
import * as Account from "./Account.ts"
import * as Compaction from "./Compaction.ts"
import * as Copies from "./Copies.ts"
import * as Delivery from "./Delivery.ts"
import * as History from "./History.ts"
import * as Listing from "./Listing.ts"
import * as LiveSession from "./LiveSession.ts"
import * as Offers from "./Offers.ts"
import * as Opening from "./Opening.ts"
import * as Policy from "./Policy.ts"
import * as Rollout from "./Rollout.ts"
import * as SessionStart from "./SessionStart.ts"
import * as Setup from "./Setup.ts"

export interface Options extends AppServer.Options, SessionStart.ThreadOptions, LiveSession.Deadlines {}

/** What all sessions of an instance use. */
export interface Instance {
  readonly instanceId: InstanceId
  readonly options: Options
  readonly servers: AppServers.AppServers
  /** Made once it is needed. */
  readonly gate: Effect.Effect<Gate, StartSessionError>
}

export const make = Effect.fn("Codex.startSession")(function*(
  instance: Instance,
  input: StartInput
): Effect.fn.Return<ProviderSession, StartSessionError, AppServer.Needs> {
  const { gate, instanceId, options, servers } = instance
  const hook = Compaction.isWanted(input) ? yield* gate : undefined
  const lease = yield* servers.get(
    Setup.hasVariables(input.setup) ? undefined : setupOf(options, hook === undefined ? "plain" : "gated"),
    AppServer.start(
      instanceId,
      Setup.withVariables(options, input.setup),
      hook === undefined ? undefined : { gate: hook, directory: input.directory }
    )
  )
  const { server } = lease
  const secrets = [...server.secrets, ...SessionStart.secretsOf(options)]
  const cover = SecretFilter.values(secrets)
  const { gated, live, started } = yield* server.opening(Effect.gen(function*() {
    // Hooks are the app-server's, so what it says of them does not wait for the thread.
    const [started, gated] = yield* Effect.all(
      [SessionStart.start(server, input, options), Compaction.ready(server, hook, input.directory)],
      { concurrency: 2 }
    )
    const live = yield* LiveSession.open({
      lease,
      input,
      started,
      secrets,
      gated: hook !== undefined,
      retryDeadline: options.retryDeadline
    })
    return { gated, live, started }
  }))
  if (hook !== undefined) yield* Compaction.listen(live, hook)
  yield* Queue.offerAll(live.events, ProjectText.warning(started.project.ignored))
  const files = yield* Effect.context<FileSystem.FileSystem | Path.Path>()
  const { directory, origin, sessionId } = started
  const stored = (id: string) =>
    cursor.encode({
      sessionId: SessionId.make(id),
      directory,
      runtimeMode: live.runtimeMode,
      agentVersion: server.version
    })
  const answered = (requestId: RequestId, given: RequestBook.Answer, toReply: (asked: Request.Asked) => object) =>
    LiveSession.apply(live, { _tag: "Answering", requestId, given }).pipe(
      Effect.andThen(Effect.suspend(() => {
        const open = RequestBook.answered(live.state.requests, requestId, given)
        return open === undefined
          ? Effect.succeed(false)
          : LiveSession.reply(live, open.native.id, toReply(open.native.asked))
      })),
      // What the book says was answered must have been.
      Effect.uninterruptible,
      Effect.flatMap((waits) => waits ? Effect.void : Effect.fail(new RequestGone({ requestId })))
    )
  return Adapter.session(provider, {
    sessionId,
    directory,
    agentVersion: server.version,
    origin,
    cursor: Effect.sync(() => live.resumable ? Option.some(stored(sessionId)) : Option.none()),
    events: Stream.fromQueue(live.events),
    exit: Effect.map(server.exit, cover),
    capabilities,
    turnRef: (turnId) => Effect.succeed(turnId),
    checkModel: (model) => checkModel(live, model),
    rename: (name) =>
      Effect.mapError(
        Effect.asVoid(server.peer.call("thread/name/set", { threadId: sessionId, name })),
        Opening.toAgentError(server)
      ),
    // Codex itself is told of no other policy while a thread is loaded.
    switchMode: (runtimeMode) =>
      Effect.sync(() => {
        if (!Policy.isSame(live.runtimeMode, runtimeMode)) return false
        live.runtimeMode = runtimeMode
        return true
      }),
    sendTurn: (turn) => Effect.andThen(gated, Effect.provide(Delivery.send(live, turn), files)),
    steerTurn: (turn) => Effect.andThen(gated, Effect.provide(Delivery.steer(live, turn), files)),
    interruptTurn: (turnId) => Delivery.interrupt(live, turnId),
    respondToApproval: (requestId, decision) =>
      answered(
        requestId,
        decision,
        (asked) => Request.approvalAnswer(asked, decision._tag === "AllowOnce" || decision._tag === "AllowForSession")
      ),
    answerQuestion: (requestId, answer) =>
      answered(requestId, answer, (asked) => Request.questionAnswer(asked, answer)),
    answerElicitation: (requestId, answer) => answered(requestId, answer, () => Request.elicitationAnswer(answer)),
    stopTask: (taskId) => Effect.mapError(LiveSession.stopTask(live, taskId), Opening.toAgentError(server)),
    compact: Effect.andThen(gated, Compaction.compact(live)),
    fork: (at) => Effect.map(Copies.fork(live, options, at), stored),
    rewind: (before) => Copies.rewind(live, before),
    exportSession: (since) => Effect.provide(Rollout.exportThread(server, sessionId, since), files),
    history: Effect.map(History.read(server, sessionId), cover),
    evidence: (turn) => Effect.map(History.evidence(server, sessionId, turn), cover)
  })
})

/** By what sessions share an app-server. A home that ends with its app-server is one session's. */
const setupOf = ({ isolated }: Options, setup: string) => isolated === true ? undefined : setup

/** An app-server without a gate. */
const plain = ({ instanceId, options, servers }: Instance) =>
  servers.get(setupOf(options, "plain"), AppServer.start(instanceId, options, undefined))

export const offers = (instance: Instance, { directory }: OffersInput) =>
  Effect.flatMap(plain(instance), ({ server }) => Offers.read(server, directory, modelProviderOf(instance)))

export const check = (instance: Instance) =>
  Account.check(
    instance.instanceId,
    { binary: instance.options.binary, modelProvider: modelProviderOf(instance) },
    Effect.map(plain(instance), ({ server }) => server)
  )

export const signIn = (instance: Instance, method: string) =>
  Stream.unwrap(
    Account.checkMethod(instance.instanceId, method).pipe(
      Effect.andThen(plain(instance)),
      Effect.flatMap(({ server }) => Account.signIn(server, method))
    )
  )

/** The one that the app's own settings name. */
const modelProviderOf = ({ options: { config } }: Instance) => {
  const name = config?.["model_provider"]
  return typeof name === "string" ? name : undefined
}

export const listSessions = (instance: Instance, query: SessionQuery) =>
  Effect.flatMap(plain(instance), ({ server }) => Listing.list(server, query))

/** Codex takes any name; the list is of OpenAI's own models, so it tells nothing of another provider's. */
const checkModel = Effect.fnUntraced(
  function*({ modelProvider, server }: LiveSession.LiveSession, { id }: ModelSelection) {
    if (modelProvider !== "openai") return
    const available = (yield* Offers.models(server)).map(({ id }) => id)
    if (!available.includes(id)) {
      return yield* new ModelUnavailable({ instanceId: server.instanceId, model: id, available })
    }
  }
)
