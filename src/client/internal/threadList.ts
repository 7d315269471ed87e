/**
 * The list of threads as it changes. A server that is there again begins with a whole page; its reader has had one, and is
 * told what has changed since.
 */
import { Effect, Equal, Stream } from "effect"
import type { ThreadId } from "../../domain/Ids.ts"
import type { WatchThreads } from "../../service/Commands.ts"
import type { ProviderService } from "../../service/ProviderService.ts"
import type { ThreadInfo, ThreadListChange, ThreadPage } from "../../service/Results.ts"
import * as EventPosition from "../../store/EventPosition.ts"
import * as calls from "./calls.ts"

const placeOf = ({ position }: ThreadInfo): number => position === undefined ? 0 : EventPosition.placeOf(position)

export const watchThreads = (remote: calls.Remote): ProviderService["Service"]["watchThreads"] => (input) =>
  Stream.suspend(() => {
    /** As the reader was told last. */
    const told = new Map<ThreadId, ThreadInfo>()
    /** The last commit that the first page knew of; undefined before it. */
    let begun: number | undefined

    const changed = (thread: ThreadInfo): ReadonlyArray<ThreadListChange> => {
      if (Equal.equals(told.get(thread.threadId), thread)) return []
      told.set(thread.threadId, thread)
      return [{ _tag: "Changed", thread }]
    }

    const gone = (threadId: ThreadId): ReadonlyArray<ThreadListChange> =>
      told.delete(threadId) ? [{ _tag: "Gone", threadId }] : []

    /** What has become of the list, against what was told. A thread that was in no page is new to the reader only if it has changed. */
    const caughtUp = (page: ThreadPage, since: number) =>
      Effect.map(wholeList(remote, input, page), (threads) => {
        const there = new Set(threads.map(({ threadId }) => threadId))
        return [
          ...threads.flatMap((thread) => told.has(thread.threadId) || placeOf(thread) > since ? changed(thread) : []),
          ...Array.from(told.keys()).flatMap((threadId) => there.has(threadId) ? [] : gone(threadId))
        ]
      })

    const follow = (change: ThreadListChange) => {
      if (change._tag === "Changed") return Effect.succeed(changed(change.thread))
      if (change._tag === "Gone") return Effect.succeed(gone(change.threadId))
      if (begun !== undefined) return caughtUp(change.page, begun)
      const { threads } = change.page
      for (const thread of threads) told.set(thread.threadId, thread)
      begun = Math.max(0, ...threads.map(placeOf))
      return Effect.succeed([change])
    }

    return calls.follow(
      remote,
      "watchThreads",
      () => remote.send("watchThreads", input).pipe(Stream.mapEffect(follow), Stream.flattenIterable),
      () => false
    )
  })

/** All threads that fit: this page, and those after it. */
const wholeList = (remote: calls.Remote, { where }: WatchThreads, { next, threads }: ThreadPage) =>
  Effect.gen(function*() {
    const all = Array.from(threads)
    let after = next
    while (after !== undefined) {
      const page = yield* remote.send("listThreads", { where, limit: 1000, after })
      all.push(...page.threads)
      after = page.next
    }
    return all
  })
