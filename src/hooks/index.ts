/**
 * Hooks: code of the app, commands and webhooks that run at the boundaries of sessions, turns and compactions.
 *
 * @since 0.1.0
 */
export {
  type EventOf,
  type HookPattern,
  LifecycleEvent,
  type LifecycleTag,
  type Matching,
  StartSource
} from "../domain/LifecycleEvent.ts"
export { HookDeliveries } from "../service/HookDeliveries.ts"
export * as CommandHook from "./CommandHook.ts"
export * from "./HookRegistration.ts"
export * from "./HookVerdict.ts"
export * from "./LifecycleHooks.ts"
export type { Projected, ProjectionBatch } from "./Projection.ts"
export type { OpeningCause, SessionOpening } from "./SessionOpening.ts"
export * as WebhookHook from "./WebhookHook.ts"
