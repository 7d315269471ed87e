/**
 * A session that is made to see what the agent says of it, and is taken away again: no prompt is sent, so nothing of it
 * reaches a model, and most agents write nothing either.
 */
import { Effect, Queue } from "effect"
import * as AgentEnvironment from "../../adapter/AgentEnvironment.ts"
import type { InstanceId } from "../../domain/Ids.ts"
import { type AgentStartError, AgentStartFailed } from "../../provider/AdapterError.ts"
import * as Connection from "../process/Connection.ts"
import type { Profile } from "../Profile.ts"
import { Opened } from "../protocol/Session.ts"
import * as Update from "../protocol/Update.ts"

/** One configured agent. */
export interface Instance {
  readonly instanceId: InstanceId
  readonly profile: Profile
  readonly options: Connection.Options
}

export interface Probe {
  readonly opened: Opened
  /** What the agent tells of the session, from its beginning. */
  readonly updates: Queue.Queue<Update.Update>
}

/** In the directory, or in an empty one. */
export const open = Effect.fn("Acp.Probe.open")(function*(
  { instanceId, options, profile }: Instance,
  project?: { readonly directory: string; readonly trusted: boolean }
): Effect.fn.Return<Probe, AgentStartError, Connection.Needs> {
  const { directory, trusted } = project ?? {
    trusted: true,
    directory: yield* Effect.mapError(
      AgentEnvironment.privateFolder("effect-coding-agents-acp-"),
      ({ message }) => new AgentStartFailed({ instanceId, reason: "exited", stderr: message })
    )
  }
  const connection = yield* Connection.start(instanceId, profile, options, { directory, trusted })
  const opened = yield* Effect.mapError(
    connection.call("session/new", { cwd: directory, mcpServers: [] }, Opened),
    connection.toError
  )
  yield* Effect.addFinalizer(() => end(connection, opened))
  const updates = yield* Queue.unbounded<Update.Update>()
  yield* connection.listen({
    onNotification: (method, params) => {
      const told = method === "session/update" ? Update.ofSession(params) : undefined
      return told === undefined ? Effect.void : Effect.asVoid(Queue.offer(updates, Update.decode(told.update)))
    },
    onRequest: () => undefined,
    onReport: () => Effect.void
  })
  return { opened, updates }
})

/** Agents that write a session down before its first turn can delete it, or forget it when it is closed. */
const end = (connection: Connection.Connection, { sessionId }: Opened) => {
  const able = connection.greeting.agentCapabilities?.sessionCapabilities
  const method = able?.delete != null ? "session/delete" : able?.close != null ? "session/close" : undefined
  return method === undefined || sessionId == null
    ? Effect.void
    : Effect.ignore(connection.peer.call(method, { sessionId }, { deadline: "5 seconds" }))
}
