/** What the tests of the promises on the real OpenCode share: services on the shared server, and hands in its store. */
import { Effect, Fiber, Layer, Option, Path, Redacted, Schema, Stream } from "effect"
import { SqlClient } from "effect/sql"
import { type CodingAgents, ProviderService, SessionStore, type ThreadEvent, type ThreadId } from "../../src/index.ts"
import * as OpenCode from "../../src/opencode/OpenCode.ts"
import { is } from "./Agents.ts"
import { folder, hands, opencode, service } from "./OpenCodeAgents.ts"

/** A service with its own settings and store, on the shared agent. */
export const withService = <A, E, R>(settings: CodingAgents.Settings, effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const path = yield* Path.Path
    const filename = path.join(yield* folder, "threads.db")
    return yield* Effect.provide(effect, service({ filename, settings }))
  })

/** Another instance: the shared server again, or whatever stands in for it, by its address. */
export const at = (instanceId: string, baseUrl: string, password: string, options: Partial<OpenCode.External> = {}) =>
  Layer.fresh(Layer.orDie(
    OpenCode.layer({ ...options, instanceId, baseUrl, password: Redacted.make(password), projectConfig: "trust" })
  ))

export const cursorOf = Effect.fnUntraced(function*(threadId: ThreadId, instanceId = opencode) {
  const store = yield* SessionStore
  return Option.getOrUndefined(yield* store.getCursor(threadId, instanceId))
})

export const setCursorSession = Effect.fnUntraced(function*(threadId: ThreadId, sessionId: string) {
  const sql = yield* SqlClient.SqlClient
  const cursor = yield* cursorOf(threadId)
  const { payload, ...rest } = yield* Schema.decodeUnknownEffect(Cursor)(cursor)
  const body = JSON.stringify({ ...rest, payload: { ...payload, sessionId } })
  yield* sql`UPDATE eca_cursors SET body = ${body} WHERE thread_id = ${threadId}`
})
export const Cursor = Schema.StructWithRest(
  Schema.Struct({ payload: Schema.Record(Schema.String, Schema.Unknown) }),
  [Schema.Record(Schema.String, Schema.Unknown)]
)

export const gone = "ses_0000000000000000000000000a"

/** The user's messages with this text that OpenCode itself has stored in a session. */
export const deliveries = Effect.fnUntraced(function*(sessionID: string, directory: string, prompt: string) {
  const { client } = yield* hands
  const { data } = yield* Effect.promise(() => client(directory).session.messages({ sessionID }))
  return (data ?? []).filter(({ info, parts }) =>
    info.role === "user" && parts.some((part) => part.type === "text" && part.text === prompt)
  ).map(({ info }) => info.id)
})

/** The running turn's approval, once it is asked for. */
export const approval = (threadId: ThreadId, after = 0) =>
  Effect.gen(function*() {
    const agents = yield* ProviderService
    const asked = yield* agents.streamEvents({ threadId, after }).pipe(
      Stream.filter(is("ApprovalRequested")),
      Stream.runHead,
      Effect.flatMap(Effect.fromOption)
    )
    return asked
  })

export const runApproved = Effect.fnUntraced(function*(threadId: ThreadId, prompt: string) {
  const agents = yield* ProviderService
  const { lastSeq } = yield* agents.getThread({ threadId })
  const turn = yield* Effect.forkChild(agents.runTurn({ threadId, prompt }), { startImmediately: true })
  const { request } = yield* approval(threadId, lastSeq)
  yield* agents.respondToApproval({ threadId, requestId: request.requestId, decision: { _tag: "AllowOnce" } })
  return { request, result: yield* Fiber.join(turn) }
})

export const commands = (events: ReadonlyArray<ThreadEvent>) =>
  events.flatMap((event) => event._tag === "ItemCompleted" && event.item._tag === "Command" ? [event.item] : [])

export const json = { "content-type": "application/json" }
