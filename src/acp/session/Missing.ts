/**
 * Whether a session is gone, when an agent refuses to resume it: by the protocol's own code, else because the agent
 * lists its sessions and this one is not among them, else by what its profile makes of the error, or of its files.
 * Never by words.
 */
import { Effect, type FileSystem, Option, type Path, Stream } from "effect"
import type { SessionId } from "../../domain/Ids.ts"
import { type AgentError, SessionMissing } from "../../provider/AdapterError.ts"
import { type Connection, plainVariables } from "../process/Connection.ts"
import type { AgentRefusal, Profile } from "../Profile.ts"
import { codes } from "../protocol/Failure.ts"
import * as Listing from "./Listing.ts"

/** The proof, or `undefined` where there is none. */
export const prove = Effect.fnUntraced(function*(
  connection: Connection,
  profile: Profile,
  sessionId: SessionId,
  directory: string,
  { code, data, reason }: AgentRefusal
): Effect.fn.Return<SessionMissing | undefined, AgentError, FileSystem.FileSystem | Path.Path> {
  const missing = (more: object) =>
    new SessionMissing({
      instanceId: connection.instanceId,
      sessionId,
      evidence: { code: code ?? null, message: reason, data: data ?? null, ...more }
    })
  if (code === codes.notFound || profile.isMissing?.({ code, data, reason }) === true) return missing({})
  if (connection.greeting.agentCapabilities?.sessionCapabilities?.list != null) {
    const listed = yield* isListed(connection, sessionId, directory)
    return listed ? undefined : missing({ listed })
  }
  const gone = profile.proveMissing !== undefined &&
    (yield* profile.proveMissing(sessionId, plainVariables(connection)))
  return gone ? missing({ files: "none" }) : undefined
})

/**
 * Whether the agent lists the session. It is asked for all sessions and for those of the directory, since some agents list only
 * those of one. An entry that cannot be read may be the session.
 */
const isListed = (connection: Connection, sessionId: SessionId, directory: string) =>
  Listing.entries(connection, {}).pipe(
    Stream.concat(Listing.entries(connection, { cwd: directory })),
    Stream.filter(({ listed }) => listed === null || listed.sessionId === sessionId),
    Stream.runHead,
    Effect.map(Option.isSome)
  )
