/**
 * Takes the screenshots of docs/inspector.md: `node test/inspector/Screenshots.ts [folder]`, by default into docs/inspector.
 * The mock agent plays what is seen on them. Look at each afterwards.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Console, Effect, FileSystem, Logger, Stream } from "effect"
import { strict as assert } from "node:assert"
import { fileURLToPath } from "node:url"
import type { Page } from "playwright-core"
import { LifecycleHooks, ThreadId } from "../../src/index.ts"
import { MockStep } from "../../src/testing/index.ts"
import { type Host, host, instanceId, stage, tab } from "../support/InspectorHost.ts"

const folder = process.argv[2] ?? fileURLToPath(new URL("../../docs/inspector", import.meta.url))

const act = <A>(run: () => Promise<A>): Effect.Effect<A> => Effect.promise(run)

const hooks = [
  LifecycleHooks.observe({
    name: "billing",
    events: ["turn:end"],
    attempts: 1,
    run: () => Effect.fail({ _tag: "ReceiverDown" })
  }),
  LifecycleHooks.observe({
    name: "search",
    events: ["turn:start"],
    backoff: "5 minutes",
    run: () => Effect.fail({ _tag: "IndexLocked" })
  })
]

const titles = [
  "Upgrade to Node 24",
  "Why is the build slow?",
  "Rename Invoice to Bill",
  "Port the importer",
  "Read the logs of Tuesday"
]

const found = "✓ src/cart/total.test.ts (12 tests) 308ms\n✓ src/cart/discount.test.ts (6 tests) 92ms\n\n" +
  "Test Files  2 passed (2)\n     Tests  18 passed (18)"

const fix = [
  MockStep.reasoning(
    "The test fails one time in ten, so something races. The total is computed before the discount has arrived from the " +
      "pricing service. I look at how the cart subscribes to it, then decide whether the test or the code waits for the " +
      "wrong thing. The fix should be in the code: a total without its discount must not be shown at all."
  ),
  MockStep.plan([
    { text: "Find out why the test is flaky", status: "completed" },
    { text: "Fix the total", status: "in-progress" },
    { text: "Run the tests twenty times", status: "pending" }
  ]),
  MockStep.tool("read", {
    asks: false,
    toolKind: "read",
    toolDetail: { _tag: "Read", path: "src/cart/total.ts" },
    output: "export const total = (cart: Cart) => ..."
  }),
  MockStep.fileChange([{
    path: "src/cart/total.ts",
    kind: "modify",
    patch: "@@ -4,2 +4,2 @@\n-  return sum(cart.lines)\n+  return sum(await discounted(cart.lines))"
  }]),
  MockStep.retry({ attempt: 1, message: "529 Overloaded" }),
  MockStep.warning("context-high", "The context is 80 % full"),
  MockStep.command("npm test -- --repeat 20 src/cart", { asks: false, output: found }),
  MockStep.text(
    "The total was computed before its discount had arrived. It waits for the discount now:\n\n```ts\n" +
      "return sum(await discounted(cart.lines))\n```\n\nTwenty runs of `src/cart` passed."
  ),
  MockStep.usage({ input: 118_000, output: 2100, costUsd: 0.14 })
]

/** Threads of every state, as an app has them. */
const fill = Effect.fnUntraced(function*(app: Host, directory: string) {
  const { agents, mock } = app
  for (const [n, title] of titles.entries()) {
    yield* agents.createThread({ threadId: ThreadId.make(`old-${n}`), instanceId, directory, title })
  }
  const open = (name: string, title: string) =>
    Effect.as(
      agents.startSession({
        threadId: ThreadId.make(name),
        instanceId,
        directory,
        title,
        runtimeMode: "approval-required"
      }),
      ThreadId.make(name)
    )
  const failed = yield* open("notes", "Write the release notes")
  yield* mock.nextTurn(() => [MockStep.fail({ _tag: "ModelFailed", name: "Overloaded", retryable: true })])
  yield* Effect.ignore(agents.runTurn({ threadId: failed, prompt: "Write the release notes" }))

  const checkout = yield* open("checkout", "Fix the flaky checkout test")
  yield* mock.nextTurn(() => fix)
  const prompt = "`total.test.ts` fails about one time in ten. Find out why and fix it, please."
  yield* agents.sendTurn({ threadId: checkout, prompt })
  const requestId = yield* mock.awaitRequest().pipe(
    Effect.andThen(agents.getThread({ threadId: checkout })),
    Effect.map(({ openRequests: [open] }) => open?.request.requestId),
    Effect.repeat({ until: (requestId) => requestId !== undefined })
  )
  yield* agents.respondToApproval({
    threadId: checkout,
    requestId: requestId ?? assert.fail(),
    decision: { _tag: "AllowForSession" },
    actor: "ann"
  })
  yield* agents.streamEvents({ threadId: checkout }).pipe(
    Stream.takeUntil((event) => event._tag === "TurnCompleted"),
    Stream.runDrain
  )
  yield* agents.compactThread({ threadId: checkout })
  yield* mock.nextTurn(() => [
    MockStep.text("The changelog has a line about it now."),
    MockStep.usage({ input: 4200, output: 90, costUsd: 0.01 })
  ])
  yield* agents.runTurn({ threadId: checkout, prompt: "Add a line to the changelog." })

  const live = yield* open("payment", "Explain the payment flow")
  yield* mock.nextTurn(() => [
    MockStep.text(Stream.concat(
      Stream.make(
        "A payment goes through three steps:\n\n1. The cart is frozen.\n2. The provider is asked for an "
      ),
      Stream.never
    ))
  ])
  yield* agents.sendTurn({ threadId: live, prompt: "How does a payment go?" })

  const question = yield* open("database", "Choose a database")
  yield* mock.nextTurn(() => [
    MockStep.text("Two of them fit."),
    MockStep.question([{
      question: "Which database should the orders be in?",
      options: [
        { label: "PostgreSQL", description: "As the other services have it" },
        { label: "SQLite", description: "One file, nothing to run" }
      ],
      freeText: true
    }])
  ])
  yield* agents.sendTurn({ threadId: question, prompt: "Where should the orders be kept?" })
  yield* mock.awaitRequest()

  const form = yield* open("ticket", "Open a ticket")
  yield* mock.nextTurn(() => [
    MockStep.elicitation({
      message: "What should the ticket say?",
      form: {
        _tag: "Form",
        schema: {
          required: ["title"],
          properties: {
            title: { type: "string", title: "Title" },
            priority: { type: "string", enum: ["low", "high"] },
            points: { type: "integer" },
            public: { type: "boolean" }
          }
        }
      }
    })
  ])
  yield* agents.sendTurn({ threadId: form, prompt: "Open a ticket for it." })
  yield* mock.awaitRequest()

  const approval = yield* open("clean", "Clean up the build folder")
  yield* mock.nextTurn(() => [
    MockStep.text("Everything below `build` is made anew by the next build, so it can go."),
    MockStep.command("rm -r build")
  ])
  yield* agents.sendTurn({ threadId: approval, prompt: "Clean up, please." })
  yield* mock.awaitRequest()
})

const shot = (page: Page, name: string) =>
  Effect.andThen(
    act(() => page.evaluate("new Promise((done) => setTimeout(done, 300))")),
    act(() => page.screenshot({ path: `${folder}/${name}.png` }))
  )

const go = (page: Page, url: string, place: string, ready: string) =>
  act(async () => {
    await page.goto("about:blank")
    await page.goto(`${url}${place}`)
    await page.locator(ready).first().waitFor()
  })

const top = "document.querySelector('.view virtual-list').scrollTop = 0"
const wide = { width: 1120, height: 700 }
const narrow = { width: 400, height: 760 }

const main = Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  yield* fs.makeDirectory(folder, { recursive: true })
  const directory = `${yield* fs.makeTempDirectoryScoped()}/shop`
  yield* fs.makeDirectory(directory)
  const app = yield* host({ inspector: { write: true }, hooks })
  const { page } = yield* tab(wide)
  yield* go(page, app.url, "", ".empty:has-text('No threads yet')")
  yield* shot(page, "empty")
  yield* fill(app, directory)
  const thread = (name: string, tab = "") => `#/threads/${name}${tab === "" ? "" : `/${tab}`}`
  yield* go(page, app.url, thread("checkout"), ".vrow .prose")
  yield* act(() => page.evaluate(top))
  yield* shot(page, "timeline")
  yield* act(async () => {
    for (const key of ["t", "Home", "ArrowDown"]) await page.keyboard.press(key)
    await page.keyboard.press("r")
  })
  yield* shot(page, "raw")
  for (
    const [key, name, ready] of [
      ["2", "transcript", ".view .vrow"],
      ["4", "usage", ".view table"],
      ["5", "events", ".event"]
    ] as const
  ) {
    yield* act(async () => {
      await page.keyboard.press("Escape")
      await page.keyboard.press(key)
      await page.locator(ready).first().waitFor()
    })
    yield* shot(page, name)
  }
  yield* act(async () => {
    await page.keyboard.press("3")
    await page.locator(".view.snapshots table").waitFor()
    await page.locator(".view.snapshots").getByRole("button").first().click()
  })
  yield* shot(page, "snapshots")
  for (
    const [name, place, ready] of [
      ["approval", thread("clean"), ".request"],
      ["question", thread("database"), ".request"],
      ["form", thread("ticket"), ".request"],
      ["live", thread("payment"), ".prose"],
      ["agents", "#/agents", ".agent"],
      ["hooks", "#/hooks", ".waiting td"]
    ] as const
  ) {
    yield* go(page, app.url, place, ready)
    yield* shot(page, name)
  }
  yield* go(page, app.url, thread("nowhere"), ".empty.bad, .empty[role=alert]")
  yield* shot(page, "error")
  const dark = yield* tab({ ...wide, dark: true })
  yield* go(dark.page, app.url, thread("checkout"), ".vrow .prose")
  yield* act(async () => {
    await dark.page.evaluate(top)
    await dark.page.locator(".FileChange .head").first().click()
    await dark.page.evaluate(top)
  })
  yield* shot(dark.page, "timeline-dark")
  yield* go(dark.page, app.url, "#/hooks", ".waiting td")
  yield* shot(dark.page, "hooks-dark")
  const phone = yield* tab(narrow)
  yield* go(phone.page, app.url, thread("checkout"), ".vrow .prose")
  yield* shot(phone.page, "narrow-timeline")
  yield* go(phone.page, app.url, thread("clean"), ".request")
  yield* shot(phone.page, "narrow-approval")
  yield* go(phone.page, app.url, "#/hooks", ".waiting td")
  yield* shot(phone.page, "narrow-hooks")
  yield* Console.log(`The screenshots are in ${folder}`)
})

NodeRuntime.runMain(Effect.scoped(main).pipe(Effect.provide([stage, Logger.layer([])])))
