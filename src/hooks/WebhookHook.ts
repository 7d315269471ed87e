/**
 * A hook that is an HTTP endpoint: one POST for each event, signed as in Standard Webhooks 1.0.0, retried from the
 * outbox until the receiver answers with a 2xx.
 *
 * **Example**
 *
 * ```ts
 * const Billing = WebhookHook.layer({
 *   name: "billing",
 *   events: ["session:*", "turn:end"],
 *   url: "https://billing.example/hooks/agents",
 *   secret: Redacted.make("whsec_...")
 * })
 *
 * const App = CodingAgents.layer({ agents, store, hooks: [Billing] }).pipe(Layer.provide(FetchHttpClient.layer))
 * ```
 *
 * The body is the event as JSON, with its `_tag` again as `type` and its time as `timestamp`. Headers: `webhook-id` is
 * the event's id, the same on each try; `webhook-timestamp` is the time of this try in seconds; `webhook-attempt` is
 * its number; `webhook-signature` is one `v1,<base64>` per secret, the HMAC-SHA256 of `id.timestamp.body`. A receiver
 * checks a request with {@link verify} and recognises a repetition by its `webhook-id`.
 *
 * | answer | |
 * | --- | --- |
 * | 2xx | delivered, as soon as the status arrives; the body is not read |
 * | 410 | {@link WebhookGone}, for this and every later event until the app is restarted |
 * | other, redirects included | {@link WebhookRefused}, retried |
 * | none | {@link WebhookUnreachable}, retried |
 *
 * **Gotchas**
 *
 * - A try without an answer may have arrived: delivery is at least once. A retried event arrives after later ones;
 *   `seq` and `at` give the order.
 * - Events contain prompts. Use `https:`, and do not let strangers choose the `url`: nothing keeps it out of your
 *   network.
 * - No part of the request, its URL included, appears in errors or spans.
 *
 * {@link guard} asks the endpoint instead, and waits for its answer.
 *
 * @since 0.1.0
 */
import { Clock, Duration, Effect, Layer, Option, Redacted, Stream } from "effect"
import {
  FetchHttpClient,
  HttpClient,
  type HttpClientError,
  HttpClientRequest,
  type HttpClientResponse
} from "effect/http"
import { createHmac, timingSafeEqual } from "node:crypto"
import type { HookPattern, LifecycleEvent } from "../domain/LifecycleEvent.ts"
import { errorCode } from "../process/ErrorCode.ts"
import type { HookError } from "./HookRegistration.ts"
import { allow, decide, type GuardedKind, veto } from "./HookVerdict.ts"
import * as Blobs from "./internal/blobs.ts"
import * as ClaudeAnswer from "./internal/claudeAnswer.ts"
import {
  WebhookAnswerInvalid,
  WebhookGone,
  WebhookRefused,
  WebhookSecretInvalid,
  WebhookUnreachable,
  WebhookUntrusted
} from "./internal/webhookErrors.ts"
import { LifecycleHooks } from "./LifecycleHooks.ts"

/**
 * @since 0.1.0
 * @category errors
 */
export {
  WebhookAnswerInvalid,
  WebhookGone,
  WebhookRefused,
  WebhookSecretInvalid,
  WebhookUnreachable,
  WebhookUntrusted
} from "./internal/webhookErrors.ts"

/**
 * `whsec_` and base64, as in Standard Webhooks; any other text is used as it is, which its libraries call `raw`. To
 * rotate a secret give both: each signs, and each is accepted.
 *
 * @since 0.1.0
 * @category models
 */
export type Secret = Redacted.Redacted<string> | ReadonlyArray<Redacted.Redacted<string>>

type Observe = Parameters<typeof LifecycleHooks.observe<HookPattern, never, never>>[0]

type Guard = Parameters<typeof LifecycleHooks.guard<GuardedKind, never, never>>[0]

/**
 * Where requests go, and what signs them.
 *
 * @since 0.1.0
 * @category models
 */
export interface Endpoint {
  /** Redacted if it contains a token. */
  readonly url: string | Redacted.Redacted<string>
  readonly secret: Secret
  /** Additional headers. They cannot replace our own. */
  readonly headers?: Readonly<Record<string, string | Redacted.Redacted<string>>> | undefined
  /**
   * `inline`: pasted images go with the event, as `Data` attachments with `base64`. Default `named`: it has their hash, type
   * and size, and the receiver asks for the bytes by `readBlob`.
   */
  readonly blobs?: "named" | "inline" | undefined
}

/**
 * The endpoint, and the options of `LifecycleHooks.guard`: 10 seconds for the receiver to answer, unless `timeout` says
 * otherwise.
 *
 * @since 0.1.0
 * @category models
 */
export interface GuardOptions extends Endpoint, Omit<Guard, "run"> {}

/**
 * The endpoint, and the options of `LifecycleHooks.observe`.
 *
 * @since 0.1.0
 * @category models
 */
export interface WebhookOptions extends Endpoint, Omit<Observe, "run"> {
  /** Time for the receiver to answer. Default 15 seconds. */
  readonly timeout?: Duration.Input | undefined
  /** Default 12, which with the default `backoff` is about two and a half hours. */
  readonly attempts?: number | undefined
  /** Wait before the second try, doubled for each further one, up to an hour. Default 5 seconds. */
  readonly backoff?: Duration.Input | undefined
}

/**
 * Posts recorded events to the endpoint. Fails with `WebhookSecretInvalid` when it is built.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (
  options: WebhookOptions
): Layer.Layer<never, HookError | WebhookSecretInvalid, LifecycleHooks | HttpClient.HttpClient> =>
  Layer.unwrap(Effect.map(keysOf(options.secret), (keys) => {
    let gone = false
    return LifecycleHooks.observe({
      ...options,
      timeout: options.timeout ?? "15 seconds",
      attempts: options.attempts ?? 12,
      backoff: options.backoff ?? "5 seconds",
      run: Effect.fn("WebhookHook.deliver")(function*(event: LifecycleEvent) {
        const hook = options.name
        if (gone) return yield* new WebhookGone({ hook })
        const { status } = yield* Effect.scoped(post(options, keys, event))
        gone = status === 410
        if (gone) return yield* new WebhookGone({ hook })
        if (status < 200 || status > 299) return yield* new WebhookRefused({ hook, status })
      })
    })
  }))

/**
 * Asks the endpoint whether a turn may be sent, whether a compaction may go on, or what becomes of an approval. One
 * signed POST, which is not repeated. The answer is a 2xx with a body as a command hook prints it: `{"decision":"block",
 * "reason":"..."}`, `{"hookSpecificOutput":{"decision":{"behavior":"allow"}}}` of an approval, or nothing. Anything else
 * is a failure, which `failure` judges. Fails with `WebhookSecretInvalid` when it is built.
 *
 * @since 0.1.0
 * @category layers
 */
export const guard = (
  options: GuardOptions
): Layer.Layer<never, HookError | WebhookSecretInvalid, LifecycleHooks | HttpClient.HttpClient> =>
  Layer.unwrap(Effect.map(keysOf(options.secret), (keys) =>
    LifecycleHooks.guard({
      ...options,
      run: Effect.fn("WebhookHook.ask")(function*(event: LifecycleEvent) {
        const hook = options.name
        const response = yield* post(options, keys, event)
        const { status } = response
        if (status < 200 || status > 299) return yield* new WebhookRefused({ hook, status })
        const text = yield* body(hook, response)
        if (text.trim() === "") return allow
        const answer = yield* Effect.mapError(
          Effect.fromOption(ClaudeAnswer.read(text)),
          () => new WebhookAnswerInvalid({ hook })
        )
        if (answer.refuses) return veto(answer.reason?.trim() || `${hook} gave no reason`)
        return answer.allows ? decide({ _tag: "AllowOnce" }) : allow
      }, Effect.scoped)
    })))

/** Longest answer, in bytes. */
const answerLimit = 64 * 1024

const body = Effect.fnUntraced(function*(hook: string, response: HttpClientResponse.HttpClientResponse) {
  const read = response.stream.pipe(
    Stream.mapError(unreachable(hook)),
    Stream.runFoldEffect(() => Buffer.alloc(0), (text, bytes) => {
      const longer = Buffer.concat([text, bytes])
      return longer.length > answerLimit ? new WebhookAnswerInvalid({ hook }) : Effect.succeed(longer)
    })
  )
  return (yield* read).toString("utf8")
})

const unreachable = (hook: string) => (error: HttpClientError.HttpClientError) =>
  new WebhookUnreachable({ hook, code: errorCode(error.reason) ?? error.reason._tag })

const post = Effect.fnUntraced(
  function*(
    { blobs, headers, name, url }: Endpoint & { readonly name: string },
    keys: ReadonlyArray<Buffer>,
    event: LifecycleEvent
  ) {
    const client = HttpClient.withScope(yield* HttpClient.HttpClient)
    const init = yield* Effect.serviceOption(FetchHttpClient.RequestInit)
    const sent = blobs === "inline" ? yield* Blobs.inline(event) : event
    const body = JSON.stringify({ type: event._tag, timestamp: new Date(event.at).toISOString(), ...sent })
    const timestamp = String(Math.floor((yield* Clock.currentTimeMillis) / 1000))
    const request = HttpClientRequest.post(reveal(url)).pipe(
      HttpClientRequest.bodyText(body, "application/json"),
      HttpClientRequest.setHeaders({
        ...Object.fromEntries(
          Object.entries(headers ?? {}).map(([name, value]) => [name.toLowerCase(), reveal(value)])
        ),
        "content-type": "application/json",
        "webhook-id": event.eventId,
        "webhook-timestamp": timestamp,
        "webhook-attempt": String(event.delivery.attempt),
        "webhook-signature": keys.map((key) => `v1,${sign(key, event.eventId, timestamp, body)}`).join(" ")
      })
    )
    // The scope cancels the response's body, whatever is left of it.
    return yield* client.execute(request).pipe(
      Effect.provideService(FetchHttpClient.RequestInit, { ...Option.getOrUndefined(init), redirect: "manual" }),
      Effect.mapError(unreachable(name))
    )
  },
  // The URL of a webhook is often a secret itself.
  Effect.provideService(HttpClient.TracerDisabledWhen, () => true)
)

/**
 * For receivers: checks that a request was signed with the secret, recently, and was not changed. Returns the event's
 * id.
 *
 * `body` is the request's body before any parsing; the names of `headers` can be in any case.
 *
 * @since 0.1.0
 * @category receivers
 */
export const verify = Effect.fn("WebhookHook.verify")(function*(request: {
  readonly secret: Secret
  readonly headers: Readonly<Record<string, string | ReadonlyArray<string> | undefined>>
  readonly body: string | Uint8Array
  /** Allowed difference between its time and ours. Default 5 minutes. */
  readonly tolerance?: Duration.Input | undefined
}): Effect.fn.Return<string, WebhookUntrusted | WebhookSecretInvalid> {
  const keys = yield* keysOf(request.secret)
  const headers = new Map(Object.entries(request.headers).map(([name, value]) => [name.toLowerCase(), String(value)]))
  const eventId = headers.get("webhook-id")
  const timestamp = headers.get("webhook-timestamp")
  const signatures = headers.get("webhook-signature")
  if (eventId === undefined || timestamp === undefined || signatures === undefined || !/^\d{1,15}$/.test(timestamp)) {
    return yield* new WebhookUntrusted({ reason: "header" })
  }
  const tolerance = Duration.toMillis(Duration.fromInputUnsafe(request.tolerance ?? "5 minutes"))
  const apart = Math.abs((yield* Clock.currentTimeMillis) - Number(timestamp) * 1000)
  if (apart > tolerance) return yield* new WebhookUntrusted({ reason: "time" })
  const expected = keys.map((key) => Buffer.from(`v1,${sign(key, eventId, timestamp, request.body)}`))
  const fits = signatures.split(" ").map((signature) => Buffer.from(signature)).some((signature) =>
    expected.some((expected) => expected.length === signature.length && timingSafeEqual(expected, signature))
  )
  if (!fits) return yield* new WebhookUntrusted({ reason: "signature" })
  return eventId
})

const sign = (key: Buffer, eventId: string, timestamp: string, body: string | Uint8Array) =>
  createHmac("sha256", key).update(`${eventId}.${timestamp}.`).update(body).digest("base64")

const reveal = (value: string | Redacted.Redacted<string>) => Redacted.isRedacted(value) ? Redacted.value(value) : value

const prefix = "whsec_"

const keysOf = (secret: Secret): Effect.Effect<ReadonlyArray<Buffer>, WebhookSecretInvalid> => {
  const keys = (Redacted.isRedacted(secret) ? [secret] : secret).map((secret) => {
    const text = Redacted.value(secret)
    if (!text.startsWith(prefix)) return Buffer.from(text)
    const encoded = text.slice(prefix.length)
    const key = Buffer.from(encoded, "base64")
    return key.toString("base64").replace(/=+$/, "") === encoded.replace(/=+$/, "") ? key : Buffer.alloc(0)
  })
  return keys.length > 0 && keys.every((key) => key.length > 0)
    ? Effect.succeed(keys)
    : Effect.fail(new WebhookSecretInvalid())
}
