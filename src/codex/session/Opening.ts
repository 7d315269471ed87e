/**
 * How a thread is opened on an app-server that others use: one that is opened for no one is let go again, also where Codex
 * opens it only after the caller has given up.
 */
import { Effect, Exit, Fiber, FileSystem, Result, Schema, Scope } from "effect"
import * as StdioPeer from "../../adapter/StdioPeer.ts"
import type { SessionId } from "../../domain/Ids.ts"
import { type AgentError, AgentProtocolError, SessionInUse, SessionMissing } from "../../provider/AdapterError.ts"
import type { AppServer } from "../process/AppServer.ts"
import { isThreadId } from "../protocol/Cursor.ts"
import * as Policy from "./Policy.ts"

const Opened = Schema.Struct({
  ...Policy.Effective.fields,
  thread: Schema.Struct({ id: Schema.String }),
  cwd: Schema.String,
  model: Schema.String,
  modelProvider: Schema.String,
  reasoningEffort: Schema.optionalKey(Schema.NullOr(Schema.String))
})

/** What Codex answers to a start and a resume. */
export type Opened = typeof Opened.Type

export const toAgentError = (server: AppServer) => (error: StdioPeer.PeerError | AgentProtocolError): AgentError =>
  error._tag === "AgentProtocolError" ? error : StdioPeer.toAgentError(server.instanceId)(error)

const open = <A extends { readonly thread: { readonly id: string } }>(
  server: AppServer,
  method: string,
  params: object,
  schema: Schema.ConstraintDecoder<A>
) =>
  Effect.uninterruptibleMask(Effect.fnUntraced(function*(restore) {
    const opening = yield* Effect.forkDetach(server.call(method, params, schema), { startImmediately: true })
    const unload = Effect.flatMap(
      Fiber.await(opening),
      (exit) => Exit.isSuccess(exit) ? server.unload(exit.value.thread.id) : Effect.void
    )
    // In fibers of their own: the one that closes the Scope may be an interrupted one, which could wait for nothing.
    yield* Effect.addFinalizer(() =>
      Effect.forkDetach(unload).pipe(
        Effect.flatMap((unloading) => Effect.forkDetach(Effect.timeoutOption(Fiber.await(unloading), openDeadline))),
        Effect.flatMap(Fiber.await)
      )
    )
    return yield* restore(Fiber.join(opening))
  }))

/** How long the end of a session waits for its own start, where that is still under way. */
const openDeadline = "5 seconds"

/** As {@link resume}, of a new thread. */
export const start = (server: AppServer, settings: object): Effect.Effect<Opened, AgentError, Scope.Scope> =>
  open(server, "thread/start", settings, Opened).pipe(
    Effect.tap(({ thread }) => server.claim(thread.id)),
    Effect.mapError(toAgentError(server))
  )

/** The thread is this session's alone until the Scope closes, and is unloaded then. */
export const resume = Effect.fnUntraced(
  function*(server: AppServer, sessionId: SessionId, settings: object) {
    const { instanceId } = server
    if (!isThreadId(sessionId)) return yield* new SessionMissing({ instanceId, sessionId, evidence: "not a UUID" })
    // Codex would take it for the same client's, and leave the settings out.
    if (!(yield* server.claim(sessionId))) return yield* new SessionInUse({ instanceId, sessionId })
    const params = { threadId: sessionId, excludeTurns: true, ...settings }
    return yield* open(server, "thread/resume", params, Opened).pipe(
      Effect.catch((error) =>
        error._tag === "PeerRefused" && error.code === refused
          ? Effect.flatMap(whyRefused(server, sessionId, error.reason), Effect.fail)
          : Effect.fail(toAgentError(server)(error))
      )
    )
  },
  (effect) => untilFailure(effect)
)

const Forked = Schema.Struct({ thread: Schema.Struct({ id: Schema.String }) })

/** The id of a copy, which is unloaded when the Scope closes. */
export const fork = (
  server: AppServer,
  threadId: SessionId,
  settings: object
): Effect.Effect<string, AgentError, Scope.Scope> =>
  open(server, "thread/fork", { threadId, excludeTurns: true, ...settings }, Forked).pipe(
    Effect.map(({ thread }) => thread.id),
    Effect.mapError(toAgentError(server))
  )

/** What fails holds nothing, even where the Scope that it was tried in stays open. */
const untilFailure = Effect.fnUntraced(function*<A, E, R>(effect: Effect.Effect<A, E, R>) {
  const scope = yield* Scope.fork(yield* Effect.scope)
  return yield* Effect.onError(Scope.provide(effect, scope), () => Scope.close(scope, Exit.void))
})

const Read = Schema.Struct({
  thread: Schema.Struct({ path: Schema.optionalKey(Schema.NullOr(Schema.String)), cwd: Schema.String })
})

/** Where Codex has the thread, whether or not it is loaded. The file may not be there. */
export const read = (server: AppServer, threadId: string) =>
  Effect.map(
    server.call("thread/read", { threadId }, Read),
    ({ thread: { cwd, path } }) => ({ directory: cwd, path: path == null || path === "" ? undefined : path })
  )

/** What Codex refuses. Errors within Codex have another code. */
const refused = -32600

/**
 * A refused resume has the same code for a thread that is gone, archived or in use, and for a broken configuration. Further
 * calls tell them apart: a thread that is there can be read, and its file exists; a broken configuration cannot be read.
 */
const whyRefused = Effect.fnUntraced(function*(server: AppServer, sessionId: SessionId, reason: string) {
  const { instanceId } = server
  const fs = yield* FileSystem.FileSystem
  const found = yield* Effect.result(read(server, sessionId))
  if (Result.isFailure(found)) {
    const { failure } = found
    return failure._tag === "PeerRefused" && failure.code === refused
      ? new SessionMissing({ instanceId, sessionId, evidence: { resume: reason, read: failure.reason } })
      : toAgentError(server)(failure)
  }
  const { path = "" } = found.success
  if (path === "" || !(yield* Effect.orElseSucceed(fs.exists(path), () => true))) {
    return new SessionMissing({ instanceId, sessionId, evidence: { resume: reason, path } })
  }
  const known = (name: string) =>
    new AgentProtocolError({ instanceId, operation: "thread/resume", status: refused, name, body: reason })
  if (path.split(/[/\\]/).includes("archived_sessions")) return known("archived")
  const configuration = yield* Effect.exit(server.peer.call("config/read", {}))
  return Exit.isFailure(configuration) ? known("configuration") : new SessionInUse({ instanceId, sessionId })
})
