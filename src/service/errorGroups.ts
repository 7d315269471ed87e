/**
 * Errors that several operations have in common, as lists to make unions of.
 */
import * as Adapter from "../provider/AdapterError.ts"
import * as Store from "../store/StoreError.ts"
import * as Service from "./ServiceError.ts"

/**
 * Of every operation: its input does not fit, or it is a server's, which gave no answer, does not let its caller do it, or
 * is of a newer release.
 */
export const every = [
  Service.InputInvalid,
  Service.ServerUnreachable,
  Service.ErrorUnrecognized,
  Service.AccessDenied
] as const

/** Of every operation but those that only read the store. */
export const door = [...every, Service.HookReentrant] as const

export const agent = [
  Adapter.AgentUnauthorized,
  Adapter.AgentUnreachable,
  Adapter.AgentProtocolError,
  Adapter.LoginRequired
] as const
export const stored = [Store.StoreFailed, Store.ThreadUnreadable] as const
export const epoch = [...stored, Store.EpochFenced] as const

/** Of getting an agent that runs. */
export const found = [
  Adapter.AgentNotFound,
  Adapter.AgentNotExecutable,
  Adapter.AgentStartFailed,
  Adapter.AgentTooOld,
  Adapter.AgentTooNew,
  Adapter.AgentMisconfigured,
  ...agent
] as const

/** Of starting a session of an agent. */
export const session = [
  ...found,
  Adapter.SessionMissing,
  Adapter.SessionInUse,
  Adapter.CursorRejected,
  Adapter.CopyRejected,
  Adapter.CapabilityMissing,
  Adapter.DirectoryUnreachable,
  Adapter.DirectoryUnsupported,
  Adapter.PolicyUnenforceable,
  Adapter.SetupRefused,
  Adapter.ModelUnavailable
] as const

/** Of making a session live, in any operation that does. */
export const start = [
  ...session,
  Service.InstanceNotFound,
  Adapter.InstanceUnavailable,
  Service.DirectoryInvalid,
  Service.LimitUnenforceable,
  Service.SetupFailed,
  Service.ThreadStopping,
  ...epoch
] as const

/** Of changing a thread, beside its record and its agent. */
export const change = [
  Adapter.PolicyUnenforceable,
  Adapter.ModelUnavailable,
  Service.CompactionInProgress,
  Service.ThreadStopping
] as const
