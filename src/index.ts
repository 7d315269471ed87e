/** One typed Effect interface to every coding agent, and conversations that never lose their context. */
export * from "./AdapterError.ts"
export * from "./AgentProcesses.ts"
export * as CommandHook from "./CommandHook.ts"
export { CompactionPolicy } from "./CompactionPolicy.ts"
export * from "./Continuity.ts"
export * from "./HookOutbox.ts"
export * from "./Ids.ts"
export * from "./Item.ts"
export {
  EndReason,
  type EventOf,
  type HookPattern,
  LifecycleEvent,
  type LifecycleKind,
  type Matching,
  StartSource
} from "./LifecycleEvent.ts"
export * from "./LifecycleHooks.ts"
export * as ProcessIdentity from "./ProcessIdentity.ts"
export * from "./ProviderAdapter.ts"
export * from "./ProviderRegistry.ts"
export * from "./ProviderService.ts"
export * as Redaction from "./Redaction.ts"
export * as ResumeCursor from "./ResumeCursor.ts"
export * from "./RuntimeMode.ts"
export * from "./ServiceError.ts"
export * as SessionReaper from "./SessionReaper.ts"
export * from "./SessionStore.ts"
export * from "./SnapshotError.ts"
export { type Exported, type ExportFormat } from "./SnapshotExport.ts"
export { SnapshotIndex, SnapshotRecord, type SnapshotTotals } from "./SnapshotIndex.ts"
export { SavedAttachment, SavedMessage, SnapshotManifest } from "./SnapshotManifest.ts"
export { type Retention as SnapshotRetention } from "./SnapshotRetention.ts"
export { type FindError as SnapshotFindError, type SnapshotRef } from "./Snapshots.ts"
export * as SqliteClient from "./SqliteClient.ts"
export * from "./StoreError.ts"
export {
  CompactionOutcome,
  CompactionTrigger,
  EventBody,
  InterruptedBy,
  isEphemeral,
  isTerminal,
  ProviderEvent,
  SessionEndReason,
  SnapshotCompleteness,
  SnapshotFailure,
  Snapshotted,
  SnapshotTiming,
  type TerminalEvent,
  ThreadEvent,
  UnknownReason
} from "./ThreadEvent.ts"
export * as Transcript from "./Transcript.ts"
export {
  type RestoreError,
  type RestoreInput,
  type SavedTranscript,
  type Settings as TranscriptSettings,
  type SnapshotError,
  TranscriptArchive
} from "./TranscriptArchive.ts"
export * from "./TurnFailure.ts"
export * from "./TurnInput.ts"
export * as Usage from "./Usage.ts"
export * from "./UserRequest.ts"
export * as WebhookHook from "./WebhookHook.ts"
