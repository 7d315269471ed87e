/**
 * What the service records of a thread beside its turns (a snapshot, an annotation): under the live epoch, or under the
 * thread's last one once that is over.
 */
import { Effect, Option, Semaphore } from "effect"
import type { Annotation } from "../domain/AppData.ts"
import type { TurnId } from "../domain/Ids.ts"
import type { EventBody } from "../domain/ThreadEvent.ts"
import { type Binding, isBound } from "../domain/ThreadRecord.ts"
import { ThreadNotFound, TurnNotFound } from "../service/ServiceError.ts"
import * as LiveEpoch from "./epoch/LiveEpoch.ts"
import * as ThreadCell from "./ThreadCell.ts"
import type { ThreadDeps } from "./ThreadDeps.ts"
import * as ThreadLog from "./ThreadLog.ts"

/** Writes it under an epoch that is over; answers its `seq`. The log's lock held. */
const writeEnded = (deps: ThreadDeps, cell: ThreadCell.ThreadCell, binding: Binding, body: EventBody) =>
  Effect.suspend(() => {
    const at = deps.clock.currentTimeMillisUnsafe()
    const numbered = ThreadLog.number(cell.log, cell.log.lastSeq ?? 0, at, binding.epoch, [body])
    const lifecycle = isBound(binding) ? deps.hooks.derive(numbered.durable, binding) : []
    return Effect.map(
      deps.store.commit({
        name: "annotate a thread",
        threadId: cell.threadId,
        parts: [{ epoch: binding.epoch, expect: "stopped", events: numbered.durable, lifecycle }],
        flush: true
      }),
      (position) => {
        ThreadLog.publish(cell.log, numbered, position)
        deps.hooks.emit(lifecycle)
        return cell.log.lastSeq ?? 0
      }
    )
  })

/** Records it under an epoch that is over; answers its `seq`. Hooks are told as far as there was a session to tell of. */
export const underEnded = (deps: ThreadDeps, cell: ThreadCell.ThreadCell, binding: Binding, body: EventBody) =>
  writeEnded(deps, cell, binding, body).pipe(Semaphore.withPermit(cell.log.lock), Effect.uninterruptible)

/** Records it under this epoch, live or over: it may end while its log's lock is waited for. */
const underEpoch = (deps: ThreadDeps, cell: ThreadCell.ThreadCell, live: LiveEpoch.LiveEpoch, body: EventBody) =>
  LiveEpoch.locked(
    live,
    Effect.suspend(() =>
      LiveEpoch.isOver(live)
        ? writeEnded(deps, cell, live.binding, body)
        : Effect.map(LiveEpoch.take(deps, live, { _tag: "Noted", events: [body] }), () => live.log.lastSeq ?? 0)
    )
  )

/** The thread's record. Lock held, no live epoch. */
const recordOf = Effect.fnUntraced(function*(deps: ThreadDeps, cell: ThreadCell.ThreadCell) {
  const record = yield* ThreadCell.loadRecord(deps, cell)
  return record ?? (yield* new ThreadNotFound({ threadId: cell.threadId }))
})

/** Records it under the live epoch, or under the thread's last one. Waits for a start that is under way. */
const waiting = (deps: ThreadDeps, cell: ThreadCell.ThreadCell, body: EventBody) =>
  ThreadCell.withLog(
    cell,
    Effect.flatMap(ThreadCell.usable(deps, cell), (live) =>
      live === undefined
        ? Effect.flatMap(recordOf(deps, cell), (record) => underEnded(deps, cell, record, body))
        : underEpoch(deps, cell, live, body))
  )

/** Records it under this epoch, or under the thread's last one if that epoch has ended meanwhile; answers its `seq`. */
export const under = (
  deps: ThreadDeps,
  cell: ThreadCell.ThreadCell,
  live: LiveEpoch.LiveEpoch,
  body: EventBody
) => Effect.catchTag(underEpoch(deps, cell, live, body), "EpochFenced", () => waiting(deps, cell, body))

/** Records what the app says of the thread, or of one of its turns; answers its `seq`. */
export const annotate = Effect.fnUntraced(function*(
  deps: ThreadDeps,
  cell: ThreadCell.ThreadCell,
  { turnId, ...said }: Omit<Annotation, "at"> & { readonly turnId?: TurnId | undefined }
) {
  const { threadId } = cell
  if (turnId !== undefined && Option.isNone(yield* deps.store.turnStart(threadId, turnId))) {
    return yield* new TurnNotFound({ threadId, turnId })
  }
  const body: EventBody = { _tag: "Annotated", ...said, ...(turnId === undefined ? {} : { turnId }) }
  // Not the thread's lock where there is a session: its hooks may annotate, and the lock is held until they are done.
  return yield* cell.live === undefined ? waiting(deps, cell, body) : under(deps, cell, cell.live, body)
})
