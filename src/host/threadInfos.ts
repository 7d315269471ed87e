/**
 * Threads as the service shows them: the record, what the thread is doing now, and what is derived from its log; one of
 * them, a page, and every change.
 */
import { Effect, Option, Stream } from "effect"
import type { ThreadId } from "../domain/Ids.ts"
import { none } from "../domain/ThreadActivity.ts"
import type { Binding, ThreadStatus } from "../domain/ThreadRecord.ts"
import type { ListThreads } from "../service/Commands.ts"
import type { ProviderService } from "../service/ProviderService.ts"
import type { ThreadInfo, ThreadListChange } from "../service/Results.ts"
import { InputInvalid } from "../service/ServiceError.ts"
import type { ThreadFilter, ThreadWhere } from "../store/SessionStore.ts"
import type { ThreadDeps } from "../thread/ThreadDeps.ts"
import type { Outlooks } from "./outlooks.ts"
import type { ThreadActors } from "./threadActors.ts"
import type { ThreadChanges } from "./threadChanges.ts"

const defaultLimit = 100

const isStored = (status: ThreadInfo["status"]): status is ThreadStatus => status !== "starting"

export const make = ({ actors, changes, deps: { realDirectory, store }, outlooks }: {
  readonly actors: ThreadActors
  readonly changes: ThreadChanges
  readonly deps: Pick<ThreadDeps, "store" | "realDirectory">
  readonly outlooks: Outlooks
}) => {
  const statusOf = ({ status, threadId }: Binding): ThreadInfo["status"] => actors.peek(threadId)?.status ?? status

  const infosOf = (bindings: ReadonlyArray<Binding>) =>
    Effect.map(
      store.activity(bindings.map(({ threadId }) => threadId)),
      (activity): ReadonlyArray<ThreadInfo> => {
        const outlookOf = outlooks()
        return bindings.map((binding) => {
          const reaper = outlookOf(binding.threadId)
          return {
            ...binding,
            ...activity.get(binding.threadId) ?? none,
            status: statusOf(binding),
            ...(reaper === undefined ? {} : { reaper })
          }
        })
      }
    )

  /** What threads of this process are doing is ahead of the store. */
  const statusFilter = (asked: ReadonlyArray<ThreadInfo["status"]>): ThreadFilter["status"] => {
    const known = actors.all().flatMap(({ status, threadId }) => status === undefined ? [] : [{ status, threadId }])
    return {
      stored: asked.filter(isStored),
      known: known.map(({ threadId }) => threadId),
      fitting: known.flatMap(({ status, threadId }) => asked.includes(status) ? [threadId] : [])
    }
  }

  /** With the real path of the directory, as threads have it; one that is gone is looked for as it was given. */
  const resolved = ({ directory, ...where }: ThreadWhere): Effect.Effect<ThreadWhere> =>
    directory === undefined
      ? Effect.succeed(where)
      : Effect.map(Effect.orElseSucceed(realDirectory(directory), () => directory), (real) => ({
        ...where,
        directory: real
      }))

  const page = Effect.fnUntraced(function*(operation: string, { after, limit, where: asked }: ListThreads) {
    const { status, ...where } = yield* resolved(asked ?? {})
    const { next, threads, unreadable } = yield* store.listThreads({
      after,
      limit: limit ?? defaultLimit,
      where: { ...where, ...(status === undefined ? {} : { status: statusFilter(status) }) }
    }).pipe(
      Effect.catchTag(
        "PageInvalid",
        ({ reason }) => Effect.fail(new InputInvalid({ operation, issues: [{ path: "after", reason }] }))
      )
    )
    return { threads: yield* infosOf(threads), unreadable, ...(next === undefined ? {} : { next }) }
  })

  const fits = (thread: ThreadInfo, { archived, directory, instanceId, labels = {}, status }: ThreadWhere): boolean =>
    (archived === undefined || archived === (thread.archived ?? false)) &&
    Object.entries(labels).every(([name, value]) => thread.labels?.[name] === value) &&
    (status === undefined || status.includes(thread.status)) &&
    (instanceId === undefined || instanceId === thread.instanceId) &&
    (directory === undefined || directory === thread.directory)

  /** The threads as they are now, in one question; one that is not there, or cannot be read, is left out. */
  const now = Effect.fnUntraced(function*(threadIds: ReadonlyArray<ThreadId>) {
    const found = yield* Effect.forEach(
      threadIds,
      (threadId) => Effect.catchTag(store.getThread(threadId), "ThreadUnreadable", () => Effect.succeedNone)
    )
    return yield* infosOf(found.flatMap(Option.toArray))
  })

  return {
    info: (binding: Binding) => Effect.map(infosOf([binding]), ([info]) => info ?? { ...binding, ...none }),

    listThreads: Effect.fn("ProviderService.listThreads")((input) => page("listThreads", input)),

    watchThreads: ({ limit, where: asked }) =>
      Stream.unwrap(Effect.gen(function*() {
        // Followed first: what changes while the page is read is told after it.
        const next = yield* changes.follow
        const where = yield* resolved(asked ?? {})
        const first = yield* page("watchThreads", { limit, where })
        const shown = new Set(first.threads.map(({ threadId }) => threadId))
        const changed = Effect.fnUntraced(function*(threadIds: ReadonlySet<ThreadId>) {
          const fitting = (yield* now(Array.from(threadIds))).filter((thread) => fits(thread, where))
          const there = new Set(fitting.map(({ threadId }) => threadId))
          const gone = Array.from(threadIds).filter((threadId) => !there.has(threadId) && shown.delete(threadId))
          for (const threadId of there) shown.add(threadId)
          return [
            ...fitting.map((thread): ThreadListChange => ({ _tag: "Changed", thread })),
            ...gone.map((threadId): ThreadListChange => ({ _tag: "Gone", threadId }))
          ]
        })
        const opening: ThreadListChange = { _tag: "Page", page: first }
        return Stream.concat(
          Stream.succeed(opening),
          Stream.fromEffectRepeat(next).pipe(
            Stream.takeWhile((threadIds) => threadIds.size > 0),
            Stream.mapEffect(changed),
            Stream.flatMap(Stream.fromIterable)
          )
        )
      }))
  } satisfies Pick<ProviderService["Service"], "listThreads" | "watchThreads"> & Record<string, unknown>
}
