/**
 * The agents of the app, as the service shows them: what they offer, whether they can be used, and how a user signs in.
 */
import { Effect, Option, Stream } from "effect"
import { AgentUnreachable, CapabilityMissing } from "../provider/AdapterError.ts"
import type { ProviderAdapter } from "../provider/ProviderAdapter.ts"
import type { ProviderService } from "../service/ProviderService.ts"
import type { ThreadDeps } from "../thread/ThreadDeps.ts"
import { deadline, type KnownOffers } from "./offers.ts"

export const make = ({ deps, list, offers }: {
  readonly deps: ThreadDeps
  readonly offers: KnownOffers
  readonly list: Effect.Effect<ReadonlyArray<ProviderAdapter>>
}) => {
  const missing = ({ provider }: ProviderAdapter, capability: string) => new CapabilityMissing({ provider, capability })
  /** What a session would be offered that is started there without a word about trust. */
  const offered = Effect.fnUntraced(function*(
    adapter: ProviderAdapter,
    directory: string | undefined,
    refresh: boolean
  ) {
    const where = directory === undefined ? {} : {
      directory,
      projectConfig: deps.projectOf(adapter, {
        directory,
        runtimeMode: "approval-required",
        projectConfig: undefined,
        before: undefined
      }).config
    }
    return (yield* offers.of(adapter, { ...where, refresh })) ?? (yield* missing(adapter, "say what it offers"))
  })
  return {
    listOffers: Effect.fn("ProviderService.listOffers")(function*({ directory, instanceId, refresh = false }) {
      yield* Effect.annotateCurrentSpan({ instanceId })
      const adapter = yield* deps.adapterOf(instanceId)
      const real = directory === undefined ? undefined : yield* deps.realDirectory(directory, adapter)
      return yield* offered(adapter, real, refresh)
    }, Effect.scoped),

    watchOffers: ({ directory, instanceId }) =>
      Stream.unwrap(Effect.gen(function*() {
        const adapter = yield* deps.adapterOf(instanceId)
        const real = directory === undefined ? undefined : yield* deps.realDirectory(directory, adapter)
        return offers.changes(adapter).pipe(
          Stream.mapEffect(() => offered(adapter, real, false)),
          Stream.changes
        )
      })),

    signIn: ({ instanceId, method }) =>
      Stream.unwrap(Effect.gen(function*() {
        const adapter = yield* deps.adapterOf(instanceId)
        if (adapter.signIn === undefined) return yield* missing(adapter, "sign in")
        // Models and more may come with the account.
        return Stream.onEnd(adapter.signIn(method), offers.changed(adapter))
      })).pipe(Stream.withSpan("ProviderService.signIn", { attributes: { instanceId } })),

    checkAgent: Effect.fn("ProviderService.checkAgent")(function*({ instanceId }) {
      yield* Effect.annotateCurrentSpan({ instanceId })
      const adapter = yield* deps.adapterOf(instanceId)
      return yield* Effect.timeoutOrElse(adapter.check ?? missing(adapter, "say whether it can be used"), {
        duration: deadline,
        orElse: () => new AgentUnreachable({ instanceId, operation: "check", code: "DEADLINE" })
      })
    }, Effect.scoped),

    listAgents: Effect.fn("ProviderService.listAgents")(() =>
      Effect.flatMap(list, (adapters) => Effect.forEach(adapters, describe, { concurrency: 8 }))
    )
  } satisfies Pick<ProviderService["Service"], "listOffers" | "watchOffers" | "signIn" | "checkAgent" | "listAgents">
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
