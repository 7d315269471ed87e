/**
 * All data of the library as Schemas: what operations take, answer and fail with, events, and the words that they are
 * made of. Loads in a browser: nothing here needs Node.
 *
 * @since 0.1.0
 */
export * from "./domain/AgentSession.ts"
export * from "./domain/Blob.ts"
export * from "./domain/Compaction.ts"
export { CompactionPolicy } from "./domain/CompactionPolicy.ts"
export * from "./domain/Continuity.ts"
export { FeedEvent, FeedGap } from "./domain/FeedEvent.ts"
export * from "./domain/Ids.ts"
export { InputIssue } from "./domain/InputIssue.ts"
export * from "./domain/Item.ts"
export {
  type EventOf,
  type HookPattern,
  LifecycleEvent,
  type LifecycleTag,
  type Matching,
  StartSource
} from "./domain/LifecycleEvent.ts"
export { PublicError } from "./domain/PublicError.ts"
export * from "./domain/RuntimeMode.ts"
export * from "./domain/Snapshot.ts"
export { SavedAttachment, SavedMessage, SnapshotManifest } from "./domain/SnapshotManifest.ts"
export { Background, ContextUse, LastTurn, OpenRequest, ThreadActivity } from "./domain/ThreadActivity.ts"
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
export * from "./domain/ThreadRecord.ts"
export * as ThreadView from "./domain/ThreadView.ts"
export * as Transcript from "./domain/Transcript.ts"
export * from "./domain/TurnFailure.ts"
export * from "./domain/TurnInput.ts"
export { TurnOutcome } from "./domain/TurnOutcome.ts"
export * as Usage from "./domain/Usage.ts"
export * from "./domain/UserRequest.ts"
export * from "./provider/AdapterError.ts"
export * from "./provider/AgentCheck.ts"
export * from "./provider/Capabilities.ts"
export { NativeCopy } from "./provider/NativeCopy.ts"
export * as Offers from "./provider/Offers.ts"
export { StoredCursor } from "./provider/ResumeCursor.ts"
export { SignInMethod, SignInStep } from "./provider/SignIn.ts"
export * from "./service/Commands.ts"
export * from "./service/OperationErrors.ts"
export * as Operations from "./service/Operations.ts"
export * from "./service/Results.ts"
export * from "./service/ServiceError.ts"
export * from "./store/StoreError.ts"
export * from "./transcript/SnapshotError.ts"
