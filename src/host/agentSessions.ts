/**
 * The sessions that agents have of their own, as the service offers them: listed, adopted.
 */
import { Effect } from "effect"
import * as Instrumentation from "../domain/Instrumentation.ts"
import * as reentrancy from "../hooks/internal/reentrancy.ts"
import { CapabilityMissing } from "../provider/AdapterError.ts"
import { AgentUnreachable } from "../provider/AgentError.ts"
import type { ProviderService } from "../service/ProviderService.ts"
import type { ThreadDeps } from "../thread/ThreadDeps.ts"
import { infoOf } from "./infoOf.ts"
import type { SessionClaims } from "./sessionClaims.ts"
import type { ThreadActors } from "./threadActors.ts"

export const make = ({ actors, claim, deps }: {
  readonly deps: ThreadDeps
  readonly actors: ThreadActors
  readonly claim: SessionClaims
}) => {
  return {
    listSessions: Effect.fn("ProviderService.listSessions")(function*({ after, directory, instanceId, limit = 100 }) {
      const adapter = yield* deps.adapterOf(instanceId)
      const { listSessions, provider } = adapter
      if (listSessions === undefined) {
        return yield* new CapabilityMissing({ provider, capability: "list its sessions" })
      }
      const page = yield* Effect.timeoutOrElse(
        listSessions({
          limit,
          ...(directory === undefined ? {} : { directory: yield* deps.realDirectory(directory, adapter) }),
          ...(after === undefined ? {} : { after })
        }),
        {
          duration: deps.settings.noProgressDeadline,
          orElse: () => new AgentUnreachable({ instanceId, operation: "listSessions", code: "timeout" })
        }
      )
      const bound = yield* deps.store.boundSessions(instanceId, page.sessions.map(({ sessionId }) => sessionId))
      return { ...page, sessions: page.sessions.filter(({ sessionId }) => !bound.has(sessionId)) }
    }, Effect.scoped),

    adoptSession: Effect.fn("ProviderService.adoptSession")(function*(input) {
      const { instanceId, sessionId, threadId } = input
      yield* Instrumentation.inThread(threadId)
      yield* reentrancy.check(threadId)
      const { capabilities, provider } = yield* Effect.scoped(deps.adapterOf(instanceId))
      if (!capabilities.adopt) return yield* new CapabilityMissing({ provider, capability: "adopt a session" })
      const plan = {
        instanceId,
        directory: input.directory,
        runtimeMode: input.runtimeMode ?? "approval-required",
        projectConfig: input.projectConfig,
        before: undefined,
        model: input.model,
        agent: undefined,
        title: input.title,
        labels: input.labels,
        onMissing: undefined,
        compaction: input.compaction
      }
      const create = actors.use(threadId, (actor) => actor.create(plan, { _tag: "Adopt", sessionId }))
      return infoOf(yield* claim({ instanceId, sessionId }, create))
    })
  } satisfies Pick<ProviderService["Service"], "listSessions" | "adoptSession">
}
