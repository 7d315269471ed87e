/**
 * What can go wrong in each operation, as a union Schema: `SendErrors` are all errors of `sendTurn`. Every union has
 * `InputInvalid`, which the door fails with before anything else happens.
 */
import { Schema } from "effect"
import * as Adapter from "../provider/AdapterError.ts"
import * as Store from "../store/StoreError.ts"
import * as Snapshot from "../transcript/SnapshotError.ts"
import * as Service from "./ServiceError.ts"

const agent = [Adapter.AgentUnauthorized, Adapter.AgentUnreachable, Adapter.AgentProtocolError] as const
const stored = [Store.StoreFailed, Store.ThreadUnreadable] as const
const epoch = [...stored, Store.EpochFenced] as const

/** Of making a session live, in any operation that does. */
const start = [
  Adapter.AgentNotFound,
  Adapter.AgentNotExecutable,
  Adapter.AgentStartFailed,
  ...agent,
  Adapter.SessionMissing,
  Adapter.CursorRejected,
  Adapter.DirectoryUnreachable,
  Adapter.PolicyUnenforceable,
  Adapter.ModelUnavailable,
  Service.InstanceNotFound,
  Service.DirectoryInvalid,
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
  Adapter.CapabilityMissing,
  Service.ThreadNotFound,
  Service.TurnInProgress,
  Store.TurnExists,
  Service.PromptEmpty,
  Service.PromptTooLong,
  Service.CompactionInProgress,
  Service.TurnVetoed,
  Service.HookReentrant
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

/** Of making a session live. */
export const StartErrors = Schema.Union(start)
export type StartErrors = typeof StartErrors.Type

/** Of `startSession`. */
export const StartSessionErrors = Schema.Union([
  Service.InputInvalid,
  ...start,
  Service.StartIncomplete,
  Service.TurnInProgress,
  Service.CompactionInProgress,
  Service.HookReentrant
])
export type StartSessionErrors = typeof StartSessionErrors.Type

/** Of `createThread`. */
export const CreateErrors = Schema.Union([
  Service.InputInvalid,
  Service.ThreadExists,
  Service.InstanceNotFound,
  Service.DirectoryInvalid,
  Service.HookReentrant,
  ...stored
])
export type CreateErrors = typeof CreateErrors.Type

/** Of `sendTurn`. */
export const SendErrors = Schema.Union(send)
export type SendErrors = typeof SendErrors.Type

/** Of `runTurn`. */
export const RunErrors = Schema.Union([...send, Service.TurnNotCompleted])
export type RunErrors = typeof RunErrors.Type

/** Of `interruptTurn`. */
export const InterruptErrors = Schema.Union([
  Service.InputInvalid,
  Service.ThreadNotFound,
  Service.TurnNotFound,
  Store.TurnUnreadable,
  ...epoch
])
export type InterruptErrors = typeof InterruptErrors.Type

/** Of `respondToApproval`. */
export const RespondErrors = Schema.Union(settle)
export type RespondErrors = typeof RespondErrors.Type

/** Of `answerQuestion`. */
export const AnswerErrors = Schema.Union([...settle, Service.AnswerInvalid])
export type AnswerErrors = typeof AnswerErrors.Type

/** Of `stopSession` and `deleteThread`. */
export const StopErrors = Schema.Union([
  Service.InputInvalid,
  Service.ThreadNotFound,
  Service.HookReentrant,
  ...epoch
])
export type StopErrors = typeof StopErrors.Type

/** Of `resetThread`. */
export const ResetErrors = Schema.Union([
  Service.InputInvalid,
  ...start,
  Service.ThreadNotFound,
  Service.CompactionInProgress,
  Service.HookReentrant
])
export type ResetErrors = typeof ResetErrors.Type

/** Of `compactThread`. */
export const CompactErrors = Schema.Union([
  Service.InputInvalid,
  ...start,
  Adapter.CapabilityMissing,
  Adapter.GateMissing,
  Service.ThreadNotFound,
  Service.TurnInProgress,
  Service.CompactionInProgress,
  Service.CompactionRefused,
  Service.HookReentrant
])
export type CompactErrors = typeof CompactErrors.Type

/** Of `forkThread`. */
export const ForkErrors = Schema.Union([
  Service.InputInvalid,
  ...start,
  Adapter.CapabilityMissing,
  Service.ThreadNotFound,
  Service.ThreadExists,
  Service.TurnInProgress,
  Service.CompactionInProgress,
  Service.HookReentrant
])
export type ForkErrors = typeof ForkErrors.Type

/** Of lists. */
export const ListErrors = Schema.Union([Service.InputInvalid, Store.StoreFailed])
export type ListErrors = typeof ListErrors.Type

/** Of reading one thread. */
export const ReadErrors = Schema.Union([Service.InputInvalid, Service.ThreadNotFound, ...stored])
export type ReadErrors = typeof ReadErrors.Type

/** Of taking a snapshot. */
export const SnapshotErrors = Schema.Union([
  Service.InputInvalid,
  Snapshot.SnapshotNotWritten,
  Service.ThreadNotFound,
  ...epoch
])
export type SnapshotErrors = typeof SnapshotErrors.Type

/** Of finding a snapshot and reading it. */
export const FindErrors = Schema.Union(find)
export type FindErrors = typeof FindErrors.Type

/** Of exporting a snapshot. */
export const ExportErrors = Schema.Union([...find, Snapshot.ExportUnsupported])
export type ExportErrors = typeof ExportErrors.Type

/** Of removing snapshots. */
export const PurgeErrors = Schema.Union([Service.InputInvalid, Snapshot.SnapshotUnreadable, Store.StoreFailed])
export type PurgeErrors = typeof PurgeErrors.Type

/** Of restoring a snapshot into a new thread. */
export const RestoreErrors = Schema.Union([
  Service.InputInvalid,
  ...damaged,
  ...start,
  Service.ThreadExists,
  Service.TurnInProgress,
  Service.HookReentrant
])
export type RestoreErrors = typeof RestoreErrors.Type
