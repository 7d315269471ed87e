/**
 * The app's door without Effect: Promises, AsyncIterables, AbortSignals, and the same errors.
 *
 * @since 0.1.0
 */
export { AgentsClosed, type CallOptions } from "./Calls.ts"
export * as CodingAgents from "./CodingAgents.ts"
export { type Archive, type Deliveries, type Threads } from "./Door.ts"
export * from "./Hooks.ts"
