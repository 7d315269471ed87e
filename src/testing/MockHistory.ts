/**
 * A session's history in the agent: where it is found again, and what can be done with it.
 */
import { Effect } from "effect"
import { type AgentError, AgentProtocolError, CapabilityMissing } from "../AdapterError.ts"
import { SessionId, type TurnId } from "../Ids.ts"
import type { Capabilities, ProviderHistory, TurnEvidence } from "../ProviderAdapter.ts"
import type { StoredCursor } from "../ResumeCursor.ts"
import { emit, type Live, type MockAgent, reach } from "./MockAgent.ts"
import { changed, type StoredSession } from "./MockAgentDisk.ts"

export const newId = (agent: MockAgent): SessionId =>
  SessionId.make(`${agent.instanceId}-${agent.disk.name}-${++agent.disk.created}`)

export const cursorOf = (agent: MockAgent, stored: StoredSession): StoredCursor =>
  agent.cursors.encode({
    sessionId: stored.sessionId,
    directory: stored.directory,
    runtimeMode: stored.runtimeMode,
    agentVersion: agent.agentVersion
  })

/** Fails where a capability is switched off. */
export const needs = (live: Live, capability: keyof Capabilities): Effect.Effect<void, CapabilityMissing> =>
  live.agent.capabilities[capability] === false
    ? new CapabilityMissing({ provider: live.agent.provider, capability })
    : Effect.void

const protocolError = (live: Live, operation: string, status: number, name: string) =>
  new AgentProtocolError({ instanceId: live.agent.instanceId, operation, status, name, body: null })

/** Reads need the session to be there still. */
const readable = (live: Live, operation: string): Effect.Effect<void, AgentError> =>
  Effect.andThen(
    reach(live, operation),
    Effect.suspend(() =>
      live.agent.disk.sessions.get(live.stored.sessionId) === live.stored
        ? Effect.void
        : protocolError(live, operation, 404, "NotFoundError")
    )
  )

export const compact = (live: Live): Effect.Effect<void, AgentError | CapabilityMissing> =>
  needs(live, "compact").pipe(
    Effect.andThen(readable(live, "compact")),
    Effect.andThen(Effect.suspend(() => {
      if (live.turn !== undefined) return protocolError(live, "compact", 409, "Busy")
      const summary = `summary of ${live.stored.history.length} messages`
      live.stored.history = [{ role: "summary", text: summary }]
      return emit(live, [
        { _tag: "CompactionStarted", trigger: "manual" },
        { _tag: "CompactionCompleted", summary }
      ])
    }))
  )

export const fork = (live: Live): Effect.Effect<StoredCursor, AgentError | CapabilityMissing> =>
  needs(live, "fork").pipe(
    Effect.andThen(readable(live, "fork")),
    Effect.andThen(Effect.suspend(() => {
      const { agent, stored } = live
      if (!stored.resumable) return protocolError(live, "fork", 404, "NotFoundError")
      const copy: StoredSession = {
        ...stored,
        sessionId: newId(agent),
        history: stored.history.slice(),
        turns: structuredClone(stored.turns),
        overlaps: 0
      }
      agent.disk.sessions.set(copy.sessionId, copy)
      changed(agent.disk)
      return Effect.succeed(cursorOf(agent, copy))
    }))
  )

/** One message per item, under the item's id. */
export const history = (live: Live): Effect.Effect<ProviderHistory, AgentError | CapabilityMissing> =>
  needs(live, "history").pipe(
    Effect.andThen(readable(live, "history")),
    Effect.map(() => ({
      format: "mock/1",
      agentVersion: live.agent.agentVersion,
      session: { id: live.stored.sessionId, directory: live.stored.directory },
      messages: live.stored.turns.flatMap((turn) =>
        turn.items.map((item) => ({
          id: item.itemId,
          role: item._tag === "UserMessage" ? "user" as const : "assistant" as const,
          at: undefined,
          finished: !("status" in item) || (item.status !== "pending" && item.status !== "running"),
          items: [item],
          usage: undefined,
          raw: item
        }))
      )
    }))
  )

export const evidence = (
  live: Live,
  turn: { readonly turnId: TurnId; readonly ref: string | undefined }
): Effect.Effect<TurnEvidence, AgentError | CapabilityMissing> =>
  needs(live, "history").pipe(
    Effect.andThen(readable(live, "evidence")),
    Effect.map(() => {
      const found = live.stored.turns.find((other) =>
        turn.ref === undefined ? other.turnId === turn.turnId : other.ref === turn.ref
      )
      return found === undefined
        ? { outcome: "never-delivered", items: [] }
        : { outcome: found.outcome, items: found.items.slice() }
    })
  )
