import { Effect } from "effect"
import { describe, it } from "vitest"
import type { Fixture } from "../../src/testing/Conformance.ts"
import { Conformance, conformance, MockAgentDisk, MockProvider, MockStep } from "../../src/testing/index.ts"
import { controls, fixture, offers, script, signIn } from "../support/ConformingMock.ts"

const models = fixture.models

conformance(
  "mock",
  MockProvider.layer({
    script,
    offers,
    signIn,
    models,
    disk: MockAgentDisk.makeUnsafe(),
    capabilities: { resend: true, steps: true }
  }),
  fixture,
  { describe, it }
)

/** Its context is full when a turn is over, and it finds so only in the next one. */
const late: Fixture<MockProvider> = {
  ...fixture,
  controls: Effect.flatMap(MockProvider, (agent) =>
    Effect.map(controls, (controls) => ({
      ...controls,
      fillContext: (sessionId) =>
        Effect.suspend(() => {
          let turns = 0
          return agent.script((turn) =>
            turn.sessionId === sessionId && ++turns === 2
              ? [MockStep.compaction(), MockStep.text(turn.prompt)]
              : script(turn)
          )
        })
    })))
}

conformance(
  "late-mock",
  MockProvider.layer({
    script,
    disk: MockAgentDisk.makeUnsafe(),
    capabilities: { autoCompaction: "vetoes" }
  }),
  late,
  { describe, it, rules: Conformance.rules.filter(({ id }) => id.startsWith("gate/auto")) }
)

// One that cannot be kept from running what it finds.
conformance(
  "trusting-mock",
  MockProvider.layer({ script, disk: MockAgentDisk.makeUnsafe(), capabilities: { projectConfig: ["trust"] } }),
  fixture,
  { describe, it, rules: Conformance.rules.filter(({ id }) => id.startsWith("project/")) }
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
      afterDenial: "ends",
      tasks: false,
      ownTurns: false,
      attachments: false,
      history: false
    }
  }),
  fixture,
  { describe, it }
)
