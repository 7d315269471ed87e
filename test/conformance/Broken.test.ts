import { assert, describe, it } from "@effect/vitest"
import { Effect, Struct } from "effect"
import { Conformance, MockStep } from "../../src/testing/index.ts"
import { fixture, offers, script } from "../support/ConformingMock.ts"
import { check, layer, sessions } from "./Breach.ts"
import { breaches as eventBreaches } from "./EventBreaches.ts"
import { breaches as gateBreaches } from "./GateBreaches.ts"
import { breaches as lossBreaches } from "./LossBreaches.ts"
import { breaches as offerBreaches } from "./OfferBreaches.ts"
import { breaches as portabilityBreaches } from "./PortabilityBreaches.ts"
import { breaches as startBreaches } from "./StartBreaches.ts"
import { breaches as turnBreaches } from "./TurnBreaches.ts"
import { breaches as workBreaches } from "./WorkBreaches.ts"

describe("Conformance", () => {
  it("every rule has an adapter that breaks it", () => {
    const broken = new Set(
      [
        ...startBreaches,
        ...turnBreaches,
        ...eventBreaches,
        ...gateBreaches,
        ...lossBreaches,
        ...offerBreaches,
        ...portabilityBreaches,
        ...workBreaches
      ].map(({ rule }) => rule)
    )
    assert.deepStrictEqual(Array.from(broken).toSorted(), Conformance.rules.map(({ id }) => id).toSorted())
  })

  it("rules are named once and assume only rules that there are", () => {
    const ids = new Set(Conformance.rules.map(({ id }) => id))
    assert.strictEqual(ids.size, Conformance.rules.length)
    for (const { assumes = [] } of Conformance.rules) for (const id of assumes) assert.isTrue(ids.has(id), id)
  })

  it.live("what is delivered and not declared is reported, and breaks nothing", () =>
    Effect.gen(function*() {
      const modest = layer({
        adapter: (adapter) => ({
          ...sessions((session) => ({ capabilities: { ...session.capabilities, compactionGate: "observe-only" } }))(
            adapter
          ),
          capabilities: {
            ...adapter.capabilities,
            moveDirectory: "never",
            modelSwitch: "per-session",
            steer: false,
            fork: false,
            forkAt: false,
            rewind: "never",
            portable: false,
            adopt: false,
            compact: false,
            compactionGate: "observe-only",
            questions: false,
            attachments: false,
            history: false
          }
        })
      })
      const report = yield* check(modest)
      assert.deepStrictEqual(Conformance.withOutcome(report, "Broken"), [], Conformance.format(report))
      assert.deepStrictEqual(report.undeclared.toSorted(), [
        "adopt",
        "attachments",
        "compact",
        "compactionGate",
        "fork",
        "forkAt",
        "history",
        "modelSwitch",
        "moveDirectory",
        "portable",
        "questions",
        "rewind",
        "steer"
      ])
    }), 60_000)

  it.live("what the fixture has no hands for is not checked, and not passed", () =>
    Effect.gen(function*() {
      const { controls: _, models: __, prompts: ___, tools: ____, ...handless } = fixture
      const report = yield* check(layer({ adapter: (adapter) => adapter }), handless)
      assert.deepStrictEqual(Conformance.withOutcome(report, "Broken"), [])
      assert.deepStrictEqual(Conformance.withOutcome(report, "NotChecked").toSorted(), [
        "adopt/lists",
        "background/busy",
        "close/process",
        "continuity/behind",
        "elicitation/answer",
        "elicitation/decline",
        "exit/known",
        "gate/auto",
        "gate/auto-off",
        "gate/auto-veto",
        "gate/context",
        "gate/missing",
        "gate/passed",
        "history/behind",
        "interrupt/began",
        "interrupt/elicitation",
        "item/detached",
        "missing/policy",
        "missing/proved",
        "missing/unreachable",
        "model-switch",
        "offers/changed",
        "orphans",
        "portable/elsewhere",
        "question/secret",
        "request/beside",
        "sign-in/pages",
        "stop/elicitation",
        "task/stop",
        "tools/kinds",
        "turn/began",
        "turn/crash",
        "turn/literal",
        "turn/once"
      ])
    }), 60_000)

  it.live("a tool that the model is offered and that the fixture does not list breaks its rule, with its name", () =>
    Effect.gen(function*() {
      const { controls = Effect.succeed({}) } = fixture
      const report = yield* Conformance.check(layer({ adapter: (adapter) => adapter }), {
        ...fixture,
        controls: Effect.map(
          controls,
          (controls) => ({ ...controls, offeredTools: Effect.succeed(["mcp", "unheard"]) })
        )
      }, { rules: Conformance.rules.filter(({ id }) => id === "tools/kinds") })
      assert.deepStrictEqual(Conformance.withOutcome(report, "Broken"), ["tools/kinds"])
      assert.include(Conformance.format(report), "unheard")
      assert.notInclude(Conformance.format(report), "mcp")
    }))

  it.live("a control that sees nothing proves nothing: what never had a process leaves none, and no delivery is counted", () =>
    Effect.gen(function*() {
      const { controls = Effect.succeed({}) } = fixture
      const resending = layer({ mock: { capabilities: { resend: true } }, adapter: (adapter) => adapter })
      const rules = Conformance.rules.filter(({ id }) => ["orphans", "turn/resend", "model-switch"].includes(id))
      const report = yield* Conformance.check(resending, {
        ...fixture,
        controls: Effect.map(controls, (controls: Conformance.Controls) => ({
          ...Struct.omit(controls, ["askedModel", "received"]),
          processes: Effect.succeed([])
        }))
      }, { rules })
      assert.deepStrictEqual(Conformance.withOutcome(report, "Broken"), ["orphans"])
      assert.deepStrictEqual(Conformance.withOutcome(report, "NotChecked").toSorted(), ["model-switch", "turn/resend"])
    }))

  it.live("a project that nothing can run of proves nothing", () =>
    Effect.gen(function*() {
      const report = yield* Conformance.check(
        layer({ adapter: (adapter) => adapter }),
        { ...fixture, project: () => Effect.succeed({ traces: {} }) },
        { rules: Conformance.rules.filter(({ id }) => id === "project/untrusted") }
      )
      assert.deepStrictEqual(Conformance.withOutcome(report, "Broken"), ["project/untrusted"])
    }))

  it.live("names under which agents reset their sessions are known where the fixture names none", () =>
    Effect.gen(function*() {
      const { commands: _, ...unnamed } = fixture
      const silent = { ...offers, commands: offers.commands.map(({ name }) => ({ name })) }
      const rules = Conformance.rules.filter(({ id }) => id === "command/resets")
      const mock = (given: typeof offers | typeof silent) =>
        layer({ mock: { offers: given }, adapter: (adapter) => adapter })
      assert.deepStrictEqual(
        Conformance.withOutcome(yield* Conformance.check(mock(silent), unnamed, { rules }), "Broken"),
        ["command/resets"]
      )
      assert.deepStrictEqual(
        Conformance.withOutcome(yield* Conformance.check(mock(offers), unnamed, { rules }), "Kept"),
        ["command/resets"]
      )
    }))

  it.live("an agent that gives up by itself tells of the calls that brought nothing", () =>
    Effect.gen(function*() {
      const rules = Conformance.rules.filter(({ id }) => id === "limits/steps")
      /** It calls its model once more, and no more. */
      const mock = (brought: "text" | "nothing") =>
        layer({
          mock: {
            capabilities: { steps: true },
            script: (turn) =>
              turn.prompt === "nothing"
                ? [MockStep.emit([{ _tag: "StepEnded", turnId: turn.turnId, brought }]), MockStep.text("I give up.")]
                : script(turn)
          },
          adapter: (adapter) => adapter
        })
      for (const [brought, outcome] of [["text", "Broken"], ["nothing", "Kept"]] as const) {
        const report = yield* Conformance.check(mock(brought), fixture, { rules })
        assert.deepStrictEqual(Conformance.withOutcome(report, outcome), ["limits/steps"], Conformance.format(report))
      }
    }))

  it.live("a layer that registers another instance breaks every rule, and says which instances there are", () =>
    Effect.gen(function*() {
      const rules = Conformance.rules.slice(0, 1)
      const other = { ...fixture, instanceId: "other" }
      const report = yield* Conformance.check(layer({ adapter: (adapter) => adapter }), other, { rules })
      assert.include(Conformance.format(report), "\"mock\"")
    }))
})
