/**
 * What a start did with the past. Always returned by the start and always emitted as `SessionStarted`: a follow-up
 * never silently reaches an empty conversation.
 *
 * - `Created`: a new thread; there was no past.
 * - `Resumed`: the provider's own session goes on; the model has its whole history.
 * - `Moved`: as `Resumed`, and its working directory is now another one.
 * - `Forked`: a new session that holds a copy of another thread's history.
 * - `Rehydrated`: a new session that was handed the archived transcript, because the old one could not be had.
 * - `Fresh`: a new session WITHOUT the past, because policy said so or no archive exists.
 */
import { Schema } from "effect"
import { ThreadId } from "./Ids.ts"

/**
 * Why a past session could not simply go on.
 *
 * - `session-missing`: the provider proved that it no longer has the session.
 * - `directory-unreachable`: the session cannot be moved to the directory that was asked for.
 * - `provider-changed`: the thread was started on another provider instance.
 * - `never-resumable`: the provider had not yet made the session resumable when it was lost.
 * - `reset`: the app asked for a new beginning.
 * - `restored`: the thread begins with the transcript of a snapshot.
 */
export const LossReason = Schema.Literals([
  "session-missing",
  "directory-unreachable",
  "provider-changed",
  "never-resumable",
  "reset",
  "restored"
])
export type LossReason = typeof LossReason.Type

export const Continuity = Schema.TaggedUnion({
  Created: {},
  Resumed: {},
  Moved: { from: Schema.String },
  Forked: {
    from: ThreadId,
    /** The last event of the source thread that the copy holds. */
    seq: Schema.Int
  },
  Rehydrated: {
    reason: LossReason,
    /** Archived items that were handed over. */
    items: Schema.Int,
    /** Archived items that did not fit into the token budget. */
    omitted: Schema.Int
  },
  Fresh: { reason: LossReason }
})
export type Continuity = typeof Continuity.Type

/**
 * What to do once a session is proved missing.
 *
 * `rehydrate` hands the archived transcript to a new session (and is `fresh` where the archive is empty), `fresh`
 * starts without the past, `fail` fails with `SessionMissing`. Every outcome is reported as a {@link Continuity}.
 */
export const MissingPolicy = Schema.Literals(["rehydrate", "fresh", "fail"])
export type MissingPolicy = typeof MissingPolicy.Type
