/** Agents on a machine that is not this one: what is recorded of them, and what is done there by a process id or a path. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, FileSystem, Layer, Option, Path, Schema, Scope, Stream } from "effect"
import { systemError } from "effect/PlatformError"
import { tmpdir } from "node:os"
import { dirname } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { fileURLToPath } from "node:url"
import type * as AgentHost from "../../src/adapter/AgentHost.ts"
import { AgentEnvironment, AgentProcess, Attachments, IsolatedHome, ProjectText } from "../../src/adapter/index.ts"
import { markerVariable } from "../../src/process/AgentProcesses.ts"
import * as ProcessIdentity from "../../src/process/ProcessIdentity.ts"
import * as ChildScript from "../support/ChildScript.ts"
import * as OtherMachine from "../support/OtherMachine.ts"
import { instanceId, temporaryFile, withStore } from "../support/StoreFixture.ts"

const { hereOf } = OtherMachine

const onMachine = (root: string, options?: Partial<AgentHost.Options>) =>
  Effect.provide(Layer.provideMerge(OtherMachine.layer(root, options), NodeServices.layer))

const runs = (pid: number) => Effect.map(ProcessIdentity.startTime(pid), Option.isSome)

const rows = (filename: string, table: string) =>
  Effect.sync(() => {
    const db = new DatabaseSync(filename)
    const found = db.prepare(`SELECT * FROM ${table}`).all()
    db.close()
    return found
  })

const sleeping = AgentProcess.spawn({ instanceId, executable: "/bin/sleep", args: ["600"], stopDeadline: "1 second" })

describe.runIf(process.platform === "linux")("an agent on another machine", () => {
  it.live(
    "P10 adapter: it is started, recorded and ended there, and with it what it has left behind",
    () =>
      Effect.gen(function*() {
        const filename = yield* temporaryFile
        yield* withStore(
          filename,
          Effect.gen(function*() {
            const scope = yield* Scope.make()
            const script = "sleep 600 & echo $! $0; wait"
            const agent = yield* AgentProcess.spawn({
              instanceId,
              executable: "/bin/sh",
              args: ["-c", script, "there"],
              stopDeadline: "1 second"
            }).pipe(Scope.provide(scope))
            const [line = ""] = yield* Stream.runCollect(
              Stream.take(Stream.splitLines(Stream.decodeText(agent.stdout)), 1)
            )
            const [child, word] = line.split(" ")
            assert.strictEqual(word, "there")
            assert.deepStrictEqual([yield* runs(agent.pid), yield* runs(hereOf(agent.pid))], [false, true])
            const [recorded] = yield* rows(filename, "eca_processes")
            const startTime = yield* Effect.fromOption(yield* ProcessIdentity.startTime(hereOf(agent.pid)))
            assert.deepInclude(recorded, {
              host: OtherMachine.name,
              boot: OtherMachine.boot,
              pid: agent.pid,
              start_time: startTime
            })
            const tool = yield* ChildScript.idle({ [markerVariable]: String(recorded?.["marker"]) })
            yield* Scope.close(scope, Exit.void)
            const left = yield* Effect.forEach([hereOf(agent.pid), Number(child), tool.pid], runs)
            assert.deepStrictEqual(left, [false, false, false])
            assert.deepStrictEqual(yield* rows(filename, "eca_processes"), [])
          }).pipe(onMachine(dirname(filename)))
        )
      }),
    30_000
  )

  const Left = Schema.fromJsonString(Schema.Struct({ agent: Schema.Int, folder: Schema.String }))
  const host = (filename: string) =>
    Effect.gen(function*() {
      const script = fileURLToPath(new URL("../support/StoreHost.ts", import.meta.url))
      const owner = yield* ChildScript.start(["--disable-warning=ExperimentalWarning", script, filename, "elsewhere"])
      const left = yield* Schema.decodeEffect(Left)(owner.line)
      yield* Effect.addFinalizer(() =>
        Effect.sync(() => process.kill(hereOf(left.agent), "SIGKILL")).pipe(Effect.ignoreCause)
      )
      yield* owner.kill
      return left
    })

  it.live(
    "P10 store: what a killed host has left there is ended before the next agent starts there, and only that",
    () =>
      Effect.gen(function*() {
        const filename = yield* temporaryFile
        const root = dirname(filename)
        const fs = yield* FileSystem.FileSystem
        const { agent, folder } = yield* host(filename)
        const there = Effect.all([runs(hereOf(agent)), fs.exists(root + folder)])
        yield* withStore(
          filename,
          Effect.gen(function*() {
            // How to get there is not known yet, and this machine's processes and folders are others.
            assert.deepStrictEqual(yield* there, [true, true])
            const first = yield* sleeping
            const own = yield* AgentEnvironment.privateFolder("own-")
            assert.deepStrictEqual(yield* there, [false, false])
            yield* sleeping
            yield* IsolatedHome.make()
            assert.deepStrictEqual([yield* runs(hereOf(first.pid)), yield* fs.exists(root + own)], [true, true])
          }).pipe(Effect.scoped, onMachine(root))
        )
        assert.deepStrictEqual([yield* rows(filename, "eca_processes"), yield* rows(filename, "eca_folders")], [[], []])
      }).pipe(Effect.provide(NodeServices.layer)),
    30_000
  )

  it.live(
    "P10 store: what cannot be ended there stays recorded, and keeps no agent from starting",
    () =>
      Effect.gen(function*() {
        const filename = yield* temporaryFile
        const root = dirname(filename)
        const { agent, folder } = yield* host(filename)
        const refused = systemError({ _tag: "TimedOut", module: "Box", method: "end" })
        const files = yield* OtherMachine.disk(root)
        const processes: AgentHost.Processes = {
          boot: Effect.succeed(OtherMachine.boot),
          startTime: (pid) => ProcessIdentity.startTime(hereOf(pid)),
          endGroup: (leader) => Effect.sync(() => void process.kill(hereOf(leader), "SIGKILL")),
          end: () => refused
        }
        const fileSystem = { ...files, remove: () => refused }
        yield* withStore(
          filename,
          Effect.andThen(sleeping, AgentEnvironment.privateFolder("own-")).pipe(
            Effect.scoped,
            onMachine(root, { processes, fileSystem })
          )
        )
        assert.isTrue(yield* runs(hereOf(agent)))
        const recorded = yield* rows(filename, "eca_processes")
        assert.deepInclude(recorded, { ...recorded[0], host: OtherMachine.name, pid: agent })
        assert.deepInclude(yield* rows(filename, "eca_folders"), { path: folder, host: OtherMachine.name })
      }).pipe(Effect.provide(NodeServices.layer)),
    30_000
  )

  it.live("P10 adapter: a spawner that puts a command before each has processes of this machine, and folders of the other", () =>
    Effect.gen(function*() {
      const filename = yield* temporaryFile
      yield* withStore(
        filename,
        Effect.gen(function*() {
          const agent = yield* sleeping
          yield* AgentEnvironment.privateFolder("own-")
          const { host } = yield* ProcessIdentity.here
          const [recorded] = yield* rows(filename, "eca_processes")
          assert.deepInclude(recorded, { host, pid: agent.pid })
          const [folder] = yield* rows(filename, "eca_folders")
          assert.deepInclude(folder, { host: OtherMachine.name })
        }).pipe(Effect.scoped, onMachine(dirname(filename), { processes: undefined, spawner: undefined }))
      )
    }))
})

describe("files on another machine", () => {
  it.effect("P17 adapter: text of a project is read there, also where this machine has a file of the same path", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const path = yield* Path.Path
      const root = yield* fs.realPath(yield* fs.makeTempDirectoryScoped())
      const directory = path.join(root, "project")
      const there = `${root}${directory}`
      for (const [folder, text] of [[directory, "of this machine"], [there, "of the box"]] as const) {
        yield* fs.makeDirectory(folder, { recursive: true })
        yield* fs.writeFileString(path.join(folder, "AGENTS.md"), text)
      }
      yield* fs.writeFileString(path.join(directory, "CLAUDE.md"), "of this machine")
      yield* fs.symlink("AGENTS.md", path.join(there, "linked.md"))
      yield* fs.writeFileString(path.join(there, "long.md"), "x".repeat(ProjectText.maxBytes + 1))
      const found = yield* onMachine(root)(
        ProjectText.read(directory, ["AGENTS.md", "CLAUDE.md", "linked.md", "long.md"])
      )
      assert.deepStrictEqual(found, {
        files: [{ path: path.join(directory, "AGENTS.md"), text: "of the box" }],
        refused: [path.join(directory, "linked.md"), path.join(directory, "long.md")]
      })
    }).pipe(Effect.provide(NodeServices.layer)))

  it.effect("P7 adapter: attachments are found, held to the directory and read on the agent's machine", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const path = yield* Path.Path
      const root = yield* fs.makeTempDirectoryScoped()
      yield* fs.makeDirectory(path.join(root, "box/project"), { recursive: true })
      yield* fs.writeFile(path.join(root, "box/project/dot.png"), Uint8Array.of(0, 1, 2))
      yield* fs.writeFile(path.join(root, "box/secret.png"), Uint8Array.of(3))
      yield* Effect.gen(function*() {
        const read = (file: string) => Attachments.read({ _tag: "File", path: file }, "/box/project")
        assert.strictEqual((yield* read("dot.png")).base64, "AAEC")
        const { url } = yield* Attachments.link({ _tag: "File", path: "dot.png" }, "/box/project")
        assert.strictEqual(url, "file:///box/project/dot.png")
        const refused = yield* Effect.forEach(
          ["/box/secret.png", "../secret.png", `${root}/box/project/dot.png`],
          (file) => Effect.map(Effect.flip(read(file)), ({ reason }) => reason)
        )
        assert.deepStrictEqual(refused, ["outside-directory", "outside-directory", "missing"])
      }).pipe(onMachine(root))
      assert.isFalse(yield* fs.exists("/box/project"))
      assert.isTrue(yield* fs.exists(root + tmpdir()))
    }).pipe(Effect.provide(NodeServices.layer)))
})
