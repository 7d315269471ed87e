/**
 * The rules of `Conformance` as a vitest suite.
 *
 * A rule that does not apply, or that the fixture cannot check, is a skipped test that says why. vitest's own functions
 * are an argument, so that an app which uses this package's mock needs no vitest.
 *
 * **Example**
 *
 * ```ts
 * import * as NodeServices from "@effect/platform-node/NodeServices"
 * import { conformance } from "effect-coding-agents/testing"
 * import { describe, it } from "vitest"
 *
 * conformance("my-agent", MyAgent.layer(), { instanceId: "my-agent", platform: NodeServices.layer }, { describe, it })
 * ```
 *
 * @since 0.1.0
 */
import { Effect, type Layer } from "effect"
import type { Fixture, Needs } from "./Conformance.ts"
import * as Conformance from "./Conformance.ts"

/**
 * The functions of vitest that are used.
 *
 * @category models
 * @since 0.1.0
 */
export interface Runner {
  readonly describe: (name: string, define: () => void) => unknown
  readonly it: (
    name: string,
    options: { readonly timeout: number },
    prove: (test: Test) => Promise<void>
  ) => unknown
}

interface Test {
  readonly signal: AbortSignal
  readonly skip: (note?: string) => never
  /** Its `meta.note` tells reporters why a rule was skipped. */
  readonly task?: { readonly meta: object }
}

/**
 * Registers one test per rule, titled `<promise> <name>: <rule>`.
 *
 * @category running
 * @since 0.1.0
 */
export const conformance = <Agent, E extends { readonly _tag: string }>(
  name: string,
  adapterLayer: Layer.Layer<Agent, E, Needs>,
  fixture: Fixture<Agent>,
  { describe, it, rules }: Runner & {
    /** Default: all. */
    readonly rules?: ReadonlyArray<Conformance.Rule> | undefined
  }
): void => {
  // Closing the hosts may take as long again.
  const timeout = 2 * Conformance.ruleLimit(fixture.patience ?? Conformance.defaultPatience)
  describe(`conformance of ${name}`, () => {
    for (const rule of rules ?? Conformance.rules) {
      it(
        `${rule.promise} ${name}: ${rule.title}`,
        { timeout },
        (test) =>
          Effect.runPromise(Conformance.checkRule(rule, adapterLayer, fixture).pipe(Effect.tap(told)), {
            signal: test.signal
          }).then((outcome) =>
            outcome._tag === "NotChecked"
              ? skip(test, `not checked: the fixture has no ${outcome.missing}`)
              : outcome._tag === "NotApplicable"
              ? skip(test, "declared off")
              : outcome._tag === "Kept"
              ? undefined
              : Promise.reject(outcome.error)
          )
      )
    }
  })

  const told = (outcome: Conformance.Outcome) =>
    outcome._tag === "Kept"
      ? Effect.forEach(outcome.undeclared, (capability) =>
        Effect.logWarning(`${name} delivers a capability that it does not declare: ${capability}`))
      : Effect.void
}

const skip = ({ skip, task }: Test, note: string): never => {
  Object.assign(task?.meta ?? {}, { note })
  return skip(note)
}
