/**
 * Asks the setup hooks for what a session is started with, one after another, and makes one setup of their answers.
 *
 * A failure says which hook and how, and holds nothing of what the hook said: that may be a secret.
 */
import { type Context, Effect, Result, Schema, Scope } from "effect"
import * as InputIssue from "../../domain/InputIssue.ts"
import * as SessionSetup from "../../provider/SessionSetup.ts"
import { SetupFailed } from "../../service/ServiceError.ts"
import type { HookRegistration, HookServices } from "../HookRegistration.ts"
import type { SessionOpening } from "../SessionOpening.ts"
import * as run from "./run.ts"

export type Setup = run.Hook<Extract<HookRegistration, { readonly phase: "setup" }>>

/** A misspelt part would be a session without it. */
const decode = Schema.decodeUnknownResult(SessionSetup.SessionSetup, { errors: "all", onExcessProperty: "error" })

type Answer = ReturnType<typeof decode>
type Why = Pick<SetupFailed, "reason"> & Partial<Pick<SetupFailed, "error" | "issues" | "name">>

const whyNot = (outcome: Exclude<run.Outcome<Answer>, { readonly _tag: "Ok" }>): Why => {
  switch (outcome._tag) {
    case "Failed":
      return { reason: "failed", error: outcome.tag }
    case "Timeout":
      return { reason: "timeout" }
    case "Suppressed":
      return { reason: "suspended" }
    case "Interrupted":
      return { reason: "interrupted" }
  }
}

/** What the hook adds to `before`. */
const added = (before: SessionSetup.SessionSetup, outcome: run.Outcome<Answer>) => {
  if (outcome._tag !== "Ok") return Result.fail(whyNot(outcome))
  if (Result.isFailure(outcome.value)) {
    const { issues } = InputIssue.bounded(InputIssue.of(outcome.value.failure))
    return Result.fail<Why>({ reason: "invalid", issues })
  }
  return Result.mapError(
    SessionSetup.merge(before, outcome.value.success),
    ({ name }): Why => ({ reason: "conflict", name })
  )
}

/** `undefined` if there are no hooks. What hooks acquire is the scope's, which the caller closes if this fails. */
export const ask = Effect.fn("setups.ask")(function*(
  hooks: ReadonlyArray<Setup>,
  opening: SessionOpening,
  { scope, services }: {
    readonly scope: Scope.Scope
    readonly services: Effect.Effect<Context.Context<HookServices>>
  }
): Effect.fn.Return<SessionSetup.SessionSetup | undefined, SetupFailed> {
  if (hooks.length === 0) return undefined
  let setup: SessionSetup.SessionSetup = {}
  for (const hook of hooks) {
    const { name, run: given } = hook.registration
    const outcome = yield* run.call(hook, opening, {
      services,
      // A hook can answer anything, and reading it can throw.
      use: (opening) => Effect.map(Scope.provide(given(opening), scope), (answer) => decode(answer)),
      conclude: ({ outcome }) => Effect.succeed(outcome)
    })
    const next = added(setup, outcome)
    if (Result.isFailure(next)) {
      const { instanceId, threadId } = opening
      return yield* new SetupFailed({ threadId, instanceId, hook: name, ...next.failure })
    }
    setup = next.success
  }
  return setup
})
