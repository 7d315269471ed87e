/** Promises on the real OpenCode that need hosts of their own: restarts, and what a host's outputs hold. */
import { assert, layer } from "@effect/vitest"
import { Effect, Exit, FileSystem, Layer, Logger, Path, References, Stream, Tracer } from "effect"
import { inspect } from "node:util"
import { openCodeConfig } from "../../examples/support/OpenCodeConfig.ts"
import { ProviderService } from "../../src/index.ts"
import { ModelReply, ScriptedModel } from "../../src/testing/index.ts"
import { endings, is, stored } from "../support/Agents.ts"
import { bash, folder, hands, history, host, start } from "../support/OpenCodeAgents.ts"
import { modelOnly } from "../support/OpenCodeFaults.ts"
import { commands } from "../support/OpenCodePromises.ts"
import { isAlive } from "../support/OpenCodeServer.ts"

/** Spans and log entries as an exporter would see them: not the values that operations succeed with. */
const recorder = () => {
  const logs: Array<unknown> = []
  const spans: Array<Tracer.NativeSpan> = []
  const tracer = Tracer.make({
    span: (options) => {
      const span = new Tracer.NativeSpan(options)
      spans.push(span)
      return span
    }
  })
  const logger = Logger.make(({ cause, fiber, message }) => {
    logs.push(message, cause, fiber.getRef(References.CurrentLogAnnotations))
  })
  const exported = () => [
    ...logs,
    ...spans.map(({ attributes, events, name, status }) => ({
      name,
      attributes,
      events,
      failure: status._tag === "Ended" && Exit.isFailure(status.exit) ? status.exit.cause : undefined
    }))
  ]
  return {
    exported,
    layer: Layer.mergeAll(
      Layer.succeed(Tracer.Tracer, tracer),
      Logger.layer([logger]),
      Layer.succeed(References.MinimumLogLevel, "All")
    )
  }
}

const print = (value: unknown) => inspect(value, { depth: 12, maxArrayLength: null, maxStringLength: null })

layer(modelOnly, { timeout: "60 seconds", excludeTestServices: true })("hosts of their own", (it) => {
  it.effect(
    "P1 P10 opencode: after a graceful restart of host and server a follow-up has the whole history",
    () =>
      Effect.gen(function*() {
        const path = yield* Path.Path
        const fs = yield* FileSystem.FileSystem
        const model = yield* ScriptedModel
        const home = yield* folder
        const directory = yield* folder
        const layer = () =>
          host({
            filename: path.join(home, "threads.db"),
            agent: { isolated: { folder: path.join(home, "opencode") } }
          })
        const started = path.join(directory, "started")
        yield* model.on("restart long", bash(`echo $$ > ${started}.tmp; mv ${started}.tmp ${started}; exec sleep 600`))
        const { pid, threadId, tool } = yield* Effect.gen(function*() {
          const agents = yield* ProviderService
          const { threadId } = yield* start({ directory, runtimeMode: "full-access" })
          yield* agents.runTurn({ threadId, prompt: "restart one" })
          yield* agents.sendTurn({ threadId, prompt: "restart long" })
          yield* fs.watch(directory).pipe(
            Stream.merge(Stream.succeed("now")),
            Stream.mapEffect(() => fs.exists(started)),
            Stream.takeUntil((there) => there),
            Stream.runDrain
          )
          const { pid } = yield* hands
          return { pid, threadId, tool: Number(yield* fs.readFileString(started)) }
        }).pipe(Effect.provide(layer()))
        assert.isFalse(isAlive(pid))
        assert.isFalse(isAlive(tool))
        yield* Effect.gen(function*() {
          const agents = yield* ProviderService
          const next = yield* agents.runTurn({ threadId, prompt: "restart two" })
          assert.strictEqual(next.continuity._tag, "Resumed")
          const events = yield* stored(threadId)
          assert.deepStrictEqual(Object.values(endings(events)), [["TurnCompleted"], ["TurnInterrupted"], [
            "TurnCompleted"
          ]])
          assert.deepStrictEqual(events.filter(is("SessionEnded")).map(({ reason }) => reason), ["shutdown"])
        }).pipe(Effect.provide(layer()))
        const said = history((yield* model.asked("restart two"))[0])
        assert.deepStrictEqual(said.slice(0, 3), [
          "user: restart one",
          "assistant: echo: restart one",
          "user: restart long"
        ])
      }),
    60_000
  )

  it.effect(
    "P14 opencode: no tool, stored event, log or span has the server's password or the key of the config",
    () => {
      const { exported, layer } = recorder()
      return Effect.gen(function*() {
        const fs = yield* FileSystem.FileSystem
        const path = yield* Path.Path
        const model = yield* ScriptedModel
        const apiKey = "sk-very-secret-4711"
        const { scripted } = openCodeConfig(model).provider
        const provider = { scripted: { ...scripted, options: { ...scripted.options, apiKey } } }
        const store = yield* folder
        const filename = path.join(store, "threads.db")
        const { outputs, password } = yield* Effect.gen(function*() {
          const agents = yield* ProviderService
          const { threadId } = yield* start({ runtimeMode: "full-access" })
          const outputs: Array<string> = []
          const ofServer = "tr '\\0' '\\n' < /proc/$PPID/environ"
          for (const command of ["env", "cat /proc/self/environ", "bash -lc env", "(env) | sort", ofServer]) {
            yield* model.on(command, bash(command))
            yield* agents.runTurn({ threadId, prompt: command })
            outputs.push(commands(yield* stored(threadId)).at(-1)?.output ?? "")
          }
          yield* model.on("P14 fails", () => ModelReply.error(401, { body: { error: { message: "no" } } }))
          yield* Effect.flip(agents.runTurn({ threadId, prompt: "P14 fails" }))
          const { password } = yield* hands
          return { outputs, password }
        }).pipe(Effect.provide(Layer.provideMerge(host({ filename, agent: { config: { provider } } }), layer)))
        assert.match(password, /^~[0-9a-f]{64}$/)
        for (const output of outputs) assert.include(output, "PATH=")
        assert.include(outputs.at(-1), "OPENCODE_SERVER_PASSWORD=*****")
        const names = yield* fs.readDirectory(store)
        const files = yield* Effect.forEach(names, (name) => fs.readFile(path.join(store, name)))
        const seen = exported()
        assert.isAbove(seen.length, 50)
        for (const secret of [password, apiKey, Buffer.from(`opencode:${password}`).toString("base64")]) {
          for (const output of outputs) assert.notInclude(output, secret)
          for (const file of files) assert.isFalse(Buffer.from(file).includes(secret))
          for (const entry of seen) assert.notInclude(print(entry), secret)
        }
      })
    },
    60_000
  )
})
