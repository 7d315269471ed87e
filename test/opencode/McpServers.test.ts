/** What becomes of MCP servers on a real OpenCode, from their start to their end. */
import { assert, layer } from "@effect/vitest"
import { Effect, FileSystem } from "effect"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll } from "vitest"
import { type Driven, OpenCodeSessions } from "../support/OpenCodeSessions.ts"

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
