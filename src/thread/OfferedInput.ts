/**
 * Whether the agent offers what a turn asks for, in the directory of its session: asked before the turn is recorded or sent.
 */
import { Effect } from "effect"
import type { TurnInput } from "../domain/TurnInput.ts"
import * as Offers from "../provider/Offers.ts"
import type * as LiveEpoch from "./epoch/LiveEpoch.ts"
import * as ThreadCell from "./ThreadCell.ts"
import type { ThreadDeps } from "./ThreadDeps.ts"

export const check = Effect.fnUntraced(function*(
  deps: ThreadDeps,
  cell: ThreadCell.ThreadCell,
  { adapter, binding }: LiveEpoch.LiveEpoch,
  input: TurnInput
) {
  if (!Offers.isAsked(input)) return
  const { directory, project } = binding
  const held = (refresh: boolean) =>
    Effect.flatMap(
      deps.offersOf(adapter, { directory, projectConfig: project.config, refresh }),
      (offers) => Offers.checkTurn(adapter, offers, input)
    )
  // What was written since the offers were asked for is not held against the user.
  const asked = Effect.catchIf(held(false), Offers.isStale, () => held(true))
  return yield* ThreadCell.valueOf(cell, yield* ThreadCell.interruptible(deps, cell, asked))
})
