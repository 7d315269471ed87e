/**
 * What a caller may do, thread by thread, as the app says. Without it every caller that comes in may do everything.
 *
 * It is asked before every operation, over HTTP, as an RPC, in the routes of the AI SDK (`ChatRoutes`), and in routes of an app's own
 * by `CallerService`, so a refusal does not tell whether there is such a thread.
 * Lists and streams leave out what the caller may not see; it is asked again for each page of a list and each batch of a
 * stream. `listAgents` and `checkAgent` are for every caller.
 *
 * **Example** (users see their own threads)
 *
 * ```ts
 * const Access = ThreadAccess.layer(({ action, caller, threadId }) =>
 *   Effect.succeed(action === "operate" ? caller.id === "admin" : threadId.startsWith(`${caller.id}/`))
 * )
 * ```
 *
 * @since 0.1.0
 */
import { Context, Effect, Layer } from "effect"
import type { Caller } from "../api/Middleware.ts"
import type { ThreadId } from "../domain/Ids.ts"

interface Asked {
  readonly caller: Caller["Service"]
  /** The operation, as `sendTurn`. */
  readonly operation: string
  /** Its input, decoded. Of a fork and a restore, `threadId` is the one thread, then the other. */
  readonly input: unknown
}

/**
 * What a caller wants.
 *
 * - `see`: read a thread, its events, its transcript and snapshots; have it in a list or a feed.
 * - `send`: make, change or end a thread, and work with its agent.
 * - `answer`: settle what its agent asks. An answer that changes the runtime mode needs `send`, too.
 * - `operate`: what is of no thread: sign in to an agent, list the sessions that an agent has, ask one a question, see what is
 *   offered in a directory, deliveries to hooks, snapshots by a path, a server that dials (`dial`).
 *
 * @category models
 * @since 0.1.0
 */
export type AccessRequest =
  | Asked & { readonly action: "see" | "send" | "answer"; readonly threadId: ThreadId }
  | Asked & { readonly action: "operate"; readonly threadId?: undefined }

/**
 * Decides on a request.
 *
 * @category models
 * @since 0.1.0
 */
export type Decide = (request: AccessRequest) => Effect.Effect<boolean>

/**
 * Who may see, send and answer. `undefined`: every caller.
 *
 * @category services
 * @since 0.1.0
 */
export const ThreadAccess = Context.Reference<Decide | undefined>("effect-coding-agents/ThreadAccess", {
  defaultValue: () => undefined
})

/**
 * Has the app decide.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (decide: Decide): Layer.Layer<never> => Layer.succeed(ThreadAccess, decide)
