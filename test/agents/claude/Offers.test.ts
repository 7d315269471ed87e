/** What Claude offers and how a turn asks for it, on the real binary with a skill, a command and a persona of the user's. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect, FileSystem, Path } from "effect"
import { rmSync } from "node:fs"
import type { ProviderEvent } from "../../../src/domain/ThreadEvent.ts"
import type { ApprovalDecision } from "../../../src/domain/UserRequest.ts"
import { type Conformance, Conformance as Suite, ModelReply } from "../../../src/testing/index.ts"
import { onClaude } from "./OnClaude.ts"

type Approval = Extract<ProviderEvent, { readonly _tag: "ApprovalRequested" }>

const { Bench: { cursorOf, endsTurn, listen, within }, Check: { equal, expect, refused } } = Suite

/** The user's own configuration, and one of a project's skills. */
const configured = Effect.fnUntraced(function*(home: string, directory: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const write = (folder: string, name: string, text: string) =>
    Effect.andThen(
      fs.makeDirectory(path.dirname(path.join(folder, name)), { recursive: true }),
      fs.writeFileString(path.join(folder, name), text)
    )
  const config = path.join(home, "claude")
  yield* write(
    config,
    "skills/anchor/SKILL.md",
    "---\nname: anchor\ndescription: An anchor\n---\nIts word is silver anchor.\n"
  )
  yield* write(
    config,
    "commands/shell.md",
    "---\ndescription: Runs\nallowed-tools: Bash(touch:*)\n---\nsay !`touch sneaked`\n"
  )
  yield* write(config, "agents/pirate.md", "---\nname: pirate\ndescription: A pirate\n---\nYou sail the violet seas.\n")
  yield* write(
    directory,
    ".claude/skills/lantern/SKILL.md",
    "---\nname: lantern\ndescription: A lantern\n---\nA lantern.\n"
  )
}, Effect.orDie)

onClaude((world) => {
  const configure = (bench: Conformance.Bench.Bench) =>
    Effect.flatMap(world, ({ home }) => Effect.provide(configured(home, bench.directories.home), NodeServices.layer))
  const told = Effect.flatMap(
    world,
    ({ model }) => Effect.map(model.requests, (all) => all.at(-1)?.messages.map(({ text }) => text).join("\n") ?? "")
  )
  return [
    {
      id: "claude/offers",
      promise: "P15",
      title: "personas, commands and skills of the user are offered; those of a project only where it is trusted",
      prove: (bench) =>
        bench.onHost(Effect.fnUntraced(function*({ adapter }) {
          yield* configure(bench)
          const offered = (projectConfig: "instructions" | "trust") =>
            within(
              bench,
              "the offers",
              adapter.offers?.({ directory: bench.directories.home, projectConfig }) ?? Effect.undefined
            )
          const offers = yield* offered("instructions")
          const names = (all: ReadonlyArray<{ readonly name: string }> = []) => all.map(({ name }) => name)
          yield* equal(offers?.modes, ["act", "plan"], "modes")
          yield* expect(names(offers?.agents).includes("pirate"), "the persona", offers?.agents)
          yield* expect(names(offers?.skills).includes("anchor"), "the skill", offers?.skills)
          yield* expect(!names(offers?.skills).includes("lantern"), "no skill of the project", offers?.skills)
          const commands = names(offers?.commands)
          const wanted = ["speak", "anchor", "init", "review", "clear", "reset", "new", "compact"]
          yield* equal(wanted.filter((name) => !commands.includes(name)), [], "commands that are not offered")
          const hidden = ["model", "config", "effort", "mcp", "workflow-launch-exec"]
          yield* equal(hidden.filter((name) => commands.includes(name)), [], "commands that are and must not be")
          const trusted = yield* offered("trust")
          yield* expect(names(trusted?.skills).includes("lantern"), "the skill of a trusted project", trusted?.skills)
        }))
    },
    {
      id: "claude/skill",
      promise: "P12",
      title: "a skill that a turn names is in the model's context, as Claude gives it, and costs no call of the model",
      prove: (bench) =>
        bench.onHost(Effect.fnUntraced(function*(host) {
          yield* configure(bench)
          const { model } = yield* world
          const { run } = yield* listen(host)
          const before = (yield* model.requests).length
          const known = yield* run(bench.prompts.recall, { skills: ["anchor"] })
          yield* expect(known.includes("silver anchor"), "the word of the skill", known)
          yield* equal((yield* model.requests).length - before, 1, "calls of the model")
        }))
    },
    {
      id: "claude/command-shell",
      promise: "P7",
      title: "what a command would run in a shell on its way to the model is held by the runtime mode",
      prove: (bench) =>
        bench.onHost(Effect.fnUntraced(function*(host) {
          yield* configure(bench)
          const { seen, send, awaitEvent, session } = yield* listen(host, { runtimeMode: "read-only" })
          const turnId = yield* send("", { command: { name: "shell" } })
          yield* awaitEvent("the end of the turn", endsTurn(turnId))
          const path = bench.path.join(session.directory, "sneaked")
          yield* expect(!(yield* bench.exists(path)), "nothing run", yield* seen)
        }))
    },
    {
      id: "claude/tightened",
      promise: "P7",
      title: "a session that began in full-access is held to a stricter mode at once: its tools, and what commands run",
      prove: (bench) =>
        bench.onHost(Effect.fnUntraced(function*(host) {
          yield* configure(bench)
          const { awaitEvent, run, send, seen, session } = yield* listen(host, { runtimeMode: "full-access" })
          const file = (name: string) => bench.path.join(session.directory, name)
          const command = Effect.gen(function*() {
            const turnId = yield* send("", { command: { name: "shell" } })
            yield* awaitEvent("the end of the turn", endsTurn(turnId))
            const ran = yield* bench.exists(file("sneaked"))
            if (ran) yield* Effect.sync(() => rmSync(file("sneaked")))
            return ran
          })
          yield* equal(yield* command, true, "whether full-access runs what a command calls a shell for")
          yield* equal(yield* session.switchMode("approval-required"), true, "whether it holds now")
          yield* equal(yield* command, false, "whether a stricter mode runs it")
          // Settings of Claude's that are changed later leave it alone.
          yield* run(bench.prompts.say("one"), { model: { id: "sonnet", variant: "low" } })
          yield* equal(yield* command, false, "whether it runs after another setting")
          const turnId = yield* send(bench.prompts.run("touch asked"))
          const asked = yield* awaitEvent("what is asked", (event) => event._tag === "ApprovalRequested")
          yield* expect(!(yield* bench.exists(file("asked"))), "nothing run unasked", yield* seen)
          if (asked._tag === "ApprovalRequested") {
            yield* session.respondToApproval(asked.request.requestId, { _tag: "AllowOnce" })
          }
          yield* awaitEvent("the end of the turn", endsTurn(turnId))
          yield* expect(yield* bench.exists(file("asked")), "the command, once allowed", yield* seen)
          yield* equal(yield* session.switchMode("full-access"), true, "whether full-access holds now")
          yield* run(bench.prompts.run("touch unasked"))
          yield* expect(yield* bench.exists(file("unasked")), "the command, unasked", yield* seen)
        }))
    },
    {
      id: "claude/persona",
      promise: "P1",
      title: "a session has the persona and the instructions that it is started with, also those of a resume",
      prove: (bench) =>
        bench.onHost(Effect.fnUntraced(function*(host) {
          yield* configure(bench)
          const first = yield* listen(host, { setup: { instructions: "The word is green fox." } })
          yield* first.run(bench.prompts.say("one"))
          yield* expect((yield* told).includes("green fox"), "the instructions", yield* told)
          const from = { _tag: "Resume", cursor: yield* cursorOf(first) } as const
          yield* first.close
          const second = yield* listen(host, { from, agent: "pirate", setup: { instructions: "The word is red hen." } })
          yield* second.run(bench.prompts.say("two"))
          const now = yield* told
          yield* expect(now.includes("violet seas"), "the persona", now)
          yield* expect(now.includes("red hen") && !now.includes("green fox"), "the instructions of the resume", now)
          yield* second.close
          const { part } = yield* refused(
            listen(host, { agent: "no-such-persona" }),
            ["SetupRefused"],
            "another persona"
          )
          yield* equal(part, "agent", "what is refused")
        }))
    },
    {
      id: "claude/plan-approval",
      promise: "P7",
      title:
        "a plan is asked for in every mode: where the user says no Claude goes on planning, and with a yes it acts",
      prove: (bench) =>
        bench.onHost(Effect.fnUntraced(function*(host) {
          const { model } = yield* world
          yield* model.on("load it", ModelReply.call("ToolSearch", { query: "select:ExitPlanMode" }))
          yield* model.on("leave it", (request) =>
            request.afterToolResult
              ? ModelReply.text("Asked.")
              : ModelReply.call("ExitPlanMode", { plan: "One step." }))
          const { awaitEvent, run, seen, send, session } = yield* listen(host, { runtimeMode: "full-access" })
          const modes = Effect.map(
            seen,
            (events) => events.flatMap((event) => event._tag === "ModeChanged" ? [event.mode] : [])
          )
          const leaves = Effect.fnUntraced(function*(asked: number, decision: ApprovalDecision) {
            const turnId = yield* send("leave it", { mode: "plan" })
            const { request } = yield* awaitEvent(
              "an approval",
              (event): event is Approval => event._tag === "ApprovalRequested" && event.turnId === turnId
            )
            yield* equal(request.kind, "plan", `the kind of approval ${asked}`)
            yield* session.respondToApproval(request.requestId, decision)
            yield* awaitEvent("the end", endsTurn(turnId))
          })
          yield* run("load it", { mode: "plan" })
          yield* leaves(1, { _tag: "Deny" })
          yield* equal(yield* modes, [], "changes of the mode after a no")
          yield* leaves(2, { _tag: "AllowOnce" })
          yield* equal((yield* modes)[0], "default", "the mode after a yes")
        }))
    },
    {
      id: "claude/plan",
      promise: "P7",
      title: "a turn that is to plan is told so to the model, and the one after it acts again",
      prove: (bench) =>
        bench.onHost(Effect.fnUntraced(function*(host) {
          const { run, seen } = yield* listen(host)
          const reminded = Effect.map(told, (text) => text.split("Plan mode is active").length - 1)
          yield* run(bench.prompts.say("one"))
          yield* equal(yield* reminded, 0, "reminders of the plan in a turn that acts")
          yield* run(bench.prompts.say("two"), { mode: "plan" })
          yield* equal(yield* reminded, 1, "reminders in the turn that plans")
          yield* run(bench.prompts.say("three"))
          const modes = (yield* seen).flatMap((event) => event._tag === "ModeChanged" ? [event.mode] : [])
          yield* equal(modes, ["plan", "default"], "modes")
          yield* expect((yield* told).includes("xited"), "a word that the plan is over", (yield* told).slice(-400))
        }))
    }
  ]
})
