/** The inspector's page on a long log and on many threads. Times are those of the page's own work: see `best`. */
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import type { Page } from "playwright-core"
import { ItemId, ThreadId, type TurnId } from "../../../src/domain/Ids.ts"
import type { ProviderEvent } from "../../../src/domain/ProviderEvent.ts"
import * as MockStep from "../../../src/testing/MockStep.ts"
import { host, instanceId, openThread, stage, tab } from "../../support/InspectorHost.ts"

/** What the page does for too long it does each time; what the machine's other work does to it, only now and then. */
const best = Effect.fnUntraced(function*<R>(limit: number, measure: Effect.Effect<number, never, R>) {
  let least = Number.POSITIVE_INFINITY
  for (let n = 0; n < 4 && least > limit; n++) least = Math.min(least, yield* measure)
  return least
})

/** Collects the tasks that are longer than 50 ms, from the first of the page on. */
const watch = (page: Page) =>
  page.addInitScript(() => {
    const tasks: Array<number> = []
    Object.assign(globalThis, { tasks })
    new PerformanceObserver((list) => tasks.push(...list.getEntries().map(({ duration }) => duration)))
      .observe({ type: "longtask", buffered: true })
  })

const longest = (page: Page) =>
  page.evaluate((): number => Math.max(0, ...(Reflect.get(globalThis, "tasks") as ReadonlyArray<number>)))

const commands = Array.from({ length: 5000 }, (_, n) => n)

const commandEvents = (turnId: TurnId) => (n: number): ReadonlyArray<ProviderEvent> => {
  const begun = { _tag: "Command", itemId: ItemId.make(`c${n}`), command: `step ${n} of the build` } as const
  return [
    { _tag: "ItemStarted", turnId, item: { ...begun, status: "running" } },
    { _tag: "ItemCompleted", turnId, item: { ...begun, output: `line one of ${n}\nline two\n`, status: "completed" } }
  ]
}

layer(stage, { excludeTestServices: true, timeout: "60 seconds" })("the inspector's page on much", (it) => {
  it.effect("10,000 events are read, scrolled and searched without a task over 100 ms", () =>
    Effect.gen(function*() {
      const app = yield* host({ inspector: { write: true } })
      const threadId = yield* openThread(app, "long")
      yield* app.mock.nextTurn((
        { turnId }
      ) => [MockStep.emit(commands.flatMap(commandEvents(turnId))), MockStep.text("The end.")])
      yield* app.agents.runTurn({ threadId, prompt: "build" })
      const task = yield* best(
        100,
        Effect.gen(function*() {
          const { errors, page } = yield* tab()
          const worst = yield* Effect.promise(async () => {
            await watch(page)
            await page.goto(`${app.url}#/threads/long`)
            await page.locator(".end").waitFor()
            await page.evaluate(async () => {
              const list = document.querySelector("virtual-list.timeline")
              if (list === null) return
              for (let part = 10; part >= 0; part--) {
                list.scrollTop = list.scrollHeight * part / 10
                await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))
              }
            })
            await page.locator(".band", { hasText: "Created" }).waitFor()
            assert.isBelow(await page.locator(".row").count(), 200)
            await page.locator("virtual-list.timeline").focus()
            await page.keyboard.press("5")
            await page.getByLabel("Filter events").pressSequentially(`step ${commands.length - 1} `)
            await page.locator(".event", { hasText: `step ${commands.length - 1}` }).first().waitFor()
            return longest(page)
          })
          assert.deepStrictEqual(errors, [])
          return worst
        }).pipe(Effect.scoped)
      )
      assert.isAtMost(task, 100)
    }))

  it.effect("10,000 threads: the first paint takes less than 300 ms, those that wait stand first, and all can be reached", () =>
    Effect.gen(function*() {
      const app = yield* host()
      const waits = yield* openThread(app, "waits")
      yield* app.mock.nextTurn(() => [MockStep.command("rm -r build")])
      yield* app.agents.sendTurn({ threadId: waits, prompt: "clean up" })
      yield* app.mock.awaitRequest()
      yield* Effect.forEach(
        Array.from({ length: 9999 }, (_, n) => ThreadId.make(`thread-${n}`)),
        (threadId) => app.agents.createThread({ threadId, instanceId, directory: app.folder }),
        { concurrency: 32, discard: true }
      )
      const paint = yield* best(
        300,
        Effect.gen(function*() {
          const { errors, page } = yield* tab()
          const at = yield* Effect.promise(async () => {
            await watch(page)
            await page.goto(app.url)
            await page.locator(".thread", { hasText: "approval" }).waitFor()
            assert.include(await page.locator(".thread").first().innerText(), "waits")
            return page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? 0)
          })
          assert.deepStrictEqual(errors, [])
          return at
        }).pipe(Effect.scoped)
      )
      assert.isAtMost(paint, 300)
      const { errors, page } = yield* tab()
      yield* Effect.promise(async () => {
        await page.goto(app.url)
        await page.locator(".thread").first().waitFor()
        const last = page.locator(".foot", { hasText: "10000 threads" })
        const toEnd = () =>
          page.evaluate(async () => {
            const list = document.querySelector("virtual-list.threads")
            if (list !== null) list.scrollTop = list.scrollHeight
            await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))
          })
        while (await last.count() === 0) await toEnd()
        await toEnd()
        // One of the oldest.
        await page.locator(".thread", { hasText: /thread-\d\d?\b/ }).first().waitFor()
      })
      assert.deepStrictEqual(errors, [])
    }))
})
