/**
 * What a start does with the past: which session it asks the adapter for, and what it does when that cannot be had.
 *
 * Classification is the adapter's (`SessionMissing` is proved, everything else propagates and keeps the cursor). Policy
 * is here, and every outcome is a `Continuity`.
 */
import { Effect, Exit, Scope } from "effect"
import { Continuity, type LossReason, type MissingPolicy, type MissingTurns } from "../domain/Continuity.ts"
import type { SessionId, ThreadId } from "../domain/Ids.ts"
import * as Transcript from "../domain/Transcript.ts"
import type { ProviderAdapter, ProviderSession, StartInput, StartSessionError } from "../provider/ProviderAdapter.ts"
import type { StoreFailed } from "../store/StoreError.ts"
import type { Conversation } from "../transcript/internal/threadArchive.ts"
import type * as EpochState from "./epoch/EpochState.ts"
import { handOver } from "./MissingTurns.ts"

/** What is known of the past before the adapter is asked. */
export type Past =
  /** The thread never had a session. */
  | { readonly _tag: "None" }
  /** There is a cursor of this provider instance. */
  | { readonly _tag: "Cursor"; readonly cursor: unknown }
  /** The thread is with another agent now; this is the cursor of the session that it had with this one. */
  | { readonly _tag: "Returning"; readonly cursor: unknown }
  /** The cursor of a copy that was just made of another thread's session; none where that session had no turn yet. */
  | {
    readonly _tag: "Fork"
    readonly cursor: unknown
    readonly from: ThreadId
    readonly seq: number
    /** What the copy holds of the source's conversation. */
    readonly turns: ReadonlyArray<Transcript.TranscriptTurn>
    /** Items that it holds beside them, which the source's archive does not have any more. */
    readonly pruned: number
    /** The last of these turns, which the source's session lacks, and so does the copy. */
    readonly missing: ReadonlyArray<Transcript.TranscriptTurn>
  }
  /** A session that the agent has, and no thread of ours. */
  | { readonly _tag: "Adopt"; readonly sessionId: SessionId }
  /** The thread was brought along and never started: the session that it had elsewhere, if it is known. */
  | { readonly _tag: "Imported"; readonly sessionId: SessionId | undefined }
  /** The app asked for a new conversation. */
  | { readonly _tag: "Reset" }
  /** The conversation of a snapshot. */
  | { readonly _tag: "Snapshot"; readonly snapshotId: string; readonly turns: ReadonlyArray<Transcript.TranscriptTurn> }
  /** There was a session, but none that this start may go on with. */
  | { readonly _tag: "Lost"; readonly reason: LossReason }

export interface Started {
  readonly session: ProviderSession
  readonly continuity: Continuity
  readonly notes: ReadonlyArray<EpochState.Note>
}

export interface StartOptions {
  /** Closing it stops whatever was started. */
  readonly scope: Scope.Scope
  readonly adapter: ProviderAdapter
  readonly input: Omit<StartInput, "from">
  readonly past: Past
  readonly onMissing: MissingPolicy
  readonly rehydrateTokens: number
  /** The thread's archive. Read only when it is needed. */
  readonly archive: Effect.Effect<Conversation, StoreFailed>
  /** The last turns of the thread that this session does not have; `undefined` where it had none. */
  readonly missing: (
    session: ProviderSession
  ) => Effect.Effect<ReadonlyArray<Transcript.TranscriptTurn> | undefined, StoreFailed>
}

/** Starts a session in a scope of its own, so that a failed attempt leaves nothing behind before the next one. */
const attempt = (options: StartOptions, from: StartInput["from"]) =>
  Effect.flatMap(Scope.fork(options.scope), (scope) =>
    options.adapter.startSession({ ...options.input, from }).pipe(
      Scope.provide(scope),
      Effect.map((session) => ({ session, notes: [], discard: Scope.close(scope, Exit.void) })),
      Effect.onExit((exit) => Exit.isSuccess(exit) ? Effect.void : Scope.close(scope, exit))
    ))

const withoutSession = Effect.fnUntraced(function*(options: StartOptions, reason: LossReason) {
  const { pruned, turns } = yield* options.archive
  // Of a thread that had no session yet, or whose session never had a turn, nothing is lost.
  if (turns.length + pruned === 0 && (reason === "never-resumable" || reason === "imported")) {
    return { ...(yield* attempt(options, { _tag: "New" })), continuity: Continuity.cases.Created.make({}) }
  }
  const seed = options.onMissing === "rehydrate" ? Transcript.seed(turns, options.rehydrateTokens, pruned) : undefined
  if (seed === undefined) {
    return { ...(yield* attempt(options, { _tag: "New" })), continuity: Continuity.cases.Fresh.make({ reason }) }
  }
  return {
    ...(yield* attempt(options, { _tag: "Seeded", transcript: seed.text })),
    continuity: Continuity.cases.Rehydrated.make({ reason, items: seed.items, omitted: seed.omitted })
  }
})

const moved = ({ origin }: ProviderSession) => origin._tag === "Moved" ? { movedFrom: origin.from } : {}

const resumed = (session: ProviderSession, lost?: MissingTurns): Continuity =>
  session.origin._tag === "Moved"
    ? Continuity.cases.Moved.make({ from: session.origin.from, ...(lost === undefined ? {} : { lost }) })
    : Continuity.cases.Resumed.make(lost === undefined ? {} : { lost })

const forked = ({ from, seq }: Extract<Past, { readonly _tag: "Fork" }>, lost?: MissingTurns): Continuity =>
  Continuity.cases.Forked.make({ from, seq, ...(lost === undefined ? {} : { lost }) })

/** Goes on with the session, or does what `onMissing` says where that cannot be. */
const continued = (options: StartOptions, from: StartInput["from"]) =>
  attempt(options, from).pipe(
    Effect.flatMap(Effect.fnUntraced(function*({ notes, session }) {
      const { past } = options
      const turns = past._tag === "Fork"
        ? past.missing
        : past._tag === "Cursor"
        ? (yield* options.missing(session)) ?? []
        : []
      const told = turns.length === 0 ? undefined : handOver(turns, options)
      return {
        session,
        notes: told?.notes ?? notes,
        continuity: past._tag === "Fork" ? forked(past, told?.missing) : resumed(session, told?.missing)
      }
    })),
    Effect.catchTag(["SessionMissing", "DirectoryUnreachable"], (error) =>
      options.onMissing === "fail"
        ? Effect.fail(error)
        : withoutSession(options, error._tag === "SessionMissing" ? "session-missing" : "directory-unreachable"))
  )

/**
 * Goes back to the session that the thread had with this agent before another one took over. Where it cannot be had, or had
 * no turn, the conversation is handed to a new one, as at any change of the agent.
 */
const returned = Effect.fnUntraced(function*(options: StartOptions, cursor: unknown) {
  const found = yield* attempt(options, { _tag: "Resume", cursor }).pipe(
    Effect.catchTag(
      ["SessionMissing", "SessionInUse", "CursorRejected", "DirectoryUnreachable"],
      () => Effect.undefined
    )
  )
  const turns = found === undefined ? undefined : yield* options.missing(found.session)
  if (found === undefined || turns === undefined) {
    if (found !== undefined) yield* found.discard
    return yield* withoutSession(options, "provider-changed")
  }
  const { session } = found
  const { missing, notes } = handOver(turns, options)
  return { session, notes, continuity: Continuity.cases.Returned.make({ missed: missing, ...moved(session) }) }
})

/**
 * Starts, resumes, moves, forks or rehydrates. A session that is proved missing, or that cannot work in the directory
 * asked for, is treated by `onMissing`; with `fail` the adapter's own error comes through.
 */
export const run = (options: StartOptions): Effect.Effect<Started, StartSessionError | StoreFailed> => {
  const { past } = options
  switch (past._tag) {
    case "None":
      return Effect.map(attempt(options, { _tag: "New" }), (started) => ({
        ...started,
        continuity: Continuity.cases.Created.make({})
      }))
    case "Reset":
      return Effect.map(attempt(options, { _tag: "New" }), (started) => ({
        ...started,
        continuity: Continuity.cases.Fresh.make({ reason: "reset" })
      }))
    case "Snapshot":
      return withoutSession(
        { ...options, onMissing: "rehydrate", archive: Effect.succeed({ turns: past.turns, pruned: 0 }) },
        "restored"
      )
    case "Adopt":
      return Effect.map(attempt(options, { _tag: "Adopt", sessionId: past.sessionId }), ({ notes, session }) => ({
        session,
        notes,
        continuity: Continuity.cases.Adopted.make(moved(session))
      }))
    case "Lost":
      return withoutSession(options, past.reason)
    case "Imported":
      return past.sessionId === undefined || !options.adapter.capabilities.adopt
        ? withoutSession({ ...options, onMissing: "rehydrate" }, "imported")
        : continued(options, { _tag: "Adopt", sessionId: past.sessionId })
    case "Returning":
      return returned(options, past.cursor)
    case "Fork":
      return past.cursor === undefined
        ? withoutSession({ ...options, onMissing: "rehydrate" }, "never-resumable")
        : continued(options, { _tag: "Resume", cursor: past.cursor })
    case "Cursor":
      return continued(options, { _tag: "Resume", cursor: past.cursor })
  }
}
