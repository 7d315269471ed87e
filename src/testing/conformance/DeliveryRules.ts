/**
 * How a turn reaches the agent where the answer to it may be lost.
 */
import { Effect } from "effect"
import { TurnId } from "../../domain/Ids.ts"
import { isTerminal } from "../../domain/ThreadEvent.ts"
import { listen, within } from "./Bench.ts"
import { equal, need } from "./Check.ts"
import type { Rule } from "./Rule.ts"

export const rules: ReadonlyArray<Rule> = [
  {
    id: "turn/resend",
    promise: "P5",
    title: "a turn that is sent again is taken once, and one that is over has its end told again",
    applies: ({ resend }) => resend,
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        const received = yield* need(host.controls, "received")
        const { awaitEvent, seen, session } = yield* listen(host)
        const turnId = TurnId.make("turn-resend")
        const prompt = bench.prompts.say("only once")
        const turn = { turnId, ref: yield* session.turnRef(turnId), input: { prompt } }
        const ends = Effect.map(
          seen,
          (events) => events.filter((event) => isTerminal(event) && event.turnId === turnId)
        )
        const send = Effect.suspend(() => within(bench, "sendTurn to return", session.sendTurn(turn)))
        const end = (count: number) =>
          within(
            bench,
            `${count} reports of the end of the turn`,
            Effect.repeat(Effect.andThen(Effect.sleep("10 millis"), ends), { until: (found) => found.length >= count })
          )
        yield* send
        yield* end(1)
        yield* send
        yield* end(2)
        yield* equal(yield* received(prompt), 1, "how often the agent took the turn")
        yield* awaitEvent("the end of the turn", (event) => event._tag === "TurnCompleted")
      }))
  }
]
