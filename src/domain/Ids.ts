/**
 * The names of things: every id is a branded, non-empty, well-formed string, so that a turn id cannot be passed where a
 * thread id is meant.
 *
 * `ThreadId` and `TurnId` belong to the app (a `TurnId` is made for it when it gives none); `SessionId`, `ItemId` and
 * `RequestId` are the agent's own and opaque here.
 */
import { Schema } from "effect"
import { WellFormed } from "./WellFormed.ts"

/** Two ids that differ in half of a surrogate pair would be one row in a database. */
const Id = WellFormed.check(Schema.isNonEmpty())

/** A coding agent product: `opencode`, `codex`, `claude`, ... Open: an adapter of a stranger brings its own. */
export const ProviderName = Id.pipe(Schema.brand("ProviderName"))
export type ProviderName = typeof ProviderName.Type

/** One configured adapter of a provider. An app may have several instances of one provider. */
export const InstanceId = Id.pipe(Schema.brand("InstanceId"))
export type InstanceId = typeof InstanceId.Type

/** The app's conversation. Durable, chosen by the app, at most 512 characters. */
export const ThreadId = Id.check(Schema.isMaxLength(512)).pipe(Schema.brand("ThreadId"))
export type ThreadId = typeof ThreadId.Type

/** One user input and all that follows, up to its one terminal event. Unique in the whole store. */
export const TurnId = Id.check(Schema.isMaxLength(512)).pipe(Schema.brand("TurnId"))
export type TurnId = typeof TurnId.Type

/** The provider's own conversation: `ses_...`, a Codex thread id, a Claude session id. */
export const SessionId = Id.pipe(Schema.brand("SessionId"))
export type SessionId = typeof SessionId.Type

/** One item of a turn: a message, a command, a file change, ... Unique within its thread. */
export const ItemId = Id.pipe(Schema.brand("ItemId"))
export type ItemId = typeof ItemId.Type

/** One approval or question. Unique within its thread. */
export const RequestId = Id.pipe(Schema.brand("RequestId"))
export type RequestId = typeof RequestId.Type

/** One live binding of a thread, strictly increasing from 1; 0 where a thread was made and never started. */
export const Epoch = Schema.Int.pipe(Schema.brand("Epoch"))
export type Epoch = typeof Epoch.Type

/**
 * A place in the one order over all threads of a store. Opaque: compare positions for equality only, and hand them back
 * to the store that made them.
 */
export const Position = Id.pipe(Schema.brand("Position"))
export type Position = typeof Position.Type
