/**
 * What happens beside the items, at its place: sessions, compactions, gaps, retries, and what the agent says of itself.
 */
import { html, type TemplateResult } from "lit"
import type { SnapshotInfo } from "../../../domain/Snapshot.ts"
import type { ThreadEvent } from "../../../domain/ThreadEvent.ts"
import { bytes, duration, fullTime } from "../figures.ts"
import { hrefOf } from "../place.ts"
import { clipped, flat, shown } from "../text.ts"
import type { Thread } from "../thread.ts"
import type { Of } from "../timeline.ts"
import { json } from "./json.ts"
import { tag } from "./parts.ts"
import { continuityText, continuityTone, requestTitle, settledText } from "./words.ts"

const band = (tone: string, title: unknown, text: unknown = ""): TemplateResult =>
  html`<div class="band ${tone}"><span class="title">${title}</span><span class="rest">${text}</span></div>`

const line = (title: unknown, text: unknown = "", tone = ""): TemplateResult =>
  html`<div class="line ${tone}"><span class="title">${title}</span> ${text}</div>`

const started = (event: Of<"SessionStarted">): TemplateResult =>
  band(
    `session ${continuityTone(event.continuity)}`,
    html`Session ${event.epoch} · ${event.continuity._tag}`,
    html`<span>${shown(continuityText(event.continuity))}.</span>
      <span class="dim">${flat(event.instanceId)} · ${event.runtimeMode} · ${flat(event.directory)} · ${
      flat(event.sessionId)
    }</span>
      ${event.recovered === true ? tag("after a crash", "warn") : ""}`
  )

const endings: Record<string, string> = {
  stopped: "the app stopped it",
  reaped: "it was idle for too long",
  lost: "the agent ended or became unreachable",
  replaced: "a start changed its agent, directory or mode",
  reset: "the thread was reset",
  deleted: "the thread was deleted",
  shutdown: "the service shut down",
  "host-crash": "the host crashed"
}

const snapshotText = (thread: Thread, { bytes: size, completeness, messages, snapshotId, timing }: SnapshotInfo) =>
  html`<a href=${hrefOf(thread.threadId, "snapshots")} @click=${() => thread.readSnapshot(snapshotId)}>snapshot</a>
    ${timing}, ${completeness}, ${messages} messages, ${bytes(size)}`

const compaction = (thread: Thread, gated: Of<"CompactionGated">): TemplateResult => {
  const settled = thread.timeline.compactions.get(gated.compactionId)
  const key = `c${gated.compactionId}`
  const open = thread.expanded.has(key)
  const tone = settled === undefined ? "" : settled.outcome === "completed" ? "good" : "warn"
  return html`${
    band(
      `compaction ${tone}`,
      html`Compaction (${gated.trigger}) · ${settled === undefined ? "under way" : settled.outcome}`,
      html`${settled === undefined ? "" : html`<span class="dim num">${duration(settled.at - gated.at)}</span>`}
      ${settled?.reason === undefined ? "" : html`<span>${shown(settled.reason)}</span>`}
      ${
        gated.snapshot !== undefined
          ? html`<span>${snapshotText(thread, gated.snapshot)}</span>`
          : gated.failure === undefined
          ? html`<span class="dim">no snapshot</span>`
          : html`<span class="bad">no snapshot: ${flat(gated.failure.code)} ${flat(gated.failure.message ?? "")}</span>`
      }
      ${
        settled?.summary === undefined
          ? ""
          : html`<button class="link" aria-expanded=${open} @click=${() => thread.toggle(key)}>${
            open ? "hide" : "show"
          } the summary</button>`
      }`
    )
  }${open && settled?.summary !== undefined ? html`<pre class="out">${clipped(settled.summary)}</pre>` : ""}`
}

const gaps: Record<string, string> = {
  "slow-reader": "this page was too slow",
  "provider-stream": "the agent's stream broke",
  "log-replaced": "the log is another one than before; it follows from its start",
  pruned: "retention has removed what was before"
}

const asked = (
  thread: Thread,
  event: Of<"ApprovalRequested" | "QuestionAsked" | "ElicitationRequested">
): TemplateResult => {
  const { at, request } = event
  const open = event._tag === "ApprovalRequested"
    ? { _tag: "Approval" as const, at, request: event.request }
    : event._tag === "QuestionAsked"
    ? { _tag: "Question" as const, at, request: event.request }
    : { _tag: "Elicitation" as const, at, request: event.request }
  const settled = thread.timeline.settled.get(request.requestId)
  const words = open._tag === "Approval"
    ? html`<code>${shown(open.request.subject.slice(0, 300))}</code>`
    : open._tag === "Question"
    ? open.request.questions.map(({ question }) => html`<span>${shown(question.slice(0, 300))}</span> `)
    : shown(open.request.message.slice(0, 300))
  return html`<div class="line asked ${settled === undefined ? "waits" : ""}">
    <span class="title">${requestTitle(open)}</span> ${words}
    <div>${
    settled === undefined
      ? html`<b>Waits for an answer</b>`
      : html`${shown(settledText(settled))} <span class="dim num">after ${duration(settled.at - at)}</span>`
  }</div>
  </div>`
}

const planMarks = { pending: "○", "in-progress": "◐", completed: "●", cancelled: "×" } as const

const plan = ({ steps }: Of<"PlanUpdated">): TemplateResult =>
  html`<ul class="steps">${
    steps.map(({ status, text }) =>
      html`<li class=${status}><span aria-label=${status}>${planMarks[status] ?? "·"}</span> ${shown(text)}</li>`
    )
  }</ul>`

const model = ({ by, model }: Of<"ModelChanged">) =>
  line(
    "Model",
    html`<code>${
      flat(Object.values(model).filter((part) => typeof part === "string").join(" / "))
    }</code> <span class="dim">by the ${by}</span>`
  )

const evidence: Record<string, string> = {
  "never-delivered": "the agent never got it",
  completed: "it was completed there",
  failed: "it failed there",
  interrupted: "it was interrupted there",
  unfinished: "it was never finished there"
}

export const noteTemplate = (thread: Thread, event: ThreadEvent): TemplateResult => {
  switch (event._tag) {
    case "SessionStarted":
      return started(event)
    case "SessionEnded":
      return band(
        "ended",
        html`Session ${event.epoch} ended`,
        html`<span>${endings[event.reason] ?? event.reason}</span>${
          event.endedAt === undefined ? "" : html`<span class="dim">last seen ${fullTime(event.endedAt)}</span>`
        }`
      )
    case "CompactionGated":
      return compaction(thread, event)
    case "SnapshotWritten":
      return line("Saved", snapshotText(thread, event.snapshot))
    case "SnapshotFailed":
      return line("No snapshot", html`${flat(event.failure.code)} ${flat(event.failure.message ?? "")}`, "bad")
    case "ApprovalRequested":
    case "QuestionAsked":
    case "ElicitationRequested":
      return asked(thread, event)
    case "RetryScheduled":
      return line(
        `Retry ${event.attempt}`,
        html`${shown(event.message ?? "The agent calls its model again")} ${
          event.nextAt === undefined || event.nextAt <= event.at
            ? ""
            : html`<span class="dim">in ${duration(event.nextAt - event.at)}</span>`
        }`,
        "warn"
      )
    case "Warning":
      return line("Warning", html`<code>${flat(event.code)}</code> ${shown(event.message ?? "")}`, "warn")
    case "ErrorReported":
      return line("Error", html`<code>${flat(event.name)}</code> ${shown(event.message ?? "")}`, "bad")
    case "Gap":
      return band(
        "gap",
        event.lost === "deltas" ? "Some progress was not shown" : "Events are missing here",
        html`<span>${gaps[event.cause] ?? event.cause}${
          event.lost === "deltas" ? "; the completed items have all of their text" : ""
        }</span>`
      )
    case "ThreadRewound":
      return band(
        "warn",
        "Taken back",
        html`<span>to before the turn <code>${flat(event.before)}</code>; files ${event.files}</span>`
      )
    case "Annotated":
      return line(`Note: ${flat(event.kind)}`, json(event.data))
    case "ModelChanged":
      return model(event)
    case "ModeChanged":
      return line(
        "Mode",
        html`<code>${flat(event.runtimeMode ?? event.mode ?? "")}</code> <span class="dim">by the ${event.by}</span>`
      )
    case "McpStatus":
      return line(
        "MCP",
        event.servers.map(({ message, name, status }) =>
          tag(`${name} ${status}`, status === "failed" || status === "login-required" ? "bad" : "dim", message ?? "")
        )
      )
    case "PlanUpdated":
      return plan(event)
    case "TaskStarted":
      return line(`Task (${event.task.kind}) began`, shown(event.task.title))
    case "TaskEnded":
      return line(`Task ${event.task.status}`, shown(event.task.title), event.task.status === "failed" ? "bad" : "")
    case "TitleUpdated":
      return line("Title", shown(event.title))
    case "TurnReconciled":
      return line(
        "Found out",
        html`the turn <code>${flat(event.turnId)}</code>: ${evidence[event.evidence] ?? event.evidence}`
      )
    case "ThreadDeleted":
      return band("bad", "The thread was deleted")
    case "Unrecognized":
      return line(
        "Not known",
        html`<code>${
          flat(event.type)
        }</code> <span class="dim">a frame that this version does not know; its raw JSON is kept</span>`
      )
    default:
      return line(event._tag)
  }
}
