/**
 * What an agent asks of a human, and what it does in the background, as the service offers them.
 */
import { Effect } from "effect"
import type { ThreadId } from "../domain/Ids.ts"
import * as Instrumentation from "../domain/Instrumentation.ts"
import type { Binding } from "../domain/ThreadRecord.ts"
import * as reentrancy from "../hooks/internal/reentrancy.ts"
import type { ProviderService } from "../service/ProviderService.ts"
import { TaskNotFound, type ThreadNotFound } from "../service/ServiceError.ts"
import type { StoreFailed, ThreadUnreadable } from "../store/StoreError.ts"
import type { ThreadActor } from "../thread/ThreadActor.ts"
import type { ThreadActors } from "./threadActors.ts"

export const make = ({ actors, getThread }: {
  readonly actors: ThreadActors
  readonly getThread: (threadId: ThreadId) => Effect.Effect<Binding, ThreadNotFound | StoreFailed | ThreadUnreadable>
}) => {
  /** Uses the thread's actor, also of a thread that is being started for the first time and is not stored yet. */
  const ofThread = Effect.fnUntraced(
    function*<A, E>(threadId: ThreadId, use: (actor: ThreadActor) => Effect.Effect<A, E>) {
      yield* Instrumentation.inThread(threadId)
      if (actors.peek(threadId) === undefined) yield* getThread(threadId)
      return yield* actors.use(threadId, use)
    }
  )
  return {
    respondToApproval: Effect.fn("ProviderService.respondToApproval")(function*(input) {
      const { actor: by, configure, decision, requestId, threadId } = input
      if (configure !== undefined) yield* reentrancy.check(threadId)
      const applied = yield* ofThread(threadId, (actor) => actor.respond(requestId, decision, by, configure))
      return applied === undefined ? {} : { applied }
    }),

    answerQuestion: Effect.fn("ProviderService.answerQuestion")(({ actor: by, answer, requestId, threadId }) =>
      ofThread(threadId, (actor) => actor.answer(requestId, answer, by))
    ),

    answerElicitation: Effect.fn("ProviderService.answerElicitation")(({ actor: by, answer, requestId, threadId }) =>
      ofThread(threadId, (actor) => actor.elicit(requestId, answer, by))
    ),

    stopTask: Effect.fn("ProviderService.stopTask")(({ taskId, threadId }) =>
      Effect.flatMap(
        ofThread(threadId, (actor) => actor.stopTask(taskId)),
        (found) => found ? Effect.void : new TaskNotFound({ threadId, taskId })
      )
    )
  } satisfies Pick<
    ProviderService["Service"],
    "respondToApproval" | "answerQuestion" | "answerElicitation" | "stopTask"
  >
}
