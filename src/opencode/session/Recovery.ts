/**
 * What a session reads after its stream of frames was interrupted.
 */
import { Effect, Schedule } from "effect"
import type * as Calls from "../server/Calls.ts"

/** The facts that lost frames may have carried, read once the stream carries all that follows. */
export const readAll = ({ calls, listening, sessionId }: {
  readonly calls: Calls.Calls
  readonly listening: Effect.Effect<void>
  readonly sessionId: string
}) =>
  Effect.gen(function*() {
    yield* listening
    const [busy, messages, children, permissions, questions] = yield* Effect.all([
      calls.busy,
      calls.messages(sessionId),
      calls.children(sessionId),
      calls.permissions,
      calls.questions
    ], { concurrency: 2 })
    const tree = new Set([sessionId, ...children.map(({ id }) => id)])
    return {
      busy: busy.has(sessionId),
      messages,
      children: yield* Effect.forEach(children, ({ id }) =>
        Effect.map(calls.messages(id, 100), (messages) => ({ sessionId: id, busy: busy.has(id), messages }))),
      permissions: permissions.filter((request) =>
        tree.has(request.sessionID)
      ),
      questions: questions.filter((request) => tree.has(request.sessionID))
    }
  }).pipe(
    Effect.retry({ times: 6, schedule: Schedule.exponential("100 millis") }),
    Effect.orElseSucceed(() => undefined)
  )
