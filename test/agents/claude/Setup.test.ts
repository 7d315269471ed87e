/** What a session is given and what its account is told, on the real binary: setups, documents, limits, the user's hooks. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect, FileSystem } from "effect"
import { join } from "node:path"
import type { ProviderEvent } from "../../../src/domain/ThreadEvent.ts"
import { Conformance, ModelReply } from "../../../src/testing/index.ts"
import { script, type World } from "./ConformingClaude.ts"
import { onClaude } from "./OnClaude.ts"

const { Bench: { endsTurn, listen }, Check: { equal, expect } } = Conformance

/** A folder beside the session's own. */
const folder = Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  const path = yield* fs.realPath(yield* fs.makeTempDirectoryScoped({ prefix: "claude-beside-" }))
  yield* fs.writeFileString(join(path, "word.txt"), "violet anchor\n")
  return path
}).pipe(Effect.orDie, Effect.provide(NodeServices.layer))

const asks = (event: ProviderEvent) => event._tag === "ApprovalRequested"

/** A hook of the user's own, which tells by a file that it ran. */
const hooked = (world: Effect.Effect<World["Service"]>) =>
  Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const { home } = yield* world
    const ran = join(home, "hooked")
    const hooks = { UserPromptSubmit: [{ hooks: [{ type: "command", command: `touch ${ran}` }] }] }
    yield* fs.writeFileString(join(home, "claude", "settings.json"), JSON.stringify({ hooks }))
    return ran
  }).pipe(Effect.orDie, Effect.provide(NodeServices.layer))

const userHooks = (
  world: Effect.Effect<World["Service"]>,
  run: boolean
): Conformance.Rule => ({
  id: `claude/user-hooks-${run ? "on" : "off"}`,
  promise: "P17",
  title: `hooks of the user's own settings ${run ? "run where the app says so" : "do not run by default"}`,
  prove: (bench) =>
    bench.onHost(Effect.fnUntraced(function*(host) {
      const ran = yield* hooked(world)
      yield* (yield* listen(host)).run(bench.prompts.say("one"))
      yield* equal(yield* bench.exists(ran), run, "whether the hook ran")
    }))
})

onClaude((world) => {
  const last = Effect.flatMap(world, ({ model }) => Effect.map(model.requests, (all) => all.at(-1)))
  return [
    {
      id: "claude/setup",
      promise: "P7",
      title:
        "arguments and lists of tools of a setup hold: the model is offered no tool that is not named, and none that is excepted",
      prove: (bench) =>
        bench.onHost(Effect.fnUntraced(function*(host) {
          const setup = {
            arguments: ["--system-prompt", "The word is silver lantern."],
            tools: { only: ["Bash", "Read", "Write"], except: ["Write"] }
          }
          yield* (yield* listen(host, { setup })).run(bench.prompts.say("one"))
          const asked = yield* last
          // The placeholder is Claude's own, beside every list.
          const offered = ["Bash", "DeferredToolPlaceholder", "Read"]
          yield* equal(asked?.toolNames.toSorted(), offered, "the tools that the model is offered")
          yield* expect(asked?.systemText.includes("silver lantern") === true, "the argument", asked?.systemText)
        }))
    },
    {
      id: "claude/directories",
      promise: "P7",
      title: "a further directory of a setup is read in unasked, and without it that is asked for",
      prove: (bench) =>
        bench.onHost(Effect.fnUntraced(function*(host) {
          const { model } = yield* world
          const beside = yield* folder
          yield* model.on("read it", (request) =>
            request.afterToolResult
              ? ModelReply.text(request.lastToolResult ?? "")
              : ModelReply.call("Read", { file_path: join(beside, "word.txt") }))
          const runtimeMode = "approval-required"
          const given = yield* listen(host, { runtimeMode, setup: { directories: [beside] } })
          const text = yield* given.run("read it")
          yield* expect(text.includes("violet anchor"), "what is in the file", text)
          yield* expect(!(yield* given.seen).some(asks), "no question", yield* given.seen)
          const { awaitEvent, send, session } = yield* listen(host, { runtimeMode })
          const turnId = yield* send("read it")
          yield* awaitEvent("an approval", (event): event is ProviderEvent => asks(event))
          yield* session.interruptTurn(turnId)
          yield* awaitEvent("the end", endsTurn(turnId))
        }))
    },
    {
      id: "claude/pdf",
      promise: "P15",
      title: "a PDF reaches the model as a document, byte for byte",
      prove: (bench) =>
        bench.onHost(Effect.fnUntraced(function*(host) {
          const base64 = Buffer.from(pdf).toString("base64")
          yield* (yield* listen(host)).run(bench.prompts.say("one"), {
            attachments: [{ _tag: "Data", name: "word.pdf", mime: "application/pdf", base64 }]
          })
          const sent = JSON.stringify((yield* last)?.raw)
          yield* expect(sent.includes("\"media_type\":\"application/pdf\"") && sent.includes(base64), "the PDF", sent)
        }))
    },
    {
      id: "claude/limits",
      promise: "P4",
      title: "a limit of a subscription that is met is told with its reset, and fails the turn as such",
      prove: (bench) =>
        bench.onHost(Effect.fnUntraced(function*(host) {
          const { model } = yield* world
          const resetsAt = 4_000_000_000
          yield* model.script((request) =>
            request.lastUserText.includes("the worst")
              ? ModelReply.error(429, {
                headers: {
                  "anthropic-ratelimit-unified-status": "rejected",
                  "anthropic-ratelimit-unified-representative-claim": "five_hour",
                  "anthropic-ratelimit-unified-reset": String(resetsAt)
                }
              })
              : script(request)
          )
          const environment = { ANTHROPIC_API_KEY: "", CLAUDE_CODE_OAUTH_TOKEN: "sk-ant-oat01-scripted" }
          const listener = yield* listen(host, { setup: { environment } })
          const turnId = yield* listener.send(bench.prompts.say("the worst"))
          const ending = yield* listener.awaitEvent("the end of the turn", endsTurn(turnId))
          yield* equal(ending._tag === "TurnFailed" ? ending.failure : ending, {
            _tag: "UsageLimit",
            resetsAt: resetsAt * 1000,
            scope: "five_hour"
          }, "how the turn fails")
          const limits = (yield* listener.seen).flatMap((event) =>
            event._tag === "RateLimitsUpdated" ? event.limits : []
          )
          yield* equal(limits.at(-1), { name: "five_hour", resetsAt: resetsAt * 1000 }, "the limit")
        }))
    },
    userHooks(world, false)
  ]
})

onClaude((world) => [userHooks(world, true)], { userHooks: true })

/** The least that is one. */
const pdf = [
  "%PDF-1.4",
  "1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj",
  "2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj",
  "3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>endobj",
  "trailer<</Root 1 0 R>>",
  "%%EOF"
].join("\n")
