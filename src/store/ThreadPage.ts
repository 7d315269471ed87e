/**
 * One page of threads.
 *
 * @since 0.1.0
 */
import type { Binding } from "../domain/ThreadRecord.ts"

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
