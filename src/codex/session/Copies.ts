/**
 * Copies of a thread, and its way back to an earlier turn.
 */
import { Effect, Fiber, Schema } from "effect"
import type { TurnPlace } from "../../provider/ProviderAdapter.ts"
import * as History from "./History.ts"
import type { LiveSession } from "./LiveSession.ts"
import * as SessionStart from "./SessionStart.ts"

const Forked = Schema.Struct({ thread: Schema.Struct({ id: Schema.String }) })

/**
 * The id of the copy. The app-server that copies holds the copy's writer lock, so it lets go of it: another one is to
 * resume it.
 */
export const fork = Effect.fnUntraced(function*(
  { input, server, sessionId }: LiveSession,
  options: SessionStart.ThreadOptions,
  at: TurnPlace | undefined
) {
  const lastTurnId = at === undefined ? undefined : yield* History.locate(server, sessionId, at)
  return yield* Effect.gen(function*() {
    const { thread } = yield* server.call("thread/fork", {
      threadId: sessionId,
      excludeTurns: true,
      ...(lastTurnId === undefined ? {} : { lastTurnId }),
      ...SessionStart.settings(input, options)
    }, Forked)
    const unloaded = yield* Effect.forkChild(server.unloaded(thread.id), { startImmediately: true })
    yield* server.peer.call("thread/unsubscribe", { threadId: thread.id })
    yield* Effect.timeoutOption(Fiber.join(unloaded), unloadDeadline)
    return thread.id
  }).pipe(Effect.mapError(SessionStart.toAgentError(server)))
})

/** A copy that is still loaded then is in use for a moment more, which its resume says. */
const unloadDeadline = "5 seconds"

/** The conversation alone: files stay as they are. */
export const rewind = Effect.fnUntraced(function*({ server, sessionId }: LiveSession, before: TurnPlace) {
  const beforeTurnId = yield* History.locate(server, sessionId, before)
  yield* Effect.mapError(
    server.peer.call("thread/revert", { threadId: sessionId, beforeTurnId }),
    SessionStart.toAgentError(server)
  )
})
