/**
 * What can go wrong in each operation, as a union Schema: `SendErrors` are all errors of `sendTurn`. Every union has
 * `InputInvalid`, which the door fails with before anything else happens.
 *
 * @since 0.1.0
 */
import { Schema } from "effect"
import * as Adapter from "../provider/AdapterError.ts"
import * as Store from "../store/StoreError.ts"
import * as Snapshot from "../transcript/SnapshotError.ts"
import * as Service from "./ServiceError.ts"

const agent = [
  Adapter.AgentUnauthorized,
  Adapter.AgentUnreachable,
  Adapter.AgentProtocolError,
  Adapter.LoginRequired
] as const
const stored = [Store.StoreFailed, Store.ThreadUnreadable] as const
const epoch = [...stored, Store.EpochFenced] as const

/** Of getting an agent that runs. */
const found = [
  Adapter.AgentNotFound,
  Adapter.AgentNotExecutable,
  Adapter.AgentStartFailed,
  Adapter.AgentTooOld,
  Adapter.AgentTooNew,
  Adapter.AgentMisconfigured,
  ...agent
] as const

/** Of making a session live, in any operation that does. */
const start = [
  ...found,
  Adapter.SessionMissing,
  Adapter.SessionInUse,
  Adapter.CursorRejected,
  Adapter.CopyRejected,
  Adapter.CapabilityMissing,
  Adapter.DirectoryUnreachable,
  Adapter.DirectoryUnsupported,
  Adapter.PolicyUnenforceable,
  Adapter.SetupRefused,
  Adapter.ModelUnavailable,
  Service.InstanceNotFound,
  Service.DirectoryInvalid,
  Service.LimitUnenforceable,
  Service.ThreadStopping,
  ...epoch
] as const

const send = [
  Service.InputInvalid,
  ...start,
  Adapter.TurnRefused,
  Adapter.DeliveryUncertain,
  Adapter.AttachmentRefused,
  Adapter.GateMissing,
  Adapter.CommandUnavailable,
  Adapter.CommandResets,
  Adapter.SkillUnavailable,
  Service.ThreadNotFound,
  Service.TurnInProgress,
  Store.TurnExists,
  Service.PromptEmpty,
  Service.PromptTooLong,
  Service.AttachmentTooLarge,
  Service.CompactionInProgress,
  Service.TurnVetoed,
  Service.HookReentrant
] as const

/** Of cutting a conversation at a turn. */
const cut = [
  ...start,
  Adapter.TurnNotInSession,
  Service.ThreadNotFound,
  Service.TurnNotFound,
  Service.TurnInProgress,
  Service.CompactionInProgress,
  Service.HookReentrant,
  Store.TurnUnreadable
] as const

const settle = [
  Service.InputInvalid,
  Service.ThreadNotFound,
  Service.RequestNotFound,
  Service.RequestSettled,
  ...agent,
  ...epoch
] as const

const damaged = [
  Snapshot.SnapshotUnknown,
  Snapshot.SnapshotCorrupt,
  Snapshot.SnapshotNewer,
  Snapshot.SnapshotUnreadable
] as const

const find = [Service.InputInvalid, ...damaged, Store.StoreFailed] as const

/**
 * Of making a session live.
 *
 * @category errors
 * @since 0.1.0
 */
export const StartErrors = Schema.Union(start)
/**
 * @category models
 * @since 0.1.0
 */
export type StartErrors = typeof StartErrors.Type

/**
 * Of `startSession`.
 *
 * @category errors
 * @since 0.1.0
 */
export const StartSessionErrors = Schema.Union([
  Service.InputInvalid,
  ...start,
  Service.StartIncomplete,
  Service.TurnInProgress,
  Service.CompactionInProgress,
  Service.HookReentrant
])
/**
 * @category models
 * @since 0.1.0
 */
export type StartSessionErrors = typeof StartSessionErrors.Type

/**
 * Of `createThread`.
 *
 * @category errors
 * @since 0.1.0
 */
export const CreateErrors = Schema.Union([
  Service.InputInvalid,
  Service.ThreadExists,
  Service.InstanceNotFound,
  Service.DirectoryInvalid,
  ...stored
])
/**
 * @category models
 * @since 0.1.0
 */
export type CreateErrors = typeof CreateErrors.Type

/**
 * Of `sendTurn`.
 *
 * @category errors
 * @since 0.1.0
 */
export const SendErrors = Schema.Union(send)
/**
 * @category models
 * @since 0.1.0
 */
export type SendErrors = typeof SendErrors.Type

/**
 * Of `runTurn`.
 *
 * @category errors
 * @since 0.1.0
 */
export const RunErrors = Schema.Union([...send, Service.TurnNotCompleted])
/**
 * @category models
 * @since 0.1.0
 */
export type RunErrors = typeof RunErrors.Type

/**
 * Of `interruptTurn`.
 *
 * @category errors
 * @since 0.1.0
 */
export const InterruptErrors = Schema.Union([
  Service.InputInvalid,
  Service.ThreadNotFound,
  Service.TurnNotFound,
  Store.TurnUnreadable,
  ...epoch
])
/**
 * @category models
 * @since 0.1.0
 */
export type InterruptErrors = typeof InterruptErrors.Type

/**
 * Of `respondToApproval`.
 *
 * @category errors
 * @since 0.1.0
 */
export const RespondErrors = Schema.Union([...settle, Service.ChoiceNotFound])
/**
 * @category models
 * @since 0.1.0
 */
export type RespondErrors = typeof RespondErrors.Type

/**
 * Of `answerQuestion`.
 *
 * @category errors
 * @since 0.1.0
 */
export const AnswerErrors = Schema.Union([...settle, Service.AnswerInvalid])
/**
 * @category models
 * @since 0.1.0
 */
export type AnswerErrors = typeof AnswerErrors.Type

/**
 * Of `answerElicitation`.
 *
 * @category errors
 * @since 0.1.0
 */
export const ElicitationErrors = Schema.Union(settle)
/**
 * @category models
 * @since 0.1.0
 */
export type ElicitationErrors = typeof ElicitationErrors.Type

/**
 * Of `stopTask`.
 *
 * @category errors
 * @since 0.1.0
 */
export const StopTaskErrors = Schema.Union([
  Service.InputInvalid,
  Service.ThreadNotFound,
  Service.TaskNotFound,
  Adapter.CapabilityMissing,
  ...agent,
  ...stored
])
/**
 * @category models
 * @since 0.1.0
 */
export type StopTaskErrors = typeof StopTaskErrors.Type

/**
 * Of `listOffers`.
 *
 * @category errors
 * @since 0.1.0
 */
export const OffersErrors = Schema.Union([
  Service.InputInvalid,
  Service.InstanceNotFound,
  Service.DirectoryInvalid,
  Adapter.CapabilityMissing,
  ...found
])
/**
 * @category models
 * @since 0.1.0
 */
export type OffersErrors = typeof OffersErrors.Type

/**
 * Of `signIn`.
 *
 * @category errors
 * @since 0.1.0
 */
export const SignInErrors = Schema.Union([
  Service.InputInvalid,
  Service.InstanceNotFound,
  Adapter.SignInFailed,
  Adapter.CapabilityMissing,
  ...found
])
/**
 * @category models
 * @since 0.1.0
 */
export type SignInErrors = typeof SignInErrors.Type

/**
 * Of `checkAgent`. An agent that is not installed is an answer; `AgentUnreachable` says that there was none in time.
 *
 * @category errors
 * @since 0.1.0
 */
export const CheckErrors = Schema.Union([
  Service.InputInvalid,
  Service.InstanceNotFound,
  Adapter.CapabilityMissing,
  Adapter.AgentUnreachable
])
/**
 * @category models
 * @since 0.1.0
 */
export type CheckErrors = typeof CheckErrors.Type

/**
 * Of `listAgents`.
 *
 * @category errors
 * @since 0.1.0
 */
export const AgentsErrors = Schema.Union([Service.InputInvalid])
/**
 * @category models
 * @since 0.1.0
 */
export type AgentsErrors = typeof AgentsErrors.Type

/**
 * Of `stopSession` and `deleteThread`.
 *
 * @category errors
 * @since 0.1.0
 */
export const StopErrors = Schema.Union([
  Service.InputInvalid,
  Service.ThreadNotFound,
  Service.HookReentrant,
  ...epoch
])
/**
 * @category models
 * @since 0.1.0
 */
export type StopErrors = typeof StopErrors.Type

/**
 * Of `resetThread`.
 *
 * @category errors
 * @since 0.1.0
 */
export const ResetErrors = Schema.Union([
  Service.InputInvalid,
  ...start,
  Service.ThreadNotFound,
  Service.CompactionInProgress,
  Service.HookReentrant
])
/**
 * @category models
 * @since 0.1.0
 */
export type ResetErrors = typeof ResetErrors.Type

/**
 * Of `compactThread`.
 *
 * @category errors
 * @since 0.1.0
 */
export const CompactErrors = Schema.Union([
  Service.InputInvalid,
  ...start,
  Adapter.GateMissing,
  Service.ThreadNotFound,
  Service.TurnInProgress,
  Service.CompactionInProgress,
  Service.CompactionRefused,
  Service.HookReentrant
])
/**
 * @category models
 * @since 0.1.0
 */
export type CompactErrors = typeof CompactErrors.Type

/**
 * Of `forkThread`.
 *
 * @category errors
 * @since 0.1.0
 */
export const ForkErrors = Schema.Union([
  Service.InputInvalid,
  ...cut,
  Service.ThreadExists
])
/**
 * @category models
 * @since 0.1.0
 */
export type ForkErrors = typeof ForkErrors.Type

/**
 * Of `rewindThread`.
 *
 * @category errors
 * @since 0.1.0
 */
export const RewindErrors = Schema.Union([Service.InputInvalid, ...cut])
/**
 * @category models
 * @since 0.1.0
 */
export type RewindErrors = typeof RewindErrors.Type

/**
 * Of `listSessions`.
 *
 * @category errors
 * @since 0.1.0
 */
export const ListSessionsErrors = Schema.Union([
  Service.InputInvalid,
  Service.InstanceNotFound,
  Service.DirectoryInvalid,
  Adapter.CapabilityMissing,
  ...found,
  Store.StoreFailed
])
/**
 * @category models
 * @since 0.1.0
 */
export type ListSessionsErrors = typeof ListSessionsErrors.Type

/**
 * Of `adoptSession`.
 *
 * @category errors
 * @since 0.1.0
 */
export const AdoptErrors = Schema.Union([
  Service.InputInvalid,
  ...start,
  Service.ThreadExists,
  Service.SessionTaken,
  Service.HookReentrant
])
/**
 * @category models
 * @since 0.1.0
 */
export type AdoptErrors = typeof AdoptErrors.Type

/**
 * Of lists.
 *
 * @category errors
 * @since 0.1.0
 */
export const ListErrors = Schema.Union([Service.InputInvalid, Store.StoreFailed])
/**
 * @category models
 * @since 0.1.0
 */
export type ListErrors = typeof ListErrors.Type

/**
 * Of reading one thread.
 *
 * @category errors
 * @since 0.1.0
 */
export const ReadErrors = Schema.Union([Service.InputInvalid, Service.ThreadNotFound, ...stored])
/**
 * @category models
 * @since 0.1.0
 */
export type ReadErrors = typeof ReadErrors.Type

/**
 * Of `readTranscript` and `streamTranscript`.
 *
 * @category errors
 * @since 0.1.0
 */
export const TranscriptErrors = Schema.Union([
  Service.InputInvalid,
  Service.ThreadNotFound,
  Service.TurnNotFound,
  Store.StoreFailed,
  Store.TurnUnreadable
])
/**
 * @category models
 * @since 0.1.0
 */
export type TranscriptErrors = typeof TranscriptErrors.Type

/**
 * Of taking a snapshot.
 *
 * @category errors
 * @since 0.1.0
 */
export const SnapshotErrors = Schema.Union([
  Service.InputInvalid,
  Snapshot.NothingToSave,
  Snapshot.SnapshotNotWritten,
  Service.ThreadNotFound,
  ...epoch
])
/**
 * @category models
 * @since 0.1.0
 */
export type SnapshotErrors = typeof SnapshotErrors.Type

/**
 * Of finding a snapshot and reading it.
 *
 * @category errors
 * @since 0.1.0
 */
export const FindErrors = Schema.Union(find)
/**
 * @category models
 * @since 0.1.0
 */
export type FindErrors = typeof FindErrors.Type

/**
 * Of exporting a snapshot.
 *
 * @category errors
 * @since 0.1.0
 */
export const ExportErrors = Schema.Union([...find, Snapshot.ExportUnsupported])
/**
 * @category models
 * @since 0.1.0
 */
export type ExportErrors = typeof ExportErrors.Type

/**
 * Of removing snapshots.
 *
 * @category errors
 * @since 0.1.0
 */
export const PurgeErrors = Schema.Union([Service.InputInvalid, Snapshot.SnapshotUnreadable, Store.StoreFailed])
/**
 * @category models
 * @since 0.1.0
 */
export type PurgeErrors = typeof PurgeErrors.Type

/**
 * Of restoring a snapshot into a new thread.
 *
 * @category errors
 * @since 0.1.0
 */
export const RestoreErrors = Schema.Union([
  Service.InputInvalid,
  ...damaged,
  ...start,
  Service.ThreadExists,
  Service.TurnInProgress,
  Service.HookReentrant
])
/**
 * @category models
 * @since 0.1.0
 */
export type RestoreErrors = typeof RestoreErrors.Type
