/** What a real OpenCode offers, whether it can be used, and what turns ask of it beside words. */
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll } from "vitest"
import { TurnId } from "../../../src/domain/Ids.ts"
import type { TurnInput } from "../../../src/domain/TurnInput.ts"
import { OpenCode } from "../../../src/opencode/index.ts"
import { ModelReply } from "../../../src/testing/index.ts"
import { type Driven, items, OpenCodeSessions } from "../../support/OpenCodeSessions.ts"
import { installed, tested } from "../../support/Versions.ts"

const commands = {
  greet: { template: "Greet $1 and then $2.", description: "Greets two" },
  hidden: { template: "Look: !$1`echo ran by template`", description: "A shell that the template does not show" },
  delegate: { template: "Delegated: $ARGUMENTS", description: "Delegates", subtask: true }
}

const skills = mkdtempSync(join(tmpdir(), "skills-"))
mkdirSync(join(skills, "verse"))
writeFileSync(
  join(skills, "verse", "SKILL.md"),
  "---\nname: verse\ndescription: Writes verse\n---\n\nEvery line has five feet.\n"
)
afterAll(() => rmSync(skills, { recursive: true, force: true }))

/** Refused before anything was sent; answers the name of the refusal. */
const refusal = (driven: Driven, input: Partial<TurnInput>) =>
  Effect.gen(function*() {
    const turnId = TurnId.make(`refused-${JSON.stringify(input)}`)
    const ref = yield* driven.session.turnRef(turnId)
    const error = yield* Effect.flip(driven.session.sendTurn({ turnId, ref, input: { prompt: "", ...input } }))
    return error._tag === "TurnRefused" ? error.name : error._tag
  })

const said = (driven: Driven) => items(driven, "AssistantMessage").map(({ text }) => text)

layer(OpenCodeSessions.layer({ config: { command: commands, skills: { paths: [skills] } } }), {
  timeout: "90 seconds",
  excludeTestServices: true
})("offers", (it) => {
  it.effect("opencode: its models, agents, modes, commands and skills are what a picker shows", () =>
    Effect.gen(function*() {
      const { adapter, directory } = yield* OpenCodeSessions
      assert(adapter.offers !== undefined)
      const offers = yield* adapter.offers({ directory })
      assert.deepStrictEqual(offers.models, [
        { id: "scripted/scripted-1", name: "Scripted 1", variants: [], options: [] },
        {
          id: "scripted/scripted-2",
          name: "Scripted 2",
          variants: [{ id: "low" }, { id: "medium" }, { id: "high" }],
          options: []
        }
      ])
      assert.strictEqual(offers.defaultModel, "scripted/scripted-1")
      assert.deepStrictEqual(offers.agents.map(({ name }) => name), ["build", "plan"])
      assert.deepStrictEqual(offers.modes, ["act", "plan"])
      assert.includeMembers(offers.commands.map(({ name }) => name), ["init", "review", "greet", "delegate"])
      assert.deepStrictEqual(offers.commands.find(({ name }) => name === "greet"), {
        name: "greet",
        description: "Greets two",
        argumentHint: "$1 $2"
      })
      assert.deepStrictEqual(offers.skills.find(({ name }) => name === "verse"), {
        name: "verse",
        description: "Writes verse"
      })
      assert.notInclude(offers.commands.map(({ name }) => name), "verse")
      assert.deepStrictEqual((yield* adapter.offers({})).models, offers.models)
    }))

  it.effect("opencode: a check says that it is installed, tested and logged in", () =>
    Effect.gen(function*() {
      const { adapter } = yield* OpenCodeSessions
      assert(adapter.check !== undefined)
      const { path, ...checked } = yield* adapter.check
      assert.deepStrictEqual(checked, {
        installed: true,
        version: installed,
        testedVersions: tested,
        tested: true,
        login: "in"
      })
      assert.isTrue(path?.startsWith("/"))
    }))

  it.effect("opencode: an executable that is not there is an answer, with the command that mends it", () =>
    Effect.gen(function*() {
      const adapter = yield* OpenCode.make({ instanceId: "absent", binary: "/nowhere/opencode", isolated: true })
      assert(adapter.check !== undefined)
      assert.deepStrictEqual(yield* adapter.check, {
        installed: false,
        testedVersions: tested,
        tested: false,
        login: "unknown",
        fix: { missing: "agent", command: `npm install opencode-ai@${tested.to}` }
      })
    }))

  it.effect("opencode: a server without a model is not logged in, and the check says how to", () =>
    Effect.gen(function*() {
      const adapter = yield* OpenCode.make({
        instanceId: "logged-out",
        isolated: true,
        stopDeadline: "3 seconds",
        config: { enabled_providers: [] }
      })
      assert(adapter.check !== undefined)
      assert.deepInclude(yield* adapter.check, {
        installed: true,
        login: "out",
        fix: { missing: "login", command: "opencode auth login" }
      })
    }))

  it.effect("opencode: a version that was not tested is named, also where its server does not start", () =>
    Effect.gen(function*() {
      const binary = join(skills, "opencode")
      writeFileSync(binary, "#!/bin/sh\n[ \"$1\" = --version ] && echo 1.19.3\n", { mode: 0o755 })
      const adapter = yield* OpenCode.make({ instanceId: "newer", binary, isolated: true })
      assert(adapter.check !== undefined)
      assert.deepStrictEqual(yield* adapter.check, {
        installed: true,
        path: binary,
        version: "1.19.3",
        testedVersions: tested,
        tested: false,
        login: "unknown",
        fix: { missing: "tested-version", command: `npm install opencode-ai@${tested.to}` }
      })
    }))

  it.effect("P5 opencode: a command runs once, under the id that was recorded for it, and the next turn knows of it", () =>
    Effect.gen(function*() {
      const { model, start } = yield* OpenCodeSessions
      const driven = yield* start()
      const turnId = TurnId.make("a-command")
      const ref = yield* driven.session.turnRef(turnId)
      const command = { name: "greet", arguments: "\"Ada Lovelace\" Bob Carol" }
      yield* driven.session.sendTurn({ turnId, ref, input: { prompt: "", command, context: ["It is late."] } })
      assert.strictEqual((yield* driven.ending)._tag, "TurnCompleted")
      const greeting = "Greet Ada Lovelace and then Bob Carol."
      const asked = (yield* model.requests).filter(({ lastUserText }) => lastUserText.includes(greeting))
      assert.lengthOf(asked, 1)
      assert.include(asked[0]?.lastUserText, "It is late.")
      assert.strictEqual((yield* driven.session.evidence({ turnId, ref })).outcome, "completed")
      yield* driven.run("and now")
      const last = (yield* model.requests).at(-1)
      assert.isTrue(last?.messages.some(({ role, text }) => role === "user" && text.includes(greeting)))
    }))

  it.effect("P4 opencode: a command that works in a subagent ends once, with what the agent said last", () =>
    Effect.gen(function*() {
      const { on, start } = yield* OpenCodeSessions
      yield* on("Summarize the task tool output", () => ModelReply.text("All of it is done."))
      const driven = yield* start()
      yield* driven.run("", { command: { name: "delegate", arguments: "the work" } })
      assert.strictEqual(said(driven).at(-1), "All of it is done.")
      yield* driven.run("after that")
      assert.lengthOf(driven.seen.filter(({ _tag }) => _tag === "TurnCompleted"), 2)
    }))

  it.effect("P4 opencode: a command is interrupted like any turn", () =>
    Effect.gen(function*() {
      const { on, start } = yield* OpenCodeSessions
      yield* on("Greet nobody", () => ModelReply.hang)
      yield* on("go on", () => ModelReply.text("I do."))
      const driven = yield* start()
      const turnId = yield* driven.send("", { command: { name: "greet", arguments: "nobody ever" } })
      yield* driven.session.interruptTurn(turnId)
      assert.strictEqual((yield* driven.ending)._tag, "TurnInterrupted")
      assert.strictEqual((yield* driven.run("go on"))._tag, "TurnCompleted")
    }))

  it.effect("P7 opencode: a command runs no shell and reads nothing outside of the directory without having asked", () =>
    Effect.gen(function*() {
      const { model, start } = yield* OpenCodeSessions
      const heard = Effect.map(model.requests, (all) => all.map(({ lastUserText }) => lastUserText))
      for (const runtimeMode of ["approval-required", "auto-accept-edits", "read-only"] as const) {
        const driven = yield* start({ runtimeMode })
        const refused = (name: string, args: string) => refusal(driven, { command: { name, arguments: args } })
        assert.strictEqual(yield* refused("greet", "!`echo ran by argument`"), "CommandRunsShell")
        assert.strictEqual(yield* refused("hidden", ""), "CommandRunsShell")
        assert.strictEqual(yield* refused("greet", "@/etc/hostname"), "CommandReadsOutside")
        // In the home of its own that the server has.
        assert.strictEqual(yield* refused("greet", "@~/config/opencode/package.json"), "CommandReadsOutside")
        assert.strictEqual(yield* refused("nothing", ""), "CommandNotFound")
        yield* driven.run("", { command: { name: "greet", arguments: "someone@example.org @nowhere" } })
      }
      assert.deepStrictEqual((yield* heard).filter((text) => text.includes("ran by")), [])
      const free = yield* start({ runtimeMode: "full-access" })
      yield* free.run("", { command: { name: "hidden" } })
      assert.include((yield* heard).at(-1), "Look: ran by template")
    }))

  it.effect("opencode: a turn in plan mode goes to the agent that plans, and the next one acts", () =>
    Effect.gen(function*() {
      const { model, start } = yield* OpenCodeSessions
      const driven = yield* start()
      yield* driven.run("what would you do", { mode: "plan" })
      const planned = (yield* model.requests).find(({ lastUserText }) => lastUserText.includes("what would you do"))
      assert.isTrue(planned?.messages.some(({ text }) => /plan mode/i.test(text)))
      yield* driven.run("then do it", { mode: "act" })
      assert.strictEqual(yield* refusal(driven, { prompt: "x", mode: "plan", agent: "build" }), "ModeConflict")
    }))

  it.effect("opencode: a skill that a turn brings reaches the model, and is not the user's own words", () =>
    Effect.gen(function*() {
      const { model, start } = yield* OpenCodeSessions
      const driven = yield* start()
      yield* driven.run("about the sea", { skills: ["verse"] })
      const asked = (yield* model.requests).find(({ lastUserText }) => lastUserText.includes("about the sea"))
      assert.isTrue(asked?.messages.some(({ text }) => text.includes("Every line has five feet.")))
      const { messages } = yield* driven.session.history
      const words = messages.flatMap(({ items }) =>
        items.flatMap((item) => item._tag === "UserMessage" ? [item.text] : [])
      )
      assert.deepStrictEqual(words, ["about the sea"])
      assert.strictEqual(yield* refusal(driven, { prompt: "x", skills: ["prose"] }), "SkillNotFound")
    }))

  it.effect("opencode: a model has no options but its variants", () =>
    Effect.gen(function*() {
      const { start } = yield* OpenCodeSessions
      const driven = yield* start()
      const model = { id: "scripted/scripted-2", options: { effort: "high" } }
      const error = yield* Effect.flip(driven.session.checkModel(model))
      assert.strictEqual(error._tag, "ModelUnavailable")
      yield* driven.session.checkModel({ id: "scripted/scripted-2", variant: "high" })
    }))
})
