/** Requests on a real external server: what other clients of it, and answers that go astray, do to them. */
import { assert, it } from "@effect/vitest"
import { Effect, Schedule } from "effect"
import { ThreadId } from "../../../src/domain/Ids.ts"
import { OpenCode } from "../../../src/opencode/index.ts"
import { ModelReply, type ModelScript } from "../../../src/testing/index.ts"
import * as Loopback from "../../support/Loopback.ts"
import * as OpenCodeServer from "../../support/OpenCodeServer.ts"
import { drive } from "../../support/OpenCodeSessions.ts"

const { open, platform } = OpenCodeServer

const bash: ModelScript.ModelScript = (request) =>
  request.afterToolResult
    ? ModelReply.text("Done.")
    : ModelReply.call("bash", { command: "echo one", description: "Says one" })

/** A server of the user's, which asks about commands. */
const opened = open(bash, { config: { permission: { bash: "ask" } } })

const started = ({ directory }: OpenCodeServer.Opened) =>
  ({
    threadId: ThreadId.make("ours"),
    directory,
    runtimeMode: "approval-required",
    projectConfig: "trust",
    from: { _tag: "New" }
  }) as const

const attach = ({ server }: OpenCodeServer.Opened) =>
  OpenCode.make({ baseUrl: server.baseUrl, password: server.password })

/** Another client runs a command in a session of its own, and allows it and its like for always. */
const allowAlways = Effect.fnUntraced(function*({ call, createSession, directory, prompt }: OpenCodeServer.Opened) {
  yield* prompt(yield* createSession, "run it")
  const requests = yield* call("permission.list", directory, (client, signal) => client.permission.list({}, { signal }))
    .pipe(Effect.repeat({ until: (requests) => requests.length > 0, schedule: Schedule.spaced("50 millis") }))
  const [request] = requests
  assert.isDefined(request)
  yield* call(
    "permission.reply",
    directory,
    (client, signal) => client.permission.reply({ requestID: request.id, reply: "always" }, { signal })
  )
})

it.live("P7 opencode: an \"always\" given elsewhere in the directory ends the session with a warning, and no other starts", () =>
  Effect.gen(function*() {
    const server = yield* opened
    const adapter = yield* attach(server)
    const driven = yield* drive(yield* adapter.startSession(started(server)))
    yield* allowAlways(server)
    assert.strictEqual((yield* driven.next("Warning")).code, "policy-bypassed")
    assert.strictEqual((yield* Effect.flip(adapter.startSession(started(server))))._tag, "PolicyUnenforceable")
    yield* adapter.startSession({ ...started(server), runtimeMode: "full-access" })
  }).pipe(Effect.scoped, Effect.provide(platform)))

it.live("P7 opencode: one that was given before is noticed by the first command that runs unasked", () =>
  Effect.gen(function*() {
    const server = yield* opened
    yield* allowAlways(server)
    const adapter = yield* attach(server)
    const driven = yield* drive(yield* adapter.startSession(started(server)))
    yield* driven.send("run it")
    assert.strictEqual((yield* driven.next("Warning")).code, "policy-bypassed")
    assert.isFalse(driven.seen.some(({ _tag }) => _tag === "ApprovalRequested"))
    assert.strictEqual((yield* Effect.flip(adapter.startSession(started(server))))._tag, "PolicyUnenforceable")
  }).pipe(Effect.scoped, Effect.provide(platform)))

it.live("P7 opencode: rules that another client has changed are asserted again, with a warning", () =>
  Effect.gen(function*() {
    const server = yield* opened
    const adapter = yield* attach(server)
    const driven = yield* drive(yield* adapter.startSession(started(server)))
    yield* server.call("session.update", server.directory, (client, signal) =>
      client.session.update({
        sessionID: driven.session.sessionId,
        permission: [{ permission: "bash", pattern: "*", action: "allow" }]
      }, { signal }))
    assert.strictEqual((yield* driven.next("Warning")).code, "policy-reasserted")
    yield* driven.send("run it")
    const { request } = yield* driven.next("ApprovalRequested")
    yield* driven.session.respondToApproval(request.requestId, { _tag: "AllowOnce" })
    assert.strictEqual((yield* driven.ending)._tag, "TurnCompleted")
    assert.strictEqual(driven.seen.filter(({ _tag }) => _tag === "Warning").length, 1)
  }).pipe(Effect.scoped, Effect.provide(platform)))

it.live("P7 opencode: after an \"always\" that another client gave, full-access is tightened by another session, or by none", () =>
  Effect.gen(function*() {
    const server = yield* opened
    const adapter = yield* attach(server)
    const driven = yield* drive(yield* adapter.startSession({ ...started(server), runtimeMode: "full-access" }))
    yield* allowAlways(server)
    // What the server said just before may be heard just after: then the session does not go on.
    const tightened = yield* driven.session.switchMode("approval-required")
    if (tightened) assert.strictEqual((yield* driven.next("Warning")).code, "policy-bypassed")
  }).pipe(Effect.scoped, Effect.provide(platform)))

it.live("P7 opencode: full-access is tightened by rules where subagents act unasked, and not while one may be at work", () =>
  Effect.gen(function*() {
    const server = yield* opened
    const adapter = yield* attach(server)
    const driven = yield* drive(yield* adapter.startSession({ ...started(server), runtimeMode: "full-access" }))
    const rules = server.call(
      "session.get",
      server.directory,
      (client, signal) => client.session.get({ sessionID: driven.session.sessionId }, { signal })
    ).pipe(Effect.map(({ permission = [] }) => permission))
    // Another client's rule is no matter of full-access, and ends with it.
    const allowed = { permission: "bash", pattern: "*", action: "allow" } as const
    yield* server.call(
      "session.update",
      server.directory,
      (client, signal) =>
        client.session.update({ sessionID: driven.session.sessionId, permission: [allowed] }, { signal })
    )
    yield* driven.send("run it")
    const tightened = yield* driven.session.switchMode("approval-required")
    assert.isFalse(tightened)
    assert.strictEqual((yield* driven.ending)._tag, "TurnCompleted")
    assert.isTrue(yield* driven.session.switchMode("approval-required"))
    assert.includeDeepMembers(yield* rules, [{ permission: "task", pattern: "general", action: "deny" }])
    yield* driven.send("run it")
    const { request } = yield* driven.next("ApprovalRequested")
    yield* driven.session.respondToApproval(request.requestId, { _tag: "AllowOnce" })
    assert.strictEqual((yield* driven.ending)._tag, "TurnCompleted")
    // From here on they are asserted as in a session that was started so.
    yield* server.call(
      "session.update",
      server.directory,
      (client, signal) =>
        client.session.update({ sessionID: driven.session.sessionId, permission: [allowed] }, { signal })
    )
    assert.strictEqual((yield* driven.next("Warning")).code, "policy-reasserted")
  }).pipe(Effect.scoped, Effect.provide(platform)))

it.live("P6 opencode: an answer that is not found while the session waits for it is an error, and can be given again", () =>
  Effect.gen(function*() {
    const server = yield* opened
    let astray = true
    const baseUrl = yield* Loopback.between(server.server.baseUrl, ({ url }, response) => {
      if (!astray || url?.includes("/reply") !== true) return false
      response.writeHead(404, { "content-type": "application/json" })
      response.end(JSON.stringify({ _tag: "PermissionNotFoundError", requestID: "per_elsewhere" }))
      return true
    })
    const adapter = yield* OpenCode.make({ baseUrl, password: server.server.password })
    const driven = yield* drive(yield* adapter.startSession(started(server)))
    yield* driven.send("run it")
    const { request } = yield* driven.next("ApprovalRequested")
    const answer = driven.session.respondToApproval(request.requestId, { _tag: "AllowOnce" })
    assert.deepInclude(yield* Effect.flip(answer), { _tag: "AgentProtocolError", status: 404 })
    assert.isFalse(driven.seen.some(({ _tag }) => _tag === "ApprovalSettled"))
    astray = false
    yield* answer
    assert.deepInclude(yield* driven.next("ApprovalSettled"), { by: "user" })
    assert.strictEqual((yield* driven.ending)._tag, "TurnCompleted")
  }).pipe(Effect.scoped, Effect.provide(platform)))
