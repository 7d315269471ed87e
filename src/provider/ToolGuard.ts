/**
 * The guards of the app as an adapter asks them: before a tool runs, and before the runtime mode's own rule answers.
 *
 * @since 0.1.0
 */
import type { Effect } from "effect"
import type { TurnId } from "../domain/Ids.ts"
import type { ToolRequest } from "../domain/UserRequest.ts"

/**
 * `Allow`: no objection, the mode's own rule answers. `Ask`: the user is asked, where the mode would have let it run.
 * `Veto`: it does not run, and the model is told the reason, if `denyReason` is among the capabilities. None of them allows
 * what the mode refuses.
 *
 * @category models
 * @since 0.1.0
 */
export type ToolVerdict =
  | { readonly _tag: "Allow" }
  | { readonly _tag: "Ask" }
  | { readonly _tag: "Veto"; readonly reason: string }

/**
 * Never fails, and answers in bounded time. What it does not answer is a veto.
 *
 * @category models
 * @since 0.1.0
 */
export type ToolGuard = (
  tool: ToolRequest & { readonly turnId?: TurnId | undefined }
) => Effect.Effect<ToolVerdict>
