/** The server beside routes of an app's own, which tell streams and admit callers by the same means. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Stream } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { SqlClient } from "effect/sql"
import { ProviderService, ThreadId } from "../../src/index.ts"
import { Admission, Events } from "../../src/server/index.ts"
import * as Agents from "../support/Agents.ts"
import * as HttpHost from "../support/HttpHost.ts"

const { threadId } = Agents

const routes = HttpRouter.use(Effect.fnUntraced(function*(router) {
  const agents = yield* ProviderService
  const admission = yield* Admission.Admission
  yield* router.add(
    "GET",
    "/my/events",
    Effect.gen(function*() {
      const after = yield* Events.after
      const events = Events.withoutDeltas(agents.streamEvents({ threadId, after }))
      return yield* Events.response(events, { id: ({ seq }) => String(seq) })
    }).pipe(Effect.catchTag("InputInvalid", () => Effect.succeed(HttpServerResponse.empty({ status: 400 }))))
  )
  yield* router.add(
    "GET",
    "/my/name",
    Admission.admit.pipe(
      Effect.match({
        onSuccess: ({ id }) => HttpServerResponse.text(id),
        onFailure: ({ _tag }) => HttpServerResponse.text(_tag, { status: 403 })
      }),
      Effect.provideService(Admission.Admission, admission)
    )
  )
}))

const token = "c2VjcmV0IG9mIHRoaXMgc2VydmVy"
const bearer = { authorization: `Bearer ${token}` }

describe("routes of an app's own", () => {
  it.live("P11: a stream of theirs goes on after Last-Event-ID", () =>
    Effect.gen(function*() {
      const { ask, context, read } = yield* HttpHost.start({ routes })
      const agents = Context.get(context, ProviderService)
      yield* agents.startSession({ threadId, instanceId: Agents.mock, directory: yield* Agents.folder })
      yield* agents.runTurn({ threadId, prompt: "hi" })
      const ids = (stream: ReturnType<typeof read>) =>
        stream.pipe(Stream.take(2), Stream.map(({ id }) => id), Stream.runCollect)
      assert.deepStrictEqual(yield* ids(read("/my/events")), ["1", "2"])
      assert.deepStrictEqual(yield* ids(read("/my/events", { headers: { "last-event-id": "2" } })), ["3", "4"])
      for (const place of ["x", "-1", "0.5"]) {
        assert.strictEqual((yield* ask("GET", "/my/events", { headers: { "last-event-id": place } })).status, 400)
      }
    }).pipe(Effect.scoped, Effect.provide(Agents.platform)))

  it.live("ask who calls as the server does, which may have a prefix and no documents", () =>
    Effect.gen(function*() {
      const { ask } = yield* HttpHost.start({ routes, server: { token, prefix: "/agents" } })
      assert.deepInclude(yield* ask("GET", "/my/name", { headers: bearer }), { status: 200, body: "token" })
      assert.deepInclude(yield* ask("GET", "/my/name"), { status: 403, body: "Unauthorized" })
      const origin = "https://evil.example"
      assert.deepInclude(yield* ask("GET", "/my/name", { headers: { ...bearer, origin } }), { body: "OriginRefused" })
      assert.strictEqual((yield* ask("GET", "/agents/threads", { headers: bearer })).status, 200)
      assert.strictEqual((yield* ask("GET", "/threads", { headers: bearer })).status, 404)
      const { body } = yield* ask("GET", "/agents/openapi.json")
      assert.deepInclude(body, { openapi: "3.1.0", servers: [{ url: "/agents" }] })
      const bare = yield* HttpHost.start({ server: { docs: false } })
      assert.strictEqual((yield* bare.ask("GET", "/openapi.json")).status, 404)
      assert.strictEqual((yield* bare.ask("GET", "/docs")).status, 404)
    }).pipe(Effect.scoped))
})

describe("the server", () => {
  it.live("P15: takes any id in a path", () =>
    Effect.gen(function*() {
      const { ask } = yield* HttpHost.start()
      const directory = yield* Agents.folder
      for (const id of ["a/b?c#d&e=f", "100%", "\u{1f680} \u202e", "x".repeat(512), "ä".repeat(512), "..a", "events"]) {
        const body = { threadId: ThreadId.make(id), instanceId: Agents.mock, directory }
        assert.strictEqual((yield* ask("POST", "/threads", { body })).status, 201)
        assert.deepInclude((yield* ask("GET", `/threads/${encodeURIComponent(id)}`)).body, { threadId: id })
      }
    }).pipe(Effect.scoped, Effect.provide(Agents.platform)))

  it.live("is not ready while its store does not answer, and runs on", () =>
    Effect.gen(function*() {
      const filename = `${yield* Agents.folder}/threads.db`
      const { ask, context } = yield* HttpHost.start({ filename })
      assert.strictEqual((yield* ask("GET", "/readyz")).status, 200)
      yield* Context.get(context, SqlClient.SqlClient)`ALTER TABLE eca_threads RENAME TO elsewhere`
      assert.deepInclude((yield* ask("GET", "/readyz")).body, { _tag: "NotReady", status: 503 })
      assert.strictEqual((yield* ask("GET", "/healthz")).status, 200)
      const failed = yield* ask("GET", "/threads")
      assert.deepInclude(failed.body, { _tag: "StoreFailed", status: 503 })
      assert.notInclude(JSON.stringify(failed), filename)
    }).pipe(Effect.scoped, Effect.provide(Agents.platform)))
})
