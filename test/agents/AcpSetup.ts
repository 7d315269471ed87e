/**
 * What an app gives one session of a real ACP agent reaches it: an MCP server of its own, instructions, variables, and
 * an image. And what the agent says of itself: whether it can be used, and what it offers.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, layer } from "@effect/vitest"
import { Clock, Effect, FileSystem, Layer, Redacted } from "effect"
import { execPath } from "node:process"
import { fileURLToPath } from "node:url"
import { Acp, type Profile } from "../../src/acp/index.ts"
import { ThreadId } from "../../src/domain/Ids.ts"
import { AgentProcesses } from "../../src/process/AgentProcesses.ts"
import type { ProviderAdapter, StartInput } from "../../src/provider/ProviderAdapter.ts"
import { ModelReply, type ModelRequest, ModelScript } from "../../src/testing/index.ts"
import { cursorOf, drive, items } from "../support/Driven.ts"
import * as RealAgent from "../support/RealAgent.ts"
import { World } from "./AcpWorld.ts"

export interface Subject {
  readonly profile: Profile.Profile
  readonly optionsOf: (world: World["Service"]) => Acp.Options
  /** The agent's own tool that runs a command. */
  readonly run: (command: string) => ModelReply.Reply
  /** A model that the agent offers; absent where it has no list of them. */
  readonly model?: string
  /** How its model calls a tool of the server `tester`, if not by its own name in the list of tools. */
  readonly callMcp?: (tool: string, input: Readonly<Record<string, string>>) => ModelReply.Reply
  /** What is told of a text, an image and a link that such a tool gives back; absent where that is text alone. */
  readonly shows?: ReadonlyArray<string>
  /** Whether a session's MCP servers are there by its first turn. */
  readonly servers: boolean
  /** Words that its model is told in a turn that is to plan; absent where it has no such mode. */
  readonly planned?: RegExp | undefined
  /** Variables of the user's that would have it ask for less, if the profile let them. */
  readonly loosening: Readonly<Record<string, string>>
  /** It makes a title of the first prompt. */
  readonly titled?: boolean
  /** What it is started with so that it takes its model for one that sees; absent where it takes no images. */
  readonly seeing?: ((options: Acp.Options) => Acp.Options) | undefined
}

const mcpServers = {
  tester: {
    _tag: "Stdio" as const,
    command: execPath,
    arguments: [fileURLToPath(new URL("McpServer.ts", import.meta.url))]
  }
}

/** One pixel. */
const image = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="

const script = ({ callMcp, run }: Subject): ModelScript.ModelScript => (request) => {
  if (request.afterToolResult) return ModelReply.text(`The tool says: ${request.lastToolResult}`)
  const asks = (words: string) => request.lastUserText.includes(words)
  const call = (tool: string, input: Readonly<Record<string, string>>) => {
    const name = request.toolNames.find((name) => name.includes("tester") && name.endsWith(tool))
    if (callMcp !== undefined) return callMcp(tool, input)
    return name === undefined
      ? ModelReply.text(`There is no such tool among ${request.toolNames.join()}`)
      : ModelReply.call(name, input)
  }
  if (asks("call the tool")) return call("echo", { text: "walnut" })
  if (asks("show it")) return call("show", {})
  if (asks("take a moment")) return run("sleep 0.3")
  if (asks("make the file")) return run("touch made")
  return asks("show the variables") ? run("env") : ModelReply.text("Done.")
}

const texts = ({ messages, systemText }: ModelRequest) => [systemText, ...messages.map(({ text }) => text)].join("\n")

/** In this process's environment, until the scope closes. */
const withVariables = (variables: Readonly<Record<string, string>>) =>
  Effect.acquireRelease(
    Effect.sync(() => Object.assign(process.env, variables)),
    () => Effect.sync(() => Object.keys(variables).forEach((name) => delete process.env[name]))
  )

const supervisedMode = ({ capabilities: { runtimeModes } }: ProviderAdapter) =>
  (["approval-required", "auto-accept-edits"] as const).find((mode) => runtimeModes.includes(mode))

export const prove = (subject: Subject) => {
  const { profile: { provider: name } } = subject
  const services = World.layer(script(subject)).pipe(
    Layer.provideMerge(Layer.merge(NodeServices.layer, AgentProcesses.layerNoop))
  )
  const open = Effect.fnUntraced(function*(change = (options: Acp.Options) => options) {
    const world = yield* World
    const fs = yield* FileSystem.FileSystem
    const directory = yield* fs.realPath(yield* fs.makeTempDirectoryScoped({ prefix: "acp-setup-" }))
    const options = change(subject.optionsOf(world))
    const adapter = yield* Acp.make({ ...options, profile: subject.profile })
    return {
      adapter,
      directory,
      model: world.model,
      start: (input: Partial<StartInput>) =>
        adapter.startSession({
          threadId: ThreadId.make("thread"),
          directory,
          runtimeMode: "full-access",
          projectConfig: subject.profile.distrust === undefined ? "trust" : "instructions",
          from: { _tag: "New" },
          ...input
        }).pipe(Effect.flatMap(drive))
    }
  })

  layer(services, { timeout: "120 seconds", excludeTestServices: true })(`what ${name} is given`, (it) => {
    it.effect.skipIf(!subject.servers)(
      `P17 ${name}: an app's MCP server and instructions are there from a session's start, and after a resume`,
      () =>
        Effect.gen(function*() {
          const { model, start } = yield* open()
          const setup = { mcpServers, instructions: "Speak of walnuts alone." }
          const cursor = yield* Effect.scoped(Effect.gen(function*() {
            const driven = yield* start({ setup, projectConfig: "trust" })
            yield* driven.run("call the tool")
            assert.include(items(driven, "AssistantMessage").at(-1)?.text, "echo: walnut")
            assert.deepStrictEqual<unknown>(
              items(driven, "ToolCall").map(({ detail, kind }) => [kind, detail]),
              subject.profile.mcpOf === undefined
                ? [["other", undefined]]
                : [["mcp", { _tag: "Mcp", server: "tester", tool: "echo" }]]
            )
            yield* driven.run("show it")
            const shown = items(driven, "ToolCall").at(-1)?.content ?? []
            assert.deepStrictEqual(shown.map(({ _tag }) => _tag), subject.shows ?? [])
            return yield* cursorOf(driven)
          }))
          const again = yield* start({ setup, projectConfig: "trust", from: { _tag: "Resume", cursor } })
          yield* again.run("call the tool once more")
          assert.include(items(again, "AssistantMessage").at(-1)?.text, "echo: walnut")
          const last = (yield* model.requests).findLast(({ lastUserText }) => lastUserText.includes("once more"))
          assert.isDefined(last)
          if (last !== undefined) assert.isAtLeast(texts(last).split("Speak of walnuts alone.").length, 3)
        }).pipe(Effect.scoped)
    )

    it.effect.skipIf(Acp.capabilities(subject.profile).setup.directories === "never")(
      `P15 ${name}: the model is told of a session's further directories, from its start and after a resume`,
      () =>
        Effect.gen(function*() {
          const { model, start } = yield* open()
          const fs = yield* FileSystem.FileSystem
          const further = yield* fs.realPath(yield* fs.makeTempDirectoryScoped({ prefix: "acp-further-" }))
          const setup = { directories: [further] }
          const cursor = yield* Effect.scoped(Effect.gen(function*() {
            const driven = yield* start({ setup })
            yield* driven.run("say something")
            return yield* cursorOf(driven)
          }))
          const again = yield* start({ setup, from: { _tag: "Resume", cursor } })
          yield* again.run("say it again")
          for (const words of ["say something", "say it again"]) {
            const asked = (yield* model.requests).findLast(({ lastUserText }) => lastUserText.includes(words))
            assert.isTrue(asked !== undefined && texts(asked).includes(further), words)
          }
        }).pipe(Effect.scoped)
    )

    it.effect.skipIf(subject.planned === undefined)(
      `P15 ${name}: the model of a turn that is to plan is told so, and that of the next one acts`,
      () =>
        Effect.gen(function*() {
          const { adapter, directory, model, start } = yield* open()
          const { offers } = adapter
          assert.deepStrictEqual((yield* offers?.({}) ?? Effect.undefined)?.modes, ["act", "plan"])
          const driven = yield* start({})
          const told = Effect.fnUntraced(function*(words: string, mode: "act" | "plan") {
            yield* driven.run(words, { mode })
            const asked = (yield* model.requests).findLast(({ lastUserText }) => lastUserText.includes(words))
            return JSON.stringify(asked?.raw).match(new RegExp(subject.planned ?? "", "gi"))?.length ?? 0
          })
          const before = yield* told("say one", "act")
          assert.isAbove(yield* told("say two", "plan"), before)
          yield* driven.run("make the file")
          const fs = yield* FileSystem.FileSystem
          assert.isTrue(yield* fs.exists(`${directory}/made`))
        }).pipe(Effect.scoped)
    )

    it.effect(`P7 ${name}: no variable of the user's or of a session's setup has it ask for less in a supervised mode`, () =>
      Effect.gen(function*() {
        const { adapter, directory, start } = yield* open()
        const { loosening, profile: { pinned = {} } } = subject
        const runtimeMode = supervisedMode(adapter)
        if (runtimeMode === undefined) return assert.fail("a supervised mode")
        yield* withVariables(loosening)
        const driven = yield* start({ runtimeMode })
        yield* driven.send("make the file")
        const { request } = yield* driven.next("ApprovalRequested")
        assert.deepInclude(request, { kind: "command", subject: "touch made" })
        yield* driven.session.respondToApproval(request.requestId, { _tag: "Deny" })
        yield* driven.ending
        const fs = yield* FileSystem.FileSystem
        assert.isFalse(yield* fs.exists(`${directory}/made`))
        for (const variable of Object.keys(pinned)) {
          const refused = yield* Effect.flip(start({ runtimeMode, setup: { environment: { [variable]: "true" } } }))
          assert.deepInclude(refused, { _tag: "SetupRefused", reason: "reserved", name: variable })
        }
      }).pipe(Effect.scoped))

    it.effect(`P16 ${name}: how long a command took is told with it, since the user has allowed it`, () =>
      Effect.gen(function*() {
        const { adapter, start } = yield* open()
        const runtimeMode = supervisedMode(adapter)
        if (runtimeMode === undefined) return assert.fail("a supervised mode")
        const driven = yield* start({ runtimeMode })
        yield* driven.send("take a moment")
        const { request } = yield* driven.next("ApprovalRequested")
        const allowedAt = yield* Clock.currentTimeMillis
        yield* driven.session.respondToApproval(request.requestId, { _tag: "AllowOnce" })
        yield* driven.ending
        const [command] = items(driven, "Command")
        assert.isAtLeast(command?.startedAt ?? 0, allowedAt)
        assert.isAtLeast(command?.durationMillis ?? 0, 300)
      }).pipe(Effect.scoped))

    it.effect.skipIf(subject.titled !== true)(
      `P15 ${name}: the title that it gives a session is told`,
      () =>
        Effect.gen(function*() {
          const { start } = yield* open()
          const driven = yield* start({})
          yield* driven.send("what is a walnut?")
          assert.isNotEmpty((yield* driven.next("TitleUpdated")).title)
        }).pipe(Effect.scoped)
    )

    it.effect.skipIf(subject.profile.needed === undefined)(
      `P15 ${name}: one that is older than what the adapter needs is refused by its version`,
      () =>
        Effect.gen(function*() {
          const { door, home } = yield* World
          const from = subject.profile.check?.testedVersions.to ?? ""
          const binary = yield* RealAgent.disguised(home, door.binary, { from, to: "0.0.1" })
          const { start } = yield* open((options: Acp.Options) => ({ ...options, binary }))
          assert.deepInclude(yield* Effect.flip(start({})), { _tag: "AgentTooOld", found: "0.0.1" })
        }).pipe(Effect.scoped)
    )

    it.effect.skipIf(subject.profile.distrust === undefined)(
      `P17 ${name}: MCP servers are refused in a project that is not trusted, where it starts none`,
      () =>
        Effect.gen(function*() {
          const { start } = yield* open()
          const error = yield* Effect.flip(start({ setup: { mcpServers }, projectConfig: "instructions" }))
          assert.deepInclude(error, { _tag: "SetupRefused", part: "mcpServers", reason: "unsupported" })
        }).pipe(Effect.scoped)
    )

    it.effect(`P14 ${name}: variables of a session are its own, and secrets among them are in no event`, () =>
      Effect.gen(function*() {
        const { start } = yield* open()
        const environment = { WALNUT: "blue", WALNUT_TOKEN: Redacted.make("lantern-of-the-night") }
        const driven = yield* start({ setup: { environment } })
        yield* driven.run("show the variables")
        const said = JSON.stringify(driven.seen)
        assert.include(said, "WALNUT=blue")
        assert.notInclude(said, "lantern-of-the-night")
      }).pipe(Effect.scoped))

    it.effect.skipIf(subject.seeing === undefined)(
      `P15 ${name}: an image reaches the model as one`,
      () =>
        Effect.gen(function*() {
          const { model, start } = yield* open(subject.seeing)
          const driven = yield* start({})
          yield* driven.run("look at this", {
            attachments: [{ _tag: "Data", name: "pixel.png", mime: "image/png", base64: image }]
          })
          const asked = (yield* model.requests).filter(({ lastUserText }) => lastUserText.includes("look at this"))
          assert.isTrue(asked.some(({ raw }) => JSON.stringify(raw).includes(image)))
        }).pipe(Effect.scoped)
    )

    it.effect(`P15 ${name}: a check finds it installed and signed in, and it offers the models that it has`, () =>
      Effect.gen(function*() {
        const { adapter } = yield* open()
        const { check = Effect.undefined, offers } = adapter
        const checked = yield* check
        assert.deepInclude(checked, { installed: true, tested: true, login: "in" })
        const offered = yield* offers?.({}) ?? Effect.undefined
        const ids = offered?.models?.map(({ id }) => id) ?? []
        if (subject.model === undefined) assert.isEmpty(ids)
        else assert.isTrue(ids.some((id) => id.includes(subject.model ?? "")), ids.join())
      }).pipe(Effect.scoped))
  })
}
