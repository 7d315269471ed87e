/** Turns that another program has kept. */
import { Epoch, ItemId, type Transcript, TurnId } from "../../src/index.ts"

export const turn = (n: number, words = `question ${n}`): Transcript.TranscriptTurn => ({
  turnId: TurnId.make(`old-${n}`),
  epoch: Epoch.make(0),
  startedAt: 1_700_000_000_000 + n,
  input: { prompt: words },
  items: [
    { _tag: "UserMessage", itemId: ItemId.make(`old-${n}.user`), text: words, attachments: [] },
    { _tag: "AssistantMessage", itemId: ItemId.make(`old-${n}.answer`), text: `answer ${n}` }
  ],
  outcome: "completed"
})
