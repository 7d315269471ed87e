/**
 * How a session comes to be: created, seeded, or found again and brought to its directory and its permissions
 * (OpenCode 1.18.33).
 */
import { Clock, Effect, FileSystem, type Path, Schedule } from "effect"
import * as ErrorTag from "../../domain/ErrorTag.ts"
import { type InstanceId, SessionId } from "../../domain/Ids.ts"
import type { ProviderEvent } from "../../domain/ThreadEvent.ts"
import {
  type AgentError,
  AgentMisconfigured,
  CapabilityMissing,
  CursorRejected,
  DirectoryUnreachable,
  DirectoryUnsupported,
  PolicyUnenforceable,
  SessionMissing,
  SetupRefused
} from "../../provider/AdapterError.ts"
import type { ProviderSession, StartInput, StartSessionError } from "../../provider/ProviderAdapter.ts"
import { accept } from "../../provider/ResumeCursor.ts"
import { cursor, provider } from "../protocol/Cursor.ts"
import type { Info } from "../protocol/Message.ts"
import type { Config, SessionInfo } from "../protocol/Session.ts"
import * as Versions from "../protocol/Versions.ts"
import * as Calls from "../server/Calls.ts"
import type { OpenCodeConnection } from "../server/Connection.ts"
import * as Permissions from "../turn/Permissions.ts"
import * as Models from "./Models.ts"
import * as Project from "./Project.ts"

export interface Started {
  readonly calls: Calls.Calls
  readonly sessionId: string
  readonly origin: ProviderSession["origin"]
  readonly policy: Permissions.Policy
  /** What the session's rules end with. */
  readonly rules: ReadonlyArray<Permissions.Rule>
  readonly project: Project.Project
  readonly agents: Models.AgentModels
  readonly defaults: Models.Defaults
  /** The MCP servers that are configured and switched on. */
  readonly mcpServers: ReadonlyArray<string>
  /** What the user should know of the start. */
  readonly warnings: ReadonlyArray<ProviderEvent>
  readonly lastMessageId: string | undefined
  readonly title: string | undefined
  readonly serverTime: ServerTime
}

/** The time of the server's clock was at least `millis` when ours, which never jumps, was at `at` nanoseconds. */
export interface ServerTime {
  readonly millis: number
  readonly at: bigint
}

const serverTime = ({ time }: SessionInfo): Effect.Effect<ServerTime> =>
  Effect.map(Clock.monotonicTimeNanos, (at) => ({ millis: time?.updated ?? 0, at }))

export const start = (
  connection: OpenCodeConnection,
  instanceId: InstanceId,
  input: StartInput
): Effect.Effect<Started, StartSessionError, FileSystem.FileSystem | Path.Path> =>
  Effect.suspend((): Effect.Effect<Started, StartSessionError, FileSystem.FileSystem | Path.Path> => {
    const { directory, from, runtimeMode } = input
    // OpenCode decodes the name of a directory twice: it would work in another one, or never answer (1.18.33).
    if (/%[0-9A-Fa-f]{2}|\\/.test(directory)) {
      return new DirectoryUnsupported({ instanceId, directory, characters: directory.includes("\\") ? "\\" : "%" })
    }
    if (connection.unasking.has(directory) && runtimeMode !== "full-access") {
      return new PolicyUnenforceable({ instanceId, runtimeMode, effective: "an \"always\" that another client gave" })
    }
    switch (from._tag) {
      case "Resume":
        return Effect.flatMap(
          sessionIdOf(instanceId, from.cursor),
          (sessionId) => resume(connection, instanceId, input, sessionId)
        )
      case "Adopt":
        return isSessionId(from.sessionId)
          ? resume(connection, instanceId, input, from.sessionId)
          : new SessionMissing({ instanceId, sessionId: from.sessionId, evidence: "not an id of OpenCode" })
      case "Import":
        return new CapabilityMissing({ provider, capability: "import a session" })
      default:
        return create(connection, instanceId, input)
    }
  }).pipe(
    Effect.catchTag(
      "AgentProtocolError",
      (error): Effect.Effect<never, StartSessionError> =>
        error.name !== undefined && configurationErrors.has(error.name)
          ? new AgentMisconfigured({ instanceId, setting: error.name, found: error.body })
          : Effect.fail(error)
    )
  )

/** OpenCode reads the configuration with the first call in a directory, and answers each with these (1.18.33). */
const configurationErrors = new Set(["ConfigJsonError", "ConfigInvalidError", "ConfigFrontmatterError"])

const create = Effect.fnUntraced(function*(connection: OpenCodeConnection, instanceId: InstanceId, input: StartInput) {
  const { directory, from, model, runtimeMode, threadId, title } = input
  const asked = Calls.make(connection, instanceId, directory)
  const [agents, config] = yield* Effect.all([asked.agents, asked.config], { concurrency: 2 })
  const named = Models.agentsOf(agents)
  const { defaults: known, warnings } = yield* Models.defaults(asked, instanceId, model, named, config)
  const defaults = yield* withPersona(instanceId, input, agents, known)
  const rules = Permissions.sessionRules(runtimeMode, agents)
  const session = yield* asked.create(title, { threadId }, rules)
  return yield* Effect.gen(function*() {
    if (!Permissions.endsWith(session.permission, rules)) {
      return yield* new PolicyUnenforceable({ instanceId, runtimeMode, effective: session.permission ?? [] })
    }
    // OpenCode answers with the real path.
    const calls = Calls.make(connection, instanceId, session.directory)
    const project = yield* Project.read(session.directory, input.projectConfig)
    if (from._tag === "Seeded") {
      yield* calls.note(session.id, {
        ...defaults,
        // Not the user's own words.
        parts: [{ type: "text", text: from.transcript, synthetic: true }]
      })
    }
    return {
      calls,
      sessionId: session.id,
      origin: { _tag: "New" },
      rules,
      policy: Permissions.policy(runtimeMode, agents, project.rules),
      project,
      agents: named,
      defaults,
      mcpServers: mcpServersOf(config),
      warnings: [...Versions.warnings(connection.version), ...warnings],
      lastMessageId: yield* lastMessage(calls, session.id),
      title: session.title,
      serverTime: yield* serverTime(session)
    } satisfies Started
  }).pipe(
    // Nobody has said anything in it.
    Effect.onError(() => Effect.ignore(Effect.timeoutOption(asked.remove(session.id), "3 seconds")))
  )
})

const resume = Effect.fnUntraced(function*(
  connection: OpenCodeConnection,
  instanceId: InstanceId,
  input: StartInput,
  sessionId: string
) {
  const { model, runtimeMode, title } = input
  const found = yield* find(Calls.make(connection, instanceId, input.directory), instanceId, sessionId)
  const origin = yield* bring(connection, instanceId, found, input.directory)
  const directory = origin._tag === "Moved" ? origin.to : found.directory
  const calls = Calls.make(connection, instanceId, directory)
  const project = yield* Project.read(directory, input.projectConfig)
  yield* quiet(calls, sessionId)
  if (title !== undefined && title !== found.title) yield* calls.rename(sessionId, title)
  const [agents, config] = yield* Effect.all([calls.agents, calls.config], { concurrency: 2 })
  const named = Models.agentsOf(agents)
  const { defaults: known, warnings } = yield* Models.defaults(calls, instanceId, model, named, config, found)
  const defaults = yield* withPersona(instanceId, input, agents, known)
  const rules = Permissions.sessionRules(runtimeMode, agents)
  yield* enforce(calls, instanceId, sessionId, input, rules)
  return {
    calls,
    sessionId,
    origin: origin._tag === "Moved" ? { _tag: "Moved", from: origin.from } : origin,
    rules,
    policy: Permissions.policy(runtimeMode, agents, project.rules),
    project,
    agents: named,
    defaults,
    mcpServers: mcpServersOf(config),
    warnings: [...Versions.warnings(connection.version), ...warnings],
    lastMessageId: yield* withdrawPending(calls, sessionId),
    title: title ?? found.title,
    serverTime: yield* serverTime(found)
  } satisfies Started
})

/** The persona of the start takes the place of the default one. */
const withPersona = (
  instanceId: InstanceId,
  { agent }: StartInput,
  agents: ReadonlyArray<Permissions.Agent>,
  defaults: Models.Defaults
): Effect.Effect<Models.Defaults, SetupRefused> => {
  if (agent === undefined) return Effect.succeed(defaults)
  const found = agents.find(({ name }) => name === agent)
  return found === undefined || found.mode === "subagent" || found.hidden === true
    ? new SetupRefused({ instanceId, part: "agent", reason: "unsupported", name: agent })
    : Effect.succeed({ ...defaults, agent })
}
const mcpServersOf = ({ mcp = {} }: Config): ReadonlyArray<string> =>
  Object.entries(mcp).flatMap(([name, { enabled }]) => enabled === false ? [] : [name])

const lastMessage = (calls: Calls.Calls, sessionId: string) =>
  Effect.map(calls.messages(sessionId, 1), (messages) => messages.at(-1)?.info.id)

/**
 * Withdraws a compaction that was held or under way when its host died: it stays requested until an answer after it is
 * finished. Answers the id of the last message, withdrawn or not; the next id must be greater.
 */
const withdrawPending = Effect.fnUntraced(function*(calls: Calls.Calls, sessionId: string) {
  const messages = yield* calls.messages(sessionId, recent)
  const request = messages.findLastIndex(({ parts }) => parts.some(({ type }) => type === "compaction"))
  const id = messages[request]?.info.id
  if (id !== undefined && !messages.slice(request).some(({ info }) => isFinished(info))) {
    yield* calls.withdraw(sessionId, id)
  }
  return messages.at(-1)?.info.id
})

const recent = 50

const isFinished = (info: Info): boolean =>
  info.role === "assistant" && info.finish !== undefined && info.error === undefined

// --- finding it again ---

const sessionIdOf = Effect.fnUntraced(function*(instanceId: InstanceId, stored: unknown) {
  const { sessionId } = yield* accept(cursor, instanceId, stored)
  if (isSessionId(sessionId)) return sessionId
  return yield* new CursorRejected({ instanceId, outcome: "Malformed", found: "payload.sessionId" })
})

/** OpenCode answers a malformed id with 500, and an empty one with the list of all sessions. */
const isSessionId = (id: string): boolean => /^ses_[0-9A-Za-z]+$/.test(id)

/** The session as OpenCode has it. */
export const find = (
  calls: Calls.Calls,
  instanceId: InstanceId,
  sessionId: string
): Effect.Effect<SessionInfo, AgentError | SessionMissing> =>
  calls.get(sessionId).pipe(
    Effect.catchTag("OpenCodeApiRefusal", (refusal): Effect.Effect<never, AgentError | SessionMissing> => {
      const evidence = { status: refusal.status, name: ErrorTag.nameOf(refusal) }
      return Calls.isNotFound(refusal)
        ? Effect.fail(new SessionMissing({ instanceId, sessionId: SessionId.make(sessionId), evidence }))
        : calls.plain(Effect.fail(refusal))
    })
  )

// --- bringing it to its directory ---

const bring = Effect.fnUntraced(function*(
  connection: OpenCodeConnection,
  instanceId: InstanceId,
  session: SessionInfo,
  wanted: string
) {
  const fs = yield* FileSystem.FileSystem
  const from = session.directory
  const to = yield* Effect.orElseSucceed(fs.realPath(wanted), () => wanted)
  if (to === from || to === (yield* Effect.orElseSucceed(fs.realPath(from), () => from))) {
    return { _tag: "Resumed" } as const
  }
  const calls = Calls.make(connection, instanceId, from)
  const unreachable = new DirectoryUnreachable({ instanceId, from, to })
  yield* calls.move(session.id, to).pipe(
    Effect.catchTag(
      "OpenCodeApiRefusal",
      (refusal): Effect.Effect<never, AgentError | DirectoryUnreachable> =>
        refusal.status === 400 && refusal.name === "MoveSessionError"
          ? Effect.fail(unreachable)
          : calls.plain(Effect.fail(refusal))
    )
  )
  const moved = yield* calls.plain(calls.get(session.id))
  if (moved.directory !== to) return yield* unreachable
  return { _tag: "Moved", from, to } as const
})

/** Ends a turn that another owner of this session left behind, before it can end one of ours. */
const quiet = Effect.fnUntraced(function*(calls: Calls.Calls, sessionId: string) {
  const idle = Effect.map(calls.busy, (busy) => !busy.has(sessionId))
  if (yield* idle) return
  yield* calls.abort(sessionId)
  yield* Effect.repeat(idle, { until: (idle) => idle, schedule: Schedule.spaced("50 millis"), times: 100 })
})

// --- and to its permissions ---

const enforce = Effect.fnUntraced(function*(
  calls: Calls.Calls,
  instanceId: InstanceId,
  sessionId: string,
  { runtimeMode }: StartInput,
  rules: ReadonlyArray<Permissions.Rule>
) {
  // Read after the move, and read back after the update, which appends: a fork, for example, has no rules at all.
  const before = yield* calls.plain(calls.get(sessionId))
  if (Permissions.endsWith(before.permission, rules)) return
  yield* calls.appendRules(sessionId, rules)
  const after = yield* calls.plain(calls.get(sessionId))
  if (Permissions.endsWith(after.permission, rules)) return
  return yield* new PolicyUnenforceable({ instanceId, runtimeMode, effective: after.permission ?? [] })
})
