/**
 * What the model's provider does not take, and so fails every later turn of a session that holds it: an image that it
 * refuses, a prompt longer than the model's window.
 *
 * Everything up to the model's last answer was taken by it once. So what offends came after that answer, or is the result
 * of a tool that it called.
 */
import type { Info, Part, Stored } from "../protocol/Message.ts"

/** `refused`: a file, by the model's provider. `overflow`: words, by the size of the model's window. */
export type Offence = "refused" | "overflow"

export interface Offending {
  /** The messages and their failed answers. */
  readonly messageIds: ReadonlyArray<string>
  /** The files in them. */
  readonly files: ReadonlyArray<string>
}

const isTaken = (info: Info): boolean =>
  info.role === "assistant" && info.summary !== true && info.error === undefined && info.finish !== undefined

/** The model is given these as words. */
const words = new Set(["text/plain", "application/x-directory"])

const filesOf = (part: Part): ReadonlyArray<string> => {
  switch (part.type) {
    case "file":
      return part.mime === undefined || words.has(part.mime) ? [] : [part.filename ?? part.mime]
    case "tool":
      return (part.state.attachments ?? []).flatMap(({ mime }) => words.has(mime) ? [] : [mime])
    default:
      return []
  }
}

/** Of all messages of a session, oldest first. */
export const find = (messages: ReadonlyArray<Stored>, because: Offence): Offending => {
  const last = messages.findLastIndex(({ info }) => isTaken(info))
  const since = messages.slice(Math.max(last, 0))
  const found = since.filter(({ info, parts }, index) => {
    const isAnswer = last !== -1 && index === 0
    return because === "refused"
      ? parts.some((part) => filesOf(part).length > 0) && (isAnswer || info.role === "user")
      : !isAnswer && info.role === "user" && !parts.some(({ type }) => type === "compaction")
  })
  const ids = new Set(found.map(({ info }) => info.id))
  const answers = since.filter(({ info }) =>
    info.role === "assistant" && !isTaken(info) &&
    info.parentID !== undefined && ids.has(info.parentID)
  )
  return {
    messageIds: [...found, ...answers].map(({ info }) => info.id),
    files: found.flatMap(({ parts }) => parts.flatMap(filesOf))
  }
}
