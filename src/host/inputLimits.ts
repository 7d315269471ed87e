/**
 * How much may be sent at once: the same for a turn of a thread and for a question without one.
 */
import { Effect } from "effect"
import type { ThreadId } from "../domain/Ids.ts"
import type { Attachment } from "../domain/TurnInput.ts"
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

/** What is given as data is held in memory and stored, so it is bounded before either. Files stay where they are. */
const attachmentsWithin = Effect.fnUntraced(function*(
  attachments: ReadonlyArray<Attachment>,
  limit: Resolved["attachmentLimit"],
  thread: Pick<Sent, "threadId">
) {
  let turn = 0
  for (const attachment of attachments) {
    if (attachment._tag === "File") continue
    const { base64, name } = attachment
    const bytes = Buffer.byteLength(base64, "base64")
    if (bytes > limit.each) {
      return yield* new AttachmentTooLarge({ ...thread, name, of: "attachment", bytes, limit: limit.each })
    }
    turn += bytes
    if (turn > limit.turn) {
      return yield* new AttachmentTooLarge({ ...thread, name, of: "turn", bytes: turn, limit: limit.turn })
    }
  }
})

/** Fails where it is nothing, or more than the limits allow. */
export const check = Effect.fnUntraced(function*(
  { attachments = [], isCommand = false, prompt, threadId, words = [] }: Sent,
  { attachmentLimit, promptLimit }: Pick<Resolved, "promptLimit" | "attachmentLimit">
) {
  const thread = threadId === undefined ? {} : { threadId }
  if (prompt.trim() === "" && attachments.length === 0 && !isCommand) return yield* new PromptEmpty(thread)
  const length = words.reduce((sum, text) => sum + text.length, prompt.length)
  if (length > promptLimit) return yield* new PromptTooLong({ ...thread, length, limit: promptLimit })
  yield* attachmentsWithin(attachments, attachmentLimit, thread)
})
