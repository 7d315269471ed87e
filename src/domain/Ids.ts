/**
 * Ids: branded, non-empty, well-formed strings without NUL, so that a turn id cannot be passed where a thread id is expected.
 *
 * The app chooses `ThreadId` and `TurnId` (a missing `TurnId` is generated). `SessionId`, `ItemId` and `RequestId` are
 * the agent's own, and opaque here.
 *
 * @since 0.1.0
 */
import { Schema } from "effect"
import { WellFormed } from "./WellFormed.ts"

/** Two ids that differ in half of a surrogate pair, or behind a NUL, would be one row in a database. */
const Id = WellFormed.check(Schema.isNonEmpty())

/**
 * A coding agent product: `opencode`, `codex`, `claude`, ... An open set: every adapter brings its own name.
 *
 * @since 0.1.0
 * @category schemas
 */
export const ProviderName = Id.pipe(Schema.brand("ProviderName"))

/**
 * @since 0.1.0
 * @category models
 */
export type ProviderName = typeof ProviderName.Type

/**
 * One configured adapter of a provider. An app can have several instances of one provider.
 *
 * @since 0.1.0
 * @category schemas
 */
export const InstanceId = Id.pipe(Schema.brand("InstanceId"))

/**
 * @since 0.1.0
 * @category models
 */
export type InstanceId = typeof InstanceId.Type

/**
 * The app's conversation. Durable, chosen by the app, at most 512 characters.
 *
 * @since 0.1.0
 * @category schemas
 */
export const ThreadId = Id.check(Schema.isMaxLength(512)).pipe(Schema.brand("ThreadId"))

/**
 * @since 0.1.0
 * @category models
 */
export type ThreadId = typeof ThreadId.Type

/**
 * One input and all that follows, up to its one terminal event. Unique in the whole store, at most 512 characters.
 *
 * @since 0.1.0
 * @category schemas
 */
export const TurnId = Id.check(Schema.isMaxLength(512)).pipe(Schema.brand("TurnId"))

/**
 * @since 0.1.0
 * @category models
 */
export type TurnId = typeof TurnId.Type

/**
 * The provider's own conversation: `ses_...`, a Codex thread id, a Claude session id.
 *
 * @since 0.1.0
 * @category schemas
 */
export const SessionId = Id.pipe(Schema.brand("SessionId"))

/**
 * @since 0.1.0
 * @category models
 */
export type SessionId = typeof SessionId.Type

/**
 * One item of a turn: a message, a command, a file change, ... Unique within its thread.
 *
 * @since 0.1.0
 * @category schemas
 */
export const ItemId = Id.pipe(Schema.brand("ItemId"))

/**
 * @since 0.1.0
 * @category models
 */
export type ItemId = typeof ItemId.Type

/**
 * One approval, question or elicitation. Unique within its thread.
 *
 * @since 0.1.0
 * @category schemas
 */
export const RequestId = Id.pipe(Schema.brand("RequestId"))

/**
 * @since 0.1.0
 * @category models
 */
export type RequestId = typeof RequestId.Type

/**
 * Work of an agent beside its turns. Unique within its thread.
 *
 * @since 0.1.0
 * @category schemas
 */
export const TaskId = Id.pipe(Schema.brand("TaskId"))

/**
 * @since 0.1.0
 * @category models
 */
export type TaskId = typeof TaskId.Type

/**
 * One live binding of a thread, strictly increasing from 1; 0 before the first start.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Epoch = Schema.Int.pipe(Schema.brand("Epoch"))

/**
 * @since 0.1.0
 * @category models
 */
export type Epoch = typeof Epoch.Type

/**
 * A place in the one order over all threads of a store. Opaque: compare positions for equality only, and hand them back
 * to the store that made them.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Position = Id.pipe(Schema.brand("Position"))

/**
 * @since 0.1.0
 * @category models
 */
export type Position = typeof Position.Type
