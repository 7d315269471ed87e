/**
 * A live session on a server whose answers come in an order that a real one has been seen to give under load and that
 * cannot be forced on it. Answers and frames have the shapes of OpenCode 1.18.33.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, it } from "@effect/vitest"
import { type Cause, Effect, Fiber, Option, Queue, Stream } from "effect"
import { TestClock } from "effect/testing"
import { InstanceId, TurnId } from "../../../src/domain/Ids.ts"
import type { ProviderEvent } from "../../../src/domain/ThreadEvent.ts"
import * as Calls from "../../../src/opencode/server/Calls.ts"
import type {
  OpenCodeConnection,
  SdkResult,
  SessionFrame,
  StreamRestored
} from "../../../src/opencode/server/Connection.ts"
import * as Delivery from "../../../src/opencode/session/Delivery.ts"
import * as Hearing from "../../../src/opencode/session/Hearing.ts"
import * as LiveSession from "../../../src/opencode/session/LiveSession.ts"
import * as Project from "../../../src/opencode/session/Project.ts"
import * as Permissions from "../../../src/opencode/turn/Permissions.ts"
import { tested } from "../../support/Versions.ts"

const instanceId = InstanceId.make("opencode")
const sessionId = "ses_1"
const turnId = TurnId.make("turn")
const user = { id: "msg_1", sessionID: sessionId, role: "user", agent: "build", time: { created: 1 } }
const tokens = { input: 1, output: 1, reasoning: 0, cache: { read: 0, write: 0 } }
const answer = {
  id: "msg_2",
  sessionID: sessionId,
  role: "assistant",
  agent: "build",
  finish: "stop",
  time: { created: 2, completed: 3 },
  cost: 0,
  tokens
}
const said = {
  id: "prt_1",
  sessionID: sessionId,
  messageID: "msg_2",
  type: "text",
  text: "Hello.",
  time: { start: 2, end: 3 }
}

/** A session on a server that answers so; its frames are what the test offers. */
const open = Effect.fnUntraced(function*(answers: (operation: string) => Effect.Effect<unknown>) {
  const frames = yield* Queue.unbounded<SessionFrame | StreamRestored, Cause.Done>()
  const connection: OpenCodeConnection = {
    version: tested.to,
    managed: false,
    secrets: [],
    exit: Effect.undefined,
    call: <A>(operation: string) => answers(operation) as Effect.Effect<NonNullable<SdkResult<A>["data"]>>,
    subscribe: () => Effect.succeed(frames),
    listening: Effect.ignore,
    unasking: new Set()
  }
  const live = yield* Hearing.open(
    connection,
    instanceId,
    {
      calls: Calls.make(connection, instanceId, "/"),
      sessionId,
      origin: { _tag: "New" },
      policy: Permissions.policy("full-access", []),
      rules: [],
      project: Project.none,
      agents: new Map([["build", undefined]]),
      mcpServers: [],
      warnings: [],
      defaults: { model: { id: "scripted/one" }, agent: "build" },
      lastMessageId: undefined,
      title: undefined,
      serverTime: { millis: 0, at: 0n }
    },
    LiveSession.ungated("observe-only"),
    undefined
  )
  return { live, frames }
})

/** Sees the turn accepted, then loses the stream and gets it back; `answers` says what each call is told from then on. */
const restored = Effect.fnUntraced(function*(answers: (operation: string) => unknown) {
  const { frames, live } = yield* open((operation) => Effect.sync(() => answers(operation)))
  yield* LiveSession.apply(live, [{ _tag: "Sending", turnId, messageId: user.id }])
  yield* Queue.offerAll(frames, [
    { _tag: "Frame", sessionId, type: "message.updated", properties: { sessionID: sessionId, info: user } },
    { _tag: "Restored" }
  ])
  // Less than the silence after which a turn is asked after anyway.
  const events = yield* Stream.fromQueue(live.events).pipe(
    Stream.take(3),
    Stream.runCollect,
    Effect.timeoutOption("2 seconds"),
    Effect.forkScoped
  )
  yield* Effect.repeat(TestClock.adjust("100 millis"), { times: 20 })
  return Option.getOrElse(yield* Fiber.join(events), () => []).map(({ _tag }) => _tag)
})

const whole: ReadonlyArray<ProviderEvent["_tag"]> = ["ItemStarted", "ItemCompleted", "TurnCompleted"]

it.effect("P4 opencode: a turn that ends before a new stream listens is read as ended", () =>
  Effect.gen(function*() {
    let calls = 0
    const tags = yield* restored((operation) => {
      // The server greets, the turn ends unheard, and only then does the server listen for what it shall send.
      // It is made to say something when the session opens, and again now.
      const over = ++calls > 2
      switch (operation) {
        case "session.status":
          return over ? {} : { [sessionId]: { type: "busy" } }
        case "session.messages":
          return over ? [{ info: user, parts: [] }, { info: answer, parts: [said] }] : [{ info: user, parts: [] }]
        default:
          return []
      }
    })
    assert.deepStrictEqual<ReadonlyArray<ProviderEvent["_tag"]>>(tags, whole)
  }).pipe(Effect.provide(NodeServices.layer)))

it.effect("P4 opencode: a server that still says busy when it has said idle is asked again", () =>
  Effect.gen(function*() {
    let looks = 0
    const tags = yield* restored((operation) => {
      switch (operation) {
        case "session.status":
          return ++looks > 4 ? {} : { [sessionId]: { type: "busy" } }
        case "session.messages":
          return [{ info: user, parts: [] }, { info: answer, parts: [said] }]
        default:
          return []
      }
    })
    assert.deepStrictEqual<ReadonlyArray<ProviderEvent["_tag"]>>(tags, whole)
  }).pipe(Effect.provide(NodeServices.layer)))

it.effect("P8 opencode: a prompt that is given up on a server that hangs is given up within seconds", () =>
  Effect.gen(function*() {
    const called: Array<string> = []
    const { live } = yield* open((operation) =>
      Effect.suspend(() => {
        called.push(operation)
        return operation === "session.update" ? Effect.succeed(true) : Effect.never
      })
    )
    const sending = yield* Effect.forkChild(Delivery.send(live, { turnId, ref: user.id, input: { prompt: "hi" } }))
    yield* Effect.repeat(Effect.yieldNow, { until: () => called.includes("session.promptAsync") })
    const givingUp = yield* Effect.forkChild(Fiber.interrupt(sending))
    yield* Effect.repeat(Effect.yieldNow, { until: () => called.includes("session.abort") })
    yield* TestClock.adjust("3 seconds")
    yield* Fiber.join(givingUp)
    assert.isUndefined(live.state.turn)
  }).pipe(Effect.provide(NodeServices.layer)))
