/** A turn whose fate is not known, sent again to the real binary, which takes a repeated line once. */
import { Effect } from "effect"
import { TurnId } from "../../../src/domain/Ids.ts"
import { Conformance, ModelReply } from "../../../src/testing/index.ts"
import * as RealAgent from "../../support/RealAgent.ts"
import { script } from "./ConformingClaude.ts"
import { onClaude } from "./OnClaude.ts"

const { Bench: { cursorOf, endsTurn, listen, within }, Check: { equal, expect } } = Conformance

onClaude((world) => [
  {
    id: "claude/resend-killed",
    promise: "P5",
    title:
      "a turn whose process is killed after its line was written is settled by sending it again, and never awaited",
    assumes: ["turn/resend"],
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        const { model, processes } = yield* world
        const first = yield* listen(host)
        yield* first.run(bench.prompts.say("green kettle"))
        const cursor = yield* cursorOf(first)
        const turnId = TurnId.make("turn-killed")
        const prompt = bench.prompts.say("the line")
        const turn = { turnId, ref: yield* first.session.turnRef(turnId), input: { prompt } }
        yield* model.script((request) => request.lastUserText.includes(prompt) ? ModelReply.hang : script(request))
        yield* Effect.forkScoped(Effect.exit(first.session.sendTurn(turn)))
        yield* within(
          bench,
          "the prompt at the model",
          model.awaitRequest((asked) => asked.lastUserText.includes(prompt))
        )
        yield* RealAgent.processes(processes).crashAgent()
        yield* first.ended
        yield* first.close
        yield* model.script(script)

        const second = yield* listen(host, { from: { _tag: "Resume", cursor } })
        yield* within(bench, "sendTurn to return", second.session.sendTurn(turn))
        const ending = yield* second.awaitEvent("the end of the turn", endsTurn(turnId))
        yield* second.run(bench.prompts.say("and on"))
        const ends = (yield* second.seen).filter(endsTurn(turnId))
        yield* equal(ends.map(({ _tag }) => _tag), [ending._tag], "terminal events")
        const { messages } = yield* within(bench, "the history", second.session.history)
        const lines = messages.flatMap(({ items }) => items).filter((item) =>
          item._tag === "UserMessage" && item.text.includes(prompt)
        )
        yield* expect(lines.length === 1, "the line once in the conversation", { lines, ending })
      }))
  }
])
