/**
 * What guards and transforms are asked about, and what they answer.
 *
 * @since 0.1.0
 */
import type { EventOf } from "../domain/LifecycleEvent.ts"
import type { RecordedInput } from "../domain/TurnInput.ts"
import type { ApprovalDecision } from "../domain/UserRequest.ts"

/**
 * The events that transforms can add to.
 *
 * @since 0.1.0
 * @category models
 */
export type TransformedKind = "turn:start" | "compaction:before"

/**
 * The events that guards are asked about.
 *
 * @since 0.1.0
 * @category models
 */
export type GuardedKind = TransformedKind | "approval:requested" | "tool:before"

/**
 * What guards and transforms are asked about. A turn is one that is about to be sent, so it has an input.
 *
 * @since 0.1.0
 * @category models
 */
export type GuardedEvent<K extends GuardedKind = GuardedKind> = K extends "turn:start"
  ? EventOf<"turn:start"> & { readonly input: RecordedInput }
  : EventOf<K>

/**
 * The answer of a guard.
 *
 * @since 0.1.0
 * @category models
 */
export type GuardVerdict =
  | { readonly _tag: "Allow" }
  | { readonly _tag: "Veto"; readonly reason: string }

/**
 * The answer of a guard of `approval:requested`: it leaves the approval to the user (`Allow`), denies it (`Veto`), or
 * decides it in the user's place.
 *
 * @since 0.1.0
 * @category models
 */
export type ApprovalVerdict = GuardVerdict | { readonly _tag: "Decide"; readonly decision: ApprovalDecision }

/**
 * The answer of a guard of `tool:before`: the mode decides (`Allow`), the tool does not run (`Veto`), or the user is asked,
 * where the mode would have let it run (`Ask`).
 *
 * @since 0.1.0
 * @category models
 */
export type ToolVerdict = GuardVerdict | { readonly _tag: "Ask" }

/**
 * What a guard of these events answers.
 *
 * @since 0.1.0
 * @category models
 */
export type VerdictOf<K extends GuardedKind> = K extends "approval:requested" ? ApprovalVerdict
  : K extends "tool:before" ? ToolVerdict
  : GuardVerdict

/**
 * Has no objection: the turn or compaction goes on; an approval is left to the user.
 *
 * @since 0.1.0
 * @category verdicts
 */
export const allow: GuardVerdict = { _tag: "Allow" }
/**
 * Refuses the turn or compaction, and the caller gets the reason; denies the approval, and the agent gets it.
 *
 * @since 0.1.0
 * @category verdicts
 */
export const veto = (reason: string): GuardVerdict => ({ _tag: "Veto", reason })
/**
 * Decides an approval in the user's place, unless another guard vetoes it.
 *
 * @since 0.1.0
 * @category verdicts
 */
export const decide = (decision: ApprovalDecision): ApprovalVerdict => ({ _tag: "Decide", decision })

/**
 * Has the user asked about a tool, unless another guard vetoes it.
 *
 * @since 0.1.0
 * @category verdicts
 */
export const ask: ToolVerdict = { _tag: "Ask" }

/**
 * The additions of a transform: texts that the model reads before the prompt, or instructions for the writer of the
 * summary.
 *
 * @since 0.1.0
 * @category models
 */
export interface TransformPatch {
  readonly context?: ReadonlyArray<string> | undefined
}
