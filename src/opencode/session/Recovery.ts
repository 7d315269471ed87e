/**
 * What a session reads after its stream of frames was interrupted.
 */
import { Effect, Schedule } from "effect"
import type * as Calls from "../server/Calls.ts"

/**
 * The facts that lost frames may have carried. The server greets before it listens for events to send (1.18.33), so
 * what happens between the two is in no frame. After it has answered one call, everything is read.
 */
export const readAll = ({ calls, sessionId }: {
  readonly calls: Calls.Calls
  readonly sessionId: string
}) =>
  Effect.gen(function*() {
    yield* calls.busy
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
