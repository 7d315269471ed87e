/**
 * What agents offer, asked of them in bounded time and kept for some minutes.
 */
import { Cache, Effect, Exit } from "effect"
import { type AgentStartError, AgentUnreachable } from "../provider/AdapterError.ts"
import type { Offers } from "../provider/Offers.ts"
import type { ProviderAdapter } from "../provider/ProviderAdapter.ts"
import type { ThreadDeps } from "../thread/ThreadDeps.ts"

/** How long an agent may take to say what it offers, or whether it can be used. It may have to be started for it. */
export const deadline = "45 seconds"

const timeToLive = "5 minutes"

/** Directories of one agent whose offers are kept. */
const capacity = 64

type Asked = ReturnType<NonNullable<ProviderAdapter["offers"]>>

/** Callers at the same time share one question. A failure is not kept. */
export const make = Effect.sync((): ThreadDeps["offersOf"] => {
  const caches = new WeakMap<ProviderAdapter, Cache.Cache<string, Offers, AgentStartError>>()
  const cacheOf = Effect.fnUntraced(function*(
    adapter: ProviderAdapter,
    offers: NonNullable<ProviderAdapter["offers"]>
  ) {
    const known = caches.get(adapter)
    if (known !== undefined) return known
    const cache = yield* Cache.makeWith(
      (key: string) => ask(adapter, offers(key === anywhere ? {} : { directory: key })),
      {
        capacity,
        timeToLive: (exit) => Exit.isSuccess(exit) ? timeToLive : 0
      }
    )
    caches.set(adapter, cache)
    return cache
  })
  return Effect.fnUntraced(function*(adapter, { directory = anywhere, refresh }) {
    if (adapter.offers === undefined) return undefined
    const cache = yield* cacheOf(adapter, adapter.offers)
    if (refresh) yield* Cache.invalidate(cache, directory)
    return yield* Cache.get(cache, directory)
  })
})

/** No absolute path. */
const anywhere = ""

const ask = ({ instanceId }: ProviderAdapter, asked: Asked): Asked =>
  Effect.timeoutOrElse(asked, {
    duration: deadline,
    orElse: () => new AgentUnreachable({ instanceId, operation: "offers", code: "DEADLINE" })
  })
