/** Who may come in, and what a request may be, on a real socket. */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Layer, Redacted } from "effect"
import { RateLimiter } from "effect/persistence"
import { Unauthorized } from "../../src/api/ApiError.ts"
import { RateLimit, type Server } from "../../src/server/index.ts"
import * as Agents from "../support/Agents.ts"
import * as HttpHost from "../support/HttpHost.ts"

const token = "c2VjcmV0IG9mIHRoaXMgc2VydmVy"
const bearer = { authorization: `Bearer ${token}` }

const statuses = <E, R>(
  asked: ReadonlyArray<Effect.Effect<HttpHost.Answer, E, R>>
): Effect.Effect<ReadonlyArray<number>, E, R> => Effect.forEach(asked, (ask) => Effect.map(ask, ({ status }) => status))

/** What a server that is not started says. */
const refusal = (listen: HttpHost.Options["listen"], server: Server.Options) =>
  Effect.map(
    Effect.exit(Layer.build(HttpHost.layer({ listen, server }))),
    (exit) => Exit.isFailure(exit) ? Cause.squash(exit.cause) : "started"
  )

const everywhere = { port: 0, host: "0.0.0.0" }

const limited = RateLimit.layer({ limit: 3, window: "1 hour" }).pipe(
  Layer.provide(RateLimiter.layer),
  Layer.provide(RateLimiter.layerStoreMemory)
)

describe("a server", () => {
  it.live("does not start where everyone may call, and does with a token, or a check of the app's own", () =>
    Effect.gen(function*() {
      assert.deepInclude(yield* refusal(everywhere, {}), { _tag: "ServerUnprotected", reason: "not-loopback" })
      assert.deepInclude(yield* refusal(undefined, { token: "" }), { _tag: "ServerUnprotected", reason: "empty-token" })
      assert.strictEqual(yield* refusal(everywhere, { token }), "started")
      assert.strictEqual(yield* refusal(everywhere, { authorize: () => Effect.succeed({ id: "a" }) }), "started")
      assert.strictEqual(yield* refusal(undefined, {}), "started")
    }).pipe(Effect.scoped))

  it.live("asks for its token, and says no more to a caller that has another one", () =>
    Effect.gen(function*() {
      const { ask } = yield* HttpHost.start({ server: { token: Redacted.make(token) } })
      const refused = yield* ask("GET", "/threads")
      assert.strictEqual(refused.status, 401)
      assert.strictEqual(refused.headers["www-authenticate"], "Bearer")
      assert.deepInclude(refused.body, { _tag: "Unauthorized", status: 401 })
      const others = [`Bearer ${token}x`, `Bearer ${token.slice(1)}`, `Basic ${token}`, token, "Bearer", ""]
      for (const authorization of others) {
        const { body, status } = yield* ask("GET", "/threads", { headers: { authorization } })
        assert.deepStrictEqual([status, body], [401, refused.body])
      }
      assert.strictEqual((yield* ask("GET", "/threads", { headers: bearer })).status, 200)
      assert.strictEqual(
        (yield* ask("GET", "/threads", { headers: { authorization: `bearer  ${token}` } })).status,
        200
      )
      const open = ["/healthz", "/readyz", "/openapi.json", "/docs"]
      assert.deepStrictEqual(yield* statuses(open.map((path) => ask("GET", path))), [200, 200, 200, 200])
    }).pipe(Effect.scoped))

  it.live("takes the word of the app on who calls", () =>
    Effect.gen(function*() {
      const { ask } = yield* HttpHost.start({
        server: {
          authorize: ({ cookies }) =>
            cookies["session"] === "alice" ? Effect.succeed({ id: "alice" }) : Effect.fail(new Unauthorized())
        }
      })
      const cookie = (session: string) => ask("GET", "/threads", { headers: { cookie: `session=${session}` } })
      assert.deepStrictEqual(yield* statuses([cookie("alice"), cookie("mallory")]), [200, 401])
    }).pipe(Effect.scoped))

  it.live("on loopback: refuses a name that leads here (DNS rebinding), and pages of other sites", () =>
    Effect.gen(function*() {
      const { ask, url } = yield* HttpHost.start()
      const port = url.replace(/.*:/, "")
      const get = (headers: Readonly<Record<string, string>>) => ask("GET", "/threads", { headers })
      const hosts = [
        `127.0.0.1:${port}`,
        `localhost:${port}`,
        "LOCALHOST",
        "[::1]:1",
        "evil.example",
        `evil.example:${port}`
      ]
      assert.deepStrictEqual(
        yield* statuses(hosts.map((host) => get({ host }))),
        [200, 200, 200, 200, 403, 403]
      )
      const origins = [url, "https://evil.example", "null", `http://localhost:1`]
      assert.deepStrictEqual(yield* statuses(origins.map((origin) => get({ origin }))), [200, 403, 403, 403])
      // A page of another site can send this one without asking first.
      const simple = yield* ask("POST", "/threads/t/reset", { headers: { origin: "https://evil.example" } })
      assert.deepInclude(simple.body, { _tag: "OriginRefused", details: { header: "origin" } })
      assert.notProperty(simple.headers, "access-control-allow-origin")
    }).pipe(Effect.scoped))

  it.live("lets pages of the origins that it is given call, and no others", () =>
    Effect.gen(function*() {
      const origin = "https://app.example"
      const { ask } = yield* HttpHost.start({
        server: { token, origins: [origin], hosts: ["Agents.example", "127.0.0.1"] }
      })
      const allowed = yield* ask("GET", "/threads/none", { headers: { ...bearer, origin } })
      assert.deepInclude(allowed, { status: 404 })
      assert.strictEqual(allowed.headers["access-control-allow-origin"], origin)
      const asks = { "access-control-request-method": "POST", "access-control-request-headers": "authorization" }
      const preflight = yield* ask("OPTIONS", "/threads/t/turns", { headers: { origin, ...asks } })
      assert.strictEqual(preflight.status, 204)
      assert.strictEqual(preflight.headers["access-control-allow-origin"], origin)
      assert.include(preflight.headers["access-control-allow-headers"], "authorization")
      const evil = yield* ask("GET", "/threads", { headers: { ...bearer, origin: "https://evil.example" } })
      assert.strictEqual(evil.status, 403)
      const hosts = ["evil.example", "Agents.Example:80"]
      const named = hosts.map((host) => ask("GET", "/threads", { headers: { ...bearer, host } }))
      assert.deepStrictEqual(yield* statuses(named), [403, 200])
    }).pipe(Effect.scoped))

  it.live("P15: takes no body that is too long, or cannot be read", () =>
    Effect.gen(function*() {
      const { ask } = yield* HttpHost.start({ server: { maxBody: "1 KiB" } })
      const post = (text: string, headers: Readonly<Record<string, string>> = {}) =>
        ask("POST", "/ask", { text, headers })
      const long = JSON.stringify({ instanceId: "mock", prompt: "x".repeat(2000) })
      assert.deepInclude((yield* post(long)).body, { _tag: "BodyTooLarge", details: { limit: 1024 } })
      const chunked = yield* ask("POST", "/ask", { text: long, chunked: true })
      assert.deepInclude(chunked.body, { _tag: "BodyTooLarge", status: 413 })
      assert.deepInclude((yield* post("{")).body, { _tag: "InputInvalid", status: 400 })
      assert.deepInclude((yield* post("")).body, { _tag: "InputInvalid", status: 400 })
      assert.strictEqual((yield* post("{}", { "content-type": "text/plain" })).status, 415)
      const { body } = yield* post("{\"prompt\":7}")
      assert.deepInclude(body, { _tag: "InputInvalid" })
      assert.include(JSON.stringify(body), "instanceId")
      assert.strictEqual((yield* post(JSON.stringify({ instanceId: "mock", prompt: "hi" }))).status, 200)
    }).pipe(Effect.scoped))

  it.live("P15: deep nesting is refused like any other bad input", () =>
    Effect.gen(function*() {
      const { ask } = yield* HttpHost.start()
      const deep = `{"instanceId":"mock","prompt":"hi","output":{"a":${"[".repeat(100_000)}${"]".repeat(100_000)}}}`
      assert.strictEqual((yield* ask("POST", "/ask", { text: deep })).status, 400)
    }).pipe(Effect.scoped))

  it.live("counts the requests of each caller where it has a limit", () =>
    Effect.gen(function*() {
      const { ask } = yield* HttpHost.start({ beside: limited, server: { token } })
      const get = (headers: Readonly<Record<string, string>>) => ask("GET", "/threads", { headers })
      const asked = Array.from({ length: 4 }, () => get(bearer))
      assert.deepStrictEqual(yield* statuses(asked), [200, 200, 200, 429])
      const refused = yield* get(bearer)
      assert.deepInclude(refused.body, { _tag: "TooManyRequests", retryable: true })
      assert.isAbove(Number(refused.headers["retry-after"]), 3000)
      const guesses = Array.from({ length: 4 }, () => get({ authorization: "Bearer guess" }))
      assert.deepStrictEqual(yield* statuses(guesses), [401, 401, 401, 429])
    }).pipe(Effect.scoped))

  it.live("P14: no answer has what is for the operator only, nor a token", () =>
    Effect.gen(function*() {
      const { ask } = yield* HttpHost.start({ server: { token } })
      const directory = yield* Agents.folder
      const body = { threadId: "t", instanceId: "mock", directory: `${directory}/none` }
      const refused = yield* ask("POST", "/threads/t/session", { headers: bearer, body })
      assert.strictEqual(refused.status, 422)
      const problem = yield* ask("POST", "/threads/t/session", {
        headers: { ...bearer, accept: "application/problem+json" },
        body
      })
      assert.strictEqual(problem.headers["content-type"], "application/problem+json")
      assert.deepInclude(problem.body, { type: "urn:effect-coding-agents:DirectoryInvalid", status: 422 })
      const docs = [yield* ask("GET", "/openapi.json"), yield* ask("GET", "/docs")]
      assert.include(String(docs[1]?.body), "\"withDefaultFonts\":false")
      assert.notMatch(String(docs[1]?.body), /<(?:script|link|img)[^>]+(?:src|href)="https?:/)
      assert.notInclude(JSON.stringify([refused, problem, docs]), token)
    }).pipe(Effect.scoped, Effect.provide(Agents.platform)))
})
