/**
 * The OpenCode adapter on a real server with a scripted model: what the model says is chosen by the prompt, so all tests
 * of a file share one server. Sessions are driven through the adapter's contract, and tests wait on events.
 */
import { Context, Effect, Layer, type Scope } from "effect"
import { openCodeConfig } from "../../examples/support/OpenCodeConfig.ts"
import { ThreadId } from "../../src/domain/Ids.ts"
import { OpenCode } from "../../src/opencode/index.ts"
import type { ProviderAdapter, StartInput, StartSessionError } from "../../src/provider/ProviderAdapter.ts"
import { ModelReply, ModelScript, ScriptedModel } from "../../src/testing/index.ts"
import { drive, type Driven } from "./Driven.ts"
import { platform, workspace } from "./OpenCodeServer.ts"

export { cursorOf, drive, type Driven, type Ending, type EventOf, items } from "./Driven.ts"

export type Answer = ModelScript.ModelScript

export class OpenCodeSessions extends Context.Service<OpenCodeSessions, {
  readonly adapter: ProviderAdapter
  readonly model: ScriptedModel["Service"]
  /** What the model says when the last prompt holds this text; after a tool it says "Done." unless this says more. */
  readonly on: (text: string, answer: Answer) => Effect.Effect<void>
  readonly start: (input?: Partial<StartInput>) => Effect.Effect<Driven, StartSessionError, Scope.Scope>
  /** An empty workspace. */
  readonly directory: string
}>()("test/OpenCodeSessions") {
  static readonly layer = (options: Partial<OpenCode.Managed> = {}) =>
    Layer.effect(this, make(options)).pipe(Layer.provideMerge(platform))
}

/** A context that a scripted usage can fill: from 39,000 tokens on. */
const limit = { context: 40_000, output: 1_000 }

/** As much as makes OpenCode compact. */
export const full = { input: 39_500, output: 100 }

const make = Effect.fnUntraced(function*(options: Partial<OpenCode.Managed> = {}) {
  const answers = new Map<string, Answer>()
  const model = yield* ScriptedModel.make((request) => {
    const said = request.messages.filter(({ role }) => role === "user").map(({ text }) => text).join("\n")
    const last = Array.from(answers).map(([text, answer]) => ({ at: said.lastIndexOf(text), text, answer }))
      .filter(({ at }) => at !== -1)
      .toSorted((a, b) => b.at + b.text.length - a.at - a.text.length || b.text.length - a.text.length)[0]
    return last === undefined ? ModelReply.text(`echo: ${request.lastUserText}`) : last.answer(request)
  })
  const adapter = yield* OpenCode.make({
    isolated: true,
    stopDeadline: "3 seconds",
    ...options,
    config: { ...openCodeConfig(model, limit), ...options.config }
  })
  const directory = yield* workspace
  let threads = 0
  const start = (input: Partial<StartInput> = {}) =>
    adapter.startSession({
      threadId: ThreadId.make(`thread-${++threads}`),
      directory,
      runtimeMode: "approval-required",
      projectConfig: "instructions",
      title: "test",
      from: { _tag: "New" },
      ...input
    }).pipe(Effect.flatMap(drive))
  return OpenCodeSessions.of({
    adapter,
    model,
    directory,
    start,
    on: (text, answer) => Effect.sync(() => void answers.set(text, answer))
  })
})
