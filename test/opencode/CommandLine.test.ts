/** The command line on the real OpenCode, as its user has it: pipes, signals, a store file, a server. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, beforeAll, describe, it } from "@effect/vitest"
import { Effect, FileSystem, Schema } from "effect"
import { openCodeConfig } from "../../examples/support/OpenCodeConfig.ts"
import { tested } from "../../src/opencode/protocol/Versions.ts"
import { ModelReply, ScriptedModel } from "../../src/testing/index.ts"
import * as Agents from "../support/Agents.ts"
import * as Eca from "../support/Eca.ts"
import { history } from "../support/OpenCodeAgents.ts"

/** Sets the title of a terminal, clears it, and turns text around. */
const hostile = "\u001b]0;mine\u0007\u001b[2J\u009b31m\u202eback"

/** A user's folders, where OpenCode finds the model, and a directory to work in. */
const user = Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  const model = yield* ScriptedModel
  const folder = yield* Agents.folder
  const config = `${folder}/config/opencode`
  // It takes its folder for installed then, and needs no network.
  const dependencies = { "@opencode-ai/plugin": tested.from }
  yield* fs.makeDirectory(`${config}/node_modules`, { recursive: true })
  yield* fs.makeDirectory(`${folder}/work`)
  for (
    const [name, content] of [
      ["opencode.json", openCodeConfig(model)],
      ["package.json", { dependencies }],
      ["package-lock.json", { lockfileVersion: 3, packages: { "": { dependencies } } }]
    ] as const
  ) yield* fs.writeFileString(`${config}/${name}`, JSON.stringify(content))
  const env = {
    HOME: folder,
    XDG_CONFIG_HOME: `${folder}/config`,
    XDG_DATA_HOME: `${folder}/data`,
    XDG_STATE_HOME: `${folder}/state`,
    XDG_CACHE_HOME: `${folder}/cache`,
    OPENCODE_DISABLE_MODELS_FETCH: "1",
    OPENCODE_DISABLE_LSP_DOWNLOAD: "1",
    OPENCODE_DISABLE_DEFAULT_PLUGINS: "1",
    OPENCODE_DISABLE_EXTERNAL_SKILLS: "1"
  }
  const start = (...args: ReadonlyArray<string>) => Eca.start(args, { cwd: `${folder}/work`, env })
  return { model, start }
})

const Started = Schema.fromJsonString(Schema.Struct({ page: Schema.String }))

const on = Effect.provide([ScriptedModel.layer(), NodeServices.layer])

beforeAll(Eca.buildPage)

describe("eca on opencode", () => {
  it.live("P1 P4 P6 P14 serve and chat: an approval by the next line, SIGINT once and twice, text that does nothing", () =>
    Effect.gen(function*() {
      const { model, start } = yield* user
      yield* model.on("run it", (request) =>
        request.afterToolResult
          ? ModelReply.text(`It is done. ${hostile}`)
          : ModelReply.call("bash", { command: "printf 'a\\033]0;mine\\007b'", description: "Print" }))
      yield* model.on("wait", ModelReply.text("I wait", { end: "hang" }))
      const served = yield* start("serve", "--port", "0", "--json")
      const [line] = yield* served.shows(/^\{.*\}\n/)
      const { page } = yield* Schema.decodeEffect(Started)(line)

      const chat = yield* start("chat", "talk", "--agent", "opencode", "--url", page)
      yield* chat.type("run it\n")
      yield* chat.shows(/May the agent do this \(command\)\? printf/)
      yield* chat.type("y\n")
      yield* chat.shows(/It is done\.[^]*tokens/)
      assert.match(chat.stdout(), /✓ \$ printf/)
      yield* chat.type("wait\n")
      yield* chat.shows(/I wait/)
      yield* Effect.sync(() => chat.child.kill("SIGINT"))
      yield* chat.shows(/Interrupted by user/)
      yield* Effect.sync(() => chat.child.kill("SIGINT"))
      assert.strictEqual(yield* chat.exit, 0)
      // oxlint-disable-next-line no-control-regex
      assert.notMatch(chat.stdout() + chat.stderr(), /[\u0007\u001b\u009b\u202e]/)
      assert.include(chat.stdout(), "␛]0;mine␇")
      yield* Effect.sync(() => served.child.kill("SIGTERM"))
      assert.strictEqual(yield* served.exit, 130)
    }).pipe(Effect.scoped, on))

  it.live("P1 P4 P5 kill -9 of a chat in mid-turn: the next one says so, and the agent still has the conversation", () =>
    Effect.gen(function*() {
      const { model, start } = yield* user
      yield* model.on("slowly", ModelReply.text("I begin", { end: "hang" }))
      const killed = yield* start("chat", "talk", "--agent", "opencode")
      yield* killed.type("hello\n")
      yield* killed.shows(/echo: hello[^]*tokens/)
      yield* killed.type("slowly\n")
      yield* killed.shows(/I begin/)
      yield* Effect.sync(() => killed.child.kill("SIGKILL"))
      yield* killed.exit

      const again = yield* start("chat")
      yield* again.type("and now?\n")
      yield* again.shows(/echo: and now\?/)
      yield* Effect.sync(() => again.child.stdin.end())
      assert.strictEqual(yield* again.exit, 0, again.stderr())
      assert.match(again.stderr(), /Going on with talk/)
      assert.match(again.stdout(), /> slowly\n[^]*\(unknown\)/)
      assert.match(again.stdout(), /Resumed; the agent has the whole conversation/)
      const [asked] = yield* model.asked("and now?")
      assert.includeMembers([...history(asked)], ["user: hello", "assistant: echo: hello", "user: slowly"])
      assert.strictEqual((yield* model.asked("slowly")).length, 1)
    }).pipe(Effect.scoped, on))
})
