/**
 * What OpenCode's own history says: of the whole session, and of one turn. Nothing is ever deleted from it by a
 * compaction (OpenCode 1.18.33).
 */
import type { TurnEvidence } from "../ProviderAdapter.ts"
import { fromHistory, shown } from "./Items.ts"
import type { AssistantInfo, Stored } from "./Message.ts"
import { outcomeOf } from "./TurnEnd.ts"

const isAnswer = (info: Stored["info"]): info is AssistantInfo => info.role === "assistant" && info.summary !== true

const finished = (info: AssistantInfo): boolean => outcomeOf(info, false) !== undefined && info.finish !== "tool-calls"

/** The messages of the turn that began with `ref`: up to the user's next message after a finished answer. */
const messagesOf = (messages: ReadonlyArray<Stored>, ref: string): ReadonlyArray<Stored> => {
  const first = messages.findIndex(({ info }) => info.id === ref)
  if (first === -1) return []
  let over = false
  const end = messages.findIndex(({ info, parts }, index) => {
    if (index <= first) return false
    if (isAnswer(info)) over = finished(info)
    return over && info.role === "user" && parts.some((part) => part.type === "text" && shown(part))
  })
  return messages.slice(first, end === -1 ? messages.length : end)
}

/**
 * What became of a turn. A step that asked for tools is not an end: whoever should have gone on is gone. An abort while
 * OpenCode was waiting to try again leaves no trace and is `unfinished`, too.
 */
export const evidence = (root: string, messages: ReadonlyArray<Stored>, ref: string): TurnEvidence => {
  const own = messagesOf(messages, ref)
  if (own.length === 0) return { outcome: "never-delivered", items: [] }
  const items = fromHistory(root, own)
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
