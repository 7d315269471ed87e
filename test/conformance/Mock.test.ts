import { describe, it } from "vitest"
import { conformance, MockAgentDisk, MockProvider } from "../../src/testing/index.ts"
import { fixture, script } from "../support/ConformingMock.ts"

conformance(
  "mock",
  MockProvider.layer({ script, disk: MockAgentDisk.makeUnsafe(), capabilities: { steps: true } }),
  fixture,
  { describe, it }
)

// As little as an agent can offer.
conformance(
  "plain-mock",
  MockProvider.layer({
    script,
    disk: MockAgentDisk.makeUnsafe(),
    neverResumableBeforeFirstTurn: true,
    turnRefs: false,
    capabilities: {
      runtimeModes: ["approval-required"],
      moveDirectory: "never",
      modelSwitch: "per-session",
      steer: false,
      fork: false,
      compact: false,
      compactionGate: "client-initiated",
      questions: false,
      attachments: false,
      history: false
    }
  }),
  fixture,
  { describe, it }
)
