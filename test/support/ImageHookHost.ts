/**
 * A host process for tests: sends a turn with an image that a command is told of. The command says what it was given, which
 * the host prints in one line of JSON, and both wait: the host to be killed.
 */
import { Effect, Layer } from "effect"
import { mkdtempSync, readFileSync, watch } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { CommandHook, ProviderService } from "../../src/index.ts"
import * as Agents from "./Agents.ts"

const folder = mkdtempSync(join(tmpdir(), "image-hook-"))

const command = `
  const fs = require("node:fs")
  const { lifecycle_event } = JSON.parse(fs.readFileSync(0, "utf8"))
  const { path } = lifecycle_event.input.attachments[0]
  fs.writeFileSync(process.argv[1] + ".next", JSON.stringify({ pid: process.pid, path }))
  fs.renameSync(process.argv[1] + ".next", process.argv[1])
  setInterval(() => {}, 1000)
`

watch(folder, (_, name) => {
  if (name === "told") process.stdout.write(`${readFileSync(join(folder, "told"), "utf8")}\n`)
})

const hook = CommandHook.guard({
  name: "reader",
  events: ["turn:start"],
  command: process.execPath,
  args: ["-e", command, join(folder, "told")],
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

Effect.runFork(main)
