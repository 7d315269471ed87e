/** Agents whose directories are on another machine: where the service looks for them. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem, Layer, Path } from "effect"
import { tmpdir } from "node:os"
import {
  CodingAgents,
  InstanceId,
  ProviderService,
  SessionStore,
  ThreadId,
  TranscriptArchive
} from "../../src/index.ts"
import { MockProvider } from "../../src/testing/index.ts"
import * as Agents from "../support/Agents.ts"
import * as OtherMachine from "../support/OtherMachine.ts"

const there = InstanceId.make("there")
const here = InstanceId.make("here")

const withMachine = <A, E>(
  use: (root: string) => Effect.Effect<A, E, ProviderService | TranscriptArchive | MockProvider>
) =>
  Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    const root = yield* Agents.folder
    for (const name of ["disk/project", "disk/other"]) {
      yield* fs.makeDirectory(path.join(root, name), { recursive: true })
    }
    yield* fs.writeFileString(path.join(root, "disk/file"), "")
    yield* fs.symlink("project", path.join(root, "disk/link"))
    yield* Effect.provide(
      use(root),
      CodingAgents.layer({
        agents: [
          MockProvider.layer({ instanceId: "there" }).pipe(Layer.provide(OtherMachine.layer(root))),
          Layer.effectDiscard(MockProvider.make({ instanceId: "here" }))
        ],
        store: SessionStore.layerMemory
      })
    )
  }).pipe(Effect.provide(NodeServices.layer))

describe("an agent on another machine", () => {
  it.effect("P15 mock: its threads work in that machine's directories, which are not there on this one", () =>
    withMachine(() =>
      Effect.gen(function*() {
        const agents = yield* ProviderService
        const threadId = ThreadId.make("far")
        const directory = "/disk/link"
        const absent = yield* Effect.flip(agents.startSession({ threadId, instanceId: here, directory }))
        assert.deepInclude<unknown>(absent, { _tag: "DirectoryInvalid", reason: "missing" })
        const made = yield* agents.createThread({ threadId, instanceId: there, directory })
        assert.strictEqual(made.directory, "/disk/project")
        const started = yield* agents.startSession({ threadId })
        assert.strictEqual(started.directory, "/disk/project")
        assert.strictEqual((yield* agents.runTurn({ threadId, prompt: "hello" })).text, "echo: hello")
        const moved = yield* agents.startSession({ threadId, directory: "/disk/other" })
        assert.strictEqual(moved.directory, "/disk/other")
        for (const [directory, reason] of [["/disk/gone", "missing"], ["/disk/file", "not-a-directory"]] as const) {
          const refused = yield* Effect.flip(agents.startSession({ threadId, directory }))
          assert.deepInclude<unknown>(refused, { _tag: "DirectoryInvalid", reason })
        }
        // Another instance looks on its own machine, also for a thread that was elsewhere.
        const swapped = yield* Effect.flip(agents.startSession({ threadId, instanceId: here }))
        assert.strictEqual(swapped._tag, "DirectoryInvalid")
        const found = yield* agents.listThreads({ where: { directory: "/disk/other" } })
        assert.deepStrictEqual(found.threads.map((thread) => thread.threadId), [threadId])
      })
    ))

  it.effect("P15 mock: offers, lists and questions are asked there, too", () =>
    withMachine((root) =>
      Effect.gen(function*() {
        const agents = yield* ProviderService
        const agent = yield* MockProvider
        const directory = "/disk/project"
        yield* agents.listOffers({ instanceId: there, directory })
        yield* agents.listSessions({ instanceId: there, directory })
        yield* agents.ask({ instanceId: there, prompt: "hi", directory })
        yield* agents.ask({ instanceId: there, prompt: "hi" })
        const [asked, nowhere] = (yield* agent.starts).map((start) => start.directory)
        assert.strictEqual(asked, directory)
        assert.isTrue(nowhere?.startsWith(`${tmpdir()}/`), nowhere)
        const fs = yield* Effect.provide(FileSystem.FileSystem, NodeServices.layer)
        assert.deepStrictEqual(yield* fs.readDirectory(`${root}${tmpdir()}`), [])
        for (
          const call of [
            agents.listOffers({ instanceId: here, directory }),
            agents.listSessions({ instanceId: here, directory }),
            agents.ask({ instanceId: here, prompt: "hi", directory })
          ]
        ) {
          const refused = yield* Effect.flip<unknown, { readonly _tag: string }, never>(call)
          assert.strictEqual(refused._tag, "DirectoryInvalid")
        }
      })
    ))

  it.effect("P13 mock: its snapshots are kept on the service's machine, so their folder is given as an absolute path", () =>
    withMachine((root) =>
      Effect.gen(function*() {
        const agents = yield* ProviderService
        const archive = yield* TranscriptArchive
        const fs = yield* Effect.provide(FileSystem.FileSystem, NodeServices.layer)
        const threadId = ThreadId.make("far")
        const start = (savePath: string) =>
          agents.startSession({ threadId, instanceId: there, directory: "/disk/project", compaction: { savePath } })
        const refused = Effect.flip(archive.snapshot({ threadId }))
        yield* start("kept")
        yield* agents.runTurn({ threadId, prompt: "hello" })
        for (const live of [true, false]) {
          if (!live) yield* agents.stopSession({ threadId })
          const error = yield* refused
          assert.strictEqual(error._tag === "SnapshotNotWritten" && error.failure.code, "OTHER_MACHINE")
        }
        assert.deepStrictEqual(yield* Effect.all([fs.exists("/disk"), fs.exists(`${root}/disk/project/kept`)]), [
          false,
          false
        ])
        yield* start(`${root}/snapshots`)
        const { path } = yield* archive.snapshot({ threadId })
        assert.isTrue(path.startsWith(`${root}/snapshots/`), path)
        assert.isTrue(yield* fs.exists(path))
      })
    ))
})
