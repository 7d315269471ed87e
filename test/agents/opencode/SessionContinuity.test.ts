/** What a real OpenCode session is after a resume, a move, a fork, a loss; and what its history proves. */
import { assert, layer } from "@effect/vitest"
import { Effect, Exit, FileSystem, Path, Redacted, Schedule, Scope, Stream } from "effect"
import { execFileSync } from "node:child_process"
import { InstanceId, SessionId, ThreadId, TurnId } from "../../../src/domain/Ids.ts"
import { OpenCode } from "../../../src/opencode/index.ts"
import { cursor as codec } from "../../../src/opencode/protocol/Cursor.ts"
import * as Connections from "../../../src/opencode/server/Connections.ts"
import * as Session from "../../../src/opencode/session/Session.ts"
import type { StartInput } from "../../../src/provider/ProviderAdapter.ts"
import { ModelReply, ModelScript } from "../../../src/testing/index.ts"
import * as Loopback from "../../support/Loopback.ts"
import { OpenCodeServer, workspace } from "../../support/OpenCodeServer.ts"
import { cursorOf, drive, type Driven, items, OpenCodeSessions } from "../../support/OpenCodeSessions.ts"
import { installed } from "../../support/Versions.ts"

const { call, text } = ModelReply

const pwd: ModelScript.ModelScript = (request) =>
  request.afterToolResult ? text("Done.") : call("bash", { command: "pwd", description: "Where" })

const git = (directory: string, ...args: ReadonlyArray<string>) =>
  Effect.sync(() =>
    execFileSync("git", ["-c", "user.name=test", "-c", "user.email=test@localhost", ...args], {
      cwd: directory,
      stdio: "ignore"
    })
  )

const stored = (sessionId: string, directory: string) =>
  codec.encode({
    sessionId: SessionId.make(sessionId),
    directory,
    runtimeMode: "full-access",
    agentVersion: installed
  })

const texts = (driven: Driven) =>
  Effect.map(
    driven.session.history,
    ({ messages }) => messages.flatMap(({ items }) => items).map((item) => "text" in item ? item.text : item._tag)
  )

const ended = (input: Partial<StartInput>, use: (driven: Driven) => Effect.Effect<unknown>) =>
  Effect.scoped(Effect.gen(function*() {
    const driven = yield* (yield* OpenCodeSessions).start({ runtimeMode: "full-access", ...input })
    yield* use(driven)
    return yield* cursorOf(driven)
  }))

layer(OpenCodeSessions.layer(), { timeout: "60 seconds", excludeTestServices: true })("continuity", (it) => {
  it.effect("P1 opencode: a resumed session has the whole conversation", () =>
    Effect.gen(function*() {
      const { model, start } = yield* OpenCodeSessions
      const cursor = yield* ended({}, (driven) => driven.run("my name is Ada"))
      const resumed = yield* start({ from: { _tag: "Resume", cursor } })
      assert.strictEqual(resumed.session.origin._tag, "Resumed")
      yield* resumed.run("what is my name")
      const request = yield* model.awaitRequest((request) => request.lastUserText.includes("what is my name"))
      assert.deepStrictEqual(request.messages.filter(({ role }) => role !== "system").map(({ text }) => text), [
        "my name is Ada",
        "echo: my name is Ada",
        "what is my name"
      ])
    }))

  it.effect("P1 opencode: a seeded session has the archive before its first turn, and not as the user's words", () =>
    Effect.gen(function*() {
      const { model, start } = yield* OpenCodeSessions
      const driven = yield* start({ from: { _tag: "Seeded", transcript: "<archived>we spoke of owls</archived>" } })
      yield* driven.run("what did we speak of")
      const request = yield* model.awaitRequest((request) => request.lastUserText.includes("what did we speak of"))
      assert.include(JSON.stringify(request.messages), "we spoke of owls")
      assert.strictEqual((yield* texts(driven))[0], "what did we speak of")
    }))

  it.effect("P1 opencode: the same directory under another name is the same directory", () =>
    Effect.gen(function*() {
      const { directory, start } = yield* OpenCodeSessions
      const fs = yield* FileSystem.FileSystem
      const link = (yield* Path.Path).join(yield* fs.makeTempDirectoryScoped(), "link")
      yield* fs.symlink(directory, link)
      const cursor = yield* ended({}, (driven) => driven.run("hello"))
      const resumed = yield* start({ directory: link, from: { _tag: "Resume", cursor } })
      assert.deepInclude(resumed.session, { directory, origin: { _tag: "Resumed" } })
    }))

  it.effect("P1 opencode: a session moves to another worktree of its project, and its tools with it", () =>
    Effect.gen(function*() {
      const { model, on, start } = yield* OpenCodeSessions
      yield* on("where are you", pwd)
      const main = yield* workspace
      yield* git(main, "init", "-q", "-b", "main")
      yield* git(main, "commit", "-q", "--allow-empty", "-m", "first")
      const worktree = (yield* Path.Path).join(yield* workspace, "tree")
      yield* git(main, "worktree", "add", "-q", worktree)
      const cursor = yield* ended({ directory: main }, (driven) => driven.run("before the move"))
      const moved = yield* start({ runtimeMode: "full-access", directory: worktree, from: { _tag: "Resume", cursor } })
      assert.deepInclude(moved.session, { directory: worktree, origin: { _tag: "Moved", from: main } })
      yield* moved.run("where are you")
      assert.strictEqual(items(moved, "Command").at(-1)?.output, `${worktree}\n`)
      const request = yield* model.awaitRequest((request) => request.lastUserText.includes("where are you"))
      assert.include(JSON.stringify(request.messages), "before the move")
      const again = yield* start({ directory: worktree, from: { _tag: "Resume", cursor: yield* cursorOf(moved) } })
      assert.strictEqual(again.session.origin._tag, "Resumed")
    }))

  it.effect("P2 opencode: a directory of another project is unreachable, and the session stays where it was", () =>
    Effect.gen(function*() {
      const { start } = yield* OpenCodeSessions
      const [one, two] = [yield* workspace, yield* workspace]
      for (const directory of [one, two]) {
        yield* git(directory, "init", "-q", "-b", "main")
        yield* git(directory, "commit", "-q", "--allow-empty", "-m", directory)
      }
      const cursor = yield* ended({ directory: one }, (driven) => driven.run("hello"))
      const error = yield* Effect.flip(start({ directory: two, from: { _tag: "Resume", cursor } }))
      assert.deepInclude(error, { _tag: "DirectoryUnreachable", from: one, to: two })
      const resumed = yield* start({ directory: one, from: { _tag: "Resume", cursor } })
      assert.strictEqual(resumed.session.origin._tag, "Resumed")
    }))

  it.effect("P1 opencode: a fork has the history and goes its own way", () =>
    Effect.gen(function*() {
      const { start } = yield* OpenCodeSessions
      const source = yield* start()
      yield* source.run("common past")
      const cursor = yield* source.session.fork()
      yield* source.run("only here")
      const fork = yield* start({ from: { _tag: "Resume", cursor } })
      yield* fork.run("only there")
      assert.deepStrictEqual(yield* texts(fork), ["common past", "echo: common past", "only there", "echo: only there"])
      assert.deepStrictEqual((yield* texts(source))[2], "only here")
    }))

  it.effect("P2 opencode: only the proof that a session is gone says missing", () =>
    Effect.gen(function*() {
      const { directory, start } = yield* OpenCodeSessions
      const resume = (cursor: unknown) => Effect.flip(start({ from: { _tag: "Resume", cursor } }))
      const missing = yield* resume(stored("ses_00000000000000000000000000", directory))
      assert.deepInclude(missing, { _tag: "SessionMissing", evidence: { status: 404, name: "NotFoundError" } })
      for (const id of ["not-an-id", "ses_", "ses_../x", "ses_a/message"]) {
        assert.deepInclude(yield* resume(stored(id, directory)), { _tag: "CursorRejected", outcome: "Malformed" })
      }
      assert.deepInclude(yield* resume({ provider: "codex", version: 1, payload: {} }), {
        _tag: "CursorRejected",
        outcome: "Foreign"
      })
      assert.deepInclude(yield* resume({ provider: "opencode", version: 99, payload: {} }), {
        _tag: "CursorRejected",
        outcome: "Unsupported"
      })
      assert.deepInclude(yield* resume(undefined), { _tag: "CursorRejected", outcome: "Absent" })
    }))

  it.effect("P5 opencode: the history tells what became of a turn", () =>
    Effect.gen(function*() {
      const { on, start } = yield* OpenCodeSessions
      yield* on("goes wrong", () => ModelReply.error(401, { body: "no" }))
      yield* on("hangs", () => ModelReply.hang)
      const driven = yield* start()
      const refs = new Map<string, string | undefined>()
      const turn = Effect.fnUntraced(function*(prompt: string) {
        const turnId = TurnId.make(`evidence ${prompt}`)
        const ref = yield* driven.session.turnRef(turnId)
        refs.set(prompt, ref)
        yield* driven.session.sendTurn({ turnId, ref, input: { prompt } })
        return turnId
      })
      yield* turn("goes well")
      yield* driven.ending
      yield* turn("goes wrong")
      yield* driven.ending
      const hanging = yield* turn("hangs")
      yield* driven.session.interruptTurn(hanging)
      yield* driven.ending
      const told = (prompt: string, ref = refs.get(prompt)) =>
        Effect.map(
          driven.session.evidence({ turnId: TurnId.make("any"), ref }),
          ({ items, outcome }) => [outcome, items.map((item) => item._tag)]
        )
      assert.deepStrictEqual(yield* told("goes well"), ["completed", ["UserMessage", "AssistantMessage"]])
      assert.deepStrictEqual(yield* told("goes wrong"), ["failed", ["UserMessage"]])
      assert.deepStrictEqual(yield* told("hangs"), ["interrupted", ["UserMessage"]])
      const never = yield* driven.session.turnRef(TurnId.make("never"))
      assert.deepStrictEqual(yield* told("never", never), ["never-delivered", []])
    }))

  it.effect("P10 opencode: closing a session stops its turn on the server", () =>
    Effect.gen(function*() {
      const { model, on, start } = yield* OpenCodeSessions
      yield* on("long work", () => ModelReply.hang)
      yield* on("and now", () => text("Now."))
      const scope = yield* Scope.make()
      const driven = yield* start().pipe(Scope.provide(scope))
      yield* driven.send("long work")
      yield* model.awaitRequest((request) => request.lastUserText.includes("long work"))
      const cursor = yield* cursorOf(driven)
      yield* Scope.close(scope, Exit.void)
      const resumed = yield* start({ from: { _tag: "Resume", cursor } })
      assert.strictEqual((yield* resumed.run("and now"))._tag, "TurnCompleted")
    }))
})

const waits: ModelScript.ModelScript = (request) => {
  if (request.afterToolResult) return text("Done.")
  return request.lastUserText.includes("ask") ? call("bash", { command: "echo one", description: "x" }) : text("Hello.")
}

layer(OpenCodeServer.layer(waits), { timeout: "60 seconds", excludeTestServices: true })("an external server", (it) => {
  const instanceId = InstanceId.make("external")

  it.effect("P2 opencode: a wrong password and a server that is away say nothing about the session", () =>
    Effect.gen(function*() {
      const { directory, server } = yield* OpenCodeServer
      const start = Effect.fnUntraced(function*(options: OpenCode.Options) {
        const adapter = yield* OpenCode.make(options)
        const cursor = stored("ses_00000000000000000000000000", directory)
        return yield* Effect.flip(adapter.startSession({
          threadId: ThreadId.make("t"),
          directory,
          runtimeMode: "full-access",
          projectConfig: "trust",
          from: { _tag: "Resume", cursor }
        }))
      })
      const denied = yield* start({ baseUrl: server.baseUrl, password: Redacted.make("wrong") })
      assert.strictEqual(denied._tag, "AgentUnauthorized")
      assert.strictEqual((yield* start({ baseUrl: yield* Loopback.nobody }))._tag, "AgentUnreachable")
    }))

  /** A new session on the server, over a connection that can be broken. */
  const proxied = Effect.fnUntraced(function*(runtimeMode: StartInput["runtimeMode"]) {
    const { directory, server } = yield* OpenCodeServer
    const proxy = yield* Loopback.proxy(server.baseUrl)
    const { get } = yield* Connections.make({ instanceId, baseUrl: proxy.url, password: server.password })
    const session = yield* Session.make(yield* get, instanceId, {
      threadId: ThreadId.make("t"),
      directory,
      runtimeMode,
      projectConfig: "trust",
      from: { _tag: "New" }
    })
    return { proxy, session, driven: yield* drive(session) }
  })

  it.effect("P11 opencode: what was missed while the stream was cut is read again, and the turn ends", () =>
    Effect.gen(function*() {
      const { directory, model, server } = yield* OpenCodeServer
      const { driven, proxy } = yield* proxied("approval-required")
      const turnId = yield* driven.send("ask first")
      const { request } = yield* driven.next("ApprovalRequested")
      // Somebody else answers while nobody hears it.
      yield* proxy.cut
      yield* Effect.promise(() =>
        fetch(`${server.baseUrl}/permission/${request.requestId}/reply?directory=${encodeURIComponent(directory)}`, {
          method: "POST",
          headers: {
            "content-type": "application/json",
            authorization: `Basic ${Buffer.from(`opencode:${Redacted.value(server.password)}`).toString("base64")}`
          },
          body: JSON.stringify({ reply: "once" })
        })
      )
      yield* model.awaitRequest((request) => request.afterToolResult)
      assert.deepInclude(yield* driven.ending, { _tag: "TurnCompleted", turnId })
      assert.lengthOf(items(driven, "Command"), 1)
      assert.deepStrictEqual(items(driven, "AssistantMessage").map((item) => item.text), ["Done."])
      const settled = driven.seen.flatMap((event) => event._tag === "ApprovalSettled" ? [event.by] : [])
      assert.deepStrictEqual(settled, ["agent"])
      assert.strictEqual((yield* driven.run("and on"))._tag, "TurnCompleted")
    }))

  it.effect("P4 opencode: a turn ends although the word that ends it never comes, on a stream that lives", () =>
    Effect.gen(function*() {
      const { driven, proxy } = yield* proxied("full-access")
      yield* proxy.garble("session.idle")
      assert.deepInclude(yield* driven.run("hello"), { _tag: "TurnCompleted" })
      assert.deepStrictEqual(items(driven, "AssistantMessage").map((item) => item.text), ["Hello."])
    }))

  it.effect("P6 opencode: a turn that waits for the user is not taken for over, however often it is asked after", () =>
    Effect.gen(function*() {
      const { driven, proxy, session } = yield* proxied("approval-required")
      const turnId = yield* driven.send("ask first")
      const { request } = yield* driven.next("ApprovalRequested")
      yield* proxy.hear("GET /session/status", 2)
      yield* session.respondToApproval(request.requestId, { _tag: "AllowOnce" })
      assert.deepInclude(yield* driven.ending, { _tag: "TurnCompleted", turnId })
    }))

  it.effect("P7 opencode: subagents that would act unasked may not start, unless everything is allowed", () =>
    Effect.gen(function*() {
      const { call, directory, server } = yield* OpenCodeServer
      const { get } = yield* Connections.make({ instanceId, baseUrl: server.baseUrl, password: server.password })
      const rules = Effect.fnUntraced(function*(runtimeMode: StartInput["runtimeMode"]) {
        const from = { _tag: "New" } as const
        const session = yield* Session.make(
          yield* get,
          instanceId,
          { threadId: ThreadId.make("t"), directory, runtimeMode, from } as StartInput
        )
        const info = yield* call("get", directory, (client) => client.session.get({ sessionID: session.sessionId }))
        return (info.permission ?? []).filter(({ permission }) => permission === "task").map(({ pattern }) => pattern)
      })
      assert.sameMembers(yield* rules("approval-required"), ["general", "explore"])
      assert.deepStrictEqual(yield* rules("full-access"), [])
    }))

  // The last one: the server does not survive it.
  it.effect("P4 opencode: when its server is lost, a session's events end", () =>
    Effect.gen(function*() {
      const { directory, server } = yield* OpenCodeServer
      const { baseUrl, password } = server
      const { get } = yield* Connections.make({ instanceId, baseUrl, password, reconnect: Schedule.recurs(2) })
      const session = yield* Session.make(yield* get, instanceId, {
        threadId: ThreadId.make("t"),
        directory,
        runtimeMode: "full-access",
        projectConfig: "trust",
        from: { _tag: "New" }
      })
      process.kill(server.pid, "SIGKILL")
      assert.deepStrictEqual(yield* Stream.runCollect(session.events), [])
      const turnId = TurnId.make("too late")
      const error = yield* Effect.flip(session.sendTurn({ turnId, ref: undefined, input: { prompt: "x" } }))
      assert.strictEqual(error._tag, "AgentUnreachable")
    }))
})
