/**
 * The service as one caller may use it: for routes of an app's own, where `ThreadAccess` is to hold as it does over HTTP and RPC.
 *
 * **Example** (the threads of the user that is signed in)
 *
 * ```ts
 * const route = HttpRouter.add("GET", "/my/threads", Effect.gen(function*() {
 *   const agents = yield* CallerService.make(yield* CurrentUser)
 *   return yield* HttpServerResponse.json(yield* agents.listThreads({}))
 * }))
 * ```
 *
 * @since 0.1.0
 */
import { Effect, Stream } from "effect"
import { Caller } from "../api/Middleware.ts"
import { ProviderService } from "../service/ProviderService.ts"
import * as access from "./internal/access.ts"

/** Written as a method, it may be given what its operation takes. */
type Guarded = {
  run(input: unknown): Effect.Effect<unknown, unknown, Caller> | Stream.Stream<unknown, unknown, Caller>
}["run"]

function provided(guarded: access.Agents, caller: Caller["Service"]): ProviderService["Service"]
function provided(guarded: Readonly<Record<string, Guarded>>, caller: Caller["Service"]): object {
  return Object.fromEntries(
    Object.entries(guarded).map(([name, run]) => [name, (input: unknown) => {
      const answer = run(input)
      return Effect.isEffect(answer)
        ? Effect.provideService(answer, Caller, caller)
        : Stream.provideService(answer, Caller, caller)
    }])
  )
}

/**
 * The service of this process for this caller: each operation asks the app's `ThreadAccess` first (`AccessDenied`), and lists
 * and streams leave out what the caller may not see.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (caller: Caller["Service"]): Effect.Effect<ProviderService["Service"], never, ProviderService> =>
  Effect.map(access.agents, (guarded) => provided(guarded, caller))
