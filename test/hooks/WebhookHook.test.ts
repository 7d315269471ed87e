/** Webhooks against a real receiver on the loopback, and what a receiver may believe. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Deferred, Duration, Effect, Exit, Fiber, Layer, Redacted, Schema, Tracer } from "effect"
import { FetchHttpClient, HttpClient, type HttpClientResponse } from "effect/http"
import { TestClock } from "effect/testing"
import { createHmac } from "node:crypto"
import type { IncomingHttpHeaders, ServerResponse } from "node:http"
import { LifecycleEvent } from "../../src/domain/LifecycleEvent.ts"
import { WebhookHook } from "../../src/index.ts"
import * as HookFixture from "../support/HookFixture.ts"
import * as Loopback from "../support/Loopback.ts"

const key = Buffer.from("0123456789abcdef0123456789abcdef")
const secret = Redacted.make(`whsec_${key.toString("base64")}`)

const layer = Layer.merge(FetchHttpClient.layer, NodeServices.layer)

const events = HookFixture.events("/project")

interface Received {
  readonly method: string | undefined
  readonly url: string | undefined
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** A receiver that keeps what it got, and answers as it is told to. */
const receiver = Effect.fnUntraced(function*(answer: (response: ServerResponse) => void) {
  const received: Array<Received> = []
  const url = yield* Loopback.http((request, response) => {
    const chunks: Array<Buffer> = []
    request.on("data", (chunk) => chunks.push(chunk))
    request.on("end", () => {
      const { headers, method, url } = request
      received.push({ method, url, headers, body: Buffer.concat(chunks).toString("utf8") })
      answer(response)
    })
  })
  return { url, received }
})

const status = (code: number, headers: Record<string, string> = {}) => (response: ServerResponse) => {
  response.writeHead(code, headers).end("words of the receiver")
}

const webhook = (url: string, options: Partial<WebhookHook.WebhookOptions> = {}) =>
  HookFixture.open(WebhookHook.layer({ name: "receiver", events: ["*"], url, secret, ...options }))

const signature = (key: string | Buffer, { body, headers }: Received) =>
  `v1,${
    createHmac("sha256", key)
      .update(`${String(headers["webhook-id"])}.${String(headers["webhook-timestamp"])}.${body}`)
      .digest("base64")
  }`

describe("WebhookHook: what is sent", () => {
  it.effect("P12 webhook: the event comes as JSON, signed as Standard Webhooks has it", () =>
    Effect.gen(function*() {
      const { received, url } = yield* receiver(status(204))
      yield* TestClock.setTime(1_700_000_123_456)
      const { observe } = yield* webhook(`${url}/hooks?tenant=1`, { headers: { "X-Tenant": Redacted.make("t1") } })
      const event = events.turnStart("Grüße, 世界")
      yield* observe(event)
      const [request] = received
      assert.isDefined(request)
      assert.strictEqual(request.method, "POST")
      assert.strictEqual(request.url, "/hooks?tenant=1")
      assert.deepInclude(request.headers, {
        "content-type": "application/json",
        "webhook-id": event.eventId,
        "webhook-timestamp": "1700000123",
        "webhook-attempt": "1",
        "webhook-signature": signature(key, request),
        "x-tenant": "t1"
      })
      const body: unknown = JSON.parse(request.body)
      assert.deepStrictEqual(body, { type: "turn:start", timestamp: "2023-11-14T22:13:20.000Z", ...event })
      assert.deepStrictEqual(yield* Schema.decodeUnknownEffect(LifecycleEvent)(body), event)
      assert.lengthOf(received, 1)
    }).pipe(Effect.provide(layer)))

  it.effect("P12 webhook: another try has the same id, another time and number, and a signature of its own", () =>
    Effect.gen(function*() {
      let code = 503
      const { received, url } = yield* receiver((response) => status(code)(response))
      const { observe } = yield* webhook(url)
      const event = events.sessionEnd()
      yield* Effect.flip(observe(event))
      code = 200
      yield* TestClock.adjust("5 seconds")
      yield* observe({ ...event, delivery: { attempt: 2, recovered: true } })
      assert.deepStrictEqual(received.map(({ headers }) => headers["webhook-id"]), [event.eventId, event.eventId])
      assert.deepStrictEqual(received.map(({ headers }) => headers["webhook-timestamp"]), ["0", "5"])
      assert.deepStrictEqual(received.map(({ headers }) => headers["webhook-attempt"]), ["1", "2"])
      for (const request of received) assert.strictEqual(request.headers["webhook-signature"], signature(key, request))
    }).pipe(Effect.provide(layer)))

  it.effect("P12 webhook: while a secret is replaced both sign, and a secret may be any text", () =>
    Effect.gen(function*() {
      const { received, url } = yield* receiver(status(200))
      const { observe } = yield* webhook(url, { secret: [secret, Redacted.make("any text")] })
      yield* observe(events.sessionStart())
      const [request] = received
      assert.isDefined(request)
      assert.strictEqual(
        request.headers["webhook-signature"],
        `${signature(key, request)} ${signature("any text", request)}`
      )
    }).pipe(Effect.provide(layer)))

  it.effect("P14 webhook: the headers of the app cannot replace the signature", () =>
    Effect.gen(function*() {
      const { received, url } = yield* receiver(status(200))
      const { observe } = yield* webhook(url, { headers: { "Webhook-Signature": "v1,forged", "webhook-id": "other" } })
      yield* observe(events.sessionStart())
      const [request] = received
      assert.isDefined(request)
      assert.strictEqual(request.headers["webhook-signature"], signature(key, request))
    }).pipe(Effect.provide(layer)))

  it.effect("P12 webhook: a secret that is none is an error before anything is sent", () =>
    Effect.gen(function*() {
      for (const wrong of ["", "whsec_", "whsec_not base64!"]) {
        const failed = yield* Effect.flip(webhook("http://127.0.0.1", { secret: Redacted.make(wrong) }))
        assert.instanceOf(failed, WebhookHook.WebhookSecretInvalid)
      }
      assert.instanceOf(
        yield* Effect.flip(webhook("http://127.0.0.1", { secret: [] })),
        WebhookHook.WebhookSecretInvalid
      )
    }).pipe(Effect.provide(layer)))
})

describe("WebhookHook: what is answered", () => {
  it.effect("P12 webhook: everything but a 2xx is refused with its status, and a redirect is not followed", () =>
    Effect.gen(function*() {
      const elsewhere = yield* receiver(status(200))
      for (const code of [301, 302, 307, 308, 400, 401, 404, 429, 500, 503]) {
        const { received, url } = yield* receiver(status(code, { location: elsewhere.url }))
        const { observe } = yield* webhook(url)
        const failed = yield* Effect.flip(observe(events.sessionStart()))
        assert.instanceOf(failed, WebhookHook.WebhookRefused)
        assert.deepInclude(failed, { hook: "receiver", status: code, retryable: true })
        assert.lengthOf(received, 1)
      }
      assert.lengthOf(elsewhere.received, 0)
    }).pipe(Effect.scoped, Effect.provide(layer)))

  it.effect("P12 webhook: after 410 Gone nothing more is sent, this event or a later one", () =>
    Effect.gen(function*() {
      const { received, url } = yield* receiver(status(410))
      const { observe } = yield* webhook(url)
      for (const event of [events.sessionStart(), events.sessionStart(), events.sessionEnd()]) {
        const failed = yield* Effect.flip(observe(event))
        assert.instanceOf(failed, WebhookHook.WebhookGone)
        assert.isFalse(failed.retryable)
      }
      assert.lengthOf(received, 1)
    }).pipe(Effect.provide(layer)))

  it.effect("P12 webhook: where nobody listens, or the connection breaks, it is unreachable with the system's code", () =>
    Effect.gen(function*() {
      const nobody = yield* webhook(yield* Loopback.nobody)
      const refused = yield* Effect.flip(nobody.observe(events.sessionStart()))
      assert.instanceOf(refused, WebhookHook.WebhookUnreachable)
      assert.strictEqual(refused.code, "ECONNREFUSED")
      const { url } = yield* receiver((response) => response.socket?.destroy())
      const broken = yield* Effect.flip((yield* webhook(url)).observe(events.sessionStart()))
      assert.instanceOf(broken, WebhookHook.WebhookUnreachable)
      assert.strictEqual(broken.code, "UND_ERR_SOCKET")
      const nonsense = yield* Effect.flip((yield* webhook("not a url")).observe(events.sessionStart()))
      assert.instanceOf(nonsense, WebhookHook.WebhookUnreachable)
    }).pipe(Effect.scoped, Effect.provide(layer)))

  it.effect("P12 webhook: a receiver whose body never ends has it all the same, and is let go at once", () => {
    // Held, so that it is not the garbage collector that hangs up.
    const responses: Array<HttpClientResponse.HttpClientResponse> = []
    const holding = Layer.effect(
      HttpClient.HttpClient,
      Effect.map(HttpClient.HttpClient, HttpClient.tap((response) => Effect.sync(() => responses.push(response))))
    )
    return Effect.gen(function*() {
      const closed = yield* Deferred.make<void>()
      const { url } = yield* receiver((response) => {
        response.on("close", () => Deferred.doneUnsafe(closed, Exit.void))
        response.writeHead(200).write("x".repeat(100_000))
      })
      const { observe } = yield* webhook(url)
      yield* observe(events.sessionStart())
      yield* Deferred.await(closed)
      assert.lengthOf(responses, 1)
    }).pipe(Effect.provide(Layer.provideMerge(holding, layer)))
  })

  it.effect("P12 webhook: a try that is given up hangs up", () =>
    Effect.gen(function*() {
      const arrived = yield* Deferred.make<void>()
      const closed = yield* Deferred.make<void>()
      const { url } = yield* receiver((response) => {
        response.on("close", () => Deferred.doneUnsafe(closed, Exit.void))
        Deferred.doneUnsafe(arrived, Exit.void)
      })
      const hooks = yield* webhook(url, { timeout: "3 seconds" })
      const run = yield* Effect.forkChild(hooks.observe(events.sessionStart()))
      yield* Deferred.await(arrived)
      yield* Fiber.interrupt(run)
      yield* Deferred.await(closed)
    }).pipe(Effect.provide(layer)))

  it.effect("P12 webhook: deliveries are durable and tried for hours unless it is said otherwise", () =>
    Effect.gen(function*() {
      const [usual] = (yield* webhook("http://127.0.0.1")).list
      const [other] =
        (yield* webhook("http://127.0.0.1", { delivery: "best-effort", attempts: 2, timeout: "1 second" })).list
      assert.deepInclude(usual, { phase: "observe", delivery: "durable", attempts: 12 })
      assert.deepInclude(other, { phase: "observe", delivery: "best-effort", attempts: 2 })
      assert.deepStrictEqual([usual, other].map((hook) => hook && Duration.toSeconds(hook.timeout)), [15, 1])
    }).pipe(Effect.scoped, Effect.provide(layer)))
})

describe("WebhookHook: secrets", () => {
  it.effect("P14 webhook: neither secret nor URL nor headers are in errors or spans", () =>
    Effect.gen(function*() {
      const spans: Array<Tracer.NativeSpan> = []
      const tracer = Tracer.make({
        span: (options) => {
          const span = new Tracer.NativeSpan(options)
          spans.push(span)
          return span
        }
      })
      const { received, url } = yield* receiver(status(500))
      const { observe } = yield* webhook(`${url}/T0KEN-in-path`, { headers: { authorization: "Bearer T0KEN" } })
      const exit = yield* Effect.exit(observe(events.sessionStart())).pipe(Effect.withTracer(tracer))
      assert.isTrue(Exit.isFailure(exit))
      assert.deepStrictEqual(spans.map(({ name }) => name), ["WebhookHook.deliver"])
      const said = [
        ...spans.map((span) => JSON.stringify([span.name, Array.from(span.attributes), span.events])),
        Exit.isFailure(exit) ? Cause.pretty(exit.cause) + JSON.stringify(exit.cause) : ""
      ].join("\n")
      for (const hidden of ["T0KEN", key.toString("base64"), url]) assert.notInclude(said, hidden)
      assert.isUndefined(received[0]?.headers["traceparent"])
    }).pipe(Effect.provide(layer)))
})

describe("WebhookHook.verify", () => {
  const at = 1_700_000_000

  /** A request as somebody else would make it. */
  const signed = (over: { readonly key?: string | Buffer; readonly at?: number; readonly body?: string } = {}) => {
    const body = over.body ?? `{"type":"session:start"}`
    const headers = { "webhook-id": "evt_1", "webhook-timestamp": String(over.at ?? at) }
    return {
      body,
      headers: {
        ...headers,
        "Webhook-Signature": signature(over.key ?? key, { method: "POST", url: "/", headers, body })
      }
    }
  }

  const reason = (request: Omit<Parameters<typeof WebhookHook.verify>[0], "secret">) =>
    WebhookHook.verify({ secret, ...request }).pipe(
      Effect.match({
        onFailure: (error) => error._tag === "WebhookUntrusted" ? error.reason : error._tag,
        onSuccess: (eventId) => eventId
      })
    )

  it.effect("P14 webhook: what was signed with the secret is trusted, for as long as it is fresh", () =>
    Effect.gen(function*() {
      yield* TestClock.setTime(at * 1000)
      assert.strictEqual(yield* reason(signed()), "evt_1")
      assert.strictEqual(yield* reason({ ...signed(), body: Buffer.from(signed().body) }), "evt_1")
      assert.strictEqual(yield* reason(signed({ at: at - 300 })), "evt_1")
      assert.strictEqual(yield* reason(signed({ at: at - 301 })), "time")
      assert.strictEqual(yield* reason(signed({ at: at + 301 })), "time")
      assert.strictEqual(yield* reason({ ...signed({ at: at - 301 }), tolerance: "1 hour" }), "evt_1")
    }))

  it.effect("P14 webhook: the reference vector of Standard Webhooks is trusted", () =>
    Effect.gen(function*() {
      yield* TestClock.setTime(1_614_265_330_000)
      const eventId = yield* WebhookHook.verify({
        secret: Redacted.make("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
        headers: {
          "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
          "webhook-timestamp": "1614265330",
          "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        },
        body: `{"test": 2432232314}`
      })
      assert.strictEqual(eventId, "msg_p5jXN8AQM9LWM0D4loKWxJek")
    }))

  it.effect("P14 webhook: a changed body, id, time or key is not trusted", () =>
    Effect.gen(function*() {
      yield* TestClock.setTime(at * 1000)
      const { body, headers } = signed()
      assert.strictEqual(yield* reason({ headers, body: `${body} ` }), "signature")
      assert.strictEqual(yield* reason({ body, headers: { ...headers, "webhook-id": "evt_2" } }), "signature")
      assert.strictEqual(
        yield* reason({ body, headers: { ...headers, "webhook-timestamp": String(at + 1) } }),
        "signature"
      )
      assert.strictEqual(yield* reason(signed({ key: "another" })), "signature")
      assert.strictEqual(yield* reason({ body, headers: { ...headers, "Webhook-Signature": "" } }), "signature")
      assert.strictEqual(
        yield* reason({ body, headers: { ...headers, "Webhook-Signature": headers["Webhook-Signature"].slice(3) } }),
        "signature"
      )
      assert.strictEqual(yield* reason({ body, headers: { ...headers, "webhook-timestamp": "soon" } }), "header")
      assert.strictEqual(yield* reason({ body, headers: {} }), "header")
    }))

  it.effect("P14 webhook: one fitting signature among several is enough, with either of two secrets", () =>
    Effect.gen(function*() {
      yield* TestClock.setTime(at * 1000)
      const { body, headers } = signed({ key: "new secret" })
      const several = { ...headers, "Webhook-Signature": `v1a,other v1,wrong ${headers["Webhook-Signature"]}` }
      const both = [secret, Redacted.make("new secret")]
      assert.strictEqual(yield* WebhookHook.verify({ secret: both, headers: several, body }), "evt_1")
      assert.strictEqual(yield* reason({ headers: several, body }), "signature")
    }))
})

describe("WebhookHook: what is asked", () => {
  const asking = (url: string, options: Partial<WebhookHook.GuardOptions> = {}) =>
    HookFixture.open(
      WebhookHook.guard({ name: "policy", events: ["approval:requested", "turn:start"], url, secret, ...options })
    )

  const saying = (text: string, code = 200) => (response: ServerResponse) => void response.writeHead(code).end(text)

  it.effect("P6 webhook: an approval is asked about, signed, and allowed, denied, or left to the user as answered", () =>
    Effect.gen(function*() {
      const permission = (decision: object) => JSON.stringify({ hookSpecificOutput: { decision } })
      const answers = [
        permission({ behavior: "allow" }),
        permission({ behavior: "deny", message: "not here" }),
        `{"decision":"block","reason":"never"}`,
        `{"decision":"block","reason":" "}`,
        "{}",
        ""
      ]
      const { received, url } = yield* receiver((response) => saying(answers[received.length - 1] ?? "")(response))
      const { guard } = yield* asking(url)
      const verdicts = yield* Effect.forEach(answers, () => guard(events.approval()))
      assert.deepStrictEqual(verdicts.flat(), [
        { _tag: "Decide", decision: { _tag: "AllowOnce" } },
        { _tag: "Veto", reason: "not here" },
        { _tag: "Veto", reason: "never" },
        { _tag: "Veto", reason: "policy gave no reason" },
        { _tag: "Allow" },
        { _tag: "Allow" }
      ])
      const [request] = received
      assert.isDefined(request)
      assert.strictEqual(request.headers["webhook-signature"], signature(key, request))
      assert.deepInclude(JSON.parse(request.body), { type: "approval:requested" })
    }).pipe(Effect.provide(layer)))

  it.effect("P6 webhook: a refusal, prose, too long an answer, and no answer are failures, not decisions", () =>
    Effect.gen(function*() {
      const failure = Effect.fnUntraced(function*(answer: (response: ServerResponse) => void) {
        const { url } = yield* receiver(answer)
        return yield* Effect.flip((yield* asking(url)).guard(events.approval()))
      })
      assert.deepInclude(yield* failure(saying("no", 500)), { _tag: "WebhookRefused", status: 500 })
      assert.deepInclude(yield* failure(saying("fine with me")), { _tag: "WebhookAnswerInvalid" })
      assert.deepInclude(yield* failure(saying(" ".repeat(70_000))), { _tag: "WebhookAnswerInvalid" })
      assert.deepInclude(yield* failure((response) => response.destroy()), { _tag: "WebhookUnreachable" })
    }).pipe(Effect.provide(layer)))
})
