/**
 * The brake of a turn that runs away: what it spends is counted from what the agent says, and a limit that is met marks the
 * turn as failed. The shell then interrupts it, as it does after a deadline.
 */
import type { TurnId } from "../../domain/Ids.ts"
import type { Item } from "../../domain/Item.ts"
import type { ProviderEvent } from "../../domain/ThreadEvent.ts"
import type { TurnFailure } from "../../domain/TurnFailure.ts"
import * as Usage from "../../domain/Usage.ts"
import * as Draft from "./EpochDraft.ts"
import type { Running, State } from "./EpochState.ts"
import * as EpochTurn from "./EpochTurn.ts"

type Of<Tag extends ProviderEvent["_tag"]> = Extract<ProviderEvent, { readonly _tag: Tag }>

type Limit = Extract<TurnFailure, { readonly _tag: "LimitReached" }>["limit"]

const reached = (limit: Limit, max: number): TurnFailure => ({ _tag: "LimitReached", limit, max })

/** The first reason to end a turn stays. */
const brake = (turn: Running, failure: TurnFailure): Running => ({ ...turn, deadline: turn.deadline ?? failure })

/** One call of the model is over. */
export const step = (draft: Draft.Draft, { brought, turnId }: Of<"StepEnded">): void => {
  const { emptySteps } = draft.state.setup.limits
  EpochTurn.update(draft, turnId, (turn) => {
    const next = { ...turn, emptySteps: brought === "nothing" ? turn.emptySteps + 1 : 0 }
    return next.emptySteps < emptySteps
      ? next
      : brake(next, {
        _tag: "ModelFailed",
        name: "EmptySteps",
        retryable: true,
        message: `The model was called ${emptySteps} times in a row and gave neither text nor a call of a tool`
      })
  })
}

/** A call of a tool, as it is compared with the one before; nothing for other items. */
const callOf = (item: Item): string | undefined => {
  switch (item._tag) {
    case "ToolCall":
      return JSON.stringify([item.tool, item.input])
    case "Command":
      return JSON.stringify([item.command])
    case "FileChange":
      return JSON.stringify(item.edits)
    default:
      return undefined
  }
}

/** An item is complete. The calls of subagents are counted with the turn's. */
export const call = (draft: Draft.Draft, { item, turnId }: Of<"ItemCompleted">): void => {
  const { identicalCalls, warnCalls } = draft.state.setup.limits
  const now = callOf(item)
  if (now === undefined) return
  EpochTurn.update(draft, turnId, (turn) => {
    const calls = turn.lastCall === now ? turn.sameCalls + 1 : 1
    const next = { ...turn, lastCall: now, sameCalls: calls }
    if (calls === warnCalls) {
      draft.events.push({
        _tag: "Warning",
        turnId: turn.turnId,
        code: "repeated-call",
        message: `The agent has made the same call ${calls} times in a row`
      })
    }
    return calls < identicalCalls ? next : brake(next, reached("identical-calls", identicalCalls))
  })
}

/** What the thread may not spend any more, with the usage of a turn that is not over yet. */
const overThread = ({ setup: { limits }, spent }: State, usage: Usage.Usage | undefined): TurnFailure | undefined => {
  const { costUsd, tokens } = Usage.spend(spent, usage)
  if (tokens >= limits.threadTokens) return reached("thread-tokens", limits.threadTokens)
  return costUsd >= limits.threadCostUsd ? reached("thread-cost", limits.threadCostUsd) : undefined
}

/** The usage of the turn so far. */
export const spend = (draft: Draft.Draft, { turnId, usage }: Of<"UsageUpdated">): void => {
  const { costUsd, tokens } = draft.state.setup.limits
  const over = overThread(draft.state, usage)
  EpochTurn.update(draft, turnId, (turn) => {
    const next = { ...turn, usage }
    if (Usage.tokens(usage) >= tokens) return brake(next, reached("tokens", tokens))
    if ((usage.costUsd ?? 0) >= costUsd) return brake(next, reached("cost", costUsd))
    return over === undefined ? next : brake(next, over)
  })
}

/** The agent has a turn, of a thread that may have spent all that it has. */
export const begin = (draft: Draft.Draft, turnId: TurnId): void => {
  const over = overThread(draft.state, undefined)
  if (over !== undefined) EpochTurn.update(draft, turnId, (turn) => brake(turn, over))
}

/** The agent has begun a turn of its own. */
export const own = (draft: Draft.Draft, { cause, turnId }: Of<"TurnBegan">): void => {
  const { ownTurns } = draft.state.setup.limits
  // A user has begun it, elsewhere.
  if (cause === "other-client") {
    draft.state.ownTurns = 0
    return
  }
  draft.state.ownTurns++
  if (draft.state.ownTurns <= ownTurns) return
  EpochTurn.update(draft, turnId, (turn) => brake(turn, reached("own-turns", ownTurns)))
}
