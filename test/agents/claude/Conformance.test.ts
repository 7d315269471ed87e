/** The adapter on the real binary, whose sessions all rules keep in one home. */
import { Effect, Layer, ManagedRuntime } from "effect"
import { afterAll, describe, it } from "vitest"
import { Claude } from "../../../src/claude/index.ts"
import { conformance } from "../../../src/testing/index.ts"
import * as Core from "../Core.ts"
import { fixture, optionsOf, World } from "./ConformingClaude.ts"

const runtime = ManagedRuntime.make(World.layer)
afterAll(() => runtime.dispose())

const world = Effect.promise(() => runtime.runPromise(World))

conformance(
  "claude",
  Layer.unwrap(Effect.map(world, (world) => Claude.layer(optionsOf(world)))),
  fixture(world),
  { describe, it, rules: Core.rules }
)
