/**
 * The promises of the README, kept by the whole library on the real OpenCode. One server for most of them; what must
 * start and stop servers has its own.
 */
import { NodeServices } from "@effect/platform-node"
import { assert, layer } from "@effect/vitest"
import {
  type Cause,
  Deferred,
  Effect,
  Exit,
  Fiber,
  FileSystem,
  Layer,
  Logger,
  Option,
  Path,
  Queue,
  Redacted,
  References,
  Schema,
  Stream,
  Tracer
} from "effect"
import { SqlClient } from "effect/sql"
import { inspect } from "node:util"
import { openCodeConfig } from "../../examples/support/OpenCodeConfig.ts"
import { call, Reply, text } from "../../examples/support/ScriptedModel.ts"
import {
  type CodingAgents,
  InstanceId,
  isTerminal,
  ProviderService,
  RequestId,
  type RuntimeMode,
  SessionStore,
  type ThreadEvent,
  type ThreadId,
  TurnId
} from "../../src/index.ts"
import * as OpenCode from "../../src/opencode/OpenCode.ts"
import { awaitEvent, endings, is, stored, tags } from "../support/Agents.ts"
import * as Git from "../support/Git.ts"
import * as Loopback from "../support/Loopback.ts"
import {
  bash,
  folder,
  hands,
  history,
  host,
  Model,
  opencode,
  service,
  start,
  thenSay
} from "../support/OpenCodeAgents.ts"
import * as OpenCodeAgents from "../support/OpenCodeAgents.ts"
import { isAlive } from "../support/OpenCodeServer.ts"

/** A service with its own settings and store, on the shared agent. */
const withService = <A, E, R>(settings: CodingAgents.Settings, effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const path = yield* Path.Path
    const filename = path.join(yield* folder, "threads.db")
    return yield* Effect.provide(effect, service({ filename, settings }))
  })

/** Another instance: the shared server again, or whatever stands in for it, by its address. */
const at = (instanceId: string, baseUrl: string, password: string, options: Partial<OpenCode.External> = {}) =>
  Layer.fresh(Layer.orDie(
    OpenCode.layer({ ...options, instanceId, baseUrl, password: Redacted.make(password) })
  ))

const cursorOf = Effect.fnUntraced(function*(threadId: ThreadId, instanceId = opencode) {
  const store = yield* SessionStore
  return Option.getOrUndefined(yield* store.getCursor(threadId, instanceId))
})

const setCursorSession = Effect.fnUntraced(function*(threadId: ThreadId, sessionId: string) {
  const sql = yield* SqlClient.SqlClient
  const cursor = yield* cursorOf(threadId)
  const { payload, ...rest } = yield* Schema.decodeUnknownEffect(Cursor)(cursor)
  const body = JSON.stringify({ ...rest, payload: { ...payload, sessionId } })
  yield* sql`UPDATE eca_cursors SET body = ${body} WHERE thread_id = ${threadId}`
})
const Cursor = Schema.StructWithRest(
  Schema.Struct({ payload: Schema.Record(Schema.String, Schema.Unknown) }),
  [Schema.Record(Schema.String, Schema.Unknown)]
)

const gone = "ses_0000000000000000000000000a"

/** The user's messages with this text that OpenCode itself has stored in a session. */
const deliveries = Effect.fnUntraced(function*(sessionID: string, directory: string, prompt: string) {
  const { client } = yield* hands
  const { data } = yield* Effect.promise(() => client(directory).session.messages({ sessionID }))
  return (data ?? []).filter(({ info, parts }) =>
    info.role === "user" && parts.some((part) => part.type === "text" && part.text === prompt)
  ).map(({ info }) => info.id)
})

/** The running turn's approval, once it is asked for. */
const approval = (threadId: ThreadId, after = 0) =>
  Effect.gen(function*() {
    const agents = yield* ProviderService
    const asked = yield* agents.streamEvents({ threadId, after }).pipe(
      Stream.filter(is("ApprovalRequested")),
      Stream.runHead,
      Effect.flatMap(Effect.fromOption)
    )
    return asked
  })

const runApproved = Effect.fnUntraced(function*(threadId: ThreadId, prompt: string) {
  const agents = yield* ProviderService
  const { lastSeq } = yield* agents.getThread({ threadId })
  const turn = yield* Effect.forkChild(agents.runTurn({ threadId, prompt }), { startImmediately: true })
  const { request } = yield* approval(threadId, lastSeq)
  yield* agents.respondToApproval({ threadId, requestId: request.requestId, decision: { _tag: "AllowOnce" } })
  return { request, result: yield* Fiber.join(turn) }
})

const commands = (events: ReadonlyArray<ThreadEvent>) =>
  events.flatMap((event) => event._tag === "ItemCompleted" && event.item._tag === "Command" ? [event.item] : [])

layer(OpenCodeAgents.layer(), { timeout: "60 seconds", excludeTestServices: true })("promises", (it) => {
  it.effect("P1 opencode: after the reaper a follow-up is resumed, says so, and brings the whole history", () =>
    withService(
      { reaper: { idleAfter: "100 millis", sweepEvery: "50 millis" } },
      Effect.gen(function*() {
        const agents = yield* ProviderService
        const { threadId } = yield* start()
        yield* agents.runTurn({ threadId, prompt: "reaper one" })
        assert.strictEqual((yield* awaitEvent(is("SessionEnded"), threadId)).reason, "reaped")
        const next = yield* agents.runTurn({ threadId, prompt: "reaper two" })
        assert.strictEqual(next.continuity._tag, "Resumed")
        const started = (yield* stored(threadId)).filter(is("SessionStarted"))
        assert.deepStrictEqual(started.map(({ continuity }) => continuity._tag), ["Created", "Resumed"])
        const model = yield* Model
        const [request, ...others] = yield* model.asked("reaper two")
        assert.deepStrictEqual(others, [])
        assert.deepStrictEqual(history(request), ["user: reaper one", "assistant: echo: reaper one"])
      })
    ))

  it.effect("P1 opencode: a session that is proved missing is rehydrated with the archive, and says so", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const model = yield* Model
      const { threadId } = yield* start()
      yield* agents.runTurn({ threadId, prompt: "the number is 4711" })
      yield* agents.stopSession({ threadId })
      yield* setCursorSession(threadId, gone)
      const next = yield* agents.runTurn({ threadId, prompt: "which number was it?" })
      assert.deepInclude(next.continuity, { _tag: "Rehydrated", reason: "session-missing", omitted: 0 })
      const started = (yield* stored(threadId)).filter(is("SessionStarted"))
      assert.deepStrictEqual(started.map(({ continuity }) => continuity._tag), ["Created", "Rehydrated"])
      const [request] = yield* model.asked("which number was it?")
      assert.include(history(request).join("\n"), "the number is 4711")
      assert.include(history(request).join("\n"), "echo: the number is 4711")
    }))

  it.effect("P1 opencode: by policy a missing session is a fresh one, or an error that keeps the cursor", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const model = yield* Model
      const { threadId } = yield* start()
      yield* agents.runTurn({ threadId, prompt: "policy one" })
      yield* agents.stopSession({ threadId })
      yield* setCursorSession(threadId, gone)
      const before = yield* cursorOf(threadId)
      const error = yield* Effect.flip(agents.sendTurn({ threadId, prompt: "policy two", onMissing: "fail" }))
      assert.deepInclude(error, { _tag: "SessionMissing", evidence: { status: 404, name: "NotFoundError" } })
      assert.deepStrictEqual(yield* cursorOf(threadId), before)
      assert.deepStrictEqual(yield* model.asked("policy two"), [])
      const next = yield* agents.runTurn({ threadId, prompt: "policy three", onMissing: "fresh" })
      assert.deepStrictEqual(next.continuity, { _tag: "Fresh", reason: "session-missing" })
      assert.deepStrictEqual(history((yield* model.asked("policy three"))[0]), [])
    }))

  it.effect("P1 opencode: a move to another worktree of the project takes the session along", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const model = yield* Model
      const { main, worktree } = yield* Git.repository
      const { sessionId, threadId } = yield* start({ directory: main, runtimeMode: "full-access" })
      yield* agents.runTurn({ threadId, prompt: "before the move" })
      const moved = yield* agents.startSession({ threadId, directory: worktree })
      assert.deepStrictEqual(moved.continuity, { _tag: "Moved", from: main })
      assert.strictEqual(moved.sessionId, sessionId)
      assert.strictEqual(moved.directory, worktree)
      yield* model.on("where after the move", bash("pwd"))
      yield* agents.runTurn({ threadId, prompt: "where after the move" })
      assert.strictEqual(commands(yield* stored(threadId)).at(-1)?.output?.trim(), worktree)
      assert.include(history((yield* model.asked("where after the move"))[0]), "user: before the move")
    }))

  it.effect("P1 opencode: the same directory by another name is resumed", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const fs = yield* FileSystem.FileSystem
      const path = yield* Path.Path
      const { directory, sessionId, threadId } = yield* start()
      yield* agents.runTurn({ threadId, prompt: "by its name" })
      yield* agents.stopSession({ threadId })
      const link = path.join(yield* folder, "link")
      yield* fs.symlink(directory, link)
      const info = yield* agents.startSession({ threadId, directory: link })
      assert.deepStrictEqual(info.continuity, { _tag: "Resumed" })
      assert.deepInclude(info, { sessionId, directory })
    }))

  it.effect("P1 opencode: a move to another project hands the conversation to a new session, or fails by policy", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const model = yield* Model
      const { main } = yield* Git.repository
      const { main: other } = yield* Git.repository
      const { sessionId, threadId } = yield* start({ directory: main })
      yield* agents.runTurn({ threadId, prompt: "in the first project" })
      const before = yield* cursorOf(threadId)
      const error = yield* Effect.flip(agents.startSession({ threadId, directory: other, onMissing: "fail" }))
      assert.deepInclude(error, { _tag: "DirectoryUnreachable", from: main, to: other })
      assert.deepStrictEqual(yield* cursorOf(threadId), before)
      const info = yield* agents.startSession({ threadId, directory: other })
      assert.deepInclude(info.continuity, { _tag: "Rehydrated", reason: "directory-unreachable" })
      assert.strictEqual(info.directory, other)
      assert.notStrictEqual(info.sessionId, sessionId)
      yield* agents.runTurn({ threadId, prompt: "in the other project" })
      assert.include(history((yield* model.asked("in the other project"))[0]).join("\n"), "in the first project")
    }))

  it.effect("P2 opencode: only status 404 with NotFoundError is a missing session; all else keeps the cursor", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const { baseUrl, password } = yield* hands
      const rows = InstanceId.make("rows")
      let answer: { readonly status: number; readonly body: string } = { status: 200, body: "" }
      const impostor = yield* Loopback.http((request, response) => {
        if (request.url?.startsWith("/global/health") === true) {
          return void response.writeHead(200, json).end(JSON.stringify({ healthy: true, version: "1.18.33" }))
        }
        if (request.url?.startsWith("/global/event") === true) {
          response.writeHead(200, { "content-type": "text/event-stream" })
          return void response.write(
            `data: ${JSON.stringify({ payload: { type: "server.connected", properties: {} } })}\n\n`
          )
        }
        response.writeHead(answer.status, json).end(answer.body)
      })
      const { threadId } = yield* Effect.gen(function*() {
        const started = yield* start({ instanceId: rows })
        yield* agents.runTurn({ threadId: started.threadId, prompt: "rows" })
        yield* agents.stopSession({ threadId: started.threadId })
        return started
      }).pipe(Effect.provide(at("rows", baseUrl, password)))
      const before = yield* cursorOf(threadId, rows)
      assert.isDefined(before)
      const attempt = (url: string, secret: string) =>
        Effect.flip(agents.sendTurn({ threadId, prompt: "rows again", onMissing: "fail" })).pipe(
          Effect.provide(at("rows", url, secret, { callDeadline: "5 seconds" }))
        )
      const named = (name: string) => JSON.stringify({ name, data: { message: "Session not found: ses_x" } })
      const found: Array<readonly [string, string]> = []
      for (
        const [label, status, body] of [
          ["404 NotFoundError", 404, named("NotFoundError")],
          ["404 another name", 404, named("PermissionNotFoundError")],
          ["404 without a body", 404, ""],
          ["404 a proxy's page", 404, "<h1>Session not found</h1>"],
          ["400 NotFoundError", 400, named("NotFoundError")],
          ["500 malformed id", 500, named("UnknownError")],
          ["503", 503, ""],
          ["200 list of all sessions", 200, "[]"],
          ["401", 401, ""]
        ] as const
      ) {
        answer = { status, body }
        found.push([label, (yield* attempt(impostor, "any"))._tag])
        assert.deepStrictEqual(yield* cursorOf(threadId, rows), before)
      }
      found.push(["wrong password", (yield* attempt(baseUrl, "wrong"))._tag])
      found.push(["nobody there", (yield* attempt(yield* Loopback.nobody, "any"))._tag])
      assert.deepStrictEqual(yield* cursorOf(threadId, rows), before)
      assert.deepStrictEqual(found, [
        ["404 NotFoundError", "SessionMissing"],
        ["404 another name", "AgentProtocolError"],
        ["404 without a body", "AgentProtocolError"],
        ["404 a proxy's page", "AgentProtocolError"],
        ["400 NotFoundError", "AgentProtocolError"],
        ["500 malformed id", "AgentProtocolError"],
        ["503", "AgentProtocolError"],
        ["200 list of all sessions", "AgentProtocolError"],
        ["401", "AgentUnauthorized"],
        ["wrong password", "AgentUnauthorized"],
        ["nobody there", "AgentUnreachable"]
      ])
      const next = yield* agents.runTurn({ threadId, prompt: "rows at last" }).pipe(
        Effect.tap(() => agents.stopSession({ threadId })),
        Effect.provide(at("rows", baseUrl, password))
      )
      assert.strictEqual(next.continuity._tag, "Resumed")
    }))

  for (const malformed of ["", "not-an-id", "../config"]) {
    it.effect(`P2 opencode: a malformed session id (${JSON.stringify(malformed)}) never leaves the host`, () =>
      Effect.gen(function*() {
        const agents = yield* ProviderService
        const { threadId } = yield* start()
        yield* agents.stopSession({ threadId })
        yield* setCursorSession(threadId, malformed)
        const before = yield* cursorOf(threadId)
        const error = yield* Effect.flip(agents.sendTurn({ threadId, prompt: "malformed" }))
        assert.deepInclude(error, { _tag: "CursorRejected", outcome: "Malformed" })
        assert.deepStrictEqual(yield* cursorOf(threadId), before)
      }))
  }

  it.effect("P3 opencode: the cursor is stored with the session, and nothing but a delete removes it", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const model = yield* Model
      const { directory, sessionId, threadId } = yield* start({ runtimeMode: "auto-accept-edits" })
      const payload = { sessionId, directory, runtimeMode: "auto-accept-edits", agentVersion: "1.18.33" }
      const whole = { provider: "opencode", version: 1, payload }
      assert.deepStrictEqual(yield* cursorOf(threadId), whole)
      yield* model.on("P3 fails", () => Reply.Error({ status: 401, body: { error: { message: "no" } } }))
      yield* Effect.flip(agents.runTurn({ threadId, prompt: "P3 fails" }))
      yield* Effect.flip(agents.sendTurn({ threadId, prompt: "P3 no model", model: { id: "scripted/none" } }))
      yield* Effect.flip(agents.sendTurn({ threadId, prompt: "P3 no agent", agent: "nobody" }))
      yield* agents.stopSession({ threadId })
      assert.deepStrictEqual(yield* cursorOf(threadId), whole)
      // Never had a turn, and yet it can be resumed.
      const unused = yield* start()
      yield* agents.stopSession({ threadId: unused.threadId })
      const next = yield* agents.runTurn({ threadId: unused.threadId, prompt: "P3 first" })
      assert.strictEqual(next.continuity._tag, "Resumed")
      yield* agents.deleteThread({ threadId })
      assert.isUndefined(yield* cursorOf(threadId))
    }))

  it.effect("P4 opencode: clean end, 401 of the model, interrupt and stop are one terminal event each", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const model = yield* Model
      const { threadId } = yield* start()
      yield* agents.runTurn({ threadId, prompt: "P4 clean" })
      yield* model.on("P4 unauthorized", () => Reply.Error({ status: 401, body: { error: { message: "no" } } }))
      const failed = yield* Effect.flip(agents.runTurn({ threadId, prompt: "P4 unauthorized" }))
      assert.strictEqual(failed._tag, "TurnNotCompleted")
      yield* model.on("P4 interrupted", () => Reply.Hang())
      const { turnId } = yield* agents.sendTurn({ threadId, prompt: "P4 interrupted" })
      yield* model.awaitRequest((request) => request.lastUserText === "P4 interrupted")
      yield* agents.interruptTurn({ threadId, turnId })
      yield* agents.interruptTurn({ threadId, turnId })
      yield* model.on("P4 stopped", () => Reply.Hang())
      yield* agents.sendTurn({ threadId, prompt: "P4 stopped" })
      yield* model.awaitRequest((request) => request.lastUserText === "P4 stopped")
      yield* agents.stopSession({ threadId })
      yield* agents.runTurn({ threadId, prompt: "P4 goes on" })
      const events = yield* stored(threadId)
      assert.deepStrictEqual(Object.values(endings(events)), [
        ["TurnCompleted"],
        ["TurnFailed"],
        ["TurnInterrupted"],
        ["TurnInterrupted"],
        ["TurnCompleted"]
      ])
      const failure = events.find(is("TurnFailed"))?.failure
      assert.deepInclude(failure, { _tag: "ModelFailed", status: 401, retryable: false })
      assert.deepStrictEqual(events.filter(is("TurnInterrupted")).map(({ by }) => by), ["user", "stop"])
    }))

  it.effect("P4 opencode: interrupting the caller of runTurn interrupts the turn", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const model = yield* Model
      const { threadId } = yield* start()
      yield* model.on("P4 given up", () => Reply.Hang())
      const run = yield* Effect.forkChild(agents.runTurn({ threadId, prompt: "P4 given up" }), {
        startImmediately: true
      })
      yield* model.awaitRequest((request) => request.lastUserText === "P4 given up")
      yield* Fiber.interrupt(run)
      assert.deepStrictEqual(Object.values(endings(yield* stored(threadId))), [["TurnInterrupted"]])
    }))

  for (
    const [deadline, settings] of [
      ["no-progress", { noProgressDeadline: "500 millis" }],
      ["turn", { turnDeadline: "500 millis" }]
    ] as const
  ) {
    it.effect(`P4 opencode: a turn that outruns the ${deadline} deadline fails with it, once`, () =>
      withService(
        settings,
        Effect.gen(function*() {
          const agents = yield* ProviderService
          const model = yield* Model
          const { threadId } = yield* start()
          yield* model.on("P4 silence", () => Reply.Hang())
          const error = yield* Effect.flip(agents.runTurn({ threadId, prompt: "P4 silence" }))
          assert.deepStrictEqual(error._tag === "TurnNotCompleted" ? error.ending : error, {
            _tag: "Failed",
            failure: { _tag: "DeadlineExceeded", deadline, millis: 500 }
          })
          assert.deepStrictEqual(Object.values(endings(yield* stored(threadId))), [["TurnFailed"]])
        })
      ))
  }

  it.effect("P5 opencode: a turn id is good for one turn", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const model = yield* Model
      const { directory, sessionId, threadId } = yield* start()
      const turn = { threadId, turnId: TurnId.make("P5-mine"), prompt: "P5 mine" }
      yield* agents.runTurn(turn)
      assert.strictEqual((yield* Effect.flip(agents.sendTurn(turn)))._tag, "TurnExists")
      assert.lengthOf(yield* model.asked("P5 mine"), 1)
      assert.lengthOf(yield* deliveries(sessionId, directory, "P5 mine"), 1)
    }))

  for (const delivered of [true, false]) {
    const what = delivered ? "arrived and whose answer did not" : "did not arrive"
    const prompt = `P5 ${delivered}`
    it.effect(`P5 opencode: a prompt that ${what} ends as unknown, is not sent again, and is settled by the history`, () =>
      Effect.gen(function*() {
        const agents = yield* ProviderService
        const model = yield* Model
        const { baseUrl, password } = yield* hands
        const proxy = yield* Loopback.proxy(baseUrl)
        const name = `uncertain-${delivered}`
        yield* Effect.gen(function*() {
          const { directory, sessionId, threadId } = yield* start({ instanceId: InstanceId.make(name) })
          yield* proxy.cutAt({ text: "prompt_async", delivered, down: true })
          const error = yield* Effect.flip(agents.sendTurn({ threadId, prompt }))
          assert.strictEqual(error._tag, "DeliveryUncertain")
          yield* proxy.mend
          const next = yield* agents.runTurn({ threadId, prompt: `${prompt} again` })
          assert.strictEqual(next.continuity._tag, "Resumed")
          assert.lengthOf(yield* model.asked(prompt), delivered ? 1 : 0)
          const sent = yield* deliveries(sessionId, directory, prompt)
          assert.lengthOf(sent, delivered ? 1 : 0)
          const events = yield* stored(threadId)
          assert.deepStrictEqual(tags(events).filter((tag) => tag.startsWith("Turn")), [
            "TurnStarted",
            "TurnUnknown",
            "TurnReconciled",
            "TurnStarted",
            "TurnCompleted"
          ])
          assert.strictEqual(
            events.find(is("TurnReconciled"))?.evidence,
            delivered ? "completed" : "never-delivered"
          )
          yield* agents.stopSession({ threadId })
        }).pipe(Effect.provide(at(name, proxy.url, password)))
      }))
  }

  it.effect("P5 opencode: a prompt that arrived over a connection that broke is settled at once by the history", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const model = yield* Model
      const { baseUrl, password } = yield* hands
      const proxy = yield* Loopback.proxy(baseUrl)
      yield* Effect.gen(function*() {
        const { directory, sessionId, threadId } = yield* start({ instanceId: InstanceId.make("blink") })
        yield* proxy.cutAt({ text: "prompt_async", delivered: true, down: false })
        const turn = yield* agents.runTurn({ threadId, prompt: "P5 blink" })
        assert.strictEqual(turn.text, "echo: P5 blink")
        assert.lengthOf(yield* model.asked("P5 blink"), 1)
        assert.lengthOf(yield* deliveries(sessionId, directory, "P5 blink"), 1)
        assert.deepStrictEqual(Object.values(endings(yield* stored(threadId))), [["TurnCompleted"]])
        yield* agents.stopSession({ threadId })
      }).pipe(Effect.provide(at("blink", proxy.url, password)))
    }))

  it.effect("P6 opencode: an approval is settled once; answering a settled or unknown one is a typed error", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const model = yield* Model
      const { threadId } = yield* start()
      yield* model.on("P6 run", bash("echo P6"))
      const { request, result } = yield* runApproved(threadId, "P6 run")
      assert.deepInclude(request, { kind: "command", subject: "echo P6" })
      assert.strictEqual(result.text, "done")
      const again = { threadId, requestId: request.requestId, decision: { _tag: "AllowOnce" } } as const
      assert.strictEqual((yield* Effect.flip(agents.respondToApproval(again)))._tag, "RequestSettled")
      const unknown = { ...again, requestId: RequestId.make("per_unknown") }
      assert.strictEqual((yield* Effect.flip(agents.respondToApproval(unknown)))._tag, "RequestNotFound")
      assert.deepStrictEqual(
        (yield* stored(threadId)).filter(is("ApprovalSettled")).map(({ by, decision }) => [by, decision?._tag]),
        [["user", "AllowOnce"]]
      )
    }))

  it.effect("P6 opencode: of two answers at once one counts, and one that somebody else gave is told of", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const model = yield* Model
      const { directory, threadId } = yield* start()
      yield* model.on("P6 race", bash("echo race"))
      yield* agents.sendTurn({ threadId, prompt: "P6 race" })
      const { request } = yield* approval(threadId)
      const answer = { threadId, requestId: request.requestId, decision: { _tag: "AllowOnce" } } as const
      const exits = yield* Effect.all(
        [Effect.exit(agents.respondToApproval(answer)), Effect.exit(agents.respondToApproval(answer))],
        { concurrency: 2 }
      )
      assert.lengthOf(exits.filter(Exit.isSuccess), 1)
      yield* awaitEvent(is("TurnCompleted"), threadId)
      yield* model.on("P6 elsewhere", bash("echo elsewhere"))
      const { lastSeq } = yield* agents.getThread({ threadId })
      yield* agents.sendTurn({ threadId, prompt: "P6 elsewhere" })
      const { request: second } = yield* approval(threadId, lastSeq)
      const { client } = yield* hands
      yield* Effect.promise(() => client(directory).permission.reply({ requestID: second.requestId, reply: "once" }))
      const settled = yield* agents.streamEvents({ threadId, after: lastSeq }).pipe(
        Stream.filter(is("ApprovalSettled")),
        Stream.runHead
      )
      assert.strictEqual(Option.getOrUndefined(settled)?.by, "agent")
      const late = { ...answer, requestId: second.requestId }
      assert.strictEqual((yield* Effect.flip(agents.respondToApproval(late)))._tag, "RequestSettled")
      assert.lengthOf((yield* stored(threadId)).filter(is("ApprovalSettled")), 2)
    }))

  it.effect("P6 opencode: interrupt and stop settle what is open", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const model = yield* Model
      const { threadId } = yield* start()
      for (
        const [prompt, end] of [
          ["P6 interrupted", agents.interruptTurn({ threadId })],
          ["P6 stopped", agents.stopSession({ threadId })]
        ] as const
      ) {
        yield* model.on(prompt, bash("echo never"))
        const { lastSeq } = yield* agents.getThread({ threadId })
        yield* agents.sendTurn({ threadId, prompt })
        const { request } = yield* approval(threadId, lastSeq)
        yield* end
        const answer = { threadId, requestId: request.requestId, decision: { _tag: "AllowOnce" } } as const
        assert.strictEqual((yield* Effect.flip(agents.respondToApproval(answer)))._tag, "RequestSettled")
      }
      const events = yield* stored(threadId)
      const asked = events.filter(is("ApprovalRequested")).map(({ request }) => request.requestId)
      assert.deepStrictEqual(events.filter(is("ApprovalSettled")).map(({ requestId }) => requestId), asked)
      assert.deepStrictEqual(commands(events).filter(({ status }) => status === "completed"), [])
    }))

  it.effect("P6 opencode: a question is answered or dismissed, once", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const model = yield* Model
      const { threadId } = yield* start()
      const question = {
        question: "Which?",
        header: "Which",
        options: [{ label: "A", description: "a" }, { label: "B", description: "b" }]
      }
      yield* model.on("P6 ask", thenSay(call("question", { questions: [question] }), "thanks"))
      const turn = yield* Effect.forkChild(agents.runTurn({ threadId, prompt: "P6 ask" }), { startImmediately: true })
      const { request } = yield* awaitEvent(is("QuestionAsked"), threadId)
      const answer = { _tag: "Answered", answers: [["B"]] } as const
      const { requestId } = request
      yield* agents.answerQuestion({ threadId, requestId, answer })
      assert.strictEqual((yield* Fiber.join(turn)).text, "thanks")
      const again = yield* Effect.flip(agents.answerQuestion({ threadId, requestId, answer: { _tag: "Dismissed" } }))
      assert.strictEqual(again._tag, "RequestSettled")
      const told = yield* model.awaitRequest((request) => request.lastUserText === "P6 ask" && request.afterToolResult)
      assert.include(told.lastToolResult, "B")
    }))

  for (
    const [runtimeMode, expected] of [
      ["approval-required", ["file-change", "command", "command"]],
      ["auto-accept-edits", ["command", "command"]],
      ["full-access", []]
    ] as const
  ) {
    it.effect(`P7 opencode: ${runtimeMode} holds before and after a resume`, () =>
      Effect.gen(function*() {
        const { asked } = yield* everyTool(runtimeMode)
        assert.deepStrictEqual(asked, [...expected, ...expected])
      }))
  }

  it.effect("P7 opencode: a fork and a change of the mode ask for what they should", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const { asked, threadId } = yield* everyTool("full-access")
      assert.deepStrictEqual(asked, [])
      const changed = yield* agents.startSession({ threadId, runtimeMode: "approval-required" })
      assert.deepInclude(changed, { runtimeMode: "approval-required", continuity: { _tag: "Resumed" } })
      assert.deepStrictEqual(yield* useTools(threadId), ["file-change", "command", "command"])
      const fork = OpenCodeAgents.nextThreadId()
      const copy = yield* agents.forkThread({ threadId, newThreadId: fork })
      assert.strictEqual(copy.continuity._tag, "Forked")
      assert.deepStrictEqual(yield* useTools(fork), ["file-change", "command", "command"])
    }))

  it.effect("P8 opencode: of many turns at once one is accepted, under one epoch", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const model = yield* Model
      const { threadId } = yield* start()
      yield* agents.stopSession({ threadId })
      yield* model.on("P8 one of many", () => Reply.Hang())
      const exits = yield* Effect.forEach(
        Array.from({ length: 10 }),
        () => Effect.exit(agents.sendTurn({ threadId, prompt: "P8 one of many" })),
        { concurrency: "unbounded" }
      )
      const errors = exits.flatMap((exit) => Exit.isFailure(exit) ? Option.toArray(Exit.findErrorOption(exit)) : [])
      assert.deepStrictEqual(errors.map(({ _tag }) => _tag), Array.from({ length: 9 }, () => "TurnInProgress"))
      yield* model.awaitRequest((request) => request.lastUserText === "P8 one of many")
      yield* Effect.all([agents.stopSession({ threadId }), agents.stopSession({ threadId })], { concurrency: 2 })
      yield* agents.stopSession({ threadId })
      assert.lengthOf(yield* model.asked("P8 one of many"), 1)
      const events = yield* stored(threadId)
      assert.deepStrictEqual(events.filter(is("SessionStarted")).map(({ epoch }) => epoch), [1, 2])
      assert.deepStrictEqual(Object.values(endings(events)), [["TurnInterrupted"]])
    }))

  it.effect("P8 opencode: a stop cuts through a start that hangs", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const asked = yield* Deferred.make<void>()
      const mute = yield* Loopback.http((request, response) => {
        if (request.url?.startsWith("/global/health") === true) {
          return void response.writeHead(200, json).end(JSON.stringify({ healthy: true, version: "1.18.33" }))
        }
        Deferred.doneUnsafe(asked, Exit.void)
      })
      yield* Effect.gen(function*() {
        const threadId = OpenCodeAgents.nextThreadId()
        const starting = yield* Effect.forkChild(
          Effect.flip(start({ threadId, instanceId: InstanceId.make("mute") })),
          { startImmediately: true }
        )
        yield* Deferred.await(asked)
        yield* agents.stopSession({ threadId })
        assert.strictEqual((yield* Fiber.join(starting))._tag, "ThreadStopping")
      }).pipe(Effect.provide(at("mute", mute, "any")))
    }))

  it.effect("P9 opencode: a session with an open approval or a running command is not reaped, an idle one is", () =>
    withService(
      { reaper: { idleAfter: "100 millis", sweepEvery: "20 millis" } },
      Effect.gen(function*() {
        const agents = yield* ProviderService
        const model = yield* Model
        const fs = yield* FileSystem.FileSystem
        const path = yield* Path.Path
        const { directory, threadId } = yield* start()
        const fifo = path.join(directory, "gate")
        yield* model.on("P9 busy", bash(`mkfifo ${fifo}; echo ready > started; cat ${fifo}`))
        yield* agents.sendTurn({ threadId, prompt: "P9 busy" })
        const { request } = yield* approval(threadId)
        /** Another session has come and was stopped for being idle: so many sweeps went by. */
        const idleOne = Effect.gen(function*() {
          const other = yield* start()
          const ended = yield* awaitEvent(is("SessionEnded"), other.threadId)
          assert.strictEqual(ended.reason, "reaped")
        })
        yield* idleOne
        assert.strictEqual((yield* agents.getThread({ threadId })).status, "idle")
        yield* agents.respondToApproval({ threadId, requestId: request.requestId, decision: { _tag: "AllowOnce" } })
        yield* idleOne
        assert.strictEqual((yield* agents.getThread({ threadId })).status, "idle")
        yield* awaitEvent(
          (event): event is Extract<ThreadEvent, { _tag: "ItemStarted" | "ItemUpdated" }> =>
            event._tag === "ItemUpdated" || event._tag === "ItemStarted",
          threadId
        )
        yield* fs.writeFileString(fifo, "go on\n")
        yield* awaitEvent(is("TurnCompleted"), threadId)
        assert.strictEqual((yield* awaitEvent(is("SessionEnded"), threadId)).reason, "reaped")
        assert.include(commands(yield* stored(threadId)).at(-1)?.output, "go on")
      })
    ))

  it.effect("P11 opencode: a reader has every stored event, then live ones and deltas, without a hole", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const model = yield* Model
      const { threadId } = yield* start()
      yield* agents.runTurn({ threadId, prompt: "P11 before" })
      const chunks = yield* Queue.unbounded<string, Cause.Done>()
      yield* model.on("P11 streamed", () => text(Stream.fromQueue(chunks)))
      const read = (after: number) =>
        agents.streamEvents({ threadId, after }).pipe(
          Stream.takeUntil((event) => isTerminal(event) && event.seq > first.lastSeq),
          Stream.runCollect,
          Effect.forkChild({ startImmediately: true })
        )
      const first = yield* agents.getThread({ threadId })
      const all = yield* read(0)
      const some = yield* read(3)
      yield* agents.sendTurn({ threadId, prompt: "P11 streamed" })
      const words = Array.from({ length: 200 }, (_, index) => `${index === 0 ? "" : " "}word${index}`)
      for (const word of words.slice(0, 100)) yield* Queue.offer(chunks, word)
      yield* awaitEvent(is("ItemDelta"), threadId)
      const late = yield* read(first.lastSeq)
      for (const word of words.slice(100)) yield* Queue.offer(chunks, word)
      yield* Queue.end(chunks)
      for (const [after, fiber] of [[0, all], [3, some], [first.lastSeq, late]] as const) {
        const events = yield* Fiber.join(fiber)
        const ephemeral = new Set(["ItemDelta", "ItemUpdated", "Gap"])
        const seqs = events.filter(({ _tag }) => !ephemeral.has(_tag)).map(({ seq }) => seq)
        assert.deepStrictEqual(seqs, Array.from(seqs, (_, index) => after + 1 + index))
        assert.deepStrictEqual(events.filter(is("Gap")), [])
        let joined = ""
        for (const { delta, offset } of events.filter(is("ItemDelta"))) {
          assert.strictEqual(offset, joined.length)
          joined += delta
        }
        assert.strictEqual(joined, words.join(""))
      }
    }))
})

/** Edits a file, runs a command, and runs another one; answers what the user was asked for. */
const useTools = Effect.fnUntraced(function*(threadId: ThreadId) {
  const agents = yield* ProviderService
  const model = yield* Model
  const { directory, epoch, lastSeq } = yield* agents.getThread({ threadId })
  const prompt = `use tools ${threadId} ${epoch} ${lastSeq}`
  const steps = [
    call("write", { filePath: `${directory}/file-${lastSeq}.txt`, content: "written" }),
    call("bash", { command: "echo first", description: "first" }),
    call("bash", { command: "echo second", description: "second" })
  ]
  let step = 0
  yield* model.on(prompt, () => steps[step++] ?? text("used"))
  yield* agents.sendTurn({ threadId, prompt })
  const asked: Array<string> = []
  yield* agents.streamEvents({ threadId, after: lastSeq }).pipe(
    Stream.takeUntil(isTerminal),
    Stream.runForEach((event) => {
      if (event._tag !== "ApprovalRequested") return Effect.void
      asked.push(event.request.kind)
      const { requestId } = event.request
      return agents.respondToApproval({ threadId, requestId, decision: { _tag: "AllowOnce" } })
    })
  )
  const ran = commands(yield* stored(threadId)).slice(-2)
  assert.deepStrictEqual(ran.map(({ output }) => output?.trim()), ["first", "second"])
  const fs = yield* FileSystem.FileSystem
  assert.strictEqual(yield* fs.readFileString(`${directory}/file-${lastSeq}.txt`), "written")
  return asked
})

const everyTool = Effect.fnUntraced(function*(runtimeMode: RuntimeMode) {
  const agents = yield* ProviderService
  const { threadId } = yield* start({ runtimeMode })
  const before = yield* useTools(threadId)
  yield* agents.stopSession({ threadId })
  const after = yield* useTools(threadId)
  assert.strictEqual((yield* agents.getThread({ threadId })).epoch, 2)
  return { threadId, asked: [...before, ...after] }
})

const json = { "content-type": "application/json" }

/** Spans and log entries as an exporter would see them: not the values that operations succeed with. */
const recorder = () => {
  const logs: Array<unknown> = []
  const spans: Array<Tracer.NativeSpan> = []
  const tracer = Tracer.make({
    span: (options) => {
      const span = new Tracer.NativeSpan(options)
      spans.push(span)
      return span
    }
  })
  const logger = Logger.make(({ cause, fiber, message }) => {
    logs.push(message, cause, fiber.getRef(References.CurrentLogAnnotations))
  })
  const exported = () => [
    ...logs,
    ...spans.map(({ attributes, events, name, status }) => ({
      name,
      attributes,
      events,
      failure: status._tag === "Ended" && Exit.isFailure(status.exit) ? status.exit.cause : undefined
    }))
  ]
  return {
    exported,
    layer: Layer.mergeAll(
      Layer.succeed(Tracer.Tracer, tracer),
      Logger.layer([logger]),
      Layer.succeed(References.MinimumLogLevel, "All")
    )
  }
}

const print = (value: unknown) => inspect(value, { depth: 12, maxArrayLength: null, maxStringLength: null })

const modelOnly = Layer.merge(Model.layer, NodeServices.layer)

layer(modelOnly, { timeout: "60 seconds", excludeTestServices: true })("hosts of their own", (it) => {
  it.effect(
    "P1 P10 opencode: after a graceful restart of host and server a follow-up has the whole history",
    () =>
      Effect.gen(function*() {
        const path = yield* Path.Path
        const fs = yield* FileSystem.FileSystem
        const model = yield* Model
        const home = yield* folder
        const directory = yield* folder
        const layer = () =>
          host({
            filename: path.join(home, "threads.db"),
            agent: { isolated: { folder: path.join(home, "opencode") } }
          })
        const started = path.join(directory, "started")
        yield* model.on("restart long", bash(`echo $$ > ${started}.tmp; mv ${started}.tmp ${started}; exec sleep 600`))
        const { pid, threadId, tool } = yield* Effect.gen(function*() {
          const agents = yield* ProviderService
          const { threadId } = yield* start({ directory, runtimeMode: "full-access" })
          yield* agents.runTurn({ threadId, prompt: "restart one" })
          yield* agents.sendTurn({ threadId, prompt: "restart long" })
          yield* fs.watch(directory).pipe(
            Stream.merge(Stream.succeed("now")),
            Stream.mapEffect(() => fs.exists(started)),
            Stream.takeUntil((there) => there),
            Stream.runDrain
          )
          const { pid } = yield* hands
          return { pid, threadId, tool: Number(yield* fs.readFileString(started)) }
        }).pipe(Effect.provide(layer()))
        assert.isFalse(isAlive(pid))
        assert.isFalse(isAlive(tool))
        yield* Effect.gen(function*() {
          const agents = yield* ProviderService
          const next = yield* agents.runTurn({ threadId, prompt: "restart two" })
          assert.strictEqual(next.continuity._tag, "Resumed")
          const events = yield* stored(threadId)
          assert.deepStrictEqual(Object.values(endings(events)), [["TurnCompleted"], ["TurnInterrupted"], [
            "TurnCompleted"
          ]])
          assert.deepStrictEqual(events.filter(is("SessionEnded")).map(({ reason }) => reason), ["shutdown"])
        }).pipe(Effect.provide(layer()))
        const said = history((yield* model.asked("restart two"))[0])
        assert.deepStrictEqual(said.slice(0, 3), [
          "user: restart one",
          "assistant: echo: restart one",
          "user: restart long"
        ])
      }),
    60_000
  )

  it.effect(
    "P14 opencode: no tool, stored event, log or span has the server's password or the key of the config",
    () => {
      const { exported, layer } = recorder()
      return Effect.gen(function*() {
        const fs = yield* FileSystem.FileSystem
        const path = yield* Path.Path
        const model = yield* Model
        const apiKey = "sk-very-secret-4711"
        const { scripted } = openCodeConfig(model).provider
        const provider = { scripted: { ...scripted, options: { ...scripted.options, apiKey } } }
        const store = yield* folder
        const filename = path.join(store, "threads.db")
        const { outputs, password } = yield* Effect.gen(function*() {
          const agents = yield* ProviderService
          const { threadId } = yield* start({ runtimeMode: "full-access" })
          const outputs: Array<string> = []
          for (const command of ["env", "cat /proc/self/environ", "bash -lc env", "(env) | sort"]) {
            yield* model.on(command, bash(command))
            yield* agents.runTurn({ threadId, prompt: command })
            outputs.push(commands(yield* stored(threadId)).at(-1)?.output ?? "")
          }
          yield* model.on("P14 fails", () => Reply.Error({ status: 401, body: { error: { message: "no" } } }))
          yield* Effect.flip(agents.runTurn({ threadId, prompt: "P14 fails" }))
          const { password } = yield* hands
          return { outputs, password }
        }).pipe(Effect.provide(Layer.provideMerge(host({ filename, agent: { config: { provider } } }), layer)))
        assert.match(password, /^[0-9a-f]{64}$/)
        for (const output of outputs) assert.include(output, "PATH=")
        const names = yield* fs.readDirectory(store)
        const files = yield* Effect.forEach(names, (name) => fs.readFile(path.join(store, name)))
        const seen = exported()
        assert.isAbove(seen.length, 50)
        for (const secret of [password, apiKey, Buffer.from(`opencode:${password}`).toString("base64")]) {
          for (const output of outputs) assert.notInclude(output, secret)
          for (const file of files) assert.isFalse(Buffer.from(file).includes(secret))
          for (const entry of seen) assert.notInclude(print(entry), secret)
        }
      })
    },
    60_000
  )
})
