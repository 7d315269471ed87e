/** A host that goes on with a conversation and then works, until somebody kills it. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Console, Effect, Layer, Logger, Option, Schema, Stdio, Stream } from "effect"
import { openCodeConfig } from "../../examples/support/OpenCodeConfig.ts"
import * as Processes from "../../examples/support/Processes.ts"
import {
  CodingAgents,
  isTerminal,
  LifecycleHooks,
  ProviderRegistry,
  ProviderService,
  SessionStore
} from "../../src/index.ts"
import * as OpenCode from "../../src/opencode/OpenCode.ts"
import { instanceId, type Line, LineText, Task } from "./Protocol.ts"

const hooks = ({ hook }: Task) =>
  hook === undefined
    ? Layer.empty
    : LifecycleHooks.observe({ name: hook, events: ["session:*"], run: () => Effect.void })

const agents = (task: Task) =>
  CodingAgents.layerService().pipe(
    Layer.provide(hooks(task)),
    Layer.provide(OpenCode.layer({
      instanceId,
      isolated: { folder: task.home },
      inherit: [Processes.variable],
      config: openCodeConfig({ url: task.model }),
      stopDeadline: "3 seconds"
    })),
    Layer.provide([ProviderRegistry.layer, LifecycleHooks.layer]),
    Layer.provideMerge(SessionStore.layerSqlite({ filename: task.store }))
  )

const say = (line: Line) => Effect.flatMap(Effect.orDie(Schema.encodeEffect(LineText)(line)), Console.log)

/** The session that the stored cursor points to. */
const Cursor = Schema.Struct({ payload: Schema.Struct({ sessionId: Schema.String }) })

const live = Effect.fnUntraced(function*({ directory, follow, inspect, threadId, work }: Task) {
  const agents = yield* ProviderService
  const store = yield* SessionStore
  const cursor = yield* store.getCursor(inspect.threadId, instanceId)
  yield* say({
    _tag: "Booted",
    sessionId: Option.match(cursor, {
      onNone: () => null,
      onSome: (cursor) => Schema.decodeUnknownSync(Cursor)(cursor).payload.sessionId
    }),
    events: yield* store.readEvents({ ...inspect, limit: 100_000 })
  })
  const { continuity, sessionId } = yield* agents.startSession({
    threadId,
    instanceId,
    directory,
    runtimeMode: "full-access",
    title: "crash"
  })
  yield* agents.runTurn({ threadId, prompt: follow })
  yield* say({ _tag: "Followed", continuity: continuity._tag, sessionId })
  if (work === undefined) return
  yield* say({ _tag: "Working" })
  const { turnId } = yield* agents.sendTurn({ threadId, prompt: work })
  yield* say({ _tag: "Sent" })
  yield* agents.streamEvents({ threadId }).pipe(
    Stream.filter((event) => isTerminal(event) && event.turnId === turnId),
    Stream.runHead
  )
  yield* say({ _tag: "Ended" })
  return yield* Effect.never
})

Effect.gen(function*() {
  const stdio = yield* Stdio.Stdio
  const [argument] = yield* stdio.args
  const task = yield* Schema.decodeUnknownEffect(Task)(argument)
  yield* Effect.provide(live(task), agents(task))
}).pipe(
  Effect.provide([NodeServices.layer, Layer.succeed(Logger.LogToStderr, true)]),
  NodeRuntime.runMain
)
