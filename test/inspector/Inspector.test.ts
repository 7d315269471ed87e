/** The inspector's files, as the server answers with them. */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, FileSystem, Layer } from "effect"
import { HttpRouter, HttpServer } from "effect/http"
import { createServer } from "node:http"
import { gzipSync } from "node:zlib"
import { Inspector } from "../../src/inspector/index.ts"

/** A server with nothing but the page, whose script is one line; answers its address. */
const served = Effect.fnUntraced(function*(options: Inspector.Options) {
  const fs = yield* FileSystem.FileSystem
  const folder = yield* fs.makeTempDirectoryScoped()
  yield* fs.writeFile(`${folder}/app.js.gz`, script)
  yield* fs.writeFile(`${folder}/app.css.gz`, script)
  const layer = HttpRouter.serve(Inspector.layer({ folder, ...options }), {
    disableLogger: true,
    disableListenLog: true
  })
  const context = yield* Layer.build(
    Layer.provideMerge(layer, NodeHttpServer.layer(createServer, { port: 0, host: "127.0.0.1" }))
  )
  return HttpServer.formatAddress(Context.get(context, HttpServer.HttpServer).address)
})

const line = "one line\n"
const script = gzipSync(line)

const get = (url: string, headers: Record<string, string> = {}) =>
  Effect.promise(() =>
    fetch(url, { headers, redirect: "manual" }).then(async (response) => ({ response, text: await response.text() }))
  )

const configOf = (html: string): unknown =>
  JSON.parse(
    (/name="inspector" content="([^"]*)"/.exec(html)?.[1] ?? "").replaceAll("&quot;", "\"").replaceAll("&lt;", "<")
      .replaceAll("&amp;", "&").replaceAll("&gt;", ">")
  )

describe("Inspector.layer", () => {
  it.live("serves the page under a policy that lets nothing in from elsewhere", () =>
    Effect.gen(function*() {
      const url = yield* served({})
      for (const path of ["/ui/", "/ui/app.js", "/ui/app.css"]) {
        const { response } = yield* get(`${url}${path}`)
        assert.strictEqual(response.status, 200, path)
        const policy = response.headers.get("content-security-policy") ?? ""
        assert.match(policy, /^default-src 'none'; script-src 'self'; /)
        assert.notMatch(policy, /unsafe|\*|https?:/)
        assert.strictEqual(response.headers.get("x-content-type-options"), "nosniff")
      }
      const { text } = yield* get(`${url}/ui/`)
      assert.notMatch(text, /<script(?![^>]*src="app\.js")|<style|\son\w+=/)
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer)))

  it.live("tells the page what it may do and where the api is, as text", () =>
    Effect.gen(function*() {
      const plain = yield* served({})
      assert.deepStrictEqual(configOf((yield* get(`${plain}/ui/`)).text), { api: "../", write: false })
      const url = yield* served({
        path: "/tools/page/",
        write: true,
        api: "/v1\"><script>alert(1)</script>"
      })
      const { text } = yield* get(`${url}/tools/page/`)
      assert.notInclude(text, "<script>alert")
      assert.deepStrictEqual(configOf(text), {
        api: "/v1\"><script>alert(1)</script>",
        write: true
      })
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer)))

  it.live("sends a browser to the page's folder, whatever stands before it", () =>
    Effect.gen(function*() {
      const url = yield* served({ path: "/tools/page" })
      const { response } = yield* get(`${url}/tools/page`)
      assert.strictEqual(response.status, 308)
      assert.strictEqual(response.headers.get("location"), "page/")
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer)))

  it.live("sends files compressed or not, and once", () =>
    Effect.gen(function*() {
      const url = `${yield* served({})}/ui/app.js`
      const compressed = yield* get(url, { "accept-encoding": "gzip" })
      assert.strictEqual(compressed.response.headers.get("content-encoding"), "gzip")
      assert.strictEqual(compressed.text, line)
      const plain = yield* get(url, { "accept-encoding": "identity" })
      assert.isNull(plain.response.headers.get("content-encoding"))
      assert.strictEqual(plain.text, compressed.text)
      const etag = plain.response.headers.get("etag") ?? ""
      assert.strictEqual((yield* get(url, { "if-none-match": etag })).response.status, 304)
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer)))

  it.live("fails where the page was not bundled", () =>
    Effect.gen(function*() {
      const unbuilt = yield* Effect.flip(served({ folder: "/nowhere" }))
      assert.strictEqual(unbuilt._tag, "InspectorUnbuilt")
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer)))
})
