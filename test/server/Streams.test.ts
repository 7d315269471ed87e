/** P11 over HTTP: streams of events without a hole, whatever is cut, stopped or started again. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Deferred, Effect, Exit, Fiber, Schema, Scope, Stream } from "effect"
import { Sse } from "effect/encoding"
import * as Api from "../../src/api/index.ts"
import { ProviderService } from "../../src/index.ts"
import { StoreFailed } from "../../src/protocol.ts"
import { MockProvider, MockStep } from "../../src/testing/index.ts"
import * as Agents from "../support/Agents.ts"
import * as HttpHost from "../support/HttpHost.ts"

const { threadId } = Agents

type Host = Effect.Success<ReturnType<typeof HttpHost.start>>

/** A thread with a turn of so many items: three durable events, and two for each item. */
const turnOf = Effect.fnUntraced(function*({ context }: Host, items: number) {
  const agents = Context.get(context, ProviderService)
  const mock = Context.get(context, MockProvider)
  yield* mock.nextTurn(() => Array.from({ length: items }, (_, n) => MockStep.text(`text ${n}`)))
  yield* agents.startSession({ threadId, instanceId: Agents.mock, directory: yield* Agents.folder })
  yield* agents.runTurn({ threadId, prompt: "go" })
})

const messages = (stream: Stream.Stream<Sse.Event>) => Stream.filter(stream, ({ event }) => event === "message")

const ids = (events: ReadonlyArray<Sse.Event>) => events.map(({ id }) => Number(id))

const tags = (events: ReadonlyArray<Sse.Event>) => events.map(({ data }) => /"_tag":"(\w+)"/.exec(data)?.[1])

const upTo = (last: number) => Array.from({ length: last }, (_, n) => n + 1)

const durable = `/threads/${threadId}/events?deltas=false`

/** The first events of a stream, which is cut then. */
const first = (count: number, stream: Stream.Stream<Sse.Event>) =>
  Stream.runCollect(Stream.take(messages(stream), count))

describe("a reader of events", () => {
  it.live("P11: that was cut off goes on where it was, by Last-Event-ID or ?after=", () =>
    Effect.gen(function*() {
      const host = yield* HttpHost.start()
      yield* turnOf(host, 20)
      const one = yield* first(7, host.read(durable))
      const lastEventId = { "last-event-id": String(one.at(-1)?.id) }
      const two = yield* first(9, host.read(`${durable}&after=2`, { headers: lastEventId }))
      const three = yield* first(10, host.read(`${durable}&after=${two.at(-1)?.id}`))
      assert.deepStrictEqual(ids([...one, ...two, ...three]), upTo(26))
    }).pipe(Effect.scoped, Effect.provide(Agents.platform)))

  it.live("P11: that comes back after a restart of the server has no hole", () =>
    Effect.gen(function*() {
      const filename = `${yield* Agents.folder}/threads.db`
      const scope = yield* Scope.make()
      const before = yield* Scope.provide(HttpHost.start({ filename }), scope)
      yield* turnOf(before, 3)
      const open = yield* Effect.forkChild(Stream.runCollect(messages(before.read(durable))))
      yield* first(8, before.read(durable))
      yield* Scope.close(scope, Exit.void)
      const seen = yield* Fiber.join(open)
      const after = yield* HttpHost.start({ filename })
      const agents = Context.get(after.context, ProviderService)
      yield* agents.runTurn({ threadId, prompt: "again" })
      const { lastSeq } = yield* agents.getThread({ threadId })
      const rest = lastSeq - seen.length
      const back = yield* first(rest, after.read(durable, { headers: { "last-event-id": String(seen.length) } }))
      assert.deepStrictEqual(ids([...seen, ...back]), upTo(lastSeq))
      assert.include(tags(back), "TurnCompleted")
    }).pipe(Effect.scoped, Effect.provide(Agents.platform)))

  it.live("P11: that has seen more than there is (the store was put back) is told by one Gap, and begins anew", () =>
    Effect.gen(function*() {
      const host = yield* HttpHost.start()
      yield* turnOf(host, 1)
      const events = yield* first(4, host.read(durable, { headers: { "last-event-id": "9000" } }))
      assert.deepStrictEqual(tags(events).slice(0, 2), ["Gap", "SessionStarted"])
      assert.deepStrictEqual(ids(events), [0, 1, 2, 3])
    }).pipe(Effect.scoped, Effect.provide(Agents.platform)))

  it.live("has deltas as they come, or none if it wants none", () =>
    Effect.gen(function*() {
      const host = yield* HttpHost.start()
      yield* turnOf(host, 1)
      const mock = Context.get(host.context, MockProvider)
      const go = yield* Deferred.make<string>()
      yield* mock.nextTurn(
        () => [MockStep.text(Stream.concat(Stream.make("half "), Stream.fromEffect(Deferred.await(go))))]
      )
      const agents = Context.get(host.context, ProviderService)
      const { lastSeq } = yield* agents.getThread({ threadId })
      const { turnId } = yield* agents.sendTurn({ threadId, prompt: "go on" })
      const live = yield* first(4, host.read(`/threads/${threadId}/events?after=${lastSeq}`)).pipe(Effect.forkChild)
      const whole = yield* first(4, host.read(`${durable}&after=${lastSeq}`)).pipe(Effect.forkChild)
      yield* first(3, host.read(`/threads/${threadId}/events?after=${lastSeq}`))
      yield* Deferred.succeed(go, "and half")
      assert.deepStrictEqual(tags(yield* Fiber.join(live)), ["TurnStarted", "ItemStarted", "ItemDelta", "ItemDelta"])
      const ends = ["TurnStarted", "ItemStarted", "ItemCompleted", "TurnCompleted"]
      assert.deepStrictEqual(tags(yield* Fiber.join(whole)), ends)
      assert.strictEqual((yield* agents.readTranscript({ threadId })).at(-1)?.turnId, turnId)
    }).pipe(Effect.scoped, Effect.provide(Agents.platform)))

  it.live("P11: of all threads goes on after a position; watchThreads tells the page, then changes", () =>
    Effect.gen(function*() {
      const host = yield* HttpHost.start()
      yield* turnOf(host, 3)
      const one = yield* first(3, host.read("/events"))
      const two = yield* first(5, host.read("/events", { headers: { "last-event-id": String(one.at(-1)?.id) } }))
      const all = yield* first(8, host.read("/events"))
      assert.deepStrictEqual([...one, ...two].map(({ id }) => id), all.map(({ id }) => id))
      const agents = Context.get(host.context, ProviderService)
      const told = yield* Deferred.make<void>()
      const changes = yield* messages(host.read("/changes")).pipe(
        Stream.tap(() => Deferred.succeed(told, undefined)),
        Stream.take(2),
        Stream.runCollect,
        Effect.forkChild
      )
      yield* Deferred.await(told)
      yield* agents.configureThread({ threadId, title: "Another" })
      assert.deepStrictEqual(tags(yield* Fiber.join(changes)), ["Page", "Changed"])
    }).pipe(Effect.scoped, Effect.provide(Agents.platform)))

  it.live("is pinged while nothing happens, and told at once that the stream is open", () =>
    Effect.gen(function*() {
      const host = yield* HttpHost.start({ server: { keepAlive: "20 millis" } })
      yield* turnOf(host, 0)
      const events = yield* Stream.runCollect(Stream.take(host.read(`${durable}&after=3`), 3))
      assert.deepStrictEqual(events.map(({ data, event, id }) => [event, data, id]), [
        ["ping", "{}", undefined],
        ["ping", "{}", undefined],
        ["ping", "{}", undefined]
      ])
    }).pipe(Effect.scoped, Effect.provide(Agents.platform)))

  it.live("P15: of a thread that is not there, or after what is no place, is refused with a status", () =>
    Effect.gen(function*() {
      const { ask } = yield* HttpHost.start()
      assert.deepInclude((yield* ask("GET", durable)).body, { _tag: "ThreadNotFound", status: 404 })
      const from = (lastEventId: string, path: string) =>
        ask("GET", path, { headers: { "last-event-id": lastEventId } })
      for (const place of ["x", "-1", "1.5", "1e99"]) {
        assert.deepInclude((yield* from(place, durable)).body, { _tag: "InputInvalid", status: 400 }, place)
      }
      assert.deepInclude((yield* from("x", "/events")).body, { _tag: "InputInvalid", status: 400 })
    }).pipe(Effect.scoped))

  it.live("does not keep the server from stopping at once", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const host = yield* Scope.provide(HttpHost.start(), scope)
      yield* turnOf(host, 1)
      const open = yield* Deferred.make<void>()
      const paths = [durable, "/events", "/changes"]
      const readers = yield* Effect.forEach(paths, (path) =>
        host.read(path).pipe(
          Stream.tap(() => Deferred.succeed(open, undefined)),
          Stream.runCollect,
          Effect.forkChild
        ))
      yield* Deferred.await(open)
      const stopped = yield* Scope.close(scope, Exit.void).pipe(Effect.timeoutOption("2 seconds"))
      assert.strictEqual(stopped._tag, "Some")
      const events = yield* Effect.forEach(readers, Fiber.join)
      assert.notInclude(events.flat().map(({ event }) => event), "failure")
    }).pipe(Effect.scoped, Effect.provide(Agents.platform)))
})

describe("the text of a stream", () => {
  it.effect("P11 comes in pieces, however much was read of the log at once", () =>
    Effect.gen(function*() {
      const half = { _tag: "One", text: "x".repeat(600_000) }
      const small = Array.from({ length: 100 }, () => ({ _tag: "Two" }))
      const pieces = yield* Stream.runCollect(Api.Sse.encode(Stream.fromIterable([half, half, half, ...small])))
      assert.deepStrictEqual(pieces.map(({ length }) => length > 600_000), [false, true, true, true])
      assert.isBelow(pieces.at(-1)?.length ?? 0, 610_000)
    }))

  it.effect("ends with the public form of what broke it", () =>
    Effect.gen(function*() {
      const failed = new StoreFailed({ operation: "read", reason: "Unknown", cause: new Error("/secrets/alice") })
      const text = yield* Api.Sse.encode(Stream.concat(Stream.make({ _tag: "One" }), Stream.fail(failed))).pipe(
        Stream.decodeText,
        Stream.mkString
      )
      assert.notInclude(text, "alice")
      const frame = Api.Sse.frame(Schema.Struct({ _tag: Schema.String }))
      const frames = yield* Stream.make(text).pipe(
        Stream.pipeThroughChannel(Sse.decodeSchema(frame)),
        Stream.map(({ data, event }) => event === "ping" ? event : [event, data._tag]),
        Stream.runCollect
      )
      assert.deepStrictEqual(frames, [["message", "One"], ["failure", "StoreFailed"]])
      assert.match(text, /^: open\n\ndata: \{"_tag":"One"\}\n\nevent: failure\ndata: \{"_tag":"StoreFailed",/)
    }))
})
