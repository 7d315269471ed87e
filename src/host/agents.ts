/**
 * The agents of the app, as the service shows them: what they offer, and whether they can be used.
 */
import { Effect, Option } from "effect"
import { AgentUnreachable, CapabilityMissing } from "../provider/AdapterError.ts"
import type { ProviderAdapter } from "../provider/ProviderAdapter.ts"
import type { ProviderService } from "../service/ProviderService.ts"
import type { ThreadDeps } from "../thread/ThreadDeps.ts"
import { deadline } from "./offers.ts"

export const make = ({ deps, list }: {
  readonly deps: ThreadDeps
  readonly list: Effect.Effect<ReadonlyArray<ProviderAdapter>>
}) => {
  const missing = ({ provider }: ProviderAdapter, capability: string) => new CapabilityMissing({ provider, capability })
  return {
    listOffers: Effect.fn("ProviderService.listOffers")(function*({ directory, instanceId, refresh = false }) {
      yield* Effect.annotateCurrentSpan({ instanceId })
      const adapter = yield* deps.adapterOf(instanceId)
      const real = directory === undefined ? undefined : yield* deps.realDirectory(directory)
      const offers = yield* deps.offersOf(adapter, { directory: real, refresh })
      return offers ?? (yield* missing(adapter, "say what it offers"))
    }),

    checkAgent: Effect.fn("ProviderService.checkAgent")(function*({ instanceId }) {
      yield* Effect.annotateCurrentSpan({ instanceId })
      const adapter = yield* deps.adapterOf(instanceId)
      return yield* Effect.timeoutOrElse(adapter.check ?? missing(adapter, "say whether it can be used"), {
        duration: deadline,
        orElse: () => new AgentUnreachable({ instanceId, operation: "check", code: "DEADLINE" })
      })
    }),

    listAgents: Effect.fn("ProviderService.listAgents")(() =>
      Effect.flatMap(list, (adapters) => Effect.forEach(adapters, describe, { concurrency: 8 }))
    )
  } satisfies Pick<ProviderService["Service"], "listOffers" | "checkAgent" | "listAgents">
}

const describe = Effect.fnUntraced(function*(
  { capabilities, check, instanceId, offers, provider }: ProviderAdapter
) {
  const checked = check === undefined
    ? undefined
    : Option.getOrUndefined(yield* Effect.timeoutOption(check, deadline))
  return {
    instanceId,
    provider,
    capabilities,
    hasOffers: offers !== undefined,
    ...(checked === undefined ? {} : { check: checked })
  }
})
