/**
 * What is changed of a thread between its starts, and while its session is live.
 */
import { Effect, Option, Semaphore } from "effect"
import { ThreadNotFound } from "../service/ServiceError.ts"
import type { ThreadChange } from "../store/Commit.ts"
import * as LiveEpoch from "./epoch/LiveEpoch.ts"
import * as ThreadCell from "./ThreadCell.ts"
import type { ThreadDeps } from "./ThreadDeps.ts"

export type Configuration = Omit<ThreadChange, "threadId" | "epoch" | "model">

/** Changes what is given. */
export const configure = Effect.fnUntraced(function*(
  deps: ThreadDeps,
  cell: ThreadCell.ThreadCell,
  { archived, labels, title }: Configuration
) {
  if (archived !== undefined || labels !== undefined || title === undefined) {
    yield* put(deps, cell, {
      ...(archived === undefined ? {} : { archived }),
      ...(labels === undefined ? {} : { labels })
    })
  }
  if (title !== undefined) yield* rename(deps, cell, title)
})

/**
 * Writes what belongs to the thread and to none of its epochs. Not under the thread's lock: hooks may label their thread,
 * and the lock is held until they are done.
 */
const put = (deps: ThreadDeps, cell: ThreadCell.ThreadCell, change: Omit<ThreadChange, "threadId" | "epoch">) =>
  Effect.gen(function*() {
    const { threadId } = cell
    const position = yield* deps.store.configureThread({ threadId, ...change })
    if (Option.isNone(position)) return yield* new ThreadNotFound({ threadId })
    cell.log.position = position.value
    const { live } = cell
    if (live === undefined) return
    const { archived: was, ...binding } = live.binding
    const { archived = was === true, labels = binding.labels } = change
    live.binding = { ...binding, ...(labels === undefined ? {} : { labels }), ...(archived ? { archived } : {}) }
  }).pipe(Semaphore.withPermit(cell.log.lock), Effect.uninterruptible)

const rename = (deps: ThreadDeps, cell: ThreadCell.ThreadCell, title: string) =>
  ThreadCell.withThread(
    deps,
    cell,
    Effect.gen(function*() {
      const live = yield* ThreadCell.usable(deps, cell)
      if (live === undefined) return yield* put(deps, cell, { title })
      // Its own list of sessions shows it; nothing of the thread depends on it.
      yield* Effect.ignore(live.session.rename(title), { log: "Warn", message: "The agent did not take the title" })
      yield* LiveEpoch.configure(deps, live, { title })
    })
  )
