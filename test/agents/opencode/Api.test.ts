import { assert, layer } from "@effect/vitest"
import type { OpencodeClient } from "@opencode-ai/sdk/v2/client"
import { Effect, Redacted } from "effect"
import * as Api from "../../../src/opencode/server/Api.ts"
import type { SdkResult } from "../../../src/opencode/server/Connection.ts"
import { ModelScript } from "../../../src/testing/index.ts"
import * as Loopback from "../../support/Loopback.ts"
import { instanceId, OpenCodeServer } from "../../support/OpenCodeServer.ts"

type Request = (client: OpencodeClient, signal: AbortSignal, sessionID: string) => Promise<SdkResult<unknown>>
const missing = "ses_000000000000aaaaaaaaaaaaaa"
const parts = [{ type: "text" as const, text: "hello" }]

/** The rows of the error table of OpenCode 1.18.33: request, status, name. */
const refusals: ReadonlyArray<readonly [string, Request, number, string]> = [
  ["get of a missing session", (c, signal) => c.session.get({ sessionID: missing }, { signal }), 404, "NotFoundError"],
  ["messages of one", (c, signal) => c.session.messages({ sessionID: missing }, { signal }), 404, "NotFoundError"],
  [
    "prompt to one",
    (c, signal) => c.session.promptAsync({ sessionID: missing, parts }, { signal }),
    404,
    "NotFoundError"
  ],
  ["fork of one", (c, signal) => c.session.fork({ sessionID: missing }, { signal }), 404, "NotFoundError"],
  [
    "update of one",
    (c, signal) => c.session.update({ sessionID: missing, title: "x" }, { signal }),
    404,
    "NotFoundError"
  ],
  ["delete of one", (c, signal) => c.session.delete({ sessionID: missing }, { signal }), 404, "NotFoundError"],
  ["a malformed id", (c, signal) => c.session.get({ sessionID: "not-an-id" }, { signal }), 500, "UnknownError"],
  [
    "an unknown permission request",
    (c, signal) => c.permission.reply({ requestID: "per_x", reply: "once" }, { signal }),
    404,
    "PermissionNotFoundError"
  ],
  [
    "an unknown question",
    (c, signal) => c.question.reply({ requestID: "que_x", answers: [["A"]] }, { signal }),
    404,
    "QuestionNotFoundError"
  ],
  [
    "a value that violates the schema",
    (c, signal, sessionID) => c.session.messages({ sessionID, limit: -1 }, { signal }),
    400,
    "BadRequest"
  ]
]

layer(OpenCodeServer.layer(ModelScript.echo), { timeout: "60 seconds", excludeTestServices: true })("calls", (it) => {
  it.effect.each(refusals)(
    "P2 opencode: %s is refused with status and name",
    ([, request, status, name]) =>
      Effect.gen(function*() {
        const { call, createSession, directory } = yield* OpenCodeServer
        const existing = yield* createSession
        const error = yield* Effect.flip(call("test", directory, (c, signal) => request(c, signal, existing)))
        assert.deepInclude(error, { _tag: "OpenCodeApiRefusal", operation: "test", status, name })
      })
  )

  it.effect("opencode: what succeeds answers its data, 204 included", () =>
    Effect.gen(function*() {
      const { call, createSession, directory } = yield* OpenCodeServer
      const sessionID = yield* createSession
      const session = yield* call("get", directory, (c, signal) => c.session.get({ sessionID }, { signal }))
      assert.strictEqual(session.directory, directory)
      yield* call("prompt", directory, (c, signal) =>
        c.session.promptAsync({ sessionID, noReply: true, parts }, { signal }))
    }))

  it.effect("P2 opencode: a wrong password is unauthorized", () =>
    Effect.gen(function*() {
      const { directory, server } = yield* OpenCodeServer
      const call = yield* Api.make({ ...server, password: Redacted.make("wrong") })
      const error = yield* Effect.flip(call("list", directory, (c, signal) => c.session.list({}, { signal })))
      assert.deepInclude(error, { _tag: "AgentUnauthorized", status: 401 })
    }))

  it.effect("P2 opencode: a refused connection is unreachable", () =>
    Effect.gen(function*() {
      const call = yield* Api.make({ instanceId, baseUrl: yield* Loopback.nobody })
      const error = yield* Effect.flip(
        call("get", "/", (c, signal) => c.session.get({ sessionID: missing }, { signal }))
      )
      assert.deepInclude(error, { _tag: "AgentUnreachable", operation: "get", code: "ECONNREFUSED" })
    }))

  it.effect("P2 opencode: no answer within the deadline is unreachable, and the request is aborted", () =>
    Effect.gen(function*() {
      const { server } = yield* OpenCodeServer
      const call = yield* Api.make(server, { callDeadline: "10 millis" })
      let aborted = false
      const error = yield* Effect.flip(call("hang", "/", (_, signal) => {
        signal.addEventListener("abort", () => (aborted = true))
        return new Promise<SdkResult<unknown>>(() => {})
      }))
      assert.deepInclude(error, { _tag: "AgentUnreachable", code: "DEADLINE" })
      assert.isTrue(aborted)
    }))

  it.effect("P2 opencode: an answer that is not OpenCode's is a protocol error", () =>
    Effect.gen(function*() {
      const baseUrl = yield* Loopback.http((_, response) =>
        response.writeHead(200, { "content-type": "application/json" }).end("<p>")
      )
      const call = yield* Api.make({ instanceId, baseUrl })
      const error = yield* Effect.flip(
        call("get", "/", (c, signal) => c.session.get({ sessionID: missing }, { signal }))
      )
      assert.deepInclude(error, { _tag: "AgentProtocolError", operation: "get" })
    }))
})
