import { assert, it, layer } from "@effect/vitest"
import { type Cause, Deferred, Effect, Exit, Option, Queue, Schedule, Schema, Scope } from "effect"
import type { ServerResponse } from "node:http"
import { setImmediate as turn } from "node:timers/promises"
import type { Heard } from "../../../src/opencode/server/Connection.ts"
import * as EventHub from "../../../src/opencode/server/EventHub.ts"
import { ModelReply, ModelScript } from "../../../src/testing/index.ts"
import * as Loopback from "../../support/Loopback.ts"
import { instanceId, open, OpenCodeServer, platform } from "../../support/OpenCodeServer.ts"

/** A turn of the event loop, in which sockets are read. */
const eventLoop = Effect.promise(() => turn())

type Frames = Queue.Dequeue<Heard, Cause.Done>

/** Takes frames up to and including the first that matches. */
const takeUntil = Effect.fnUntraced(
  function*(queue: Frames, stop: (frame: Heard) => boolean) {
    const taken: Array<Heard> = []
    while (true) {
      const frame = yield* Queue.take(queue)
      taken.push(frame)
      if (stop(frame)) return taken
    }
  }
)

const isType = (type: string, sessionId?: string) => (frame: Heard) =>
  frame._tag === "Frame" && frame.type === type && (sessionId === undefined || frame.sessionId === sessionId)

const subagents: ModelScript.ModelScript = (request) =>
  request.lastUserText === "delegate" && !request.afterToolResult
    ? ModelReply.call("task", { description: "Look", prompt: "inside", subagent_type: "general" })
    : ModelReply.text(`echo: ${request.lastUserText}`)

layer(OpenCodeServer.layer(subagents), { timeout: "60 seconds", excludeTestServices: true })("events", (it) => {
  it.effect("P11 opencode: each of two sessions gets its own frames, all of them, in order", () =>
    Effect.gen(function*() {
      const { createSession, prompt, subscribe } = yield* OpenCodeServer
      const [one, two] = [yield* createSession, yield* createSession]
      const [framesOfOne, framesOfTwo] = [yield* subscribe(one), yield* subscribe(two)]
      yield* Effect.all([prompt(one, "first"), prompt(two, "second")], { concurrency: 2 })
      for (const [id, frames] of [[one, framesOfOne], [two, framesOfTwo]] as const) {
        const taken = yield* takeUntil(frames, isType("session.idle"))
        assert.isTrue(taken.every((frame) => frame._tag === "Frame" && frame.sessionId === id))
        const types = taken.map((frame) => frame._tag === "Frame" ? frame.type : frame._tag)
        assert.isBelow(types.indexOf("message.updated"), types.indexOf("message.part.delta"))
        assert.notInclude(types, "sync")
      }
    }))

  it.effect("P11 opencode: a subagent's frames reach its root, also for a hub that has not seen it begin", () =>
    Effect.gen(function*() {
      const { call, createSession, directory, prompt, server, subscribe, touch } = yield* OpenCodeServer
      const root = yield* createSession
      const frames = yield* subscribe(root)
      yield* prompt(root, "delegate")
      const taken = yield* takeUntil(frames, isType("session.idle", root))
      const child = taken.find((frame) => frame._tag === "Frame" && frame.sessionId !== root)
      assert.deepInclude(child, { type: "session.created" })
      const childId = child?._tag === "Frame" ? child.sessionId : ""
      const late = yield* EventHub.make(server)
      const lateFrames = yield* late.subscribe(root)
      yield* late.listening(touch(root))
      yield* call(
        "session.promptAsync",
        directory,
        (client, signal) =>
          client.session.promptAsync({ sessionID: childId, parts: [{ type: "text", text: "again" }] }, { signal })
      )
      yield* takeUntil(lateFrames, isType("session.idle", childId))
    }))

  it.effect("P11 opencode: after a dropped stream every subscriber gets one Restored, and the frames go on", () =>
    Effect.gen(function*() {
      const { createSession, prompt, server, touch } = yield* OpenCodeServer
      const proxy = yield* Loopback.proxy(server.baseUrl)
      const hub = yield* EventHub.make({ ...server, baseUrl: proxy.url })
      const [one, two] = [yield* createSession, yield* createSession]
      const [framesOfOne, framesOfTwo] = [yield* hub.subscribe(one), yield* hub.subscribe(two)]
      // OpenCode greets a reader before it listens to itself.
      yield* hub.listening(touch(one))
      yield* prompt(one, "before")
      yield* takeUntil(framesOfOne, isType("session.idle"))
      yield* proxy.cut
      const missed = yield* takeUntil(framesOfOne, (frame) => frame._tag === "Restored")
      assert.lengthOf(missed.filter((frame) => frame._tag === "Restored"), 1)
      yield* takeUntil(framesOfTwo, (frame) => frame._tag === "Restored")
      yield* hub.listening(touch(one))
      yield* prompt(one, "after")
      const taken = yield* takeUntil(framesOfOne, isType("session.idle"))
      assert.isTrue(taken.every((frame) => frame._tag === "Frame"))
      assert.strictEqual(yield* Queue.size(framesOfTwo), 0)
    }))

  it.effect("P11 opencode: closing a subscription ends its queue and leaves the others alone", () =>
    Effect.gen(function*() {
      const { createSession, prompt, subscribe } = yield* OpenCodeServer
      const session = yield* createSession
      const scope = yield* Scope.make()
      const [closed, kept] = [yield* subscribe(session).pipe(Scope.provide(scope)), yield* subscribe(session)]
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual((yield* Effect.flip(Queue.take(closed)))._tag, "Done")
      yield* prompt(session, "hello")
      yield* takeUntil(kept, isType("session.idle"))
    }))

  it.effect("P11 opencode: once a new stream is known to listen, what happens next is heard, every time", () =>
    Effect.gen(function*() {
      const { call, createSession, directory, server, touch } = yield* OpenCodeServer
      const sessionID = yield* createSession
      const rename = (title: string) =>
        call(
          "session.update",
          directory,
          (client, signal) => client.session.update({ sessionID, title }, { signal })
        )
      const titleOf = Schema.decodeUnknownOption(Schema.Struct({ info: Schema.Struct({ title: Schema.String }) }))
      // Right after the greeting more than half of them would be lost.
      for (let n = 0; n < 10; n++) {
        yield* Effect.scoped(Effect.gen(function*() {
          const hub = yield* EventHub.make(server)
          const frames = yield* hub.subscribe(sessionID)
          yield* hub.listening(touch(sessionID))
          yield* rename(`title ${n}`)
          yield* takeUntil(
            frames,
            (frame) =>
              frame._tag === "Frame" &&
              Option.exists(titleOf(frame.properties), ({ info }) => info.title === `title ${n}`)
          )
        }))
      }
    }))
})

it.live("P4 opencode: when the server dies all queues end", () =>
  Effect.gen(function*() {
    const { createSession, server, subscribe } = yield* open(ModelScript.echo)
    const frames = yield* subscribe(yield* createSession)
    process.kill(server.pid, "SIGKILL")
    const end = yield* Effect.flip(takeUntil(frames, () => false))
    assert.strictEqual(end._tag, "Done")
    const late = yield* subscribe("ses_late")
    assert.strictEqual((yield* Effect.flip(Queue.take(late)))._tag, "Done")
  }).pipe(Effect.provide(platform)))

// --- a server that misbehaves as scripted ---

const fakeServer = Effect.fnUntraced(function*(connection: (response: ServerResponse, count: number) => void) {
  let count = 0
  const baseUrl = yield* Loopback.http((request, response) =>
    request.url === "/global/event" ? connection(response, ++count) : response.writeHead(404).end()
  )
  return { instanceId, baseUrl }
})
const data = (payload: object) => `data: ${JSON.stringify({ directory: "/w", payload })}\n\n`
const greeting = data({ type: "server.connected", properties: {} })
const idle = (sessionID: string) => data({ type: "session.idle", properties: { sessionID } })

it.live("P11 opencode: silence beyond the heartbeat counts as a drop", () =>
  Effect.gen(function*() {
    const endpoint = yield* fakeServer((response) => void response.write(greeting))
    const hub = yield* EventHub.make(endpoint, { silence: "80 millis" })
    const frames = yield* hub.subscribe("ses_a")
    assert.deepStrictEqual(yield* Queue.take(frames), { _tag: "Restored" })
  }))

it.live("P11 opencode: frames cut in the middle of a character are whole, undecodable ones are passed over", () =>
  Effect.gen(function*() {
    const text = data({ type: "message.part.delta", properties: { sessionID: "ses_a", delta: "grün 🌿" } })
    const bytes = Buffer.from(`${idle("ses_other")}data: {"broken\n\n: comment\n\n${text}${idle("ses_a")}`)
    const subscribed = yield* Deferred.make<void>()
    const write = yield* Effect.context<never>().pipe(Effect.map(Effect.runForkWith))
    const endpoint = yield* fakeServer((response) => {
      response.write(greeting)
      write(Effect.gen(function*() {
        yield* Deferred.await(subscribed)
        const cuts = [0, bytes.indexOf("ü") + 1, bytes.indexOf("🌿") + 2, bytes.length - 1, bytes.length]
        for (const [index, cut] of cuts.entries()) {
          const piece = bytes.subarray(cuts[index - 1] ?? 0, cut)
          yield* Effect.callback<void>((resume) => void response.write(piece, () => resume(Effect.void)))
          yield* eventLoop
        }
      }))
    })
    const hub = yield* EventHub.make(endpoint)
    const frames = yield* hub.subscribe("ses_a")
    yield* Deferred.succeed(subscribed, undefined)
    const [first] = yield* takeUntil(frames, isType("session.idle"))
    const decode = Schema.decodeUnknownEffect(Schema.Struct({ properties: Schema.Struct({ delta: Schema.String }) }))
    assert.strictEqual((yield* decode(first)).properties.delta, "grün 🌿")
  }))

it.live("P4 opencode: a server that stays away is lost when the back-off ends", () =>
  Effect.gen(function*() {
    const endpoint = yield* fakeServer((response, count) =>
      count === 1 ? response.write(greeting) && setImmediate(() => response.destroy()) : response.writeHead(401).end()
    )
    const hub = yield* EventHub.make(endpoint, { reconnect: Schedule.recurs(2) })
    const frames = yield* hub.subscribe("ses_a")
    assert.strictEqual((yield* Effect.flip(takeUntil(frames, () => false)))._tag, "Done")
    yield* Deferred.await(hub.lost)
  }))

it.live("P11 opencode: a slow reader is never dropped: it holds the stream back and then gets everything", () =>
  Effect.gen(function*() {
    const total = 20_000
    const subscribed = yield* Deferred.make<void>()
    const write = yield* Effect.context<never>().pipe(Effect.map(Effect.runForkWith))
    const endpoint = yield* fakeServer((response) => {
      response.write(greeting)
      write(Effect.andThen(
        Deferred.await(subscribed),
        Effect.sync(() => {
          for (let n = 0; n < total; n++) {
            response.write(data({ type: "message.part.delta", properties: { sessionID: "ses_a", n } }))
          }
        })
      ))
    })
    const hub = yield* EventHub.make(endpoint)
    const frames = yield* hub.subscribe("ses_a")
    yield* Deferred.succeed(subscribed, undefined)
    while (!(yield* Queue.isFull(frames))) yield* eventLoop
    const decode = Schema.decodeUnknownEffect(Schema.Struct({ properties: Schema.Struct({ n: Schema.Int }) }))
    for (let n = 0; n < total; n++) {
      assert.strictEqual((yield* decode(yield* Queue.take(frames))).properties.n, n)
    }
  }))
