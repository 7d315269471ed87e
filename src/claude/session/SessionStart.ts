/**
 * A session is started, or resumed: with its mode and model given again each time, and the mode that holds compared to what
 * was asked for.
 */
import { Effect, FileSystem, Path } from "effect"
import { SecureRandom } from "effect/crypto"
import { SessionId } from "../../domain/Ids.ts"
import type { InstanceId } from "../../domain/Ids.ts"
import {
  CapabilityMissing,
  DirectoryUnreachable,
  PolicyUnenforceable,
  SessionMissing
} from "../../provider/AdapterError.ts"
import type { ProviderSession, StartInput, StartSessionError } from "../../provider/ProviderAdapter.ts"
import * as ResumeCursor from "../../provider/ResumeCursor.ts"
import * as Cli from "../process/Cli.ts"
import { cursor, isSessionId, provider } from "../protocol/Cursor.ts"
import * as Transcript from "./Transcript.ts"

/** What an app sets for all sessions of an instance. */
export interface SessionOptions {
  /** Whether hooks of the user's own settings run. Default: `false`. Those of Claude's administrator always do. */
  readonly userHooks?: boolean | undefined
  /** Whether MCP servers of the user's own configuration are started. Default: `false`. */
  readonly userMcpServers?: boolean | undefined
  /** Whether the model may start what goes on by a schedule (`CronCreate`, `Monitor`, `ScheduleWakeup`). Default: `false`. */
  readonly schedules?: boolean | undefined
}

export interface Started {
  readonly cli: Cli.Cli
  readonly sessionId: SessionId
  readonly directory: string
  readonly origin: ProviderSession["origin"]
}

const scheduling = ["CronCreate", "CronDelete", "CronList", "Monitor", "ScheduleWakeup"]

/** Claude deletes transcripts that are older, by default after 30 days, whosever they are. */
const keptDays = 36_500

export const args = ({ compaction, model }: Pick<StartInput, "compaction" | "model">, options: SessionOptions) => [
  // Of a project nothing is read.
  "--setting-sources=user",
  ...(options.userMcpServers === true ? [] : ["--strict-mcp-config"]),
  "--settings",
  JSON.stringify({
    cleanupPeriodDays: keptDays,
    ...(options.userHooks === true ? {} : { disableAllHooks: true }),
    ...(compaction?.auto === false ? { autoCompactEnabled: false } : {})
  }),
  ...(options.schedules === true ? [] : ["--disallowedTools", scheduling.join(",")]),
  ...(model === undefined ? [] : ["--model", model.id])
]

const day = 86_400

const hooks = {
  PreToolUse: [{ matcher: "*", hookCallbackIds: ["tool"], timeout: day, onFailure: "block" }],
  PreCompact: [{ hookCallbackIds: ["compact"], timeout: day, onFailure: "block" }],
  PostCompact: [{ hookCallbackIds: ["compacted"] }]
}

export const start = Effect.fnUntraced(function*(
  instanceId: InstanceId,
  options: Cli.Options & SessionOptions,
  input: StartInput
): Effect.fn.Return<Started, StartSessionError, Cli.Needs> {
  const { from, runtimeMode } = input
  if (from._tag === "Adopt" || from._tag === "Import") {
    return yield* new CapabilityMissing({ provider, capability: from._tag === "Adopt" ? "adopt" : "import" })
  }
  const environment = yield* Cli.environment(instanceId, options)
  const past = from._tag === "Resume" ? yield* ResumeCursor.accept(cursor, instanceId, from.cursor) : undefined
  if (past !== undefined) yield* check(instanceId, environment.config, past.sessionId)
  const directory = yield* locate(instanceId, input.directory, past?.directory)
  const sessionId = past?.sessionId ?? SessionId.make(SecureRandom.uuidV4Unsafe())
  const cli = yield* Cli.start(instanceId, options, environment, {
    directory,
    args: [...args(input, options), ...(past === undefined ? ["--session-id", sessionId] : ["--resume", sessionId])],
    variables: input.compaction?.auto === false ? { DISABLE_AUTO_COMPACT: "1" } : {},
    initialize: {
      hooks,
      forwardSubagentText: true,
      // An interrupt leaves subagents in the background alone; `stopTask` ends one.
      perTaskStopAffordance: true,
      ...(input.title === undefined || past !== undefined ? {} : { title: input.title })
    },
    model: input.model?.id
  })
  const mode = cli.current_permission_mode
  if (mode !== "default" || (!cli.hooked && runtimeMode !== "full-access")) {
    return yield* new PolicyUnenforceable({ instanceId, runtimeMode, effective: { mode, hooked: cli.hooked } })
  }
  return {
    cli,
    sessionId,
    directory,
    origin: past === undefined
      ? { _tag: "New" }
      : past.directory === directory
      ? { _tag: "Resumed" }
      : { _tag: "Moved", from: past.directory }
  }
})

/** The file decides: what Claude answers to a lost session has no code of its own. */
const check = Effect.fnUntraced(function*(instanceId: InstanceId, config: string, sessionId: SessionId) {
  const missing = (evidence: unknown) => new SessionMissing({ instanceId, sessionId, evidence })
  if (!isSessionId(sessionId)) return yield* missing("not a UUID")
  if (!(yield* Transcript.isResumable(config, sessionId))) return yield* missing({ noMessageIn: config })
})

/** A directory that is not there would read as a missing executable. */
const locate = Effect.fnUntraced(function*(instanceId: InstanceId, to: string, from: string | undefined) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  return yield* Effect.mapError(
    fs.realPath(path.resolve(to)),
    () => new DirectoryUnreachable({ instanceId, from: from ?? to, to })
  )
})
