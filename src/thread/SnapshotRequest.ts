/**
 * A snapshot that somebody asks for: of a live thread with all that its agent has, of a stopped one from our log.
 */
import { Effect, Result, Semaphore } from "effect"
import * as CompactionPolicy from "../domain/CompactionPolicy.ts"
import type { SnapshotFailure, SnapshotInfo } from "../domain/Snapshot.ts"
import type { EventBody } from "../domain/ThreadEvent.ts"
import { type BoundThread, isBound } from "../domain/ThreadRecord.ts"
import { ThreadNotFound } from "../service/ServiceError.ts"
import { SnapshotNotWritten } from "../transcript/SnapshotError.ts"
import * as Compaction from "./Compaction.ts"
import * as LiveSession from "./LiveSession.ts"
import * as SnapshotTaking from "./SnapshotTaking.ts"
import { type Engine, loadBinding, type ThreadActor } from "./ThreadActor.ts"
import * as ThreadLog from "./ThreadLog.ts"

const told = (taken: Result.Result<SnapshotInfo, SnapshotFailure>): EventBody =>
  Result.match(taken, {
    onSuccess: (snapshot) => ({ _tag: "SnapshotWritten", snapshot }),
    onFailure: (failure) => ({ _tag: "SnapshotFailed", failure })
  })

/** Appended under the epoch, which is over. The log's lock held. */
const annotated = (engine: Engine, actor: ThreadActor, binding: BoundThread, body: EventBody) =>
  ThreadLog.append(actor.log, engine.clock, binding, [body], (written) =>
    engine.store.commit({
      name: "annotate a thread",
      threadId: actor.threadId,
      parts: [{ epoch: binding.epoch, expect: "stopped", ...written }],
      flush: true
    }))

/** What is known of the thread once its session is over. Lock held, no live session. */
const annotate = Effect.fnUntraced(function*(engine: Engine, actor: ThreadActor, body: EventBody) {
  const binding = yield* loadBinding(engine, actor)
  if (binding === undefined || !isBound(binding)) return
  yield* annotated(engine, actor, binding, body).pipe(
    Semaphore.withPermit(actor.log.lock)
  )
})

const ofStopped = (engine: Engine, actor: ThreadActor, parts: SnapshotTaking.Parts) =>
  Effect.gen(function*() {
    const binding = yield* loadBinding(engine, actor)
    if (binding === undefined || !isBound(binding)) return yield* new ThreadNotFound({ threadId: actor.threadId })
    const policy = CompactionPolicy.resolve(engine.policy, binding.compaction)
    const taken = yield* SnapshotTaking.take(parts, { binding, policy, timing: () => "before" })
    yield* annotate(engine, actor, told(taken))
    return taken
  })

/** Under the session's epoch, be it over by now, or else under the one that the thread has then. */
const announce = (engine: Engine, actor: ThreadActor, live: LiveSession.LiveSession, body: EventBody) =>
  Effect.suspend(() =>
    live.over
      ? annotated(engine, actor, live.binding, body)
      : LiveSession.append(engine, live, [body])
  ).pipe(
    LiveSession.locked(live),
    Effect.uninterruptible,
    Effect.catchTag("EpochFenced", () =>
      Semaphore.withPermit(actor.lock)(
        Effect.suspend(() =>
          actor.live === undefined
            ? annotate(engine, actor, body)
            : LiveSession.announce(engine, actor.live, [body])
        )
      ))
  )

/** The session may be used, or end, meanwhile. */
const ofLive = Effect.fnUntraced(function*(
  engine: Engine,
  actor: ThreadActor,
  parts: SnapshotTaking.Parts,
  live: LiveSession.LiveSession
) {
  const { binding, policy } = live
  const taken = yield* SnapshotTaking.take(parts, {
    binding,
    live,
    policy,
    timing: () => Compaction.timing(live, live.compaction)
  })
  yield* announce(engine, actor, live, told(taken))
  return taken
})

/** Succeeds once it is on the disk and recorded. */
export const take = Effect.fnUntraced(function*(engine: Engine, actor: ThreadActor, parts: SnapshotTaking.Parts) {
  const { live } = actor
  // One that ends just now is still there for the hooks that are told so, and its thread is locked until they are.
  const taken = yield* live === undefined
    ? Semaphore.withPermit(actor.lock)(
      Effect.suspend(() =>
        actor.live === undefined
          ? ofStopped(engine, actor, parts)
          : ofLive(engine, actor, parts, actor.live)
      )
    )
    : ofLive(engine, actor, parts, live)
  return yield* Result.match(taken, {
    onSuccess: Effect.succeed,
    onFailure: (failure) => Effect.fail(new SnapshotNotWritten({ failure }))
  })
})
