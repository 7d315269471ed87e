/**
 * The sessions that an agent has of its own, page by page as it lists them. Nothing of a directory runs for it.
 */
import { Effect, Option, Schema, Stream } from "effect"
import * as AgentEnvironment from "../../adapter/AgentEnvironment.ts"
import type { AgentSession, AgentSessionPage } from "../../domain/AgentSession.ts"
import { ProviderName, SessionId } from "../../domain/Ids.ts"
import {
  type AgentError,
  AgentProtocolError,
  AgentStartFailed,
  CapabilityMissing
} from "../../provider/AdapterError.ts"
import type { ListSessionsError, SessionQuery } from "../../provider/ProviderAdapter.ts"
import * as Connection from "../process/Connection.ts"
import { isOurs } from "../protocol/Cursor.ts"
import { Listed } from "../protocol/Session.ts"
import type * as Probe from "./Probe.ts"

/** A page of the agent's, and how many of its entries come before. */
interface At {
  readonly page?: string | undefined
  readonly skip: number
}

interface Entry {
  /** `null`: it cannot be read. */
  readonly listed: ListedSession | null
  readonly at: At
}

interface Readable extends Entry {
  readonly listed: ListedSession
}

type ListedSession = NonNullable<(typeof Listed.Type)["sessions"][number]>

const maxPages = 1000

/** In the agent's order. An agent that leads to the same page again has told all; one that leads on without end fails. */
export const entries = (
  connection: Connection.Connection,
  where: { readonly cwd?: string },
  from: At = { skip: 0 }
): Stream.Stream<Entry, AgentError> =>
  Stream.paginate(
    { from, n: 1 },
    Effect.fnUntraced(function*({ from: { page, skip }, n }) {
      const params = { ...where, ...(page === undefined ? {} : { cursor: page }) }
      const { nextCursor: next, sessions } = yield* Effect.mapError(
        connection.call(method, params, Listed),
        connection.toError
      )
      const goesOn = next != null && next !== page
      if (goesOn && n === maxPages) {
        const { instanceId } = connection
        return yield* new AgentProtocolError({ instanceId, operation: method, name: "pages without end", body: next })
      }
      return [
        sessions.map((listed, n): Entry => ({ listed, at: { page, skip: n } })).slice(skip),
        goesOn ? Option.some({ from: { page: next, skip: 0 }, n: n + 1 }) : Option.none()
      ] as const
    })
  )

const method = "session/list"

const isReadable = (entry: Entry): entry is Readable => entry.listed !== null

/** What leads to the next page. */
const Next = Schema.fromJsonString(Schema.Struct({ page: Schema.optional(Schema.String), skip: Schema.Int }))

const decodeNext = Schema.decodeUnknownOption(Next)

export const list = Effect.fn("Acp.listSessions")(function*(
  { instanceId, options, profile }: Probe.Instance,
  { after, directory, limit }: SessionQuery
): Effect.fn.Return<AgentSessionPage, ListSessionsError, Connection.Needs> {
  const missing = (capability: string) =>
    new CapabilityMissing({ provider: ProviderName.make(profile.provider), capability })
  if (directory === undefined && profile.listsDirectories === true) {
    return yield* missing("list sessions of all directories")
  }
  const folder = yield* Effect.mapError(
    AgentEnvironment.privateFolder("effect-coding-agents-acp-"),
    ({ message }) => new AgentStartFailed({ instanceId, reason: "exited", stderr: message })
  )
  const connection = yield* Connection.start(
    instanceId,
    profile,
    options,
    directory === undefined || profile.distrust === undefined
      ? { directory: folder, trusted: true }
      : { directory, trusted: false }
  )
  if (connection.greeting.agentCapabilities?.sessionCapabilities?.list == null) {
    return yield* missing("list its sessions")
  }
  const found = yield* entries(
    connection,
    directory === undefined ? {} : { cwd: directory },
    after === undefined ? undefined : Option.getOrUndefined(decodeNext(after))
  ).pipe(
    Stream.filter(isReadable),
    Stream.filter(({ listed }) =>
      !isOurs(listed.sessionId) && (directory === undefined || (listed.cwd ?? directory) === directory)
    ),
    Stream.take(limit + 1),
    Stream.runCollect
  )
  const next = found[limit]?.at
  return {
    sessions: found.slice(0, limit).map(({ listed }) => toSession(listed)),
    ...(next === undefined ? {} : { next: JSON.stringify(next) })
  }
})

const titleLength = 100

const toSession = ({ cwd, sessionId, title, updatedAt }: ListedSession): AgentSession => {
  const shown = (title ?? "").slice(0, titleLength).trim()
  const at = Date.parse(updatedAt ?? "")
  return {
    sessionId: SessionId.make(sessionId),
    ...(shown === "" ? {} : { title: shown.toWellFormed() }),
    directory: cwd ?? "",
    updatedAt: Number.isNaN(at) ? 0 : at
  }
}
