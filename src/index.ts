/** One typed Effect interface to every coding agent, and conversations that never lose their context. */
export * as CodingAgents from "./CodingAgents.ts"
export { CompactionOutcome, CompactionTrigger } from "./domain/Compaction.ts"
export { CompactionPolicy } from "./domain/CompactionPolicy.ts"
export * from "./domain/Continuity.ts"
export * from "./domain/Ids.ts"
export * from "./domain/Item.ts"
export {
  type EventOf,
  type HookPattern,
  LifecycleEvent,
  type LifecycleTag,
  type Matching,
  StartSource
} from "./domain/LifecycleEvent.ts"
export * as Redaction from "./domain/Redaction.ts"
export * from "./domain/RuntimeMode.ts"
export { SnapshotCompleteness, SnapshotFailure, SnapshotInfo, SnapshotRef, SnapshotTiming } from "./domain/Snapshot.ts"
export { SavedAttachment, SavedMessage, SnapshotManifest } from "./domain/SnapshotManifest.ts"
export {
  EventBody,
  InterruptedBy,
  isEphemeral,
  isTerminal,
  ProviderEvent,
  SessionEndReason,
  type TerminalEvent,
  ThreadEvent,
  UnknownReason
} from "./domain/ThreadEvent.ts"
export * as Transcript from "./domain/Transcript.ts"
export * from "./domain/TurnFailure.ts"
export * from "./domain/TurnInput.ts"
export * as Usage from "./domain/Usage.ts"
export * from "./domain/UserRequest.ts"
export * as CommandHook from "./hooks/CommandHook.ts"
export * from "./hooks/LifecycleHooks.ts"
export * as WebhookHook from "./hooks/WebhookHook.ts"
export * from "./process/AgentProcesses.ts"
export * as ProcessIdentity from "./process/ProcessIdentity.ts"
export * from "./provider/AdapterError.ts"
export * from "./provider/ProviderAdapter.ts"
export * from "./provider/ProviderRegistry.ts"
export * as ResumeCursor from "./provider/ResumeCursor.ts"
export * from "./service/Commands.ts"
export * from "./service/OperationErrors.ts"
export * as Operations from "./service/Operations.ts"
export * from "./service/ProviderService.ts"
export * from "./service/Results.ts"
export * from "./service/ServiceError.ts"
export { type Settings as TranscriptSettings, TranscriptArchive } from "./service/TranscriptArchive.ts"
export * from "./store/HookOutbox.ts"
export * from "./store/SessionStore.ts"
export { SnapshotIndex, SnapshotRecord, type SnapshotTotals } from "./store/SnapshotIndex.ts"
export * as SqliteClient from "./store/SqliteClient.ts"
export * from "./store/StoreError.ts"
export * as SessionReaper from "./thread/SessionReaper.ts"
export * from "./transcript/SnapshotError.ts"
export { type ExportFile, type ExportFormat } from "./transcript/SnapshotExport.ts"
export { type Retention as SnapshotRetention } from "./transcript/SnapshotRetention.ts"
