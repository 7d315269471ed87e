/**
 * A live ACP session as the service sees it.
 */
import { Effect, FileSystem, Option, Path, Stream } from "effect"
import * as Adapter from "../../adapter/Adapter.ts"
import * as RequestBook from "../../adapter/RequestBook.ts"
import * as Workspace from "../../adapter/Workspace.ts"
import { ProviderName, type RequestId } from "../../domain/Ids.ts"
import { PolicyUnenforceable, RequestGone } from "../../provider/AdapterError.ts"
import type { Capabilities, ProviderSession, StartInput, StartSessionError } from "../../provider/ProviderAdapter.ts"
import * as Connection from "../process/Connection.ts"
import type { Profile } from "../Profile.ts"
import { cursorOf } from "../protocol/Cursor.ts"
import * as Request from "../protocol/Request.ts"
import type { Asked } from "../protocol/Request.ts"
import * as Delivery from "./Delivery.ts"
import * as LiveSession from "./LiveSession.ts"
import * as ModeSwitch from "./ModeSwitch.ts"
import type * as Probe from "./Probe.ts"
import * as Project from "./Project.ts"
import * as Selection from "./Selection.ts"
import * as SessionStart from "./SessionStart.ts"
import * as Setup from "./Setup.ts"

export interface Options extends Connection.Options, LiveSession.Deadlines {}

export interface Instance extends Probe.Instance {
  readonly options: Options
  readonly capabilities: Capabilities
}

export const make = Effect.fn("Acp.startSession")(function*(
  { capabilities, instanceId, options, profile }: Instance,
  asked: StartInput
): Effect.fn.Return<ProviderSession, StartSessionError, Connection.Needs> {
  const { runtimeMode } = asked
  const provider = ProviderName.make(profile.provider)
  const mode = profile.modes[runtimeMode]
  if (mode === undefined || !capabilities.runtimeModes.includes(runtimeMode)) {
    return yield* new PolicyUnenforceable({ instanceId, runtimeMode, effective: profile.modes })
  }
  yield* Setup.check(instanceId, profile, asked)
  const directory = yield* Workspace.locate({ instanceId, to: asked.directory, from: undefined })
  const input: StartInput = { ...asked, directory }
  const trusted = input.projectConfig === "trust"
  const past = yield* SessionStart.pastOf({ instanceId }, profile, input)
  const connection = yield* Connection.start(instanceId, profile, Setup.withVariables(options, input.setup), {
    directory,
    trusted,
    mode
  })
  if (!trusted && (yield* overruled(profile, connection, directory))) {
    return yield* new PolicyUnenforceable({ instanceId, runtimeMode, effective: { trusts: directory } })
  }
  const started = yield* SessionStart.start(connection, profile, mode, input, past)
  const project = yield* Project.read(profile, input)
  const live = yield* LiveSession.open({
    connection,
    profile,
    input,
    started,
    project,
    cancelDeadline: options.cancelDeadline
  })
  const files = yield* Effect.context<FileSystem.FileSystem | Path.Path>()
  const { origin, sessionId } = started
  const stored = Effect.sync(() =>
    live.resumable && live.resumes
      ? Option.some(
        cursorOf(provider).encode({
          sessionId,
          directory,
          runtimeMode: live.runtimeMode,
          agentVersion: connection.version
        })
      )
      : Option.none()
  )
  const answered = (requestId: RequestId, given: RequestBook.Answer, toReply: (asked: Asked) => object) =>
    LiveSession.apply(live, { _tag: "Answering", requestId, given }).pipe(
      Effect.andThen(Effect.suspend(() => {
        const open = RequestBook.answered(live.state.requests, requestId, given)
        return open === undefined
          ? Effect.succeed(false)
          : LiveSession.reply(live, open.native.id, toReply(open.native.asked))
      })),
      Effect.flatMap((waits) => waits ? Effect.void : Effect.fail(new RequestGone({ requestId }))),
      // No agent says that it has taken an answer.
      Effect.andThen(LiveSession.apply(live, { _tag: "Answered", requestId }))
    )
  return Adapter.session(provider, {
    sessionId,
    directory,
    agentVersion: connection.version,
    origin,
    cursor: stored,
    events: Stream.fromQueue(live.events),
    exit: connection.exit,
    capabilities,
    checkModel: (model) => Effect.suspend(() => Selection.check(connection, live.state.offered, model)),
    switchMode: (runtimeMode) => ModeSwitch.take(live, runtimeMode),
    sendTurn: (turn) => Effect.provide(Delivery.send(live, turn), files),
    interruptTurn: (turnId) => Delivery.interrupt(live, turnId),
    respondToApproval: (requestId, decision) =>
      answered(requestId, decision, (asked) => {
        if (asked._tag !== "session/request_permission") return Request.noAnswer(asked)
        return decision._tag === "Choose"
          ? Request.selected(decision.choiceId)
          : Request.permissionAnswer(asked, decision._tag !== "Deny")
      }),
    answerQuestion: (requestId, answer) =>
      answered(
        requestId,
        answer,
        (asked) =>
          asked._tag === "session/request_permission" && profile.questionAnswer !== undefined
            ? profile.questionAnswer(asked, answer)
            : Request.noAnswer(asked)
      ),
    answerElicitation: (requestId, answer) => answered(requestId, answer, () => Request.elicitationAnswer(answer))
  })
})

const overruled = ({ overrules }: Profile, connection: Connection.Connection, directory: string) =>
  overrules === undefined ? Effect.succeed(false) : overrules(directory, Connection.plainVariables(connection))
