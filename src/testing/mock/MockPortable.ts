/**
 * The mock's sessions in and out of its disk: listed, made by another program, exported, imported.
 */
import { Effect } from "effect"
import { deserialize, serialize } from "node:v8"
import type { AgentSession, AgentSessionPage } from "../../domain/AgentSession.ts"
import { ThreadId } from "../../domain/Ids.ts"
import { type AgentError, AgentUnreachable, CapabilityMissing, CopyRejected } from "../../provider/AdapterError.ts"
import * as NativeCopy from "../../provider/NativeCopy.ts"
import type { ListSessionsError, SessionQuery } from "../../provider/ProviderAdapter.ts"
import { changed, type StoredSession } from "../MockAgentDisk.ts"
import type { Live, MockAgent } from "./MockAgent.ts"
import { needs, newId, readable } from "./MockHistory.ts"

// --- of other programs ---

/** Newest first; `after` is the id of the last one before. */
export const list = (
  agent: MockAgent,
  { after, directory, limit }: SessionQuery
): Effect.Effect<AgentSessionPage, ListSessionsError> =>
  Effect.suspend((): Effect.Effect<AgentSessionPage, ListSessionsError> => {
    const { capabilities, disk, instanceId, provider, unreachable } = agent
    if (!capabilities.adopt) return new CapabilityMissing({ provider, capability: "adopt" })
    if (unreachable !== undefined) {
      return new AgentUnreachable({ instanceId, operation: "listSessions", code: unreachable })
    }
    const all = Array.from(disk.sessions.values())
      .filter((stored) => stored.outside && (directory === undefined || stored.directory === directory))
      .toReversed()
    const start = after === undefined ? 0 : all.findIndex(({ sessionId }) => sessionId === after) + 1
    const page = all.slice(start, start + limit)
    const last = page.at(-1)
    return Effect.succeed({
      sessions: page.map(shown),
      ...(last === undefined || start + limit >= all.length ? {} : { next: last.sessionId })
    })
  })

const shown = ({ directory, messages, sessionId, title }: StoredSession): AgentSession => {
  const session = { sessionId, directory, updatedAt: messages.at(-1)?.at ?? 0 }
  return title === undefined ? session : { ...session, title }
}

/** A session in whose context the model has these words, as another program of the agent leaves it. */
export const make = (
  agent: MockAgent,
  { directory, words }: { readonly directory: string; readonly words: string }
) => {
  const sessionId = newId(agent)
  agent.disk.sessions.set(sessionId, {
    sessionId,
    threadId: ThreadId.make("none"),
    title: words,
    directory,
    runtimeMode: "approval-required",
    model: undefined,
    history: [{ role: "user", text: words }],
    messages: [],
    turns: [],
    marks: new Map(),
    revision: 0,
    outside: true,
    resumable: true,
    requests: 0,
    tasks: 0,
    overlaps: 0
  })
  changed(agent.disk)
  return sessionId
}

// --- another home ---

const version = 1

/** What a copy holds: the session without its past, and what its past has more than the copy before. */
interface Part {
  readonly session: Omit<StoredSession, "history" | "messages" | "turns">
  readonly history: StoredSession["history"]
  readonly messages: StoredSession["messages"]
  readonly turns: StoredSession["turns"]
}

const counts = /^(\d+):(\d+):(\d+):(\d+)$/

/** Where the past goes on after the checkpoint; the whole of it where it was changed since. */
const tail = ({ history, messages, revision, turns }: StoredSession, since: string | undefined) => {
  const [, at, h, m, t] = counts.exec(since ?? "") ?? []
  return at === String(revision)
    ? { since, history: history.slice(Number(h)), messages: messages.slice(Number(m)), turns: turns.slice(Number(t)) }
    : { since: undefined, history, messages, turns }
}

export const exportSession = (
  live: Live,
  since: string | undefined
): Effect.Effect<NativeCopy.NativeCopy, AgentError | CapabilityMissing> =>
  needs(live, "portable").pipe(
    Effect.andThen(readable(live, "export")),
    Effect.map(() => {
      const { agent, stored } = live
      const { history, messages, turns, ...session } = stored
      const { since: from, ...past } = tail(stored, since)
      const part: Part = { session, ...past }
      return {
        provider: agent.provider,
        sessionId: stored.sessionId,
        version,
        agentVersion: agent.agentVersion,
        ...(from === undefined ? {} : { since: from }),
        part: { _tag: "Bytes", base64: serialize(part).toString("base64") },
        checkpoint: `${stored.revision}:${history.length}:${messages.length}:${turns.length}`
      }
    })
  )

const read = (agent: MockAgent, { part }: NativeCopy.NativeCopy) => {
  const malformed = () => new CopyRejected({ instanceId: agent.instanceId, outcome: "Malformed", found: "part" })
  return part._tag === "Json"
    ? Effect.fail(malformed())
    : Effect.try({ try: (): Part => deserialize(Buffer.from(part.base64, "base64")), catch: malformed })
}

/** The session as the copies have it, on the disk. */
export const importSession = Effect.fnUntraced(function*(agent: MockAgent, copies: ReadonlyArray<unknown>) {
  const { instanceId, provider } = agent
  const accepted = yield* NativeCopy.accept({ instanceId, provider, version }, copies)
  const parts = yield* Effect.forEach(accepted, (copy) => read(agent, copy))
  const [{ sessionId }] = accepted
  const stored: StoredSession = {
    ...(parts.at(-1) ?? parts[0]).session,
    history: parts.flatMap(({ history }) => history),
    messages: parts.flatMap(({ messages }) => messages),
    turns: parts.flatMap(({ turns }) => turns)
  }
  agent.disk.sessions.set(sessionId, stored)
  return stored
})
