/**
 * What Codex tells beside items, requests and ends: usage, limits, plans, titles, retries, warnings.
 */
import * as ItemLedger from "../../adapter/ItemLedger.ts"
import * as Words from "../../adapter/Words.ts"
import { andThen } from "../../domain/Step.ts"
import type { ProviderEvent } from "../../domain/ThreadEvent.ts"
import { nameOf } from "../protocol/Failure.ts"
import type { Frame, Of } from "../protocol/Frame.ts"
import { minus, none, plus, usageOf } from "../protocol/Tokens.ts"
import { type Input, place, type ServerStatus, type State, type Step, step, withItems, withTurn } from "./TurnState.ts"

export const report = (state: State, frame: Frame): Step => {
  switch (frame._tag) {
    case "thread/tokenUsage/updated":
      return usage(state, frame)
    case "account/rateLimits/updated":
      return limits(state, frame)
    case "turn/plan/updated":
      return step(state, [{
        _tag: "PlanUpdated",
        ...place(state, frame.turnId),
        steps: frame.plan.map(({ status, step }) => ({ text: step, status: planStatus(status) }))
      }])
    case "turn/diff/updated":
      return step(state, [{ _tag: "DiffUpdated", ...place(state, frame.turnId), diff: frame.diff }])
    case "thread/name/updated":
      return step(state, frame.threadName == null ? [] : [{ _tag: "TitleUpdated", title: frame.threadName }])
    case "skills/changed":
    case "account/updated":
      return step(state, [{ _tag: "OffersChanged" }])
    case "model/rerouted":
      return step(state, [{
        _tag: "ModelChanged",
        ...place(state, frame.turnId),
        model: { id: frame.toModel },
        by: "provider"
      }])
    case "mcpServer/startupStatus/updated":
      return server(state, frame)
    case "error":
      return error(state, frame)
    case "warning":
    case "guardianWarning":
      return warning(state, frame._tag, frame.message)
    case "configWarning":
    case "deprecationNotice":
      return warning(state, frame._tag, frame.summary)
    case "Unrecognized":
      return step(state, [{ _tag: "Unrecognized", type: frame.type, raw: frame.raw }])
    default:
      return step(state)
  }
}

/** Codex has running totals of the thread. After a resume or a fork the first of them tells where they began. */
const usage = (
  state: State,
  { tokenUsage: { last, modelContextWindow, total }, turnId }: Of<"thread/tokenUsage/updated">
): Step => {
  const at = place(state, turnId)
  const context: ProviderEvent = {
    _tag: "ContextUpdated",
    ...at,
    used: last.totalTokens,
    ...(modelContextWindow == null ? {} : { window: modelContextWindow })
  }
  if (at.turnId === undefined) return step({ ...state, totals: total, base: total }, [context])
  const base = state.base ?? minus(total, last)
  const used = usageOf(plus(minus(total, base), state.turn?.below ?? none))
  return step(
    withTurn({ ...state, totals: total, base }, { usage: used }),
    [{ _tag: "UsageUpdated", ...at, usage: used }, context]
  )
}

/**
 * Without a login both are null. They come without a thread, for all of the app-server's: told where a turn may have changed
 * them, and once.
 */
const limits = (state: State, { rateLimits }: Of<"account/rateLimits/updated">): Step => {
  const found = (["primary", "secondary"] as const).flatMap((name) => {
    const window = rateLimits[name]
    return window == null ? [] : [{
      name,
      used: window.usedPercent / 100,
      ...(window.windowDurationMins == null ? {} : { windowMillis: window.windowDurationMins * 60_000 }),
      ...(window.resetsAt == null ? {} : { resetsAt: window.resetsAt * 1000 })
    }]
  })
  const told = JSON.stringify(found)
  return found.length === 0 || state.turn === undefined || told === state.limits
    ? step(state)
    : step({ ...state, limits: told }, [{ _tag: "RateLimitsUpdated", limits: found }])
}

const planStatus = (status: string) =>
  status === "completed" ? "completed" : status === "inProgress" ? "in-progress" : "pending"

const serverStatuses = Words.make<ServerStatus["status"]>({
  starting: "starting",
  ready: "ready",
  failed: "failed",
  cancelled: "off"
})

const server = (state: State, { error, name, status }: Of<"mcpServer/startupStatus/updated">): Step => {
  const servers = new Map(state.servers).set(name, {
    name,
    status: serverStatuses(status) ?? "other",
    ...(error == null ? {} : { message: error })
  })
  return step({ ...state, servers }, [{ _tag: "McpStatus", servers: Array.from(servers.values()) }])
}

/** The end of a turn that failed follows, and may come without its reason. */
const error = (state: State, { error, turnId, willRetry }: Of<"error">): Step => {
  const at = place(state, turnId)
  const message = error.message === undefined ? {} : { message: error.message }
  if (state.turn === undefined || at.turnId === undefined) {
    return step(state, [{ _tag: "ErrorReported", name: nameOf(error), ...message }])
  }
  if (!willRetry) return step(withTurn(state, { error }))
  const { turnId: retrying } = at
  const retries = state.turn.retries + 1
  const spells = state.turn.spells + (retries === 1 ? 1 : 0)
  return andThen(cut(withTurn(state, { error, retries, spells }), at), (state) =>
    step(
      state,
      [{ _tag: "RetryScheduled", turnId: retrying, attempt: retries, ...message }],
      retries === 1 ? [{ _tag: "Retrying", turnId: retrying, spell: spells }] : []
    ))
}

/** It has called in vain for long enough, and has not been answered meanwhile. */
export const givenUp = (state: State, { spell, turnId }: Extract<Input, { readonly _tag: "GivenUp" }>): Step =>
  step(
    state.turn?.turnId === turnId && state.turn.spells === spell && state.turn.retries > 0
      ? withTurn(state, { givenUp: true })
      : state
  )

/** No more comes of what streams: the model is asked again, and what it answers then comes after it. */
const cut = (state: State, at: ItemLedger.Place): Step => {
  const stays = ({ item }: ItemLedger.Open<ItemLedger.Place>) => item.subagent !== undefined || !("text" in item)
  return withItems(state, ItemLedger.closeAll(state.items, at, { stays }))
}

const warning = (state: State, code: string, message: string | null | undefined): Step =>
  step(state, [{
    _tag: "Warning",
    ...(state.turn === undefined ? {} : { turnId: state.turn.turnId }),
    code,
    ...(message == null ? {} : { message })
  }])
