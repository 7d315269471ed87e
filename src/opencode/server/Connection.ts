/**
 * A live connection to one OpenCode server, managed or external: what sessions need of it and nothing else.
 *
 * Session routes act in the session's own directory whatever the client says; permission, question, status and event
 * routes act in the client's. So everything here takes the directory (OpenCode 1.18.33).
 */
import type { OpencodeClient } from "@opencode-ai/sdk/v2/client"
import { type Cause, type Effect, type Queue, Schema, type Scope } from "effect"
import type { AgentError } from "../../provider/AdapterError.ts"
import type { ProcessExit } from "../../provider/ProviderAdapter.ts"
import type { Gate } from "./Gate.ts"

/**
 * The server answered with a status other than success. `name` is the body's `name` or `_tag`. Internal to this
 * folder: sessions turn it into what it means for their operation, or into `AgentProtocolError`.
 */
export class ApiRefusal
  extends Schema.TaggedError<ApiRefusal>("effect-coding-agents/opencode/ApiRefusal")("OpenCodeApiRefusal", {
    operation: Schema.String,
    status: Schema.Int,
    name: Schema.optionalKey(Schema.String),
    body: Schema.Unknown
  })
{}

/** What the SDK resolves to without `throwOnError`. */
export interface SdkResult<A> {
  readonly data?: A | undefined
  readonly error?: unknown
  readonly response?: Response | undefined
}

/** One frame of `/global/event`, routed to the session tree (root and subagents) that it belongs to. */
export interface SessionFrame {
  readonly _tag: "Frame"
  /** The session the frame names: the subscribed one or one of its descendants. */
  readonly sessionId: string
  readonly type: string
  readonly properties: unknown
}

/**
 * Another client has answered a request with "always", which then holds for every session of its directory until the
 * server is restarted (1.18.33). We never do.
 */
export interface AllowedAlways {
  readonly _tag: "AllowedAlways"
  readonly directory: string
}

/** An MCP server of the directory has other tools than before, or has been lost. */
export interface McpChanged {
  readonly _tag: "McpChanged"
  readonly directory: string
}

/** The stream was interrupted and is back: frames in between are lost. */
export interface StreamRestored {
  readonly _tag: "Restored"
}

/** What a session hears of its server. */
export type Heard = SessionFrame | AllowedAlways | McpChanged | StreamRestored

export interface OpenCodeConnection {
  /** As the server reports it. */
  readonly version: string
  /** Whether this library started the server, and so decides its configuration. */
  readonly managed: boolean
  /** What no event may hold. */
  readonly secrets: ReadonlyArray<string>
  /** How the process of a server of ours ended, if it has; `undefined` of an external one. Answers within a second. */
  readonly exit: Effect.Effect<ProcessExit | undefined>
  /** Where its plugin asks before a compaction. An external server has one only where the app was told of its plugin. */
  readonly gate?: Gate | undefined
  /**
   * Calls the server. Fails with `AgentUnauthorized` for 401, `AgentUnreachable` where no answer came within the call
   * deadline, `ApiRefusal` for every other status that is not success. Body text is never read to classify.
   */
  readonly call: <A>(
    operation: string,
    directory: string,
    request: (client: OpencodeClient, signal: AbortSignal) => Promise<SdkResult<A>>
  ) => Effect.Effect<A, AgentError | ApiRefusal>
  /**
   * Frames of a session and of all its subagents, in order, from now on. The queue ends when the server is lost or the
   * scope closes. Bounded by back-pressure on the one subscription of the server, never by dropping.
   */
  readonly subscribe: (sessionId: string) => Effect.Effect<Queue.Dequeue<Heard, Cause.Done>, never, Scope.Scope>
  /**
   * Answers when the stream carries all that happens. OpenCode greets before it listens (1.18.33), so `provoke`, which makes
   * it tell of something, is called until that is heard; for five seconds at most.
   */
  readonly listening: (provoke: Effect.Effect<unknown, unknown>) => Effect.Effect<void>
  /** Directories in which OpenCode does not ask about everything any more, until the server is restarted. */
  readonly unasking: Set<string>
}
