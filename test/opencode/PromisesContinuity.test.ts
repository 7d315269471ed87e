/** P1 to P3 on the real OpenCode: what a follow-up finds, what counts as missing, and what keeps a cursor. */
import { assert, layer } from "@effect/vitest"
import { Effect, FileSystem, Path } from "effect"
import { InstanceId, ProviderService } from "../../src/index.ts"
import { MockProvider, ModelReply, ScriptedModel } from "../../src/testing/index.ts"
import { awaitEvent, is, stored } from "../support/Agents.ts"
import * as Git from "../support/Git.ts"
import * as Loopback from "../support/Loopback.ts"
import { bash, folder, hands, history, opencode, start } from "../support/OpenCodeAgents.ts"
import * as OpenCodeAgents from "../support/OpenCodeAgents.ts"
import { at, commands, cursorOf, gone, json, setCursorSession, withService } from "../support/OpenCodePromises.ts"
import { installed, tested } from "../support/Versions.ts"

layer(OpenCodeAgents.layer(), { timeout: "60 seconds", excludeTestServices: true })("continuity", (it) => {
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
        const model = yield* ScriptedModel
        const [request, ...others] = yield* model.asked("reaper two")
        assert.deepStrictEqual(others, [])
        assert.deepStrictEqual(history(request), ["user: reaper one", "assistant: echo: reaper one"])
      })
    ))

  it.effect("P1 opencode: a session that is proved missing is rehydrated with the archive, and says so", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const model = yield* ScriptedModel
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

  it.effect("P1 opencode: back from another agent its session goes on, and its model reads what was said meanwhile", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const model = yield* ScriptedModel
      const { sessionId, threadId } = yield* start()
      yield* agents.runTurn({ threadId, prompt: "the walnut is blue" })
      const other = InstanceId.make("between")
      yield* MockProvider.make({ instanceId: other })
      yield* agents.startSession({ threadId, instanceId: other })
      yield* agents.runTurn({ threadId, prompt: "the lantern is red" })
      const back = yield* agents.startSession({ threadId, instanceId: opencode })
      assert.deepStrictEqual([back.sessionId, back.continuity], [sessionId, {
        _tag: "Returned",
        missed: { turns: 1, items: 2, omitted: 0 }
      }])
      yield* agents.runTurn({ threadId, prompt: "what do you know?" })
      const request = (yield* model.requests).findLast(({ lastUserText }) => lastUserText.includes("what do you know?"))
      const said = request?.messages.map(({ text }) => text).join("\n") ?? ""
      for (const words of ["echo: the walnut is blue", "the lantern is red"]) assert.include(said, words)
      assert.strictEqual(said.split("the walnut is blue").length, 3, "once asked, once answered, and not told again")
      yield* agents.stopSession({ threadId })
      assert.deepStrictEqual((yield* agents.startSession({ threadId })).continuity, { _tag: "Resumed" })
    }).pipe(Effect.scoped))

  it.effect("P1 opencode: by policy a missing session is a fresh one, or an error that keeps the cursor", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const model = yield* ScriptedModel
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
      const model = yield* ScriptedModel
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
      const model = yield* ScriptedModel
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
          return void response.writeHead(200, json).end(JSON.stringify({ healthy: true, version: tested.to }))
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
      const model = yield* ScriptedModel
      const { directory, sessionId, threadId } = yield* start({ runtimeMode: "auto-accept-edits" })
      const payload = { sessionId, directory, runtimeMode: "auto-accept-edits", agentVersion: installed }
      const whole = { provider: "opencode", version: 1, payload }
      assert.deepStrictEqual(yield* cursorOf(threadId), whole)
      yield* model.on("P3 fails", () => ModelReply.error(401, { body: { error: { message: "no" } } }))
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
})
