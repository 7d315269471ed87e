/**
 * What goes wrong between this library and OpenCode: each case is an operation of the library and the typed outcome that
 * it must have. {@link ../recordings/record-errors.ts} runs the cases on the real server and keeps what was answered;
 * the tests run them again on those answers.
 */
import { Cause, Effect, type FileSystem, type Path, Queue, Redacted, Schema, type Scope, Stream } from "effect"
import {
  type InstanceId,
  InstanceId as Instance,
  RequestId,
  SessionId,
  ThreadId,
  TurnId
} from "../../src/domain/Ids.ts"
import type { TurnInput } from "../../src/domain/TurnInput.ts"
import { cursor } from "../../src/opencode/protocol/Cursor.ts"
import * as Api from "../../src/opencode/server/Api.ts"
import * as Calls from "../../src/opencode/server/Calls.ts"
import type {
  OpenCodeConnection,
  SdkResult,
  SessionFrame,
  StreamRestored
} from "../../src/opencode/server/Connection.ts"
import { type Endpoint, health } from "../../src/opencode/server/Endpoint.ts"
import * as Session from "../../src/opencode/session/Session.ts"
import type { ProviderSession, StartInput } from "../../src/provider/ProviderAdapter.ts"
import { Exchange } from "./Exchanges.ts"
import { tested } from "./Versions.ts"

/** Where a case happens. */
export interface Place {
  readonly baseUrl: string
  readonly password: string | undefined
  /** A folder of the session's project. */
  readonly directory: string
  /** A folder of another project. */
  readonly elsewhere: string
  /** A session that is there, and one that was deleted. */
  readonly session: string
  readonly deleted: string
}

/** Tag and the fields that an app decides by. */
export type Outcome = Readonly<Record<string, unknown>> & { readonly _tag: string }

export interface Case {
  readonly label: string
  readonly operation: string
  /** In a folder whose OpenCode configuration cannot be read. */
  readonly unreadableConfiguration?: boolean
  readonly run: (place: Place) => Effect.Effect<unknown, unknown, Needs>
  readonly expected: Outcome
}

export type Needs = Scope.Scope | FileSystem.FileSystem | Path.Path

export const instanceId: InstanceId = Instance.make("opencode-errors")

/** How an operation ended, as an app sees it: without prose, without bodies. */
export const outcome = <R>(effect: Effect.Effect<unknown, unknown, R>): Effect.Effect<Outcome, never, R> =>
  effect.pipe(
    Effect.match({ onSuccess: (): Outcome => ({ _tag: "Success" }), onFailure: describe }),
    Effect.catchCause((cause) => Effect.succeed<Outcome>({ _tag: "Defect", cause: Cause.pretty(cause) }))
  )

const fields = ["status", "name", "setting", "code", "outcome", "found", "model", "requestId", "retryable", "evidence"]

const describe = (error: unknown): Outcome => {
  const found: Readonly<Record<string, unknown>> = Object(error)
  const tag = String(found["_tag"]).replace(/^OpenCode/, "")
  return {
    _tag: tag,
    ...Object.fromEntries(fields.flatMap((name) => found[name] === undefined ? [] : [[name, found[name]]]))
  }
}

/** One row of `answers.jsonl`: the last answer, and those before it. */
export const Recorded = Schema.Struct({
  label: Schema.String,
  operation: Schema.String,
  /** Nothing where the library does not even ask. */
  answer: Schema.optionalKey(Exchange),
  expected: Schema.Unknown,
  place: Schema.Struct({
    directory: Schema.String,
    elsewhere: Schema.String,
    session: Schema.String,
    deleted: Schema.String
  }),
  before: Schema.Array(Exchange)
})
export type Recorded = typeof Recorded.Type

// --- what is called ---

export const endpoint = ({ baseUrl, password }: Pick<Place, "baseUrl" | "password">): Endpoint => ({
  instanceId,
  baseUrl,
  ...(password === undefined ? {} : { password: Redacted.make(password) })
})

/** A server as its sessions see it. */
const connectionOf = (
  call: OpenCodeConnection["call"],
  subscribe: OpenCodeConnection["subscribe"]
): OpenCodeConnection => ({
  version: tested.to,
  managed: true,
  secrets: [],
  exit: Effect.undefined,
  call,
  subscribe,
  listening: () => Effect.void,
  unasking: new Set()
})

type Calling = (calls: Calls.Calls, place: Place) => Effect.Effect<unknown, unknown>

const calling = (run: Calling) =>
  Effect.fnUntraced(function*(place: Place) {
    const call = yield* Api.make(endpoint(place), { callDeadline: "10 seconds" })
    return yield* run(Calls.make(connectionOf(call, () => Effect.never), instanceId, place.directory), place)
  })

type Client = Parameters<Parameters<OpenCodeConnection["call"]>[2]>[0]

/** An operation that the library does not use itself. */
const asking = (run: (client: Client, place: Place) => Promise<SdkResult<unknown>>) =>
  Effect.fnUntraced(function*(place: Place) {
    const call = yield* Api.make(endpoint(place), { callDeadline: "10 seconds" })
    return yield* call("test", place.directory, (client) => run(client, place))
  })

const starting = (place: Place, frames: ReadonlyArray<SessionFrame>, input: Partial<StartInput> = {}) =>
  Effect.gen(function*() {
    const call = yield* Api.make(endpoint(place), { callDeadline: "10 seconds" })
    const subscribe: OpenCodeConnection["subscribe"] = () =>
      Effect.gen(function*() {
        const queue = yield* Queue.unbounded<SessionFrame | StreamRestored, Cause.Done>()
        yield* Queue.offerAll(queue, frames)
        return queue
      })
    return yield* Session.make(
      connectionOf(call, subscribe),
      instanceId,
      {
        threadId: ThreadId.make("thread"),
        directory: place.directory,
        runtimeMode: "approval-required",
        projectConfig: "trust",
        from: { _tag: "New" },
        ...input
      }
    )
  })

const resumed = (sessionId: string, directory: string): StartInput["from"] => ({
  _tag: "Resume",
  cursor: cursor.encode({
    sessionId: SessionId.make(sessionId),
    directory,
    runtimeMode: "approval-required",
    agentVersion: tested.to
  })
})

const resuming =
  (sessionOf: (place: Place) => string, input: (place: Place) => Partial<StartInput> = () => ({})) => (place: Place) =>
    starting(place, [], {
      from: resumed(sessionOf(place), place.directory),
      ...input(place)
    })

/** Resumes the session, lets it hear the frames, and asks something of it. */
const living = (
  frames: (session: string) => ReadonlyArray<SessionFrame>,
  run: (session: ProviderSession, place: Place) => Effect.Effect<unknown, unknown>
) =>
(place: Place) =>
  Effect.gen(function*() {
    const queue = frames(place.session)
    const session = yield* starting(place, queue, { from: resumed(place.session, place.directory) })
    // The frames are heard in the background; the event that they make tells that they were.
    if (queue.length > 0) yield* Stream.runHead(session.events)
    return yield* run(session, place)
  })

// --- the cases ---

const missing = "ses_000000000000aaaaaaaaaaaaaa"
const malformed = "not-an-id"
const prompt = {
  model: { id: "scripted/scripted-1" },
  agent: "build",
  parts: [{ type: "text", text: "hello" }]
} as const
const parts = [{ type: "text" as const, text: "hello" }]
const permission = [{ permission: "bash", pattern: "*", action: "ask" }] as const

const perOperation: Readonly<Record<string, (calls: Calls.Calls, id: string) => Effect.Effect<unknown, unknown>>> = {
  "session.get": (calls, id) => calls.get(id),
  "session.messages": (calls, id) => calls.messages(id),
  "session.children": (calls, id) => calls.children(id),
  "session.promptAsync": (calls, id) => calls.prompt(id, prompt),
  "session.prompt": (calls, id) => calls.note(id, prompt),
  "session.fork": (calls, id) => calls.fork(id),
  "session.update": (calls, id) => calls.appendRules(id, permission),
  "session.summarize": (calls, id) => calls.summarize(id, prompt.model),
  "session.abort": (calls, id) => calls.abort(id),
  "session.move": (calls, id) => calls.move(id, "/")
}

/** Where a refusal has a meaning, the call leaves it to its caller. */
const left = new Set(["session.get", "session.promptAsync", "session.move"])

const refused = (operation: string, status: number, name: string): Outcome =>
  left.has(operation) || operation.endsWith(".reply") || operation.endsWith(".reject")
    ? { _tag: "ApiRefusal", status, name }
    : { _tag: "AgentProtocolError", status, name, retryable: false }

const onSession = (what: string, id: (place: Place) => string, expected: (operation: string) => Outcome) =>
  Object.entries(perOperation).map(([operation, run]): Case => ({
    label: `${operation} of ${what}`,
    operation,
    run: calling((calls, place) => run(calls, id(place))),
    expected: expected(operation)
  }))

const succeeded: Outcome = { _tag: "Success" }
/** An abort finds nothing to stop; a move says nothing of the session. */
const gone = (operation: string): Outcome => {
  if (operation === "session.abort") return succeeded
  return operation === "session.move"
    ? refused(operation, 400, "MoveSessionError")
    : refused(operation, 404, "NotFoundError")
}
const unauthorized: Outcome = { _tag: "AgentUnauthorized", status: 401, retryable: false }
const unreadable = (name = "ConfigJsonError"): Outcome => ({
  _tag: "AgentProtocolError",
  status: 400,
  name,
  retryable: false
})

const asked = (sessionId: string, type: string, properties: object): SessionFrame => ({
  _tag: "Frame",
  sessionId,
  type,
  properties: { sessionID: sessionId, ...properties }
})
const askedPermission = (session: string) => [
  asked(session, "permission.asked", { id: "per_x", permission: "bash", patterns: ["ls"], always: ["ls *"] })
]
const askedQuestion = (session: string) => [
  asked(session, "question.asked", { id: "que_x", questions: [{ question: "Which?", options: [] }] })
]
const sending = (session: ProviderSession, input: Partial<TurnInput>) =>
  session.sendTurn({ turnId: TurnId.make("turn"), ref: undefined, input: { prompt: "hello", ...input } })

const withPassword = (password: string | undefined, run: Case["run"]): Case["run"] => (place) =>
  run({ ...place, password })

const passwords = [["no password", undefined], ["a wrong password", "wrong"]] as const

const guarded: ReadonlyArray<readonly [string, Case["run"]]> = [
  ["global.health", (place) => health(endpoint(place), "10 seconds")],
  ["session.get", calling((calls, { session }) => calls.get(session))],
  ["session.promptAsync", calling((calls, { session }) => calls.prompt(session, prompt))],
  ["permission.reply", calling((calls) => calls.replyPermission("per_x", "once"))],
  ["session.status", calling((calls) => calls.busy)],
  ["start", resuming(({ session }) => session)]
]

/** Cases that the real server answers. */
export const answered: ReadonlyArray<Case> = [
  ...onSession(
    "a missing session",
    () => missing,
    (operation) => gone(operation)
  ),
  ...onSession(
    "a deleted session",
    ({ deleted }) => deleted,
    (operation) => gone(operation)
  ),
  ...onSession(
    "a malformed id",
    () => malformed,
    (operation) =>
      operation === "session.move" ? refused(operation, 400, "BadRequest") : refused(operation, 500, "UnknownError")
  ),
  {
    label: "session.get of an empty id answers all sessions",
    operation: "session.get",
    run: calling((calls) => calls.get("")),
    expected: { _tag: "AgentProtocolError", retryable: false }
  },
  {
    label: "session.promptAsync with an empty id",
    operation: "session.promptAsync",
    run: calling((calls) => calls.prompt("", prompt)),
    expected: { _tag: "ApiRefusal" }
  },
  {
    label: "start from a missing session",
    operation: "start",
    run: resuming(() => missing),
    expected: { _tag: "SessionMissing", retryable: false, evidence: { status: 404, name: "NotFoundError" } }
  },
  {
    label: "start from a deleted session",
    operation: "start",
    run: resuming(({ deleted }) => deleted),
    expected: { _tag: "SessionMissing", retryable: false, evidence: { status: 404, name: "NotFoundError" } }
  },
  {
    label: "start from a malformed id, which is never asked for",
    operation: "start",
    run: resuming(() => malformed),
    expected: { _tag: "CursorRejected", outcome: "Malformed", retryable: false }
  },
  {
    label: "start from a session in another project's directory",
    operation: "start",
    run: resuming(({ session }) => session, ({ elsewhere }) => ({ directory: elsewhere })),
    expected: { _tag: "DirectoryUnreachable", retryable: false }
  },
  {
    label: "start with an unknown model",
    operation: "start",
    run: resuming(({ session }) => session, () => ({ model: { id: "scripted/nothing" } })),
    expected: { _tag: "ModelUnavailable", model: "scripted/nothing", retryable: false }
  },
  {
    label: "start with an unknown provider",
    operation: "start",
    run: resuming(({ session }) => session, () => ({ model: { id: "nobody/nothing" } })),
    expected: { _tag: "ModelUnavailable", model: "nobody/nothing", retryable: false }
  },
  {
    label: "an approval that OpenCode does not know",
    operation: "respondToApproval",
    run: living(
      askedPermission,
      (session) => session.respondToApproval(RequestId.make("per_x"), { _tag: "AllowOnce" })
    ),
    expected: { _tag: "RequestGone", requestId: "per_x", retryable: false }
  },
  {
    label: "a denial that OpenCode does not know",
    operation: "respondToApproval",
    run: living(
      askedPermission,
      (session) => session.respondToApproval(RequestId.make("per_x"), { _tag: "Deny", reason: "no" })
    ),
    expected: { _tag: "RequestGone", requestId: "per_x", retryable: false }
  },
  {
    label: "an answer to a question that OpenCode does not know",
    operation: "answerQuestion",
    run: living(
      askedQuestion,
      (session) => session.answerQuestion(RequestId.make("que_x"), { _tag: "Answered", answers: [["A"]] })
    ),
    expected: { _tag: "RequestGone", requestId: "que_x", retryable: false }
  },
  {
    label: "a question dismissed that OpenCode does not know",
    operation: "answerQuestion",
    run: living(askedQuestion, (session) => session.answerQuestion(RequestId.make("que_x"), { _tag: "Dismissed" })),
    expected: { _tag: "RequestGone", requestId: "que_x", retryable: false }
  },
  {
    label: "a turn for an unknown agent, which is never sent",
    operation: "sendTurn",
    run: living(() => [], (session) => sending(session, { agent: "nobody" })),
    expected: { _tag: "TurnRefused", name: "AgentNotFound", retryable: false }
  },
  {
    label: "a turn for an unknown model, which is never sent",
    operation: "sendTurn",
    run: living(() => [], (session) => sending(session, { model: { id: "scripted/nothing" } })),
    expected: { _tag: "ModelUnavailable", model: "scripted/nothing", retryable: false }
  },
  {
    label: "permission.reply to a malformed id",
    operation: "permission.reply",
    run: calling((calls) => calls.replyPermission("x", "once")),
    expected: { _tag: "ApiRefusal" }
  },
  {
    label: "question.reply to a malformed id",
    operation: "question.reply",
    run: calling((calls) => calls.replyQuestion("x", [["A"]])),
    expected: { _tag: "ApiRefusal" }
  },
  {
    label: "session.move to another project",
    operation: "session.move",
    run: calling((calls, { elsewhere, session }) => calls.move(session, elsewhere)),
    expected: { _tag: "ApiRefusal", status: 400, name: "MoveSessionError" }
  },
  {
    label: "session.move to a directory that does not exist",
    operation: "session.move",
    run: calling((calls, { elsewhere, session }) => calls.move(session, `${elsewhere}/nowhere`)),
    expected: { _tag: "ApiRefusal" }
  },
  {
    label: "session.messages with a negative limit",
    operation: "session.messages",
    run: calling((calls, { session }) => calls.messages(session, -1)),
    expected: { _tag: "AgentProtocolError", status: 400, name: "BadRequest", retryable: false }
  },
  {
    label: "session.promptAsync with a malformed message id",
    operation: "session.promptAsync",
    run: calling((calls, { session }) => calls.prompt(session, { ...prompt, messageId: "x" })),
    expected: { _tag: "ApiRefusal", status: 400, name: "BadRequest" }
  },
  {
    label: "session.create with rules of another shape",
    operation: "session.create",
    run: asking((client) =>
      client.session.create({ permission: JSON.parse(`[{"permission":"bash","pattern":"*","action":"maybe"}]`) })
    ),
    expected: { _tag: "ApiRefusal", status: 400, name: "BadRequest" }
  },
  {
    label: "session.prompt with a model of another shape",
    operation: "session.prompt",
    run: asking((client, { session }) =>
      client.session.prompt({ sessionID: session, parts, model: JSON.parse(`{"providerID":1}`) })
    ),
    expected: { _tag: "ApiRefusal", status: 400, name: "BadRequest" }
  },
  {
    label: "session.prompt with a model that is not there",
    operation: "session.prompt",
    run: asking((client, { session }) =>
      client.session.prompt({ sessionID: session, parts, model: { providerID: "nobody", modelID: "nothing" } })
    ),
    expected: { _tag: "ApiRefusal", status: 500, name: "UnknownError" }
  },
  {
    label: "session.delete of a missing session",
    operation: "session.delete",
    run: asking((client) => client.session.delete({ sessionID: missing })),
    expected: { _tag: "ApiRefusal", status: 404, name: "NotFoundError" }
  },
  {
    label: "session.revert of a missing session",
    operation: "session.revert",
    run: asking((client) => client.session.revert({ sessionID: missing, messageID: "msg_x" })),
    expected: { _tag: "ApiRefusal", status: 404, name: "NotFoundError" }
  },
  {
    label: "session.message that is missing",
    operation: "session.message",
    run: asking((client, { session }) =>
      client.session.message({ sessionID: session, messageID: "msg_000000000000aaaaaaaaaaaaaa" })
    ),
    expected: { _tag: "ApiRefusal", status: 404, name: "NotFoundError" }
  },
  {
    label: "session.get under a wrong path",
    operation: "session.get",
    run: (place) =>
      calling((calls, { session }) => calls.get(session))({ ...place, baseUrl: `${place.baseUrl}/nothing-here` }),
    expected: { _tag: "ApiRefusal" }
  },
  ...passwords.flatMap(([what, password]) =>
    guarded.map(([operation, run]): Case => ({
      label: `${operation} with ${what}`,
      operation,
      run: withPassword(password, run),
      expected: unauthorized
    }))
  ),
  ...Object.entries({
    "session.create": calling((calls) => calls.create("title", {}, [])),
    "app.agents": calling((calls) => calls.agents),
    "config.providers": calling((calls) => calls.providers),
    "config.get": calling((calls) => calls.config),
    "session.status": calling((calls) => calls.busy),
    "start": (place: Place) => starting(place, [])
  }).map(([operation, run]): Case => ({
    label: `${operation} with a configuration that cannot be read`,
    operation,
    unreadableConfiguration: true,
    run,
    expected: operation === "start"
      ? { _tag: "AgentMisconfigured", setting: "ConfigJsonError", retryable: false }
      : unreadable()
  }))
]
