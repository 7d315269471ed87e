/**
 * A thread is started, or resumed: with the sandbox, approval policy and model sent again each time, because a resume drops
 * them (0.171.0), and with what Codex says that it enforces compared to what was asked for.
 *
 * A project is not trusted unless the app says so: Codex would otherwise write it down as trusted in the user's own
 * configuration as soon as a thread may write there, and read its `.codex` folder and AGENTS.md.
 */
import { Effect, FileSystem, Result, Schema } from "effect"
import * as StdioPeer from "../../adapter/StdioPeer.ts"
import { SessionId } from "../../domain/Ids.ts"
import {
  type AgentError,
  AgentProtocolError,
  CapabilityMissing,
  PolicyUnenforceable,
  SessionInUse,
  SessionMissing
} from "../../provider/AdapterError.ts"
import type { ProviderSession, StartInput, StartSessionError } from "../../provider/ProviderAdapter.ts"
import * as ResumeCursor from "../../provider/ResumeCursor.ts"
import type { AppServer } from "../process/AppServer.ts"
import { cursor, isThreadId, provider } from "../protocol/Cursor.ts"
import * as Policy from "./Policy.ts"

/** What an app sets for all threads of an instance. */
export interface ThreadOptions {
  /**
   * Codex's configuration, as in `config.toml`: `{ model_provider: "azure", "model_providers.azure": {...} }`. It goes to
   * Codex on its stdin, so it may hold secrets.
   */
  readonly config?: Readonly<Record<string, unknown>> | undefined
  /** Whether a project's own `.codex` folder and AGENTS.md are read. Default: `false`. */
  readonly trustProjects?: boolean | undefined
}

export interface Started {
  readonly sessionId: SessionId
  readonly directory: string
  readonly origin: ProviderSession["origin"]
  readonly model: string
  readonly effort: string | undefined
  readonly modelProvider: string
}

const Opened = Schema.Struct({
  ...Policy.Effective.fields,
  thread: Schema.Struct({ id: Schema.String }),
  cwd: Schema.String,
  model: Schema.String,
  modelProvider: Schema.String,
  reasoningEffort: Schema.optionalKey(Schema.NullOr(Schema.String))
})

/** What each start, resume and fork is asked for. */
export const settings = ({ directory, model, runtimeMode }: StartInput, options: ThreadOptions) => ({
  cwd: directory,
  approvalPolicy: Policy.policies[runtimeMode].approvalPolicy,
  approvalsReviewer: "user",
  sandbox: Policy.policies[runtimeMode].sandbox,
  ...(model === undefined ? {} : { model: model.id }),
  config: {
    ...options.config,
    ...(model?.variant === undefined ? {} : { model_reasoning_effort: model.variant }),
    projects: { [directory]: { trust_level: options.trustProjects === true ? "trusted" : "untrusted" } },
    // The writer lock goes as soon as nothing listens.
    thread_unload_delay_secs: 0
  }
})

export const toAgentError = (server: AppServer) => (error: StdioPeer.PeerError | AgentProtocolError): AgentError =>
  error._tag === "AgentProtocolError" ? error : StdioPeer.toAgentError(server.instanceId)(error)

export const start = Effect.fnUntraced(function*(
  server: AppServer,
  input: StartInput,
  options: ThreadOptions
): Effect.fn.Return<Started, StartSessionError, FileSystem.FileSystem> {
  const { instanceId } = server
  const { from, runtimeMode } = input
  if (from._tag === "Adopt" || from._tag === "Import") {
    return yield* new CapabilityMissing({ provider, capability: from._tag === "Adopt" ? "adopt" : "import" })
  }
  const past = from._tag === "Resume" ? yield* ResumeCursor.accept(cursor, instanceId, from.cursor) : undefined
  const asked = settings(input, options)
  const opened = past === undefined
    ? yield* Effect.mapError(server.call("thread/start", asked, Opened), toAgentError(server))
    : yield* resume(server, past.sessionId, asked)
  if (!Policy.holds(runtimeMode, opened)) {
    const { approvalPolicy, approvalsReviewer, sandbox } = opened
    return yield* new PolicyUnenforceable({
      instanceId,
      runtimeMode,
      effective: { approvalPolicy, approvalsReviewer, sandbox }
    })
  }
  const threadId = opened.thread.id
  if (from._tag === "Seeded") {
    yield* Effect.mapError(inject(server, threadId, "user", [from.transcript]), toAgentError(server))
  }
  if (past === undefined && input.title !== undefined) {
    yield* Effect.ignore(server.peer.call("thread/name/set", { threadId, name: input.title }))
  }
  return {
    sessionId: SessionId.make(threadId),
    directory: opened.cwd,
    origin: past === undefined
      ? { _tag: "New" }
      : past.directory === opened.cwd
      ? { _tag: "Resumed" }
      : { _tag: "Moved", from: past.directory },
    model: opened.model,
    effort: opened.reasoningEffort ?? undefined,
    modelProvider: opened.modelProvider
  }
})

/** Puts texts into the context, without an answer. */
export const inject = (server: AppServer, threadId: string, role: "user" | "developer", texts: ReadonlyArray<string>) =>
  server.peer.call("thread/inject_items", {
    threadId,
    items: texts.map((text) => ({ type: "message", role, content: [{ type: "input_text", text }] }))
  })

const Read = Schema.Struct({ thread: Schema.Struct({ path: Schema.optionalKey(Schema.NullOr(Schema.String)) }) })

/** What Codex refuses. Errors within Codex have another code. */
const refused = -32600

const resume = (server: AppServer, sessionId: SessionId, asked: object) =>
  isThreadId(sessionId)
    ? server.call("thread/resume", { threadId: sessionId, excludeTurns: true, ...asked }, Opened).pipe(
      Effect.catch((error) =>
        error._tag === "PeerRefused" && error.code === refused
          ? Effect.flatMap(whyRefused(server, sessionId, error.reason), Effect.fail)
          : Effect.fail(toAgentError(server)(error))
      )
    )
    : Effect.fail(new SessionMissing({ instanceId: server.instanceId, sessionId, evidence: "not a UUID" }))

/**
 * A refused resume has the same code for a thread that is gone, archived, or in use. A second call tells them apart: a
 * thread that is there can be read, and its file exists.
 */
const whyRefused = Effect.fnUntraced(function*(server: AppServer, sessionId: SessionId, reason: string) {
  const { instanceId } = server
  const fs = yield* FileSystem.FileSystem
  const read = yield* Effect.result(server.call("thread/read", { threadId: sessionId }, Read))
  if (Result.isFailure(read)) {
    const { failure } = read
    return failure._tag === "PeerRefused" && failure.code === refused
      ? new SessionMissing({ instanceId, sessionId, evidence: { resume: reason, read: failure.reason } })
      : toAgentError(server)(failure)
  }
  const path = read.success.thread.path ?? ""
  if (path === "" || !(yield* Effect.orElseSucceed(fs.exists(path), () => true))) {
    return new SessionMissing({ instanceId, sessionId, evidence: { resume: reason, path } })
  }
  return path.split(/[/\\]/).includes("archived_sessions")
    ? new AgentProtocolError({ instanceId, operation: "thread/resume", status: refused, name: "archived", body: path })
    : new SessionInUse({ instanceId, sessionId })
})
