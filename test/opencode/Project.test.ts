/**
 * A directory is not trusted: what its sessions are given of it, on the real server, and what they are given once it is.
 */
import { assert, layer } from "@effect/vitest"
import { Effect, FileSystem, Path } from "effect"
import { ThreadId } from "../../src/domain/Ids.ts"
import { OpenCode } from "../../src/opencode/index.ts"
import { ModelReply, ModelScript } from "../../src/testing/index.ts"
import { workspace } from "../support/OpenCodeServer.ts"
import { cursorOf, items, OpenCodeSessions } from "../support/OpenCodeSessions.ts"

const project = Effect.fnUntraced(function*(files: Readonly<Record<string, string>>) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const directory = yield* workspace
  for (const [name, text] of Object.entries(files)) {
    yield* fs.makeDirectory(path.dirname(path.join(directory, name)), { recursive: true })
    yield* fs.writeFileString(path.join(directory, name), text)
  }
  return directory
}, Effect.orDie)

const runs = (command: string): ModelScript.ModelScript => (request) =>
  request.afterToolResult
    ? ModelReply.text("Done.")
    : ModelReply.call("bash", { command, description: "As asked" })

/** All that the model was told when it was last asked this. */
const told = Effect.fnUntraced(function*(prompt: string) {
  const { model } = yield* OpenCodeSessions
  const requests = yield* model.asked(prompt)
  return requests.at(-1)?.messages.map(({ text }) => text).join("\n") ?? ""
})

layer(OpenCodeSessions.layer(), { timeout: "60 seconds", excludeTestServices: true })("untrusted directories", (it) => {
  it.effect("P17 opencode: its AGENTS.md reaches the model with each prompt, what a link leads to does not", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const { start } = yield* OpenCodeSessions
      const directory = yield* project({ "AGENTS.md": "Speak of walnuts." })
      const secret = yield* project({ "key": "the launch code" })
      yield* fs.symlink(`${secret}/key`, `${directory}/CLAUDE.md`)
      const driven = yield* start({ directory })
      yield* driven.run("first words")
      yield* driven.run("second words")
      assert.include(yield* told("first words"), "Speak of walnuts.")
      assert.include(yield* told("second words"), "Speak of walnuts.")
      const ignoring = yield* start({ directory, projectConfig: "ignore" })
      yield* ignoring.run("third words")
      assert.notInclude(yield* told("third words"), "walnuts")
      yield* fs.remove(`${directory}/AGENTS.md`)
      const linked = yield* start({ directory })
      yield* linked.run("fourth words")
      assert.notInclude(yield* told("fourth words"), "launch code")
      assert.include(JSON.stringify(linked.seen.filter(({ _tag }) => _tag === "Warning")), "CLAUDE.md")
    }))

  it.effect("P7 opencode: what it forbids is forbidden in full-access, what it allows is asked for, and so is said", () =>
    Effect.gen(function*() {
      const { on, start } = yield* OpenCodeSessions
      const directory = yield* project({
        "opencode.json": JSON.stringify({
          permission: { bash: { "*": "allow", "touch *": "deny" } },
          mcp: { files: { type: "local", command: ["mcp-files"] } }
        })
      })
      yield* on("touch it", runs("touch made"))
      const free = yield* start({ directory, runtimeMode: "full-access" })
      const warning = yield* free.next("Warning")
      assert.strictEqual(warning.code, "project-ignored")
      assert.include(warning.message ?? "", "opencode.json (mcp)")
      yield* free.run("touch it")
      assert.deepStrictEqual(items(free, "Command").map(({ status }) => status), ["declined"])
      yield* on("list it", runs("ls"))
      const supervised = yield* start({ directory })
      yield* supervised.send("list it")
      yield* supervised.next("ApprovalRequested")
    }))

  it.effect("P1 opencode: a conversation goes on when its directory is trusted, and when it is no longer", () =>
    Effect.gen(function*() {
      const { start } = yield* OpenCodeSessions
      const directory = yield* project({ "AGENTS.md": "Speak of walnuts." })
      const first = yield* Effect.scoped(Effect.gen(function*() {
        const driven = yield* start({ directory })
        yield* driven.run("my word is heron")
        return yield* cursorOf(driven)
      }))
      const from = { _tag: "Resume", cursor: first } as const
      for (const [projectConfig, prompt] of [["trust", "fifth words"], ["instructions", "sixth words"]] as const) {
        yield* Effect.scoped(Effect.gen(function*() {
          const driven = yield* start({ directory, projectConfig, from })
          assert.strictEqual(driven.session.origin._tag, "Resumed")
          yield* driven.run(prompt)
          assert.include(yield* told(prompt), "my word is heron")
          assert.include(yield* told(prompt), "Speak of walnuts.")
        }))
      }
    }))

  it.effect("a persona of the start answers where the turn names none, and one that is not there fails the start", () =>
    Effect.gen(function*() {
      const { start } = yield* OpenCodeSessions
      const driven = yield* start({ agent: "plan" })
      yield* driven.run("seventh words")
      assert.include(yield* told("seventh words"), "Plan mode")
      const refused = yield* Effect.flip(start({ agent: "nobody" }))
      assert.strictEqual(refused._tag, "SetupRefused")
    }))

  it.effect("P14 opencode: nothing that a trusted project starts has the server's password in its environment", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const { start } = yield* OpenCodeSessions
      const trace = `${yield* workspace}/environment`
      const directory = yield* project({
        "opencode.json": JSON.stringify({
          mcp: { files: { type: "local", command: ["sh", "-c", `env > '${trace}.new'; mv '${trace}.new' '${trace}'`] } }
        })
      })
      const driven = yield* start({ directory, projectConfig: "trust" })
      yield* driven.run("eighth words")
      const environment = yield* fs.readFileString(trace)
      assert.include(environment, "PATH=")
      assert.notInclude(environment, "OPENCODE_SERVER_PASSWORD")
    }))

  it.effect("P17 opencode: a server that runs already is refused without trust", () =>
    Effect.gen(function*() {
      const external = yield* OpenCode.make({ baseUrl: "http://127.0.0.1:9" })
      const directory = yield* workspace
      const refused = yield* Effect.flip(external.startSession({
        threadId: ThreadId.make("t"),
        directory,
        runtimeMode: "full-access",
        projectConfig: "instructions",
        from: { _tag: "New" }
      }))
      assert.strictEqual(refused._tag, "PolicyUnenforceable")
    }))
})
