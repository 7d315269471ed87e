/**
 * The adapter on the real binary, with one server for all rules: a host that ends leaves it running, as an app does that
 * uses a server of its own.
 */
import { Context, Effect, Layer, ManagedRuntime } from "effect"
import { afterAll, describe, it } from "vitest"
import { OpenCode } from "../../src/opencode/index.ts"
import type { Directories } from "../../src/testing/Conformance.ts"
import { conformance } from "../../src/testing/index.ts"
import { directories, fixture, script } from "../support/ConformingOpenCode.ts"
import { OpenCodeServer, type Opened } from "../support/OpenCodeServer.ts"

class Shared extends Context.Service<Shared, Opened & { readonly directories: Directories }>()("test/Shared") {
  static readonly layer = Layer.effect(
    this,
    Effect.gen(function*() {
      return { ...(yield* OpenCodeServer), directories: yield* directories }
    })
  ).pipe(Layer.provideMerge(OpenCodeServer.layer(script)))
}

const runtime = ManagedRuntime.make(Shared.layer)
afterAll(() => runtime.dispose())

const shared = Effect.promise(() => runtime.runPromise(Shared))

const layer = Layer.unwrap(
  Effect.map(shared, ({ server: { baseUrl, password } }) => OpenCode.layer({ baseUrl, password }))
)

conformance("opencode", layer, fixture(shared, Effect.map(shared, ({ directories }) => directories)), { describe, it })
