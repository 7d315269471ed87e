/**
 * Compares turns whose end was not observed with the agent's own history: items that were missed are added to the archive
 * as `recovered`, and `TurnReconciled` says how the turn ended there, or that it never arrived. Nothing is sent again.
 */
import { Effect, Option } from "effect"
import type { EventBody } from "../domain/ThreadEvent.ts"
import type * as CutTurn from "./CutTurn.ts"
import * as LiveEpoch from "./epoch/LiveEpoch.ts"
import * as ThreadCell from "./ThreadCell.ts"
import type { ThreadDeps } from "./ThreadDeps.ts"

/** How long the agent may take to say what became of the turns. What it does not say in time stays as it is. */
const patience = "30 seconds"

/**
 * If the store rejects the result, reconciliation is retried before the next turn. `answers`: what the agent has just said of
 * some turns.
 */
export const attempt = (
  deps: ThreadDeps,
  cell: ThreadCell.ThreadCell,
  live: LiveEpoch.LiveEpoch,
  answers?: CutTurn.Asked["answers"]
) => {
  live.unreconciled = false
  return ThreadCell.interruptible(
    deps,
    cell,
    run(deps, live, answers).pipe(
      Effect.tapErrorTag("StoreFailed", () =>
        Effect.sync(() => {
          live.unreconciled = true
        })),
      Effect.timeout(patience),
      Effect.ignore({ log: "Warn" })
    )
  )
}

/** Reads the agent's history of each turn that needs it. What the agent cannot tell stays as it is. */
const run = Effect.fnUntraced(function*(
  deps: ThreadDeps,
  live: LiveEpoch.LiveEpoch,
  answers: CutTurn.Asked["answers"] | undefined
) {
  const { threadId } = live.binding
  const turns = yield* deps.store.unreconciledTurns(threadId)
  if (turns.length === 0 || !live.session.capabilities.history) return
  for (const { ref, turnId } of turns) {
    const known = Option.getOrUndefined(yield* deps.archive.turn(threadId, turnId))
    // The session has forgotten it, whatever became of it.
    if (known?.rewound === true) continue
    const evidence = answers?.get(turnId) ?? (yield* live.session.evidence({ turnId, ref }))
    const cut = new Set(known?.cut)
    const whole = new Set(known?.items.map(({ itemId }) => itemId).filter((itemId) => !cut.has(itemId)))
    const items = evidence.items.filter((item) => item._tag !== "UserMessage" && !whole.has(item.itemId))
    yield* LiveEpoch.advanceOnce(deps, live, {
      _tag: "Noted",
      events: [
        ...items.map((item): EventBody => ({ _tag: "ItemCompleted", turnId, item, recovered: true })),
        { _tag: "TurnReconciled", turnId, evidence: evidence.outcome }
      ]
    })
  }
})
