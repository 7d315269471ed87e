/** P12 on the real OpenCode: a session's start is told before its first prompt, its end on every path. */
import { assert, layer } from "@effect/vitest"
import { Deferred, Effect, Fiber, type FileSystem, Path, Schema, Stream } from "effect"
import { ChildProcess } from "effect/process"
import type { SqlClient } from "effect/sql"
import { execPath, kill } from "node:process"
import { fileURLToPath } from "node:url"
import type { EventOf } from "../../src/domain/LifecycleEvent.ts"
import {
  type CodingAgents,
  type LifecycleEvent,
  LifecycleHooks,
  ProviderService,
  SessionStore,
  ThreadId
} from "../../src/index.ts"
import { ModelReply, ScriptedModel } from "../../src/testing/index.ts"
import { LineText, Task } from "../crash/Protocol.ts"
import { awaitEvent, is } from "../support/Agents.ts"
import { folder, hands, host, signal, start } from "../support/OpenCodeAgents.ts"
import { modelOnly } from "../support/OpenCodeFaults.ts"

/** Everything that a durable hook is told of sessions, and the first end of a thread's session among it. */
const recorder = () => {
  const seen: Array<LifecycleEvent> = []
  const ended = Deferred.makeUnsafe<EventOf<"session:end">>()
  const hook = LifecycleHooks.observe({
    name: "recorder",
    events: ["session:*"],
    run: (event) => {
      seen.push(event)
      return event._tag === "session:end" ? Deferred.succeed(ended, event) : Effect.void
    }
  })
  return { seen, ended: Deferred.await(ended), hook }
}

/** Runs on a host of its own with the recorder, after one turn of a thread. */
const recorded = (
  use: (
    threadId: ThreadId
  ) => Effect.Effect<
    unknown,
    unknown,
    ProviderService | SqlClient.SqlClient | FileSystem.FileSystem
  >,
  settings: CodingAgents.Settings = {}
) =>
  Effect.gen(function*() {
    const path = yield* Path.Path
    const { ended, hook, seen } = recorder()
    const end = yield* Effect.gen(function*() {
      const agents = yield* ProviderService
      const { threadId } = yield* start()
      yield* agents.runTurn({ threadId, prompt: "hello" })
      yield* use(threadId)
      return yield* ended
    }).pipe(Effect.provide(host({ filename: path.join(yield* folder, "threads.db"), hooks: [hook], settings })))
    return { seen, end }
  })

/** One start and one end, each told once, of the same session. */
const assertPair = (seen: ReadonlyArray<LifecycleEvent>, reason: string) => {
  assert.deepStrictEqual(seen.map(({ _tag }) => _tag), ["session:start", "session:end"])
  assert.strictEqual(new Set(seen.map(({ eventId }) => eventId)).size, 2)
  assert.strictEqual(new Set(seen.map(({ sessionId }) => sessionId)).size, 1)
  const [, end] = seen
  assert.deepInclude<unknown>(end, { reason, endedAtEstimated: false, delivery: { attempt: 1, recovered: false } })
}

layer(modelOnly, { timeout: "60 seconds", excludeTestServices: true })("hooks", (it) => {
  it.effect("P12 opencode: the model is not asked before hooks were told of the session's start", () =>
    Effect.gen(function*() {
      const path = yield* Path.Path
      const model = yield* ScriptedModel
      const [told, go] = [yield* Deferred.make<LifecycleEvent>(), yield* Deferred.make<void>()]
      const slow = LifecycleHooks.observe({
        name: "slow",
        events: ["session:start"],
        run: (event) => Effect.andThen(Deferred.succeed(told, event), Deferred.await(go))
      })
      yield* Effect.gen(function*() {
        const agents = yield* ProviderService
        const { sessionId, threadId } = yield* start()
        const turn = yield* Effect.forkChild(agents.runTurn({ threadId, prompt: "P12 first" }), {
          startImmediately: true
        })
        const event = yield* Deferred.await(told)
        assert.deepInclude<unknown>(event, { _tag: "session:start", source: "new", sessionId, threadId, epoch: 1 })
        assert.lengthOf(yield* model.asked("P12 first"), 0)
        yield* Deferred.succeed(go, undefined)
        assert.strictEqual((yield* Fiber.join(turn)).text, "echo: P12 first")
        assert.lengthOf(yield* model.asked("P12 first"), 1)
      }).pipe(Effect.provide(host({ filename: path.join(yield* folder, "threads.db"), hooks: [slow] })))
    }))

  it.effect("P12 opencode: a stop tells the end of the session", () =>
    Effect.gen(function*() {
      const { seen } = yield* recorded((threadId) =>
        Effect.flatMap(ProviderService, (agents) => agents.stopSession({ threadId }))
      )
      assertPair(seen, "stopped")
    }))

  it.effect("P12 opencode: the reaper tells the end of the session", () =>
    Effect.gen(function*() {
      const { seen } = yield* recorded(
        (threadId) => awaitEvent(is("SessionEnded"), threadId),
        { reaper: { idleAfter: "200 millis", sweepEvery: "50 millis" } }
      )
      assertPair(seen, "reaped")
    }))

  it.effect("P12 opencode: kill -9 of the server tells the end of the session", () =>
    Effect.gen(function*() {
      const { seen } = yield* recorded(() => Effect.flatMap(hands, ({ pid }) => signal(pid, "SIGKILL")))
      assertPair(seen, "lost")
    }))

  it.effect.runIf(process.platform === "linux")(
    "P12 opencode: kill -9 of the host tells the end of the session at the next boot, once, as estimated",
    () =>
      Effect.gen(function*() {
        const path = yield* Path.Path
        const model = yield* ScriptedModel
        const home = yield* folder
        const store = path.join(home, "threads.db")
        const threadId = ThreadId.make("killed")
        const task = yield* Schema.encodeEffect(Task)({
          store,
          homes: home,
          model: model.url,
          directory: yield* folder,
          threadId,
          agents: ["opencode"],
          agent: "opencode",
          inspect: { threadId, after: 0 },
          follow: "P12 before the kill",
          work: "P12 in the middle",
          hook: "recorder"
        })
        const script = fileURLToPath(new URL("../crash/host.ts", import.meta.url))
        yield* model.on("P12 in the middle", () => ModelReply.hang)
        const child = yield* ChildProcess.make(execPath, [script, task], {
          extendEnv: true,
          stdin: "ignore",
          stderr: "inherit"
        })
        yield* child.stdout.pipe(
          Stream.decodeText,
          Stream.splitLines,
          Stream.mapEffect((line) => Schema.decodeEffect(LineText)(line)),
          Stream.filter((line) => line._tag === "Sent"),
          Stream.runHead
        )
        yield* Effect.sync(() => kill(child.pid, "SIGKILL"))
        yield* Effect.exit(child.exitCode)

        const { ended, hook, seen } = recorder()
        const { events, end } = yield* Effect.gen(function*() {
          const end = yield* ended
          const events = yield* SessionStore.use((store) => store.readEvents({ threadId, after: 0, limit: 1000 }))
          return { events, end }
        }).pipe(Effect.provide(host({ filename: store, hooks: [hook], agent: { isolated: true } })))
        const stored = events.findLast(is("SessionEnded"))
        assert.deepInclude<unknown>(end, {
          reason: "host-crash",
          endedAtEstimated: true,
          threadId,
          epoch: 1,
          seq: stored?.seq,
          delivery: { attempt: 1, recovered: true }
        })
        assert.lengthOf(seen.filter(({ _tag }) => _tag === "session:end"), 1)
      }),
    60_000
  )
})
