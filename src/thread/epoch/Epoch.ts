/**
 * One epoch, one input at a time: `(state, input, at) -> state, events, wants`. Pure: no clock, no store, no fiber. Every
 * order in which calls, the agent, deadlines and ends can come is data for a test.
 *
 * - A turn has exactly one terminal event, an item that was started is completed, a request is settled once: whichever
 *   of the agent, a deadline, a stop or a lost connection ends them.
 * - What the agent says of a turn of ours comes after its `TurnStarted`.
 * - An epoch that is over does not change any more.
 */
import type { ItemId, TurnId } from "../../domain/Ids.ts"
import type { Item } from "../../domain/Item.ts"
import type { EventBody, ProviderEvent } from "../../domain/ThreadEvent.ts"
import type { ThreadStatus } from "../../domain/ThreadRecord.ts"
import * as EpochCompaction from "./EpochCompaction.ts"
import * as Draft from "./EpochDraft.ts"
import type { CompactionEnding, EpochStep, Input, RequestSettled, State } from "./EpochState.ts"
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
      if (sending !== undefined) takeIn(draft, sending.held)
      return
    }
    case "Refused":
      return EpochTurn.refuse(draft)
    case "Uncertain":
      return EpochTurn.doubt(draft)
    case "Steered":
      // Also of a turn that has ended meanwhile: the agent has the words.
      draft.events.push({ _tag: "TurnSteered", turnId: input.turnId, input: input.input })
      return
    case "Emitted":
      return takeIn(draft, input.events)
    case "Interrupting":
      return EpochTurn.interrupt(draft, input)
    case "DeadlinePassed":
      return EpochTurn.passDeadline(draft, input)
    case "Abandoned":
      return EpochTurn.abandon(draft, input.turnId)
    case "AnswerBegun": {
      const request = state.requests.get(input.requestId)
      if (request !== undefined) Draft.requests(draft).set(input.requestId, { ...request, answering: true })
      return
    }
    case "AnswerFailed": {
      const request = state.requests.get(input.requestId)
      if (request === undefined) return
      Draft.requests(draft).set(input.requestId, { ...request, answering: false })
      // What the agent has said of it meanwhile is news after all.
      if (request.settled !== undefined) takeOne(draft, request.settled)
      return
    }
    case "Answered":
      return answered(draft, input.settled)
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

/** An answer of ours arrived, or the agent does not wait for it any more. */
const answered = (draft: Draft.Draft, settled: RequestSettled): void => {
  const request = draft.state.requests.get(settled.requestId)
  if (request === undefined) return
  Draft.requests(draft).delete(settled.requestId)
  draft.state.activeAt = draft.at
  draft.events.push(request.turnId === undefined ? settled : { ...settled, turnId: request.turnId })
}

// --- what the agent says ---

const takeIn = (draft: Draft.Draft, events: ReadonlyArray<ProviderEvent>): void => {
  const held: Array<ProviderEvent> = []
  for (const event of events) {
    const { sending } = draft.state
    if (sending !== undefined && event.turnId === sending.turnId) held.push(event)
    else takeOne(draft, event)
  }
  const { sending } = draft.state
  if (held.length > 0 && sending !== undefined) draft.state.sending = { ...sending, held: [...sending.held, ...held] }
}

const takeOne = (draft: Draft.Draft, event: ProviderEvent): void => {
  const { state } = draft
  switch (event._tag) {
    case "TurnCompleted":
    case "TurnFailed":
    case "TurnInterrupted":
      return EpochTurn.end(draft, event)
    case "ItemDelta": {
      const open = state.items.get(event.itemId)
      Draft.items(draft).set(event.itemId, {
        item: open?.item,
        turnId: open === undefined ? event.turnId : open.turnId,
        text: open === undefined || event.offset === 0 ? event.delta : open.text + event.delta
      })
      break
    }
    case "ItemStarted":
    case "ItemUpdated":
      if (event.item._tag !== "UserMessage") show(draft, event.item, event.turnId)
      break
    case "ItemCompleted":
      if (state.items.has(event.item.itemId)) Draft.items(draft).delete(event.item.itemId)
      if (
        state.running !== undefined && event.item._tag === "AssistantMessage" && event.item.subagent === undefined
      ) state.running = { ...state.running, text: event.item.text }
      break
    case "UsageUpdated":
      if (state.running !== undefined) state.running = { ...state.running, usage: event.usage }
      break
    case "ApprovalRequested":
    case "QuestionAsked":
      Draft.requests(draft).set(event.request.requestId, {
        kind: event._tag === "ApprovalRequested" ? "approval" : "question",
        turnId: event.turnId,
        questions: event._tag === "QuestionAsked" ? event.request.questions.length : 0,
        answering: false,
        settled: undefined
      })
      break
    case "ApprovalSettled":
    case "QuestionSettled": {
      const request = state.requests.get(event.requestId)
      // Settled before: not news.
      if (request === undefined) return
      if (request.answering) {
        Draft.requests(draft).set(event.requestId, { ...request, settled: event })
        return
      }
      Draft.requests(draft).delete(event.requestId)
      break
    }
    case "CompactionStarted":
      EpochCompaction.begun(draft, event.trigger)
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

const textOf = (item: Item): string => "text" in item ? item.text : "output" in item ? (item.output ?? "") : ""

const show = (draft: Draft.Draft, item: Item, turnId: TurnId | undefined): void => {
  const open = draft.state.items.get(item.itemId)
  const text = textOf(item)
  Draft.items(draft).set(item.itemId, {
    item,
    turnId: open?.turnId ?? turnId,
    text: text === "" ? open?.text ?? "" : text
  })
}

// --- what a state says ---

/** What the thread is doing, as apps see it. */
export const statusOf = ({ compaction, phase, requests, running, sending }: State): ThreadStatus => {
  if (phase === "over") return "stopped"
  if (compaction !== undefined) return "compacting"
  if (requests.size > 0) return "waiting"
  return running !== undefined || sending !== undefined ? "running" : "idle"
}

/** The turn that the agent works on, or that is on its way to it. */
export const turnOf = ({ running, sending }: State): TurnId | undefined => running?.turnId ?? sending?.turnId

/** What a reader needs that joins in the middle of open items: all their text so far. */
export const textSoFar = ({ items }: State): ReadonlyArray<EventBody> =>
  Array.from(items).flatMap((
    [itemId, { text, turnId }]: readonly [ItemId, { text: string; turnId?: TurnId | undefined }]
  ) =>
    text === "" ? [] : [{
      _tag: "ItemDelta" as const,
      itemId,
      offset: 0,
      delta: text,
      ...(turnId === undefined ? {} : { turnId })
    }]
  )
