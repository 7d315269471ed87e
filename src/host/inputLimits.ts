/**
 * How much may be sent at once: the same for a turn of a thread, for one that is brought along, and for a question without a
 * thread.
 */
import { Effect } from "effect"
import type { ThreadId } from "../domain/Ids.ts"
import type { InputIssue } from "../domain/InputIssue.ts"
import type { TranscriptTurn } from "../domain/TranscriptTurn.ts"
import type { Attachment, RecordedAttachment } from "../domain/TurnInput.ts"
import { AttachmentTooLarge, PromptEmpty, PromptTooLong } from "../service/ServiceError.ts"
import type { Resolved } from "./Settings.ts"

/** What is sent. */
export interface Sent {
  /** None where it belongs to no thread. */
  readonly threadId?: ThreadId
  readonly prompt: string
  /** What else the agent is handed as words. */
  readonly words?: ReadonlyArray<string>
  readonly attachments?: ReadonlyArray<Attachment> | undefined
  /** It needs no words. */
  readonly isCommand?: boolean
}

/** The first attachment that is too much, by itself or with those before it. */
const tooMuch = (attachments: ReadonlyArray<RecordedAttachment>, limit: Limits["attachmentLimit"]) => {
  let turn = 0
  for (const [index, attachment] of attachments.entries()) {
    // Files stay where they are. What is given as data is held in memory and stored, so it is bounded before either.
    if (attachment._tag !== "Data") continue
    const { base64, name } = attachment
    const bytes = Buffer.byteLength(base64, "base64")
    if (bytes > limit.each) return { index, name, of: "attachment", bytes, limit: limit.each } as const
    turn += bytes
    if (turn > limit.turn) return { index, name, of: "turn", bytes: turn, limit: limit.turn } as const
  }
  return undefined
}

type Limits = Pick<Resolved, "promptLimit" | "attachmentLimit">

/** Fails where it is nothing, or more than the limits allow. */
export const check = Effect.fnUntraced(function*(
  { attachments = [], isCommand = false, prompt, threadId, words = [] }: Sent,
  { attachmentLimit, promptLimit }: Limits
) {
  const thread = threadId === undefined ? {} : { threadId }
  if (prompt.trim() === "" && attachments.length === 0 && !isCommand) return yield* new PromptEmpty(thread)
  const length = lengthOf(prompt, words)
  if (length > promptLimit) return yield* new PromptTooLong({ ...thread, length, limit: promptLimit })
  const excess = tooMuch(attachments, attachmentLimit)
  if (excess === undefined) return
  const { bytes, limit, name, of } = excess
  return yield* new AttachmentTooLarge({ ...thread, name, of, bytes, limit })
})

const lengthOf = (prompt: string, words: ReadonlyArray<string>) =>
  words.reduce((sum, text) => sum + text.length, prompt.length)

/** What of a turn that is brought along is more than could be sent. */
export const beyond = (
  { input }: Pick<TranscriptTurn, "input">,
  { attachmentLimit, promptLimit }: Limits
): ReadonlyArray<InputIssue> => {
  if (input === undefined) return []
  const { attachments = [], command, context = [], prompt } = input
  const excess = tooMuch(attachments, attachmentLimit)
  return [
    ...(lengthOf(prompt, [...context, command?.arguments ?? ""]) > promptLimit
      ? [{ path: "input.prompt", reason: `Expected at most ${promptLimit} characters, with the context` }]
      : []),
    ...(excess === undefined ? [] : [{
      path: `input.attachments[${excess.index}]`,
      reason: `Expected at most ${excess.limit} bytes${excess.of === "turn" ? " in all attachments of a turn" : ""}`
    }])
  ]
}
