/**
 * The adapter on the real binary. Nearly all rules share one server, as an app does that uses a server of its own; a
 * host that ends leaves it running. What needs a server that may die is proved on one that the adapter starts itself.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Context, Effect, FileSystem, Layer, ManagedRuntime } from "effect"
import { afterAll, describe, it } from "vitest"
import { openCodeConfig } from "../../../examples/support/OpenCodeConfig.ts"
import * as Processes from "../../../examples/support/Processes.ts"
import { OpenCode } from "../../../src/opencode/index.ts"
import { conformance, ScriptedModel } from "../../../src/testing/index.ts"
import * as ConformingOpenCode from "../../support/ConformingOpenCode.ts"
import * as Loopback from "../../support/Loopback.ts"
import { OpenCodeServer } from "../../support/OpenCodeServer.ts"
import * as Core from "../Core.ts"

/** Only a server of our own may die, and has our plugin. */
const onManaged = (id: string) =>
  ["turn/crash", "exit/known", "close/process", "orphans"].includes(id) || id.startsWith("gate/") ||
  id.startsWith("project/")
/** A server that is not ours starts no subagents in this mode. */
const onBoth = "mode/read-only"
const rules = (managed: boolean) => Core.rules.filter(({ id }) => id === onBoth || onManaged(id) === managed)

class External extends Context.Service<External, ConformingOpenCode.External>()("test/External") {
  static readonly layer = Layer.effect(
    this,
    Effect.gen(function*() {
      const opened = yield* OpenCodeServer
      const proxy = yield* Loopback.proxy(opened.server.baseUrl)
      return { ...opened, proxy, directories: yield* ConformingOpenCode.directories }
    })
  ).pipe(
    Layer.provide(OpenCodeServer.layer(ConformingOpenCode.script, { config: ConformingOpenCode.config })),
    Layer.provide(NodeServices.layer)
  )
}

interface OwnServer extends ConformingOpenCode.Managed {
  /** Where its sessions survive it. */
  readonly home: string
}

class Managed extends Context.Service<Managed, OwnServer>()("test/Managed") {
  static readonly layer = Layer.effect(
    this,
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      return {
        model: yield* ScriptedModel.make(ConformingOpenCode.script),
        processes: yield* Processes.make,
        directories: yield* ConformingOpenCode.directories,
        home: yield* fs.makeTempDirectoryScoped({ prefix: "opencode-home-" })
      }
    })
  ).pipe(Layer.provide(NodeServices.layer))
}

const runtime = ManagedRuntime.make(Layer.merge(External.layer, Managed.layer))
afterAll(() => runtime.dispose())

const external = Effect.promise(() => runtime.runPromise(External))
const managed = Effect.promise(() => runtime.runPromise(Managed))

conformance(
  "opencode",
  Layer.unwrap(
    Effect.map(
      external,
      ({ proxy, server: { password } }) => OpenCode.layer({ baseUrl: proxy.url, password, projectConfig: "trust" })
    )
  ),
  ConformingOpenCode.externalFixture(external),
  { describe, it, rules: rules(false) }
)

conformance(
  "opencode",
  Layer.unwrap(Effect.map(managed, ({ home, model, processes }) =>
    OpenCode.layer({
      isolated: { folder: home },
      stopDeadline: "3 seconds",
      config: { ...openCodeConfig(model), ...ConformingOpenCode.config },
      env: processes.env
    }))),
  ConformingOpenCode.managedFixture(managed),
  { describe, it, rules: rules(true) }
)
