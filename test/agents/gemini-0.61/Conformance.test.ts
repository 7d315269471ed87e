/** The adapter on the real program, whose sessions all rules keep in one home. */
import { Effect, Layer, ManagedRuntime } from "effect"
import { afterAll, describe, it } from "vitest"
import { Gemini } from "../../../src/acp/index.ts"
import { conformance } from "../../../src/testing/index.ts"
import { World } from "../AcpWorld.ts"
import * as Core from "../Core.ts"
import { fixture, optionsOf, script } from "../gemini/ConformingGemini.ts"

const runtime = ManagedRuntime.make(World.layer(script))
afterAll(() => runtime.dispose())

const world = Effect.promise(() => runtime.runPromise(World))

conformance(
  "gemini-0.61",
  Layer.unwrap(Effect.map(world, (world) => Gemini.layer(optionsOf(world)))),
  fixture(world),
  { describe, it, rules: Core.rules }
)
