/** Where a session works. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem, Layer, Path } from "effect"
import { AgentProcesses } from "../../src/process/AgentProcesses.ts"
import type { StartInput } from "../../src/provider/ProviderAdapter.ts"
import { cursorOf, drive } from "../support/Driven.ts"
import * as FakeWorld from "./FakeWorld.ts"

const services = Layer.merge(NodeServices.layer, AgentProcesses.layerNoop)

/** A directory, a link that leads to it, and starts in one agent's world. */
const begin = Effect.gen(function*() {
  const { adapter, dispose } = FakeWorld.make()
  yield* Effect.addFinalizer(() => Effect.sync(dispose))
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const root = yield* fs.realPath(yield* fs.makeTempDirectoryScoped({ prefix: "acp-directory-" }))
  const [directory, link] = [path.join(root, "project"), path.join(root, "link")] as const
  yield* fs.makeDirectory(directory)
  yield* fs.symlink(directory, link)
  const { startSession } = yield* adapter
  const start = (input: Partial<StartInput>) => startSession(FakeWorld.starts(input))
  return { fs, directory, link, start }
})

describe("the directory of an ACP session", () => {
  it.live("P7 fake-acp: in a directory that a link leads to, auto-accept-edits allows what it allows there", () =>
    Effect.gen(function*() {
      const { directory, fs, link, start } = yield* begin
      const driven = yield* Effect.flatMap(start({ directory: link, runtimeMode: "auto-accept-edits" }), drive)
      assert.strictEqual(driven.session.directory, directory)
      assert.strictEqual((yield* driven.run("edit new.txt"))._tag, "TurnCompleted")
      assert.notInclude(driven.seen.map(({ _tag }) => _tag), "ApprovalRequested")
      assert.sameMembers(yield* fs.readDirectory(directory), ["new.txt"])
    }).pipe(Effect.scoped, Effect.provide(services)))

  it.live("P1 fake-acp: a session is resumed in its directory by whatever path that is named", () =>
    Effect.gen(function*() {
      const { directory, link, start } = yield* begin
      const cursor = yield* Effect.scoped(Effect.gen(function*() {
        const driven = yield* Effect.flatMap(start({ directory: link }), drive)
        yield* driven.run("say hello")
        return yield* cursorOf(driven)
      }))
      for (const at of [directory, link]) {
        const { origin } = yield* Effect.scoped(start({ directory: at, from: { _tag: "Resume", cursor } }))
        assert.deepStrictEqual(origin, { _tag: "Resumed" })
      }
    }).pipe(Effect.scoped, Effect.provide(services)))

  it.live("P1 fake-acp: a directory that is not there is told as such, and not as a missing executable", () =>
    Effect.gen(function*() {
      const { directory, start } = yield* begin
      const gone = `${directory}/gone`
      assert.deepInclude(yield* Effect.flip(start({ directory: gone })), { _tag: "DirectoryUnreachable", to: gone })
    }).pipe(Effect.scoped, Effect.provide(services)))
})
