/**
 * What the tests of every ACP agent share: a scripted model, a home of the agent's own that its sessions survive in,
 * and the controls that reach behind the adapter.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Context, Effect, FileSystem, Layer } from "effect"
import * as Processes from "../../examples/support/Processes.ts"
import type { Controls } from "../../src/testing/Conformance.ts"
import { type ModelScript, ScriptedModel } from "../../src/testing/index.ts"
import * as RealAgent from "../support/RealAgent.ts"

export class World extends Context.Service<World, {
  readonly model: ScriptedModel["Service"]
  readonly processes: Processes.Processes
  /** Where its sessions survive it. */
  readonly home: string
}>()("test/agents/AcpWorld") {
  static readonly layer = (script: ModelScript.ModelScript) =>
    Layer.effect(
      this,
      Effect.gen(function*() {
        const fs = yield* FileSystem.FileSystem
        return {
          model: yield* ScriptedModel.make(script),
          processes: yield* Processes.make,
          home: yield* fs.realPath(yield* fs.makeTempDirectoryScoped({ prefix: "acp-home-" }))
        }
      })
    ).pipe(Layer.provide(NodeServices.layer))
}

/** `named` is what of a session's id its files have in their names. */
export const controls = (
  { home, model, processes }: World["Service"],
  named: (sessionId: string) => string = (sessionId) => sessionId
): Controls => ({
  loseSession: (sessionId) => RealAgent.removeSession(home, named(sessionId)),
  // Agents wrap a prompt, in a line of its own. Some ask for a title of it first, without tools to speak of, and Grok for a
  // line about the answer afterwards, in words of its own.
  received: (prompt) =>
    Effect.map(
      model.requests,
      (all) => all.filter(({ messages, toolNames }) => toolNames.length > 1 && isUnanswered(messages, prompt)).length
    ),
  ...RealAgent.processes(processes)
})

/** Whether the model has not said anything to this prompt yet. */
const isUnanswered = (messages: ReadonlyArray<{ readonly role: string; readonly text: string }>, prompt: string) => {
  const at = messages.findLastIndex(({ role, text }) => role === "user" && text.split("\n").includes(prompt))
  return at !== -1 && messages.slice(at + 1).every(({ role }) => role !== "assistant" && role !== "tool")
}
