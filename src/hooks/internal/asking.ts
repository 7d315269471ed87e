/**
 * What guards and transforms are asked, and what their answers mean for the thread that asks.
 */
import { Duration, Effect } from "effect"
import type { ApprovalDecision } from "../../domain/UserRequest.ts"
import type { HookRegistration, HookServices } from "../HookRegistration.ts"
import type { GuardedEvent } from "../HookVerdict.ts"
import * as HookAnswer from "./hookAnswer.ts"
import type * as run from "./run.ts"

/** The guard or transform of this name refused. */
export interface Vetoed {
  readonly _tag: "Veto"
  readonly hook: string
  readonly reason: string
}

/** The guard of this name decided an approval. */
export interface Decided {
  readonly _tag: "Decided"
  readonly hook: string
  readonly decision: ApprovalDecision
}

/** A guard has the user asked about a tool. */
export interface ToAsk {
  readonly _tag: "Ask"
}

export interface Transformed {
  readonly _tag: "Transformed"
  readonly context: ReadonlyArray<string>
}

export type Guard = Extract<HookRegistration, { readonly phase: "guard" }>
export type Transform = Extract<HookRegistration, { readonly phase: "transform" }>
export type Answer = Transformed | Vetoed | Decided | ToAsk

export const nothing: Transformed = { _tag: "Transformed", context: [] }

// What a hook says goes to the agent and into the log, which take well-formed text alone.

export const veto = (hook: Guard | Transform, reason: string): Vetoed => ({
  _tag: "Veto",
  hook: hook.name,
  reason: reason.toWellFormed()
})

/** Only an approval can be allowed by a decision, and only about a tool the user can be asked; a denial is one of anything. */
const said = (hook: Guard, event: GuardedEvent, verdict: HookAnswer.Verdict): Answer => {
  switch (verdict._tag) {
    case "Allow":
      return nothing
    case "Veto":
      return veto(hook, verdict.reason)
    case "Ask":
      return event._tag === "tool:before" ? verdict : nothing
    case "Decide": {
      const decision = HookAnswer.decisionOf(verdict)
      if (event._tag === "approval:requested") return { _tag: "Decided", hook: hook.name, decision }
      return decision._tag === "Deny" ? veto(hook, decision.reason ?? `${hook.name} gave no reason`) : nothing
    }
  }
}

/** Calls the hook and reads its answer. Part of the guarded call, since reading it can throw. */
export const answer = (hook: Guard | Transform, event: GuardedEvent): Effect.Effect<Answer, unknown, HookServices> =>
  hook.phase === "guard"
    ? Effect.map(Effect.flatMap(hook.run(event), HookAnswer.verdict), (verdict) => said(hook, event, verdict))
    : Effect.map(Effect.flatMap(hook.run(event), HookAnswer.patch), ({ context = [] }) => ({
      _tag: "Transformed",
      context: context.map((text) => text.toWellFormed())
    }))

/** The reason of a veto for a call without an answer. */
export const reasonOf = ({ name, timeout }: HookRegistration, outcome: run.Outcome<unknown>): string => {
  switch (outcome._tag) {
    case "Failed":
      // Without its error, which may hold secrets: the receipt has it.
      return `The hook "${name}" failed`
    case "Timeout":
      return `The hook "${name}" did not answer within ${Duration.format(timeout)}`
    case "Suppressed":
      return `The hook "${name}" is suspended, because an earlier call of it did not end`
    default:
      return `The hook "${name}" was interrupted`
  }
}
