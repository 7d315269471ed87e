import { describe, it } from "vitest"
import { conformance, MockAgentDisk, MockProvider } from "../../src/testing/index.ts"
import { fixture, offers, script } from "../support/ConformingMock.ts"

const models = fixture.models

conformance(
  "mock",
  MockProvider.layer({ script, offers, models, disk: MockAgentDisk.makeUnsafe(), capabilities: { resend: true } }),
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
      forkAt: false,
      rewind: "never",
      portable: false,
      adopt: false,
      compact: false,
      compactionGate: "client-initiated",
      autoCompaction: "always",
      questions: false,
      elicitations: false,
      denyReason: false,
      tasks: false,
      attachments: false,
      history: false
    }
  }),
  fixture,
  { describe, it }
)
