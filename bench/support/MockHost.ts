/** The whole library on the mock agent, on a SQLite file in a temporary folder of a real disk, or without a store. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect, FileSystem, Layer } from "effect"
import { type CodingAgents, InstanceId } from "../../src/index.ts"
import { MockProvider, type MockScript } from "../../src/testing/index.ts"
import * as Host from "./Host.ts"

const instanceId = InstanceId.make("mock")

/** A folder that is removed when the scope closes, by its real path. */
export const folder = Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  return yield* fs.realPath(yield* fs.makeTempDirectoryScoped({ prefix: "bench-" }))
}).pipe(Effect.provide(NodeServices.layer), Effect.orDie)

export const layer = (options: {
  readonly store: "none" | { readonly filename: string }
  readonly script?: MockScript | undefined
  readonly settings?: CodingAgents.Settings | undefined
}) =>
  Layer.orDie(Host.layer(
    MockProvider.layer({ script: options.script }),
    options.store === "none" ? undefined : options.store.filename,
    options.settings
  ))

export const newThread = Host.newThread(instanceId)
