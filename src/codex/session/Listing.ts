/**
 * The threads of a home that were not made by this library: by Codex's own programs, by other apps (0.171.0).
 *
 * Codex notes the name of the client that made a thread, and those of ours and their forks have ours.
 */
import { Effect, Schema } from "effect"
import type { AgentSessionPage } from "../../domain/AgentSession.ts"
import { SessionId } from "../../domain/Ids.ts"
import type { AgentError } from "../../provider/AdapterError.ts"
import type { SessionQuery } from "../../provider/ProviderAdapter.ts"
import * as AppServer from "../process/AppServer.ts"
import { toAgentError } from "./Opening.ts"

const Maybe = Schema.optionalKey(Schema.NullOr(Schema.String))

const Page = Schema.Struct({
  data: Schema.Array(Schema.Struct({
    id: SessionId,
    cwd: Schema.String,
    updatedAt: Schema.Finite,
    originator: Maybe,
    name: Maybe,
    preview: Maybe
  })),
  nextCursor: Maybe
})

/** Newest first. */
export const list = Effect.fn("Codex.listSessions")(function*(
  server: AppServer.AppServer,
  { after, directory, limit }: SessionQuery
): Effect.fn.Return<AgentSessionPage, AgentError> {
  const { data, nextCursor } = yield* server.call("thread/list", {
    limit,
    cursor: after ?? null,
    sortKey: "updated_at",
    // Of all providers; subagents are left out.
    modelProviders: [],
    sourceKinds: ["cli", "vscode", "exec", "appServer", "unknown"],
    ...(directory === undefined ? {} : { cwd: directory })
  }, Page).pipe(Effect.mapError(toAgentError(server)))
  return {
    sessions: data.flatMap(({ cwd, id, name, originator, preview, updatedAt }) => {
      const title = name || preview || undefined
      return originator === AppServer.clientName
        ? []
        : [{ sessionId: id, directory: cwd, updatedAt: updatedAt * 1000, ...(title === undefined ? {} : { title }) }]
    }),
    ...(nextCursor == null ? {} : { next: nextCursor })
  }
})
