/**
 * What Claude tells beside items, requests and ends: retries, limits, servers, modes, warnings.
 */
import * as ItemLedger from "../../adapter/ItemLedger.ts"
import * as Words from "../../adapter/Words.ts"
import { ended, type Item } from "../../domain/Item.ts"
import { all, andThen } from "../../domain/Step.ts"
import type { ProviderEvent } from "../../domain/ThreadEvent.ts"
import type { Frame, Of } from "../protocol/Frame.ts"
import { place, type State, type Step, step, withItems, withTurn } from "./TurnState.ts"

export const report = (state: State, frame: Frame, at: number): Step => {
  switch (frame._tag) {
    case "system/init":
      return initialized(state, frame)
    case "system/api_retry":
      return step(state, [{
        _tag: "RetryScheduled",
        ...place(state),
        attempt: frame.attempt,
        ...(frame.retry_delay_ms == null ? {} : { nextAt: at + frame.retry_delay_ms }),
        ...(frame.error == null ? {} : { message: frame.error })
      }])
    case "rate_limit_event":
      return limits(state, frame)
    case "system/informational":
      return frame.level === "warning" || frame.level === "error"
        ? warning(state, "informational", frame.content)
        : step(state)
    case "system/commands_changed":
      return step(state, [{ _tag: "OffersChanged" }])
    case "system/session_title_changed":
      return step(state, frame.title == null ? [] : [{ _tag: "TitleUpdated", ...place(state), title: frame.title }])
    case "system/session_writes_lost":
      return warning(state, "session-writes-lost")
    case "Unrecognized":
      return step(state, [{ _tag: "Unrecognized", ...place(state), type: frame.type, raw: frame.raw }])
    default:
      return step(state)
  }
}

type ServerStatus = Extract<ProviderEvent, { readonly _tag: "McpStatus" }>["servers"][number]["status"]

const serverStatuses = Words.make<ServerStatus>({
  connected: "ready",
  pending: "starting",
  failed: "failed",
  "needs-auth": "login-required",
  disabled: "off"
})

/** It comes with every turn. */
const initialized = (state: State, { mcp_servers: servers = [], permissionMode }: Of<"system/init">): Step => {
  const next = mode(state, permissionMode)
  return servers.length === 0 ? next : step(next.state, [...next.events, {
    _tag: "McpStatus",
    ...place(state),
    servers: servers.map(({ name, status }) => ({ name, status: serverStatuses(status) ?? "other" }))
  }])
}

/** The agent's own mode, which the model can change to a plan. */
export const mode = (state: State, mode: string | null | undefined): Step =>
  mode == null || mode === state.mode
    ? step(state)
    : step(
      { ...state, mode },
      state.mode === undefined ? [] : [{ _tag: "ModeChanged", ...place(state), mode, by: "agent" }]
    )

const limits = (state: State, { rate_limit_info }: Of<"rate_limit_event">): Step => {
  const { rateLimitType, resetsAt, status, utilization } = rate_limit_info
  const reset = resetsAt == null ? {} : { resetsAt: resetsAt * 1000 }
  const limit = { ...reset, ...(rateLimitType == null ? {} : { scope: rateLimitType }) }
  return step(status === "rejected" ? withTurn(state, { limit }) : state, [{
    _tag: "RateLimitsUpdated",
    ...place(state),
    limits: [{
      name: rateLimitType ?? "account",
      ...(utilization == null ? {} : { used: utilization }),
      ...reset
    }]
  }])
}

/** Their turns are none of ours. */
export const otherClient = (state: State, items: ReadonlyArray<Item>): Step => {
  const told = items.map((item) => ended(item._tag === "UserMessage" ? { ...item, origin: "other-client" } : item))
  return andThen(
    step(state, [{ _tag: "Warning", code: "other-client", message }]),
    (state) => all(state, told, (state, item) => withItems(state, ItemLedger.complete(state.items, {}, item)))
  )
}

const message =
  "Another program worked with this session. Claude has no lock on it: where both do, one of the two branches is lost."

export const warning = (state: State, code: string, message?: string | null): Step =>
  step(state, [{ _tag: "Warning", ...place(state), code, ...(message == null ? {} : { message }) }])
