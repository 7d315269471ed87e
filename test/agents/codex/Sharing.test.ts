/** Sessions that share an app-server of the real Codex, and what happens to them when it dies. */
import { assert, layer } from "@effect/vitest"
import { Effect, Exit, Scope } from "effect"
import { kill } from "node:process"
import { ModelReply } from "../../../src/testing/index.ts"
import { cursorOf } from "../../support/Driven.ts"
import { CodexSessions } from "./CodexSessions.ts"

/** Process ids of the app-servers. A child of one has its command line until it is another program. */
const servers = Effect.flatMap(
  CodexSessions,
  ({ processes }) =>
    Effect.map(processes.alive, (all) => {
      const found = all.filter(({ command }) => command.endsWith("app-server"))
      return found.filter(({ parent }) => !found.some(({ pid }) => pid === parent)).map(({ pid }) => pid)
    })
)

const gate = { auto: true, gate: () => Effect.succeed({ _tag: "Allow" as const, context: [] }) }

layer(CodexSessions.layer({ sessionsPerServer: 3 }), { timeout: "60 seconds", excludeTestServices: true })(
  "shared app-servers",
  (it) => {
    it.effect("P10 codex: sessions share an app-server up to its number, then have another; it ends with its last", () =>
      Effect.gen(function*() {
        const { start } = yield* CodexSessions
        yield* Effect.scoped(Effect.gen(function*() {
          yield* Effect.forEach([1, 2, 3], () => start(), { concurrency: "unbounded" })
          assert.strictEqual((yield* servers).length, 1)
          yield* Effect.scoped(Effect.andThen(start(), Effect.map(servers, (all) => assert.strictEqual(all.length, 2))))
          assert.strictEqual((yield* servers).length, 1)
        }))
        assert.deepStrictEqual(yield* servers, [])
      }))

    it.effect("P13 codex: sessions with a gate have an app-server with a hook, and those without have none", () =>
      Effect.gen(function*() {
        const { start } = yield* CodexSessions
        yield* start()
        yield* start({ compaction: gate })
        yield* start({ compaction: gate })
        assert.strictEqual((yield* servers).length, 2)
      }))

    it.effect("P4 codex: what one session hears another does not", () =>
      Effect.gen(function*() {
        const { start } = yield* CodexSessions
        const [one, two] = yield* Effect.all([start(), start()])
        yield* Effect.all([one.run("walnut"), two.run("lantern")], { concurrency: 2 })
        assert.notInclude(JSON.stringify(one.seen), "lantern")
        assert.notInclude(JSON.stringify(two.seen), "walnut")
      }))

    it.effect("P8 codex: a thread that a session of this app-server has is in use", () =>
      Effect.gen(function*() {
        const { start } = yield* CodexSessions
        const first = yield* start()
        yield* first.run("one")
        const from = { _tag: "Resume" as const, cursor: yield* cursorOf(first) }
        const tag = yield* Effect.flip(Effect.scoped(start({ from })))
        assert.strictEqual(tag._tag, "SessionInUse")
        assert.strictEqual((yield* first.run("two"))._tag, "TurnCompleted")
      }))

    it.effect("P7 codex: a resume on the same app-server has its own mode and directory", () =>
      Effect.gen(function*() {
        const { directory, home, start } = yield* CodexSessions
        yield* start()
        const scope = Scope.makeUnsafe()
        const first = yield* Scope.provide(start({ runtimeMode: "full-access" }), scope)
        yield* first.run("one")
        const from = { _tag: "Resume" as const, cursor: yield* cursorOf(first) }
        yield* Scope.close(scope, Exit.void)
        const again = yield* start({ from, runtimeMode: "read-only", directory: home })
        assert.deepStrictEqual(again.session.origin, { _tag: "Moved", from: directory })
        assert.strictEqual((yield* servers).length, 1)
      }))

    it.effect("P4 codex: when the app-server is killed each of its sessions is lost once, and is resumed", () =>
      Effect.gen(function*() {
        const { start } = yield* CodexSessions
        const scope = Scope.makeUnsafe()
        const sessions = yield* Effect.forEach([1, 2, 3], () => Scope.provide(start(), scope))
        yield* Effect.forEach(sessions, (driven, n) => driven.run(`say ${n}`), { concurrency: 3 })
        const cursors = yield* Effect.forEach(sessions, cursorOf)
        const [pid] = yield* servers
        yield* Effect.sync(() => kill(pid ?? 0, "SIGKILL"))
        yield* Effect.forEach(sessions, ({ ended }) => ended)
        const exits = yield* Effect.forEach(sessions, ({ session }) => session.exit)
        assert.deepStrictEqual(exits.map((exit) => exit?.signal), ["SIGKILL", "SIGKILL", "SIGKILL"])
        // The dead one is given to nothing, while its sessions are not closed yet.
        const again = yield* Effect.forEach(cursors, (cursor) => start({ from: { _tag: "Resume", cursor } }))
        assert.strictEqual((yield* servers).length, 1)
        const endings = yield* Effect.forEach(again, (driven) => driven.run("and on"))
        assert.deepStrictEqual(endings.map(({ _tag }) => _tag), ["TurnCompleted", "TurnCompleted", "TurnCompleted"])
        yield* Scope.close(scope, Exit.void)
      }))

    it.effect("P10 codex: a busy session that is closed stops, while another of its app-server goes on", () =>
      Effect.gen(function*() {
        const { model, start } = yield* CodexSessions
        const other = yield* start()
        yield* model.on("never ends", ModelReply.hang)
        const scope = Scope.makeUnsafe()
        const busy = yield* Scope.provide(start(), scope)
        yield* busy.run("one")
        yield* busy.send("never ends")
        yield* model.awaitRequest(({ lastUserText }) => lastUserText === "never ends")
        const cursor = yield* cursorOf(busy)
        yield* Scope.close(scope, Exit.void)
        assert.strictEqual((yield* other.run("still here"))._tag, "TurnCompleted")
        const again = yield* start({ from: { _tag: "Resume", cursor } })
        assert.strictEqual((yield* again.run("and on"))._tag, "TurnCompleted")
        assert.strictEqual((yield* servers).length, 1)
      }))

    it.effect("P8 codex: a start that is given up leaves no thread loaded", () =>
      Effect.gen(function*() {
        const { start } = yield* CodexSessions
        yield* start()
        const scope = Scope.makeUnsafe()
        const first = yield* Scope.provide(start(), scope)
        yield* first.run("one")
        const from = { _tag: "Resume" as const, cursor: yield* cursorOf(first) }
        yield* Scope.close(scope, Exit.void)
        for (const wait of [0, 5, 20, 50]) {
          yield* Effect.timeoutOption(Effect.scoped(start({ from })), wait)
        }
        const again = yield* start({ from, runtimeMode: "read-only" })
        assert.strictEqual((yield* again.run("and on"))._tag, "TurnCompleted")
      }))
  }
)
