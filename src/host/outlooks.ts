/**
 * What the reaper will do with the sessions of this host, as an answer says it: by the rule that it goes by itself, and in
 * wall time.
 */
import type { ThreadId } from "../domain/Ids.ts"
import type { SteadyClock } from "../process/SteadyClock.ts"
import type { ReaperOutlook } from "../service/Results.ts"
import type { Sleeps } from "../thread/SessionReaper.ts"
import type { LiveCap } from "./liveCap.ts"
import type { ThreadActors } from "./threadActors.ts"

/** Answers for one look at all threads; `undefined` of a thread without a live session here. */
export type Outlooks = () => (threadId: ThreadId) => ReaperOutlook | undefined

export const make = ({ actors, cap, sleeps, steady }: {
  readonly actors: ThreadActors
  readonly cap: LiveCap
  readonly sleeps: Sleeps
  readonly steady: SteadyClock
}): Outlooks =>
() => {
  const tooMany = cap.tooMany()
  const slept = sleeps.look()
  return (threadId) => {
    const outlook = actors.peek(threadId)?.outlook({ overCap: tooMany.has(threadId), sleeps: () => slept })
    if (outlook?._tag !== "Stop") return outlook
    const at = Math.round(steady.wallOf(outlook.at))
    return { ...outlook, at, givesWay: cap.maxLive !== Number.POSITIVE_INFINITY && outlook.because !== "pin-cap" }
  }
}
