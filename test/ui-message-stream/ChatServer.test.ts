/** The routes of the AI SDK beside the others of a server. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Deferred, Effect, Exit, Fiber, Layer, Scope, Stream } from "effect"
import { HttpRouter, HttpServerRequest } from "effect/http"
import { ProviderService, ThreadId } from "../../src/index.ts"
import { Caller, ThreadAccess } from "../../src/server/index.ts"
import { MockProvider, MockStep } from "../../src/testing/index.ts"
import { ChatRoutes } from "../../src/ui-message-stream/index.ts"
import * as Agents from "../support/Agents.ts"
import * as HttpHost from "../support/HttpHost.ts"

/** Says who calls, as an app's own sign-in does. */
const signedIn = HttpRouter.middleware<{ provides: Caller }>()(
  (app) =>
    Effect.flatMap(
      HttpServerRequest.HttpServerRequest,
      ({ headers }) => Effect.provideService(app, Caller, { id: headers["x-user"] ?? "nobody" })
    )
).layer

/** Threads are named after who has them. */
const access = ThreadAccess.layer(({ caller: { id }, threadId }) =>
  Effect.succeed(threadId !== undefined && threadId.startsWith(`${id}.`))
)

const said = (threadId: string, id: string, text: string) => ({
  id: threadId,
  messages: [{ id, role: "user", parts: [{ type: "text", text }] }]
})

const routes = Effect.map(
  Agents.folder,
  (directory) => ChatRoutes.layer({ newThread: { instanceId: Agents.mock, directory } })
)

describe("the routes of the AI SDK", () => {
  it.live("do not keep the server from stopping at once, and the page is told that the turn goes on", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const host = yield* Scope.provide(HttpHost.start({ routes: yield* routes }), scope)
      yield* Context.get(host.context, MockProvider).nextTurn(() => [MockStep.text("I wait."), MockStep.hang])
      const begun = yield* Deferred.make<void>()
      const page = yield* host.read("/chat", { method: "POST", body: said("talk", "m", "go") }).pipe(
        Stream.tap(({ data }) => data.includes("text-end") ? Deferred.succeed(begun, undefined) : Effect.void),
        Stream.map(({ data }) => data),
        Stream.runCollect,
        Effect.forkChild
      )
      yield* Deferred.await(begun)
      const stopped = yield* Scope.close(scope, Exit.void).pipe(Effect.timeoutOption("5 seconds"))
      assert.strictEqual(stopped._tag, "Some")
      assert.deepStrictEqual((yield* Fiber.join(page)).slice(-2), [
        JSON.stringify({ type: "error", errorText: "StreamEnded" }),
        "[DONE]"
      ])
    }).pipe(Effect.scoped, Effect.provide(Agents.platform)))

  it.live("P15 say of a request that is too long that it is, and how long it may be", () =>
    Effect.gen(function*() {
      const { ask } = yield* HttpHost.start({ routes: yield* routes })
      const answer = yield* ask("POST", "/chat", { body: said("talk", "m", "x".repeat(17 * 1024 * 1024)) })
      assert.deepInclude(answer.body, { _tag: "BodyTooLarge", status: 413, details: { limit: 16 * 1024 * 1024 } })
    }).pipe(Effect.scoped, Effect.provide(Agents.platform)))

  it.live("ask ThreadAccess as the caller whom the app's middleware names, before anything is made or told", () =>
    Effect.gen(function*() {
      const host = yield* HttpHost.start({ routes: Layer.provide(yield* routes, signedIn), beside: access })
      const agents = Context.get(host.context, ProviderService)
      const post = (user: string, path: string, body: unknown) =>
        host.ask("POST", path, { body, headers: { "x-user": user } })
      assert.strictEqual((yield* post("alice", "/chat", said("alice.1", "m", "hi"))).status, 200)
      const { lastSeq } = yield* agents.getThread({ threadId: ThreadId.make("alice.1") })
      const refused = [
        yield* post("bob", "/chat", said("alice.1", "n", "what did she say?")),
        yield* post("bob", "/chat", said("alice.2", "n", "hi")),
        yield* post("bob", "/chat/alice.1/stop", {}),
        yield* post("bob", "/chat/alice.1/answer", { requestId: "r", decision: { _tag: "AllowOnce" } }),
        yield* host.ask("GET", "/chat/alice.1/stream", { headers: { "x-user": "bob" } })
      ]
      for (const { body } of refused) assert.deepInclude(body, { _tag: "AccessDenied", status: 403 })
      const { threads } = yield* agents.listThreads({})
      assert.deepStrictEqual(threads.map((thread) => [thread.threadId, thread.lastSeq]), [[
        ThreadId.make("alice.1"),
        lastSeq
      ]])
    }).pipe(Effect.scoped, Effect.provide(Agents.platform)))

  it.live("answer nothing where the app decides thread by thread and nothing says who calls", () =>
    Effect.gen(function*() {
      const { ask } = yield* HttpHost.start({ routes: yield* routes, beside: access })
      const answer = yield* ask("POST", "/chat", { body: said("alice.1", "m", "hi") })
      assert.deepInclude(answer.body, { _tag: "InternalError", status: 500 })
    }).pipe(Effect.scoped, Effect.provide(Agents.platform)))
})
