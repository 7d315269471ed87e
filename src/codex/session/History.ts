/**
 * A thread's own history, turn by turn and paged: it has all turns, those before a compaction included, under ids that stay.
 */
import { Effect, Schema } from "effect"
import * as Words from "../../adapter/Words.ts"
import { ended } from "../../domain/Item.ts"
import { AgentProtocolError, TurnNotInSession } from "../../provider/AdapterError.ts"
import type { HistoryMessage, ProviderHistory, TurnEvidence, TurnPlace } from "../../provider/ProviderAdapter.ts"
import type { AppServer } from "../process/AppServer.ts"
import { decodeItem, type ThreadItem, toItem } from "../protocol/Items.ts"
import { toAgentError } from "./Opening.ts"

const TurnRecord = Schema.Struct({
  id: Schema.String,
  status: Schema.String,
  startedAt: Schema.optionalKey(Schema.NullOr(Schema.Finite)),
  items: Schema.Array(Schema.Unknown)
})

type TurnRecord = typeof TurnRecord.Type

const Page = Schema.Struct({
  data: Schema.Array(TurnRecord),
  nextCursor: Schema.optionalKey(Schema.NullOr(Schema.String))
})

const page = Effect.fnUntraced(function*(
  server: AppServer,
  threadId: string,
  { cursor, limit = 50, sortDirection }: {
    readonly cursor: string | null
    readonly limit?: number
    readonly sortDirection: "asc" | "desc"
  }
) {
  const method = "thread/turns/list"
  const found = yield* Effect.mapError(
    server.call(method, { threadId, cursor, limit, sortDirection, itemsView: "full" }, Page),
    toAgentError(server)
  )
  // It would be asked for for ever.
  if (cursor !== null && found.nextCursor === cursor) {
    return yield* new AgentProtocolError({
      instanceId: server.instanceId,
      operation: method,
      body: { nextCursor: cursor }
    })
  }
  return found
})

/** All turns, oldest first. */
const turns = Effect.fnUntraced(function*(server: AppServer, threadId: string) {
  const found: Array<TurnRecord> = []
  let cursor: string | null = null
  do {
    const { data, nextCursor }: typeof Page.Type = yield* page(server, threadId, { cursor, sortDirection: "asc" })
    found.push(...data)
    cursor = nextCursor ?? null
  } while (cursor !== null)
  return found
})

/** The turn, newest first: by the id that we gave its prompt, or by its own, where the agent began it. */
const find = Effect.fnUntraced(function*(server: AppServer, threadId: string, { ref, turnId }: TurnPlace) {
  let cursor: string | null = null
  do {
    // Most that are looked for are the last or the one before it, and a turn can be megabytes.
    const limit: number = cursor === null ? 2 : 50
    const { data, nextCursor }: typeof Page.Type = yield* page(server, threadId, {
      cursor,
      limit,
      sortDirection: "desc"
    })
    const turn = data.find((turn) =>
      turn.id === turnId || (ref !== undefined && itemsOf(turn).some(({ clientId }) => clientId === ref))
    )
    if (turn !== undefined) return turn
    cursor = nextCursor ?? null
  } while (cursor !== null)
  return undefined
})

/** Codex's id of the turn. */
export const locate = Effect.fnUntraced(function*(server: AppServer, threadId: string, turn: TurnPlace) {
  const found = yield* find(server, threadId, turn)
  if (found === undefined) {
    return yield* new TurnNotInSession({
      instanceId: server.instanceId,
      turnId: turn.turnId,
      reason: turn.ref === undefined ? "no-ref" : "not-found"
    })
  }
  return found.id
})

const itemsOf = ({ items }: TurnRecord): ReadonlyArray<ThreadItem> =>
  items.flatMap((item) => {
    const decoded = decodeItem(item)
    return decoded._tag === "Some" ? [decoded.value] : []
  })

const Thread = Schema.Struct({ thread: Schema.Unknown })

export const read = Effect.fnUntraced(function*(server: AppServer, threadId: string) {
  const found = yield* turns(server, threadId)
  const { thread } = yield* Effect.mapError(server.call("thread/read", { threadId }, Thread), toAgentError(server))
  const history: ProviderHistory = {
    format: `codex/${server.version}`,
    agentVersion: server.version,
    session: thread,
    messages: found.flatMap(messagesOf)
  }
  return history
})

const messagesOf = (turn: TurnRecord): ReadonlyArray<HistoryMessage> =>
  turn.items.flatMap((raw) => {
    const decoded = decodeItem(raw)
    if (decoded._tag === "None") return []
    const item = toItem(decoded.value)
    const startedAt = decoded.value.startedAtMs ?? (turn.startedAt == null ? undefined : turn.startedAt * 1000)
    return [{
      id: decoded.value.id,
      role: item === undefined
        ? "other" as const
        : item._tag === "UserMessage"
        ? "user" as const
        : "assistant" as const,
      at: startedAt,
      finished: turn.status !== "inProgress",
      items: item === undefined ? [] : [item],
      usage: undefined,
      raw: { turnId: turn.id, item: raw }
    }]
  })

export const evidence = Effect.fnUntraced(function*(server: AppServer, threadId: string, turn: TurnPlace) {
  const found = yield* find(server, threadId, turn)
  const evidence: TurnEvidence = found === undefined ? { outcome: "never-delivered", items: [] } : {
    outcome: outcomes(found.status) ?? "unfinished",
    items: itemsOf(found).flatMap((raw) => {
      const item = toItem(raw)
      return item === undefined || item._tag === "UserMessage" || ("text" in item && item.text === "")
        ? []
        : [ended(item)]
    })
  }
  return evidence
})

const outcomes = Words.make<TurnEvidence["outcome"]>({
  completed: "completed",
  failed: "failed",
  interrupted: "interrupted"
})
