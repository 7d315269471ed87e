/**
 * What the tests of every ACP agent share: a scripted model, a home of the agent's own that its sessions survive in,
 * and the controls that reach behind the adapter.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Context, Effect, FileSystem, Layer } from "effect"
import { env } from "node:process"
import * as Processes from "../../examples/support/Processes.ts"
import type { Acp } from "../../src/acp/index.ts"
import type { Controls } from "../../src/testing/Conformance.ts"
import { type ModelScript, ScriptedModel } from "../../src/testing/index.ts"
import * as CalledTools from "../support/CalledTools.ts"
import * as RealAgent from "../support/RealAgent.ts"
import * as Agent from "./Agent.ts"

export class World extends Context.Service<World, {
  readonly model: ScriptedModel["Service"]
  readonly processes: Processes.Processes
  /** Where its sessions survive it. */
  readonly home: string
  /** Leads to the agent under test. */
  readonly door: RealAgent.Door
}>()("test/agents/AcpWorld") {
  static readonly layer = (script: ModelScript.ModelScript) =>
    Layer.effect(
      this,
      Effect.gen(function*() {
        const fs = yield* FileSystem.FileSystem
        const home = yield* fs.realPath(yield* fs.makeTempDirectoryScoped({ prefix: "acp-home-" }))
        const { executable } = yield* Agent.load(env["AGENT"] ?? "")
        return {
          model: yield* ScriptedModel.make(script),
          processes: yield* Processes.make,
          home,
          door: yield* RealAgent.door(home, yield* executable(env["PATH"] ?? ""))
        }
      })
    ).pipe(Layer.provide(NodeServices.layer))
}

/** How the agent under test is started. A start that comes to nothing is given up within the patience of its fixture. */
export const launch = (
  { door, processes }: World["Service"],
  env: Readonly<Record<string, string>> = {}
): Pick<Acp.Options, "binary" | "startDeadline" | "env"> => ({
  binary: door.binary,
  startDeadline: "20 seconds",
  env: { ...processes.env, ...env }
})

/** `named` is what of a session's id its files have in their names. */
export const controls = (
  { door, home, model, processes }: World["Service"],
  named: (sessionId: string) => string = (sessionId) => sessionId
): Controls => ({
  unreachable: door.shut,
  offeredTools: Effect.map(model.requests, CalledTools.offered),
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
  // Grok numbers the lines of what it takes for a file.
  const lines = (text: string) => text.split("\n").map((line) => line.replace(/^\d+→/, ""))
  const at = messages.findLastIndex(({ role, text }) => role === "user" && lines(text).includes(prompt))
  return at !== -1 && messages.slice(at + 1).every(({ role }) => role !== "assistant" && role !== "tool")
}
