/**
 * The app-servers of an instance. Sessions that need the same of one share it, up to a number; it ends with its last
 * session.
 *
 * States of one: starting, open, retired. A retired one takes no further session: it is full of what did not let go, or
 * its process has ended.
 */
import { Deferred, Effect, Exit, Scope } from "effect"
import type { AgentStartError } from "../../provider/AdapterError.ts"
import type * as AppServer from "./AppServer.ts"

/** An app-server for as long as a session uses it. */
export interface Lease {
  readonly server: AppServer.AppServer
  /** No further session is to have it. */
  readonly retire: Effect.Effect<void>
}

export interface AppServers {
  /**
   * One that was started for the same `setup`, or a new one, until the Scope closes. Without a `setup` it is not shared.
   */
  readonly get: (
    setup: string | undefined,
    start: Effect.Effect<AppServer.AppServer, AgentStartError, AppServer.Needs>
  ) => Effect.Effect<Lease, AgentStartError, AppServer.Needs>
}

interface Entry {
  readonly setup: string | undefined
  readonly scope: Scope.Closeable
  readonly started: Deferred.Deferred<AppServer.AppServer, AgentStartError>
  users: number
}

/** `limit`: how many sessions one app-server has at most. */
export const make = (limit: number): AppServers => {
  const open = new Set<Entry>()
  const retire = (entry: Entry) => Effect.sync(() => open.delete(entry))

  const run = (entry: Entry, start: Effect.Effect<AppServer.AppServer, AgentStartError, AppServer.Needs>) =>
    Scope.provide(start, entry.scope).pipe(
      Effect.tap((server) => Effect.forkIn(Effect.andThen(server.peer.closed, retire(entry)), entry.scope)),
      Effect.tapCause(() => retire(entry)),
      Effect.onExit((exit) => Deferred.done(entry.started, exit)),
      Effect.forkIn(entry.scope)
    )

  return {
    get: Effect.fnUntraced(function*(setup, start) {
      const entry = yield* Effect.acquireRelease(
        Effect.suspend(() => {
          const known = setup === undefined
            ? undefined
            : Array.from(open).find((entry) => entry.setup === setup && entry.users < limit)
          if (known !== undefined) {
            known.users++
            return Effect.succeed(known)
          }
          const entry: Entry = { setup, scope: Scope.makeUnsafe(), started: Deferred.makeUnsafe(), users: 1 }
          open.add(entry)
          return Effect.as(run(entry, start), entry)
        }),
        (entry) =>
          Effect.suspend(() => {
            entry.users--
            if (entry.users > 0) return Effect.void
            open.delete(entry)
            return Scope.close(entry.scope, Exit.void)
          })
      )
      return { server: yield* Deferred.await(entry.started), retire: Effect.asVoid(retire(entry)) }
    })
  }
}
