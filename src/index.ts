/**
 * One typed Effect interface to every coding agent, and conversations that never lose their context.
 *
 * This is the app's door. More lies behind the subpaths: `protocol` (all data, for clients and browsers), `hooks`,
 * `store`, `provider` and `adapter` (for authors of adapters), `testing`, and one for each agent.
 *
 * @since 0.1.0
 */
export * as CodingAgents from "./CodingAgents.ts"
export { CompactionPolicy } from "./domain/CompactionPolicy.ts"
export { Continuity, MissingPolicy } from "./domain/Continuity.ts"
export {
  Epoch,
  InstanceId,
  ItemId,
  Position,
  ProviderName,
  RequestId,
  SessionId,
  ThreadId,
  TurnId
} from "./domain/Ids.ts"
export { LifecycleEvent } from "./domain/LifecycleEvent.ts"
export * as Redaction from "./domain/Redaction.ts"
export { RuntimeMode } from "./domain/RuntimeMode.ts"
export { SnapshotInfo, SnapshotRef } from "./domain/Snapshot.ts"
export { isTerminal, ThreadEvent } from "./domain/ThreadEvent.ts"
export { Binding } from "./domain/ThreadRecord.ts"
export * as ThreadView from "./domain/ThreadView.ts"
export * as Transcript from "./domain/Transcript.ts"
export { TurnFailure } from "./domain/TurnFailure.ts"
export { Attachment, ModelSelection, TurnInput } from "./domain/TurnInput.ts"
export * as Usage from "./domain/Usage.ts"
export { ApprovalDecision, QuestionAnswer } from "./domain/UserRequest.ts"
export * as CommandHook from "./hooks/CommandHook.ts"
export { LifecycleHooks } from "./hooks/LifecycleHooks.ts"
export * as WebhookHook from "./hooks/WebhookHook.ts"
export * as AdapterError from "./provider/AdapterError.ts"
export { ProviderRegistry } from "./provider/ProviderRegistry.ts"
export * as Commands from "./service/Commands.ts"
export * as Operations from "./service/Operations.ts"
export { ProviderService } from "./service/ProviderService.ts"
export { CompactResult, SessionInfo, ThreadPage, TurnAccepted, TurnResult } from "./service/Results.ts"
export * as ServiceError from "./service/ServiceError.ts"
export { TranscriptArchive } from "./service/TranscriptArchive.ts"
export { SessionStore } from "./store/SessionStore.ts"
export * as SqliteClient from "./store/SqliteClient.ts"
export * as StoreError from "./store/StoreError.ts"
export * as SnapshotError from "./transcript/SnapshotError.ts"
