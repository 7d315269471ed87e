/**
 * A live Claude session as the service sees it.
 */
import { Effect, FileSystem, Option, Path, Stream } from "effect"
import * as Adapter from "../../adapter/Adapter.ts"
import * as RequestBook from "../../adapter/RequestBook.ts"
import * as SecretFilter from "../../adapter/SecretFilter.ts"
import type { InstanceId, RequestId, SessionId } from "../../domain/Ids.ts"
import { RequestGone } from "../../provider/AdapterError.ts"
import type { ProviderSession, StartInput, StartSessionError } from "../../provider/ProviderAdapter.ts"
import type * as Cli from "../process/Cli.ts"
import { capabilities } from "../protocol/Capabilities.ts"
import { cursor, newId, provider } from "../protocol/Cursor.ts"
import * as Request from "../protocol/Request.ts"
import * as Compaction from "./Compaction.ts"
import * as Copies from "./Copies.ts"
import * as Delivery from "./Delivery.ts"
import * as History from "./History.ts"
import * as LiveSession from "./LiveSession.ts"
import * as Mode from "./Mode.ts"
import * as OtherClient from "./OtherClient.ts"
import * as Rewind from "./Rewind.ts"
import * as SessionStart from "./SessionStart.ts"
import * as Transcript from "./Transcript.ts"

export interface Options extends Cli.Options, SessionStart.SessionOptions {}

export const make = Effect.fn("Claude.startSession")(function*(
  instanceId: InstanceId,
  options: Options,
  input: StartInput
): Effect.fn.Return<ProviderSession, StartSessionError, Cli.Needs> {
  const started = yield* SessionStart.start(instanceId, options, input)
  const files = yield* Effect.context<FileSystem.FileSystem | Path.Path>()
  const cover = SecretFilter.values(started.cli.environment.secrets)
  const live = yield* LiveSession.open(started, input, {
    hook: (live, asked) => Effect.provide(Compaction.hook(live, asked), files),
    had: (live, had) => Effect.provide(Delivery.had(live, had), files)
  })
  if (input.model !== undefined) {
    yield* Delivery.checkModel(live, input.model)
    yield* Delivery.useEffort(live, input.model)
  }
  if (input.from._tag === "Resume") yield* Effect.provide(OtherClient.look(live), files)
  if (input.from._tag === "Seeded") yield* Delivery.tell(live, input.from.transcript)
  const { cli, directory, origin, sessionId } = started
  const stored = (sessionId: SessionId, seen: number) =>
    cursor.encode({ sessionId, directory, runtimeMode: live.runtimeMode, agentVersion: cli.version, seen })
  const answered = (
    requestId: RequestId,
    given: RequestBook.Answer,
    toReply: (asked: Request.ForUser) => object
  ) =>
    LiveSession.apply(live, { _tag: "Answering", requestId, given }).pipe(
      Effect.andThen(Effect.suspend(() => {
        const open = RequestBook.answered(live.state.requests, requestId, given)
        return open === undefined
          ? Effect.succeed(false)
          : LiveSession.reply(live, open.native.id, toReply(open.native.asked))
      })),
      Effect.flatMap((waits) => waits ? Effect.void : Effect.fail(new RequestGone({ requestId }))),
      Effect.andThen(LiveSession.apply(live, { _tag: "Settled", requestId }))
    )
  const isResumable = Effect.suspend(() =>
    live.resumable
      ? Effect.succeed(true)
      : Effect.tap(Transcript.isResumable(cli.environment.config, sessionId), (isThere) =>
        Effect.sync(() => {
          live.resumable = isThere
        }))
  )
  return Adapter.session(provider, {
    sessionId,
    directory,
    agentVersion: cli.version,
    origin,
    cursor: Effect.map(
      Effect.provide(isResumable, files),
      (isThere) => isThere ? Option.some(stored(sessionId, live.seen)) : Option.none()
    ),
    events: Stream.fromQueue(live.events),
    exit: Effect.suspend(() => live.cli.exit),
    capabilities,
    turnRef: () => newId,
    checkModel: (model) => Delivery.checkModel(live, model),
    switchMode: (runtimeMode) => Mode.take(live, runtimeMode),
    sendTurn: (turn) => Effect.andThen(Compaction.ready(live), Effect.provide(Delivery.send(live, turn), files)),
    steerTurn: (turn) => Effect.andThen(Compaction.ready(live), Effect.provide(Delivery.steer(live, turn), files)),
    interruptTurn: (turnId) => Delivery.interrupt(live, turnId),
    respondToApproval: (requestId, decision) =>
      answered(requestId, decision, (asked) => Request.approvalAnswer(asked, decision)),
    answerQuestion: (requestId, answer) =>
      answered(requestId, answer, (asked) => Request.questionAnswer(asked, answer)),
    answerElicitation: (requestId, answer) => answered(requestId, answer, () => Request.elicitationAnswer(answer)),
    compact: Compaction.compact(live),
    fork: (at) =>
      Effect.map(Effect.provide(Copies.fork(live, at), files), ({ sessionId, size }) => stored(sessionId, size)),
    rewind: (before) => Effect.provide(Rewind.rewind(live, before), files),
    exportSession: (since) => Effect.provide(Copies.exportSession(live, since), files),
    history: Effect.map(Effect.provide(History.read(live), files), cover),
    evidence: (turn) => Effect.map(Effect.provide(History.evidence(live, turn), files), cover),
    stopTask: (taskId) =>
      live.state.tasks.has(taskId)
        ? Effect.asVoid(LiveSession.call(live, "stop_task", { task_id: taskId }))
        : Effect.void
  })
})
