/**
 * A session's history in the agent: where it is found again, and what can be done with it.
 */
import { Effect } from "effect"
import { SessionId, type TurnId } from "../../domain/Ids.ts"
import type { Item } from "../../domain/Item.ts"
import type { Usage } from "../../domain/Usage.ts"
import { type AgentError, AgentProtocolError, CapabilityMissing } from "../../provider/AdapterError.ts"
import type { Capabilities, HistoryMessage, ProviderHistory, TurnEvidence } from "../../provider/ProviderAdapter.ts"
import type { StoredCursor } from "../../provider/ResumeCursor.ts"
import type { StoredMessage, StoredSession } from "../MockAgentDisk.ts"
import { type Live, type MockAgent, type OpenItem, reach } from "./MockAgent.ts"

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
  live.agent.capabilities[capability] === false || live.agent.capabilities[capability] === "never"
    ? new CapabilityMissing({ provider: live.agent.provider, capability })
    : Effect.void

export const protocolError = (live: Live, operation: string, status: number, name: string) =>
  new AgentProtocolError({ instanceId: live.agent.instanceId, operation, status, name, body: null })

/** Reads need the session to be there still. */
export const readable = (live: Live, operation: string): Effect.Effect<void, AgentError> =>
  Effect.andThen(
    reach(live, operation),
    Effect.suspend(() =>
      live.agent.disk.sessions.get(live.stored.sessionId) === live.stored
        ? Effect.void
        : protocolError(live, operation, 404, "NotFoundError")
    )
  )

const roleOf = (item: Item) => item._tag === "UserMessage" ? "user" : "assistant"

const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

const fromStored = (message: StoredMessage, usage: Usage | undefined): HistoryMessage => {
  const { at, id } = message
  const common = { id, at, finished: true, usage, raw: plain(message) }
  return message._tag === "Item"
    ? { ...common, role: roleOf(message.item), items: [message.item] }
    : { ...common, role: "other", items: [] }
}

/** What is in the making, as it stands. */
const fromOpen = ({ at, now }: OpenItem): HistoryMessage => {
  const item: Item = { ...now() }
  const running = "status" in item ? { ...item, status: "running" as const } : item
  return {
    id: item.itemId,
    at,
    role: "assistant",
    finished: false,
    items: [running],
    usage: undefined,
    raw: plain(running)
  }
}

/**
 * One message per item, under the item's id, and one for the seed and for each summary. What a turn brought as context is in its raw message.
 * The usage of a turn that is over stands with its last message.
 */
export const history = (live: Live): Effect.Effect<ProviderHistory, AgentError | CapabilityMissing> =>
  needs(live, "history").pipe(
    Effect.andThen(readable(live, "history")),
    Effect.map(() => {
      const { agent, stored, turn } = live
      const usages = new Map(stored.turns.map(({ turnId, usage }) => {
        const last = stored.messages.findLast((message) => message._tag === "Item" && message.turnId === turnId)
        return [last?.id, usage]
      }))
      const behind = agent.behind.has(stored.sessionId)
      return {
        format: "mock/1",
        agentVersion: agent.agentVersion,
        session: plain({ id: stored.sessionId, title: stored.title, directory: stored.directory }),
        messages: [
          ...stored.messages.slice(0, behind ? -1 : undefined)
            .map((message) => fromStored(message, usages.get(message.id))),
          ...Array.from(turn?.open.values() ?? [], fromOpen)
        ],
        ...(behind ? { behind } : {})
      }
    })
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
        : {
          outcome: found.outcome,
          items: live.stored.messages.flatMap((message) =>
            message._tag === "Item" && message.turnId === found.turnId ? [message.item] : []
          )
        }
    })
  )
