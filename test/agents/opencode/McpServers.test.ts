/** What becomes of MCP servers on a real OpenCode, from their start to their end. */
import { assert, layer } from "@effect/vitest"
import { Effect, FileSystem } from "effect"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { execPath } from "node:process"
import { fileURLToPath } from "node:url"
import { afterAll } from "vitest"
import { ModelReply } from "../../../src/testing/index.ts"
import { type Driven, items, OpenCodeSessions } from "../../support/OpenCodeSessions.ts"

const folder = mkdtempSync(join(tmpdir(), "mcp-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const file = join(folder, "there")

const hello = JSON.stringify({
  jsonrpc: "2.0",
  id: 0,
  result: { protocolVersion: "2024-11-05", capabilities: {}, serverInfo: { name: "scripted", version: "1" } }
})

/** An MCP server without tools that says hello once the file is there, and ends when it has gone. */
const until = (file: string) => ({
  type: "local",
  command: [
    "/bin/sh",
    "-c",
    `while ! [ -e "$0" ]; do sleep 0.1; done; echo '${hello}'; while [ -e "$0" ]; do sleep 0.1; done`,
    file
  ]
})

const statuses = ({ seen }: Driven) =>
  seen.flatMap((event) =>
    event._tag === "McpStatus" ? event.servers.map(({ name, status }) => `${name} ${status}`) : []
  )

layer(OpenCodeSessions.layer({ config: { mcp: { slow: until(file) } } }), {
  timeout: "60 seconds",
  excludeTestServices: true
})("MCP servers", (it) => {
  it.effect("opencode: a slow MCP server is told by its name while the session waits, and one that ends later is told too", () =>
    Effect.gen(function*() {
      const { start } = yield* OpenCodeSessions
      const fs = yield* FileSystem.FileSystem
      const driven = yield* start()
      const slow = yield* driven.next("Warning")
      assert.strictEqual(slow.code, "mcp-slow")
      assert.include(slow.message, "slow")
      assert.deepStrictEqual(statuses(driven), ["slow starting"])
      yield* fs.writeFileString(file, "")
      yield* driven.next("McpStatus")
      assert.deepStrictEqual(statuses(driven), ["slow starting", "slow ready"])
      yield* driven.run("hello")
      yield* fs.remove(file)
      const failed = yield* driven.next("Warning")
      assert.strictEqual(failed.code, "mcp-failed")
      assert.include(failed.message, "slow")
      assert.deepStrictEqual(statuses(driven), ["slow starting", "slow ready", "slow failed"])
    }))
})

const tester = { type: "local", command: [execPath, fileURLToPath(new URL("../McpServer.ts", import.meta.url))] }

layer(OpenCodeSessions.layer({ config: { mcp: { tester } } }), { timeout: "60 seconds", excludeTestServices: true })(
  "tools of MCP servers",
  (it) => {
    it.effect("P7 opencode: a tool of an MCP server is allowed for the session with the input that was shown, and no other", () =>
      Effect.gen(function*() {
        const { on, start } = yield* OpenCodeSessions
        for (const word of ["walnut", "lantern"]) {
          yield* on(
            `echo ${word}`,
            ({ afterToolResult }) =>
              afterToolResult ? ModelReply.text("Done.") : ModelReply.call("tester_echo", { text: word })
          )
        }
        const driven = yield* start()
        yield* driven.send("echo walnut")
        const first = yield* driven.next("ApprovalRequested")
        assert.strictEqual(first.request.covers, "exactly this call: tester_echo, with the same input")
        yield* driven.session.respondToApproval(first.request.requestId, { _tag: "AllowForSession" })
        yield* driven.ending
        yield* driven.send("echo walnut")
        assert.deepInclude(yield* driven.next("ApprovalSettled"), { by: "rule" })
        yield* driven.ending
        yield* driven.send("echo lantern")
        const other = yield* driven.next("ApprovalRequested")
        yield* driven.session.respondToApproval(other.request.requestId, { _tag: "Deny" })
        yield* driven.ending
        assert.deepStrictEqual(items(driven, "ToolCall").map(({ input, status }) => [input, status]), [
          [{ text: "walnut" }, "completed"],
          [{ text: "walnut" }, "completed"],
          [{ text: "lantern" }, "declined"]
        ])
      }))

    it.effect("P16 opencode: an image that a tool gives back comes with it, and when it began and how long it took", () =>
      Effect.gen(function*() {
        const { on, start } = yield* OpenCodeSessions
        // OpenCode gives the model the image in a message of the user's.
        let shown = false
        yield* on("show it", () => {
          if (shown) return ModelReply.text("Done.")
          shown = true
          return ModelReply.call("tester_show", {})
        })
        const driven = yield* start({ runtimeMode: "full-access" })
        yield* driven.run("show it")
        const [tool] = items(driven, "ToolCall")
        assert.deepStrictEqual(tool?.content?.map((content) => content._tag === "Image" && content.mime), ["image/png"])
        assert.include(tool?.output, "a pixel")
        assert.isNumber(tool?.startedAt)
        assert.isNumber(tool?.durationMillis)
      }))
  }
)
