/**
 * Copies of a thread, and its way back to an earlier turn.
 */
import { Effect } from "effect"
import type { TurnPlace } from "../../provider/ProviderAdapter.ts"
import * as History from "./History.ts"
import type { LiveSession } from "./LiveSession.ts"
import * as Opening from "./Opening.ts"
import * as Project from "./Project.ts"
import * as SessionStart from "./SessionStart.ts"

/**
 * The id of the copy. The app-server that copies holds the copy's writer lock, so it lets go of it: another one is to
 * resume it. A copy that is still loaded then is in use for a moment more, which its resume says.
 */
export const fork = Effect.fnUntraced(function*(
  { input, server, sessionId }: LiveSession,
  options: SessionStart.ThreadOptions,
  at: TurnPlace | undefined
) {
  const lastTurnId = at === undefined ? undefined : yield* History.locate(server, sessionId, at)
  // The copy is given the project's text when it is resumed.
  const settings = SessionStart.settings(input, options, Project.none)
  return yield* Effect.scoped(
    Opening.fork(server, sessionId, { ...settings, ...(lastTurnId === undefined ? {} : { lastTurnId }) })
  )
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
