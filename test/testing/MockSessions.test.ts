import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Option, Stream } from "effect"
import { TestClock } from "effect/testing"
import { mkdirSync, symlinkSync } from "node:fs"
import { join } from "node:path"
import { TurnId } from "../../src/domain/Ids.ts"
import { ProviderEvent } from "../../src/domain/ThreadEvent.ts"
import { AgentUnreachable } from "../../src/provider/AdapterError.ts"
import { MockAgentDisk, MockProvider, type MockProviderOptions, MockStep } from "../../src/testing/index.ts"
import { folder, open, resume, send, tagOf, tags, turn, withMock } from "../support/MockSessions.ts"

describe("MockSessions", () => {
  it.effect("P1 mock: a session outlives its scope and its layer; a new one and a seeded one are empty or seeded", () =>
    Effect.gen(function*() {
      const disk = yield* MockAgentDisk.make
      const from = yield* withMock({ disk }, (mock) =>
        Effect.gen(function*() {
          const { close, session } = yield* open()
          yield* turn(mock, session, "remember 7")
          const from = yield* resume(session)
          yield* close
          assert.deepStrictEqual((yield* mock.sessions).map(({ live }) => live), [false])
          return from
        }))
      yield* withMock({ disk }, (mock) =>
        Effect.gen(function*() {
          const { session } = yield* open({ from })
          assert.deepStrictEqual(session.origin, { _tag: "Resumed" })
          const resumed = yield* mock.awaitSession(({ live }) => live)
          assert.strictEqual(resumed.history[0]?.text, "remember 7")
          yield* turn(mock, session, "and?")
          yield* open({ from: { _tag: "Seeded", transcript: "long ago" } })
          assert.deepStrictEqual((yield* mock.sessions)[1]?.history, [{ role: "seed", text: "long ago" }])
        }))
      const other = yield* withMock({}, () => tagOf(open({ from })))
      assert.strictEqual(other, "SessionMissing")
    }))

  it.effect("mock: a session is called as it was when it was started, named anew or resumed last", () =>
    withMock({}, (mock) =>
      Effect.gen(function*() {
        const title = Effect.map(mock.sessions, ([session]) => session?.title)
        const { close, session } = yield* open({ title: "one" })
        yield* turn(mock, session, "go")
        assert.strictEqual(yield* title, "one")
        yield* session.rename("two")
        assert.strictEqual(yield* title, "two")
        const from = yield* resume(session)
        yield* close
        yield* open({ from })
        assert.strictEqual(yield* title, "two")
        yield* open({ from, title: "three" })
        assert.strictEqual(yield* title, "three")
      })))

  it.effect("P2 mock: only a session that is gone is missing; everything else is said as it is", () =>
    withMock(
      { models: ["large"], capabilities: { runtimeModes: ["approval-required", "full-access"] } },
      (mock) =>
        Effect.gen(function*() {
          const { events, reader, session } = yield* open()
          const cursor = Option.getOrThrow(yield* session.cursor)
          const from = (stored: unknown) => tagOf(open({ from: { _tag: "Resume", cursor: stored } }))
          assert.strictEqual(yield* from(null), "CursorRejected")
          assert.strictEqual(yield* from({ ...cursor, payload: { sessionId: 1 } }), "CursorRejected")
          assert.strictEqual(yield* from({ ...cursor, provider: "codex" }), "CursorRejected")
          assert.strictEqual(yield* from({ ...cursor, version: 2 }), "CursorRejected")
          assert.strictEqual(yield* tagOf(open({ model: "tiny" })), "ModelUnavailable")
          assert.strictEqual(yield* tagOf(open({ runtimeMode: "auto-accept-edits" })), "PolicyUnenforceable")
          yield* mock.unreachable(true)
          assert.strictEqual(yield* from(cursor), "AgentUnreachable")
          assert.strictEqual(yield* tagOf(send(session, "hi")), "AgentUnreachable")
          yield* mock.unreachable(false)
          yield* mock.failNextStart(
            new AgentUnreachable({ instanceId: mock.instanceId, operation: "startSession", code: "ETIMEDOUT" })
          )
          assert.strictEqual(yield* from(cursor), "AgentUnreachable")
          assert.strictEqual(yield* from(cursor), "success")
          yield* mock.loseSession(session.sessionId)
          assert.strictEqual(yield* from(cursor), "SessionMissing")
          assert.strictEqual(yield* tagOf(send(session, "hi")), "SessionMissing")
          yield* Fiber.join(reader)
          assert.deepStrictEqual(events, [])
          assert.strictEqual((yield* mock.received).length, 0)
        })
    ))

  it.effect("P3 mock: no cursor before the first turn, and nothing left of a session that had none", () =>
    withMock({ neverResumableBeforeFirstTurn: true }, (mock) =>
      Effect.gen(function*() {
        const idle = yield* open()
        assert.isTrue(Option.isNone(yield* idle.session.cursor))
        yield* idle.close
        assert.deepStrictEqual(yield* mock.sessions, [])
        const used = yield* open()
        yield* turn(mock, used.session, "hi")
        const from = yield* resume(used.session)
        yield* used.close
        assert.deepStrictEqual((yield* open({ from })).session.origin, { _tag: "Resumed" })
      })))

  it.effect.each<readonly [MockProviderOptions, ReadonlyArray<string>]>([
    [{ capabilities: { moveDirectory: "never" } }, ["Resumed", "DirectoryUnreachable", "DirectoryUnreachable"]],
    [{}, ["Resumed", "DirectoryUnreachable", "Moved"]],
    [{ capabilities: { moveDirectory: "anywhere" } }, ["Resumed", "Moved", "Moved"]]
  ])(
    "mock: moves by real path, as far as the agent can (%#)",
    ([options, expected]) =>
      withMock(options, (mock) =>
        Effect.gen(function*() {
          const root = yield* folder
          for (const path of ["a/.git", "a/sub", "b/.git"]) mkdirSync(join(root, path), { recursive: true })
          symlinkSync(join(root, "a"), join(root, "link"))
          const projectOf = options.capabilities === undefined
            ? (path: string) => path.slice(0, root.length + 2)
            : undefined
          const shared = yield* MockProvider.make({ ...options, projectOf, instanceId: "moving", disk: mock.disk })
          const { close, session } = yield* open({ instanceId: shared.instanceId, directory: join(root, "link") })
          assert.strictEqual(session.directory, join(root, "a"))
          const from = yield* resume(session)
          yield* close
          const start = (path: string) =>
            Effect.match(open({ instanceId: shared.instanceId, directory: join(root, path), from }), {
              onFailure: (error) => error._tag,
              onSuccess: (opened) => opened.session.origin._tag
            })
          assert.deepStrictEqual([yield* start("a"), yield* start("b"), yield* start("a/sub")], expected)
        }))
  )

  it.effect("mock: a capability that is switched off is missing", () =>
    withMock({
      capabilities: { fork: false, compact: false, history: false, steer: false, attachments: false, questions: false }
    }, (mock) =>
      Effect.gen(function*() {
        const { session } = yield* open()
        const steer = session.steerTurn({ turnId: TurnId.make("t"), ref: undefined, input: { prompt: "x" } })
        assert.deepStrictEqual([
          yield* tagOf(session.fork()),
          yield* tagOf(session.compact),
          yield* tagOf(session.history),
          yield* tagOf(session.evidence({ turnId: TurnId.make("t"), ref: undefined })),
          yield* tagOf(steer)
        ], Array.from({ length: 5 }, () => "CapabilityMissing"))
        const attachments = [{ _tag: "Data", name: "a.png", mime: "image/png", base64: "" }] as const
        assert.strictEqual(yield* tagOf(send(session, "look", { attachments })), "AttachmentRefused")
        yield* mock.nextTurn(() => [MockStep.question([])])
        assert.strictEqual(yield* turn(mock, session, "ask"), "failed")
      })))

  it.effect("mock: attachments must be there and inside the directory", () =>
    withMock({}, (mock) =>
      Effect.gen(function*() {
        const root = yield* folder
        mkdirSync(join(root, "work"))
        symlinkSync(root, join(root, "work/out"))
        const { session } = yield* open({ directory: join(root, "work") })
        const attach = (path: string, allowOutside = false) =>
          send(session, `${path} ${allowOutside}`, { attachments: [{ _tag: "File", path, allowOutside }] }).pipe(
            Effect.match({
              onFailure: (error) => error._tag === "AttachmentRefused" ? error.reason : error._tag,
              onSuccess: () => "sent"
            })
          )
        assert.deepStrictEqual(
          [yield* attach("none"), yield* attach("out"), yield* attach(".."), yield* attach("..", true)],
          ["missing", "outside-directory", "outside-directory", "sent"]
        )
        assert.strictEqual((yield* mock.received).length, 1)
      })))

  it.effect("mock: a fork holds a copy, a compaction leaves the transcript and shortens the context", () =>
    withMock({}, (mock) =>
      Effect.gen(function*() {
        const { events, session } = yield* open()
        yield* turn(mock, session, "one")
        const cursor = yield* session.fork()
        yield* turn(mock, session, "two")
        yield* session.compact
        yield* TestClock.adjust(0)
        assert.deepStrictEqual(tags(events).slice(-2), ["CompactionStarted", "CompactionCompleted"])
        assert.deepStrictEqual(
          (yield* session.history).messages.map(({ role }) => role),
          ["user", "assistant", "user", "assistant", "other"]
        )
        const forked = yield* open({ thread: "copy", from: { _tag: "Resume", cursor } })
        yield* mock.nextTurn(({ threadId }) => [MockStep.compaction(), MockStep.text(threadId)])
        yield* turn(mock, forked.session, "three")
        const [source, copy] = yield* mock.sessions
        assert.deepStrictEqual(source?.history.map(({ role }) => role), ["summary"])
        assert.deepStrictEqual(source?.turns.map(({ turnId }) => turnId), ["one", "two"])
        assert.deepStrictEqual(copy?.turns.map(({ turnId }) => turnId), ["one", "three"])
        assert.deepStrictEqual(copy?.history.map(({ text }) => text), ["summary", "copy"])
      })))

  it.effect("P8 mock: a stop cuts through a slow start, and nothing was created", () =>
    withMock({}, (mock) =>
      Effect.gen(function*() {
        yield* mock.slowStart(Effect.never)
        const starting = yield* Effect.forkChild(open())
        yield* mock.awaitStarts(1)
        yield* Fiber.interrupt(starting)
        assert.deepStrictEqual(yield* mock.sessions, [])
        yield* open()
        assert.deepStrictEqual((yield* mock.sessions).map(({ live }) => live), [true])
      })))

  it.effect("P8 mock: a stop that hangs is let go; its session talks on and is seen to overlap", () =>
    withMock({}, (mock) =>
      Effect.gen(function*() {
        const old = yield* open()
        const from = yield* resume(old.session)
        yield* mock.hangStop(true)
        const closing = yield* Effect.forkChild(old.close, { startImmediately: true })
        const next = yield* open({ from })
        const late: ProviderEvent = { _tag: "Warning", code: "late" }
        yield* mock.emit(old.session.sessionId, [late], "stopped")
        yield* mock.emit(old.session.sessionId, [{ ...late, code: "now" }])
        yield* TestClock.adjust(0)
        assert.deepStrictEqual([old.events, next.events], [[late], [{ ...late, code: "now" }]])
        assert.strictEqual((yield* mock.sessions)[0]?.overlaps, 1)
        assert.isUndefined(closing.pollUnsafe())
        yield* mock.hangStop(false)
        yield* Fiber.join(closing)
        assert.isTrue((yield* mock.sessions)[0]?.live)
      })))

  it.effect("P8 mock: after its scope a session says nothing, unless it is made to keep talking", () =>
    withMock({}, (mock) =>
      Effect.gen(function*() {
        const quiet = yield* open()
        const gate = yield* Deferred.make<void>()
        yield* mock.nextTurn(() => [MockStep.wait(Effect.uninterruptible(Deferred.await(gate))), MockStep.text("late")])
        yield* send(quiet.session, "slow")
        yield* TestClock.adjust(0)
        const closing = yield* Effect.forkChild(quiet.close, { startImmediately: true })
        yield* Deferred.succeed(gate, undefined)
        yield* Fiber.join(closing)
        yield* Fiber.join(quiet.reader)
        assert.deepStrictEqual(quiet.events, [])
        yield* mock.keepTalking(true)
        const loud = yield* open()
        yield* loud.close
        yield* mock.emit(loud.session.sessionId, [{ _tag: "Warning", code: "late" }], "stopped")
        yield* TestClock.adjust(0)
        assert.deepStrictEqual(tags(loud.events), ["Warning"])
      })))

  it.effect("P4 mock: a killed host leaves open streams and unfinished turns on the shared disk", () =>
    Effect.gen(function*() {
      const disk = yield* MockAgentDisk.make
      yield* withMock({ disk }, (mock) =>
        Effect.gen(function*() {
          yield* mock.nextTurn(() => [MockStep.text("a"), MockStep.hang])
          const { events, reader, session } = yield* open()
          yield* send(session, "cut")
          yield* TestClock.adjust(0)
          yield* mock.killHost
          yield* TestClock.adjust(0)
          assert.isUndefined(reader.pollUnsafe())
          assert.strictEqual(events.at(-1)?._tag, "ItemCompleted")
        }))
      yield* withMock({ disk }, (mock) =>
        Effect.gen(function*() {
          assert.deepStrictEqual((yield* mock.sessions)[0]?.turns.map(({ outcome }) => outcome), ["unfinished"])
        }))
    }))

  it.effect("P9 mock: background work is what the test says, and dies with the session", () =>
    withMock({}, (mock) =>
      Effect.gen(function*() {
        const { session } = yield* open()
        yield* mock.backgroundWork(session.sessionId, true)
        yield* mock.backgroundWork(session.sessionId, false)
        yield* mock.backgroundWork(session.sessionId, true)
        yield* mock.crash()
        const tasks = yield* session.events.pipe(
          Stream.filter((event) => event._tag === "TaskStarted" || event._tag === "TaskEnded"),
          Stream.map(({ _tag, task }) => [_tag, task.status]),
          Stream.runCollect
        )
        assert.deepStrictEqual(tasks, [["TaskStarted", "running"], ["TaskEnded", "completed"], [
          "TaskStarted",
          "running"
        ]])
      })))
})
