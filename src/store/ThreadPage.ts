/**
 * One page of threads.
 *
 * @since 0.1.0
 */
import type { ThreadId } from "../domain/Ids.ts"
import type { Binding, ThreadStatus } from "../domain/ThreadRecord.ts"
import type { ThreadWhere } from "./ThreadWhere.ts"

/**
 * As {@link ThreadWhere}, with what is known of threads beside the store. The directory is a real path.
 *
 * @category models
 * @since 0.1.0
 */
export interface ThreadFilter extends Omit<ThreadWhere, "status"> {
  /** One of these, as it is stored; of the threads in `known` only `fitting` do, whatever is stored. */
  readonly status?: {
    readonly stored: ReadonlyArray<ThreadStatus>
    readonly known: ReadonlyArray<ThreadId>
    readonly fitting: ReadonlyArray<ThreadId>
  } | undefined
}

/**
 * A row that cannot be read, with the reason in prose.
 *
 * @category models
 * @since 0.1.0
 */
export interface UnreadableThread {
  /** As it is stored, which no thread may be able to have. */
  readonly threadId: string
  readonly reason: string
}

/**
 * Newest activity first.
 *
 * @category models
 * @since 0.1.0
 */
export interface ThreadPage {
  readonly threads: ReadonlyArray<Binding>
  /** Rows of this page that cannot be read. */
  readonly unreadable: ReadonlyArray<UnreadableThread>
  /** What `after` takes to continue; absent on the last page. */
  readonly next: string | undefined
}
