/** Signing in to the real Claude, as far as that goes without Anthropic: to the page, and to the user's no. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, layer } from "@effect/vitest"
import { Effect, Layer, Stream } from "effect"
import { Claude } from "../../../src/claude/index.ts"
import { AgentProcesses } from "../../../src/process/AgentProcesses.ts"
import type { ProviderAdapter } from "../../../src/provider/ProviderAdapter.ts"
import { optionsOf, World } from "./ConformingClaude.ts"

/** Signed out. What would leave this machine does not. */
const adapter = Effect.gen(function*() {
  const world = yield* World
  const { processes } = world
  return yield* Claude.make({ ...optionsOf(world), env: { ...processes.env, HTTPS_PROXY: "http://127.0.0.1:9" } })
})

const signIn = ({ signIn = () => Stream.die("no sign-in") }: ProviderAdapter, method: string) => signIn(method)

const pageOf = (step: { readonly _tag: string; readonly url?: string }) => new URL(step.url ?? "")

/** Where the page leads the browser, with the user's answer. */
const answered = (page: URL, answer: Readonly<Record<string, string>>) => {
  const back = new URL(page.searchParams.get("redirect_uri") ?? "")
  const state = page.searchParams.get("state") ?? ""
  for (const [name, value] of Object.entries({ ...answer, state })) back.searchParams.set(name, value)
  return back
}

const services = World.layer.pipe(Layer.provideMerge(Layer.merge(NodeServices.layer, AgentProcesses.layerNoop)))

layer(services, { timeout: "60 seconds", excludeTestServices: true })("signing in", (it) => {
  it.effect("P15 claude: one that is signed out is told as such, with the ways to sign in; another way is refused", () =>
    Effect.gen(function*() {
      const claude = yield* adapter
      const { fix, login, signIn: methods } = yield* claude.check ?? Effect.die("no check")
      assert.deepStrictEqual([login, fix?.missing], ["out", "login"])
      assert.deepStrictEqual(methods?.map(({ id }) => id), ["claudeai", "console"])
      const refused = yield* Effect.flip(Stream.runDrain(signIn(claude, "by letter")))
      assert.deepInclude<unknown>(refused, { reason: "unknown-method", available: ["claudeai", "console"] })
    }))

  for (const [method, host] of [["claudeai", "claude.com"], ["console", "platform.claude.com"]] as const) {
    it.effect(`P15 claude: ${method} tells a page that leads back to this machine, and the user's no is a refusal`, () =>
      Effect.gen(function*() {
        const pages: Array<URL> = []
        const refused = yield* signIn(yield* adapter, method).pipe(
          Stream.tap((step) => {
            const page = pageOf(step)
            pages.push(page)
            return Effect.promise(() => fetch(answered(page, { error: "access_denied" })))
          }),
          Stream.runDrain,
          Effect.flip
        )
        assert.deepInclude<unknown>(refused, { _tag: "SignInFailed", reason: "refused", method })
        assert.deepStrictEqual(pages.map((page) => [page.host, answered(page, {}).hostname]), [[host, "localhost"]])
      }))
  }

  it.effect("P10 claude: a sign-in that is no longer read is given up, and its process with it", () =>
    Effect.gen(function*() {
      const { processes } = yield* World
      const page = yield* Effect.fromOption(yield* Stream.runHead(signIn(yield* adapter, "claudeai")))
      assert.strictEqual(page._tag, "OpenPage")
      yield* Effect.repeat(processes.alive, { until: (alive) => alive.length === 0 })
    }))
})
