/**
 * Keeps the runtime mode of a live session against what other clients of the same server do (1.18.33).
 *
 * Rules that another client has changed hold from the next prompt on, so they are asserted again before it. An "always"
 * holds for every session of its directory until the server is restarted, and nothing takes it back: the session ends, and
 * no other can be started there in a mode that asks.
 */
import { type Cause, Effect, Queue } from "effect"
import type { RuntimeMode } from "../../domain/RuntimeMode.ts"
import type { ProviderEvent } from "../../domain/ThreadEvent.ts"
import type * as Calls from "../server/Calls.ts"
import * as Permissions from "../turn/Permissions.ts"

export interface Enforced {
  readonly calls: Calls.Calls
  readonly sessionId: string
  /** What the session's rules must end with. */
  rules: ReadonlyArray<Permissions.Rule>
  /** As strict as the session has been since its start: a looser mode that it takes meanwhile keeps this. */
  policy: Permissions.Policy
  readonly events: Queue.Queue<ProviderEvent, Cause.Done>
  /** Has later starts in this directory refused. */
  readonly refuseDirectory: () => void
  readonly isDirectoryRefused: () => boolean
}

const asksNothing = ({ policy }: Enforced): boolean => policy.runtimeMode === "full-access"

const warning = (code: string, message: string): ProviderEvent => ({ _tag: "Warning", code, message })

/** The session's rules, as a frame or an answer of the server has them. */
export const rulesSeen = Effect.fnUntraced(function*(
  session: Enforced,
  permission: ReadonlyArray<Permissions.Rule> | undefined
) {
  const { calls, events, rules, sessionId } = session
  if (asksNothing(session) || Permissions.endsWith(permission, rules)) return false
  yield* calls.appendRules(sessionId, rules)
  const { permission: effective } = yield* calls.plain(calls.get(sessionId))
  if (!Permissions.endsWith(effective, rules)) {
    yield* giveUp(session, "Another client has changed the permissions of this session, and they cannot be restored")
    return true
  }
  yield* Queue.offer(
    events,
    warning("policy-reasserted", "Another client had changed the permissions of this session; they are as they were")
  )
  return true
})

/** An "always" was given in the session's directory. */
export const allowedAlways = (session: Enforced): Effect.Effect<void> =>
  asksNothing(session) ? Effect.void : giveUp(
    session,
    "A request in this directory was answered with \"always\", which weakens every session there until the server is restarted"
  )

/** A tool ran that should have been asked about. */
export const unasked = Effect.fnUntraced(function*(session: Enforced, tool: string) {
  const { permission } = yield* session.calls.plain(session.calls.get(session.sessionId))
  if (yield* rulesSeen(session, permission)) return
  yield* giveUp(session, `The tool ${tool} ran without being asked about; the server must be restarted`)
})

/**
 * Holds a session that was started in `full-access` to a mode that asks, from its next tool on. False where that takes
 * another session: after an "always", and while subagents may work that act unasked, which have to be kept from being
 * started by rules, and those hold from the next prompt on.
 */
export const tighten = Effect.fnUntraced(
  function*(session: Enforced, runtimeMode: RuntimeMode, isWorking: () => boolean) {
    const { calls, isDirectoryRefused, sessionId } = session
    const rules = Permissions.sessionRules(runtimeMode, yield* calls.agents)
    const hold = Effect.map(
      calls.plain(calls.get(sessionId)),
      ({ permission }) => Permissions.endsWith(permission, rules)
    )
    let held = yield* hold
    if (!held && !isWorking()) {
      yield* calls.appendRules(sessionId, rules)
      held = (yield* hold) && !isWorking()
    }
    if (!held || isDirectoryRefused()) {
      return false
    }
    session.rules = rules
    session.policy = { ...session.policy, runtimeMode }
    return true
  }
)

/** Says so, stops what runs, and ends the session. */
const giveUp = Effect.fnUntraced(function*({ calls, events, refuseDirectory, sessionId }: Enforced, message: string) {
  refuseDirectory()
  yield* Queue.offer(events, warning("policy-bypassed", message))
  yield* Effect.ignore(calls.abort(sessionId))
  yield* Queue.end(events)
})
