/**
 * A fresh process that builds the whole app once: `StartProcess.ts FILENAME`. Its one line of output says, in
 * milliseconds, how long Node and the imports took and how long the layers took.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Console, Effect, Layer } from "effect"
import { CodingAgents, LifecycleHooks, ProviderRegistry, SessionStore } from "../../src/index.ts"
import { MockProvider } from "../../src/testing/index.ts"
import { millis } from "./Figure.ts"

const [filename = ""] = process.argv.slice(2)

const app = CodingAgents.layerService().pipe(
  Layer.provideMerge(MockProvider.layer()),
  Layer.provideMerge([ProviderRegistry.layer, LifecycleHooks.layer]),
  Layer.provideMerge(SessionStore.layerSqlite({ filename })),
  Layer.provideMerge(NodeServices.layer)
)

const program = Effect.gen(function*() {
  const imported = performance.now()
  const built = yield* millis(Layer.build(app))
  yield* Console.log(JSON.stringify({ imported, built }))
})

NodeRuntime.runMain(Effect.scoped(program))
