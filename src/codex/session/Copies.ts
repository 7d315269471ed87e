/**
 * Copies of a thread, and its way back to an earlier turn.
 */
import { Effect, Schema } from "effect"
import type { TurnPlace } from "../../provider/ProviderAdapter.ts"
import * as History from "./History.ts"
import type { LiveSession } from "./LiveSession.ts"
import * as Opening from "./Opening.ts"
import * as Project from "./Project.ts"
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
      // The copy is given the project's text when it is resumed.
      ...SessionStart.settings(input, options, Project.none)
    }, Forked)
    // A copy that is still loaded then is in use for a moment more, which its resume says.
    yield* server.unload(thread.id)
    return thread.id
  }).pipe(Effect.mapError(Opening.toAgentError(server)))
})

/** The conversation alone: files stay as they are. */
export const rewind = Effect.fnUntraced(function*(live: LiveSession, before: TurnPlace) {
  const { server, sessionId } = live
  const beforeTurnId = yield* History.locate(server, sessionId, before)
  yield* Effect.mapError(
    server.peer.call("thread/revert", { threadId: sessionId, beforeTurnId }),
    Opening.toAgentError(server)
  )
  // Whether it goes back as well is not said.
  live.has = undefined
})
