/**
 * What a user types is words to every ACP agent: a slash runs no command of the agent's, an `@` reads no file, and an
 * exclamation mark runs nothing.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, layer } from "@effect/vitest"
import { Effect, FileSystem, Layer, Path } from "effect"
import { Acp, type Profile } from "../../src/acp/index.ts"
import { ThreadId } from "../../src/domain/Ids.ts"
import { AgentProcesses } from "../../src/process/AgentProcesses.ts"
import { ModelReply, type ModelRequest, type ModelScript } from "../../src/testing/index.ts"
import { drive } from "../support/Driven.ts"
import { controls, World } from "./AcpWorld.ts"

export interface Subject {
  /** The agent's folder. */
  readonly name: string
  readonly profile: Profile.Profile
  readonly optionsOf: (world: World["Service"]) => Acp.Options
  /** The agent's own tool that runs a command. */
  readonly run: (command: string) => ModelReply.Reply
}

/** What one or another of the agents has as a command, what none has, and a command behind blanks. */
const slashes = [
  "/x",
  "/help",
  "/clear",
  "/compact",
  "/compress",
  "/model other",
  "/mode auto",
  "/yolo",
  "/allow-all",
  "/always-approve",
  "/approval-mode yolo",
  "/init",
  "/quit",
  " /clear",
  "$x",
  "$init",
  "/usr/bin is a folder"
]

const script = ({ run }: Subject): ModelScript.ModelScript => (request) =>
  !request.afterToolResult && request.lastUserText.includes("make the file")
    ? run("touch made")
    : ModelReply.text("Done.")

const textOf = (request: ModelRequest | undefined) => request?.messages.map(({ text }) => text).join("\n") ?? ""

export const prove = (subject: Subject) => {
  const { name, profile } = subject
  const services = World.layer(script(subject)).pipe(
    Layer.provideMerge(Layer.merge(NodeServices.layer, AgentProcesses.layerNoop))
  )
  const open = Effect.fnUntraced(function*() {
    const world = yield* World
    const fs = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    const around = yield* fs.realPath(yield* fs.makeTempDirectoryScoped({ prefix: "acp-words-" }))
    const directory = path.join(around, "project")
    yield* fs.makeDirectory(directory)
    yield* fs.writeFileString(path.join(directory, "there"), "walnut")
    yield* fs.writeFileString(path.join(around, "outside"), "lantern")
    const options = subject.optionsOf(world)
    const { runtimeModes } = Acp.capabilities(profile, options)
    const { offers, startSession } = yield* Acp.make({ ...options, profile: { ...profile, isOffered: () => true } })
    const driven = yield* startSession({
      threadId: ThreadId.make("thread"),
      directory,
      runtimeMode: runtimeModes.includes("approval-required") ? "approval-required" : "auto-accept-edits",
      projectConfig: profile.distrust === undefined ? "trust" : "ignore",
      from: { _tag: "New" }
    }).pipe(Effect.flatMap(drive))
    const { received = () => Effect.succeed(0) } = controls(world)
    /** How often the model heard of each. */
    const heard = Effect.fnUntraced(function*(prompts: ReadonlyArray<string>) {
      const counted: Array<readonly [string, number]> = []
      for (const prompt of prompts) {
        const [line = ""] = prompt.split("\n").slice(-1)
        const before = yield* received(line)
        assert.strictEqual((yield* driven.run(prompt))._tag, "TurnCompleted", prompt)
        counted.push([prompt, (yield* received(line)) - before])
      }
      return counted
    })
    /** All commands that the agent tells of. */
    const commands = Effect.map(
      offers?.({}) ?? Effect.undefined,
      (offered) => (offered?.commands ?? []).map(({ name }) => `/${name}`)
    )
    return { around, commands, directory, driven, fs, heard, model: world.model }
  })
  const once = (prompts: ReadonlyArray<string>) => prompts.map((prompt) => [prompt, 1] as const)

  layer(services, { timeout: "120 seconds", excludeTestServices: true })(`what is words to ${name}`, (it) => {
    it.effect(`P7 ${name}: words that begin with a slash reach its model as words, and change no mode`, () =>
      Effect.gen(function*() {
        const { commands, directory, driven, fs, heard } = yield* open()
        const prompts = Array.from(new Set([...slashes, ...yield* commands]))
        assert.deepStrictEqual(yield* heard(prompts), once(prompts))
        yield* driven.send("make the file")
        const { request } = yield* driven.next("ApprovalRequested")
        assert.deepInclude(request, { kind: "command", subject: "touch made" })
        yield* driven.session.respondToApproval(request.requestId, { _tag: "Deny" })
        yield* driven.ending
        assert.isFalse(yield* fs.exists(`${directory}/made`))
      }).pipe(Effect.scoped))

    it.effect(`P7 ${name}: no file is read because its name stands behind an @, inside the directory or outside`, () =>
      Effect.gen(function*() {
        const { around, directory, driven, heard, model } = yield* open()
        const prompts = ["@there", "look at @there", "@../outside", `@${around}/outside`, `see @${directory}/there now`]
        assert.deepStrictEqual(yield* heard(prompts), once(prompts))
        const lines = Array.from({ length: 1_000 }, (_, n) => `a line with the number ${n} for @there`)
        yield* driven.run(lines.join("\n"), { context: ["@there and @../outside"] })
        const asked = (yield* model.requests).findLast((request) => textOf(request).includes(lines[0] ?? ""))
        assert.deepStrictEqual(textOf(asked).match(/a line with the number \d+ for @there/g), lines)
        const told = (yield* model.requests).map(({ raw }) => JSON.stringify(raw)).join("\n")
        assert.isFalse(/walnut/.test(told), "what is inside")
        assert.isFalse(/lantern/.test(told), "what is outside")
      }).pipe(Effect.scoped))

    it.effect(`P7 ${name}: nothing is run because it stands behind an exclamation mark`, () =>
      Effect.gen(function*() {
        const { directory, fs, heard } = yield* open()
        const prompts = ["!touch made", " !touch made", "look\n!touch made"]
        assert.deepStrictEqual(yield* heard(prompts), once(prompts))
        assert.sameMembers(yield* fs.readDirectory(directory), ["there"])
      }).pipe(Effect.scoped))
  })
}
