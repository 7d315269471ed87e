/**
 * The sessions of a server that were not made by this library: in its own terminal, by another app (OpenCode 1.18.33).
 *
 * A session of ours has our thread in its metadata, and so have its forks.
 */
import { Effect } from "effect"
import type { AgentSessionPage } from "../../domain/AgentSession.ts"
import { type InstanceId, SessionId } from "../../domain/Ids.ts"
import type { AgentError } from "../../provider/AdapterError.ts"
import type { SessionQuery } from "../../provider/ProviderAdapter.ts"
import * as Calls from "../server/Calls.ts"
import type { OpenCodeConnection } from "../server/Connection.ts"

/** Newest first. `after` is when the last one before was used; two of the same millisecond may be parted by a page. */
export const list = Effect.fn("OpenCode.listSessions")(function*(
  connection: OpenCodeConnection,
  instanceId: InstanceId,
  { after, directory, limit }: SessionQuery
): Effect.fn.Return<AgentSessionPage, AgentError> {
  const cursor = after === undefined ? undefined : Number(after)
  // A client without a directory lists the sessions of all of them.
  const all = yield* Calls.make(connection, instanceId, directory ?? "").roots({
    limit,
    ...(cursor === undefined || !Number.isFinite(cursor) ? {} : { cursor })
  })
  const last = all.at(-1)
  return {
    sessions: all.flatMap(({ directory, id, metadata, time, title }) =>
      metadata?.["threadId"] !== undefined
        ? []
        : [{ sessionId: SessionId.make(id), title, directory, updatedAt: time.updated }]
    ),
    ...(last === undefined || all.length < limit ? {} : { next: String(last.time.updated) })
  }
})
