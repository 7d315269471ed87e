/** The adapter keeps the contract on an agent without a model; real agents are in test/agents. */
import { afterAll, describe, it } from "vitest"
import { conformance } from "../../src/testing/index.ts"
import * as FakeWorld from "./FakeWorld.ts"

const { dispose, fixture, layer } = FakeWorld.make()
afterAll(dispose)

conformance("fake-acp", layer, fixture, { describe, it })
