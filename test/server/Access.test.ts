/** What each caller may do, thread by thread, as the app says. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Stream } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { ProviderService, ThreadId } from "../../src/index.ts"
import { CallerService, ThreadAccess } from "../../src/server/index.ts"
import { MockProvider, MockStep } from "../../src/testing/index.ts"
import * as Agents from "../support/Agents.ts"
import * as HttpHost from "../support/HttpHost.ts"

/** Threads are named after who has them; a guest sees those of alice, her deputy answers in them; root alone operates. */
const access = ThreadAccess.layer(({ action, caller: { id }, threadId }) =>
  Effect.succeed(
    threadId === undefined ? id === "root" : id === threadId.split(".")[0] ||
      (id === "guest" && action === "see" || id === "deputy" && action === "answer") && threadId.startsWith("alice.")
  )
)

const as = (user: string) => ({ headers: { "x-user": user } })

const alices = ThreadId.make("alice.1")
const bobs = ThreadId.make("bob.1")

const hostOf = Effect.fnUntraced(function*(options: HttpHost.Options = {}) {
  const host = yield* HttpHost.start({
    ...options,
    beside: access,
    server: { authorize: ({ headers }) => Effect.succeed({ id: headers["x-user"] ?? "nobody" }) }
  })
  const agents = Context.get(host.context, ProviderService)
  const directory = yield* Agents.folder
  for (const threadId of [alices, bobs]) {
    yield* agents.startSession({ threadId, instanceId: Agents.mock, directory })
    yield* agents.runTurn({ threadId, prompt: "hi" })
  }
  return { ...host, agents, directory, mock: Context.get(host.context, MockProvider) }
})

const host = hostOf()

const denied = (operation: string, threadId: string) => ({
  _tag: "AccessDenied",
  details: { operation, threadId }
})

describe("access", () => {
  it.live("holds in routes of an app's own, which have the service as their caller may use it", () =>
    Effect.gen(function*() {
      const answer = (caller: string) =>
        Effect.gen(function*() {
          const agents = yield* CallerService.make({ id: caller })
          const { threads } = yield* agents.listThreads({})
          const seen = yield* agents.streamEvents({ threadId: alices }).pipe(
            Stream.take(1),
            Stream.runCollect,
            Effect.result
          )
          return {
            threads: threads.map(({ threadId }) => threadId),
            seen: seen._tag === "Failure" ? seen.failure._tag : "seen"
          }
        }).pipe(Effect.orDie)
      const routes = HttpRouter.use(Effect.fnUntraced(function*(router) {
        const service = yield* ProviderService
        yield* router.add("GET", "/mine", ({ headers }) =>
          answer(headers["x-user"] ?? "nobody").pipe(
            Effect.provideService(ProviderService, service),
            Effect.map((found) => HttpServerResponse.jsonUnsafe(found))
          ))
      }))
      const { ask } = yield* hostOf({ routes })
      assert.deepStrictEqual((yield* ask("GET", "/mine", as("alice"))).body, { threads: [alices], seen: "seen" })
      assert.deepStrictEqual((yield* ask("GET", "/mine", as("bob"))).body, { threads: [bobs], seen: "AccessDenied" })
    }).pipe(Effect.scoped, Effect.provide(Agents.platform)))

  it.live("lists and streams have what the caller may see", () =>
    Effect.gen(function*() {
      const { agents, ask, read } = yield* host
      for (const user of ["alice", "guest", "bob"]) {
        const own = user === "bob" ? bobs : alices
        const listed = JSON.stringify((yield* ask("GET", "/threads", as(user))).body)
        assert.include(listed, own)
        assert.notInclude(listed, own === bobs ? alices : bobs)
        const feed = yield* read("/events?kinds=TurnCompleted", as(user)).pipe(Stream.take(1), Stream.runCollect)
        assert.include(feed[0]?.data, own)
        const changes = read("/changes", as(user)).pipe(
          Stream.filter(({ event }) => event === "message"),
          Stream.tap(() =>
            Effect.all([alices, bobs].map((threadId) => agents.configureThread({ threadId, title: user })))
          ),
          Stream.take(2),
          Stream.map(({ data }) => data),
          Stream.mkString
        )
        assert.notInclude(yield* changes, own === bobs ? alices : bobs)
      }
    }).pipe(Effect.scoped, Effect.provide(Agents.platform)))

  it.live("a thread of another caller is refused, whether it is there or not", () =>
    Effect.gen(function*() {
      const { ask } = yield* host
      for (const id of [alices, "alice.none"]) {
        assert.deepInclude((yield* ask("GET", `/threads/${id}`, as("bob"))).body, denied("getThread", id))
        assert.deepInclude((yield* ask("GET", `/threads/${id}/events`, as("bob"))).body, denied("streamEvents", id))
        assert.deepInclude((yield* ask("DELETE", `/threads/${id}`, as("bob"))).body, denied("deleteThread", id))
      }
      assert.strictEqual((yield* ask("GET", `/threads/${alices}`, as("alice"))).status, 200)
      const copied = yield* ask("POST", `/threads/${alices}/fork`, { ...as("bob"), body: { newThreadId: "bob.2" } })
      assert.deepInclude(copied.body, denied("forkThread", alices))
      const forked = yield* ask("POST", `/threads/${bobs}/fork`, { ...as("bob"), body: { newThreadId: "alice.2" } })
      assert.deepInclude(forked.body, denied("forkThread", "alice.2"))
    }).pipe(Effect.scoped, Effect.provide(Agents.platform)))

  it.live("one who may see may neither send nor answer", () =>
    Effect.gen(function*() {
      const { agents, ask, mock } = yield* host
      yield* mock.nextTurn(() => [MockStep.command("make")])
      yield* agents.sendTurn({ threadId: alices, prompt: "make it" })
      const { request } = yield* mock.awaitRequest()
      const approve = (user: string) =>
        ask("POST", `/threads/${alices}/approvals/${request.requestId}`, {
          ...as(user),
          body: { decision: { _tag: "AllowOnce" }, actor: user }
        })
      const guest = as("guest")
      assert.strictEqual((yield* ask("GET", `/threads/${alices}/transcript`, guest)).status, 200)
      const sent = yield* ask("POST", `/threads/${alices}/turns`, { ...guest, body: { prompt: "hi", steer: true } })
      assert.deepInclude(sent.body, denied("sendTurn", alices))
      assert.deepInclude((yield* approve("guest")).body, denied("respondToApproval", alices))
      // One who may only answer may not loosen what the agent may do.
      const loosened = yield* ask("POST", `/threads/${alices}/approvals/${request.requestId}`, {
        ...as("deputy"),
        body: { decision: { _tag: "AllowOnce" }, configure: { runtimeMode: "full-access" } }
      })
      assert.deepInclude(loosened.body, denied("respondToApproval", alices))
      assert.strictEqual((yield* approve("alice")).status, 200)
      const again = yield* approve("alice")
      assert.deepInclude(again.body, { _tag: "RequestSettled", status: 409 })
    }).pipe(Effect.scoped, Effect.provide(Agents.platform)))

  it.live("a snapshot is reached by its own thread alone", () =>
    Effect.gen(function*() {
      const { ask } = yield* host
      const saved = yield* ask("POST", `/threads/${alices}/snapshots`, as("alice"))
      const snapshotId = /"snapshotId":"([^"]+)"/.exec(JSON.stringify(saved.body))?.[1]
      const own = yield* ask("GET", `/threads/${alices}/snapshots/${snapshotId}`, as("guest"))
      assert.strictEqual(own.status, 200)
      for (const path of ["", "/verify", "/export?format=jsonl"]) {
        const other = yield* ask("GET", `/threads/${bobs}/snapshots/${snapshotId}${path}`, as("bob"))
        assert.deepInclude(other.body, { _tag: "SnapshotUnknown", status: 404 })
      }
      const purged = yield* ask("DELETE", `/threads/${bobs}/snapshots/${snapshotId}`, as("bob"))
      assert.deepInclude(purged.body, { _tag: "SnapshotUnknown" })
      assert.strictEqual((yield* ask("DELETE", `/threads/${alices}/snapshots/${snapshotId}`, as("guest"))).status, 403)
    }).pipe(Effect.scoped, Effect.provide(Agents.platform)))

  it.live("what is of no thread is for those who operate", () =>
    Effect.gen(function*() {
      const { ask, directory } = yield* host
      const instance = `/instances/${Agents.mock}`
      const asked = (user: string) =>
        Effect.forEach([
          ask("GET", "/hooks/given-up", as(user)),
          ask("POST", "/hooks/resend", { ...as(user), body: { hook: "any" } }),
          ask("GET", `${instance}/sessions`, as(user)),
          ask("POST", "/ask", { ...as(user), body: { instanceId: Agents.mock, prompt: "hi" } })
        ], Effect.map(({ status }) => status))
      assert.deepStrictEqual(yield* asked("alice"), [403, 403, 403, 403])
      assert.deepStrictEqual(yield* asked("root"), [200, 200, 200, 200])
      const about = { instanceId: Agents.mock, prompt: "hi", about: alices }
      assert.deepInclude((yield* ask("POST", "/ask", { ...as("root"), body: about })).body, denied("ask", alices))
      const adopted = { instanceId: Agents.mock, sessionId: "any", directory }
      assert.strictEqual((yield* ask("POST", "/threads/alice.3/adopt", { ...as("alice"), body: adopted })).status, 403)
      assert.strictEqual((yield* ask("GET", "/instances", as("alice"))).status, 200)
    }).pipe(Effect.scoped, Effect.provide(Agents.platform)))
})
