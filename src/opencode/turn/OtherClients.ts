/**
 * What another client says in the same session (OpenCode's own terminal, a second app). The model has it, so the thread
 * must show it; where no turn of ours runs, it begins one.
 *
 * OpenCode writes messages as a user's too: words of its own, which it marks, and after an overflow the user's words once
 * more, which it does not mark (1.18.33).
 */
import { ItemId } from "../../domain/Ids.ts"
import type { Item } from "../../domain/Item.ts"
import { shown } from "../protocol/Items.ts"
import type { FilePart, TextPart } from "../protocol/Message.ts"
import type { State } from "./TurnState.ts"

/** The part as an item; nothing if it is not another client's, or was told before. */
export const itemOf = (state: State, part: TextPart | FilePart): Item | undefined => {
  if (state.foreign.has(part.id)) return undefined
  const repeats = state.compactions.size > 0
  const origin = "other-client" as const
  const itemId = ItemId.make(part.id)
  if (part.type === "file") {
    return repeats
      ? undefined
      : { _tag: "UserMessage", itemId, text: "", attachments: [part.filename ?? "file"], origin }
  }
  return !shown(part) || part.text === "" || (repeats && state.said.has(part.text))
    ? undefined
    : { _tag: "UserMessage", itemId, text: part.text, attachments: [], origin }
}
