/** How an app says which directories are trusted, and what is kept of it, on the mock (P17). */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, type Scope } from "effect"
import { CodingAgents, InstanceId, ProviderService, SessionStore } from "../../src/index.ts"
import { MockProvider } from "../../src/testing/index.ts"
import * as Agents from "../support/Agents.ts"

const { mock, threadId } = Agents
const trusting = InstanceId.make("trusting")

const run = <A, E>(
  effect: Effect.Effect<A, E, ProviderService | MockProvider | NodeServices.NodeServices | Scope.Scope>,
  trust?: (directory: string) => boolean
) =>
  Effect.provide(
    Effect.scoped(effect),
    CodingAgents.layer({
      agents: [
        MockProvider.layer(),
        Layer.effectDiscard(MockProvider.make({ instanceId: trusting, projectConfig: "trust" }))
      ],
      store: SessionStore.layerMemory,
      settings: { trust }
    }).pipe(Layer.provideMerge(NodeServices.layer)),
    { local: true }
  )

describe("projectConfig", () => {
  it.effect("P17 mock: a thread's trust is kept over restarts and changes of mode, and ends where it moves", () =>
    run(Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      const directory = yield* Agents.folder
      const elsewhere = yield* Agents.folder
      const first = yield* agents.startSession({ threadId, instanceId: mock, directory })
      assert.deepStrictEqual(first.project, { config: "instructions", by: "mode" })
      const trusted = yield* agents.startSession({ threadId, projectConfig: "trust" })
      assert.deepStrictEqual(trusted.project, { config: "trust", by: "thread" })
      assert.isAbove(trusted.epoch, first.epoch)
      assert.strictEqual((yield* agents.startSession({ threadId, projectConfig: "trust" })).epoch, trusted.epoch)
      yield* agents.stopSession({ threadId })
      const again = yield* agents.startSession({ threadId, runtimeMode: "read-only" })
      assert.deepStrictEqual(again.project, { config: "trust", by: "thread" })
      yield* agents.startSession({ threadId, directory: elsewhere, onMissing: "fresh" })
      assert.deepStrictEqual(
        (yield* agent.starts).map(({ projectConfig }) => projectConfig).at(-1),
        "instructions"
      )
    })))

  it.effect("P17 mock: the app's `trust` is asked of the real path at each start, and the instance's word goes first", () =>
    Effect.gen(function*() {
      const asked: Array<string> = []
      let known = true
      yield* run(
        Effect.gen(function*() {
          const agents = yield* ProviderService
          const directory = yield* Agents.folder
          const first = yield* agents.startSession({ threadId, instanceId: mock, directory })
          assert.deepStrictEqual(first.project, { config: "trust", by: "directory" })
          assert.deepStrictEqual(asked, [first.directory])
          yield* agents.stopSession({ threadId })
          known = false
          const second = yield* agents.startSession({ threadId, runtimeMode: "full-access" })
          assert.deepStrictEqual(second.project, { config: "instructions", by: "directory" })
          const third = yield* agents.startSession({ threadId, instanceId: trusting })
          assert.deepStrictEqual(third.project, { config: "trust", by: "instance" })
        }),
        (directory) => {
          asked.push(directory)
          return known
        }
      )
    }))
})
