/** Secrets of a setup: the agent has them, and nothing that is kept, shown or logged does. On the mock. */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Fiber, FileSystem, Logger, Path, Redacted, Stream } from "effect"
import { inspect } from "node:util"
import { LifecycleHooks, ProviderService, SessionStore, type ThreadEvent, TranscriptArchive } from "../../src/index.ts"
import { AgentStartFailed, TurnRefused } from "../../src/protocol.ts"
import { MockProvider, MockStep } from "../../src/testing/index.ts"
import * as Agents from "../support/Agents.ts"
import * as FaultyStore from "../support/FaultyStore.ts"

const { is, mock, threadId } = Agents

const token = "walnut-7731-abendrot-kx4"
const header = "Bearer zugspitze-0o9-mistral"
const secrets = [token, header]

const hook = LifecycleHooks.setup({
  name: "vault",
  run: () =>
    Effect.succeed({
      environment: { TOKEN: Redacted.make(token), PLAIN: "plain" },
      mcpServers: {
        files: { _tag: "Http", url: "https://example.org", headers: { Authorization: Redacted.make(header) } }
      }
    })
})

const clean = (text: string, where: string) => {
  for (const secret of secrets) assert.notInclude(text, secret, where)
}

/** All bytes below the folder, read as Latin-1: of the store, its log, and snapshots. */
const bytesIn = Effect.fnUntraced(function*(folder: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const names = yield* fs.readDirectory(folder, { recursive: true })
  const files = yield* Effect.filter(
    names,
    (name) => Effect.map(fs.stat(path.join(folder, name)), ({ type }) => type === "File")
  )
  const texts = yield* Effect.forEach(files, (name) => fs.readFile(path.join(folder, name)))
  return { files, text: texts.map((bytes) => new TextDecoder("latin1").decode(bytes)).join("\n") }
})

/** Everything that is logged, as a person or a file would have it. */
const logged = <A, E, R>(effect: Effect.Effect<A, E, R>) => {
  const lines: Array<string> = []
  const logger = Logger.make(({ cause, fiber, message }) => {
    lines.push(inspect([message, Cause.pretty(cause), cause, fiber.context], { depth: 8 }))
  })
  return Effect.map(Effect.provide(effect, Logger.layer([logger])), (value) => ({ lines, value }))
}

describe("secrets of a setup", () => {
  it.effect("P14 mock: reach the agent, and no event, delta, transcript, hook, snapshot or byte of the store", () =>
    Effect.gen(function*() {
      const path = yield* Path.Path
      const folder = yield* Agents.folder
      const told: Array<string> = []
      const observer = LifecycleHooks.observe({
        name: "observer",
        events: ["*"],
        delivery: "best-effort",
        run: (event) => Effect.sync(() => told.push(JSON.stringify(event)))
      })
      const seen: Array<ThreadEvent> = []
      yield* Effect.gen(function*() {
        const agents = yield* ProviderService
        const agent = yield* MockProvider
        const archive = yield* TranscriptArchive
        yield* agents.startSession({ threadId, instanceId: mock, directory: folder, runtimeMode: "full-access" })
        const reading = yield* agents.streamEvents({ threadId }).pipe(
          Stream.runForEach((event) => Effect.sync(() => seen.push(event))),
          Effect.forkChild({ startImmediately: true })
        )
        assert.deepStrictEqual(
          (yield* agent.starts).map(({ setup }) => setup?.environment),
          [{ TOKEN: Redacted.make(token), PLAIN: "plain" }]
        )
        yield* agent.nextTurn(() => [
          MockStep.text([`It is ${token.slice(0, 9)}`, `${token.slice(9)}. Use it.`]),
          MockStep.command("env", { prints: [`TOKEN=${token}\n`, "PLAIN=plain\n"] }),
          MockStep.tool("fetch", { input: { headers: { Authorization: header } } }),
          MockStep.warning("said", token),
          MockStep.unrecognized("raw", { deep: [{ [token]: header }] }),
          MockStep.text("done")
        ])
        const { text } = yield* agents.runTurn({ threadId, prompt: "tell me" })
        clean(text, "the text of the turn")
        const plain = seen.some((event) => is("ItemCompleted")(event) && JSON.stringify(event).includes("PLAIN=plain"))
        assert.isTrue(plain, "what is no secret is there")
        const saved = yield* archive.snapshot({ threadId })
        clean(JSON.stringify(yield* archive.read(saved)), "snapshot")
        yield* agent.nextTurn(() => [
          MockStep.fail({ _tag: "ModelFailed", name: "Refused", message: token, retryable: false })
        ])
        yield* Effect.flip(agents.runTurn({ threadId, prompt: "again" }))
        yield* agent.crash(undefined, { exitCode: 1, stderr: `panic: ${token}` })
        yield* Agents.awaitEvent(is("SessionEnded"))
        clean(JSON.stringify(yield* agents.readTranscript({ threadId })), "the transcript")
        yield* Fiber.interrupt(reading)
        clean((yield* bytesIn(folder)).text, "the files while the host runs")
      }).pipe(
        Effect.provide(Agents.layer({ filename: path.join(folder, "store.db"), hooks: [hook, observer] }))
      )
      clean(JSON.stringify(seen), "the events")
      clean(told.join("\n"), "the hooks")
      const { files, text } = yield* bytesIn(folder)
      assert.includeMembers(files, ["store.db"])
      assert.isTrue(files.some((name) => name.includes("sessions")), "a snapshot is there")
      clean(text, "the files")
    }).pipe(Effect.scoped, Effect.provide(Agents.platform)))

  it.effect("P14 mock: are in no error of a start or a turn, and in no line of the log", () =>
    Effect.gen(function*() {
      const { lines, value } = yield* logged(
        Effect.gen(function*() {
          const agents = yield* ProviderService
          const agent = yield* MockProvider
          const failed = new AgentStartFailed({ instanceId: mock, reason: "exited", stderr: `no such ${token}` })
          yield* agent.failNextStart(failed)
          const start = yield* Effect.flip(Agents.start())
          assert.strictEqual(start, failed)
          yield* Agents.start()
          yield* agent.failNextSend(({ turnId }) => new TurnRefused({ turnId, name: "Refused", reason: { header } }))
          const turn = yield* Effect.flip(agents.runTurn({ threadId, prompt: "go" }))
          assert.strictEqual(turn._tag, "TurnRefused")
          yield* Effect.logError("The app logs it", Cause.fail(start), turn)
          // What the service logs of a change that the agent does not take.
          yield* agent.unreachable(token)
          yield* agents.configureThread({ threadId, title: "Other", runtimeMode: "read-only" })
          yield* agent.unreachable(false)
          yield* agents.startSession({ threadId })
          yield* agent.crash(undefined, { signal: "SIGSEGV", stderr: token })
          yield* Agents.awaitEvent(is("SessionEnded"))
          return [start, turn].map((error) => [JSON.stringify(error), String(error), inspect(error, { depth: 9 })])
        }).pipe(Effect.provide(Agents.layer({ hooks: [hook] })))
      )
      assert.isNotEmpty(lines)
      clean(lines.join("\n"), "the log")
      clean(JSON.stringify(value), "the errors")
    }))

  it.effect("P14 mock: do not keep apart what the agent says at once: it is one commit", () =>
    Effect.gen(function*() {
      const agent = yield* MockProvider
      const store = yield* SessionStore
      const faults = yield* FaultyStore.FaultyStore
      const { sessionId } = yield* Agents.start()
      const warnings = Effect.map(
        store.readEvents({ threadId, after: 0, limit: 99 }),
        (events) => events.filter(is("Warning"))
      )
      const first = yield* Deferred.make<ReadonlyArray<ThreadEvent>>()
      yield* faults.afterNext("append events", Effect.tap(warnings, (seen) => Deferred.succeed(first, seen)))
      const warning = (code: string) => ({ _tag: "Warning", code, message: `${code} ${token}` }) as const
      yield* agent.emit(sessionId, [warning("one"), warning("two"), warning("three")])
      const seen = yield* Deferred.await(first)
      assert.lengthOf(seen, 3)
      clean(JSON.stringify(seen), "the log")
    }).pipe(Effect.provide(FaultyStore.layer({ hooks: [hook] }))))
})
