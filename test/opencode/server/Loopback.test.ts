/** This machine is reached without a proxy, whatever the app's own `fetch` does. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as AgentEnvironment from "../../../src/adapter/AgentEnvironment.ts"
import { fetchDirect, isLoopback } from "../../../src/opencode/server/Loopback.ts"
import * as ChildScript from "../../support/ChildScript.ts"
import * as Loopback from "../../support/Loopback.ts"

describe("loopback", () => {
  it.effect("a request to this machine goes past the proxy that Node was told of", () =>
    Effect.gen(function*() {
      const proxy = yield* Loopback.nobody
      const server = yield* Loopback.http((_, response) => response.end("from the server"))
      const program = [
        `import { fetchDirect } from ${
          JSON.stringify(new URL("../../../src/opencode/server/Loopback.ts", import.meta.url))
        }`,
        `const text = (answer) => answer.text()`,
        `const refused = (error) => error.cause.code`,
        `console.log(await fetch("${server}").then(text, refused), await fetchDirect("${server}").then(text, refused))`
      ].join("\n")
      const { line } = yield* ChildScript.start(["--input-type=module", "-e", program], {
        NODE_USE_ENV_PROXY: "1",
        HTTP_PROXY: proxy,
        NO_PROXY: ""
      })
      assert.strictEqual(line, "ECONNREFUSED from the server")
    }))

  it.effect("method, headers and body arrive; status, headers and a body in pieces come back", () =>
    Effect.gen(function*() {
      const server = yield* Loopback.http((request, response) => {
        const chunks: Array<Buffer> = []
        request.on("data", (chunk: Buffer) => chunks.push(chunk))
        request.on("end", () => {
          response.writeHead(201, { "x-method": request.method, "x-given": request.headers["x-given"] })
          response.write(Buffer.concat(chunks))
          response.end(" and back")
        })
      })
      const answer = yield* Effect.promise(() =>
        fetchDirect(new Request(server, { method: "PUT", headers: { "x-given": "yes" }, body: "there" }))
      )
      assert.strictEqual(answer.status, 201)
      assert.deepStrictEqual([answer.headers.get("x-method"), answer.headers.get("x-given")], ["PUT", "yes"])
      assert.strictEqual(yield* Effect.promise(() => answer.text()), "there and back")
      const empty = yield* Loopback.http((_, response) => response.writeHead(204).end())
      assert.strictEqual((yield* Effect.promise(() => fetchDirect(empty))).body, null)
    }))

  it.effect("an answer that is given up is not read to its end", () =>
    Effect.gen(function*() {
      const { promise, resolve } = Promise.withResolvers<void>()
      const server = yield* Loopback.http((_, response) => {
        response.on("close", resolve)
        response.write("first")
      })
      const answer = yield* Effect.promise(() => fetchDirect(server))
      const reader = answer.body?.getReader()
      yield* Effect.promise(() => reader?.read() ?? Promise.resolve(undefined))
      yield* Effect.promise(() => reader?.cancel() ?? Promise.resolve())
      yield* Effect.promise(() => promise)
    }))

  it("what is this machine, and what is not", () => {
    const here = ["http://127.0.0.1:1", "http://127.8.9.10", "http://localhost:1", "http://[::1]:1"]
    const elsewhere = [
      "https://127.0.0.1",
      "http://127.0.0.1.example.com",
      "http://localhost.example",
      "http://10.0.0.1"
    ]
    assert.deepStrictEqual(here.map((url) => isLoopback(new URL(url))), here.map(() => true))
    assert.deepStrictEqual(elsewhere.map((url) => isLoopback(new URL(url))), elsewhere.map(() => false))
  })

  it("an agent that is told of a proxy is told that this machine is none of its business", () => {
    const direct = "127.0.0.1,localhost,::1"
    assert.deepStrictEqual(AgentEnvironment.loopbackDirect({ PATH: "/bin" }), { PATH: "/bin" })
    assert.deepInclude(AgentEnvironment.loopbackDirect({ HTTP_PROXY: "http://p" }), {
      NO_PROXY: direct,
      no_proxy: direct
    })
    assert.deepInclude(AgentEnvironment.loopbackDirect({ https_proxy: "http://p", no_proxy: "example.com" }), {
      NO_PROXY: `example.com,${direct}`,
      no_proxy: `example.com,${direct}`
    })
  })
})
