/**
 * The inspector's page in Chromium, on a server of ours with the mock agent and a SQLite file. No tab may complain: neither of
 * an error of the page nor of what its content security policy forbids.
 */
import { assert, layer } from "@effect/vitest"
import { Deferred, Effect, Ref, Stream } from "effect"
import type { Page } from "playwright-core"
import { LifecycleHooks } from "../../../src/hooks/LifecycleHooks.ts"
import * as MockStep from "../../../src/testing/MockStep.ts"
import { type Host, host, openThread, stage, tab } from "../../support/InspectorHost.ts"
import * as Loopback from "../../support/Loopback.ts"

const act = <A>(run: () => Promise<A>): Effect.Effect<A> => Effect.promise(run)

/** Opens the page at this place, which is there once its list is. */
const open = (page: Page, url: string, place = "") =>
  act(async () => {
    await page.goto(`${url}${place}`)
    await page.locator(".foot:has-text('thread')").waitFor({ state: "attached" })
  })

const shows = (page: Page, selector: string, text?: string) =>
  act(() => page.locator(selector, text === undefined ? {} : { hasText: text }).first().waitFor())

/** The `seq` of every event in the list of events, which has only those on the screen in the document. */
const listed = (page: Page) =>
  act(() =>
    page.evaluate(async () => {
      const list = document.querySelector("virtual-list.events")
      const seen = new Set<number>()
      if (list === null) return []
      for (let top = 0; top <= list.scrollHeight; top += list.clientHeight / 2) {
        list.scrollTop = top
        await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))
        for (const one of list.querySelectorAll(".seq")) if (one.textContent !== "~") seen.add(Number(one.textContent))
      }
      return Array.from(seen).toSorted((a, b) => a - b)
    })
  )

/** A thread whose agent waits for leave to run a command. */
const waiting = Effect.fnUntraced(function*(app: Host, name: string) {
  const threadId = yield* openThread(app, name, { title: `Title of ${name}` })
  yield* app.mock.nextTurn(() => [MockStep.command("rm -r build"), MockStep.text("Gone.")])
  yield* app.agents.sendTurn({ threadId, prompt: "clean up" })
  yield* app.mock.awaitRequest()
  return threadId
})

layer(stage, { excludeTestServices: true, timeout: "60 seconds" })("the inspector's page", (it) => {
  it.effect("P11: a stream that is cut again and again shows every event once, and all of the text", () =>
    Effect.gen(function*() {
      const app = yield* host()
      const proxy = yield* Loopback.proxy(app.url)
      const threadId = yield* openThread(app, "cut")
      const words = Array.from({ length: 12 }, (_, n) => `word${n} `)
      const gates = yield* Effect.all(words.map(() => Deferred.make<void>()))
      yield* app.mock.nextTurn(() => [
        MockStep.text(
          Stream.fromIterable(words.map((word, n) => ({ word, n }))).pipe(
            Stream.mapEffect(({ n, word }) => Effect.as(n === 0 ? Effect.void : Deferred.await(gates[n]!), word))
          )
        ),
        ...words.map((word) => MockStep.tool(word, { asks: false }))
      ])
      const { page } = yield* tab()
      yield* open(page, `${proxy.url}/ui/`, "#/threads/cut")
      yield* app.agents.sendTurn({ threadId, prompt: "say it" })
      yield* shows(page, ".prose", "word0")
      for (const [n, gate] of gates.entries()) {
        if (n === 4) yield* proxy.cutOff
        if (n === 7) yield* proxy.mend
        if (n % 3 === 2) yield* proxy.cut
        yield* Deferred.succeed(gate, undefined)
      }
      yield* shows(page, ".end", "completed")
      assert.strictEqual((yield* act(() => page.locator(".prose").last().innerText())).trim(), words.join("").trim())
      yield* act(() => page.keyboard.press("5"))
      yield* shows(page, ".event")
      const { lastSeq } = yield* app.agents.getThread({ threadId })
      assert.deepStrictEqual(yield* listed(page), Array.from({ length: lastSeq }, (_, n) => n + 1))
      assert.strictEqual(yield* act(() => page.locator(".strip.warn").count()), 0)
    }))

  it.effect("P6: an approval is given in the page, and every other tab sees by whom", () =>
    Effect.gen(function*() {
      const app = yield* host({ inspector: { write: true } })
      const threadId = yield* waiting(app, "approve")
      const [one, other] = [yield* tab(), yield* tab()]
      yield* open(one.page, app.url)
      yield* open(other.page, app.url, "#/threads/approve")
      yield* shows(other.page, ".request")
      // A thread that waits stands first, and says what for.
      yield* act(() => one.page.locator(".thread", { hasText: "approval" }).first().click())
      yield* act(() => one.page.getByRole("button", { name: "Allow once" }).click())
      for (const { page } of [one, other]) {
        yield* shows(page, ".asked", "Allowed once by the user")
        yield* shows(page, ".prose", "Gone.")
        yield* shows(page, ".line3", "The reaper stops the idle session")
        assert.strictEqual(yield* act(() => page.locator(".request").count()), 0)
      }
      assert.strictEqual((yield* app.mock.answers).length, 1)
      assert.strictEqual((yield* app.agents.getThread({ threadId })).openRequests.length, 0)
      assert.deepStrictEqual([...one.errors, ...other.errors], [])
    }))

  it.effect("a denial with its reason, a question and a form are answered in the page", () =>
    Effect.gen(function*() {
      const app = yield* host({ inspector: { write: true } })
      yield* waiting(app, "ask")
      const { errors, page } = yield* tab()
      yield* open(page, app.url, "#/threads/ask")
      yield* app.mock.nextTurn(() => [
        MockStep.question([{ question: "Which?", options: [{ label: "A" }, { label: "B" }] }]),
        MockStep.elicitation({
          message: "Fill this in",
          form: { _tag: "Form", schema: { properties: { name: { type: "string" }, size: { type: "integer" } } } }
        })
      ])
      yield* act(() => page.getByPlaceholder("Why not").fill("not that"))
      yield* act(() => page.getByRole("button", { name: "Deny", exact: true }).click())
      yield* shows(page, ".asked", "Denied: not that")
      yield* shows(page, ".end")
      yield* act(async () => {
        await page.getByLabel("Prompt").fill("go on")
        await page.keyboard.press("Control+Enter")
        await page.getByLabel("B").check()
        await page.getByRole("button", { name: "Answer" }).click()
        await page.getByLabel("size").fill("3")
        await page.locator(".request").getByRole("button", { name: "Send" }).click()
      })
      yield* shows(page, ".asked", "Answered: B")
      yield* shows(page, ".asked", "It was accepted")
      const answers = JSON.stringify(yield* app.mock.answers)
      for (const part of ["not that", "[[\"B\"]]", "\"size\":3"]) assert.include(answers, part)
      assert.deepStrictEqual(errors, [])
    }))

  it.effect("hostile strings do nothing, in any view", () =>
    Effect.gen(function*() {
      const app = yield* host({ inspector: { write: true } })
      const markup = `<img src=x onerror="alert(1)"><script>alert(2)</script><svg/onload=alert(3)>`
      const control = "\u001b[2J\u202Etxt.exe\u202C\u200B\u0007\u0000"
      const threadId = yield* openThread(app, "hostile", { title: `${markup} ${control}` })
      const links = `[x](javascript:alert(4)) javascript:alert(5) https://example.com/"onmouseover="alert(6)`
      yield* app.mock.nextTurn(() => [
        MockStep.text(`${markup} ${links} ${control}\n\`\`\`"onclick=alert(7)\n${markup}\n\`\`\``),
        MockStep.reasoning(`${markup}${control}`),
        MockStep.command(`echo ${markup}`, { asks: false, output: `${markup}${control}` }),
        MockStep.fileChange([{ path: markup, kind: "modify", patch: `+${markup}${control}` }], { asks: false }),
        MockStep.tool(markup, {
          asks: false,
          toolKind: "fetch",
          toolDetail: { _tag: "Fetch", url: "javascript:alert(8)" },
          input: { [markup]: markup },
          output: `${markup}${control}`,
          content: [{ _tag: "Link", uri: "javascript:alert(9)", title: "bad" }, {
            _tag: "Link",
            uri: "data:text/html,x"
          }]
        }),
        MockStep.warning(markup, `${markup}${control}`),
        MockStep.unrecognized(markup, { [markup]: control }),
        MockStep.question([{ question: markup, header: markup, options: [{ label: markup, description: control }] }])
      ])
      yield* app.agents.sendTurn({ threadId, prompt: `${markup}${control}` })
      yield* app.mock.awaitRequest()
      const { errors, page } = yield* tab()
      yield* open(page, app.url, "#/threads/hostile")
      yield* shows(page, ".request")
      for (const key of ["1", "2", "3", "4", "5"]) {
        yield* act(async () => {
          await page.keyboard.press(key)
          await page.locator(".view .vrow, .view .empty:not([role]), .view table").first().waitFor()
          await page.evaluate(() => {
            for (const one of document.querySelectorAll<HTMLElement>(".head[aria-expanded=false], .event")) one.click()
          })
        })
        const found = yield* act(() =>
          page.evaluate(() => ({
            elements: document.querySelectorAll("#page :is(img, script, svg, iframe, object, style)").length,
            handlers: Array.from(document.querySelectorAll("#page *"), (one) => one.getAttributeNames()).flat()
              .filter((name) => name.startsWith("on")),
            links: Array.from(document.querySelectorAll("#page a"), (one) => one.getAttribute("href") ?? "")
              .filter((href) => !href.startsWith("#") && href !== "https://example.com/"),
            // eslint-disable-next-line no-control-regex
            controls: /[\u0000-\u0008\u000b-\u001f\u202c-\u202e\u200b]/.test(document.body.innerText + document.title)
          }))
        )
        assert.deepStrictEqual(found, { elements: 0, handlers: [], links: [], controls: false }, `view ${key}`)
      }
      assert.deepStrictEqual(errors, [])
    }))

  it.effect("images that a tool gave back and a user pasted are shown under the policy; what is no pixels is only named", () =>
    Effect.gen(function*() {
      const app = yield* host({ inspector: { write: true } })
      const threadId = yield* openThread(app, "drawn")
      const base64 = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
      yield* app.mock.nextTurn(() => [
        MockStep.tool("draw", {
          asks: false,
          content: [
            { _tag: "Image", mime: "image/png", base64 },
            { _tag: "Image", mime: "image/svg+xml", base64: btoa("<svg xmlns='http://www.w3.org/2000/svg'/>") }
          ]
        }),
        MockStep.text("Drawn.")
      ])
      const attachments = [{ _tag: "Data", name: "pasted.png", mime: "image/png", base64 }] as const
      yield* app.agents.runTurn({ threadId, prompt: "draw", attachments })
      const { errors, page } = yield* tab()
      yield* open(page, app.url, "#/threads/drawn")
      yield* act(() => page.locator(".ToolCall .head").click())
      yield* shows(page, ".ToolCall .dim", "An image (image/svg+xml")
      for (const place of [".prompt", ".ToolCall"]) {
        yield* act(() =>
          page.waitForFunction(
            (selector) => document.querySelector<HTMLImageElement>(`${selector} img.picture`)?.naturalWidth === 1,
            place
          )
        )
      }
      assert.strictEqual(yield* act(() => page.locator("img").count()), 2)
      assert.deepStrictEqual(errors, [])
    }))

  it.effect("everything can be reached by keys alone", () =>
    Effect.gen(function*() {
      const app = yield* host({ inspector: { write: true } })
      yield* openThread(app, "other")
      yield* waiting(app, "keys")
      const { errors, page } = yield* tab()
      const keys = async (...pressed: ReadonlyArray<string>) => {
        for (const key of pressed) await page.keyboard.press(key)
      }
      yield* open(page, app.url)
      yield* act(() => keys("?"))
      yield* shows(page, ".help")
      yield* act(() => keys("Escape", "/"))
      yield* act(() => page.keyboard.type("title of"))
      yield* shows(page, ".foot", "1 thread")
      yield* act(() => keys("Escape", "j"))
      yield* shows(page, ".request")
      yield* act(() => keys("a", "Enter"))
      yield* shows(page, ".asked", "Allowed once")
      yield* shows(page, ".end", "completed")
      yield* act(() => keys("t", "Home", "ArrowDown", "r"))
      yield* shows(page, ".raw", "TurnStarted")
      yield* act(() => keys("ArrowDown", "Enter", "Escape"))
      yield* shows(page, ".head[aria-expanded=true]")
      assert.strictEqual(yield* act(() => page.locator(".raw").count()), 0)
      yield* act(() => keys("5"))
      yield* shows(page, ".event")
      yield* act(async () => {
        await page.locator("virtual-list.events").focus()
        await keys("End", "ArrowUp")
      })
      yield* shows(page, ".raw")
      yield* act(() => keys("1"))
      yield* shows(page, ".composer")
      yield* act(() => keys("p"))
      yield* act(() => page.keyboard.type("and now?"))
      yield* act(() => keys("Control+Enter"))
      yield* shows(page, ".prompt", "and now?")
      yield* shows(page, ".prose", "echo: and now?")
      assert.deepStrictEqual(errors, [])
    }))

  it.effect("without `write` it only reads", () =>
    Effect.gen(function*() {
      const app = yield* host()
      yield* waiting(app, "read")
      const { errors, page } = yield* tab()
      yield* open(page, app.url, "#/threads/read")
      yield* shows(page, ".request", "only reads")
      for (const selector of [".composer", ".actions", ".request .buttons"]) {
        assert.strictEqual(yield* act(() => page.locator(selector).count()), 0, selector)
      }
      assert.deepStrictEqual(errors, [])
    }))

  it.effect("P14: a token is asked for, is sent to the server only, and leaves the address", () =>
    Effect.gen(function*() {
      const app = yield* host({ token: "s3cret" })
      yield* openThread(app, "guarded")
      const { page } = yield* tab()
      yield* act(() => page.goto(app.url))
      yield* shows(page, ".door")
      yield* act(async () => {
        await page.getByLabel("Token").fill("wrong")
        await page.keyboard.press("Enter")
      })
      yield* shows(page, ".door", "does not take the token")
      yield* act(async () => {
        await page.getByLabel("Token").fill("s3cret")
        await page.keyboard.press("Enter")
      })
      yield* shows(page, ".thread", "guarded")
      const linked = yield* tab()
      yield* open(linked.page, app.url, "#token=s3cret")
      yield* shows(linked.page, ".thread", "guarded")
      assert.notInclude(linked.page.url(), "s3cret")
      assert.deepStrictEqual(linked.errors, [])
    }))

  it.effect("P12: a delivery that a hook never took is shown and sent again, and one that is still tried is shown, too", () =>
    Effect.gen(function*() {
      const down = yield* Ref.make(true)
      const taken = yield* Deferred.make<string>()
      const billing = LifecycleHooks.observe({
        name: "billing",
        events: ["turn:end"],
        attempts: 1,
        run: ({ threadId }) =>
          Effect.flatMap(
            Ref.get(down),
            (down) => down ? Effect.fail({ _tag: "ReceiverDown" }) : Deferred.succeed(taken, threadId)
          )
      })
      const search = LifecycleHooks.observe({
        name: "search",
        events: ["turn:end"],
        backoff: "1 hour",
        run: () => Effect.fail({ _tag: "IndexLocked" })
      })
      const app = yield* host({ hooks: [billing, search], inspector: { write: true } })
      const threadId = yield* openThread(app, "billed")
      yield* app.agents.runTurn({ threadId, prompt: "hello" })
      const { errors, page } = yield* tab()
      yield* open(page, app.url, "#/hooks")
      for (const part of ["billing", "turn:end", "ReceiverDown"]) {
        yield* shows(page, ".givenup td", part)
      }
      for (const part of ["search", "turn:end", "IndexLocked", "in 1 h"]) {
        yield* shows(page, ".waiting td", part)
      }
      yield* Ref.set(down, false)
      yield* act(() => page.getByRole("button", { name: "Send again" }).click())
      assert.strictEqual(yield* Deferred.await(taken), "billed")
      yield* shows(page, ".givenup .empty", "None")
      assert.deepStrictEqual(errors, [])
    }))

  it.effect("it fits a narrow window, in the dark too, and says what to do where nothing is", () =>
    Effect.gen(function*() {
      const app = yield* host({ inspector: { write: true } })
      const { errors, page } = yield* tab({ width: 360, height: 640, dark: true })
      yield* open(page, app.url)
      yield* shows(page, ".empty", "No threads yet")
      yield* waiting(app, "narrow")
      yield* act(() => page.locator(".thread").click())
      yield* shows(page, ".request")
      const fits = () => page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)
      for (const key of ["1", "2", "3", "4", "5"]) {
        yield* act(() => page.keyboard.press(key))
        yield* shows(page, ".view .vrow, .view .empty:not([role]), .view table")
        assert.isTrue(yield* act(fits), `view ${key}`)
      }
      yield* act(() => page.locator(".back").click())
      yield* shows(page, ".thread")
      assert.strictEqual(
        yield* act(() => page.evaluate(() => getComputedStyle(document.body).backgroundColor)),
        "rgb(20, 21, 23)"
      )
      assert.deepStrictEqual(errors, [])
    }))
})
