/**
 * Takes a conversation back to before one of its turns: first in the agent's session, then in the log.
 */
import { Effect, Exit, Option } from "effect"
import type { TurnId } from "../domain/Ids.ts"
import { CapabilityMissing } from "../provider/AdapterError.ts"
import { ThreadNotFound } from "../service/ServiceError.ts"
import * as AgentCall from "./AgentCall.ts"
import * as ConversationTurn from "./ConversationTurn.ts"
import * as LiveEpoch from "./epoch/LiveEpoch.ts"
import * as MissingTurns from "./MissingTurns.ts"
import * as ThreadCell from "./ThreadCell.ts"
import type { ThreadDeps } from "./ThreadDeps.ts"
import * as ThreadInstance from "./ThreadInstance.ts"
import { resume } from "./ThreadStart.ts"

/** The thread is made live for it. No turn may be running. Answers what became of the files. */
export const rewind = (deps: ThreadDeps, cell: ThreadCell.ThreadCell, before: TurnId) =>
  ThreadCell.withThread(
    deps,
    cell,
    Effect.gen(function*() {
      const found = yield* ThreadCell.withoutTurn(deps, cell)
      const record = found?.binding ?? (yield* ThreadCell.loadRecord(deps, cell))
      if (record === undefined) return yield* new ThreadNotFound({ threadId: cell.threadId })
      const { capabilities, instanceId, provider } = yield* ThreadInstance.declared(deps, record.instanceId, record)
      const missing = new CapabilityMissing({ provider, capability: "rewind" })
      // Refused before a session is started for it, and again where the session offers less.
      if (capabilities.rewind === "never") return yield* missing
      const { place } = yield* ConversationTurn.find(deps, cell.threadId, before)
      const live = yield* resume(deps, cell, found)
      const offered = live.session.capabilities.rewind
      if (offered === "never") return yield* missing
      const files = offered === "conversation" ? "kept" as const : "restored" as const
      // The agent may do it although the answer is lost, or the caller is gone: what the session has is then asked by the
      // start of another one.
      live.restart = true
      const exit = yield* ThreadCell.interruptible(
        deps,
        cell,
        AgentCall.within(deps, { instanceId, operation: "rewind" }, live.session.rewind(place))
      )
      if (isRefused(exit)) live.restart = false
      yield* ThreadCell.valueOf(cell, exit)
      yield* LiveEpoch.advance(deps, live, { _tag: "Noted", events: [{ _tag: "ThreadRewound", before, files }] })
      yield* tellAnew(deps, live)
      return { threadId: cell.threadId, before, files }
    })
  )

/** The agent proved to have done nothing. */
const isRefused = (exit: Exit.Exit<unknown, { readonly _tag: string }>): boolean => {
  const error = Option.getOrUndefined(Exit.findErrorOption(exit))
  return error?._tag === "CapabilityMissing" || error?._tag === "TurnNotInSession"
}

/**
 * What the session lacks is another thing now: what it was to be told of may be taken back with the turn, and so may the
 * prompt that told it.
 */
const tellAnew = (deps: ThreadDeps, live: LiveEpoch.LiveEpoch) =>
  MissingTurns.find(deps, live.binding.threadId, live.session).pipe(
    Effect.flatMap((turns = []) =>
      LiveEpoch.advance(deps, live, {
        _tag: "MissingTurns",
        notes: MissingTurns.handOver(turns, {
          onMissing: deps.settings.onMissing,
          rehydrateTokens: MissingTurns.handoverTokens(deps.settings, live.session.capabilities)
        }).notes
      })
    ),
    Effect.andThen(Effect.sync(() => {
      live.restart = false
    })),
    // The start of another session looks for them again.
    Effect.catchTag("StoreFailed", () => Effect.void)
  )
