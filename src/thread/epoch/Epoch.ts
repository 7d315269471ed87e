/**
 * One epoch, one input at a time: `(state, input, at) -> state, events, wants`. Pure: no clock, no store, no fiber. Every
 * order in which calls, the agent, deadlines and ends can come is data for a test.
 *
 * - A turn has exactly one terminal event, an item that was started is completed, a request is settled once: whichever
 *   of the agent, a deadline, a stop or a lost connection ends them.
 * - What the agent says of a turn of ours comes after its `TurnStarted`.
 * - An epoch that is over does not change any more.
 */
import type { TurnId } from "../../domain/Ids.ts"
import type { EventBody, ProviderEvent } from "../../domain/ThreadEvent.ts"
import type { ThreadStatus } from "../../domain/ThreadRecord.ts"
import * as EpochBrake from "./EpochBrake.ts"
import * as EpochCompaction from "./EpochCompaction.ts"
import * as Draft from "./EpochDraft.ts"
import * as EpochItem from "./EpochItem.ts"
import * as EpochRequest from "./EpochRequest.ts"
import type { CompactionEnding, EpochStep, Input, State } from "./EpochState.ts"
import * as EpochTurn from "./EpochTurn.ts"

export const step = (state: State, input: Input, at: number): EpochStep => {
  const draft = Draft.begin(state, at)
  if (state.phase === "live") apply(draft, input)
  return Draft.finish(draft)
}

const apply = (draft: Draft.Draft, input: Input): void => {
  const { state } = draft
  switch (input._tag) {
    case "Greeted":
      state.greeted = true
      return
    case "Sending":
      return EpochTurn.send(draft, input)
    case "Accepted": {
      const sending = EpochTurn.accept(draft)
      if (sending === undefined) return
      EpochBrake.begin(draft, sending.turnId)
      takeIn(draft, sending.held)
      return
    }
    case "Refused":
      return EpochTurn.refuse(draft)
    case "Uncertain":
      return EpochTurn.doubt(draft)
    case "Steered":
      return EpochTurn.steer(draft, input)
    case "Emitted":
      return takeIn(draft, input.events)
    case "Interrupting":
      return EpochTurn.interrupt(draft, input)
    case "DeadlinePassed":
      return EpochTurn.passDeadline(draft, input)
    case "Abandoned":
      return EpochTurn.abandon(draft, input.turnId)
    case "AnswerBegun":
      return EpochRequest.beginAnswer(draft, input.requestId)
    case "AnswerFailed":
      return EpochRequest.failAnswer(draft, input.requestId)
    case "Answered":
      return EpochRequest.answered(draft, input.settled)
    case "CompactionAsked":
      return EpochCompaction.begin(draft, input.trigger, input.by)
    case "CompactionSaved":
      return EpochCompaction.gate(draft, input)
    case "CompactionVetoed":
      return EpochCompaction.veto(draft, input)
    case "CompactionReleased":
      return EpochCompaction.release(draft, input)
    case "CompactionAnswered":
      return EpochCompaction.answer(draft, input)
    case "CompactionOver":
      return EpochCompaction.settle(draft, input.compactionId, input.ending)
    case "MissingTurns":
      state.notes = [...state.notes.filter(({ about }) => about !== "missing-turns"), ...input.notes]
      return
    case "Noted":
      draft.events.push(...input.events)
      return
    case "Ending":
      return end(draft, input)
  }
}

/** Everything that is open ends before the session does. */
const end = (draft: Draft.Draft, input: Extract<Input, { readonly _tag: "Ending" }>): void => {
  const { state } = draft
  EpochTurn.endWithEpoch(draft, input)
  Draft.cutItems(draft)
  Draft.settleRequests(draft, "session-ended")
  Draft.loseTasks(draft)
  if (state.compaction !== undefined) {
    EpochCompaction.settle(draft, state.compaction.compactionId, { outcome: "unknown" })
  }
  draft.events.push({
    _tag: "SessionEnded",
    reason: input.reason,
    ...(input.next === undefined ? {} : { nextSessionId: input.next })
  })
  state.phase = "over"
}

// --- what the agent says ---

const takeIn = (draft: Draft.Draft, events: ReadonlyArray<ProviderEvent>): void => {
  const held: Array<ProviderEvent> = []
  for (const event of events) {
    const { sending } = draft.state
    if (sending === undefined || event.turnId !== sending.turnId) takeOne(draft, event)
    // One of ours begins when the agent has accepted it.
    else if (event._tag !== "TurnBegan") held.push(event)
  }
  const { sending } = draft.state
  if (held.length > 0 && sending !== undefined) draft.state.sending = { ...sending, held: [...sending.held, ...held] }
}

const takeOne = (draft: Draft.Draft, event: ProviderEvent): void => {
  switch (event._tag) {
    case "TurnBegan":
      // One that is there already does not begin.
      if (EpochTurn.find(draft.state, event.turnId) !== undefined) return
      EpochTurn.begin(draft, event)
      EpochBrake.begin(draft, event.turnId)
      return EpochBrake.own(draft, event)
    case "TurnCompleted":
    case "TurnFailed":
    case "TurnInterrupted":
      return EpochTurn.end(draft, event)
    case "ItemDelta":
    case "ItemStarted":
    case "ItemUpdated":
    case "ItemDetached":
      return EpochItem.take(draft, event)
    case "ItemCompleted":
      EpochItem.take(draft, event)
      return EpochBrake.call(draft, event)
    case "UsageUpdated":
      EpochBrake.spend(draft, event)
      break
    case "StepEnded":
      EpochBrake.step(draft, event)
      break
    case "TaskStarted":
    case "TaskUpdated":
    case "TaskEnded":
      return EpochItem.takeTask(draft, event)
    case "ApprovalRequested":
    case "QuestionAsked":
    case "ElicitationRequested":
      EpochRequest.open(draft, event)
      break
    case "ApprovalSettled":
    case "QuestionSettled":
    case "ElicitationSettled":
      return EpochRequest.settled(draft, event)
    case "CompactionStarted":
      EpochCompaction.begun(draft, event)
      break
    case "CompactionCompleted":
    case "CompactionFailed":
      draft.events.push(event)
      return EpochCompaction.ended(draft, endingOf(event))
  }
  draft.events.push(event)
}

const endingOf = (
  event: Extract<ProviderEvent, { readonly _tag: "CompactionCompleted" | "CompactionFailed" }>
): CompactionEnding =>
  event._tag === "CompactionCompleted"
    ? { outcome: "completed", summary: event.summary }
    : { outcome: "failed", reason: event.name }

// --- what a state says ---

/** What the thread is doing, as apps see it. */
export const statusOf = ({ compaction, phase, requests, running, sending }: State): ThreadStatus => {
  if (phase === "over") return "stopped"
  if (compaction !== undefined) return "compacting"
  if (requests.size > 0) return "waiting"
  return running !== undefined || sending !== undefined ? "running" : "idle"
}

/** Whether something goes on that has an end of its own: a turn, a request of one, a compaction. */
export const isBusy = (state: State): boolean =>
  turnOf(state) !== undefined || state.compaction !== undefined ||
  Array.from(state.requests.values()).some((request) => request.turnId !== undefined)

/** The turn that the agent works on, or that is on its way to it. */
export const turnOf = ({ running, sending }: State): TurnId | undefined => running?.turnId ?? sending?.turnId

/** Whether this turn is with the agent, or on its way to it. */
export const hasTurn = (state: State, turnId: TurnId): boolean =>
  state.sending?.turnId === turnId || EpochTurn.find(state, turnId) !== undefined

/** Whether the agent waits for a human, in this turn or in work that it began. */
export const isWaiting = ({ requests, tasks }: State, turnId: TurnId): boolean =>
  requests.size > 0 && Array.from(requests.values()).some((request) =>
    request.turnId === turnId ||
    (request.taskId !== undefined && tasks.get(request.taskId)?.turnId === turnId)
  )

/** What goes on beside the turns, one line each: tasks, items that outlived their turn, requests of no turn. */
export const beside = ({ items, requests, tasks }: State): ReadonlyArray<string> => [
  ...Array.from(tasks.values(), ({ task: { kind, title } }) => `${kind} ${title}`),
  ...Array.from(items).flatMap(([itemId, { detached }]) => detached ? [`item ${itemId}`] : []),
  ...Array.from(requests).flatMap(([requestId, { kind, turnId }]) =>
    turnId === undefined ? [`${kind} ${requestId}`] : []
  )
]

/** What a reader needs that joins in the middle of open items: all their text so far. */
export const textSoFar = ({ items }: State): ReadonlyArray<EventBody> =>
  Array.from(items).flatMap(([itemId, { field, text, turnId }]) =>
    text === "" ? [] : [{
      _tag: "ItemDelta" as const,
      itemId,
      field,
      offset: 0,
      delta: text,
      ...(turnId === undefined ? {} : { turnId })
    }]
  )
