/**
 * What the tests of every ACP agent share: a scripted model, a home of the agent's own that its sessions survive in,
 * and the controls that reach behind the adapter.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Context, Effect, FileSystem, Layer, Path } from "effect"
import { kill } from "node:process"
import * as Processes from "../../examples/support/Processes.ts"
import type { Controls } from "../../src/testing/Conformance.ts"
import { type ModelScript, ScriptedModel } from "../../src/testing/index.ts"

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
  loseSession: (sessionId) => removeAll(home, named(sessionId)),
  // Agents wrap a prompt, in a line of its own. Some ask for a title of it first, without tools to speak of, and Grok for a
  // line about the answer afterwards, in words of its own.
  received: (prompt) =>
    Effect.map(
      model.requests,
      (all) => all.filter(({ messages, toolNames }) => toolNames.length > 1 && isUnanswered(messages, prompt)).length
    ),
  crashExit: { signal: "SIGKILL" },
  crashAgent: () =>
    Effect.flatMap(
      processes.alive,
      Effect.forEach(({ pid }) => Effect.sync(() => kill(pid, "SIGKILL")), { discard: true })
    ),
  processes: Effect.map(processes.left, (left) => left.map(({ pid }) => pid))
})

/** Whether the model has not said anything to this prompt yet. */
const isUnanswered = (messages: ReadonlyArray<{ readonly role: string; readonly text: string }>, prompt: string) => {
  const at = messages.findLastIndex(({ role, text }) => role === "user" && text.split("\n").includes(prompt))
  return at !== -1 && messages.slice(at + 1).every(({ role }) => role !== "assistant" && role !== "tool")
}

/** Everything in the home that is named after the session. */
const removeAll = (home: string, sessionId: string) =>
  Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    const files = yield* fs.readDirectory(home, { recursive: true })
    yield* Effect.forEach(
      files.filter((file) => path.basename(file).includes(sessionId)),
      (file) => fs.remove(path.join(home, file), { recursive: true, force: true })
    )
  }).pipe(Effect.orDie, Effect.provide(NodeServices.layer))
