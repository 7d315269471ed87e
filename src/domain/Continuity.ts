/**
 * What a start did with the past. Every start returns it and emits it as `SessionStarted`, so that a follow-up never
 * silently reaches an empty conversation.
 *
 * - `Created`: a new thread without a past.
 * - `Resumed`: the provider's own session continues. The model has its whole history, but for what `lost` names.
 * - `Moved`: as `Resumed`, in another working directory.
 * - `Returned`: the thread is back at an agent that had it before, in the session that it had there. The model has its whole
 *   history up to the swap, and is told what was said since.
 * - `Forked`: a new session that holds a copy of another thread's history, but for what `lost` names.
 * - `Adopted`: a session that the agent had before goes on as a new thread; the model has its whole history, and the
 *   thread's archive begins here.
 * - `Rehydrated`: a new session that was handed the archived transcript, because the old one was not available.
 * - `Fresh`: a new session WITHOUT the past, by policy or because no archive exists.
 *
 * @since 0.1.0
 */
import { Schema } from "effect"
import { ThreadId } from "./Ids.ts"

/**
 * Why a past session did not continue.
 *
 * - `session-missing`: the provider proved that it no longer has the session.
 * - `directory-unreachable`: the session cannot be moved to the directory that was asked for.
 * - `provider-changed`: the thread was started on another provider instance, which has no session of it to return to.
 * - `never-resumable`: the provider had not yet made the session resumable when it was lost.
 * - `reset`: the app asked for a new beginning.
 * - `restored`: the thread begins with the transcript of a snapshot.
 * - `imported`: the thread was brought along without a session that could be gone on with.
 *
 * @since 0.1.0
 * @category schemas
 */
export const LossReason = Schema.Literals([
  "session-missing",
  "directory-unreachable",
  "provider-changed",
  "never-resumable",
  "reset",
  "restored",
  "imported"
])

/**
 * @since 0.1.0
 * @category models
 */
export type LossReason = typeof LossReason.Type

/**
 * The last turns of the thread that the agent's session does not have, though it has those before them.
 *
 * - `lost`: it had them. Its files are older than the thread (a backup, a power failure, a full disk), or the turns were
 *   taken back elsewhere. The agent's own history tells, where it has one. Of a fork: the copied session lacked them.
 * - `missed`: another agent had them, while the thread was with it. Those that were lost besides are counted as well.
 *
 * @since 0.1.0
 * @category schemas
 */
export const MissingTurns = Schema.Struct({
  turns: Schema.Int,
  /** Archived items of these turns that the next prompt brings along. */
  items: Schema.Int,
  /** Archived items that it does not: they did not fit, or `onMissing` is not `rehydrate`. */
  omitted: Schema.Int
})

/**
 * @since 0.1.0
 * @category models
 */
export interface MissingTurns extends Schema.Schema.Type<typeof MissingTurns> {}

/**
 * What a start did with the past, with what was left out.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Continuity = Schema.TaggedUnion({
  Created: {},
  Resumed: { lost: Schema.optionalKey(MissingTurns) },
  Moved: { from: Schema.String, lost: Schema.optionalKey(MissingTurns) },
  Returned: {
    missed: MissingTurns,
    /** Where the session worked until now, if it was moved. */
    movedFrom: Schema.optionalKey(Schema.String)
  },
  Forked: {
    from: ThreadId,
    /** The last event of the source thread that the copy holds. */
    seq: Schema.Int,
    /** The last turns of the copied conversation, if the copied session lacked them, and so does the copy. */
    lost: Schema.optionalKey(MissingTurns)
  },
  Adopted: {
    /** Where the session worked until now, if it was moved. */
    movedFrom: Schema.optionalKey(Schema.String)
  },
  Rehydrated: {
    reason: LossReason,
    /** Archived items that were handed over. */
    items: Schema.Int,
    /** Archived items that did not fit into the token budget, and those that retention has removed. */
    omitted: Schema.Int
  },
  Fresh: { reason: LossReason }
})

/**
 * @since 0.1.0
 * @category models
 */
export type Continuity = typeof Continuity.Type

/**
 * What to do when a session is proved missing.
 *
 * `rehydrate` hands the archived transcript to a new session (and is `fresh` if the archive is empty), `fresh` starts
 * without the past, `fail` fails with `SessionMissing`. Every outcome is reported as a {@link Continuity}. Of a session that
 * is there and lacks the last turns, `rehydrate` hands these over with the next prompt; the others only tell.
 *
 * @since 0.1.0
 * @category schemas
 */
export const MissingPolicy = Schema.Literals(["rehydrate", "fresh", "fail"])

/**
 * @since 0.1.0
 * @category models
 */
export type MissingPolicy = typeof MissingPolicy.Type
