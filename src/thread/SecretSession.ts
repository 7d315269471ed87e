/**
 * A session that was given secrets, with these covered in all that it says: events, history, errors, last words. The
 * adapter may cover them too; that they reach no log and no error of ours is not left to it.
 */
import { Effect, Predicate, Stream } from "effect"
import * as SecretFilter from "../adapter/SecretFilter.ts"
import { overlaid } from "../provider/AdapterGuard.ts"
import type { ProviderSession } from "../provider/ProviderAdapter.ts"

/** Covers the secrets in an error of the agent, whose fields hold its own words. */
export const errors = (secrets: ReadonlyArray<string>) => {
  const cover = SecretFilter.values(secrets)
  return <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    secrets.length === 0 ? effect : Effect.tapError(effect, (error) => Effect.sync(() => coverFields(error, cover)))
}

/** In place: an error of a class stays one. */
const coverFields = (error: unknown, cover: <A>(value: A) => A): void => {
  if (!Predicate.isObject(error)) return
  for (const key of Reflect.ownKeys(error)) {
    const value: unknown = Reflect.get(error, key)
    const covered = cover(value)
    if (covered !== value) Reflect.set(error, key, covered)
  }
}

export const make = (session: ProviderSession, secrets: ReadonlyArray<string>): ProviderSession => {
  if (secrets.length === 0) return session
  const filter = SecretFilter.make(secrets)
  const cover = SecretFilter.values(secrets)
  const safe = errors(secrets)
  return overlaid(session, {
    // What comes together stays together, and is one commit.
    events: Stream.flattenIterable(Stream.map(Stream.chunks(session.events), filter)),
    exit: Effect.map(session.exit, cover),
    history: safe(Effect.map(session.history, cover)),
    evidence: (turn) => safe(Effect.map(session.evidence(turn), cover)),
    compact: safe(session.compact),
    checkModel: (model) => safe(session.checkModel(model)),
    rename: (title) => safe(session.rename(title)),
    switchMode: (runtimeMode) => safe(session.switchMode(runtimeMode)),
    sendTurn: (turn) => safe(session.sendTurn(turn)),
    steerTurn: (turn) => safe(session.steerTurn(turn)),
    interruptTurn: (turnId) => safe(session.interruptTurn(turnId)),
    respondToApproval: (requestId, decision) => safe(session.respondToApproval(requestId, decision)),
    answerQuestion: (requestId, answer) => safe(session.answerQuestion(requestId, answer)),
    answerElicitation: (requestId, answer) => safe(session.answerElicitation(requestId, answer)),
    fork: (at) => safe(session.fork(at)),
    rewind: (before) => safe(session.rewind(before)),
    exportSession: (since) => safe(session.exportSession(since)),
    stopTask: (taskId) => safe(session.stopTask(taskId))
  })
}
