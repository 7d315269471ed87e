/**
 * What is asked of an agent outside of its turns, in bounded time: an adapter may wait for an answer that never comes.
 */
import { type Duration, Effect } from "effect"
import type { InstanceId } from "../domain/Ids.ts"
import { AgentUnreachable } from "../provider/AgentError.ts"
import type { ThreadDeps } from "./ThreadDeps.ts"

/** Fails with `AgentUnreachable` where there is no answer after this time; default: the settings' `noProgressDeadline`. */
export const within = <A, E>(
  { settings }: ThreadDeps,
  { instanceId, operation }: { readonly instanceId: InstanceId; readonly operation: string },
  call: Effect.Effect<A, E>,
  duration: Duration.Duration = settings.noProgressDeadline
): Effect.Effect<A, E | AgentUnreachable> =>
  Effect.timeoutOrElse(call, {
    duration,
    orElse: () => new AgentUnreachable({ instanceId, operation, code: "timeout" })
  })
