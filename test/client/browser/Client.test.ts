/** The client in Chromium: bundled by rolldown, on a server of ours with the mock agent. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import { fileURLToPath } from "node:url"
import { gzipSync } from "node:zlib"
import { rolldown } from "rolldown"
import { ProviderService } from "../../../src/index.ts"
import * as Agents from "../../support/Agents.ts"
import * as Chromium from "../../support/Chromium.ts"
import * as Remote from "../../support/Remote.ts"
import * as Served from "../../support/Served.ts"

const { layer, threadId } = Agents

const path = (file: string) => fileURLToPath(new URL(`../../../${file}`, import.meta.url))

/** The minified module of these files. */
const bundled = (input: string) =>
  Effect.promise(async () => {
    const bundle = await rolldown({ input: path(input), platform: "browser", logLevel: "silent" })
    const { output } = await bundle.generate({ format: "esm", minify: true, codeSplitting: false })
    await bundle.close()
    return output[0].code
  })

/** A tab on the server's own origin, with the program in it. */
const tab = Effect.fnUntraced(function*(url: string) {
  const browser = yield* Chromium.browser
  const code = yield* bundled("test/support/ClientPage.ts")
  return yield* Effect.promise(async () => {
    const page = await browser.newPage()
    await page.goto(`${url}/page`)
    await page.addScriptTag({ type: "module", content: code })
    await page.waitForFunction("globalThis.page !== undefined")
    return page
  })
})

const token = JSON.stringify(Redacted.value(Remote.token))

describe("in a browser", () => {
  it.effect("the client is under 95 kB, compressed", () =>
    Effect.gen(function*() {
      const bytes = gzipSync(yield* bundled("src/client/index.ts"), { level: 9 }).byteLength
      assert.isBelow(bytes, 95_000)
      assert.isAbove(bytes, 20_000)
    }))

  it.live("P11 mock: a page runs a turn, and its stream goes on after a restart of the server without a hole", () =>
    Effect.gen(function*() {
      yield* Agents.start()
      const local = yield* ProviderService
      const server = yield* Served.start()
      const page = yield* tab(server.url)
      const evaluate = (script: string) => Effect.promise(() => page.evaluate<unknown>(script))
      assert.strictEqual(yield* evaluate(`page.turn(${token})`), "echo: from a page")
      yield* evaluate(`void (globalThis.events = page.events(${token}, 13))`)
      yield* server.stop
      yield* local.runTurn({ threadId, prompt: "meanwhile" })
      yield* Served.start(server.port)
      yield* local.runTurn({ threadId, prompt: "afterwards" })
      assert.deepStrictEqual(yield* evaluate("globalThis.events"), Array.from({ length: 13 }, (_, n) => n + 1))
      assert.match(String(yield* evaluate("page.turn(\"wrong\")")), /does not accept the token/)
    }).pipe(Effect.provide(Layer.merge(layer(), NodeServices.layer))))
})
