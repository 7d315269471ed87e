/**
 * What another client writes into a session that is live here: a terminal, say. Claude has no lock, and reads its session's
 * file only at its start, so neither of the two knows of the other, and one of the two branches is lost with the next resume.
 */
import { Effect, Option } from "effect"
import * as History from "./History.ts"
import * as LiveSession from "./LiveSession.ts"
import * as Transcript from "./Transcript.ts"

/** Tells of turns that were not sent from here, and of what came of them. */
export const look = Effect.fnUntraced(function*(live: LiveSession.LiveSession) {
  const file = yield* Transcript.find(live.cli.environment.config, live.sessionId)
  if (Option.isNone(file)) return
  const { end, entries } = yield* Transcript.tail(file.value, live.lookedTo)
  live.lookedTo = end
  const foreign = entries.filter(isForeign(live.sent))
  const items = History.messagesOf(foreign).flatMap(({ items }) => items)
  if (foreign.length > 0) yield* LiveSession.apply(live, { _tag: "OtherClient", items })
})

/** The lines from a prompt of another client's up to the next beginning of a turn. Stateful: lines come in order. */
const isForeign = (sent: ReadonlySet<string>) => {
  let foreign = false
  return ({ line }: Transcript.Entry): boolean => {
    if (Transcript.begins(line)) foreign = Transcript.isPrompt(line) && !sent.has(line.uuid ?? "")
    return foreign
  }
}
