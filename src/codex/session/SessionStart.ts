/**
 * A thread is started, or resumed: with the sandbox, approval policy and model sent again each time, because a resume drops
 * them (0.171.0), and with what Codex says that it enforces compared to what was asked for.
 *
 * Whether the project is trusted is said with each start: Codex would otherwise write it down as trusted in the user's own
 * configuration as soon as a thread may write there, and read its `.codex` folder and AGENTS.md.
 */
import { Effect, type FileSystem, type Path, Predicate, type Scope } from "effect"
import * as AgentEnvironment from "../../adapter/AgentEnvironment.ts"
import { SessionId } from "../../domain/Ids.ts"
import { PolicyUnenforceable } from "../../provider/AdapterError.ts"
import type { ProviderSession, StartInput, StartSessionError } from "../../provider/ProviderAdapter.ts"
import * as ResumeCursor from "../../provider/ResumeCursor.ts"
import type { AppServer } from "../process/AppServer.ts"
import { cursor } from "../protocol/Cursor.ts"
import * as Opening from "./Opening.ts"
import * as Policy from "./Policy.ts"
import * as Project from "./Project.ts"
import * as Rollout from "./Rollout.ts"
import * as Setup from "./Setup.ts"

/** What an app sets for all threads of an instance. */
export interface ThreadOptions {
  /**
   * Codex's configuration, as in `config.toml`: `{ model_provider: "azure", "model_providers.azure": {...} }`. It goes to
   * Codex on its stdin, so it may hold secrets.
   */
  readonly config?: Readonly<Record<string, unknown>> | undefined
}

/** The keys that the configuration holds. */
export const secretsOf = ({ config }: ThreadOptions): ReadonlyArray<string> =>
  AgentEnvironment.secrets(withoutVariables(config))

/** Without the settings that name a variable: `env_key`, `bearer_token_env_var`. */
const withoutVariables = (config: unknown): unknown =>
  Predicate.isReadonlyObject(config)
    ? Object.fromEntries(
      Object.entries(config).flatMap(([name, value]) =>
        /(?:^|\.)env_|_env_var$/.test(name) ? [] : [[name, withoutVariables(value)]]
      )
    )
    : config

export interface Started {
  readonly sessionId: SessionId
  readonly directory: string
  readonly origin: ProviderSession["origin"]
  readonly model: string
  readonly effort: string | undefined
  readonly modelProvider: string
  readonly project: Project.Project
}

/** What each start, resume and fork is asked for. */
export const settings = (
  { directory, model, projectConfig, runtimeMode, setup }: StartInput,
  options: ThreadOptions,
  project: Project.Project
) => ({
  cwd: directory,
  approvalPolicy: Policy.policies[runtimeMode].approvalPolicy,
  approvalsReviewer: "user",
  sandbox: Policy.policies[runtimeMode].sandbox,
  ...(model === undefined ? {} : { model: model.id }),
  ...Setup.instructions(setup, project.instructions),
  config: {
    ...options.config,
    ...Setup.config(setup),
    ...(model?.variant === undefined ? {} : { model_reasoning_effort: model.variant }),
    projects: { [directory]: { trust_level: projectConfig === "trust" ? "trusted" : "untrusted" } },
    // The writer lock goes as soon as nothing listens.
    thread_unload_delay_secs: 0
  }
})

export const start = Effect.fnUntraced(function*(
  server: AppServer,
  input: StartInput,
  options: ThreadOptions
): Effect.fn.Return<Started, StartSessionError, FileSystem.FileSystem | Path.Path | Scope.Scope> {
  const { instanceId } = server
  const { from, runtimeMode } = input
  const project = yield* Project.read(input)
  const asked = settings(input, options, project)
  const past = yield* pastOf(server, from, asked)
  const opened = past === undefined
    ? yield* Opening.start(server, { ...asked, ...(input.ephemeral === true ? { ephemeral: true } : {}) })
    : yield* Opening.resume(server, past.sessionId, asked)
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
    yield* Effect.mapError(inject(server, threadId, "user", [from.transcript]), Opening.toAgentError(server))
  }
  if (past === undefined && input.title !== undefined) {
    yield* Effect.ignore(server.peer.call("thread/name/set", { threadId, name: input.title }))
  }
  return {
    sessionId: SessionId.make(threadId),
    directory: opened.cwd,
    origin: past === undefined
      ? { _tag: "New" }
      : past.directory === undefined || past.directory === opened.cwd
      ? { _tag: "Resumed" }
      : { _tag: "Moved", from: past.directory },
    model: opened.model,
    effort: opened.reasoningEffort ?? undefined,
    modelProvider: opened.modelProvider,
    project
  }
})

/** The thread that is gone on with, and where it worked if that is known. What is imported is in the home afterwards. */
const pastOf = Effect.fnUntraced(function*(server: AppServer, from: StartInput["from"], asked: object) {
  const { instanceId } = server
  switch (from._tag) {
    case "New":
    case "Seeded":
      return undefined
    case "Resume":
      return yield* ResumeCursor.accept(cursor, instanceId, from.cursor)
    case "Adopt": {
      // What cannot be read, the resume says better.
      const found = yield* Effect.orElseSucceed(Opening.read(server, from.sessionId), () => undefined)
      return { sessionId: from.sessionId, directory: found?.directory }
    }
    case "Import": {
      const imported = yield* Rollout.accept(instanceId, from.copies)
      // Opened before: what another process still writes must not be replaced.
      yield* Effect.scoped(Opening.resume(server, imported.sessionId, asked)).pipe(
        Effect.catchTags({ SessionMissing: () => Effect.void, AgentProtocolError: () => Effect.void })
      )
      yield* Rollout.write(server, imported)
      return { sessionId: imported.sessionId, directory: undefined }
    }
  }
})

/** Puts texts into the context, without an answer. */
export const inject = (server: AppServer, threadId: string, role: "user" | "developer", texts: ReadonlyArray<string>) =>
  server.peer.call("thread/inject_items", {
    threadId,
    items: texts.map((text) => ({ type: "message", role, content: [{ type: "input_text", text }] }))
  })
