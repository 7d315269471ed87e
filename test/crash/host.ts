/** A host that goes on with a conversation and then works, until somebody kills it. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Array, Console, Effect, Layer, Logger, Option, Schema, Stdio, Stream } from "effect"
import { join } from "node:path"
import {
  CodingAgents,
  InstanceId,
  isTerminal,
  LifecycleHooks,
  ProviderRegistry,
  ProviderService,
  SessionStore
} from "../../src/index.ts"
import * as Agents from "./Agents.ts"
import { type Line, LineText, Task } from "./Protocol.ts"

const hooks = ({ hook }: Task) =>
  hook === undefined
    ? Layer.empty
    : LifecycleHooks.observe({ name: hook, events: ["session:*"], run: () => Effect.void })

const instances = ({ agents, homes, model }: Task) =>
  agents.map((name) => Agents.layers[name]({ url: model, folder: join(homes, name) }))

const agents = (task: Task) =>
  CodingAgents.layerService().pipe(
    Layer.provide(hooks(task)),
    Layer.provide(Layer.mergeAll(Layer.empty, ...instances(task))),
    Layer.provide([ProviderRegistry.layer, LifecycleHooks.layer]),
    Layer.provideMerge(SessionStore.layerSqlite({ filename: task.store }))
  )

const say = (line: Line) => Effect.flatMap(Effect.orDie(Schema.encodeEffect(LineText)(line)), Console.log)

const cursorsOf = Effect.fnUntraced(function*({ agents, inspect }: Task) {
  const store = yield* SessionStore
  const found = yield* Effect.forEach(agents, (name) =>
    Effect.map(
      store.getCursor(inspect.threadId, InstanceId.make(name)),
      Option.map((cursor) => [name, JSON.stringify(cursor)] as const)
    ))
  return Object.fromEntries(Array.getSomes(found))
})

const live = Effect.fnUntraced(function*(task: Task) {
  const { agent, directory, follow, inspect, threadId, work } = task
  const agents = yield* ProviderService
  const store = yield* SessionStore
  yield* say({
    _tag: "Booted",
    cursors: yield* cursorsOf(task),
    events: yield* store.readEvents({ ...inspect, limit: 100_000 })
  })
  const { continuity, sessionId } = yield* agents.startSession({
    threadId,
    instanceId: InstanceId.make(agent),
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
