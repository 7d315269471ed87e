/**
 * What another client wrote into a session: a terminal, say. Claude has no lock, and reads its session's file only at its
 * start, so where both are live neither of the two knows of the other, and one of the two branches is lost with the next
 * resume.
 */
import { Effect, Option } from "effect"
import { isOurs } from "../protocol/Cursor.ts"
import * as History from "./History.ts"
import * as LiveSession from "./LiveSession.ts"
import * as Transcript from "./Transcript.ts"

/** Tells of turns that were not sent from here since the file was last looked at, and of what came of them. */
export const look = Effect.fnUntraced(function*(live: LiveSession.LiveSession) {
  const file = yield* Transcript.find(live.cli.environment.config, live.sessionId)
  if (Option.isNone(file)) return
  const { end, entries } = yield* Transcript.tail(file.value, live.seen)
  live.seen = end
  const foreign = entries.filter(isForeign())
  const items = History.messagesOf(foreign).flatMap(({ items }) => items)
  if (foreign.length > 0) yield* LiveSession.apply(live, { _tag: "OtherClient", items })
})

/** The lines from a prompt of another client's up to the next beginning of a turn. Stateful: lines come in order. */
const isForeign = () => {
  let foreign = false
  return ({ line }: Transcript.Entry): boolean => {
    if (Transcript.begins(line)) foreign = Transcript.isPrompt(line) && !isOurs(line.uuid ?? "")
    return foreign
  }
}
