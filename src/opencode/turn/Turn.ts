/**
 * One session tree, one input at a time: `(state, input) -> state, events, wants`. Pure, so every order of frames that
 * OpenCode has been seen to send can be tested as data.
 *
 * A turn begins when OpenCode shows the message that we sent, under the id that we chose; nothing before it belongs to
 * it. How it ends is told in {@link ./TurnEnd.ts}.
 */
import * as ItemLedger from "../../adapter/ItemLedger.ts"
import { TurnId } from "../../domain/Ids.ts"
import type { CompactionPart, FilePart, Info, Part, Stored, TextPart } from "../protocol/Message.ts"
import * as Changes from "./Changes.ts"
import * as Denials from "./Denials.ts"
import * as OtherClients from "./OtherClients.ts"
import * as Subagents from "./Subagents.ts"
import * as TurnEnd from "./TurnEnd.ts"
import * as TurnItems from "./TurnItems.ts"
import * as TurnRequests from "./TurnRequests.ts"
import {
  all,
  andThen,
  type Brought,
  type Checked,
  including,
  type Input,
  inTurn,
  isOf,
  put,
  type Restored,
  running,
  type State,
  type Step,
  step,
  triggerOf,
  type Turn,
  without
} from "./TurnState.ts"
import * as TurnStatus from "./TurnStatus.ts"
import * as Unasked from "./Unasked.ts"

export const reduce = (state: State, input: Input): Step => {
  switch (input._tag) {
    case "Delta":
      return TurnItems.delta(state, input.partId, input.delta)
    case "Message":
      return message(state, input.info)
    case "Part":
      return part(state, input.part, false)
    case "Status":
    case "Idle":
    case "Error":
    case "Created":
    case "Deleted":
    case "Compacted":
    case "Todos":
      return TurnStatus.ofSession(state, input)
    case "PermissionAsked":
      return TurnRequests.permissionAsked(state, input.request)
    case "PermissionReplied":
      return TurnRequests.permissionReplied(state, input.requestId, input.reply)
    case "QuestionAsked":
      return TurnRequests.questionAsked(state, input.request)
    case "QuestionReplied":
      return TurnRequests.questionSettled(state, input.requestId, {
        _tag: "Answered",
        answers: input.answers
      })
    case "QuestionRejected":
      return TurnRequests.questionSettled(state, input.requestId, { _tag: "Dismissed" })
    case "Unrecognized":
      return step(state, [{ _tag: "Unrecognized", ...inTurn(state), type: input.type, raw: input.raw }])
    case "Sending":
      // A subagent that worked when the last turn ended may be done since, without a word on what it left open.
      return andThen(
        TurnItems.closeAll(state),
        (state) => step({ ...begin(state, input), own: including(state.own, input.messageId), using: input.using })
      )
    case "Steering":
      return step(
        withTurn({ ...state, own: including(state.own, input.messageId) }, (turn) => ({
          prompts: put(turn.prompts, input.messageId, false)
        }))
      )
    case "NotSent":
      return step(
        state.turn?.messageId === input.messageId
          ? { ...state, turn: undefined }
          : withTurn(state, (turn) => ({ prompts: without(turn.prompts, input.messageId) }))
      )
    case "Sent":
      // Known from the history and not from a frame, so what was said of it meanwhile was not heard either.
      return seen(withTurn(state, () => ({ holed: true })), input.messageId)
    case "Interrupting":
      return step(withTurn(state, () => ({ interrupting: true })))
    case "Compacting":
      // Its part may not have come yet, or have come with a turn before.
      return state.compaction === undefined ? compactionBegan(state, input.part) : step(state)
    case "Answering":
      return TurnRequests.answering(state, input.requestId, input.with)
    case "Unanswered":
      return TurnRequests.unanswered(state, input.requestId, input.gone)
    case "Replied":
      return Denials.release({ ...state, allowing: without(state.allowing, input.requestId) })
    case "Checked":
      return checked(state, input)
    case "Restored":
      return restored(state, input)
  }
}

// --- our prompts ---

/** A new turn; only what subagents in the background still do is carried over. */
const begin = (
  state: State,
  { turnId, messageId }: Pick<Extract<Input, { _tag: "Sending" }>, "turnId" | "messageId">
): State => {
  const busy = (sessionId: string) => sessionId !== state.root && state.children.get(sessionId) === true
  return {
    ...state,
    turn: {
      turnId,
      messageId,
      prompts: new Map([[messageId, false]]),
      busy: false,
      interrupting: false,
      holed: false,
      fruitless: false,
      overflowed: false,
      last: undefined,
      refused: undefined,
      error: undefined
    },
    lastMessageId: messageId,
    messages: new Map(Array.from(state.messages).filter(([, { sessionId }]) => busy(sessionId))),
    items: ItemLedger.nextTurn(state.items),
    children: new Map(Array.from(state.children).filter(([, busy]) => busy)),
    compactions: new Set(),
    said: new Set(),
    foreign: new Set(),
    usage: new Map(),
    declined: new Set()
  }
}

const withTurn = (state: State, change: (turn: Turn) => Partial<Turn>): State =>
  state.turn === undefined ? state : { ...state, turn: { ...state.turn, ...change(state.turn) } }

/** OpenCode has a prompt of ours. */
const seen = (state: State, messageId: string): Step => {
  if (state.turn?.prompts.get(messageId) !== false) return step(state)
  const next = withTurn(state, (turn) => ({ prompts: put(turn.prompts, messageId, true) }))
  return step(next, [], [{ _tag: "Accepted", messageId }])
}

// --- messages and parts ---

/** What was heard goes on from something that was not: OpenCode tells of a prompt before its answer, of a message first. */
const missed = (state: State): Step =>
  state.turn === undefined || state.turn.holed
    ? step(state)
    : step(withTurn(state, () => ({ holed: true })), [], [{ _tag: "Missed" }])

const message = (state: State, info: Info): Step => {
  const { id, sessionID: sessionId, role, agent } = info
  const parent = parentOf(info)
  if (parent !== undefined && state.turn?.prompts.get(parent) === false) {
    return [(state: State) => seen(state, parent), (state: State) => message(state, info)].reduce(
      andThen,
      missed(state)
    )
  }
  const summary = role === "assistant" && info.summary === true
  const isRoot = sessionId === state.root
  const known: State = {
    ...state,
    messages: put(state.messages, id, {
      sessionId,
      role,
      agent,
      summary,
      parent,
      created: info.time?.created,
      brought: state.messages.get(id)?.brought ?? "nothing"
    }),
    lastMessageId: isRoot && id > (state.lastMessageId ?? "") ? id : state.lastMessageId
  }
  if (!isRoot) return step(known)
  if (info.role === "user") return seen(known, id)
  if (summary) {
    if (known.compaction === undefined) return step(known)
    const error = info.error === undefined ? known.compaction.error : info.error.name
    return step({ ...known, compaction: { ...known.compaction, error } })
  }
  const turn = running(known)
  if (turn === undefined || !isOf(turn, id, info.parentID) || id < (turn.last?.id ?? "")) return step(known)
  const error = id === turn.last?.id ? turn.error : undefined
  return Changes.of({ ...known, turn: { ...turn, last: info, error } }, info)
}

const parentOf = (info: Info): string | undefined => info.role === "assistant" ? info.parentID : undefined

const part = (state: State, part: Part, recovered: boolean): Step => {
  const isRoot = part.sessionID === state.root
  if (part.type === "compaction") {
    return isRoot && !state.compactions.has(part.id) ? compactionBegan(state, part) : step(state)
  }
  const owner = state.messages.get(part.messageID)
  if (owner?.role === "user" && isRoot && (part.type === "text" || part.type === "file")) return words(state, part)
  if (owner === undefined && part.messageID > (state.turn?.messageId ?? "")) return missed(state)
  if (owner?.role !== "assistant") return step(state)
  if (isRoot && owner.summary && part.type === "text" && state.compaction !== undefined) {
    return step({ ...state, compaction: { ...state.compaction, summary: part.text } })
  }
  const turn = running(state)
  if (isRoot && (turn === undefined || !isOf(turn, part.messageID, owner.parent))) return step(state)
  if (part.type === "step-finish") return TurnItems.stepFinish(state, part, owner.summary ? undefined : owner.brought)
  if (owner.summary || part.type === "file") return step(state)
  if (part.type === "tool") {
    return andThen(
      Unasked.completed(state, part, recovered),
      (state) => TurnItems.toolPart(bringing(state, part.messageID, "tool"), part, recovered)
    )
  }
  const says = part.type === "text" && part.text !== "" && owner.brought === "nothing"
  return TurnItems.textPart(says ? bringing(state, part.messageID, "text") : state, part, recovered)
}

/** A part of a user's message: ours, one that OpenCode has written itself, or another client's. */
const words = (state: State, part: TextPart | FilePart): Step => {
  const { messageID: messageId } = part
  if (state.own.has(messageId)) {
    return step(part.type === "text" ? { ...state, said: including(state.said, part.text) } : state)
  }
  const item = OtherClients.itemOf(state, part)
  if (item === undefined) return step(state)
  const tell = (state: State) =>
    step({ ...state, foreign: including(state.foreign, part.id) }, [
      { _tag: "ItemStarted", ...inTurn(state), item },
      { _tag: "ItemCompleted", ...inTurn(state), item }
    ])
  if (state.turn !== undefined) return tell(state)
  const turnId = TurnId.make(messageId)
  const begun = withTurn(begin(state, { turnId, messageId }), () => ({ prompts: new Map([[messageId, true]]) }))
  const began = { _tag: "TurnBegan", turnId, cause: "other-client" } as const
  return andThen(step(begun, [began], [{ _tag: "Accepted", messageId }]), tell)
}

const bringing = (state: State, messageId: string, brought: Brought): State => {
  const message = state.messages.get(messageId)
  if (message === undefined || message.brought === brought) return state
  const next = { ...state, messages: put(state.messages, messageId, { ...message, brought }) }
  return message.sessionId === state.root ? withTurn(next, () => ({ fruitless: false })) : next
}

const compactionBegan = (state: State, part: CompactionPart): Step => {
  const trigger = triggerOf(part)
  // A model that says "too long" after each summary would be asked for ever.
  const overflowed = running(state)?.fruitless === true
  return step(
    {
      ...(overflowed ? withTurn(state, () => ({ overflowed })) : state),
      compaction: { trigger, messageId: part.messageID, summary: undefined, error: undefined },
      compactions: including(state.compactions, part.id)
    },
    [{ _tag: "CompactionStarted", ...inTurn(state), trigger }],
    overflowed ? [{ _tag: "CompactionBegan" }, { _tag: "Abort" }] : [{ _tag: "CompactionBegan" }]
  )
}

// --- what was read ---

const take = (state: State, messages: ReadonlyArray<Stored>, recovered: boolean): Step => {
  const { turn } = state
  const ours = turn === undefined
    ? []
    : messages.filter(({ info }) => info.id === turn.messageId || isOf(turn, info.id, parentOf(info)))
  return all(
    state,
    ours,
    (state, { info, parts }) =>
      andThen(message(state, info), (state) => all(state, parts, (state, value) => part(state, value, recovered)))
  )
}

const checked = (state: State, check: Checked): Step => {
  const { turnId, messages } = check
  if (running(state)?.turnId !== turnId) return step(state)
  const heard = all(
    state,
    messages,
    (state, { info }) => info.role === "user" && info.sessionID === state.root ? seen(state, info.id) : step(state)
  )
  return andThen(heard, (state) => {
    const turn = running(state)
    const outcome = turn === undefined ? undefined : TurnEnd.verdict(turn, check, state.compaction)
    if (turn === undefined || outcome === undefined) return step(state)
    return andThen(take(state, messages, turn.holed), (state) => TurnEnd.end(state, running(state) ?? turn, outcome))
  })
}

const restored = (state: State, { read }: Restored): Step => {
  // A turn that is still on its way may have been shown, and answered, in the hole.
  const torn = TurnItems.tear(withTurn(state, () => ({ holed: true })))
  if (read === undefined) {
    const turn = running(state)
    return step(
      torn.state,
      [{ _tag: "Gap", ...inTurn(state), cause: "provider-stream", lost: "events" }],
      // Its idle may be among the events that are lost.
      turn === undefined ? [] : [{ _tag: "Check", turnId: turn.turnId }]
    )
  }
  const steps = [
    (state: State) => take(state, read.messages, true),
    (state: State) =>
      all(
        state,
        read.children,
        (state, { sessionId, busy, messages }) =>
          andThen(take(state, messages, true), (state) => Subagents.works(state, sessionId, busy))
      ),
    (state: State) => TurnRequests.reconcile(state, read.permissions, read.questions),
    (state: State) => read.busy || state.compaction === undefined ? step(state) : compactionAfter(state, read.messages),
    (state: State) => {
      const turn = running(state)
      return turn === undefined ? step(state) : step(state, [], [{ _tag: "Check", turnId: turn.turnId }])
    }
  ]
  return steps.reduce(andThen, torn)
}

const compactionAfter = (state: State, messages: ReadonlyArray<Stored>): Step => {
  const last = messages.findLast(({ info }) => info.role === "assistant" && info.summary === true)?.info
  return last?.role === "assistant" && last.time.completed !== undefined && last.error === undefined
    ? TurnStatus.compacted(state)
    : step(state)
}
