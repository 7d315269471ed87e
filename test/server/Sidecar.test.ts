/** Sidecars are real processes here, and so are the apps that start them. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Latch, Redacted, Schedule, Schema, Stream } from "effect"
import { fileURLToPath } from "node:url"
import { isEphemeral } from "../../src/domain/ThreadEvent.ts"
import { InstanceId, ThreadId } from "../../src/index.ts"
import { Sidecar } from "../../src/server/index.ts"
import * as Agents from "../support/Agents.ts"
import * as ChildScript from "../support/ChildScript.ts"
import * as Served from "../support/Served.ts"

const script = (name: string) => fileURLToPath(new URL(`../support/${name}`, import.meta.url))
const announced = Schema.decodeUnknownEffect(Schema.fromJsonString(Sidecar.Announcement))

const isAlive = (pid: number) =>
  Effect.sync(() => process.kill(pid, 0)).pipe(Effect.catchDefect(() => Effect.succeed(false)))

const untilGone = (pid: number) =>
  Effect.repeat(isAlive(pid), { until: (alive) => !alive, schedule: Schedule.spaced("20 millis") })

const threadId = ThreadId.make("thread")

describe("a sidecar", () => {
  for (const stdin of ["open", "closed"]) {
    it.live(`P10 store: ends with its parent, also by kill -9, with its stdin ${stdin}`, () =>
      Effect.gen(function*() {
        const folder = yield* Agents.folder
        const parent = yield* ChildScript.start([
          script("SidecarParent.mjs"),
          script("SidecarHost.ts"),
          `${folder}/threads.db`,
          stdin
        ])
        const { pid, token, url, version } = yield* announced(parent.line)
        assert.notStrictEqual(pid, parent.pid)
        assert.strictEqual(version, "0.0.0-test")
        // No flag, whatever command it is an argument of.
        assert.match(token, /^[0-9a-f]{64}$/)
        const { agents } = yield* Served.client(url, { token: Redacted.make(token) })
        assert.deepStrictEqual((yield* agents.listThreads({})).threads, [])
        yield* parent.kill
        yield* untilGone(pid)
        // It has given up the store in order: the next one opens it at once.
        const next = yield* ChildScript.start([script("SidecarHost.ts"), `${folder}/threads.db`])
        assert.notStrictEqual((yield* announced(next.line)).token, token)
      }).pipe(Effect.provide(Agents.platform)))
  }

  it.live("P4, P11 store: killed in the middle of a turn, its client has the end of the turn and no hole", () =>
    Effect.gen(function*() {
      const folder = yield* Agents.folder
      const filename = `${folder}/threads.db`
      const first = yield* ChildScript.start([script("SidecarHost.ts"), filename])
      const { token, url } = yield* announced(first.line)
      // Each sidecar has a token of its own: while one is started anew, its client waits for it.
      let known = Effect.succeed(token)
      const { agents } = yield* Served.client(url, { token: Effect.suspend(() => Effect.map(known, Redacted.make)) })
      yield* agents.startSession({ threadId, instanceId: InstanceId.make("mock"), directory: folder })
      const working = yield* Latch.make()
      const events = yield* agents.streamEvents({ threadId }).pipe(
        Stream.filter((event) => !isEphemeral(event)),
        Stream.tap((event) => event._tag === "ItemCompleted" ? working.open : Effect.void),
        Stream.takeUntil((event) => event._tag === "TurnCompleted"),
        Stream.runCollect,
        Effect.forkChild({ startImmediately: true })
      )
      const turn = yield* Effect.forkChild(Effect.flip(agents.runTurn({ threadId, prompt: "hang" })), {
        startImmediately: true
      })
      yield* working.await
      const next = yield* Deferred.make<string>()
      known = Deferred.await(next)
      yield* first.kill
      const second = yield* ChildScript.start([script("SidecarHost.ts"), filename, new URL(url).port])
      yield* Deferred.succeed(next, (yield* announced(second.line)).token)
      const error = yield* Fiber.join(turn)
      assert(error._tag === "TurnNotCompleted")
      assert.deepInclude({ ...error.ending }, { _tag: "TurnUnknown", reason: "host-crash" })
      assert.strictEqual((yield* agents.runTurn({ threadId, prompt: "and now?" })).text, "echo: and now?")
      const seen = yield* Fiber.join(events)
      assert.deepStrictEqual(seen.map(({ seq }) => seq), seen.map((_, index) => index + 1))
      assert.lengthOf(seen.filter((event) => event._tag === "TurnUnknown"), 1)
    }).pipe(Effect.provide(Agents.platform)))
})
