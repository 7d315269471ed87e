/**
 * The server's operations that a session needs, each with its answer decoded. Where a refusal has a meaning, it is left
 * to the caller; every other one is an `AgentProtocolError`.
 */
import { Effect, Schedule, Schema } from "effect"
import * as ErrorTag from "../../domain/ErrorTag.ts"
import type { InstanceId } from "../../domain/Ids.ts"
import type { ModelSelection } from "../../domain/TurnInput.ts"
import { type AgentError, AgentProtocolError } from "../../provider/AdapterError.ts"
import { Agents, Command, Providers, Skills } from "../protocol/Catalog.ts"
import { PermissionRequest, QuestionRequest, Status } from "../protocol/Frame.ts"
import { decodeMessages } from "../protocol/Message.ts"
import { Config, Listed, McpServers, Places, SessionInfo } from "../protocol/Session.ts"
import type { Rule } from "../turn/Permissions.ts"
import type { ApiRefusal, OpenCodeConnection } from "./Connection.ts"

export type PromptPart =
  | { readonly type: "text"; readonly text: string; readonly synthetic?: boolean }
  | { readonly type: "file"; readonly mime: string; readonly filename: string; readonly url: string }

/** Model, variant and agent go with every prompt: OpenCode forgets the latter two, and keeps even a bad model. */
export interface Prompt {
  readonly messageId?: string
  readonly model: ModelSelection
  readonly agent: string
  /** Added to the agent's own instructions for this prompt alone, and not for subagents. */
  readonly system?: string | undefined
  readonly parts: ReadonlyArray<PromptPart>
}

/** A command takes files and no text beside its arguments. */
export interface CommandCall extends Omit<Prompt, "parts" | "system"> {
  readonly messageId: string
  readonly command: string
  readonly arguments: string
  readonly parts: ReadonlyArray<Extract<PromptPart, { readonly type: "file" }>>
}

/** "Not found" is the status and the error's name together; either alone says nothing about the session. */
export const isNotFound = ({ status, name }: ApiRefusal): boolean => status === 404 && name === "NotFoundError"

/** `provider/model`; a model's name may itself hold slashes. */
export const modelParts = (id: string) => {
  const slash = id.indexOf("/")
  return { providerID: id.slice(0, slash), modelID: id.slice(slash + 1) }
}

export type Calls = ReturnType<typeof make>

/** `directory` is the session's own: permission, question and status routes know no other (1.18.33). */
export const make = (connection: OpenCodeConnection, instanceId: InstanceId, directory: string) => {
  const call: <A>(
    operation: string,
    request: Parameters<typeof connection.call<A>>[2]
  ) => Effect.Effect<A, AgentError | ApiRefusal> = (operation, request) =>
    connection.call(operation, directory, request)

  /** Any refusal as `AgentProtocolError`: it has no meaning of its own here. */
  const plain = <A>(effect: Effect.Effect<A, AgentError | ApiRefusal>): Effect.Effect<A, AgentError> =>
    Effect.catchTag(effect, "OpenCodeApiRefusal", (refusal) => {
      const { body, operation, status } = refusal
      const name = ErrorTag.nameOf(refusal)
      return Effect.fail(
        new AgentProtocolError({ instanceId, operation, status, body, ...(name === undefined ? {} : { name }) })
      )
    })

  const decoded = <A, I>(operation: string, schema: Schema.Codec<A, I>) => {
    const decode = Schema.decodeUnknownOption(schema)
    return (value: unknown): Effect.Effect<A, AgentProtocolError> =>
      Effect.fromOption(decode(value)).pipe(
        Effect.mapError(() => new AgentProtocolError({ instanceId, operation, body: value }))
      )
  }

  const body = ({ model, agent, parts, system }: Prompt) => ({
    agent,
    ...(system === undefined ? {} : { system }),
    model: modelParts(model.id),
    ...(model.variant === undefined ? {} : { variant: model.variant }),
    parts: parts.map((part) => ({ ...part }))
  })

  /** OpenCode refuses while it takes the session for busy, which it does for a moment after it announces idle. */
  const deleteMessage = (sessionID: string, messageID: string) =>
    plain(
      call("session.deleteMessage", (client, signal) =>
        client.session.deleteMessage({ sessionID, messageID }, { signal })).pipe(
          Effect.retry({ times: 20, schedule: Schedule.spaced("100 millis") })
        )
    )

  return {
    directory,
    plain,

    get: (sessionID: string) =>
      call("session.get", (client, signal) => client.session.get({ sessionID }, { signal })).pipe(
        Effect.flatMap(decoded("session.get", SessionInfo))
      ),

    /** Sessions that are no subagent's, last used first, used before `cursor`. */
    roots: (query: { readonly limit: number; readonly cursor?: number }) =>
      plain(
        call(
          "session.list",
          (client, signal) => client.experimental.session.list({ ...query, roots: true }, { signal })
        )
      ).pipe(Effect.flatMap(decoded("session.list", Listed))),

    create: (title: string | undefined, metadata: Readonly<Record<string, string>>, rules: ReadonlyArray<Rule>) =>
      plain(call("session.create", (client, signal) =>
        client.session.create({
          ...(title === undefined ? {} : { title }),
          metadata: { ...metadata },
          permission: Array.from(rules)
        }, { signal }))).pipe(Effect.flatMap(decoded("session.create", SessionInfo))),

    appendRules: (sessionID: string, rules: ReadonlyArray<Rule>) =>
      plain(
        call("session.update", (client, signal) =>
          client.session.update({ sessionID, permission: Array.from(rules) }, { signal }))
      ),

    /** With its messages, and with the sessions of its subagents. */
    remove: (sessionID: string) =>
      plain(call("session.delete", (client, signal) => client.session.delete({ sessionID }, { signal }))).pipe(
        Effect.asVoid
      ),

    rename: (sessionID: string, title: string) =>
      plain(
        call("session.update", (client, signal) => client.session.update({ sessionID, title }, { signal }))
      ).pipe(Effect.asVoid),

    move: (sessionID: string, to: string) =>
      call(
        "session.move",
        (client, signal) =>
          client.experimental.controlPlane.moveSession({ sessionID, destination: { directory: to } }, { signal })
      ),

    /** The newest `limit` messages, or all, oldest first. */
    messages: (sessionID: string, limit?: number) =>
      plain(
        call("session.messages", (client, signal) =>
          client.session.messages({ sessionID, ...(limit === undefined ? {} : { limit }) }, { signal }))
      ).pipe(
        Effect.map(decodeMessages)
      ),

    /** The session and all its messages as the server has them, what this version does not know included. */
    stored: (sessionID: string) =>
      Effect.all({
        session: plain(call("session.get", (client, signal) => client.session.get({ sessionID }, { signal }))),
        messages: plain(
          call("session.messages", (client, signal) => client.session.messages({ sessionID }, { signal }))
        )
      }),

    children: (sessionID: string) =>
      plain(call("session.children", (client, signal) => client.session.children({ sessionID }, { signal }))).pipe(
        Effect.flatMap(decoded("session.children", Schema.Array(SessionInfo)))
      ),

    /** The busy sessions of the directory. */
    busy: plain(call("session.status", (client, signal) => client.session.status({}, { signal }))).pipe(
      Effect.flatMap(decoded("session.status", Schema.Record(Schema.String, Status))),
      Effect.map((all): ReadonlySet<string> =>
        new Set(Object.entries(all).flatMap(([id, { type }]) => type === "idle" ? [] : [id]))
      )
    ),

    /** Hands a prompt over and does not wait for the answer. */
    prompt: (sessionID: string, prompt: Prompt) =>
      call("session.promptAsync", (client, signal) =>
        client.session.promptAsync({
          sessionID,
          ...(prompt.messageId === undefined ? {} : { messageID: prompt.messageId }),
          ...body(prompt)
        }, { signal })),

    /** Answers when the turn is over. It goes on if the call is given up, so the call takes no signal. */
    command: (sessionID: string, { agent, messageId, model, parts, ...command }: CommandCall) =>
      call("session.command", (client) =>
        client.session.command({
          sessionID,
          messageID: messageId,
          agent,
          model: model.id,
          ...(model.variant === undefined ? {} : { variant: model.variant }),
          ...command,
          parts: parts.map((part) => ({ ...part }))
        })),

    /** Stores a user message without starting a turn. The model sees it before the next prompt. */
    note: (sessionID: string, prompt: Prompt) =>
      plain(
        call("session.prompt", (client, signal) =>
          client.session.prompt({ sessionID, noReply: true, ...body(prompt) }, { signal }))
      ),

    abort: (sessionID: string) =>
      plain(call("session.abort", (client, signal) => client.session.abort({ sessionID }, { signal }))),

    /** With `messageID`: of the messages before that one. */
    fork: (sessionID: string, messageID?: string) =>
      plain(
        call("session.fork", (client, signal) =>
          client.session.fork({ sessionID, ...(messageID === undefined ? {} : { messageID }) }, { signal }))
      ).pipe(
        Effect.flatMap(decoded("session.fork", SessionInfo))
      ),

    /**
     * Answers when the compaction is over. OpenCode continues it even if the call is given up, so the call takes no
     * signal.
     */
    summarize: (sessionID: string, model: ModelSelection) =>
      plain(call("session.summarize", (client) => client.session.summarize({ sessionID, ...modelParts(model.id) }))),

    /**
     * Withdraws the request for a compaction that was not made. OpenCode would try again at the next prompt, write a
     * summary that counts for nothing and, if the compaction had been asked for, leave the prompt unanswered (1.18.33).
     */
    withdraw: deleteMessage,

    deleteMessage,

    permissions: plain(call("permission.list", (client, signal) => client.permission.list({}, { signal }))).pipe(
      Effect.flatMap(decoded("permission.list", Schema.Array(PermissionRequest)))
    ),

    questions: plain(call("question.list", (client, signal) => client.question.list({}, { signal }))).pipe(
      Effect.flatMap(decoded("question.list", Schema.Array(QuestionRequest)))
    ),

    replyPermission: (requestID: string, reply: "once" | "reject", message?: string) =>
      call("permission.reply", (client, signal) =>
        client.permission.reply(
          { requestID, reply, ...(message === undefined ? {} : { message }) },
          { signal }
        )),

    replyQuestion: (requestID: string, answers: ReadonlyArray<ReadonlyArray<string>>) =>
      call(
        "question.reply",
        (client, signal) =>
          client.question.reply({ requestID, answers: answers.map((labels) => Array.from(labels)) }, { signal })
      ),

    rejectQuestion: (requestID: string) =>
      call("question.reject", (client, signal) => client.question.reject({ requestID }, { signal })),

    agents: plain(call("app.agents", (client, signal) => client.app.agents({}, { signal }))).pipe(
      Effect.flatMap(decoded("app.agents", Agents))
    ),

    commands: plain(call("command.list", (client, signal) => client.command.list({}, { signal }))).pipe(
      Effect.flatMap(decoded("command.list", Schema.Array(Command)))
    ),

    skills: plain(call("app.skills", (client, signal) => client.app.skills({}, { signal }))).pipe(
      Effect.flatMap(decoded("app.skills", Skills))
    ),

    places: plain(call("path.get", (client, signal) => client.path.get({}, { signal }))).pipe(
      Effect.flatMap(decoded("path.get", Places))
    ),

    providers: plain(call("config.providers", (client, signal) => client.config.providers({}, { signal }))).pipe(
      Effect.flatMap(decoded("config.providers", Providers))
    ),

    /** Answers when each of them is connected or has failed, and connects them where nothing has before (1.18.33). */
    mcpServers: plain(call("mcp.status", (client, signal) => client.mcp.status({}, { signal }))).pipe(
      Effect.flatMap(decoded("mcp.status", McpServers))
    ),

    config: plain(call("config.get", (client, signal) => client.config.get({}, { signal }))).pipe(
      Effect.flatMap(decoded("config.get", Config))
    )
  }
}
