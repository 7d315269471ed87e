/** What a real Codex takes from a working directory, and when (P17). */
import { assert, layer } from "@effect/vitest"
import { Effect, FileSystem, Path } from "effect"
import { cursorOf } from "../../support/Driven.ts"
import { CodexSessions } from "./CodexSessions.ts"

/** A project in a directory of its own. */
const project = Effect.fnUntraced(function*(files: Readonly<Record<string, string>>) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const directory = yield* fs.realPath(yield* fs.makeTempDirectoryScoped({ prefix: "codex-project-" }))
  for (const [name, text] of Object.entries(files)) {
    yield* fs.makeDirectory(path.dirname(path.join(directory, name)), { recursive: true })
    yield* fs.writeFileString(path.join(directory, name), text)
  }
  return directory
}, Effect.orDie)

const told = Effect.fnUntraced(function*(prompt: string) {
  const { model } = yield* CodexSessions
  return (yield* model.asked(prompt)).at(-1)?.messages.map(({ text }) => text).join("\n") ?? ""
})

layer(CodexSessions.layer(), { timeout: "60 seconds", excludeTestServices: true })("untrusted directories", (it) => {
  it.effect("P17 codex: AGENTS.md of an untrusted directory comes from us, by no link, and with `ignore` not at all", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const { start } = yield* CodexSessions
      const directory = yield* project({ "AGENTS.md": "Speak of walnuts.", ".codex/config.toml": "model = \"none\"\n" })
      const informed = yield* start({ directory })
      const warning = yield* informed.next("Warning")
      assert.strictEqual(warning.code, "project-ignored")
      assert.include(warning.message ?? "", ".codex")
      yield* informed.run("first words")
      assert.include(yield* told("first words"), "Speak of walnuts.")
      const ignoring = yield* start({ directory, projectConfig: "ignore" })
      yield* ignoring.run("second words")
      assert.notInclude(yield* told("second words"), "walnuts")
      const secret = yield* project({ key: "the launch code" })
      yield* fs.remove(`${directory}/AGENTS.md`)
      yield* fs.symlink(`${secret}/key`, `${directory}/AGENTS.md`)
      const linked = yield* start({ directory })
      yield* linked.run("third words")
      assert.notInclude(yield* told("third words"), "launch code")
    }))

  it.effect("P17 codex: a thread that was trusted is resumed without trust, and nothing is written down about it", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const { home, start } = yield* CodexSessions
      const directory = yield* project({ "AGENTS.md": "Speak of walnuts." })
      const cursor = yield* Effect.scoped(Effect.gen(function*() {
        const driven = yield* start({ directory, runtimeMode: "full-access", projectConfig: "trust" })
        yield* driven.run("my word is heron")
        assert.include(yield* told("my word is heron"), "Speak of walnuts.")
        return yield* cursorOf(driven)
      }))
      const again = yield* start({ directory, projectConfig: "instructions", from: { _tag: "Resume", cursor } })
      yield* again.run("fourth words")
      assert.include(yield* told("fourth words"), "my word is heron")
      const written = yield* Effect.orElseSucceed(fs.readFileString(`${home}/config.toml`), () => "")
      assert.notInclude(written, directory)
    }))
})
