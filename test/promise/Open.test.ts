/** What `open` takes, what goes wrong there, and hooks as plain functions. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Stream } from "effect"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { onTestFinished } from "vitest"
import { SettingsInvalid } from "../../src/CodingAgents.ts"
import { HookInvalid } from "../../src/hooks/index.ts"
import { LifecycleHooks, ServiceError, SessionStore, StoreError } from "../../src/index.ts"
import {
  AgentsClosed,
  allow,
  CodingAgents,
  decide,
  guard,
  type HookContext,
  observe,
  secret,
  setup,
  transform,
  veto
} from "../../src/promise/index.ts"
import { SessionSetup } from "../../src/provider/index.ts"
import { MockAgentDisk, MockProvider, MockStep } from "../../src/testing/index.ts"
import { rejection } from "../support/Promises.ts"

const threadId = "t1"
const directory = process.cwd()
const thread = { threadId, instanceId: "mock", directory }

const opened = (hooks: CodingAgents.Options["hooks"], script?: Parameters<typeof MockProvider.layer>[0]) =>
  CodingAgents.open({ agents: MockProvider.layer(script), store: ":memory:", hooks })

describe("opening without Effect", () => {
  it("what a hook has not waited for ends with the app, and a hook's agents are refused then", async () => {
    const ended: Array<string> = []
    const pages = Stream.concat(Stream.make({ _tag: "OpenPage", url: "https://example.com/" } as const), Stream.never)
    let kept: HookContext["agents"] | undefined
    const begun = Promise.withResolvers<void>()
    const agents = await opened([
      observe({
        name: "keeps",
        events: ["session:start"],
        run: (_, context) => {
          kept = context.agents
          const steps = context.agents.signIn({ instanceId: "mock", method: "page" })[Symbol.asyncIterator]()
          void steps.next().then(() => begun.resolve())
        }
      })
    ], { signIn: { page: Stream.ensuring(pages, Effect.sync(() => ended.push("ended"))) } })
    await agents.startSession(thread)
    await begun.promise
    await agents.close()
    assert.deepStrictEqual(ended, ["ended"])
    assert.instanceOf(await rejection(kept?.listThreads() ?? Promise.resolve()), AgentsClosed)
  })

  it("P1 a store that was closed is opened again, and the conversation goes on", async () => {
    const folder = mkdtempSync(join(tmpdir(), "eca-promise-"))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const agents = MockProvider.layer({ disk: MockAgentDisk.makeUnsafe() })
    const store = join(folder, "threads.db")
    {
      await using first = await CodingAgents.open({ agents, store })
      await first.startSession(thread)
      await first.runTurn({ threadId, prompt: "hello" })
      const owned = await rejection(CodingAgents.open({ agents, store: SessionStore.layerSqlite({ filename: store }) }))
      assert.instanceOf(owned, StoreError.StoreOwned)
    }
    await using second = await CodingAgents.open({ agents: [agents], store })
    const turn = await second.runTurn({ threadId, prompt: "still there?" })
    assert.strictEqual(turn.continuity._tag, "Resumed")
  })

  it("settings that do not fit, and a signal that was aborted, are refused, and the store is free again", async () => {
    const agents = MockProvider.layer()
    const wrong = await rejection(
      CodingAgents.open({ agents, store: ":memory:", settings: { promptLimit: -1 } })
    )
    assert.deepInclude(wrong, { _tag: "SettingsInvalid" })
    const aborted = CodingAgents.open({ agents, store: ":memory:", signal: AbortSignal.abort("no") })
    assert.strictEqual(await rejection(aborted), "no")
  })

  it("P15 options that are none are refused by name: one that is missing, misspelt, or no Layer", async () => {
    const agents = MockProvider.layer()
    // What the compiler would not let pass.
    const given = (options: unknown): any => options
    for (
      const [options, ...paths] of [
        [undefined, ""],
        [{}, "agents", "store"],
        [{ agents }, "store"],
        [{ agents: MockProvider.layer, store: ":memory:" }, "agents"],
        [{ agents: [undefined], store: ":memory:" }, "agents[0]"],
        [{ agents, store: 5 }, "store"],
        [{ agents, store: ":memory:", hooks: [() => undefined] }, "hooks[0]"],
        [{ agents, store: ":memory:", setings: {} }, "setings"]
      ] as const
    ) {
      const refused = await rejection(CodingAgents.open(given(options)))
      assert.instanceOf(refused, SettingsInvalid)
      assert.includeMembers(refused.issues.map((issue) => issue.path), paths)
    }
  })

  it("P15 a hook with a misspelt field is refused at once, by the name of the field, and the store is free again", async () => {
    const run = () => undefined
    // What the compiler would not let pass.
    const given = (fields: string): any => ({ ...JSON.parse(fields), run })
    for (
      const [hook, path] of [
        [observe(given(`{"name":"h","on":["turn:end"]}`)), "events"],
        [observe(given(`{"name":"h","events":"turn:end"}`)), "events"],
        [observe(given(`{"name":"h","events":["turn:ended"]}`)), "events[0]"],
        [observe(given(`{"name":"h","events":["*"],"delivery":"once"}`)), "delivery"],
        [observe(given(`{"events":["*"]}`)), "name"],
        [guard(given(`{"name":"h","on":["turn:start"]}`)), "events"],
        [guard(given(`{"name":"h","events":["turn:end"]}`)), "events[0]"],
        [guard(given(`{"name":"h","events":["turn:start"],"failure":"close"}`)), "failure"],
        [transform(given(`{"name":"h","events":["turn:start"],"timeout":"soon"}`)), "timeout"],
        [setup({ ...given(`{"name":"h"}`), priority: "high" }), "priority"],
        [observe(given(`{"name":"h","events":["*"],"attempts":0}`)), "attempts"],
        [LifecycleHooks.project({ name: "h", kinds: ["TurnStarted"], limit: 0, run: () => Effect.void }), "limit"],
        [LifecycleHooks.project({ name: "h", kinds: ["TurnStarted"], limit: -1, run: () => Effect.void }), "limit"],
        [observe(JSON.parse(`{"name":"h","events":["*"],"do":1}`)), "run"]
      ] as const
    ) {
      const refused = await rejection(opened([hook]))
      assert.instanceOf(refused, HookInvalid)
      assert.deepStrictEqual(refused.issues.map((issue) => issue.path), [path])
      assert.include(refused.message, path)
    }
    await (await opened([])).close()
  })

  it("P12 hooks are plain functions or Layers; the end of the session is told before close answers", async () => {
    const seen: Array<string> = []
    const note = (event: { readonly _tag: string }) => seen.push(event._tag)
    const agents = await opened([
      observe({ name: "plain", events: ["session:*"], run: note }),
      observe({ name: "async", events: ["turn:end"], run: (event) => Promise.resolve(note(event)) }),
      Layer.effectDiscard(Effect.sync(() => seen.push("layer"))),
      LifecycleHooks.observe({
        name: "effect",
        events: ["session:end"],
        run: () => Effect.sync(() => seen.push("bye"))
      })
    ])
    await agents.startSession(thread)
    await agents.runTurn({ threadId, prompt: "hello" })
    await agents.close()
    assert.strictEqual(seen[0], "layer")
    assert.includeMembers(seen, ["session:start", "turn:end", "session:end", "bye"])
  })

  it("P14 a setup is a plain function: the agent has its secrets, and what it registered is called when the session ends", async () => {
    const notes: Array<string> = []
    let token: string | undefined = "walnut-7731-abendrot"
    const agents = await opened([
      setup({
        name: "vault",
        run: async ({ cause }, { release }) => {
          if (token === undefined) throw new Error("sealed")
          release(() => notes.push("first"))
          release(() => Promise.reject(new Error("no")))
          release(() => notes.push("last"))
          return { environment: { TOKEN: secret(token), CAUSE: cause } }
        }
      })
    ], {
      script: ({ setup }) => [
        MockStep.text(`${setup?.environment?.["CAUSE"]} ${SessionSetup.plain(setup?.environment)["TOKEN"]}`)
      ]
    })
    await agents.startSession(thread)
    assert.strictEqual((await agents.runTurn({ threadId, prompt: "hello" })).text, `start ${"*".repeat(token.length)}`)
    await agents.stopSession({ threadId })
    assert.deepStrictEqual(notes, ["last", "first"])
    token = undefined
    assert.deepInclude(await rejection(agents.startSession({ threadId })), {
      _tag: "SetupFailed",
      reason: "failed",
      error: "Error"
    })
    await agents.close()
  })

  it("guards and transforms are plain functions: veto, context, decision", async () => {
    const prompts: Array<string> = []
    await using agents = await opened([
      guard({
        name: "careful",
        events: ["turn:start"],
        run: ({ input }) => input.prompt.includes("force push") ? veto("ask a human") : allow
      }),
      guard({ name: "approver", events: ["approval:requested"], run: async () => decide({ _tag: "AllowOnce" }) }),
      transform({ name: "context", events: ["turn:start"], run: async () => ({ context: ["It is Friday."] }) })
    ], {
      script: ({ history }) => {
        prompts.push(...history.map(({ text }) => text))
        return [MockStep.command("ls"), MockStep.text("done")]
      }
    })
    await agents.startSession(thread)
    assert.strictEqual((await agents.runTurn({ threadId, prompt: "list" })).text, "done")
    assert.include(prompts.join(), "It is Friday.")
    const vetoed = await rejection(agents.runTurn({ threadId, prompt: "and force push" }))
    assert.instanceOf(vetoed, ServiceError.TurnVetoed)
  })

  it("P8 a hook has the threads, and what would wait for the hook itself is refused", async () => {
    const answers: Array<unknown> = []
    await using agents = await opened([
      observe({
        name: "asks",
        events: ["session:start"],
        run: async (event, { agents }) => {
          answers.push((await agents.getThread({ threadId: event.threadId })).threadId)
          answers.push(await rejection(agents.sendTurn({ threadId: event.threadId, prompt: "me too" })))
        }
      })
    ])
    await agents.startSession(thread)
    await agents.runTurn({ threadId, prompt: "hello" })
    assert.strictEqual(answers[0], threadId)
    assert.instanceOf(answers[1], ServiceError.HookReentrant)
  })

  it("a hook's signal is aborted when its time is up", async () => {
    const aborted = Promise.withResolvers<void>()
    await using agents = await opened([
      guard({
        name: "slow",
        events: ["turn:start"],
        timeout: 20,
        failure: "closed",
        run: (_, { signal }) =>
          new Promise(() => signal.addEventListener("abort", () => aborted.resolve(), { once: true }))
      })
    ])
    await agents.startSession(thread)
    assert.instanceOf(await rejection(agents.sendTurn({ threadId, prompt: "hello" })), ServiceError.TurnVetoed)
    await aborted.promise
  })
})
