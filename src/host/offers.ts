/**
 * What agents offer, asked of them in bounded time, kept for some minutes, and asked for anew when it has changed.
 */
import { Cache, Effect, Exit, PubSub, Stream } from "effect"
import { ProjectConfig } from "../domain/ProjectConfig.ts"
import { type AgentStartError, AgentUnreachable } from "../provider/AdapterError.ts"
import type { Offers, OffersInput } from "../provider/Offers.ts"
import type { ProviderAdapter } from "../provider/ProviderAdapter.ts"
import type { ThreadDeps } from "../thread/ThreadDeps.ts"

/** How long an agent may take to say what it offers, or whether it can be used. It may have to be started for it. */
export const deadline = "45 seconds"

const timeToLive = "5 minutes"

/** Directories of one agent whose offers are kept. */
const capacity = 64

type Asked = ReturnType<NonNullable<ProviderAdapter["offers"]>>

/** What is known of one agent. */
interface Known {
  readonly cache: Cache.Cache<string, Offers, AgentStartError>
  /** A watcher that is slow needs the newest state once, not each change. */
  readonly changed: PubSub.PubSub<void>
}

export interface KnownOffers {
  /** Callers at the same time share one question. A failure is not kept. */
  readonly of: ThreadDeps["offersOf"]
  /** Forgets what this agent was known to offer, in every directory, and tells those who watch. */
  readonly changed: ThreadDeps["offersChanged"]
  /** One element at once, and one whenever what this agent offers may have changed. */
  readonly changes: (adapter: ProviderAdapter) => Stream.Stream<void>
}

export const make = Effect.sync((): KnownOffers => {
  const agents = new WeakMap<ProviderAdapter, Known>()
  const knownOf = Effect.fnUntraced(function*(adapter: ProviderAdapter) {
    const before = agents.get(adapter)
    if (before !== undefined) return before
    const known: Known = {
      cache: yield* Cache.makeWith((key: string) => ask(adapter, inputOf(key)), {
        capacity,
        timeToLive: (exit) => Exit.isSuccess(exit) ? timeToLive : 0
      }),
      changed: yield* PubSub.sliding<void>(1)
    }
    agents.set(adapter, known)
    return known
  })
  return {
    of: Effect.fnUntraced(function*(adapter, { directory, projectConfig = "instructions", refresh }) {
      if (adapter.offers === undefined) return undefined
      const { cache, changed } = yield* knownOf(adapter)
      const key = directory === undefined ? anywhere : `${projectConfig}:${directory}`
      if (refresh) yield* Cache.invalidate(cache, key)
      const offers = yield* Cache.get(cache, key)
      if (refresh) yield* PubSub.publish(changed, undefined)
      return offers
    }),
    changed: Effect.fnUntraced(function*(adapter) {
      const { cache, changed } = yield* knownOf(adapter)
      yield* Cache.invalidateAll(cache)
      yield* PubSub.publish(changed, undefined)
    }),
    changes: (adapter) =>
      Stream.unwrap(Effect.gen(function*() {
        const { changed } = yield* knownOf(adapter)
        // Listened to before the first element, or a change in between would be missed.
        const changes = yield* PubSub.subscribe(changed)
        return Stream.concat(Stream.succeed(undefined), Stream.fromSubscription(changes))
      }))
  }
})

/** In no directory. */
const anywhere = ""

const inputOf = (key: string): OffersInput => {
  const projectConfig = ProjectConfig.literals.find((config) => key.startsWith(`${config}:`))
  return projectConfig === undefined ? {} : { directory: key.slice(projectConfig.length + 1), projectConfig }
}

const ask = ({ instanceId, offers }: ProviderAdapter, input: OffersInput): Asked =>
  offers === undefined ? Effect.die(new Error(`${instanceId} has no offers`)) : Effect.timeoutOrElse(
    offers(input),
    {
      duration: deadline,
      orElse: () => new AgentUnreachable({ instanceId, operation: "offers", code: "DEADLINE" })
    }
  )
