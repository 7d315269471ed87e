/** Agents whose directories are on another machine: where the service looks for them. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem, Layer, Path } from "effect"
import { execFileSync } from "node:child_process"
import { tmpdir } from "node:os"
import { dirname } from "node:path"
import type { TurnInput } from "../../src/domain/TurnInput.ts"
import {
  CodingAgents,
  InstanceId,
  ProviderService,
  SessionStore,
  ThreadId,
  TranscriptArchive
} from "../../src/index.ts"
import type { InstanceExists, ProviderRegistry } from "../../src/provider/index.ts"
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

/** A thread there that has had a turn. */
const spoken = Effect.fnUntraced(function*(input: Partial<TurnInput> = {}) {
  const agents = yield* ProviderService
  const threadId = ThreadId.make("far")
  yield* agents.startSession({ threadId, instanceId: there, directory: "/disk/project" })
  yield* agents.runTurn({ threadId, prompt: "hello", ...input })
  return threadId
})

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

  it.effect("P13 mock: snapshots in its directory are taken, verified, exported, restored and removed on its machine", () =>
    withMachine((root) =>
      Effect.gen(function*() {
        const agents = yield* ProviderService
        const archive = yield* TranscriptArchive
        const fs = yield* Effect.provide(FileSystem.FileSystem, NodeServices.layer)
        const attachments = [{ _tag: "Data", name: "dot.png", mime: "image/png", base64: "AAEC" }] as const
        const threadId = yield* spoken({ attachments })
        const first = yield* archive.snapshot({ threadId })
        yield* agents.stopSession({ threadId })
        const second = yield* archive.snapshot({ threadId })
        for (const { machine, path, snapshotId } of [first, second]) {
          assert.deepStrictEqual([machine, path.startsWith("/disk/project/.agents/sessions/")], [
            OtherMachine.name,
            true
          ])
          assert.isTrue(yield* fs.exists(`${root}${path}`))
          const read = yield* archive.read({ snapshotId })
          assert.deepInclude(read, { machine: OtherMachine.name, path })
          assert.strictEqual(read.turns[0]?.input?.prompt, "hello")
          assert.strictEqual((yield* archive.verify({ snapshotId })).snapshotId, snapshotId)
          const { text } = yield* archive.export({ snapshot: { snapshotId }, format: "markdown" })
          assert.include(text, "echo: hello")
        }
        assert.isFalse(yield* fs.exists("/disk"))
        const { snapshotId } = second
        const restored = yield* archive.restore({ threadId: ThreadId.make("again"), snapshot: { snapshotId } })
        assert.deepInclude(restored, { instanceId: there, directory: "/disk/project" })
        const segments = `${root}${dirname(second.path)}/segments`
        for (const segment of yield* fs.readDirectory(segments)) yield* fs.writeFileString(`${segments}/${segment}`, "")
        const damaged = yield* Effect.flip(archive.verify({ snapshotId }))
        assert.strictEqual(damaged._tag, "SnapshotCorrupt")
        assert.strictEqual(yield* archive.purge({ threadId }), 2)
        assert.isFalse(yield* fs.exists(`${root}${first.path}`))
        assert.deepStrictEqual(yield* archive.list({ threadId }), [])
      })
    ))

  it.effect("P13 mock: a link in its directory is not followed there, and a link or FIFO for a file is damage", () =>
    withMachine((root) =>
      Effect.gen(function*() {
        const archive = yield* TranscriptArchive
        const fs = yield* Effect.provide(FileSystem.FileSystem, NodeServices.layer)
        const threadId = yield* spoken()
        const { path, snapshotId } = yield* archive.snapshot({ threadId })
        const manifest = `${root}${path}`
        yield* fs.rename(manifest, `${root}/disk/moved`)
        yield* fs.symlink(`${root}/disk/moved`, manifest)
        const corrupt = { _tag: "SnapshotCorrupt", what: "manifest" }
        assert.deepInclude<unknown>(yield* Effect.flip(archive.verify({ snapshotId })), corrupt)
        yield* fs.remove(manifest)
        execFileSync("mkfifo", [manifest])
        assert.deepInclude<unknown>(yield* Effect.flip(archive.verify({ snapshotId })), corrupt)
        yield* fs.remove(`${root}/disk/project/.agents`, { recursive: true })
        yield* fs.symlink("../other", `${root}/disk/project/.agents`)
        const refused = yield* Effect.flip(archive.snapshot({ threadId }))
        assert.strictEqual(refused._tag === "SnapshotNotWritten" && refused.failure.code, "ELOOP")
        assert.deepStrictEqual(yield* fs.readDirectory(`${root}/disk/other`), [])
      })
    ))

  it.effect("P13 mock: snapshots under an absolute path are on the service's machine, and no agent elsewhere is told of one", () =>
    withMachine((root) =>
      Effect.gen(function*() {
        const agents = yield* ProviderService
        const fs = yield* Effect.provide(FileSystem.FileSystem, NodeServices.layer)
        for (const [name, savePath] of [["kept", `${root}/snapshots`], ["left", "snapshots"]] as const) {
          const threadId = ThreadId.make(name)
          const compaction = { savePath, tellAgent: true }
          yield* agents.startSession({ threadId, instanceId: there, directory: "/disk/project", compaction })
          yield* agents.runTurn({ threadId, prompt: "hello" })
          const { snapshot } = yield* agents.compactThread({ threadId })
          const path = snapshot?.path ?? "nowhere"
          const [folder, machine] = name === "kept"
            ? [savePath, undefined]
            : ["/disk/project/snapshots", OtherMachine.name]
          assert.deepStrictEqual([dirname(dirname(path)), snapshot?.machine], [folder, machine])
          assert.isTrue(yield* fs.exists(name === "kept" ? path : `${root}${path}`))
          yield* agents.runTurn({ threadId, prompt: "next" })
          const told = (yield* agents.readTranscript({ threadId })).at(-1)?.input?.context?.join() ?? ""
          assert.strictEqual(told.includes(path), name === "left")
        }
      })
    ))

  it.effect("P13 mock: without an instance there its snapshots are listed and cannot be read; another instance there reads them", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const root = yield* Agents.folder
      const filename = `${root}/store.db`
      yield* fs.makeDirectory(`${root}/disk/project`, { recursive: true })
      const threadId = ThreadId.make("far")
      const withAgent = <A, E>(
        agent: Layer.Layer<never, InstanceExists, ProviderRegistry>,
        use: Effect.Effect<A, E, ProviderService | TranscriptArchive>
      ) =>
        Effect.provide(
          use,
          CodingAgents.layer({ agents: [agent], store: SessionStore.layerSqlite({ filename }) })
        )
      const far = (instanceId: string) =>
        Layer.effectDiscard(MockProvider.make({ instanceId })).pipe(
          Layer.provide(OtherMachine.layer(root)),
          Layer.provide(NodeServices.layer)
        )
      const { path, snapshotId } = yield* withAgent(
        far("there"),
        Effect.flatMap(spoken(), (threadId) => TranscriptArchive.use((archive) => archive.snapshot({ threadId })))
      )
      yield* withAgent(
        Layer.effectDiscard(MockProvider.make({ instanceId: "here" })),
        Effect.gen(function*() {
          const archive = yield* TranscriptArchive
          assert.strictEqual((yield* archive.list({ threadId }))[0]?.snapshot.machine, OtherMachine.name)
          const gone = { _tag: "SnapshotUnreadable", path, code: "OTHER_MACHINE" }
          assert.deepInclude<unknown>(yield* Effect.flip(archive.read({ snapshotId })), gone)
          assert.deepInclude<unknown>(yield* Effect.flip(archive.purge({ snapshotId })), gone)
          // Nothing says where the thread's directory is, and no folder of its name is made here.
          const untaken = yield* Effect.flip(archive.snapshot({ threadId }))
          assert.strictEqual(untaken._tag === "SnapshotNotWritten" && untaken.failure.code, "OTHER_MACHINE")
          assert.isFalse(yield* fs.exists("/disk"))
        })
      )
      yield* withAgent(
        far("another"),
        Effect.gen(function*() {
          const archive = yield* TranscriptArchive
          assert.strictEqual((yield* archive.read({ snapshotId })).turns[0]?.input?.prompt, "hello")
          assert.strictEqual(yield* archive.purge({ threadId }), 1)
          assert.isFalse(yield* fs.exists(`${root}${path}`))
        })
      )
    }).pipe(Effect.provide(NodeServices.layer)))
})
