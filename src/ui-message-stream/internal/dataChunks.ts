/** What is no text and no tool, as data parts and metadata. Each event by itself: a part of the same id is replaced. */
import type { ThreadEvent } from "../../domain/ThreadEvent.ts"
import type { DataParts, UIMessageChunk } from "../UIMessageChunk.ts"
import type { Of } from "./foldState.ts"

const notice = (kind: DataParts["notice"]["kind"], code: string, message?: string): UIMessageChunk => ({
  type: "data-notice",
  data: { kind, code, ...(message === undefined ? {} : { message }) },
  transient: true
})

const settlement = <Answer>(
  { actor, by }: Of<"QuestionSettled" | "ElicitationSettled">,
  answer: Answer | undefined
) => ({ by, ...(actor === undefined ? {} : { actor }), ...(answer === undefined ? {} : { answer }) })

export const dataChunks = (event: ThreadEvent): ReadonlyArray<UIMessageChunk> => {
  switch (event._tag) {
    case "SessionStarted": {
      const { continuity, directory, runtimeMode, sessionId } = event
      return [{ type: "data-continuity", data: { continuity, sessionId, directory, runtimeMode }, transient: true }]
    }
    case "QuestionAsked":
      return [{ type: "data-question", id: event.request.requestId, data: { request: event.request } }]
    case "ElicitationRequested":
      return [{ type: "data-elicitation", id: event.request.requestId, data: { request: event.request } }]
    case "PlanUpdated":
      return [{ type: "data-plan", id: "plan", data: { steps: event.steps } }]
    case "TaskStarted":
    case "TaskUpdated":
    case "TaskEnded":
      return [{ type: "data-task", id: event.task.taskId, data: event.task }]
    case "CompactionGated": {
      const { compactionId, snapshot, trigger } = event
      return [{
        type: "data-compaction",
        id: compactionId,
        data: { trigger, ...(snapshot === undefined ? {} : { snapshot }) }
      }]
    }
    case "CompactionSettled": {
      const { compactionId, outcome, snapshotId, summary, trigger } = event
      const said = {
        ...(summary === undefined ? {} : { summary }),
        ...(snapshotId === undefined ? {} : { snapshotId })
      }
      return [{ type: "data-compaction", id: compactionId, data: { trigger, outcome, ...said } }]
    }
    case "SnapshotFailed":
      return [notice("warning", event._tag)]
    case "RetryScheduled":
      return [notice("retry", event._tag, event.message)]
    case "Warning":
      return [notice("warning", event.code, event.message)]
    case "ErrorReported":
      return [notice("error", event.name, event.message)]
    case "ModeChanged":
      return [notice("mode", event.runtimeMode ?? event.mode ?? event._tag)]
    case "DiffUpdated":
      return [{ type: "data-diff", data: { diff: event.diff }, transient: true }]
    case "Gap":
      return [{ type: "data-gap", data: { cause: event.cause, lost: event.lost }, transient: true }]
    case "ModelChanged":
      return [{ type: "message-metadata", messageMetadata: { model: event.model } }]
    case "UsageUpdated":
      return [{ type: "message-metadata", messageMetadata: { usage: event.usage } }]
    case "ContextUpdated": {
      const context = { used: event.used, ...(event.window === undefined ? {} : { window: event.window }) }
      return [{ type: "message-metadata", messageMetadata: { context } }]
    }
    default:
      return []
  }
}

export const settledQuestion = (
  { request }: Of<"QuestionAsked">,
  event: Of<"QuestionSettled">
): UIMessageChunk => ({
  type: "data-question",
  id: request.requestId,
  data: { request, settled: settlement(event, event.answer) }
})

export const settledElicitation = (
  { request }: Of<"ElicitationRequested">,
  event: Of<"ElicitationSettled">
): UIMessageChunk => ({
  type: "data-elicitation",
  id: request.requestId,
  data: { request, settled: settlement(event, event.outcome) }
})
