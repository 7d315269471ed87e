/**
 * Asks again what a live session is given, and starts it again where that has changed: no agent takes a setup while it runs.
 */
import { Effect } from "effect"
import { ThreadNotFound } from "../service/ServiceError.ts"
import * as EpochEnd from "./epoch/EpochEnd.ts"
import * as SetupAsk from "./SetupAsk.ts"
import * as StartPlan from "./StartPlan.ts"
import * as ThreadCell from "./ThreadCell.ts"
import type { ThreadDeps } from "./ThreadDeps.ts"
import * as ThreadStart from "./ThreadStart.ts"

/** Answers the session that is live now, and what became of the one before. No turn may be running. */
export const refresh = (deps: ThreadDeps, cell: ThreadCell.ThreadCell) =>
  ThreadCell.withThread(
    deps,
    cell,
    Effect.gen(function*() {
      const live = yield* ThreadCell.withoutTurn(deps, cell)
      if (live === undefined) {
        const record = yield* ThreadCell.loadRecord(deps, cell)
        if (record === undefined) return yield* new ThreadNotFound({ threadId: cell.threadId })
        return { live, applied: "next-session" } as const
      }
      const plan = StartPlan.again({}, live.binding)
      const adapter = live.adapter
      const opening = SetupAsk.opening(adapter, cell.threadId, plan, live.binding, "refresh")
      return yield* SetupAsk.before(
        deps,
        cell,
        opening,
        Effect.fnUntraced(function*(given) {
          if (SetupAsk.same(live.setup, given)) {
            // The session has what was acquired for it first.
            if (given !== undefined) yield* EpochEnd.releaseSetup(deps, given.scope, opening)
            return { live, applied: "unchanged" } as const
          }
          // The agent may have begun a turn by itself.
          yield* ThreadCell.withoutTurn(deps, cell)
          const next = yield* ThreadStart.replace(deps, cell, live, plan, { cause: "refresh", given })
          return { live: next, applied: "restarted" } as const
        })
      )
    })
  )
