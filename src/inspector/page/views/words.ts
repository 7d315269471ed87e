/**
 * What events, outcomes and states are called on the screen.
 */
import type { Continuity, MissingTurns } from "../../../domain/Continuity.ts"
import type { OpenRequest } from "../../../domain/ThreadActivity.ts"
import type { ThreadEvent } from "../../../domain/ThreadEvent.ts"
import type { TurnFailure } from "../../../domain/TurnFailure.ts"
import type { Usage } from "../../../domain/Usage.ts"
import type { ApprovalKind } from "../../../domain/UserRequest.ts"
import { count, dollars, duration, fullTime, many } from "../figures.ts"
import type { Settled } from "../timeline.ts"

const losses = {
  "session-missing": "the agent no longer has the session",
  "directory-unreachable": "the session cannot work in this directory",
  "provider-changed": "another agent answers now",
  "never-resumable": "the session had not become resumable",
  reset: "the app asked for a new beginning",
  restored: "the thread begins with a snapshot",
  imported: "the thread was imported"
} as const

const handed = ({ items, omitted, turns }: MissingTurns): string =>
  `${many(turns, "turn")}; ${many(items, "item")} of them come with the next prompt${
    omitted === 0 ? "" : `, ${omitted} are left out`
  }`

const kept = (lost: MissingTurns | undefined): string =>
  lost === undefined ? " with its whole history" : `; the agent has lost the last ${handed(lost)}`

const moved = (from: string | undefined): string => from === undefined ? "" : `, moved from ${from}`

/** What a start did with the past, in a sentence. */
export const continuityText = (continuity: Continuity): string => {
  switch (continuity._tag) {
    case "Created":
      return "A new conversation"
    case "Resumed":
      return `The conversation goes on${kept(continuity.lost)}`
    case "Moved":
      return `The conversation goes on${moved(continuity.from)}${kept(continuity.lost)}`
    case "Returned":
      return `Back to a session that the agent had${moved(continuity.movedFrom)}; it missed ${
        handed(continuity.missed)
      }`
    case "Forked":
      return `A copy of ${continuity.from}, up to event ${continuity.seq}${
        continuity.lost === undefined ? "" : kept(continuity.lost)
      }`
    case "Adopted":
      return `A session that the agent had before${moved(continuity.movedFrom)}`
    case "Rehydrated": {
      const left = continuity.omitted === 0 ? "nothing left out" : `${many(continuity.omitted, "item")} left out`
      return `A new session with the archive: ${many(continuity.items, "item")} handed over, ${left}; ${
        losses[continuity.reason]
      }`
    }
    case "Fresh":
      return `A new session WITHOUT the past: ${losses[continuity.reason]}`
  }
}

/** Whether the model still knows what was said. */
export const continuityTone = (continuity: Continuity): "good" | "warn" | "bad" => {
  switch (continuity._tag) {
    case "Fresh":
      return "bad"
    case "Rehydrated":
    case "Returned":
      return "warn"
    case "Resumed":
    case "Moved":
    case "Forked":
      return continuity.lost === undefined ? "good" : "warn"
    default:
      return "good"
  }
}

export const failureText = (failure: TurnFailure): string => {
  switch (failure._tag) {
    case "ModelFailed":
      return `the model failed: ${failure.name}${failure.status === undefined ? "" : ` (${failure.status})`}${
        colon(failure.message)
      }`
    case "UsageLimit":
      return `a quota is used up${failure.resetsAt === undefined ? "" : ` until ${fullTime(failure.resetsAt)}`}`
    case "LoginRequired":
      return "the agent is not logged in"
    case "Overloaded":
      return `the model has no capacity${colon(failure.message)}`
    case "ContextOverflow":
      return "the context is too long for the model"
    case "OutputFiltered":
      return "the answer was filtered"
    case "OutputTruncated":
      return "the answer met the model's output limit"
    case "Refused":
      return `the agent refused it: ${failure.name}${colon(failure.message)}`
    case "DeadlineExceeded":
      return failure.deadline === "turn"
        ? `it took longer than ${duration(failure.millis)}`
        : `no progress for ${duration(failure.millis)}`
    case "LimitReached":
      return `limit met: ${failure.limit} (${failure.max})`
    case "SessionLost":
      return `the agent was lost${failure.exitCode === undefined ? "" : `, exit code ${failure.exitCode}`}${
        failure.signal === undefined ? "" : `, ${failure.signal}`
      }`
    case "Other":
      return `${failure.name}${colon(failure.message)}`
    default:
      // A server of a newer version may know more.
      return "for a reason that this page does not know; see the raw JSON"
  }
}

const colon = (message: string | undefined): string => message === undefined || message === "" ? "" : `: ${message}`

const asks: Record<ApprovalKind, string> = {
  command: "run a command",
  "file-change": "change files",
  "file-read": "read a file",
  network: "use the network",
  subagent: "start a subagent",
  plan: "carry out its plan",
  other: "do this"
}

export const requestTitle = (open: OpenRequest): string => {
  switch (open._tag) {
    case "Approval":
      return `The agent asks to ${asks[open.request.kind] ?? asks.other}`
    case "Question":
      return open.request.questions.length === 1 ? "The agent has a question" : "The agent has questions"
    case "Elicitation":
      return `${open.request.server ?? "An MCP server"} asks`
  }
}

const settlers: Record<string, string> = {
  user: "by the user",
  rule: "by a rule",
  hook: "by a hook",
  unanswered: "because it stayed unanswered",
  agent: "by the agent",
  "turn-ended": "by the end of its turn",
  "session-ended": "by the end of its session",
  "host-crash": "by a crash of the host"
}

const decided = (event: Settled): string => {
  switch (event._tag) {
    case "ApprovalSettled":
      switch (event.decision?._tag) {
        case undefined:
          return "Ended unanswered"
        case "AllowOnce":
          return "Allowed once"
        case "AllowForSession":
          return "Allowed for this session"
        case "Deny":
          return `Denied${colon(event.decision.reason)}`
        case "Choose":
          return `Answered "${event.decision.choiceId}"`
      }
      break
    case "QuestionSettled":
      return event.answer === undefined
        ? "Ended unanswered"
        : event.answer._tag === "Dismissed"
        ? "Dismissed"
        : `Answered: ${event.answer.answers.map((one) => one.join(", ")).join(" · ")}`
    case "ElicitationSettled":
      return event.outcome === undefined ? "Ended unanswered" : `It was ${event.outcome}`
  }
}

export const settledText = (event: Settled): string =>
  `${decided(event)} ${settlers[event.by] ?? event.by}${event.actor === undefined ? "" : ` (${event.actor})`}`

export const usageText = (usage: Usage): string => {
  const { cacheRead = 0, cacheWrite = 0, costUsd, input = 0, output = 0, reasoning = 0 } = usage
  const tokens = input + output + reasoning + cacheRead + cacheWrite
  return [tokens === 0 ? [] : `${count(tokens)} tokens`, costUsd === undefined || costUsd === 0 ? [] : dollars(costUsd)]
    .flat().join(" · ")
}

/** One line for a list of events. */
export const summary = (event: ThreadEvent): string => {
  switch (event._tag) {
    case "TurnStarted":
    case "TurnSteered":
      return event.input.prompt
    case "TurnFailed":
      return failureText(event.failure)
    case "TurnInterrupted":
      return `by ${event.by}`
    case "TurnUnknown":
      return event.reason
    case "ItemStarted":
    case "ItemUpdated":
    case "ItemCompleted":
    case "ItemDetached": {
      const { item } = event
      const text = "text" in item
        ? item.text
        : item._tag === "Command"
        ? item.command
        : item._tag === "ToolCall"
        ? `${item.tool} ${item.title ?? ""}`
        : item.edits.map(({ path }) => path).join(" ")
      return `${item._tag}  ${text}`
    }
    case "ItemDelta":
      return `@${event.offset} ${event.delta}`
    case "SessionStarted":
      return `${event.continuity._tag} · ${event.instanceId} · ${event.sessionId}`
    case "SessionEnded":
      return event.reason
    case "ApprovalRequested":
      return `${event.request.kind}  ${event.request.subject}`
    case "ApprovalSettled":
    case "QuestionSettled":
    case "ElicitationSettled":
      return settledText(event)
    case "CompactionGated":
      return event.trigger
    case "CompactionSettled":
      return event.outcome
    case "UsageUpdated":
    case "TurnCompleted":
      return event.usage === undefined ? "" : usageText(event.usage)
    case "Warning":
      return `${event.code} ${event.message ?? ""}`
    case "Unrecognized":
      return event.type
    case "Gap":
      return `${event.cause}: ${event.lost} are missing`
    default:
      return ""
  }
}
