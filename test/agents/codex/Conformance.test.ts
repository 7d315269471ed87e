/** The adapter on the real binary, whose sessions all rules keep in one home. */
import { Effect, Layer, ManagedRuntime } from "effect"
import { afterAll, describe, it } from "vitest"
import { Codex } from "../../../src/codex/index.ts"
import { conformance } from "../../../src/testing/index.ts"
import * as Core from "../Core.ts"
import { fixture, optionsOf, World } from "./ConformingCodex.ts"

const runtime = ManagedRuntime.make(World.layer)
afterAll(() => runtime.dispose())

const world = Effect.promise(() => runtime.runPromise(World))

conformance(
  "codex",
  Layer.unwrap(Effect.map(world, (world) => Codex.layer(optionsOf(world)))),
  fixture(world),
  { describe, it, rules: Core.rules }
)
