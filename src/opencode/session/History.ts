/**
 * What OpenCode's own history says: of the whole session, and of one turn. Nothing is ever deleted from it by a
 * compaction (OpenCode 1.18.33).
 */
import { Effect, Option, Schema } from "effect"
import { ended } from "../../domain/Item.ts"
import * as Usage from "../../domain/Usage.ts"
import type { AgentError } from "../../provider/AdapterError.ts"
import type { HistoryMessage, ProviderHistory, TurnEvidence } from "../../provider/ProviderAdapter.ts"
import { fromHistory, shown } from "../protocol/Items.ts"
import { type AssistantInfo, decodeMessages, type Stored } from "../protocol/Message.ts"
import type { Calls } from "../server/Calls.ts"
import { outcomeOf } from "../turn/TurnEnd.ts"
import { usageOf } from "../turn/TurnItems.ts"

const isAnswer = (info: Stored["info"]): info is AssistantInfo => info.role === "assistant" && info.summary !== true

const finished = (info: AssistantInfo): boolean => outcomeOf(info, false) !== undefined && info.finish !== "tool-calls"

/** The messages of the turn that began with `ref`: up to the user's next message after a finished answer. */
export const messagesOf = (messages: ReadonlyArray<Stored>, ref: string): ReadonlyArray<Stored> => {
  const first = messages.findIndex(({ info }) => info.id === ref)
  if (first === -1) return []
  let over = false
  const end = messages.findIndex(({ info, parts }, index) => {
    if (index <= first) return false
    if (isAnswer(info)) over = finished(info)
    return over && info.role === "user" && parts.some((part) => part.type === "text" && shown(part))
  })
  const own = messages.slice(first, end === -1 ? messages.length : end)
  // An id from a clock ahead of the server's sorts after the answers to it.
  const before = messages.slice(0, first).filter(({ info }) => info.role === "assistant" && info.parentID === ref)
  return before.length === 0 ? own : [...own.slice(0, 1), ...before, ...own.slice(1)]
}

/**
 * What became of a turn. A step that asked for tools is not an end: the loop that would have continued is gone. An
 * abort while OpenCode was waiting to retry leaves no trace and is `unfinished` too.
 */
export const evidence = (root: string, messages: ReadonlyArray<Stored>, ref: string): TurnEvidence => {
  const own = messagesOf(messages, ref)
  // A prompt that was deleted comes back without its parts where OpenCode sums up its turn after that (1.18.33).
  if (own.every(({ parts }) => parts.length === 0)) return { outcome: "never-delivered", items: [] }
  // After `kill -9` a tool stays `running` in the history (1.18.33), although nothing runs it any more.
  const items = fromHistory(root, own).map(ended)
  const last = own.map(({ info }) => info).findLast(isAnswer)
  const outcome = last === undefined || !finished(last) ? undefined : outcomeOf(last, true)
  switch (outcome?._tag) {
    case "Completed":
      return { outcome: "completed", items }
    case "Failed":
      return { outcome: "failed", items }
    case "Interrupted":
      return { outcome: "interrupted", items }
    default:
      return { outcome: "unfinished", items }
  }
}

/** How many of the newest messages are looked through before all are. */
const recent = 60

/**
 * {@link evidence} of a turn, read from the newest messages where these reach back to it. They do if they hold a prompt
 * before it: answers to it that sort before it come after that one.
 */
export const readEvidence = Effect.fnUntraced(function*(calls: Calls, sessionId: string, ref: string) {
  const newest = yield* calls.messages(sessionId, recent)
  const prompts = newest.flatMap(({ info }) => info.role === "user" ? [info.id] : [])
  const messages = newest.length < recent || prompts.indexOf(ref) > 0 ? newest : yield* calls.messages(sessionId)
  return evidence(sessionId, messages, ref)
})

// --- the whole of it ---

/** Named in snapshots; what `opencode import` takes has the same shape. */
export const format = "opencode/1.18.33"

const Envelope = Schema.decodeUnknownOption(Schema.Struct({
  info: Schema.Struct({
    id: Schema.String,
    role: Schema.String,
    time: Schema.optional(Schema.Struct({
      created: Schema.optional(Schema.Finite),
      completed: Schema.optional(Schema.Finite)
    }))
  })
}))

/** A message as it came, with what is understood of it. Nothing without an id is a message. */
const messageOf = (root: string, raw: unknown): ReadonlyArray<HistoryMessage> => {
  const envelope = Option.getOrUndefined(Envelope(raw))
  if (envelope === undefined) return []
  const { id, role, time } = envelope.info
  const known = decodeMessages([raw])
  const steps = known.flatMap(({ parts }) =>
    parts.flatMap((part) => part.type === "step-finish" ? [usageOf(part)] : [])
  )
  return [{
    id,
    role: role === "user" || role === "assistant" ? role : "other",
    at: time?.created,
    finished: role !== "assistant" || time?.completed !== undefined,
    items: fromHistory(root, known),
    usage: steps.length === 0 ? undefined : steps.reduce(Usage.add),
    raw
  }]
}

/** All that the server has of the session. */
export const read = (
  calls: Calls,
  sessionId: string,
  agentVersion: string
): Effect.Effect<ProviderHistory, AgentError> =>
  Effect.map(calls.stored(sessionId), ({ messages, session }) => ({
    format,
    agentVersion,
    session,
    messages: messages.flatMap((message) => messageOf(sessionId, message))
  }))
