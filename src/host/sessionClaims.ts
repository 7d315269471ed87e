/**
 * A session of an agent becomes a thread's once: what makes it one is done one after another for each session, and refused
 * where a thread has it.
 */
import { Effect } from "effect"
import type { InstanceId, SessionId } from "../domain/Ids.ts"
import { SessionTaken } from "../service/ServiceError.ts"
import type { SessionStore } from "../store/SessionStore.ts"
import type { StoreFailed } from "../store/StoreError.ts"
import * as NamedLocks from "../transcript/internal/namedLocks.ts"

export type SessionClaims = <A, E, R>(
  session: { readonly instanceId: InstanceId; readonly sessionId: SessionId },
  bind: Effect.Effect<A, E, R>
) => Effect.Effect<A, E | SessionTaken | StoreFailed, R>

export const make = (store: SessionStore["Service"]): Effect.Effect<SessionClaims> =>
  Effect.map(NamedLocks.make, (locks) => {
    const free = Effect.fnUntraced(function*(instanceId: InstanceId, sessionId: SessionId) {
      const threadId = (yield* store.boundSessions(instanceId, [sessionId])).get(sessionId)
      if (threadId !== undefined) return yield* new SessionTaken({ instanceId, sessionId, threadId })
    })
    return ({ instanceId, sessionId }, bind) =>
      locks(JSON.stringify([instanceId, sessionId]), Effect.andThen(free(instanceId, sessionId), bind))
  })
