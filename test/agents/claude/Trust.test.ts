/** What Claude takes of a directory that is not trusted (P17), and what of ours reaches commands (P14). */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect, FileSystem, Layer, ManagedRuntime, Path } from "effect"
import { afterAll, describe, it } from "vitest"
import { claudeEnvironment } from "../../../examples/support/ClaudeEnvironment.ts"
import { Claude } from "../../../src/claude/index.ts"
import type { StartInput } from "../../../src/provider/ProviderAdapter.ts"
import { Conformance, conformance } from "../../../src/testing/index.ts"
import { fixture, optionsOf, World } from "./ConformingClaude.ts"

const runtime = ManagedRuntime.make(World.layer)
afterAll(() => runtime.dispose())

const world = Effect.promise(() => runtime.runPromise(World))

const { Bench: { listen }, Check: { equal, expect } } = Conformance

/** A directory that runs something in every way, tells the model something, and denies something. */
const tempting = Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const directory = yield* fs.realPath(yield* fs.makeTempDirectoryScoped({ prefix: "claude-project-" }))
  const write = (name: string, content: object | string) =>
    Effect.andThen(
      fs.makeDirectory(path.dirname(path.join(directory, name)), { recursive: true }),
      fs.writeFileString(path.join(directory, name), typeof content === "string" ? content : JSON.stringify(content))
    )
  const touch = (name: string) => `touch ${path.join(directory, name)}`
  const hook = (name: string) => [{ hooks: [{ type: "command", command: touch(name) }] }]
  yield* write(".git/HEAD", "ref: refs/heads/main\n")
  yield* write("CLAUDE.md", "The word of the project is violet anchor.\n")
  yield* write(".claude/settings.json", {
    permissions: { deny: ["Bash(touch denied*)"], allow: ["Bash(touch allowed*)"] },
    hooks: { SessionStart: hook("hooked"), UserPromptSubmit: hook("prompted"), PreToolUse: hook("tooled") },
    env: { PROJECT_VARIABLE: "set" }
  })
  yield* write(".mcp.json", { mcpServers: { tempting: { command: "/bin/sh", args: ["-c", touch("connected")] } } })
  const there = (name: string) => Effect.orElseSucceed(fs.exists(path.join(directory, name)), () => false)
  const ran = Effect.filter(["hooked", "prompted", "tooled", "connected"], there)
  return { directory, ran, there }
}).pipe(Effect.orDie, Effect.provide(NodeServices.layer))

const inProject = (
  projectConfig: StartInput["projectConfig"],
  runtimeMode: StartInput["runtimeMode"] = "full-access"
) =>
  Effect.fnUntraced(function*(host: Conformance.Bench.Host) {
    const project = yield* tempting
    const listener = yield* listen(host, { directory: project.directory, projectConfig, runtimeMode })
    return { ...project, ...listener }
  })

const rules: ReadonlyArray<Conformance.Rule> = [
  {
    id: "claude/instructions",
    promise: "P17",
    title:
      "of a directory that is not trusted nothing runs; its CLAUDE.md is read and its deny rules hold, also in full-access",
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        const { ran, run, seen, there } = yield* inProject("instructions")(host)
        const text = yield* run(bench.prompts.recall)
        const asked = yield* Effect.flatMap(world, ({ model }) => model.requests)
        const told = asked.at(-1)?.messages.map(({ text }) => text).join("\n") ?? ""
        yield* expect(told.includes("violet anchor"), "instructions with the word of the project", text)
        yield* run(bench.prompts.run("touch denied"))
        yield* expect(!(yield* there("denied")), "a command that a rule denies is not run", "denied")
        yield* run(bench.prompts.run("touch free; echo \"$PROJECT_VARIABLE\" > variable"))
        yield* expect(yield* there("free"), "another command is run", "free")
        yield* equal(yield* ran, [], "what ran of the project")
        const warnings = (yield* seen).flatMap((event) => event._tag === "Warning" ? [event.code] : [])
        yield* equal(warnings, ["project-ignored"], "warnings")
      }))
  },
  {
    id: "claude/allow-rules",
    promise: "P17",
    title: "a rule of an untrusted directory that allows something is not heard",
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        const { awaitEvent, send, session, there } = yield* inProject("instructions", "approval-required")(host)
        const turnId = yield* send(bench.prompts.run("touch allowed"))
        const asked = yield* awaitEvent(
          "an approval",
          (event): event is Extract<typeof event, { readonly _tag: "ApprovalRequested" }> =>
            event._tag === "ApprovalRequested"
        )
        yield* session.respondToApproval(asked.request.requestId, { _tag: "Deny", reason: "because of the moon" })
        yield* awaitEvent("the end", Conformance.Bench.endsTurn(turnId))
        yield* expect(!(yield* there("allowed")), "nothing done", "allowed")
      }))
  },
  {
    id: "claude/ignore",
    promise: "P17",
    title: "of a directory that is ignored the model reads nothing either",
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        const { ran, run } = yield* inProject("ignore")(host)
        yield* run(bench.prompts.recall)
        const asked = yield* Effect.flatMap(world, ({ model }) => model.requests)
        const told = asked.at(-1)?.messages.map(({ text }) => text).join("\n") ?? ""
        yield* expect(!told.includes("violet anchor"), "no word of the project", told.slice(0, 200))
        yield* equal(yield* ran, [], "what ran of the project")
      }))
  },
  {
    id: "claude/trust",
    promise: "P17",
    title: "in a directory that is trusted its hooks run and its CLAUDE.md is read, so the others prove something",
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        const { ran, run } = yield* inProject("trust")(host)
        yield* run(bench.prompts.recall)
        const asked = yield* Effect.flatMap(world, ({ model }) => model.requests)
        const told = asked.at(-1)?.messages.map(({ text }) => text).join("\n") ?? ""
        yield* expect(told.includes("violet anchor"), "the word of the project", told.slice(0, 200))
        yield* expect((yield* ran).includes("prompted"), "hooks that ran", yield* ran)
      }))
  },
  {
    id: "claude/secrets",
    promise: "P14",
    title: "commands do not have Claude's key in their environment, and its history does not have it either",
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        const { run, seen, session } = yield* listen(host)
        yield* run(bench.prompts.run("env | grep -c ANTHROPIC_API_KEY; env | grep -c CLAUDE_CODE_ENTRYPOINT"))
        const outputs = (yield* seen).flatMap((event) =>
          event._tag === "ItemCompleted" && event.item._tag === "Command" ? [event.item.output?.trim()] : []
        )
        yield* equal(outputs, ["0\n1"], "how often the environment of a command has the key, and another variable")
        const { model } = yield* world
        const { ANTHROPIC_API_KEY: key } = claudeEnvironment(model)
        yield* run(bench.prompts.say(`this: ${key}`))
        const { messages } = yield* session.history
        yield* expect(
          messages.length > 0 && !JSON.stringify(messages).includes(key),
          "a history without the key",
          messages
        )
      }))
  },
  {
    id: "claude/cleanup",
    promise: "P3",
    title: "a transcript of the user's that is 400 days old is there after a session was started beside it",
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        const { home } = yield* world
        const old = yield* Effect.provide(agedTranscript(home), NodeServices.layer)
        const { run } = yield* listen(host)
        yield* run(bench.prompts.say("one"))
        yield* expect(yield* bench.exists(old), "the old transcript", old)
      }))
  }
]

const agedTranscript = Effect.fnUntraced(function*(home: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const file = path.join(home, "claude", "projects", "-of-the-user", "0f0c0e2a-54a5-4be3-a8a0-6d0c3a5a1f11.jsonl")
  const then = new Date(1_700_000_000_000)
  yield* fs.makeDirectory(path.dirname(file), { recursive: true })
  yield* fs.writeFileString(file, `${JSON.stringify({ type: "user", uuid: "u", message: { content: "kept" } })}\n`)
  yield* fs.utimes(file, then, then)
  return file
}, Effect.orDie)

conformance(
  "claude",
  Layer.unwrap(Effect.map(world, (world) => Claude.layer(optionsOf(world)))),
  fixture(world),
  { describe, it, rules }
)
