/** How turns of the real Codex fail: by what its model's provider answers, and by what becomes of its process. */
import { assert, layer } from "@effect/vitest"
import { Effect, Fiber, FileSystem } from "effect"
import { ChildProcess } from "effect/process"
import { createServer } from "node:net"
import { dirname } from "node:path"
import { env, kill } from "node:process"
import { Codex } from "../../../src/codex/index.ts"
import * as Binary from "../../../src/codex/process/Binary.ts"
import { InstanceId, ThreadId } from "../../../src/domain/Ids.ts"
import { ModelReply } from "../../../src/testing/index.ts"
import { cursorOf, type Driven } from "../../support/Driven.ts"
import { CodexSessions } from "./CodexSessions.ts"

/** What the provider answers, and what the turn fails with. */
const answers: ReadonlyArray<readonly [name: string, ModelReply.Reply, failure: object]> = [
  ["401", ModelReply.error(401), { _tag: "ModelFailed", status: 401, retryable: false }],
  ["403", ModelReply.error(403), { _tag: "ModelFailed", status: 403, retryable: false }],
  ["404", ModelReply.error(404), { _tag: "ModelFailed", status: 404, retryable: false }],
  ["429", ModelReply.error(429), { _tag: "ModelFailed", retryable: true }],
  ["500", ModelReply.error(500), { _tag: "ModelFailed", retryable: true }],
  ["full context", ModelReply.error(400, { code: "context_length_exceeded" }), { _tag: "ContextOverflow" }],
  ["quota", ModelReply.error(429, { code: "insufficient_quota" }), { _tag: "UsageLimit" }],
  ["bad request", ModelReply.error(400, { message: "No." }), { _tag: "ModelFailed", retryable: false }],
  // Codex has no name for it, as for many others.
  ["cut stream", ModelReply.cut("half"), { _tag: "ModelFailed", name: "other" }],
  ["error in the stream", ModelReply.failAfter("half", { status: 503 }), { _tag: "Overloaded" }]
]

const tags = ({ seen }: Driven) => seen.map(({ _tag }) => _tag)

layer(CodexSessions.layer(), { timeout: "60 seconds", excludeTestServices: true })("failures", (it) => {
  for (const [name, answer, failure] of answers) {
    it.effect(`P4 codex: a turn whose model answers with ${name} fails typed, once, and the session goes on`, () =>
      Effect.gen(function*() {
        const { model, start } = yield* CodexSessions
        yield* model.on(name, answer)
        const driven = yield* start()
        const ending = yield* driven.run(name)
        const seen = ending._tag === "TurnFailed" ? { ...ending.failure } : ending
        assert.deepInclude(seen, failure)
        assert.strictEqual((yield* driven.run("and on"))._tag, "TurnCompleted")
        assert.strictEqual(tags(driven).filter((tag) => tag === "TurnFailed").length, 1)
      }))
  }

  it.effect("P4 codex: an app-server that is killed while the model answers is lost, and the turn is in its history", () =>
    Effect.gen(function*() {
      const { model, processes, start } = yield* CodexSessions
      yield* model.on("hang", ModelReply.hang)
      const driven = yield* start()
      const turnId = yield* driven.send("hang")
      yield* model.awaitRequest(({ lastUserText }) => lastUserText === "hang")
      const cursor = yield* cursorOf(driven)
      yield* killAll(processes)
      yield* driven.ended
      const again = yield* start({ from: { _tag: "Resume", cursor } })
      const evidence = yield* again.session.evidence({ turnId, ref: turnId })
      assert.strictEqual(evidence.outcome, "interrupted")
      assert.strictEqual((yield* again.run("and on"))._tag, "TurnCompleted")
    }))

  it.effect("P6 codex: an app-server that is killed while it asks is lost, and asks no more once it is resumed", () =>
    Effect.gen(function*() {
      const { model, processes, start } = yield* CodexSessions
      yield* model.on("ask", ModelReply.call("exec_command", { cmd: "touch asked" }))
      const driven = yield* start()
      yield* driven.send("ask")
      yield* driven.next("ApprovalRequested")
      const cursor = yield* cursorOf(driven)
      yield* killAll(processes)
      yield* driven.ended
      const again = yield* start({ from: { _tag: "Resume", cursor } })
      assert.strictEqual((yield* again.run("and on"))._tag, "TurnCompleted")
      assert.notInclude(tags(again), "ApprovalRequested")
    }))

  it.effect("P10 codex: a command that runs when the app-server is killed ends with it", () =>
    Effect.gen(function*() {
      const { model, processes, start } = yield* CodexSessions
      yield* model.on("sleep", ModelReply.call("exec_command", { cmd: "sleep 86402" }))
      const driven = yield* start({ runtimeMode: "full-access" })
      yield* driven.send("sleep")
      const sleeps = Effect.map(processes.alive, (all) => all.filter(({ command }) => command.includes("sleep 86402")))
      yield* Effect.repeat(sleeps, { until: (running) => running.length > 0 })
      yield* killAll(processes, "app-server")
      yield* driven.ended
      yield* Effect.repeat(sleeps, { until: (running) => running.length === 0 })
    }))

  it.effect("P13 codex: an app-server that is killed while a compaction waits is lost, and compacts once it is resumed", () =>
    Effect.gen(function*() {
      const { model, processes, start } = yield* CodexSessions
      const asked: Array<string> = []
      const holding = {
        auto: true,
        gate: (trigger: string) => Effect.andThen(Effect.sync(() => asked.push(trigger)), Effect.never)
      }
      const driven = yield* start({ compaction: holding })
      yield* driven.run("one")
      const cursor = yield* cursorOf(driven)
      yield* driven.session.compact
      yield* driven.next("CompactionStarted")
      yield* killAll(processes)
      yield* driven.ended
      const allow = { auto: true, gate: () => Effect.succeed({ _tag: "Allow" as const, context: [] }) }
      const again = yield* start({ from: { _tag: "Resume", cursor }, compaction: allow })
      yield* model.script(() => ModelReply.text("A summary."))
      yield* again.session.compact
      yield* again.next("CompactionCompleted")
      assert.deepStrictEqual(asked, ["manual"])
    }))

  it.effect("P15 codex: a model is looked up only where the list is of its provider", () =>
    Effect.gen(function*() {
      const { start } = yield* CodexSessions
      const driven = yield* start()
      yield* driven.session.checkModel({ id: "no-such-model" })
      assert.strictEqual((yield* driven.run("hello", { model: { id: "no-such-model" } }))._tag, "TurnCompleted")
    }))
})

/** A port on which nothing answers. */
const refusing = Effect.callback<number>((resume) => {
  const server = createServer().listen(0, "127.0.0.1", () => {
    const address = server.address()
    server.close(() => resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : 0)))
  })
})

const unreachable = {
  model_provider: "nowhere",
  "model_providers.nowhere": {
    name: "Nowhere",
    base_url: `http://127.0.0.1:${await Effect.runPromise(refusing)}/v1`,
    wire_api: "responses",
    request_max_retries: 0,
    stream_max_retries: 0
  }
}

layer(CodexSessions.layer({ config: unreachable, retryDeadline: "3 seconds" }), {
  timeout: "60 seconds",
  excludeTestServices: true
})("a model that cannot be reached", (it) => {
  it.effect("P4 codex: a turn whose model refuses connections fails at our deadline, and not as the user's interrupt", () =>
    Effect.gen(function*() {
      const { start } = yield* CodexSessions
      const driven = yield* start()
      const ending = yield* driven.run("hello")
      assert.strictEqual(ending._tag, "TurnFailed")
      assert.include(tags(driven), "RetryScheduled")
    }))
})

layer(CodexSessions.layer({}, undefined, 1), {
  timeout: "60 seconds",
  excludeTestServices: true
})("a model that is asked again", (it) => {
  it.effect("P16 codex: what was shown of an answer that was cut off is complete before the one that is asked for instead", () =>
    Effect.gen(function*() {
      const { model, start } = yield* CodexSessions
      yield* model.next(ModelReply.cut("Half an an"))
      const driven = yield* start()
      assert.strictEqual((yield* driven.run("whole"))._tag, "TurnCompleted")
      const said = driven.seen.flatMap((event) =>
        event._tag === "RetryScheduled"
          ? ["again"]
          : event._tag === "ItemCompleted" && event.item._tag === "AssistantMessage"
          ? [event.item.text]
          : []
      )
      assert.deepStrictEqual(said, ["Half an an", "again", "echo: whole"])
    }))
})

layer(CodexSessions.layer({ config: { model_provider: "openai", model: "gpt-6.2-sol" } }), {
  timeout: "60 seconds",
  excludeTestServices: true
})("OpenAI's own provider", (it) => {
  it.effect("P15 codex: a model that OpenAI's list does not have is refused, and one that it has is taken", () =>
    Effect.gen(function*() {
      const { start } = yield* CodexSessions
      const { session } = yield* start()
      yield* session.checkModel({ id: "gpt-6.2-sol" })
      const error = yield* Effect.flip(session.checkModel({ id: "no-such-model" }))
      assert.strictEqual(error._tag, "ModelUnavailable")
    }))
})

layer(CodexSessions.layer(), { timeout: "60 seconds", excludeTestServices: true })("a home that is broken", (it) => {
  it.effect("P2 codex: a broken config.toml is a typed error and no missing session", () =>
    Effect.gen(function*() {
      const { home, start } = yield* CodexSessions
      const fs = yield* FileSystem.FileSystem
      const cursor = yield* Effect.scoped(Effect.gen(function*() {
        const driven = yield* start()
        yield* driven.run("one")
        return yield* cursorOf(driven)
      }))
      yield* fs.writeFileString(`${home}/config.toml`, "this is = no [toml")
      const error = yield* Effect.flip(Effect.scoped(start({ from: { _tag: "Resume", cursor } })))
      assert.deepInclude({ ...error }, { _tag: "AgentProtocolError", name: "configuration" })
      yield* fs.remove(`${home}/config.toml`)
      const again = yield* start({ from: { _tag: "Resume", cursor } })
      assert.strictEqual((yield* again.run("and on"))._tag, "TurnCompleted")
    }))

  it.effect("P2 codex: an archived thread, a damaged rollout and one in use elsewhere are typed, and none is missing", () =>
    Effect.gen(function*() {
      const { home, start } = yield* CodexSessions
      const fs = yield* FileSystem.FileSystem
      const thread = Effect.scoped(Effect.gen(function*() {
        const driven = yield* start()
        yield* driven.run("one")
        return { cursor: yield* cursorOf(driven), sessionId: driven.session.sessionId }
      }))
      const rollout = Effect.fnUntraced(function*(sessionId: string) {
        const files = yield* fs.readDirectory(`${home}/sessions`, { recursive: true })
        return `${home}/sessions/${files.find((file) => file.endsWith(`${sessionId}.jsonl`))}`
      })
      const resumed = (cursor: unknown) => Effect.flip(Effect.scoped(start({ from: { _tag: "Resume", cursor } })))

      const damaged = yield* thread
      yield* fs.writeFileString(yield* rollout(damaged.sessionId), "")
      assert.strictEqual((yield* resumed(damaged.cursor))._tag, "AgentProtocolError")

      const archived = yield* thread
      const file = yield* rollout(archived.sessionId)
      yield* runCodex(home, ["archive", archived.sessionId])
      assert.isFalse(yield* fs.exists(file))
      assert.deepInclude({ ...yield* resumed(archived.cursor) }, { _tag: "AgentProtocolError", name: "archived" })

      const used = yield* thread
      // Its own app-server, as another app has one.
      yield* start({ from: { _tag: "Resume", cursor: used.cursor } })
      const other = yield* Codex.make({ isolated: { folder: dirname(home) }, instanceId: "other" })
      const inUse = yield* Effect.flip(Effect.scoped(other.startSession({
        threadId: ThreadId.make("other"),
        directory: home,
        runtimeMode: "read-only",
        projectConfig: "instructions",
        from: { _tag: "Resume", cursor: used.cursor }
      })))
      assert.strictEqual(inUse._tag, "SessionInUse")
    }))
})

layer(CodexSessions.layer(), { timeout: "60 seconds", excludeTestServices: true })(
  "a process that ends early",
  (it) => {
    it.effect("P4 codex: an app-server that is killed while it starts is a failed start, and the next one succeeds", () =>
      Effect.gen(function*() {
        const { processes, start } = yield* CodexSessions
        const starting = yield* Effect.forkScoped(Effect.flip(start()))
        yield* processes.awaitCommand("app-server")
        yield* killAll(processes)
        const error = yield* Fiber.join(starting)
        assert.strictEqual(error._tag, "AgentStartFailed")
        assert.isTrue("retryable" in error && error.retryable)
        const driven = yield* start()
        assert.strictEqual((yield* driven.run("hello"))._tag, "TurnCompleted")
      }))

    it.effect("P4 codex: an app-server that is killed while its thread is idle is lost, and is resumed", () =>
      Effect.gen(function*() {
        const { processes, start } = yield* CodexSessions
        const driven = yield* start()
        yield* driven.run("hello")
        const cursor = yield* cursorOf(driven)
        yield* killAll(processes)
        yield* driven.ended
        assert.strictEqual((yield* driven.session.exit)?.signal, "SIGKILL")
        const again = yield* start({ from: { _tag: "Resume", cursor } })
        assert.strictEqual((yield* again.run("and on"))._tag, "TurnCompleted")
      }))

    it.effect("P6 codex: a subagent that asks when its app-server is killed asks no more, and its thread is resumed", () =>
      Effect.gen(function*() {
        const { model, processes, start } = yield* CodexSessions
        yield* model.script(({ afterToolResult, lastUserText }) =>
          lastUserText.includes("NEW_TASK")
            ? ModelReply.call("exec_command", { cmd: "touch asked-below" })
            : lastUserText === "delegate" && !afterToolResult
            ? ModelReply.call("spawn_agent", { task_name: "helper", message: "As asked", fork_turns: "none" })
            : ModelReply.text("Heard.")
        )
        const driven = yield* start()
        yield* driven.send("delegate")
        yield* driven.next("ApprovalRequested")
        const cursor = yield* cursorOf(driven)
        yield* killAll(processes)
        yield* driven.ended
        const again = yield* start({ from: { _tag: "Resume", cursor } })
        assert.strictEqual((yield* again.run("and on"))._tag, "TurnCompleted")
        assert.notInclude(tags(again), "ApprovalRequested")
      }))
  }
)

/** Codex's own command line, in this home. */
const runCodex = Effect.fnUntraced(function*(home: string, args: ReadonlyArray<string>) {
  const executable = yield* Binary.find({ instanceId: InstanceId.make("codex") })
  const child = yield* ChildProcess.make(executable, args, {
    env: { CODEX_HOME: home, HOME: dirname(home), PATH: env["PATH"] },
    stdin: "ignore"
  })
  assert.strictEqual(yield* child.exitCode, 0)
}, Effect.scoped)

const killAll = ({ alive }: CodexSessions["Service"]["processes"], name = "") =>
  Effect.flatMap(
    alive,
    (all) =>
      // One may be gone with the one before.
      Effect.forEach(
        all.filter(({ command }) => command.includes(name)),
        ({ pid }) => Effect.ignore(Effect.try(() => kill(pid, "SIGKILL"))),
        { discard: true }
      )
  )
