/** Operations that are given up in whatever moment, by a signal. */
import { assert, describe, it } from "@effect/vitest"
import { Predicate } from "effect"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { onTestFinished } from "vitest"
import { ThreadId } from "../../src/index.ts"
import { CodingAgents } from "../../src/promise/index.ts"
import { MockProvider } from "../../src/testing/index.ts"
import * as EveryOperation from "../support/EveryOperation.ts"
import { collect } from "../support/Promises.ts"

const threadId = ThreadId.make("t1")
const directory = process.cwd()

type Call = (input: unknown, options: CodingAgents.Options | { readonly signal: AbortSignal }) => unknown

const isIterable = (answer: unknown): answer is AsyncIterable<unknown> =>
  Predicate.hasProperty(answer, Symbol.asyncIterator)

const named = (door: object, name: string): Call => {
  const found: unknown = Reflect.get(door, name.replace(/^stream(.)/, (_, first: string) => first.toLowerCase()))
  return Predicate.isFunction(found) ? (...given) => Reflect.apply(found, door, given) : assert.fail(name)
}

const tick = () => new Promise((resolve) => setImmediate(resolve))

/** After so many turns of the event loop. */
const moments = [0, 1, 2, 4, 8, 16]

describe("a signal", () => {
  it("P4 P8 settles every operation in whatever moment it comes, and the thread goes on", async () => {
    await using agents = await CodingAgents.open({ agents: MockProvider.layer(), store: ":memory:" })
    const thread = { threadId, instanceId: "mock", directory }
    await agents.startSession(thread)
    const { archive, hooks, service } = EveryOperation.inputs({ directory, snapshotId: "none", threadId })
    const doors = [[agents, service], [agents.archive, archive], [agents.deliveries, hooks]] as const
    for (const [door, inputs] of doors) {
      for (const [name, input] of Object.entries(inputs)) {
        for (const moment of moments) {
          await agents.startSession(thread)
          const controller = new AbortController()
          const given = name === "importThread" ? { ...input, threadId: `import-${moment}`, turns: [] } : input
          const answer = named(door, name)(given, { signal: controller.signal })
          const settled = isIterable(answer) ? collect(answer) : Promise.resolve(answer)
          const outcome = settled.then(() => "answered", (error: unknown) => error)
          for (let turn = 0; turn < moment; turn++) await tick()
          controller.abort("given up")
          const became = await outcome
          assert.isTrue(
            became === "answered" || became === "given up" || Predicate.hasProperty(became, "_tag"),
            `${name} after ${moment}: ${String(became)}`
          )
        }
      }
    }
    await agents.startSession(thread)
    assert.strictEqual((await agents.runTurn({ threadId, prompt: "still there?" })).text, "echo: still there?")
  })

  it("P8 that comes while the app is opened, in whatever moment, leaves the store free", async () => {
    const folder = mkdtempSync(join(tmpdir(), "eca-signals-"))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const parts = { agents: MockProvider.layer(), store: join(folder, "threads.db") }
    for (let moment = 0; moment < 40; moment++) {
      const controller = new AbortController()
      const opened = CodingAgents.open({ ...parts, signal: controller.signal }).then(
        (agents) => agents.close(),
        (error: unknown) => assert.strictEqual(error, "given up")
      )
      for (let turn = 0; turn < moment; turn++) await tick()
      controller.abort("given up")
      await opened
      await (await CodingAgents.open(parts)).close()
    }
  })
})
