/**
 * A session cut at a turn (OpenCode 1.18.33). A turn is found by the id of its first message, which we chose; a fork has
 * ids of its own, so what it was made with is not found in it.
 *
 * A rewind deletes the messages. OpenCode's own `revert` would take files back too, but only in a git work tree, and the
 * messages would stay until the next prompt: a copy that is made before it would still have them.
 */
import { Effect } from "effect"
import type { InstanceId } from "../../domain/Ids.ts"
import { type AgentError, TurnNotInSession } from "../../provider/AdapterError.ts"
import type { TurnPlace } from "../../provider/ProviderAdapter.ts"
import type { Calls } from "../server/Calls.ts"
import { messagesOf } from "./History.ts"

/** All ids of the session's messages, in order, and how many of them are before the turn and up to its end. */
const find = Effect.fnUntraced(function*(
  calls: Calls,
  instanceId: InstanceId,
  sessionId: string,
  { ref, turnId }: TurnPlace
): Effect.fn.Return<
  { readonly ids: ReadonlyArray<string>; readonly start: number; readonly end: number },
  AgentError | TurnNotInSession
> {
  if (ref === undefined) return yield* new TurnNotInSession({ instanceId, turnId, reason: "no-ref" })
  const messages = yield* calls.messages(sessionId)
  const ids = messages.map(({ info }) => info.id)
  const start = ids.indexOf(ref)
  if (start === -1) return yield* new TurnNotInSession({ instanceId, turnId, reason: "not-found" })
  return { ids, start, end: start + messagesOf(messages, ref).length }
})

/** The first message that a fork which ends with this turn does not have; nothing if it has all. */
export const after = (calls: Calls, instanceId: InstanceId, sessionId: string, at: TurnPlace) =>
  Effect.map(find(calls, instanceId, sessionId, at), ({ end, ids }) => ids[end])

/**
 * Newest first: a rewind that fails on the way still finds the turn when it is asked for again.
 *
 * After a turn OpenCode writes what it changed in files to the user's message, beside everything else, and so brings a
 * deleted one back, without its words. The model is not given a message without parts; it is deleted again all the same.
 */
export const rewind = Effect.fn("OpenCode.rewind")(function*(
  calls: Calls,
  instanceId: InstanceId,
  sessionId: string,
  before: TurnPlace
) {
  const { ids, start } = yield* find(calls, instanceId, sessionId, before)
  const gone = ids.slice(start).toReversed()
  const remove = (ids: ReadonlyArray<string>) =>
    Effect.forEach(ids, (id) => calls.deleteMessage(sessionId, id), { discard: true })
  yield* remove(gone)
  let quiet = 0
  for (let time = 0; time < 10 && quiet < 2; time++) {
    yield* Effect.sleep("200 millis")
    const there = new Set((yield* calls.messages(sessionId)).map(({ info }) => info.id))
    const back = gone.filter((id) => there.has(id))
    yield* remove(back)
    quiet = back.length === 0 ? quiet + 1 : 0
  }
})
