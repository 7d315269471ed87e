/** A caller that may see nothing, in every operation, over HTTP, as an RPC, and as the hub of a server that dials. */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Predicate, Redacted, Result, Stream } from "effect"
import { HttpRouter, HttpServer } from "effect/http"
import { createServer } from "node:http"
import { Api } from "../../src/api/index.ts"
import { Client } from "../../src/client/index.ts"
import { HookDeliveries } from "../../src/hooks/index.ts"
import { ProviderService, TranscriptArchive } from "../../src/index.ts"
import { Operations } from "../../src/protocol.ts"
import { Admission, DialledServers, Rpc, Server, ThreadAccess } from "../../src/server/index.ts"
import { MockProvider } from "../../src/testing/index.ts"
import * as Agents from "../support/Agents.ts"
import * as EveryOperation from "../support/EveryOperation.ts"
import * as HttpHost from "../support/HttpHost.ts"

const { threadId } = Agents

const nothing = ThreadAccess.layer(() => Effect.succeed(false))

/** What is of no thread, and tells of none. */
const open = new Set(["checkAgent", "listAgents"])

/** They answer without what the caller may not see. */
const filtered = new Set(["listThreads", "watchThreads", "streamAllEvents"])

type Handler = (input: unknown) => Effect.Effect<unknown, unknown> | Stream.Stream<unknown, unknown>

/** A thread with a turn and a snapshot, on a server whose app lets its callers do nothing. */
const host = Effect.gen(function*() {
  const host = yield* HttpHost.start({
    beside: nothing,
    routes: Rpc.layer(),
    server: {
      keepAlive: "200 millis",
      authorize: ({ headers }) => Effect.succeed({ id: headers["authorization"] ?? "guest" })
    }
  })
  const { context } = host
  const agents = Context.get(context, ProviderService)
  const directory = yield* Agents.folder
  yield* agents.startSession({ threadId, instanceId: Agents.mock, directory })
  yield* agents.runTurn({ threadId, prompt: "a secret" })
  const { snapshotId } = yield* Context.get(context, TranscriptArchive).snapshot({ threadId })
  const inputs = EveryOperation.inputs({ threadId, snapshotId, directory })
  const state = Effect.all({
    thread: agents.getThread({ threadId }),
    list: agents.listThreads({}),
    received: Context.get(context, MockProvider).received
  })
  return { ...host, inputs, state, before: yield* state }
})

type Outcome = readonly [operation: string, outcome: unknown]

/** What becomes of each operation of a service. */
const outcomes = (service: object, inputs: Readonly<Record<string, unknown>>) =>
  Effect.forEach(
    Object.entries(inputs).filter(([name]) => !filtered.has(name)),
    ([name, input]): Effect.Effect<Outcome> => {
      const run: Handler | undefined = Reflect.get(service, name)
      const answer = run?.(name === "importThread" ? { ...Object(input), turns: Stream.empty } : input)
      if (answer === undefined) return Effect.succeed([name, "missing"])
      const ended = Effect.isEffect(answer) ? answer : Stream.runDrain(answer)
      return Effect.map(
        Effect.result(ended),
        Result.match({
          onFailure: (error): Outcome => [name, Predicate.hasProperty(error, "_tag") ? error._tag : "?"],
          onSuccess: () => [name, "done"]
        })
      )
    },
    { concurrency: 4 }
  )

const refused = (inputs: Readonly<Record<string, unknown>>): ReadonlyArray<Outcome> =>
  Object.keys(inputs).filter((name) => !filtered.has(name)).map((name): Outcome => [
    name,
    open.has(name) ? "done" : "AccessDenied"
  ])

const isRefusedEverywhere = Effect.fnUntraced(function*(
  services: Context.Context<ProviderService | TranscriptArchive | HookDeliveries>,
  inputs: ReturnType<typeof EveryOperation.inputs>
) {
  const agents = Context.get(services, ProviderService)
  assert.deepStrictEqual(yield* outcomes(agents, inputs.service), refused(inputs.service))
  assert.deepStrictEqual(
    yield* outcomes(Context.get(services, TranscriptArchive), inputs.archive),
    refused(inputs.archive)
  )
  assert.deepStrictEqual(yield* outcomes(Context.get(services, HookDeliveries), inputs.hooks), refused(inputs.hooks))
  assert.deepStrictEqual((yield* agents.listThreads({})).threads, [])
  const [page] = yield* agents.watchThreads({}).pipe(Stream.take(1), Stream.runCollect)
  assert.deepInclude(page?._tag === "Page" ? page.page : page, { threads: [] })
  const denied = yield* Effect.flip(agents.getThread({ threadId }))
  assert.deepInclude({ ...denied }, { _tag: "AccessDenied", operation: "getThread", threadId })
})

describe("a caller that may see nothing", () => {
  it.live("P14: has no operation over RPC, and changes nothing", () =>
    Effect.gen(function*() {
      const { before, inputs, state, url } = yield* host
      for (const transport of ["websocket", "http"] as const) {
        const remote = yield* Layer.build(Client.layer({ url, token: Redacted.make("guest"), transport }))
        yield* isRefusedEverywhere(remote, inputs)
      }
      assert.deepStrictEqual(yield* state, before)
    }).pipe(Effect.scoped, Effect.provide(Agents.platform)))

  it.live("P14: has no endpoint over HTTP, and changes nothing", () =>
    Effect.gen(function*() {
      const { ask, before, inputs, read, state } = yield* host
      const { service } = inputs
      const snapshot = {
        threadId,
        snapshotId: "snapshotId" in inputs.archive.read ? inputs.archive.read.snapshotId : ""
      }
      const given: Readonly<Record<string, object>> = {
        ...service,
        ...inputs.hooks,
        snapshot: { threadId },
        list: { threadId },
        purgeAll: { threadId },
        read: snapshot,
        verify: snapshot,
        export: snapshot,
        purge: snapshot,
        restore: snapshot
      }
      const endpoints = Object.values(Api.groups).filter(({ identifier }) => identifier !== "health")
        .flatMap(({ endpoints }) => Object.values(endpoints))
      const answers: Array<Outcome> = []
      for (const { identifier, method, path } of endpoints) {
        if (filtered.has(identifier)) continue
        const input = Object.entries(given[identifier] ?? {})
        const named = (name: string) => path.includes(`:${name}`)
        const url = input.reduce(
          (made, [name, value]) => made.replace(`:${name}`, encodeURIComponent(String(value))),
          path
        )
        const query = identifier === "export" ? "?format=jsonl" : ""
        const rest = Object.fromEntries(input.filter(([name]) => !named(name)))
        const directory = identifier.endsWith("Offers")
          ? `?directory=${encodeURIComponent(String(rest["directory"]))}`
          : query
        const asked = identifier === "importThread"
          ? { text: `{"thread":${JSON.stringify(rest)}}\n`, headers: { "content-type": "application/x-ndjson" } }
          : method === "GET" || method === "DELETE"
          ? {}
          : { body: identifier === "restore" ? { threadId: "restored" } : rest }
        const { body } = yield* ask(method, `${url}${directory}`, asked)
        answers.push([identifier, Predicate.hasProperty(body, "_tag") ? body._tag : "done"])
      }
      const expected = answers.map(([name]): Outcome => [name, open.has(name) ? "done" : "AccessDenied"])
      assert.deepStrictEqual(answers, expected)
      assert.isAbove(answers.length, Object.keys(Operations.service).length)
      const listed = yield* ask("GET", "/threads")
      assert.deepInclude(listed.body, { threads: [] })
      // What there is to tell is told before the ping; the caller is told of nothing.
      const feed = yield* read("/events").pipe(Stream.takeUntil(({ event }) => event === "ping"), Stream.runCollect)
      assert.deepStrictEqual(feed.map(({ event }) => event), ["ping"])
      assert.deepStrictEqual(yield* state, before)
    }).pipe(Effect.scoped, Effect.provide(Agents.platform)))

  it.live("P14: as the hub of a server that dials, has no operation of it", () =>
    Effect.gen(function*() {
      const { context, inputs } = yield* host
      const token = Redacted.make("the hub's")
      const hub = yield* Layer.build(
        HttpRouter.serve(DialledServers.layer().pipe(Layer.provide(Layer.orDie(Admission.layer({ token })))), {
          disableLogger: true,
          disableListenLog: true
        }).pipe(Layer.provideMerge(NodeHttpServer.layer(createServer, { port: 0, host: "127.0.0.1" })), Layer.orDie)
      )
      const url = HttpServer.formatAddress(Context.get(hub, HttpServer.HttpServer).address)
      yield* Layer.build(
        Server.dial({ url, token, name: "sandbox" }).pipe(
          Layer.provide(nothing),
          Layer.provide(Layer.succeedContext(context))
        )
      )
      const { client } = Context.get(hub, DialledServers.DialledServers)
      yield* isRefusedEverywhere(yield* Layer.build(client("sandbox")), inputs)
    }).pipe(Effect.scoped, Effect.provide(Agents.platform)))
})
