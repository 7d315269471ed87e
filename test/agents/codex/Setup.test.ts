/** What an app gives one session of the real Codex, and what no session's tools see. */
import { assert, layer } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { execPath } from "node:process"
import { fileURLToPath } from "node:url"
import { ModelReply, type ModelScript } from "../../../src/testing/index.ts"
import { cursorOf, items } from "../../support/Driven.ts"
import { CodexSessions } from "./CodexSessions.ts"

const run = (cmd: string): ModelScript.ModelScript => (request) =>
  request.afterToolResult ? ModelReply.text("Done.") : ModelReply.call("exec_command", { cmd })

const environment = { WALNUT: "blue", WALNUT_TOKEN: Redacted.make("lantern") }
const mcpServers = {
  tester: {
    _tag: "Stdio" as const,
    command: execPath,
    arguments: [fileURLToPath(new URL("../McpServer.ts", import.meta.url))]
  }
}

layer(CodexSessions.layer(), { timeout: "60 seconds", excludeTestServices: true })("what a session is given", (it) => {
  it.effect("P14 codex: variables of a session are its own, on an app-server of its own; tools see no secret", () =>
    Effect.gen(function*() {
      const { model, processes, start } = yield* CodexSessions
      yield* model.on("show", run("env"))
      const one = yield* start({ runtimeMode: "full-access", setup: { environment } })
      const other = yield* start({ runtimeMode: "full-access" })
      yield* Effect.forEach([one, other], ({ run }) => run("show"), { discard: true })
      const [mine, theirs] = [one, other].map((driven) => items(driven, "Command")[0]?.output ?? "")
      assert.include(mine, "WALNUT=blue")
      assert.notInclude(mine, "lantern")
      assert.notInclude(mine, "scripted-key")
      assert.notInclude(theirs, "WALNUT")
      const servers = (yield* processes.alive).filter(({ command }) => command.endsWith("app-server"))
      assert.strictEqual(servers.length, 2)
    }))

  it.effect("P10 codex: our marker reaches the commands, so that what is left behind is found", () =>
    Effect.gen(function*() {
      const { model, start } = yield* CodexSessions
      yield* model.on("marker", run("env"))
      const driven = yield* start({ runtimeMode: "full-access" })
      yield* driven.run("marker")
      assert.include(items(driven, "Command")[0]?.output, "EXAMPLE_RUN=")
      assert.match(items(driven, "Command")[0]?.output ?? "", /EFFECT_CODING_AGENTS\w*=/)
    }))

  it.effect("P7 codex: a read-only session writes nothing, whatever its commands and patches are", () =>
    Effect.gen(function*() {
      const { directory, model, start } = yield* CodexSessions
      yield* model.on("write", run("echo no > written.txt; ls"))
      yield* model.on(
        "patch",
        run("apply_patch <<'EOF'\n*** Begin Patch\n*** Add File: patched.txt\n+no\n*** End Patch\nEOF")
      )
      yield* model.on("list", run(`ls -a ${directory}`))
      const driven = yield* start({ runtimeMode: "read-only" })
      for (const prompt of ["write", "patch", "list"]) yield* driven.run(prompt)
      const listed = items(driven, "Command").at(-1)?.output
      assert.notInclude(listed, "written.txt")
      assert.notInclude(listed, "patched.txt")
      assert.notInclude(driven.seen.map(({ _tag }) => _tag), "ApprovalRequested")
    }))

  it.effect("P17 codex: an MCP server and instructions of a session are there from its start, and after a resume", () =>
    Effect.gen(function*() {
      const { model, start } = yield* CodexSessions
      yield* model.on("tools", (request) =>
        request.afterToolResult
          ? ModelReply.text(`${request.lastToolResult}`)
          : ModelReply.freeform("exec", `text(ALL_TOOLS.map(({ name }) => name).join(" "))`))
      const setup = { mcpServers, instructions: "Speak of walnuts alone." }
      const cursor = yield* Effect.scoped(Effect.gen(function*() {
        const driven = yield* start({ setup })
        yield* driven.run("tools")
        return yield* cursorOf(driven)
      }))
      const again = yield* start({ setup, from: { _tag: "Resume", cursor } })
      yield* again.run("tools")
      const plain = yield* start()
      yield* plain.run("tools")
      const asked = (yield* model.requests).filter(({ lastUserText }) => lastUserText === "tools")
      const heard = asked.filter(({ afterToolResult }) => !afterToolResult).map(({ systemText }) => systemText)
      assert.deepStrictEqual(heard.map((text) => text.includes("Speak of walnuts alone.")), [true, true, false])
      const tools = asked.filter(({ afterToolResult }) => afterToolResult).map(({ lastToolResult }) => lastToolResult)
      assert.deepStrictEqual(tools.map((names) => names?.includes("mcp__tester__echo")), [true, true, false])
    }))
})
