/**
 * A live OpenCode session as the service sees it.
 */
import { Context, Effect, FileSystem, Option, Path, Queue, type Scope, Stream } from "effect"
import * as ProjectText from "../../adapter/ProjectText.ts"
import * as SecretFilter from "../../adapter/SecretFilter.ts"
import { type InstanceId, type RequestId, SessionId, type TurnId } from "../../domain/Ids.ts"
import type { RuntimeMode } from "../../domain/RuntimeMode.ts"
import type { ApprovalDecision, QuestionAnswer } from "../../domain/UserRequest.ts"
import { type AgentError, CapabilityMissing, RequestGone } from "../../provider/AdapterError.ts"
import type { ProviderSession, StartInput, StartSessionError } from "../../provider/ProviderAdapter.ts"
import { capabilities, external } from "../protocol/Capabilities.ts"
import { cursor, provider } from "../protocol/Cursor.ts"
import type { ApiRefusal, OpenCodeConnection } from "../server/Connection.ts"
import * as Denials from "../turn/Denials.ts"
import * as Background from "./Background.ts"
import * as Compaction from "./Compaction.ts"
import * as Delivery from "./Delivery.ts"
import * as Enforcement from "./Enforcement.ts"
import * as Hearing from "./Hearing.ts"
import * as History from "./History.ts"
import * as LiveSession from "./LiveSession.ts"
import * as McpServers from "./McpServers.ts"
import * as Models from "./Models.ts"
import * as Rewind from "./Rewind.ts"
import * as SessionStart from "./SessionStart.ts"

export const make = Effect.fn("OpenCode.startSession")(function*(
  connection: OpenCodeConnection,
  instanceId: InstanceId,
  input: StartInput
): Effect.fn.Return<ProviderSession, StartSessionError, Scope.Scope | FileSystem.FileSystem | Path.Path> {
  const started = yield* SessionStart.start(connection, instanceId, input)
  const { calls, origin, sessionId } = started
  if (input.ephemeral === true) {
    yield* Effect.addFinalizer(() => Effect.ignore(calls.remove(sessionId), { log: "Warn" }))
  }
  // Registered before the session opens, so that it is released after the session's work has ended.
  const gate = yield* Compaction.enter(connection, instanceId, started, input)
  const live = yield* Hearing.open(connection, instanceId, started, gate, input.toolGuard)
  Compaction.listen(live, input)
  yield* Queue.offerAll(live.events, ProjectText.warning(started.project.ignored))
  yield* McpServers.watch(live)
  live.background.look = Background.watch(live)
  // A session that is resumed may have left some running.
  yield* Effect.forkScoped(live.background.look)
  const files = Context.make(FileSystem.FileSystem, yield* FileSystem.FileSystem).pipe(
    Context.add(Path.Path, yield* Path.Path)
  )
  const cover = SecretFilter.values(connection.secrets)
  const stored = (sessionId: string, directory: string) =>
    cursor.encode({
      sessionId: SessionId.make(sessionId),
      directory,
      runtimeMode: live.state.policy.runtimeMode,
      agentVersion: connection.version
    })
  return {
    sessionId: SessionId.make(sessionId),
    directory: calls.directory,
    agentVersion: live.agentVersion,
    origin,
    // A session can be resumed as soon as it exists, whether or not it had a turn.
    cursor: Effect.sync(() => Option.some(stored(sessionId, calls.directory))),
    events: Stream.fromQueue(live.events),
    exit: connection.exit,
    turnRef: () => Delivery.nextId(live),
    checkModel: (model) => Models.available(calls, instanceId, model),
    rename: (title) => calls.rename(sessionId, title),
    switchMode: (runtimeMode) => useMode(live, runtimeMode),
    sendTurn: (turn) => Effect.provide(Delivery.send(live, turn), files),
    steerTurn: (turn) => Effect.provide(Delivery.steer(live, turn), files),
    interruptTurn: (turnId) => interrupt(live, turnId),
    respondToApproval: (requestId, decision) => respond(live, requestId, decision),
    answerQuestion: (requestId, answer) => answerQuestion(live, requestId, answer),
    answerElicitation: (requestId) => new RequestGone({ requestId }),
    compact: Compaction.compact(live),
    // The fork keeps the directory of its source, whatever is asked for, and loses its rules; the resume of this cursor
    // asserts them again.
    fork: Effect.fnUntraced(function*(at) {
      const end = at === undefined ? undefined : yield* Rewind.after(calls, instanceId, sessionId, at)
      const { id } = yield* calls.fork(sessionId, end)
      const fork = yield* calls.plain(calls.get(id))
      return stored(fork.id, fork.directory)
    }),
    rewind: (before) => Rewind.rewind(calls, instanceId, sessionId, before),
    exportSession: () => new CapabilityMissing({ provider, capability: "export a session" }),
    capabilities: { ...(connection.managed ? capabilities : external), compactionGate: gate.kind },
    history: Effect.map(History.read(calls, sessionId, connection.version), cover),
    evidence: ({ ref }) =>
      ref === undefined
        ? Effect.fail(new CapabilityMissing({ provider, capability: "find a turn without its message id" }))
        : Effect.map(History.readEvidence(calls, sessionId, ref), cover),
    // Its tasks are subagents, each under the id of its session, and commands that were left running.
    stopTask: (taskId) => live.state.children.get(taskId) === true ? calls.abort(taskId) : Background.stop(live, taskId)
  }
})

/** What is kept from acting unasked is kept so until the next start. */
const useMode = Effect.fnUntraced(function*(live: LiveSession.LiveSession, runtimeMode: RuntimeMode) {
  const isTightened = live.policy.runtimeMode === "full-access" && runtimeMode !== "full-access"
  const works = () => live.state.turn !== undefined || Array.from(live.state.children.values()).some((runs) => runs)
  if (isTightened && !(yield* Enforcement.tighten(live, runtimeMode, works))) return false
  yield* LiveSession.apply(live, [{ _tag: "Mode", runtimeMode }])
  return true
})

const interrupt = Effect.fn("OpenCode.interruptTurn")(function*(live: LiveSession.LiveSession, turnId: TurnId) {
  if (live.state.turn?.turnId !== turnId) return
  yield* LiveSession.apply(live, [{ _tag: "Interrupting" }])
  yield* LiveSession.abort(live, turnId)
  // An abort that finds nothing to stop is followed by no idle.
  yield* Effect.forkIn(LiveSession.check(live, { _tag: "Check", turnId }), live.scope)
})

// --- answers ---

const respond = Effect.fn("OpenCode.respondToApproval")(function*(
  live: LiveSession.LiveSession,
  requestId: RequestId,
  decision: ApprovalDecision
) {
  const open = live.state.requests.get(requestId)?.asked
  if (open?.kind !== "approval" || open.decision !== undefined) return yield* new RequestGone({ requestId })
  // "Always" would hold for every session of the directory, so what the user allows for this one is kept here.
  const reply = decision._tag === "Deny"
    ? Effect.suspend(() =>
      live.calls.replyPermission(requestId, "reject", Denials.reasonOf(live.state, open.request, decision.reason))
    )
    : live.calls.replyPermission(requestId, "once")
  yield* answered(live, requestId, decision, reply)
})

const answerQuestion = Effect.fn("OpenCode.answerQuestion")(function*(
  live: LiveSession.LiveSession,
  requestId: RequestId,
  answer: QuestionAnswer
) {
  const open = live.state.requests.get(requestId)?.asked
  if (open?.kind !== "question" || open.answer !== undefined) return yield* new RequestGone({ requestId })
  const reply = answer._tag === "Dismissed"
    ? live.calls.rejectQuestion(requestId)
    : live.calls.replyQuestion(requestId, answer.answers)
  yield* answered(live, requestId, answer, reply)
})

/**
 * Records whose answer it is before the call, because the frame that tells of it may come before the call returns. An answer
 * that was recorded is sent even if its caller has gone.
 */
const answered = (
  live: LiveSession.LiveSession,
  requestId: RequestId,
  answer: ApprovalDecision | QuestionAnswer,
  reply: Effect.Effect<unknown, AgentError | ApiRefusal>
): Effect.Effect<void, AgentError | RequestGone> =>
  LiveSession.apply(live, [{ _tag: "Answering", requestId, with: answer }]).pipe(
    // A denial may have to wait.
    Effect.andThen(Effect.suspend((): typeof reply => live.state.held.has(requestId) ? Effect.void : reply)),
    Effect.catchTag(
      "OpenCodeApiRefusal",
      (refusal): Effect.Effect<never, AgentError | RequestGone> =>
        refusal.status === 404 && refusal.name !== undefined && gone.has(refusal.name)
          ? Effect.flatMap(
            stillWaits(live, requestId),
            (waits): Effect.Effect<never, AgentError | RequestGone> =>
              waits ? live.calls.plain(Effect.fail(refusal)) : Effect.fail(new RequestGone({ requestId }))
          )
          : live.calls.plain(Effect.fail(refusal))
    ),
    Effect.tapError((error) =>
      LiveSession.apply(live, [{ _tag: "Unanswered", requestId, gone: error._tag === "RequestGone" }])
    ),
    Effect.asVoid,
    Effect.uninterruptible
  )

/**
 * OpenCode looks for a request in the directory that a call names, and says "not found" also where it has it in another.
 * One that was answered elsewhere is told of by a frame, and a session that does not work waits for nothing.
 */
const stillWaits = Effect.fnUntraced(function*(live: LiveSession.LiveSession, requestId: RequestId) {
  yield* Effect.sleep("500 millis")
  const open = live.state.requests.get(requestId)?.asked
  if (open === undefined) return false
  return yield* Effect.match(live.calls.busy, {
    onSuccess: (busy) => busy.has(open.request.sessionID),
    onFailure: () => true
  })
})

const gone = new Set(["PermissionNotFoundError", "QuestionNotFoundError"])
