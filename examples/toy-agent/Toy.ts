/**
 * The adapter of the toy agent, complete: the model for adapters of agents that are a process per session.
 *
 * It knows no other session, keeps nothing, and decides nothing but what the agent's answers mean.
 */
import { Effect, Schema } from "effect"
import { Adapter, type AgentProcess, Attachments } from "../../src/adapter/index.ts"
import { InstanceId, ProviderName, type RequestId, type RuntimeMode, SessionId } from "../../src/index.ts"
import {
  type AttachmentRefused,
  CopyRejected,
  DeliveryUncertain,
  DirectoryUnreachable,
  RequestGone,
  SessionMissing,
  TurnNotInSession,
  TurnRefused
} from "../../src/protocol.ts"
import {
  type Capabilities,
  NativeCopy,
  Offers,
  type ProviderSession,
  type ProviderTurn,
  ResumeCursor,
  type StartInput,
  type StartSessionError,
  type TurnPlace
} from "../../src/provider/index.ts"
import type { Reply } from "./Protocol.ts"
import * as ToyProcess from "./ToyProcess.ts"

export interface Options {
  /** Where the agent keeps its sessions. */
  readonly folder: string
  /** Default: `toy`. */
  readonly instanceId?: string | undefined
}

const provider = ProviderName.make("toy")
const agentVersion = "1"

const capabilities: Capabilities = {
  ...Adapter.least,
  runtimeModes: ["approval-required", "auto-accept-edits", "full-access", "read-only"],
  projectConfig: ["trust", "instructions", "ignore"],
  // Each session is a process of its own.
  setup: { ...Adapter.least.setup, environment: "per-session" },
  moveDirectory: "same-project",
  fork: true,
  forkAt: true,
  // It remembers what was in the files that it wrote.
  rewind: "conversation-and-files",
  portable: true,
  adopt: true,
  // It never compacts by itself.
  compactionGate: "client-initiated",
  autoCompaction: "can-be-off",
  questions: true
}

/** The agent's own words for what may be done without asking. */
const modes: Record<RuntimeMode, string> = {
  "approval-required": "ask",
  "auto-accept-edits": "edits",
  "full-access": "all",
  "read-only": "none"
}

const cursors = ResumeCursor.make({ provider, version: 1, schema: Schema.Struct(ResumeCursor.baseFields) })

/** Registers the agent with the `ProviderRegistry`. */
export const layer = (options: Options) => {
  const instanceId = InstanceId.make(options.instanceId ?? "toy")
  return Adapter.layer({
    provider,
    instanceId,
    capabilities,
    // It has one model and no list of models, and takes words alone.
    offers: () => Effect.succeed(Offers.none),
    // It comes with this file and knows of no login.
    check: Effect.succeed({
      installed: true,
      version: agentVersion,
      testedVersions: { from: agentVersion, to: agentVersion },
      tested: true,
      login: "unknown"
    }),
    startSession: (input) => startSession(instanceId, options.folder, input),
    listSessions: (query) =>
      Effect.gen(function*() {
        const agent = yield* ToyProcess.make(instanceId, options.folder)
        const { next, sessions = [] } = yield* agent.call("list", { ...query, limit: String(query.limit) })
        return { sessions, ...(next === undefined ? {} : { next }) }
      })
  })
}

const copyVersion = 1

const startSession = Effect.fn("Toy.startSession")(function*(
  instanceId: InstanceId,
  folder: string,
  input: StartInput
): Effect.fn.Return<
  ProviderSession,
  StartSessionError,
  AgentProcess.Needs
> {
  const { directory, from, projectConfig, runtimeMode, setup } = input
  const mode = modes[runtimeMode]
  // Beside what it runs, it takes nothing from a project.
  const trust = projectConfig === "trust" ? "yes" : undefined
  // What cannot be resumed is refused before a process is started for it.
  const copies = from._tag === "Import"
    ? yield* NativeCopy.accept({ instanceId, provider, version: copyVersion }, from.copies)
    : undefined
  const past = from._tag === "Resume"
    ? (yield* ResumeCursor.accept(cursors, instanceId, from.cursor)).sessionId
    : from._tag === "Adopt"
    ? from.sessionId
    : copies?.[0].sessionId
  const agent = yield* ToyProcess.make(instanceId, folder, setup?.environment)
  if (copies !== undefined) {
    const parts = copies.map(({ part }) => part._tag === "Json" ? part.value : null)
    const { error } = yield* agent.call("import", { session: past, parts: JSON.stringify(parts) })
    if (error !== undefined) return yield* new CopyRejected({ instanceId, outcome: "Malformed", found: "part" })
  }
  if (past === undefined) {
    const seed = from._tag === "Seeded" ? from.transcript : undefined
    const reply = yield* agent.call("new", { by: "effect-coding-agents", directory, mode, trust, seed })
    return handle(agent, instanceId, SessionId.make(reply.session ?? ""), { _tag: "New" }, input)
  }
  const reply = yield* agent.call("resume", { session: past, directory, mode, trust })
  if (reply.error === "no-session") return yield* new SessionMissing({ instanceId, sessionId: past, evidence: reply })
  const was = reply.from ?? directory
  if (reply.error !== undefined) return yield* new DirectoryUnreachable({ instanceId, from: was, to: directory })
  return handle(agent, instanceId, past, was === directory ? { _tag: "Resumed" } : { _tag: "Moved", from: was }, input)
})

const handle = (
  agent: ToyProcess.ToyProcess,
  instanceId: InstanceId,
  sessionId: SessionId,
  origin: ProviderSession["origin"],
  { directory, runtimeMode }: StartInput
): ProviderSession => {
  const notFound = ({ turnId }: TurnPlace) => new TurnNotInSession({ instanceId, turnId, reason: "not-found" })
  const reply = (request: RequestId, answer: string) =>
    Effect.flatMap(
      agent.call("answer", { request, answer }),
      ({ error }) => error === undefined ? Effect.void : new RequestGone({ requestId: request })
    )
  return Adapter.session(provider, {
    sessionId,
    directory,
    origin,
    // The agent writes a session's file when it makes it, so it can be resumed from then on.
    cursor: Effect.succeedSome(cursors.encode({ sessionId, directory, runtimeMode, agentVersion })),
    events: agent.events,
    exit: agent.exit,
    sendTurn: (turn) =>
      Effect.andThen(
        check(turn),
        agent.call("turn", {
          turn: turn.turnId,
          prompt: turn.input.prompt,
          context: turn.input.context?.join("\n")
        }).pipe(
          // The line may have been read before the process died.
          Effect.mapError(({ code }) => new DeliveryUncertain({ turnId: turn.turnId, code })),
          Effect.flatMap(({ error }: Reply) =>
            error === undefined ? Effect.void : new TurnRefused({ turnId: turn.turnId, name: error, reason: null })
          )
        )
      ),
    interruptTurn: (turnId) => Effect.asVoid(agent.call("stop", { turn: turnId })),
    respondToApproval: (requestId, decision) =>
      reply(requestId, decision._tag === "AllowOnce" ? "once" : decision._tag === "AllowForSession" ? "session" : "no"),
    answerQuestion: (requestId, answer) =>
      reply(requestId, answer._tag === "Answered" ? answer.answers.flat().join(", ") : "nothing"),
    fork: Effect.fnUntraced(function*(at) {
      const { error, session } = yield* agent.call("fork", { turn: at?.turnId })
      if (at !== undefined && error !== undefined) return yield* notFound(at)
      return cursors.encode({ sessionId: SessionId.make(session ?? ""), directory, runtimeMode, agentVersion })
    }),
    rewind: Effect.fnUntraced(function*(before) {
      const { error } = yield* agent.call("rewind", { turn: before.turnId })
      if (error !== undefined) return yield* notFound(before)
    }),
    exportSession: (asked) =>
      Effect.map(agent.call("export", { since: asked }), ({ checkpoint = "", part, since }) => ({
        provider,
        sessionId,
        version: copyVersion,
        agentVersion,
        ...(since === undefined ? {} : { since }),
        part: { _tag: "Json", value: part },
        checkpoint
      })),
    capabilities
  })
}

/** What the agent has no way to take is refused before it is sent. */
const check = ({ input, turnId }: ProviderTurn): Effect.Effect<void, AttachmentRefused | TurnRefused> => {
  const model = input.model === undefined
    ? Effect.void
    : new TurnRefused({ turnId, name: "NoModels", reason: input.model })
  return Effect.andThen(Attachments.refuse(input.attachments), model)
}
