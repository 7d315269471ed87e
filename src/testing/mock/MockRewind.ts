/**
 * The agent's record cut at a turn: forks and rewinds. Files are not the mock's, so they stay as they are.
 */
import { Effect } from "effect"
import { type AgentError, type CapabilityMissing, TurnNotInSession } from "../../provider/AdapterError.ts"
import type { TurnPlace } from "../../provider/ProviderAdapter.ts"
import type { StoredCursor } from "../../provider/ResumeCursor.ts"
import { changed, type StoredSession } from "../MockAgentDisk.ts"
import type { Live } from "./MockAgent.ts"
import { cursorOf, needs, newId, protocolError, readable } from "./MockHistory.ts"

const indexOf = ({ turns }: StoredSession, { ref, turnId }: TurnPlace): number =>
  turns.findIndex((turn) => ref === undefined ? turn.turnId === turnId : turn.ref === ref)

const notFound = ({ agent: { instanceId } }: Live, { turnId }: TurnPlace) =>
  new TurnNotInSession({ instanceId, turnId, reason: "not-found" })

/** The record as it was before its turn number `index`; nothing where a compaction has taken that in. */
const before = (stored: StoredSession, index: number) => {
  const turn = stored.turns[index]
  const mark = turn === undefined ? undefined : stored.marks.get(turn.turnId)
  if (mark === undefined) return undefined
  const turns = stored.turns.slice(0, index)
  return {
    history: stored.history.slice(0, mark.history),
    messages: stored.messages.slice(0, mark.messages),
    turns: structuredClone(turns),
    marks: new Map(Array.from(stored.marks).filter(([turnId]) => turns.some((turn) => turn.turnId === turnId)))
  }
}

const whole = (stored: StoredSession) => ({
  history: stored.history.slice(),
  messages: stored.messages.slice(),
  turns: structuredClone(stored.turns),
  marks: new Map(stored.marks)
})

export const fork = (
  live: Live,
  at: TurnPlace | undefined
): Effect.Effect<StoredCursor, AgentError | CapabilityMissing | TurnNotInSession> =>
  needs(live, "fork").pipe(
    Effect.andThen(at === undefined ? Effect.void : needs(live, "forkAt")),
    Effect.andThen(readable(live, "fork")),
    Effect.andThen(Effect.suspend((): Effect.Effect<StoredCursor, AgentError | TurnNotInSession> => {
      const { agent, stored } = live
      if (!stored.resumable) return protocolError(live, "fork", 404, "NotFoundError")
      const last = at === undefined ? stored.turns.length - 1 : indexOf(stored, at)
      if (at !== undefined && last === -1) return notFound(live, at)
      const past = last === stored.turns.length - 1 ? whole(stored) : before(stored, last + 1)
      if (past === undefined) return at === undefined ? Effect.die("no mark") : notFound(live, at)
      const copy: StoredSession = { ...stored, ...past, sessionId: newId(agent), overlaps: 0 }
      agent.disk.sessions.set(copy.sessionId, copy)
      changed(agent.disk)
      return Effect.succeed(cursorOf(agent, copy))
    }))
  )

export const rewind = (
  live: Live,
  to: TurnPlace
): Effect.Effect<void, AgentError | CapabilityMissing | TurnNotInSession> =>
  needs(live, "rewind").pipe(
    Effect.andThen(readable(live, "rewind")),
    Effect.andThen(Effect.suspend(() => {
      const { agent, stored } = live
      if (!cut(stored, indexOf(stored, to))) return notFound(live, to)
      changed(agent.disk)
      return Effect.void
    }))
  )

/** Takes the record back to before its turn number `index`; false where a compaction has taken that in. */
export const cut = (stored: StoredSession, index: number): boolean => {
  const past = before(stored, index)
  if (past === undefined) return false
  for (const { turnId } of stored.turns.slice(index)) stored.marks.delete(turnId)
  stored.history = past.history
  stored.messages.length = past.messages.length
  stored.turns.length = index
  stored.revision++
  return true
}
