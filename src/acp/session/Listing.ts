/**
 * The sessions that an agent has of its own, page by page as it lists them. Nothing of a directory runs for it.
 */
import { Effect, Option, Schema, Stream } from "effect"
import * as AgentEnvironment from "../../adapter/AgentEnvironment.ts"
import type { AgentSession, AgentSessionPage } from "../../domain/AgentSession.ts"
import { ProviderName, SessionId } from "../../domain/Ids.ts"
import { type AgentError, AgentStartFailed, CapabilityMissing } from "../../provider/AdapterError.ts"
import type { ListSessionsError, SessionQuery } from "../../provider/ProviderAdapter.ts"
import * as Connection from "../process/Connection.ts"
import { isOurs } from "../protocol/Cursor.ts"
import { fitting } from "../protocol/Lenient.ts"
import { Listed } from "../protocol/Session.ts"
import type * as Probe from "./Probe.ts"

/** A page of the agent's, and how many of its entries come before. */
interface At {
  readonly page?: string | undefined
  readonly skip: number
}

interface Entry {
  readonly listed: ListedSession
  readonly at: At
}

type ListedSession = Exclude<NonNullable<(typeof Listed.Type)["sessions"]>[number], null>

const maxPages = 1000

/** In the agent's order. An agent that leads to the same page again has told all. */
export const entries = (
  connection: Connection.Connection,
  where: { readonly cwd?: string },
  from: At = { skip: 0 }
): Stream.Stream<Entry, AgentError> =>
  Stream.paginate(
    { from, n: 1 },
    ({ from: { page, skip }, n }) =>
      connection.call("session/list", { ...where, ...(page === undefined ? {} : { cursor: page }) }, Listed).pipe(
        Effect.mapError(connection.toError),
        Effect.map(({ nextCursor: next, sessions }) => [
          fitting(sessions).map((listed, n) => ({ listed, at: { page, skip: n } })).slice(skip),
          next == null || next === page || n === maxPages
            ? Option.none()
            : Option.some({ from: { page: next, skip: 0 }, n: n + 1 })
        ])
      )
  )

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
