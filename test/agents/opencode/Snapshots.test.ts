/** A snapshot of a real OpenCode session, and what OpenCode itself makes of its export. */
import { assert, layer } from "@effect/vitest"
import { Effect, FileSystem, Layer, Path, Schema, Stream } from "effect"
import { ChildProcess, ChildProcessSpawner } from "effect/process"
import { openCodeConfig } from "../../../examples/support/OpenCodeConfig.ts"
import { Epoch, InstanceId, ProviderName, ThreadId } from "../../../src/domain/Ids.ts"
import * as archive from "../../../src/host/archive.ts"
import * as Binary from "../../../src/opencode/server/Binary.ts"
import * as Environment from "../../../src/opencode/server/Environment.ts"
import { SessionStore } from "../../../src/store/SessionStore.ts"
import { ModelReply } from "../../../src/testing/index.ts"
import * as Snapshots from "../../../src/transcript/internal/snapshots.ts"
import { instanceId, workspace } from "../../support/OpenCodeServer.ts"
import { type Driven, OpenCodeSessions } from "../../support/OpenCodeSessions.ts"
import { filesIn, turn } from "../../support/SnapshotFixture.ts"
import { installed } from "../../support/Versions.ts"

const png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="

const secret = `ghp_${"a1B2c3D4e5".repeat(4).slice(0, 36)}`

/** Two turns: with an image and a tool that prints a secret, and with reasoning. */
const converse = Effect.gen(function*() {
  const { on, start } = yield* OpenCodeSessions
  yield* on("run it", (request) =>
    request.afterToolResult
      ? ModelReply.text("It ran.")
      : ModelReply.call("bash", { command: `echo the token is ${secret}`, description: "Prints" }))
  yield* on("think", () => ModelReply.reasoning("Hm.", "Thought."))
  const driven = yield* start({ runtimeMode: "full-access", model: { id: "scripted/scripted-2" } })
  yield* driven.run("run it", {
    attachments: [{ _tag: "Data", name: "dot.png", mime: "image/png", base64: png }],
    model: { id: "scripted/scripted-1" }
  })
  yield* driven.run("think")
  return driven
})

const snapshotOf = Effect.fnUntraced(function*(driven: Driven, folder: string, snapshotId: string) {
  const snapshots = yield* Snapshots.make
  yield* snapshots.write({
    folder,
    snapshotId,
    threadId: ThreadId.make("thread-1"),
    epoch: Epoch.make(1),
    identity: {
      provider: ProviderName.make("opencode"),
      instanceId: InstanceId.make("opencode"),
      sessionId: driven.session.sessionId,
      directory: driven.session.directory
    },
    createdAt: 1000,
    timing: "before",
    history: yield* driven.session.history,
    archive: [turn("earlier", 1, [])],
    refs: new Map()
  })
  return archive.make({
    snapshots,
    snapshot: () => Effect.die("not asked here"),
    restore: () => Effect.die("not asked here")
  })
})

const ExportFile = Schema.fromJsonString(Schema.Struct({
  info: Schema.Struct({ id: Schema.String }),
  messages: Schema.Array(Schema.Struct({
    info: Schema.Record(Schema.String, Schema.Unknown),
    parts: Schema.Array(Schema.Record(Schema.String, Schema.Unknown))
  }))
}))

/** OpenCode's own command line, in a home of its own that knows no session. */
const commandLine = Effect.gen(function*() {
  const { model } = yield* OpenCodeSessions
  const spawner = yield* ChildProcessSpawner.ChildProcessSpawner
  const binary = yield* Binary.find({ instanceId })
  const { variables } = yield* Environment.make({ isolated: true, config: openCodeConfig(model) })
  const cwd = yield* workspace
  const run = Effect.fnUntraced(function*(args: ReadonlyArray<string>) {
    const handle = yield* spawner.spawn(
      ChildProcess.make(binary, args, { cwd, env: variables, extendEnv: true, stdin: "ignore" })
    )
    const [out, err] = yield* Effect.all([
      Stream.mkString(Stream.decodeText(handle.stdout)),
      Stream.mkString(Stream.decodeText(handle.stderr))
    ], { concurrency: 2 })
    assert.strictEqual(yield* handle.exitCode, ChildProcessSpawner.ExitCode(0), `${out}\n${err}`)
    return out
  }, Effect.scoped)
  return run
})

layer(Layer.merge(OpenCodeSessions.layer(), SessionStore.layerMemory), {
  timeout: "60 seconds",
  excludeTestServices: true
})("snapshots", (it) => {
  it.effect("P13 P14 opencode: an export is imported by OpenCode itself, which then has the same messages", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const path = yield* Path.Path
      const home = yield* workspace
      const folder = path.join(home, "sessions")
      const driven = yield* converse
      const archive = yield* snapshotOf(driven, folder, "one")
      const exported = yield* archive.export({ snapshot: { snapshotId: "one" }, format: "opencode" })
      assert.deepStrictEqual([exported.messages, exported.omitted], [5, 1])
      assert.notInclude(exported.text, secret)
      assert.include(exported.text, `data:image/png;base64,${png}`)
      assert.isTrue(filesIn(folder).some((name) => name.includes("/blobs/")))

      const file = path.join(home, "export.json")
      yield* fs.writeFileString(file, exported.text)
      const opencode = yield* commandLine
      yield* opencode(["import", file])
      const back = yield* opencode(["export", driven.session.sessionId]).pipe(
        Effect.flatMap((text) => Schema.decodeEffect(ExportFile)(text.slice(text.indexOf("{"))))
      )
      const ours = yield* Schema.decodeEffect(ExportFile)(exported.text)
      assert.strictEqual(back.info.id, ours.info.id)
      assert.deepStrictEqual(back.messages, ours.messages)
    }))

  it.effect("P13 opencode: tools, reasoning and usage are in the snapshot, and unchanged ones are not written again", () =>
    Effect.gen(function*() {
      const path = yield* Path.Path
      const folder = path.join(yield* workspace, "sessions")
      const driven = yield* converse
      const archive = yield* snapshotOf(driven, folder, "one")
      const { manifest, messages, turns } = yield* archive.read({ snapshotId: "one" })
      assert.deepStrictEqual(turns.map(({ input }) => input?.prompt), ["prompt earlier", "run it", "think"])
      const tags = messages.flatMap(({ items }) => items).map(({ _tag }) => _tag)
      for (const tag of ["UserMessage", "Command", "AssistantMessage", "Reasoning"] as const) assert.include(tags, tag)
      assert.isAbove(manifest.usage.input ?? 0, 0)
      assert.strictEqual(manifest.completeness, "complete")
      assert.strictEqual(manifest.agentVersion, installed)
      const before = filesIn(folder)
      yield* snapshotOf(driven, folder, "two")
      const added = filesIn(folder).filter((name) => !before.includes(name))
      assert.deepStrictEqual(added.map((name) => path.basename(name)), ["two.json"])
    }))
})
