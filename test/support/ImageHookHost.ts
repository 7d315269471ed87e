/**
 * A host process for tests: sends a turn with an image that a command is told of. The command writes what it was given to
 * the host's output, in one line of JSON, and waits; so does the host, to be killed.
 */
import { Effect, Layer } from "effect"
import { CommandHook, ProviderService } from "../../src/index.ts"
import * as Agents from "./Agents.ts"

const command = `
  const fs = require("node:fs")
  const { lifecycle_event } = JSON.parse(fs.readFileSync(0, "utf8"))
  const { path } = lifecycle_event.input.attachments[0]
  fs.writeFileSync("/proc/" + process.ppid + "/fd/1", JSON.stringify({ pid: process.pid, path }) + "\\n")
  setInterval(() => {}, 1000)
`

const hook = CommandHook.guard({
  name: "reader",
  events: ["turn:start"],
  command: process.execPath,
  args: ["-e", command],
  timeout: "10 minutes"
})

const main = Effect.gen(function*() {
  const agents = yield* ProviderService
  yield* Agents.start()
  const base64 = Buffer.from("an image").toString("base64")
  const attachments = [{ _tag: "Data" as const, name: "shot.png", mime: "image/png", base64 }]
  yield* agents.runTurn({ threadId: Agents.threadId, prompt: "look", attachments })
}).pipe(
  Effect.scoped,
  Effect.provide(Agents.layer({ hooks: [Layer.provide(hook, Agents.platform)] }))
)

// The command's pipes keep the process alive.
Effect.runFork(main)
