/** P14: what the real Codex was started with, and a tool reads from its process, is in no event and no history. */
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { ModelReply } from "../../../src/testing/index.ts"
import { items } from "../../support/Driven.ts"
import { CodexSessions } from "./CodexSessions.ts"

const key = "walnut-0123456789"

/** Of every process that the tool may look at, the agent's own among them. */
const environments =
  `cat /proc/[0-9]*/environ 2> /dev/null | tr '\\0' '\\n' | grep -a ^SCRIPTED_API_KEY=walnut | sort -u`

const configured = "hazel-0123456789"

layer(
  CodexSessions.layer({
    env: { SCRIPTED_API_KEY: key },
    config: { "mcp_servers.none": { command: "none", env: { OTHER_TOKEN: configured }, enabled: false } }
  }),
  { timeout: "60 seconds", excludeTestServices: true }
)("secrets", (it) => {
  it.effect("P14 codex: the keys of its environment are covered in items and in what streams", () =>
    Effect.gen(function*() {
      const { model, start } = yield* CodexSessions
      yield* model.on("look", (request) =>
        request.afterToolResult
          ? ModelReply.text(`It is ${key}.`)
          : ModelReply.call("exec_command", { cmd: environments }))
      const driven = yield* start({ runtimeMode: "full-access" })
      assert.strictEqual((yield* driven.run("look"))._tag, "TurnCompleted")
      const [command] = items(driven, "Command")
      const covered = "*".repeat(key.length)
      assert.include(command?.output, `SCRIPTED_API_KEY=${covered}`)
      assert.deepStrictEqual(items(driven, "AssistantMessage").map(({ text }) => text), [`It is ${covered}.`])
      assert.notInclude(JSON.stringify(driven.seen), key)
      assert.notInclude(JSON.stringify(yield* driven.session.history), key)
    }))

  it.effect("P14 codex: neither is a key of the configuration that it is given", () =>
    Effect.gen(function*() {
      const { model, start } = yield* CodexSessions
      yield* model.on("say it", () => ModelReply.text(`It is ${configured}.`))
      const driven = yield* start()
      yield* driven.run("say it")
      const covered = `It is ${"*".repeat(configured.length)}.`
      assert.deepStrictEqual(items(driven, "AssistantMessage").map(({ text }) => text), [covered])
      const { messages } = yield* driven.session.history
      assert.notInclude(JSON.stringify(messages), configured)
    }))
})
