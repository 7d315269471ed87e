/** Ways in which there is no answer, or none that OpenCode would give: small servers that behave so for real. */
import { Effect, Schema, type Scope } from "effect"
import type { RequestListener } from "node:http"
import * as Api from "../../src/opencode/server/Api.ts"
import * as Calls from "../../src/opencode/server/Calls.ts"
import type { OpenCodeConnection, SdkResult } from "../../src/opencode/server/Connection.ts"
import { health } from "../../src/opencode/server/Endpoint.ts"
import { instanceId, type Outcome } from "./ErrorCases.ts"
import * as Loopback from "./Loopback.ts"
import { tested } from "./Versions.ts"

/** What the SDK answers, as far as it has structure: whether it rejects, and names and codes of the error's causes. */
export const Failure = Schema.Struct({
  rejected: Schema.Boolean,
  status: Schema.optionalKey(Schema.Int),
  chain: Schema.Array(Schema.Struct({ name: Schema.String, code: Schema.optionalKey(Schema.String) }))
})
export type Failure = typeof Failure.Type

/** One row of `transport.jsonl`. */
export const Recorded = Schema.Struct({
  label: Schema.String,
  operation: Schema.String,
  error: Schema.optionalKey(Failure),
  expected: Schema.Unknown
})

export interface Case {
  readonly label: string
  readonly operation: string
  readonly run: (seen: (failure: Failure) => void) => Effect.Effect<unknown, unknown, Scope.Scope>
  /** The same answer of the SDK once more, with these words in its errors. */
  readonly again: (failure: Failure, words: string) => Effect.Effect<unknown, unknown>
  readonly expected: Outcome
}

const json = { "content-type": "application/json" }
const unreachable = (code: string): Outcome => ({ _tag: "AgentUnreachable", code, retryable: true })
const late = unreachable("DEADLINE")
const unexpected: Outcome = { _tag: "AgentProtocolError", retryable: false }

const ways: ReadonlyArray<readonly [string, RequestListener | "nobody", Outcome]> = [
  ["nobody listens", "nobody", unreachable("ECONNREFUSED")],
  ["the connection is reset before the answer", ({ socket }) => socket.resetAndDestroy(), unreachable("ECONNRESET")],
  ["the connection is closed before the answer", ({ socket }) => socket.destroy(), unreachable("ECONNRESET")],
  ["nobody answers in time", () => {}, late],
  [
    "the answer begins and does not end in time",
    (_, response) => response.writeHead(200, json).write(`{"id":`),
    late
  ],
  [
    "the connection is closed in the middle of the answer",
    (_, response) =>
      response.writeHead(200, { ...json, "content-length": "99" }).write(`{"id":`, () => response.destroy()),
    unreachable("ECONNRESET")
  ],
  [
    "the connection is reset in the middle of the answer",
    ({ socket }, response) => response.writeHead(200, json).write(`{"id":`, () => socket.resetAndDestroy()),
    unreachable("ECONNRESET")
  ],
  [
    "something else speaks there",
    ({ socket }) => socket.end("SSH-2.0-OpenSSH_9.9\r\n"),
    unreachable("HPE_INVALID_CONSTANT")
  ],
  ["the body is cut short", (_, response) => response.writeHead(200, json).end(`{"id":"ses_`), unexpected],
  ["the body is no JSON", (_, response) => response.writeHead(200, json).end("<p>"), unexpected],
  ["there is no body", (_, response) => response.writeHead(200, json).end(), unexpected],
  [
    "a proxy answers with a page",
    (_, response) => response.writeHead(502, { "content-type": "text/html" }).end("<p>"),
    unexpected
  ]
]

const operations: Readonly<Record<string, (calls: Calls.Calls) => Effect.Effect<unknown, unknown>>> = {
  "session.get": (calls) => calls.get("ses_1"),
  "permission.reply": (calls) => calls.replyPermission("per_1", "once")
}

const listening = (way: RequestListener | "nobody") => way === "nobody" ? Loopback.nobody : Loopback.http(way)

type Call = OpenCodeConnection["call"]

const calls = (call: Call) =>
  Calls.make(
    {
      version: tested.to,
      managed: true,
      secrets: [],
      exit: Effect.undefined,
      call,
      subscribe: () => Effect.never,
      listening: () => Effect.void,
      unasking: new Set()
    },
    instanceId,
    "/workspace"
  )

/** Short where the deadline is what is waited for, and out of the way where it is not. */
const connect = (baseUrl: string, expected: Outcome) =>
  Api.make({ instanceId, baseUrl }, { callDeadline: expected === late ? "500 millis" : "20 seconds" })

const called = Object.entries(operations).flatMap(([operation, run]) =>
  ways.map(([label, way, expected]): Case => ({
    label: `${operation} where ${label}`,
    operation,
    run: (seen) =>
      Effect.gen(function*() {
        const call = yield* connect(yield* listening(way), expected)
        return yield* run(
          calls((operation, directory, request) =>
            call(operation, directory, (client, signal) => seeing(seen, request(client, signal)))
          )
        )
      }),
    again: (failure, words) =>
      Effect.gen(function*() {
        const call = yield* connect("http://127.0.0.1:1", expected)
        return yield* run(calls((operation, directory) => call(operation, directory, () => answer(failure, words))))
      }),
    // An empty body is no answer where something is to be read from it.
    expected: operation === "permission.reply" && label === "there is no body" ? { _tag: "Success" } : expected
  }))
)

const healthy: ReadonlyArray<readonly [string, RequestListener | "nobody", Outcome]> = [
  ["nobody listens", "nobody", unreachable("ECONNREFUSED")],
  ["a page is answered", (_, response) => response.writeHead(200).end("<p>"), { ...unexpected, status: 200 }],
  ["no version is answered", (_, response) => response.writeHead(200, json).end("{}"), { ...unexpected, status: 200 }],
  ["the status is 503", (_, response) => response.writeHead(503).end(), { ...unexpected, status: 503 }]
]

export const cases: ReadonlyArray<Case> = [
  ...called,
  ...healthy.map(([label, way, expected]): Case => ({
    label: `global.health where ${label}`,
    operation: "global.health",
    run: () => Effect.flatMap(listening(way), (baseUrl) => health({ instanceId, baseUrl }, "5 seconds")),
    again: () => Effect.void,
    expected
  }))
]

// --- the SDK's answer ---

const seeing = <A>(seen: (failure: Failure) => void, answer: Promise<SdkResult<A>>) => {
  answer.then(
    ({ error, response }) =>
      seen({ rejected: false, ...(response === undefined ? {} : { status: response.status }), chain: chainOf(error) }),
    (error: unknown) => seen({ rejected: true, chain: chainOf(error) })
  )
  return answer
}

const chainOf = (error: unknown): Failure["chain"] => {
  if (!(error instanceof Error)) return []
  const code: unknown = Reflect.get(error, "code")
  return [{ name: error.name, ...(typeof code === "string" ? { code } : {}) }, ...chainOf(error.cause)]
}

const answer = ({ chain, rejected, status }: Failure, words: string): Promise<SdkResult<never>> => {
  const error = chain.reduceRight<Error | undefined>((cause, { code, name }) => {
    const error = new Error(words, { cause })
    error.name = name
    return code === undefined ? error : Object.assign(error, { code })
  }, undefined)
  return rejected
    ? Promise.reject(error ?? new Error(words))
    : Promise.resolve({ error, response: status === undefined ? undefined : new Response(null, { status }) })
}
