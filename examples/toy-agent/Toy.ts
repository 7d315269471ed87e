/**
 * The adapter of the toy agent, complete: the model for adapters of agents that are a process per session.
 *
 * It knows no other session, keeps nothing, and decides nothing but what the agent's answers mean.
 */
import { Effect, Schema } from "effect"
import { Adapter, type AgentProcess, Attachments } from "../../src/adapter/index.ts"
import { InstanceId, ProviderName, type RequestId, type RuntimeMode, SessionId, type TurnId } from "../../src/index.ts"
import {
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
  ResumeCursor,
  type StartInput,
  type StartSessionError
} from "../../src/provider/index.ts"
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

/** The session to go on with, and its copies. What is no session is refused before a process is started for it. */
const pastOf = Effect.fnUntraced(function*(instanceId: InstanceId, from: StartInput["from"]) {
  switch (from._tag) {
    case "Resume":
      return yield* ResumeCursor.accept(cursors, instanceId, from.cursor)
    case "Import": {
      const copies = yield* NativeCopy.accept({ instanceId, provider, version: copyVersion }, from.copies)
      return { sessionId: copies[0].sessionId, copies }
    }
    default:
      return from._tag === "Adopt" ? from : undefined
  }
})

const startSession = Effect.fn("Toy.startSession")(function*(
  instanceId: InstanceId,
  folder: string,
  input: StartInput
): Effect.fn.Return<ProviderSession, StartSessionError, AgentProcess.Needs> {
  const { directory, from, projectConfig, runtimeMode, setup } = input
  const past = yield* pastOf(instanceId, from)
  const agent = yield* ToyProcess.make(instanceId, folder, setup?.environment)
  // Beside what it runs, the agent takes nothing from a project.
  const asked = { directory, mode: modes[runtimeMode], trust: projectConfig === "trust" ? "yes" : undefined }
  if (past === undefined) {
    const seed = from._tag === "Seeded" ? from.transcript : undefined
    const { session = "" } = yield* agent.call("new", { ...asked, by: "effect-coding-agents", seed })
    return handle(agent, instanceId, SessionId.make(session), { _tag: "New" }, input)
  }
  const { sessionId } = past
  if ("copies" in past) {
    const parts = JSON.stringify(past.copies.map(({ part }) => part._tag === "Json" ? part.value : null))
    const noCopy = () => new CopyRejected({ instanceId, outcome: "Malformed", found: "part" })
    yield* agent.ask("import", { session: sessionId, parts }, noCopy)
  }
  const { from: was = directory } = yield* agent.ask(
    "resume",
    { ...asked, session: sessionId },
    (error, evidence) =>
      error === "no-session"
        ? new SessionMissing({ instanceId, sessionId, evidence })
        : new DirectoryUnreachable({ instanceId, from: evidence.from ?? directory, to: directory })
  )
  const origin = was === directory ? { _tag: "Resumed" } as const : { _tag: "Moved", from: was } as const
  return handle(agent, instanceId, sessionId, origin, input)
})

const handle = (
  agent: ToyProcess.ToyProcess,
  instanceId: InstanceId,
  sessionId: SessionId,
  origin: ProviderSession["origin"],
  { directory, runtimeMode }: StartInput
): ProviderSession => {
  const cursorOf = (sessionId: SessionId) => cursors.encode({ sessionId, directory, runtimeMode, agentVersion })
  const notFound = (turnId: TurnId) => () => new TurnNotInSession({ instanceId, turnId, reason: "not-found" })
  const answer = (requestId: RequestId, answer: string) =>
    Effect.asVoid(agent.ask("answer", { request: requestId, answer }, () => new RequestGone({ requestId })))
  return Adapter.session(provider, {
    sessionId,
    directory,
    origin,
    // The agent writes a session's file when it makes it, so it can be resumed from then on.
    cursor: Effect.succeedSome(cursorOf(sessionId)),
    events: agent.events,
    exit: agent.exit,
    sendTurn: Effect.fnUntraced(function*({ input: { attachments, context, model, prompt }, turnId }) {
      const refused = (name: string, reason: unknown = null) => new TurnRefused({ turnId, name, reason })
      // What the agent has no way to take is refused before it is sent.
      yield* Attachments.refuse(attachments)
      if (model !== undefined) return yield* refused("NoModels", model)
      yield* agent.ask("turn", { turn: turnId, prompt, context: context?.join("\n") }, (name) => refused(name)).pipe(
        // The line may have been read before the process died.
        Effect.catchTag("AgentUnreachable", ({ code }) => Effect.fail(new DeliveryUncertain({ turnId, code })))
      )
    }),
    interruptTurn: (turnId) => Effect.asVoid(agent.call("stop", { turn: turnId })),
    respondToApproval: (requestId, { _tag }) =>
      answer(requestId, _tag === "AllowOnce" ? "once" : _tag === "AllowForSession" ? "session" : "no"),
    answerQuestion: (requestId, given) =>
      answer(requestId, given._tag === "Answered" ? given.answers.flat().join(", ") : "nothing"),
    fork: Effect.fnUntraced(function*(at) {
      const { error, session = "" } = yield* agent.call("fork", { turn: at?.turnId })
      if (at !== undefined && error !== undefined) return yield* notFound(at.turnId)()
      return cursorOf(SessionId.make(session))
    }),
    rewind: ({ turnId }) => Effect.asVoid(agent.ask("rewind", { turn: turnId }, notFound(turnId))),
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
