/** P11: the `EventSource` of a real Chromium, on a page of the server's own origin. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Deferred, Effect, Exit, Queue, Scope } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import type { Request } from "playwright-core"
import { ProviderService } from "../../../src/index.ts"
import { ApiError, type Server } from "../../../src/server/index.ts"
import * as Agents from "../../support/Agents.ts"
import * as Chromium from "../../support/Chromium.ts"
import * as HttpHost from "../../support/HttpHost.ts"

const { threadId } = Agents

/** A page without anything: what it does is evaluated in it. */
const routes = HttpRouter.add("GET", "/page", HttpServerResponse.html("<!doctype html><title>page</title>"))

const path = `/threads/${threadId}/events`

const signedIn: Server.Options = {
  authorize: ({ cookies }) =>
    cookies["session"] === "ada" ? Effect.succeed({ id: "ada" }) : Effect.fail(new ApiError.Unauthorized())
}

const upTo = (last: number) => Array.from({ length: last }, (_, n) => n + 1)

/** A tab of this server: the ids that its `EventSource` has come by, and the `Last-Event-ID` of each of its requests. */
const tab = Effect.fnUntraced(function*(url: string, cookie: string | undefined) {
  const browser = yield* Chromium.browser
  const ids = yield* Queue.unbounded<number>()
  const asked: Array<string | undefined> = []
  const refused = yield* Deferred.make<void>()
  const note = async (request: Request) => {
    if (request.url().includes(path)) asked.push((await request.allHeaders())["last-event-id"])
  }
  yield* Effect.promise(async () => {
    const page = await browser.newPage()
    page.on("request", (request) => void note(request))
    page.on("requestfailed", (request) => {
      if (request.failure()?.errorText === "net::ERR_CONNECTION_REFUSED") Deferred.doneUnsafe(refused, Exit.void)
    })
    await page.exposeFunction("seen", (id: string) => void Queue.offerUnsafe(ids, Number(id)))
    await page.goto(`${url}/page`)
    if (cookie !== undefined) await page.evaluate(`document.cookie = ${JSON.stringify(cookie)}`)
    await page.evaluate(`
      globalThis.source = new EventSource("${path}?deltas=false")
      source.onmessage = ({ lastEventId }) => seen(lastEventId)
    `)
  })
  return { ids, asked, refused }
})

describe("an EventSource", () => {
  for (const [name, server, cookie] of [["no token", {}, undefined], ["a cookie", signedIn, "session=ada"]] as const) {
    it.live(`P11 mock: goes on by itself when a server is there again, without a hole; with ${name}`, () =>
      Effect.gen(function*() {
        const filename = `${yield* Agents.folder}/threads.db`
        const start = (port: number) =>
          HttpHost.start({ filename, server, routes, listen: { port, host: "127.0.0.1" } })
        const scope = yield* Scope.make()
        const before = yield* Scope.provide(start(0), scope)
        const agentsOf = (host: { readonly context: Context.Context<ProviderService> }) =>
          Context.get(host.context, ProviderService)
        yield* agentsOf(before).startSession({
          threadId,
          instanceId: Agents.mock,
          directory: yield* Agents.folder
        })
        const { asked, ids, refused } = yield* tab(before.url, cookie)
        yield* agentsOf(before).runTurn({ threadId, prompt: "before" })
        const { lastSeq } = yield* agentsOf(before).getThread({ threadId })
        const first = yield* Queue.takeN(ids, lastSeq)
        yield* Scope.close(scope, Exit.void)
        // It has come back in vain, and tries again.
        yield* Deferred.await(refused)
        const after = yield* start(Number(new URL(before.url).port))
        yield* agentsOf(after).runTurn({ threadId, prompt: "meanwhile" })
        const { lastSeq: end } = yield* agentsOf(after).getThread({ threadId })
        // The end of the old session is an event, too: it came with the shutdown or comes now.
        const rest = yield* Queue.takeN(ids, end - lastSeq)
        assert.deepStrictEqual([...first, ...rest], upTo(end))
        assert.isUndefined(asked[0])
        assert.isAtLeast(Number(asked.at(-1)), lastSeq)
        yield* agentsOf(after).runTurn({ threadId, prompt: "afterwards" })
        assert.strictEqual(yield* Queue.take(ids), end + 1)
      }).pipe(Effect.scoped, Effect.provide(Agents.platform)))
  }
})
