/**
 * A session is started, or resumed: with its mode and model given again each time, and the mode that holds compared to what
 * was asked for.
 */
import { Effect, Exit, FileSystem, Path, Scope } from "effect"
import * as AgentEnvironment from "../../adapter/AgentEnvironment.ts"
import * as Workspace from "../../adapter/Workspace.ts"
import type { InstanceId, SessionId } from "../../domain/Ids.ts"
import type { RuntimeMode } from "../../domain/RuntimeMode.ts"
import {
  type AgentStartError,
  AgentStartFailed,
  PolicyUnenforceable,
  SessionInUse,
  SessionMissing,
  SetupRefused
} from "../../provider/AdapterError.ts"
import type { ProviderSession, StartInput, StartSessionError } from "../../provider/ProviderAdapter.ts"
import * as ResumeCursor from "../../provider/ResumeCursor.ts"
import * as SessionSetup from "../../provider/SessionSetup.ts"
import * as Cli from "../process/Cli.ts"
import { cursor, isSessionId, newSessionId } from "../protocol/Cursor.ts"
import * as Occupied from "./Occupied.ts"
import * as Portable from "./Portable.ts"
import * as Project from "./Project.ts"
import * as Skills from "./Skills.ts"
import * as Transcript from "./Transcript.ts"

/** What an app sets for all sessions of an instance. */
export interface SessionOptions {
  /** Whether hooks of the user's own settings run. Default: `false`. Those of Claude's administrator always do. */
  readonly userHooks?: boolean | undefined
  /** Whether MCP servers of the user's own configuration are started. Default: `false`. */
  readonly userMcpServers?: boolean | undefined
  /** Whether the user's own skills and commands are there. Default: `true`. */
  readonly userSkills?: boolean | undefined
  /**
   * Whether the model may start what goes on by itself: `Monitor`, `RemoteTrigger` and, in a directory that is trusted,
   * `CronCreate` and `ScheduleWakeup`. Default: `false`.
   */
  readonly schedules?: boolean | undefined
}

export interface Started {
  readonly cli: Cli.Cli
  /** Ends its process. */
  readonly end: Effect.Effect<void>
  /** Hides what the user has added to skills and commands that the session is to do without. */
  readonly hide: Effect.Effect<void>
  /** Another process of the same session, in this mode: it goes on with it, or begins it. */
  readonly again: (
    resumes: boolean,
    runtimeMode: RuntimeMode
  ) => Effect.Effect<Opened, AgentStartError | PolicyUnenforceable>
  readonly sessionId: SessionId
  readonly directory: string
  readonly origin: ProviderSession["origin"]
  /** Up to which byte its file was looked at for what other clients wrote. */
  readonly seen: number
  readonly warnings: Project.Project["warnings"]
}

type Opened = Pick<Started, "cli" | "end" | "hide">

/** Tools of Claude's own clock, which also runs what the directory has scheduled (2.1.332). */
const byClock = ["CronCreate", "CronDelete", "CronList", "ScheduleWakeup"]

const scheduling = [...byClock, "Monitor", "RemoteTrigger"]

/** Claude deletes transcripts that are older, by default after 30 days, whosever they are. */
const keptDays = 36_500

/** What no setup may have, because promises are kept by it. */
export const reserved: SessionSetup.Reserved = {
  arguments: [
    "--add-dir --agent --allowedTools --allow-dangerously-skip-permissions --append-system-prompt --bare --continue -c",
    "--dangerously-skip-permissions --disallowedTools --fork-session --input-format --mcp-config --model",
    "--no-session-persistence --output-format --permission-mode --permission-prompt-tool --print -p --resume -r --safe-mode --session-id --settings",
    "--setting-sources --strict-mcp-config --tools"
  ].flatMap((flags) => flags.split(" ")),
  environment: ["CLAUDE_CODE_DISABLE_CRON", "CLAUDE_CODE_SIMPLE", "CLAUDE_CONFIG_DIR", "DISABLE_AUTO_COMPACT", "SHELL"]
}

type ArgumentsFor =
  & Pick<StartInput, "agent" | "compaction" | "ephemeral" | "model" | "projectConfig" | "setup">
  & Partial<Pick<StartInput, "runtimeMode">>

/** The arguments of a session. */
export const argumentsOf = Effect.fnUntraced(function*(
  instanceId: InstanceId,
  { agent, compaction, ephemeral, model, projectConfig, runtimeMode, setup = {} }: ArgumentsFor,
  options: SessionOptions,
  project: Pick<Project.Project, "deny">
) {
  const trusted = projectConfig === "trust"
  const { only, except = [] } = setup.tools ?? {}
  const unscheduled = options.schedules !== true ? scheduling : trusted ? [] : byClock
  const disallowed = [...except, ...unscheduled]
  return [
    `--setting-sources=${trusted ? "user,project,local" : "user"}`,
    ...(trusted || options.userMcpServers === true ? [] : ["--strict-mcp-config"]),
    "--settings",
    JSON.stringify({
      cleanupPeriodDays: keptDays,
      permissions: { deny: project.deny },
      ...(trusted || options.userHooks === true ? {} : { disableAllHooks: true }),
      // No hook is asked of what a command or a skill runs on its way to the model (2.1.332).
      ...(runtimeMode === "full-access" ? {} : { disableSkillShellExecution: true }),
      ...(compaction?.auto === false ? { autoCompactEnabled: false } : {})
    }),
    ...(yield* Effect.mapError(
      mcpConfig(setup),
      ({ message }) => new AgentStartFailed({ instanceId, reason: "exited", stderr: message })
    )),
    ...(ephemeral === true ? ["--no-session-persistence"] : []),
    ...(agent === undefined ? [] : ["--agent", agent]),
    ...(setup.directories ?? []).flatMap((directory) => ["--add-dir", directory]),
    ...(only === undefined ? [] : ["--tools", only.join(",")]),
    ...(disallowed.length === 0 ? [] : ["--disallowedTools", disallowed.join(",")]),
    ...(model === undefined ? [] : ["--model", model.id]),
    ...setup.arguments ?? []
  ]
})

/** In a private file: a command line can be read by others. */
const mcpConfig = Effect.fnUntraced(function*({ mcpServers = {} }: SessionSetup.SessionSetup) {
  if (Object.keys(mcpServers).length === 0) return []
  const servers = Object.fromEntries(
    Object.entries(mcpServers).map(([name, server]) => [
      name,
      server._tag === "Stdio"
        ? { command: server.command, args: server.arguments ?? [], env: SessionSetup.plain(server.environment) }
        : { type: "http", url: server.url, headers: SessionSetup.plain(server.headers) }
    ])
  )
  const folder = yield* AgentEnvironment.privateFolder("claude-mcp-")
  const file = yield* AgentEnvironment.privateFile(folder, "servers.json", JSON.stringify({ mcpServers: servers }))
  return ["--mcp-config", file]
})

const day = 86_400

const hooks = {
  PreToolUse: [{ matcher: "*", hookCallbackIds: ["tool"], timeout: day, onFailure: "block" }],
  PostToolUse: [{ matcher: "*", hookCallbackIds: ["ran"] }],
  PostToolUseFailure: [{ matcher: "*", hookCallbackIds: ["ran"] }],
  PreCompact: [{ hookCallbackIds: ["compact"], timeout: day, onFailure: "block" }],
  PostCompact: [{ hookCallbackIds: ["compacted"] }]
}

export const start = Effect.fnUntraced(function*(
  instanceId: InstanceId,
  options: Cli.Options & SessionOptions,
  input: StartInput
): Effect.fn.Return<Started, StartSessionError, Cli.Needs> {
  const { from } = input
  const environment = yield* Cli.environment(instanceId, options)
  const past = yield* pastOf(instanceId, environment.config, from)
  if (past !== undefined) yield* check(instanceId, environment.config, past.sessionId)
  const directory = yield* Workspace.locate({ instanceId, to: input.directory, from: past?.directory })
  const sessionId = past?.sessionId ?? (yield* newSessionId)
  const project = yield* Project.read(directory, input.projectConfig)
  const instructions = [
    ...project.instructions,
    ...(input.setup?.instructions === undefined ? [] : [input.setup.instructions])
  ]
  const seen = past === undefined ? 0 : past.seen ?? (yield* Transcript.sizeOf(environment.config, sessionId))
  const needs = yield* Effect.context<Cli.Needs>()
  const again: Started["again"] = Effect.fnUntraced(function*(resumes, runtimeMode) {
    const scope = yield* Scope.fork(yield* Effect.scope)
    const cli = yield* Scope.provide(open(resumes, runtimeMode), scope)
    const mode = cli.current_permission_mode
    if (mode !== "default" || (!cli.hooked && runtimeMode !== "full-access")) {
      return yield* new PolicyUnenforceable({ instanceId, runtimeMode, effective: { mode, hooked: cli.hooked } })
    }
    const hide = options.userSkills === false ? Skills.hiding(cli) : Effect.void
    yield* hide
    return {
      cli,
      end: Scope.close(scope, Exit.void),
      hide: Effect.ignore(hide, { log: "Warn", message: "Skills that the user has added could not be hidden" })
    }
  }, Effect.provide(needs))
  const open = Effect.fnUntraced(function*(resumes: boolean, runtimeMode: RuntimeMode) {
    const args = yield* argumentsOf(instanceId, { ...input, runtimeMode }, options, project)
    return yield* Cli.start(instanceId, options, environment, {
      directory,
      args: [...args, resumes ? "--resume" : "--session-id", sessionId],
      variables: {
        ...input.setup?.environment,
        ...(input.compaction?.auto === false ? { DISABLE_AUTO_COMPACT: "1" } : {}),
        ...(options.schedules === true && input.projectConfig === "trust"
          ? { CLAUDE_CODE_DISABLE_CRON: undefined }
          : {})
      },
      initialize: {
        hooks,
        forwardSubagentText: true,
        // An interrupt leaves subagents in the background alone; `stopTask` ends one.
        perTaskStopAffordance: true,
        // Else a resumed session keeps the instructions and the persona that it was begun with.
        systemPromptSnapshot: false,
        ...(instructions.length === 0 ? {} : { appendSystemPrompt: instructions.join("\n\n") }),
        ...(input.title === undefined || past !== undefined ? {} : { title: input.title })
      },
      model: input.model?.id
    })
  })
  const { cli, end, hide } = yield* again(past !== undefined, input.runtimeMode)
  // Two that were started at the same moment do not see each other before.
  if (past !== undefined && (yield* Occupied.isTaken(environment.config, sessionId, cli.pid))) {
    return yield* new SessionInUse({ instanceId, sessionId })
  }
  // One that is not there it passes over without a word.
  if (input.agent !== undefined && cli.agents?.some(({ name }) => name === input.agent) !== true) {
    return yield* new SetupRefused({ instanceId, part: "agent", reason: "unsupported", name: input.agent })
  }
  return {
    cli,
    end,
    hide,
    again,
    sessionId,
    directory,
    seen,
    warnings: project.warnings,
    origin: past === undefined
      ? { _tag: "New" }
      : past.directory === undefined || past.directory === directory
      ? { _tag: "Resumed" }
      : { _tag: "Moved", from: past.directory }
  }
})

/** The session that is gone on with, and where it worked, as far as that is known. */
const pastOf = Effect.fnUntraced(function*(
  instanceId: InstanceId,
  config: string,
  from: StartInput["from"]
): Effect.fn.Return<
  { readonly sessionId: SessionId; readonly directory?: string | undefined; readonly seen?: number } | undefined,
  StartSessionError,
  FileSystem.FileSystem | Path.Path
> {
  switch (from._tag) {
    case "New":
    case "Seeded":
      return undefined
    case "Resume":
      return yield* ResumeCursor.accept(cursor, instanceId, from.cursor)
    case "Adopt": {
      const { sessionId } = from
      // What is no id is no name of a file either.
      return isSessionId(sessionId)
        ? { sessionId, directory: yield* Transcript.directoryOf(config, sessionId) }
        : { sessionId }
    }
    case "Import":
      return { sessionId: yield* Portable.importSession(instanceId, config, from.copies) }
  }
})

/** The file decides: what Claude answers to a lost session has no code of its own. */
const check = Effect.fnUntraced(function*(instanceId: InstanceId, config: string, sessionId: SessionId) {
  const missing = (evidence: unknown) => new SessionMissing({ instanceId, sessionId, evidence })
  if (!isSessionId(sessionId)) return yield* missing("not a UUID")
  if (!(yield* Transcript.isResumable(config, sessionId))) return yield* missing({ noMessageIn: config })
  if (yield* Occupied.isTaken(config, sessionId)) return yield* new SessionInUse({ instanceId, sessionId })
})
