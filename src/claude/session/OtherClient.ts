/**
 * What another client wrote into a session: a terminal, say. Claude has no lock, and reads its session's file only at its
 * start, so where both are live neither of the two knows of the other, and one of the two branches is lost with the next
 * resume.
 */
import { Array as Arr, Effect, Option } from "effect"
import { isOurs } from "../protocol/Cursor.ts"
import * as History from "./History.ts"
import * as LiveSession from "./LiveSession.ts"
import * as Transcript from "./Transcript.ts"

/** Tells of turns that were not sent from here since the file was last looked at, and of what came of them. */
export const look = Effect.fnUntraced(function*(live: LiveSession.LiveSession) {
  live.file ??= Option.getOrUndefined(yield* Transcript.find(live.cli.environment.config, live.sessionId))
  if (live.file === undefined) return
  const { end, lines } = yield* Transcript.tail(live.file, live.seen)
  live.seen = end
  // It is asked before every prompt, and what came is nearly always our own turn, which may be long.
  if (live.foreign.size === 0 && !parsed(lines.filter(Transcript.mayBegin)).some(isForeignPrompt)) return
  const turnOf = Transcript.turnOf(live.foreign)
  const foreign = parsed(lines).filter((entry) => {
    const turn = turnOf(entry)
    const isForeign = turn !== undefined && isForeignPrompt(turn)
    // A turn that is not over yet has more lines by the next time.
    if (isForeign && entry.line.uuid != null) live.foreign.set(entry.line.uuid, turn)
    return isForeign
  })
  const items = History.messagesOf(foreign).flatMap(({ items }) => items)
  if (items.length > 0) yield* LiveSession.apply(live, { _tag: "OtherClient", items })
})

const parsed = (lines: ReadonlyArray<string>) => Arr.getSomes(lines.map(Transcript.parse))

const isForeignPrompt = ({ line }: Transcript.Entry): boolean => Transcript.isPrompt(line) && !isOurs(line.uuid ?? "")
