/** What a real OpenCode is told and tells beside turns: titles, models, agents, MCP servers, clocks, other clients. */
import { assert, layer } from "@effect/vitest"
import { Clock, Deferred, Effect, FileSystem, Stream } from "effect"
import { ThreadId, TurnId } from "../../../src/domain/Ids.ts"
import type { ProviderEvent } from "../../../src/domain/ThreadEvent.ts"
import type { TurnInput } from "../../../src/domain/TurnInput.ts"
import { OpenCode } from "../../../src/opencode/index.ts"
import { ModelReply } from "../../../src/testing/index.ts"
import { workspace } from "../../support/OpenCodeServer.ts"
import { cursorOf, drive, type Driven, items, OpenCodeSessions } from "../../support/OpenCodeSessions.ts"

const config = {
  agent: {
    own: { mode: "primary", model: "scripted/scripted-2", variant: "high", prompt: "You have a model of your own." },
    secret: { mode: "primary", hidden: true, prompt: "You are hidden." }
  },
  command: { otherwise: { template: "Do it otherwise", agent: "own", model: "scripted/scripted-2" } },
  mcp: {
    broken: { type: "local", command: ["/nowhere/server"] },
    off: { type: "local", command: ["/nowhere/server"], enabled: false }
  }
}

/** An MCP server without tools, which lives as long as OpenCode. */
const mcp = {
  alive: {
    type: "local",
    command: [
      "/bin/sh",
      "-c",
      `while read line; do case "$line" in *'"initialize"'*) echo '${
        JSON.stringify({
          jsonrpc: "2.0",
          id: 0,
          result: { protocolVersion: "2024-11-05", capabilities: {}, serverInfo: { name: "alive", version: "1" } }
        })
      }';; esac; done`
    ]
  }
}

const refused = (driven: Driven, input: TurnInput) =>
  Effect.gen(function*() {
    const turnId = TurnId.make(`refused ${input.agent ?? input.prompt}`)
    const ref = yield* driven.session.turnRef(turnId)
    return yield* Effect.flip(driven.session.sendTurn({ turnId, ref, input }))
  })

const warnings = (seen: ReadonlyArray<ProviderEvent>) =>
  seen.flatMap((event) => event._tag === "Warning" ? [event.code] : [])

const untilWarned = (driven: Driven, code: string): Effect.Effect<string> =>
  Effect.flatMap(
    driven.next("Warning"),
    (warning) => warning.code === code ? Effect.succeed(warning.message ?? "") : untilWarned(driven, code)
  )

layer(OpenCodeSessions.layer({ config }), { timeout: "60 seconds", excludeTestServices: true })("told", (it) => {
  it.effect("opencode: an MCP server that fails is told by its name, and its status is an event", () =>
    Effect.gen(function*() {
      const { start } = yield* OpenCodeSessions
      const driven = yield* start()
      assert.include(yield* untilWarned(driven, "mcp-failed"), "broken")
      assert.deepStrictEqual(
        driven.seen.flatMap((event) =>
          event._tag === "McpStatus" ? [event.servers.map(({ name, status }) => `${name} ${status}`)] : []
        ),
        [["broken starting"], ["broken failed", "off off"]]
      )
    }))

  it.effect("opencode: a turn that names an agent has that agent's own model and variant, and the next has the session's", () =>
    Effect.gen(function*() {
      const { model, start } = yield* OpenCodeSessions
      const driven = yield* start()
      yield* driven.run("by its own", { agent: "own" })
      yield* driven.run("by the usual one")
      yield* driven.run("by the one that is named", { agent: "own", model: { id: "scripted/scripted-1" } })
      const asked = (prompt: string) =>
        Effect.map(model.awaitRequest(({ lastUserText }) => lastUserText.includes(prompt)), ({ raw }) => raw)
      assert.deepInclude(yield* asked("by its own"), { model: "scripted-2", reasoning_effort: "high" })
      assert.deepInclude(yield* asked("by the usual one"), { model: "scripted-1" })
      assert.deepInclude(yield* asked("by the one that is named"), { model: "scripted-1" })
    }))

  it.effect("opencode: a command that has a model and an agent of its own changes both, which is told in its turn alone", () =>
    Effect.gen(function*() {
      const { start } = yield* OpenCodeSessions
      const driven = yield* start()
      const changes = () =>
        driven.seen.flatMap((event) =>
          event._tag === "ModelChanged" ? [event.model.id] : event._tag === "ModeChanged" ? [event.mode] : []
        )
      yield* driven.run("as ever")
      assert.deepStrictEqual(changes(), [])
      const { turnId } = yield* driven.run("", { command: { name: "otherwise" } })
      assert.deepStrictEqual(changes(), ["scripted/scripted-2", "own"])
      for (const event of driven.seen) {
        if (event._tag === "ModelChanged" || event._tag === "ModeChanged") assert.strictEqual(event.turnId, turnId)
      }
      yield* driven.run("as ever again")
      assert.lengthOf(changes(), 2)
    }))

  it.effect("opencode: subagents and hidden agents answer no turn", () =>
    Effect.gen(function*() {
      const { start } = yield* OpenCodeSessions
      const driven = yield* start()
      for (const agent of ["general", "secret", "compaction", "nobody"]) {
        assert.deepInclude(yield* refused(driven, { prompt: "hello", agent }), {
          _tag: "TurnRefused",
          name: "AgentNotFound"
        })
      }
    }))

  it.effect("opencode: a title reaches the agent when the session starts, is renamed, and is resumed under another", () =>
    Effect.gen(function*() {
      const { start } = yield* OpenCodeSessions
      const driven = yield* start({ title: "first" })
      const title = Effect.map(driven.session.history, ({ session }) => Reflect.get(Object(session), "title"))
      assert.strictEqual(yield* title, "first")
      yield* driven.session.rename("second")
      assert.strictEqual(yield* title, "second")
      yield* start({ from: { _tag: "Resume", cursor: yield* cursorOf(driven) }, title: "third" })
      assert.strictEqual(yield* title, "third")
    }))

  it.effect("P15 opencode: a title that OpenCode or the app gives a live session is told once, and the one of its start is not", () =>
    Effect.gen(function*() {
      const { start } = yield* OpenCodeSessions
      const driven = yield* start({ title: undefined })
      yield* driven.send("what is a walnut?")
      assert.strictEqual((yield* driven.next("TitleUpdated")).title, "Scripted title")
      yield* driven.session.rename("second")
      assert.strictEqual((yield* driven.next("TitleUpdated")).title, "second")
      const named = yield* start({ title: "first" })
      yield* named.run("hello")
      const titles = [driven, named].map(({ seen }) => seen.filter(({ _tag }) => _tag === "TitleUpdated").length)
      assert.deepStrictEqual(titles, [2, 0])
    }))

  it.effect("P4 opencode: a directory that has gone is told before the turn", () =>
    Effect.gen(function*() {
      const { directory, start } = yield* OpenCodeSessions
      const fs = yield* FileSystem.FileSystem
      const gone = `${directory}/gone`
      yield* fs.makeDirectory(gone)
      const driven = yield* start({ directory: gone })
      yield* fs.remove(gone, { recursive: true })
      assert.deepInclude(yield* refused(driven, { prompt: "where" }), { _tag: "TurnRefused", name: "DirectoryMissing" })
    }))

  it.effect("opencode: a file that the model cannot read is told in the turn, once the turn is accepted", () =>
    Effect.gen(function*() {
      const { start } = yield* OpenCodeSessions
      const driven = yield* start()
      const pdf = { _tag: "Data", name: "a.pdf", mime: "application/pdf", base64: "JVBERi0xLjQK" } as const
      const turnId = yield* driven.send("read this", { attachments: [pdf] })
      assert.include(yield* untilWarned(driven, "attachment-unreadable"), "a.pdf")
      assert.isTrue(driven.seen.some((event) => event._tag === "Warning" && event.turnId === turnId))
    }))

  it.effect("P16 opencode: a command that is stopped is not completed", () =>
    Effect.gen(function*() {
      const { on, start } = yield* OpenCodeSessions
      yield* on("sleep long", (request) =>
        request.afterToolResult
          ? ModelReply.text("Done.")
          : ModelReply.call("bash", { command: "echo begun; sleep 60", description: "x" }))
      const driven = yield* start({ runtimeMode: "full-access" })
      const turnId = yield* driven.send("sleep long")
      yield* driven.next("ItemDelta")
      yield* driven.session.interruptTurn(turnId)
      assert.strictEqual((yield* driven.ending)._tag, "TurnInterrupted")
      assert.deepStrictEqual(items(driven, "Command").map(({ status }) => status), ["failed"])
    }))

  it.effect("opencode: a server's clock that differs is told once", () =>
    Effect.gen(function*() {
      const { start } = yield* OpenCodeSessions
      const clock = yield* Clock.Clock
      const ahead: Clock.Clock = {
        currentTimeMillisUnsafe: () => clock.currentTimeMillisUnsafe() + 90_000,
        currentTimeMillis: Effect.map(clock.currentTimeMillis, (now) => now + 90_000),
        currentTimeNanosUnsafe: () => clock.currentTimeNanosUnsafe(),
        currentTimeNanos: clock.currentTimeNanos,
        monotonicTimeNanosUnsafe: () => clock.monotonicTimeNanosUnsafe(),
        monotonicTimeNanos: clock.monotonicTimeNanos,
        sleep: (duration) => clock.sleep(duration)
      }
      const driven = yield* start()
      yield* driven.run("in step")
      assert.notInclude(warnings(driven.seen), "clock-differs")
      for (const prompt of ["out of step", "still out of step"]) {
        yield* Effect.provideService(driven.run(prompt), Clock.Clock, ahead)
      }
      assert.strictEqual(warnings(driven.seen).filter((code) => code === "clock-differs").length, 1)
    }))

  it.effect("P1 opencode: what another client says in the session is an item, in our turn or in one that it begins", () =>
    Effect.gen(function*() {
      const { adapter, on, start } = yield* OpenCodeSessions
      const driven = yield* start()
      yield* driven.run("from us")
      // A second holder of the same session, as OpenCode's own terminal would be.
      const other = yield* start({ from: { _tag: "Resume", cursor: yield* cursorOf(driven) } })
      yield* on("from them", () => ModelReply.text("To them."))
      yield* other.run("from them")
      const began = yield* driven.next("TurnBegan")
      assert.strictEqual(began.cause, "other-client")
      assert.deepInclude(yield* driven.ending, { _tag: "TurnCompleted", turnId: began.turnId })
      assert.deepStrictEqual(
        driven.seen.flatMap((event) =>
          event._tag === "ItemCompleted" && event.turnId === began.turnId && "text" in event.item
            ? [`${event.item._tag}: ${event.item.text}`]
            : []
        ),
        ["UserMessage: from them", "AssistantMessage: To them."]
      )
      assert.deepStrictEqual(items(driven, "UserMessage").map(({ origin }) => origin), ["other-client"])
      assert.deepStrictEqual(items(other, "UserMessage"), [])
      assert.strictEqual(adapter.provider, "opencode")
      assert.strictEqual((yield* driven.run("from us again"))._tag, "TurnCompleted")
    }))

  it.effect("P1 opencode: what another client says while our turn runs is an item of that turn, and the answer to it is a turn of its own", () =>
    Effect.gen(function*() {
      const { on, start } = yield* OpenCodeSessions
      const gate = yield* Deferred.make<void>()
      yield* on(
        "from us, slowly",
        () => ModelReply.text(Stream.make("To us.").pipe(Stream.concat(Stream.fromEffectDrain(Deferred.await(gate)))))
      )
      yield* on("they join in", () => ModelReply.text("To them."))
      const driven = yield* start()
      yield* driven.run("from us")
      const other = yield* start({ from: { _tag: "Resume", cursor: yield* cursorOf(driven) } })
      const turnId = yield* driven.send("from us, slowly")
      yield* driven.next("ItemDelta")
      yield* other.next("TurnBegan")
      yield* other.session.steerTurn({ turnId, ref: undefined, input: { prompt: "they join in" } })
      const joined = () => items(driven, "UserMessage").map(({ origin, text }) => `${origin}: ${text}`)
      while (joined().length === 0) yield* driven.next("ItemCompleted")
      yield* Deferred.succeed(gate, undefined)
      assert.deepInclude(yield* driven.ending, { _tag: "TurnCompleted", turnId })
      assert.deepStrictEqual(joined(), ["other-client: they join in"])
      const began = yield* driven.next("TurnBegan")
      assert.strictEqual(began.cause, "other-client")
      assert.deepInclude(yield* driven.ending, { _tag: "TurnCompleted", turnId: began.turnId })
      const said = (turnId: TurnId) =>
        driven.seen.flatMap((event) =>
          event._tag === "ItemCompleted" && event.turnId === turnId && "text" in event.item ? [event.item.text] : []
        )
      assert.deepStrictEqual(said(turnId).toSorted(), ["To us.", "they join in"])
      assert.deepStrictEqual(said(began.turnId), ["To them."])
    }))
})

layer(OpenCodeSessions.layer(), { timeout: "60 seconds", excludeTestServices: true })("models that have gone", (it) => {
  it.effect("P1 opencode: a model that one turn has used and that is gone does not fail the thread", () =>
    Effect.gen(function*() {
      const { model } = yield* OpenCodeSessions
      const folder = yield* workspace
      const started = (models: Readonly<Record<string, object>>) =>
        OpenCode.make({
          isolated: { folder },
          stopDeadline: "3 seconds",
          config: {
            model: "scripted/scripted-1",
            small_model: "scripted/scripted-1",
            enabled_providers: ["scripted"],
            provider: {
              scripted: {
                npm: "@ai-sdk/openai-compatible",
                options: { baseURL: model.url, apiKey: "not-a-key" },
                models
              }
            }
          }
        })
      const directory = yield* workspace
      const input = {
        threadId: ThreadId.make("gone"),
        directory,
        runtimeMode: "approval-required",
        projectConfig: "instructions",
        title: "test"
      } as const
      const cursor = yield* Effect.scoped(Effect.gen(function*() {
        const adapter = yield* started({ "scripted-1": {}, passing: {} })
        const driven = yield* Effect.flatMap(adapter.startSession({ ...input, from: { _tag: "New" } }), drive)
        yield* driven.run("once", { model: { id: "scripted/passing" } })
        return yield* cursorOf(driven)
      }))
      const adapter = yield* started({ "scripted-1": {} })
      const driven = yield* Effect.flatMap(
        adapter.startSession({ ...input, from: { _tag: "Resume", cursor } }),
        drive
      )
      assert.include(yield* untilWarned(driven, "model-gone"), "scripted/passing")
      assert.strictEqual((yield* driven.run("and on"))._tag, "TurnCompleted")
    }))
})

layer(OpenCodeSessions.layer({ config: { mcp } }), { timeout: "60 seconds", excludeTestServices: true })(
  "left running",
  (it) => {
    it.effect("P9 opencode: a command that is left running is a task until it ends, and can be stopped; an MCP server is none", () =>
      Effect.gen(function*() {
        const { on, start } = yield* OpenCodeSessions
        const leave = (prompt: string, seconds: number) =>
          on(prompt, (request) =>
            request.afterToolResult
              ? ModelReply.text("It runs.")
              : ModelReply.call("bash", { command: `sleep ${seconds} >/dev/null 2>&1 &`, description: "x" }))
        yield* leave("leave one", 4711)
        const driven = yield* start({ runtimeMode: "full-access" })
        const other = yield* start({ runtimeMode: "full-access" })
        yield* driven.run("leave one")
        const { task } = yield* driven.next("TaskStarted")
        assert.deepInclude(task, { kind: "command", title: "sleep 4711", status: "running" })
        assert.strictEqual((yield* other.run("hello"))._tag, "TurnCompleted")
        yield* driven.session.stopTask(task.taskId)
        assert.deepInclude(yield* driven.next("TaskEnded"), { task: { ...task, status: "completed" } })
        assert.isFalse(other.seen.some(({ _tag }) => _tag === "TaskStarted"))
      }))
  }
)
