/**
 * Proves that an adapter keeps the contract. What is proved follows from what it declares: a capability that is declared
 * and not delivered breaks a rule, one that is delivered and not declared is reported.
 *
 * {@link rules} are data. {@link check} proves them one after the other, without any test runner; `conformance`
 * beside it registers each as a vitest test. Every rule has a new host: the service on
 * a new store file, with the adapter's layer built afresh. What the agent keeps on its own disk must be found again by
 * the next build of the layer, as after a restart.
 *
 * **Gotchas**
 *
 * - Rules run on the real clock, because agents do. They wait for events, each for the fixture's `patience` at most. For
 *   an agent that is simulated in the same process the fixture may take a `virtual` clock.
 * - A rule that needs a control which the fixture lacks is `NotChecked`, never passed.
 * - No rule looks at `agents`, at `usage`, at what the model sees of an attachment, or at what a session is set up with but
 *   its environment: an adapter that declares these and does not deliver them breaks none.
 *
 * **Example**
 *
 * ```ts
 * const report = yield* Conformance.check(MyAgent.layer({ ... }), {
 *   instanceId: "my-agent",
 *   platform: NodeServices.layer,
 *   controls: Effect.succeed({ loseSession: (id) => fs.remove(`${folder}/${id}.json`) })
 * })
 * console.log(Conformance.format(report))
 * ```
 *
 * @since 0.1.0
 */
import { Cause, Effect, Exit, identity, type Layer, Option } from "effect"
import type { Capabilities } from "../provider/ProviderAdapter.ts"
import * as ApprovalRules from "./conformance/ApprovalRules.ts"
import * as AskRules from "./conformance/AskRules.ts"
import * as CapabilityRules from "./conformance/CapabilityRules.ts"
import { NotChecked, type Tagged, Violated } from "./conformance/Check.ts"
import * as ContinuityRules from "./conformance/ContinuityRules.ts"
import * as CursorRules from "./conformance/CursorRules.ts"
import * as DeliveryRules from "./conformance/DeliveryRules.ts"
import * as EventRules from "./conformance/EventRules.ts"
import type { Fixture, Needs } from "./conformance/Fixture.ts"
import * as GateRules from "./conformance/GateRules.ts"
import * as HistoryRules from "./conformance/HistoryRules.ts"
import * as LifecycleRules from "./conformance/LifecycleRules.ts"
import * as LimitRules from "./conformance/LimitRules.ts"
import { makeBench } from "./conformance/makeBench.ts"
import * as ModeRules from "./conformance/ModeRules.ts"
import * as OfferRules from "./conformance/OfferRules.ts"
import * as OutputRules from "./conformance/OutputRules.ts"
import * as OwnTurnRules from "./conformance/OwnTurnRules.ts"
import * as PortabilityRules from "./conformance/PortabilityRules.ts"
import * as ProjectRules from "./conformance/ProjectRules.ts"
import * as RequestRules from "./conformance/RequestRules.ts"
import { type Rule, RuleBroken } from "./conformance/Rule.ts"
import * as SecretRules from "./conformance/SecretRules.ts"
import * as SetupRules from "./conformance/SetupRules.ts"
import * as TaskRules from "./conformance/TaskRules.ts"
import * as ToolGuardRules from "./conformance/ToolGuardRules.ts"
import * as ToolRules from "./conformance/ToolRules.ts"
import * as TurnRules from "./conformance/TurnRules.ts"
import * as VirtualClock from "./conformance/VirtualClock.ts"

/** What rules are driven with: hosts, sessions, and waits that end with the fixture's patience. */
export * as Bench from "./conformance/Bench.ts"
/** What rules fail with. */
export * as Check from "./conformance/Check.ts"
export type {
  CalledTool,
  Commands,
  Controls,
  Directories,
  Fixture,
  HostileProject,
  Needs,
  Platform,
  SignInPage,
  Tool
} from "./conformance/Fixture.ts"
export { defaultPatience, plainDirectories } from "./conformance/Fixture.ts"
export * as PlainPrompts from "./conformance/PlainPrompts.ts"
export type { Prompts } from "./conformance/Prompts.ts"
export { type Rule, RuleBroken } from "./conformance/Rule.ts"

/**
 * All rules, each once, those that others assume first.
 *
 * @category rules
 * @since 0.1.0
 */
export const rules: ReadonlyArray<Rule> = [
  ...CursorRules.rules,
  ...TurnRules.rules,
  ...DeliveryRules.rules,
  ...ContinuityRules.rules,
  ...PortabilityRules.rules,
  ...RequestRules.rules,
  ...ApprovalRules.rules,
  ...SecretRules.rules,
  ...ModeRules.rules,
  ...ToolGuardRules.rules,
  ...ProjectRules.rules,
  ...SetupRules.rules,
  ...EventRules.rules,
  ...OwnTurnRules.rules,
  ...OutputRules.rules,
  ...LimitRules.rules,
  ...ToolRules.rules,
  ...AskRules.rules,
  ...CapabilityRules.rules,
  ...HistoryRules.rules,
  ...GateRules.rules,
  ...LifecycleRules.rules,
  ...OfferRules.rules,
  ...TaskRules.rules
]

/**
 * What became of one rule.
 *
 * @category models
 * @since 0.1.0
 */
export type Outcome =
  | { readonly _tag: "Kept"; readonly undeclared: ReadonlyArray<keyof Capabilities> }
  | { readonly _tag: "Broken"; readonly error: RuleBroken }
  /** Broken, and so is a rule that it assumes. */
  | { readonly _tag: "Implied"; readonly error: RuleBroken; readonly by: string }
  /** The fixture lacks a control that the rule needs. */
  | { readonly _tag: "NotChecked"; readonly missing: string }
  /** The rule does not apply to what the adapter declares. */
  | { readonly _tag: "NotApplicable" }

/**
 * What became of all rules.
 *
 * @category models
 * @since 0.1.0
 */
export interface Report {
  readonly outcomes: ReadonlyArray<{ readonly rule: Rule; readonly outcome: Outcome }>
  /** Capabilities that the adapter delivers and does not declare. */
  readonly undeclared: ReadonlyArray<keyof Capabilities>
}

/**
 * Ids of the rules with this outcome.
 *
 * @category getters
 * @since 0.1.0
 */
export const withOutcome = ({ outcomes }: Report, tag: Outcome["_tag"]): ReadonlyArray<string> =>
  outcomes.flatMap(({ outcome, rule }) => outcome._tag === tag ? [rule.id] : [])

/**
 * One line per rule.
 *
 * @category formatting
 * @since 0.1.0
 */
export const format = (report: Report): string =>
  [
    ...report.outcomes.map(({ outcome, rule }) =>
      `${outcome._tag.padEnd(14)}${rule.promise} ${rule.id}${detail(outcome)}`
    ),
    ...report.undeclared.map((capability) => `delivered and not declared: ${capability}`)
  ].join("\n")

const detail = (outcome: Outcome): string => {
  switch (outcome._tag) {
    case "Broken":
      return `\n${outcome.error.message}`
    case "Implied":
      return `, by ${outcome.by}`
    case "NotChecked":
      return `, for want of ${outcome.missing}`
    default:
      return ""
  }
}

/**
 * Proves one rule. Never fails. Only {@link check} answers `Implied`.
 *
 * @category running
 * @since 0.1.0
 */
export const checkRule = Effect.fn("Conformance.checkRule")(function*<Agent, E extends Tagged>(
  rule: Rule,
  adapterLayer: Layer.Layer<Agent, E, Needs>,
  fixture: Fixture<Agent>
): Effect.fn.Return<Outcome> {
  const undeclared: Array<keyof Capabilities> = []
  const exit = yield* makeBench(adapterLayer, fixture, undeclared).pipe(
    Effect.flatMap((bench): Effect.Effect<boolean, Tagged> => {
      if (rule.applies !== undefined && !rule.applies(bench.capabilities)) return Effect.succeed(false)
      return Effect.as(within(rule.prove(bench), bench.patience), true)
    }),
    Effect.scoped,
    Effect.provide(fixture.platform),
    fixture.clock === "virtual" ? VirtualClock.provide : identity,
    Effect.exit
  )
  if (Exit.isSuccess(exit)) return exit.value ? { _tag: "Kept", undeclared } : { _tag: "NotApplicable" }
  const error = Option.getOrUndefined(Cause.findErrorOption(exit.cause))
  if (error instanceof NotChecked) return { _tag: "NotChecked", missing: error.missing }
  const { id, promise, title } = rule
  const breach = error instanceof Violated ? error : { expected: title, seen: error ?? Cause.pretty(exit.cause) }
  return {
    _tag: "Broken",
    error: new RuleBroken({ rule: id, promise, expected: breach.expected, seen: breach.seen })
  }
})

/**
 * How long one rule may take, in milliseconds: it waits for ten things at most.
 *
 * @category constants
 * @since 0.1.0
 */
export const ruleLimit = (patience: number) => 10 * patience

const within = (proof: Effect.Effect<void, Tagged>, patience: number) =>
  Effect.timeoutOrElse(proof, {
    duration: ruleLimit(patience),
    orElse: () => Effect.fail(new Violated({ expected: "an end of the proof", seen: "none" }))
  })

/**
 * Proves the rules one after the other. Never fails: what is broken is in the report.
 *
 * @category running
 * @since 0.1.0
 */
export const check = Effect.fn("Conformance.check")(function*<Agent, E extends Tagged>(
  adapterLayer: Layer.Layer<Agent, E, Needs>,
  fixture: Fixture<Agent>,
  options: { readonly rules?: ReadonlyArray<Rule> | undefined; readonly concurrency?: number | undefined } = {}
): Effect.fn.Return<Report> {
  const proved = yield* Effect.forEach(
    options.rules ?? rules,
    (rule) => Effect.map(checkRule(rule, adapterLayer, fixture), (outcome) => ({ rule, outcome })),
    { concurrency: options.concurrency ?? 1 }
  )
  const broken = new Set(proved.flatMap(({ outcome, rule }) => outcome._tag === "Broken" ? [rule.id] : []))
  const undeclared = new Set(proved.flatMap(({ outcome }) => outcome._tag === "Kept" ? outcome.undeclared : []))
  return {
    outcomes: proved.map(({ outcome, rule }) => {
      const by = outcome._tag === "Broken" ? assumed(rule).find((id) => broken.has(id)) : undefined
      return outcome._tag === "Broken" && by !== undefined
        ? { rule, outcome: { _tag: "Implied", error: outcome.error, by } }
        : { rule, outcome }
    }),
    undeclared: Array.from(undeclared)
  }
})

/** Every rule stands on this one. */
const base = "turn/completed"

/** Ids of all rules that this one assumes, directly or not. */
const assumed = (rule: Rule): ReadonlyArray<string> => {
  if (rule.id === base) return []
  const direct = rule.assumes ?? []
  return [...direct, ...rules.filter((other) => direct.includes(other.id)).flatMap(assumed), base]
}
