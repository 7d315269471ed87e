/** What the real Codex tells of a turn beside its items: the diff, plans, usage, titles; and that it is too old. */
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { env } from "node:process"
import { codexConfig } from "../../../examples/support/CodexConfig.ts"
import { Codex } from "../../../src/codex/index.ts"
import * as Binary from "../../../src/codex/process/Binary.ts"
import { InstanceId, ThreadId } from "../../../src/domain/Ids.ts"
import type { ProviderEvent } from "../../../src/domain/ThreadEvent.ts"
import { ModelReply, type ModelScript } from "../../../src/testing/index.ts"
import type { Driven } from "../../support/Driven.ts"
import * as RealAgent from "../../support/RealAgent.ts"
import { CodexSessions } from "./CodexSessions.ts"

/** As a real model of OpenAI's calls tools: in JavaScript. */
const code = (source: string): ModelScript.ModelScript => (request) =>
  request.afterToolResult ? ModelReply.text("Done.") : ModelReply.freeform("exec", source)

const told = <T extends ProviderEvent["_tag"]>({ seen }: Driven, tag: T) =>
  seen.filter((event): event is Extract<ProviderEvent, { readonly _tag: T }> => event._tag === tag)

layer(CodexSessions.layer(), { timeout: "60 seconds", excludeTestServices: true })("reports", (it) => {
  it.effect("P11 codex: what a turn has changed in files is told as one diff, which grows with each edit", () =>
    Effect.gen(function*() {
      const { model, start } = yield* CodexSessions
      const add = (name: string) =>
        `text(await tools.apply_patch("*** Begin Patch\\n*** Add File: ${name}\\n+blue\\n*** End Patch\\n"));`
      yield* model.on("change two", code(`${add("walnut.txt")} ${add("lantern.txt")}`))
      const driven = yield* start({ runtimeMode: "full-access" })
      const turnId = yield* driven.send("change two")
      yield* driven.ending
      const diffs = told(driven, "DiffUpdated")
      assert.isTrue(diffs.every((event) => event.turnId === turnId))
      assert.notInclude(diffs[0]?.diff, "lantern.txt")
      for (const words of ["walnut.txt", "lantern.txt", "+blue"]) assert.include(diffs.at(-1)?.diff, words)
    }))

  it.effect("P16 codex: each call of the model says what the turn has used so far, and how full its context is", () =>
    Effect.gen(function*() {
      const { model, start } = yield* CodexSessions
      yield* model.on("call twice", code(`text("hi")`))
      const driven = yield* start()
      yield* driven.run("call twice")
      assert.deepStrictEqual(told(driven, "UsageUpdated").map(({ usage }) => [usage.input, usage.output]), [
        [10, 5],
        [20, 10]
      ])
      assert.deepStrictEqual(told(driven, "ContextUpdated").map(({ used }) => used), [15, 15])
    }))

  it.effect("P15 codex: the title that the app gives a session is told as the session's own", () =>
    Effect.gen(function*() {
      const { start } = yield* CodexSessions
      const driven = yield* start({ title: "Walnuts" })
      yield* driven.run("hello")
      assert.deepStrictEqual(told(driven, "TitleUpdated").map(({ title }) => title), ["Walnuts"])
    }))

  it.effect("P15 codex: one that is older than what the adapter needs is refused by its version", () =>
    Effect.gen(function*() {
      const { directory, home, model } = yield* CodexSessions
      const executable = yield* Binary.find({ instanceId: InstanceId.make("codex"), path: env["PATH"] })
      const { startSession } = yield* Codex.make({
        binary: yield* RealAgent.disguised(directory, executable, { from: "0.171.0", to: "0.1.0" }),
        isolated: { folder: home },
        config: codexConfig(model),
        env: { SCRIPTED_API_KEY: "scripted-key" }
      })
      const refused = yield* Effect.flip(startSession({
        threadId: ThreadId.make("old"),
        directory,
        runtimeMode: "full-access",
        projectConfig: "instructions",
        from: { _tag: "New" }
      }))
      assert.deepInclude(refused, { _tag: "AgentTooOld", found: "0.1.0" })
    }))
})
