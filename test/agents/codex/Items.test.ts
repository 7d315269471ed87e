/** What a turn of the real Codex is made of, and what comes beside it. */
import { assert, layer } from "@effect/vitest"
import { Effect, FileSystem } from "effect"
import { execPath } from "node:process"
import { fileURLToPath } from "node:url"
import { ModelReply, type ModelScript } from "../../../src/testing/index.ts"
import { type Driven, items } from "../../support/Driven.ts"
import { CodexSessions } from "./CodexSessions.ts"

const mcpServer = fileURLToPath(new URL("../McpServer.ts", import.meta.url))

/** As a real model of OpenAI's calls tools: in JavaScript. */
const code = (source: string): ModelScript.ModelScript => (request) =>
  request.afterToolResult ? ModelReply.text(`${request.lastToolResult}`) : ModelReply.freeform("exec", source)

const after = (first: ModelReply.Reply): ModelScript.ModelScript => (request) =>
  request.afterToolResult ? ModelReply.text("Done.") : first

const sse = (event: { readonly type: string; readonly [key: string]: unknown }) =>
  `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`

const pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="

const tags = ({ seen }: Driven) => seen.map(({ _tag }) => _tag)

layer(
  CodexSessions.layer({ config: { "mcp_servers.tester": { command: execPath, args: [mcpServer] } } }),
  { timeout: "60 seconds", excludeTestServices: true }
)("a turn's items", (it) => {
  it.effect("P1 codex: an image reaches the model, and a file of text stands beside the prompt", () =>
    Effect.gen(function*() {
      const { model, start } = yield* CodexSessions
      const driven = yield* start()
      const { _tag } = yield* driven.run("look", {
        attachments: [
          { _tag: "Data", name: "pixel.png", mime: "image/png", base64: pixel },
          { _tag: "Data", name: "notes.txt", mime: "text/plain", base64: btoa("the walnut is blue") }
        ]
      })
      assert.strictEqual(_tag, "TurnCompleted")
      const [request] = yield* model.asked("look")
      assert.include(JSON.stringify(request?.raw), `data:image/png;base64,${pixel}`)
      assert.include(request?.systemText, "the walnut is blue")
    }))

  it.effect("P6 codex: a tool of an MCP server is asked for, and comes with its server, name and result", () =>
    Effect.gen(function*() {
      const { model, start } = yield* CodexSessions
      yield* model.on("call it", code(`text(await tools.mcp__tester__echo({ text: "walnut" }))`))
      const driven = yield* start()
      yield* driven.send("call it")
      const { request } = yield* driven.next("ApprovalRequested")
      assert.strictEqual(request.subject, "tester: echo")
      yield* driven.session.respondToApproval(request.requestId, { _tag: "AllowOnce" })
      yield* driven.ending
      const [tool] = items(driven, "ToolCall")
      assert.deepStrictEqual([tool?.kind, tool?.status, tool?.detail], [
        "mcp",
        "completed",
        { _tag: "Mcp", server: "tester", tool: "echo" }
      ])
      assert.include(tool?.output, "echo: walnut")
    }))

  it.effect("P16 codex: what a tool of an MCP server shows comes as it is: a text, an image, a link", () =>
    Effect.gen(function*() {
      const { model, start } = yield* CodexSessions
      yield* model.on("show it", code(`text(await tools.mcp__tester__show({}))`))
      const driven = yield* start({ runtimeMode: "full-access" })
      yield* driven.run("show it")
      const [tool] = items(driven, "ToolCall")
      assert.deepStrictEqual(tool?.content?.map(({ _tag }) => _tag), ["Text", "Image", "Link"])
      assert.isNumber(tool?.startedAt)
      assert.isNumber(tool?.durationMillis)
    }))

  it.effect("P6 codex: a denied tool of an MCP server does not run, and the turn goes on", () =>
    Effect.gen(function*() {
      const { model, start } = yield* CodexSessions
      yield* model.on("call it not", code(`text(await tools.mcp__tester__echo({ text: "walnut" }))`))
      const driven = yield* start()
      yield* driven.send("call it not")
      const { request } = yield* driven.next("ApprovalRequested")
      yield* driven.session.respondToApproval(request.requestId, { _tag: "Deny" })
      assert.strictEqual((yield* driven.ending)._tag, "TurnCompleted")
      assert.notInclude(JSON.stringify(driven.seen), "echo: walnut")
    }))

  it.effect("P6 codex: full-access asks for no tool of an MCP server, and still passes on what the server asks", () =>
    Effect.gen(function*() {
      const { model, start } = yield* CodexSessions
      yield* model.on("ask me", code(`text(await tools.mcp__tester__ask({ text: "Which colour?" }))`))
      const driven = yield* start({ runtimeMode: "full-access" })
      yield* driven.send("ask me")
      const { request } = yield* driven.next("ElicitationRequested")
      assert.deepStrictEqual([request.server, request.message], ["tester", "Which colour?"])
      yield* driven.session.answerElicitation(request.requestId, { _tag: "Accept", content: { word: "green" } })
      yield* driven.ending
      assert.include(items(driven, "ToolCall")[0]?.output, "5 characters")
      assert.notInclude(tags(driven), "ApprovalRequested")
    }))

  it.effect("P16 codex: a search of the web comes with its words", () =>
    Effect.gen(function*() {
      const { model, start } = yield* CodexSessions
      const call = {
        type: "web_search_call",
        id: "ws_1",
        status: "completed",
        action: { type: "search", query: "effect typescript" }
      }
      yield* model.on(
        "search",
        ModelReply.answer([
          ModelReply.Part.Garbage({
            text: sse({ type: "response.output_item.done", output_index: 0, item: call })
          }),
          ModelReply.Part.Text({ chunks: ["found"] })
        ])
      )
      const driven = yield* start()
      yield* driven.run("search")
      assert.deepStrictEqual(items(driven, "ToolCall").map(({ detail, kind }) => [kind, detail]), [
        ["web-search", { _tag: "WebSearch", query: "effect typescript" }]
      ])
    }))

  it.effect("P16 codex: rate limits are told to the session whose turn met them, once, in shares and milliseconds", () =>
    Effect.gen(function*() {
      const { model, start } = yield* CodexSessions
      const message = {
        type: "message",
        id: "msg_limits",
        role: "assistant",
        content: [{ type: "output_text", text: "ok" }]
      }
      const usage = { input_tokens: 1, output_tokens: 1, total_tokens: 2 }
      const frames: ReadonlyArray<{ readonly type: string; readonly [key: string]: unknown }> = [
        { type: "response.created", response: { id: "resp_limits" } },
        { type: "response.output_item.done", output_index: 0, item: message },
        { type: "response.completed", response: { id: "resp_limits", usage } }
      ]
      yield* model.on(
        "limits",
        ModelReply.garbage(frames.map(sse).join(""), {
          headers: {
            "content-type": "text/event-stream",
            "x-codex-primary-used-percent": "42",
            "x-codex-primary-window-minutes": "300",
            "x-codex-primary-reset-at": "1800000000"
          }
        })
      )
      const driven = yield* start()
      const beside = yield* start()
      yield* driven.run("limits")
      yield* driven.run("limits")
      const told = driven.seen.flatMap((event) => event._tag === "RateLimitsUpdated" ? [event.limits] : [])
      assert.deepStrictEqual(told, [[
        { name: "primary", used: 0.42, windowMillis: 18_000_000, resetsAt: 1_800_000_000_000 }
      ]])
      assert.notInclude(tags(beside), "RateLimitsUpdated")
    }))

  it.effect("P16 codex: a command that goes on after its turn leaves it, and is completed when it ends", () =>
    Effect.gen(function*() {
      const { model, start } = yield* CodexSessions
      yield* model.on(
        "leave it",
        after(ModelReply.call("exec_command", { cmd: "read line; echo $line", tty: true, yield_time_ms: 250 }))
      )
      yield* model.on(
        "end it",
        (request) =>
          request.afterToolResult ? ModelReply.text("Done.") : ModelReply.call("write_stdin", {
            session_id: Number(/session ID (\d+)/.exec(JSON.stringify(request.raw))?.[1]),
            chars: "walnut\n",
            yield_time_ms: 250
          })
      )
      const driven = yield* start({ runtimeMode: "full-access" })
      yield* driven.run("leave it")
      assert.deepStrictEqual(tags(driven).filter((tag) => tag === "ItemDetached" || tag === "TurnCompleted"), [
        "ItemDetached",
        "TurnCompleted"
      ])
      yield* driven.run("end it")
      const completed = driven.seen.filter((event) => event._tag === "ItemCompleted" && event.item._tag === "Command")
      assert.strictEqual(completed.length, 1)
      assert.include(JSON.stringify(completed), "walnut")
    }))

  it.effect("P10 codex: a command that was left running ends with its session, while others share the app-server", () =>
    Effect.gen(function*() {
      const { model, processes, start } = yield* CodexSessions
      const other = yield* start()
      yield* model.on(
        "leave it running",
        after(ModelReply.call("exec_command", { cmd: "sleep 86401", yield_time_ms: 250 }))
      )
      const sleeps = Effect.map(processes.alive, (all) => all.filter(({ command }) => command.includes("sleep 86401")))
      yield* Effect.scoped(Effect.gen(function*() {
        const driven = yield* start({ runtimeMode: "full-access" })
        yield* driven.run("leave it running")
        assert.isAbove((yield* sleeps).length, 0)
      }))
      yield* Effect.repeat(sleeps, { until: (running) => running.length === 0 })
      assert.strictEqual((yield* other.run("still there"))._tag, "TurnCompleted")
    }))

  it.effect("P11 codex: output that Codex leaves out is a gap, and the completed command has all of it", () =>
    Effect.gen(function*() {
      const { model, start } = yield* CodexSessions
      yield* model.on("print", after(ModelReply.call("exec_command", { cmd: "echo one; sleep 1; echo two" })))
      const driven = yield* start({ runtimeMode: "full-access" })
      yield* driven.run("print")
      const told = driven.seen.flatMap((event) =>
        event._tag === "ItemDelta" && event.field === "output" ? [event.delta] : []
      )
      assert.strictEqual(items(driven, "Command")[0]?.output, "one\ntwo\n")
      assert.strictEqual(tags(driven).includes("Gap"), !"one\ntwo\n".startsWith(told.join("")))
    }))

  it.effect("P16 codex: a model that writes code is told by the tools that its code calls", () =>
    Effect.gen(function*() {
      const { directory, model, start } = yield* CodexSessions
      const fs = yield* FileSystem.FileSystem
      const patch = "*** Begin Patch\\n*** Add File: walnut.txt\\n+blue\\n*** End Patch\\n"
      yield* model.on(
        "write code",
        code(`text(await tools.exec_command({ cmd: "echo hi" })); text(await tools.apply_patch("${patch}"))`)
      )
      const driven = yield* start({ runtimeMode: "full-access" })
      yield* driven.run("write code")
      assert.strictEqual(items(driven, "Command")[0]?.output, "hi\n")
      assert.deepStrictEqual(items(driven, "FileChange")[0]?.edits.map(({ kind, path }) => [kind, path]), [
        ["add", `${directory}/walnut.txt`]
      ])
      assert.strictEqual(yield* fs.readFileString(`${directory}/walnut.txt`), "blue\n")
    }))
})
