/**
 * Compactions of one session: what answers the gate before them, and how one is asked for.
 *
 * OpenCode stores the request to compact as a message before it asks, and the frames that tell of it may come later than
 * the question. So that message is read, and is what the compaction begins with here. A compaction that was refused,
 * or whose summary failed, stays requested, and OpenCode would come back to it at the next prompt to no use, so the
 * request is withdrawn ({@link ./LiveSession.ts}); a session whose context is still full requests one again by itself (1.18.33).
 */
import { Deferred, Effect, Fiber, type Scope } from "effect"
import type { CompactionTrigger } from "../../domain/Compaction.ts"
import type { InstanceId } from "../../domain/Ids.ts"
import { type AgentError, GateMissing } from "../../provider/AdapterError.ts"
import type { CompactionGate, CompactionVerdict, StartInput } from "../../provider/ProviderAdapter.ts"
import type { CompactionPart } from "../protocol/Message.ts"
import type { OpenCodeConnection } from "../server/Connection.ts"
import * as Gate from "../server/Gate.ts"
import { triggerOf } from "../turn/TurnState.ts"
import { apply, type LiveSession, type SessionGate, ungated } from "./LiveSession.ts"
import type { Started } from "./SessionStart.ts"

/** The gate of a session, registered but not yet answering. */
export const enter = Effect.fnUntraced(function*(
  connection: OpenCodeConnection,
  instanceId: InstanceId,
  { calls, sessionId }: Started,
  input: StartInput
): Effect.fn.Return<SessionGate, AgentError, Scope.Scope> {
  const { gate, managed } = connection
  const kind: CompactionGate = managed || (gate !== undefined && (yield* gate.greeted(calls.directory)))
    ? "blocking"
    : (yield* calls.config).compaction?.auto === false
    ? "client-initiated"
    : "observe-only"
  if (gate === undefined || kind !== "blocking" || input.compaction?.gate === undefined) {
    return ungated(kind)
  }
  return {
    kind,
    ready: Effect.flatMap(
      gate.greeted(calls.directory),
      (greeted) => greeted ? Effect.void : Effect.fail(new GateMissing({ instanceId, missing: Gate.pluginPath }))
    ),
    ...(yield* gate.register(sessionId))
  }
})

/** Connects the session's gate to the one that the start was given. */
export const listen = (live: LiveSession, input: StartInput): void => {
  const gate = input.compaction?.gate
  if (gate !== undefined) live.gate.answer(asked(live, gate))
}

const asked = Effect.fn("OpenCode.compacting")(function*(
  live: LiveSession,
  gate: (trigger: CompactionTrigger) => Effect.Effect<CompactionVerdict>
) {
  const part = yield* Effect.orElseSucceed(requested(live), () => undefined)
  if (part !== undefined) yield* apply(live, [{ _tag: "Compacting", part }])
  return yield* gate(part === undefined ? "auto" : triggerOf(part))
})

const requested = ({ calls, sessionId }: LiveSession): Effect.Effect<CompactionPart | undefined, AgentError> =>
  Effect.map(
    calls.messages(sessionId, 50),
    (messages) =>
      messages.flatMap(({ parts }) => parts.flatMap((part) => part.type === "compaction" ? [part] : [])).at(-1)
  )

/** Begins a compaction; its course is in the events. OpenCode's own answer comes only when it is over. */
export const compact = Effect.fn("OpenCode.compact")(function*(live: LiveSession) {
  yield* live.gate.ready
  const began = yield* Deferred.make<void>()
  live.compactions.add(began)
  const over = yield* live.calls.summarize(live.sessionId, live.defaults.model).pipe(
    Effect.forkIn(live.scope, { startImmediately: true })
  )
  yield* Effect.raceFirst(Deferred.await(began), Fiber.join(over)).pipe(
    Effect.ensuring(Effect.sync(() => live.compactions.delete(began)))
  )
})
