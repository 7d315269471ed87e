/**
 * The scripted model in a process of its own, so that neither its time nor its memory is the host's. Answers `deltas N`
 * with N chunks, anything else with one. Prints its URL, then serves until it is ended.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Console, Effect, Stream } from "effect"
import { ModelReply, ModelScript, ScriptedModel } from "../../src/testing/index.ts"

const script: ModelScript.ModelScript = ({ lastUserText }) => {
  const count = Number(/deltas (\d+)/.exec(lastUserText)?.[1] ?? 0)
  return count === 0
    ? ModelReply.text("done")
    : ModelReply.text(Stream.fromIterable(Array.from({ length: count }, () => "delta ")))
}

const program = Effect.gen(function*() {
  const model = yield* ScriptedModel.make(script)
  yield* Console.log(model.url)
  return yield* Effect.never
})

NodeRuntime.runMain(Effect.scoped(program))
