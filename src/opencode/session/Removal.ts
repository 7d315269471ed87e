/**
 * Messages that are taken out of a session before the next prompt, which they would get in the way of. Never by OpenCode's
 * `revert`, which takes the files of the directory back as well.
 */
import { Effect } from "effect"
import type { ProviderEvent } from "../../domain/ThreadEvent.ts"
import type * as Calls from "../server/Calls.ts"
import * as Offending from "../turn/Offending.ts"

interface Session {
  readonly calls: Calls.Calls
  readonly sessionId: string
}

/** The request for a compaction that was given up. */
export const request = ({ calls, sessionId }: Session, messageId: string): Effect.Effect<unknown> =>
  calls.withdraw(sessionId, messageId).pipe(
    Effect.catch((error) => Effect.logWarning("OpenCode keeps the request for a compaction that was given up", error))
  )

/** What would fail every later turn; answers what the user is to be told of it. */
export const offence = (
  { calls, sessionId }: Session,
  because: Offending.Offence
): Effect.Effect<ReadonlyArray<ProviderEvent>> =>
  Effect.gen(function*() {
    const { files, messageIds } = Offending.find(yield* calls.messages(sessionId), because)
    if (messageIds.length === 0) return []
    yield* Effect.forEach(messageIds.toReversed(), (id) => calls.deleteMessage(sessionId, id))
    const what = files.length === 0 ? "" : ` (${files.join(", ")})`
    const why = because === "refused"
      ? `The model's provider has refused what came last${what}`
      : `What came last${what} does not fit into the model's window`
    const message = `${why}. It was taken out of the session, so that the conversation can go on without it.`
    return [{ _tag: "Warning", code: "prompt-removed", message } satisfies ProviderEvent]
  }).pipe(
    Effect.catch((error) =>
      Effect.as(Effect.logWarning("OpenCode keeps a message that its model does not take", error), [])
    )
  )
