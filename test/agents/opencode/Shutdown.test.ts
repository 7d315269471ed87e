/** A host that is told to end, as every deployment does it: SIGTERM in the middle of a turn. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, it } from "@effect/vitest"
import { Effect, FileSystem, Path, Schedule, Schema, Stream } from "effect"
import { ChildProcess } from "effect/process"
import { execPath, kill } from "node:process"
import { fileURLToPath } from "node:url"
import * as Processes from "../../../examples/support/Processes.ts"
import { SessionStore, ThreadId } from "../../../src/index.ts"
import { ModelReply, ModelScript, ScriptedModel } from "../../../src/testing/index.ts"
import { LineText, Task } from "../../crash/Protocol.ts"

it.live.runIf(process.platform === "linux")(
  "P4 P10 opencode: a host that is told to end in the middle of a turn ends the turn, its server and its tools",
  () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const path = yield* Path.Path
      const folder = yield* fs.makeTempDirectoryScoped({ prefix: "shutdown-" }).pipe(Effect.flatMap(fs.realPath))
      const directory = path.join(folder, "workspace")
      yield* fs.makeDirectory(directory)
      const started = path.join(directory, "started")
      const store = path.join(folder, "threads.db")
      const threadId = ThreadId.make("thread")
      const processes = yield* Processes.make
      const model = yield* ScriptedModel.make((request) =>
        request.lastUserText === "work"
          ? ModelReply.call("bash", { command: `echo > ${started}; exec sleep 600`, description: "Work" })
          : ModelScript.echo(request)
      )
      const task = yield* Schema.encodeEffect(Task)({
        store,
        homes: path.join(folder, "homes"),
        model: model.url,
        directory,
        threadId,
        agents: ["opencode"],
        agent: "opencode",
        inspect: { threadId, after: 0 },
        follow: "hello",
        work: "work"
      })
      const script = fileURLToPath(new URL("../../crash/host.ts", import.meta.url))
      const host = yield* ChildProcess.make(execPath, [script, task], {
        env: processes.env,
        extendEnv: true,
        stdin: "ignore",
        stderr: "inherit"
      })
      const working = yield* host.stdout.pipe(
        Stream.decodeText,
        Stream.splitLines,
        Stream.mapEffect((line) => Schema.decodeEffect(LineText)(line)),
        Stream.filter((line) => line._tag === "Sent"),
        Stream.runHead
      )
      assert.strictEqual(working._tag, "Some")
      yield* Effect.repeat(fs.exists(started), { until: (there) => there, schedule: Schedule.spaced("10 millis") })
      yield* Effect.sync(() => kill(host.pid, "SIGTERM"))
      yield* Effect.exit(host.exitCode)
      assert.deepStrictEqual(yield* processes.left, [])
      const events = yield* SessionStore.use((store) => store.readEvents({ threadId, after: 0, limit: 1000 })).pipe(
        Effect.provide(SessionStore.layerSqlite({ filename: store }))
      )
      const last = events.slice(-2)
      assert.deepInclude(last[0], { _tag: "TurnInterrupted", by: "shutdown" })
      assert.deepInclude(last[1], { _tag: "SessionEnded", reason: "shutdown" })
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer))
)
