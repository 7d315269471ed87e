/**
 * Every durable interface: threads and their events, deliveries to hooks, snapshots, processes.
 *
 * @since 0.1.0
 */
export * from "../process/AgentProcesses.ts"
export * as ProcessIdentity from "../process/ProcessIdentity.ts"
export * from "./HookOutbox.ts"
export * from "./SessionStore.ts"
export { SnapshotIndex, type SnapshotPlace, SnapshotRecord, type SnapshotTotals } from "./SnapshotIndex.ts"
export * as SqliteClient from "./SqliteClient.ts"
export * from "./StoreError.ts"
