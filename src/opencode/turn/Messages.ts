/**
 * Messages and their parts: which turn they belong to, whose they are, and what they tell. How a turn begins is here, since a
 * message of another client begins one too.
 */
import * as ItemLedger from "../../adapter/ItemLedger.ts"
import { TurnId } from "../../domain/Ids.ts"
import type { CompactionPart, FilePart, Info, Part, TextPart } from "../protocol/Message.ts"
import * as Changes from "./Changes.ts"
import * as OtherClients from "./OtherClients.ts"
import * as TurnEnd from "./TurnEnd.ts"
import * as TurnItems from "./TurnItems.ts"
import * as TurnRequests from "./TurnRequests.ts"
import {
  andThen,
  type Brought,
  including,
  type Input,
  inTurn,
  isOf,
  put,
  running,
  type State,
  type Step,
  step,
  triggerOf,
  type Turn
} from "./TurnState.ts"
import * as Unasked from "./Unasked.ts"

/** A new turn; only what subagents in the background still do is carried over. */
export const begin = (
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
    foreign: new Map(),
    usage: new Map(),
    declined: new Set()
  }
}

export const withTurn = (state: State, change: (turn: Turn) => Partial<Turn>): State =>
  state.turn === undefined ? state : { ...state, turn: { ...state.turn, ...change(state.turn) } }

/** OpenCode has a prompt of ours. */
export const seen = (state: State, messageId: string): Step => {
  if (state.turn?.prompts.get(messageId) !== false) return step(state)
  const next = withTurn(state, (turn) => ({ prompts: put(turn.prompts, messageId, true) }))
  return step(next, [], [{ _tag: "Accepted", messageId }])
}

/** What was heard goes on from something that was not: OpenCode tells of a prompt before its answer, of a message first. */
const missed = (state: State): Step =>
  state.turn === undefined || state.turn.holed
    ? step(state)
    : step(withTurn(state, () => ({ holed: true })), [], [{ _tag: "Missed" }])

export const message = (state: State, info: Info): Step => {
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
  if (parent !== undefined && answersOther(state, parent)) {
    const steps = [
      TurnEnd.idle,
      (state: State) => beginForeign(state, parent),
      (state: State) => message(state, info)
    ]
    return steps.reduce(andThen, step(state))
  }
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

export const parentOf = (info: Info): string | undefined => info.role === "assistant" ? info.parentID : undefined

export const part = (state: State, part: Part, recovered: boolean): Step => {
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
    const told = andThen(
      Unasked.completed(state, part, recovered),
      (state) => TurnItems.toolPart(bringing(state, part.messageID, "tool"), part, recovered)
    )
    return andThen(told, (state) => TurnRequests.callKnown(state, part))
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
    step({ ...state, foreign: put(state.foreign, part.id, messageId) }, [
      { _tag: "ItemStarted", ...inTurn(state), item },
      { _tag: "ItemCompleted", ...inTurn(state), item }
    ])
  return state.turn === undefined ? andThen(beginForeign(state, messageId), tell) : tell(state)
}

/** Another client's prompt begins a turn. */
const beginForeign = (state: State, messageId: string): Step => {
  const turnId = TurnId.make(messageId)
  const begun = withTurn(begin(state, { turnId, messageId }), () => ({ prompts: new Map([[messageId, true]]) }))
  // What it says may have been told in the turn before.
  return step({ ...begun, foreign: state.foreign }, [{ _tag: "TurnBegan", turnId, cause: "other-client" }], [{
    _tag: "Accepted",
    messageId
  }])
}

/**
 * An answer to what another client has said while our turn ran. Where our own answer is finished, it is not of our turn:
 * OpenCode goes on with the other's, and is idle only after that (1.18.33).
 */
const answersOther = (state: State, parent: string): boolean => {
  const turn = running(state)
  return turn !== undefined && !turn.prompts.has(parent) && Array.from(state.foreign.values()).includes(parent) &&
    TurnEnd.isClear(turn)
}

const bringing = (state: State, messageId: string, brought: Brought): State => {
  const message = state.messages.get(messageId)
  if (message === undefined || message.brought === brought) return state
  const next = { ...state, messages: put(state.messages, messageId, { ...message, brought }) }
  return message.sessionId === state.root ? withTurn(next, () => ({ fruitless: false })) : next
}

export const compactionBegan = (state: State, part: CompactionPart): Step => {
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
