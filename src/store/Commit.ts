/**
 * One write to a thread: what happened, in order, with all that follows from it. It is one transaction.
 *
 * The ledger of turns is a projection of the events. `TurnStarted` moves a turn from `intent` to `accepted`; `TurnBegan`
 * adds one that is accepted; a terminal event moves it from either to its outcome; `TurnReconciled` notes that it was compared with the agent's history.
 * `TurnRestored` does not touch the ledger. `SessionEnded` stops the thread and clears its due time.
 *
 * @since 0.1.0
 */
import type { Array as Arr } from "effect"
import type { Labels } from "../domain/AppData.ts"
import type { Epoch, SessionId, ThreadId, TurnId } from "../domain/Ids.ts"
import type { LifecycleEvent } from "../domain/LifecycleEvent.ts"
import type { RuntimeMode } from "../domain/RuntimeMode.ts"
import type { NumberedEvent } from "../domain/ThreadEvent.ts"
import type { Binding, ThreadStatus } from "../domain/ThreadRecord.ts"
import type { ModelSelection, RecordedInput } from "../domain/TurnInput.ts"
import type { StoredCursor } from "../provider/ResumeCursor.ts"
import type { Blob } from "./Blobs.ts"

/**
 * What is written under one epoch.
 *
 * @category models
 * @since 0.1.0
 */
export interface Part {
  readonly epoch: Epoch
  /**
   * What the epoch must be, or the write is fenced.
   *
   * - `live`: the thread's live epoch.
   * - `stopped`: its last epoch, which is over.
   * - `none`: an epoch that this part opens; `binding` is given.
   */
  readonly expect: "live" | "stopped" | "none"
  /** Written whole by the opening of an epoch. */
  readonly binding?: Binding | undefined
  /** The conversation begins anew: cursors that would find the old one are removed before the new one is put. */
  readonly resets?: boolean | undefined
  /** Durable events, numbered after the stored ones without a hole. */
  readonly events: ReadonlyArray<NumberedEvent>
  /** What these events tell hooks ({@link LifecycleRecord.of}); recorded for them in the same transaction. */
  readonly lifecycle: ReadonlyArray<LifecycleEvent>
}

/**
 * One transaction.
 *
 * @category models
 * @since 0.1.0
 */
export interface Commit {
  /** What it does, for errors: "open an epoch", "end a turn", ... */
  readonly name: string
  readonly threadId: ThreadId
  /** In order. A reset is the end of one epoch and the opening of the next. */
  readonly parts: Arr.NonEmptyReadonlyArray<Part>
  /** Bytes that the events name and that the store may not have yet ({@link Blobs.ofEvents}). */
  readonly blobs?: ReadonlyArray<Blob> | undefined
  /** Of the instance that the thread is bound to after the last part. */
  readonly cursor?: StoredCursor | undefined
  /** When the reaper looks at the thread again, in milliseconds since the epoch. Absent leaves it, `null` clears it. */
  readonly dueAt?: number | null | undefined
  /** Milliseconds since the epoch. Absent leaves it. */
  readonly activeAt?: number | undefined
  /** Absent leaves it. `SessionEnded` in the last part stops the thread whatever this says. */
  readonly status?: ThreadStatus | undefined
  /** Whether the commit reaches the disk before it returns. */
  readonly flush: boolean
}

/**
 * A turn that is about to be sent.
 *
 * @category models
 * @since 0.1.0
 */
export interface Intent {
  readonly turnId: TurnId
  readonly threadId: ThreadId
  readonly epoch: Epoch
  /** The id under which the provider's history will have it, where the adapter can choose one. */
  readonly ref: string | undefined
  readonly input: RecordedInput
  /** The bytes that the input names ({@link Blobs.ofInput}). */
  readonly blobs?: ReadonlyArray<Blob> | undefined
  /** Names the input as the caller gave it, where the caller chose the id and may send it again. */
  readonly asked?: string | undefined
  /** Milliseconds since the epoch. */
  readonly at: number
  /** The `traceparent` of the turn's span, where the app has a telemetry. */
  readonly trace?: string | undefined
}

/**
 * A thread that no agent is started for yet.
 *
 * @category models
 * @since 0.1.0
 */
export type NewThread = Omit<Binding, "sessionId" | "status" | "epoch" | "lastSeq" | "position">

/**
 * A change of a thread's record: what is absent stays.
 *
 * @category models
 * @since 0.1.0
 */
export interface ThreadChange {
  readonly threadId: ThreadId
  /** Only while this epoch is live; absent: whatever the thread does. */
  readonly epoch?: Epoch | undefined
  readonly runtimeMode?: RuntimeMode | undefined
  readonly model?: ModelSelection | undefined
  readonly title?: string | undefined
  readonly labels?: Labels | undefined
  readonly archived?: boolean | undefined
}

/**
 * Events of a thread that is being imported, numbered from 1 without a hole.
 *
 * @category models
 * @since 0.1.0
 */
export interface ImportBatch {
  readonly events: ReadonlyArray<NumberedEvent>
  /** The bytes that the events name ({@link Blobs.ofEvents}). */
  readonly blobs: ReadonlyArray<Blob>
}

/**
 * A thread whose events were imported.
 *
 * @category models
 * @since 0.1.0
 */
export interface ImportedThread extends NewThread {
  /** The session that its first start goes on with. */
  readonly sessionId: SessionId | undefined
  readonly lastSeq: number
}
