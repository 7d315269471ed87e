/**
 * What a view shows beside the turns: sessions, requests, background work, compactions, and what the agent says of itself.
 */
import type { RequestId, TurnId } from "../Ids.ts"
import type { Background, OpenRequest } from "../ThreadActivity.ts"
import type { ThreadEvent } from "../ThreadEvent.ts"
import type { CompactionView, SessionView, ThreadView } from "./viewState.ts"

type Of<Tag extends ThreadEvent["_tag"]> = Extract<ThreadEvent, { readonly _tag: Tag }>

const lastTurn = ({ current, past }: ThreadView): TurnId | undefined => (current.at(-1) ?? past.at(-1))?.turnId

const after = (turnId: TurnId | undefined) => turnId === undefined ? {} : { after: turnId }

/** What was told of the context is not so any more. */
export const withoutContext = (view: ThreadView): ThreadView => {
  const { context: _, ...rest } = view
  return rest
}

const startSession = (view: ThreadView, event: Of<"SessionStarted">): ThreadView => {
  const { at, continuity, directory, epoch, instanceId, provider, runtimeMode, sessionId } = event
  const session: SessionView = {
    epoch,
    at,
    continuity,
    instanceId,
    provider,
    sessionId,
    directory,
    runtimeMode,
    ...after(lastTurn(view))
  }
  const kept = continuity._tag === "Resumed" || continuity._tag === "Moved" ? view : withoutContext(view)
  return { ...kept, sessions: [...view.sessions, session] }
}

const endSession = (view: ThreadView, { at, endedAt, reason }: Of<"SessionEnded">): ThreadView => {
  const session = view.sessions.at(-1)
  return session === undefined
    ? view
    : { ...view, sessions: [...view.sessions.slice(0, -1), { ...session, ended: { at: endedAt ?? at, reason } }] }
}

const ask = (
  view: ThreadView,
  { at, turnId }: { readonly at: number; readonly turnId?: TurnId },
  asked: (place: { readonly at: number; readonly turnId?: TurnId }) => OpenRequest
): ThreadView => ({
  ...view,
  requests: [...view.requests, asked({ at, ...(turnId === undefined ? {} : { turnId }) })]
})

const settle = (view: ThreadView, requestId: RequestId): ThreadView => {
  const requests = view.requests.filter(({ request }) => request.requestId !== requestId)
  return requests.length === view.requests.length ? view : { ...view, requests }
}

const idOf = (work: Background): string =>
  work._tag === "Task" ? `task ${work.task.taskId}` : `item ${work.item.itemId}`

const putBackground = (view: ThreadView, work: Background): ThreadView => {
  const n = view.background.findIndex((one) => idOf(one) === idOf(work))
  return {
    ...view,
    background: n === -1 ? [...view.background, work] : view.background.map((one, index) => index === n ? work : one)
  }
}

const endBackground = (view: ThreadView, work: Background): ThreadView => {
  if (view.background.length === 0) return view
  const background = view.background.filter((one) => idOf(one) !== idOf(work))
  return background.length === view.background.length ? view : { ...view, background }
}

const settleCompaction = (view: ThreadView, event: Of<"CompactionSettled">): ThreadView => {
  const { compactionId, outcome, reason, snapshotId, summary } = event
  const settled = (one: CompactionView): CompactionView => ({
    ...one,
    outcome,
    ...(summary === undefined ? {} : { summary }),
    ...(reason === undefined ? {} : { reason }),
    ...(snapshotId === undefined ? {} : { snapshotId })
  })
  const compactions = view.compactions.map((one) => one.compactionId === compactionId ? settled(one) : one)
  return outcome === "completed" ? { ...withoutContext(view), compactions } : { ...view, compactions }
}

/** What the event shows beside the turns; the view itself where that is nothing. */
export const show = (view: ThreadView, event: ThreadEvent): ThreadView => {
  switch (event._tag) {
    case "SessionStarted":
      return startSession(view, event)
    case "SessionEnded":
      return endSession(view, event)
    case "SessionReset":
    case "CompactionCompleted":
      return withoutContext(view)
    case "ApprovalRequested":
      return ask(view, event, (place) => ({ _tag: "Approval", request: event.request, ...place }))
    case "QuestionAsked":
      return ask(view, event, (place) => ({ _tag: "Question", request: event.request, ...place }))
    case "ElicitationRequested":
      return ask(view, event, (place) => ({ _tag: "Elicitation", request: event.request, ...place }))
    case "ApprovalSettled":
    case "QuestionSettled":
    case "ElicitationSettled":
      return settle(view, event.requestId)
    case "TaskStarted":
    case "TaskUpdated":
      return putBackground(view, { _tag: "Task", task: event.task })
    case "TaskEnded":
      return endBackground(view, { _tag: "Task", task: event.task })
    case "ItemDetached":
      return putBackground(view, { _tag: "Item", item: event.item })
    case "ItemCompleted":
      return endBackground(view, { _tag: "Item", item: event.item })
    case "CompactionGated": {
      const { at, compactionId, trigger, turnId } = event
      const compaction: CompactionView = { compactionId, trigger, at, ...after(turnId ?? lastTurn(view)) }
      return { ...view, compactions: [...view.compactions, compaction] }
    }
    case "CompactionSettled":
      return settleCompaction(view, event)
    case "ContextUpdated": {
      const { used, window } = event
      return { ...view, context: { used, ...(window === undefined ? {} : { window }) } }
    }
    case "TitleUpdated":
      return { ...view, title: event.title }
    case "ModelChanged":
      return { ...view, model: event.model }
    case "ModeChanged":
      return event.mode === undefined ? view : { ...view, mode: event.mode }
    case "Gap":
      return event.lost === "events" ? { ...view, incomplete: true } : view
    case "ThreadDeleted":
      return { ...view, deleted: true }
    default:
      return view
  }
}
