/**
 * No turn runs away: what the brake of the service counts is told by the agent, and a turn that the brake interrupts ends.
 */
import { Effect } from "effect"
import type { TurnLimits } from "../../domain/TurnLimits.ts"
import { endings, type Host, is, run, runFreely, start, startFreely, stored } from "./Bench.ts"
import { equal, expect, needPrompt, refused, type Tagged } from "./Check.ts"
import type { Rule } from "./Rule.ts"

/** Low, because an agent may wait between its calls. */
const max = 3

/** Runs the prompt to its only end, and shows that the session takes another one. */
const endsOnce = Effect.fnUntraced(function*(host: Host, prompt: string) {
  yield* startFreely(host)
  const { ending, epoch, turnId } = yield* runFreely(host, prompt)
  const next = yield* run(host, host.bench.prompts.say("and on"))
  yield* equal(next.epoch, epoch, "the epoch of the next turn")
  const events = yield* stored(host)
  yield* equal(endings(events, turnId), [ending._tag], "terminal events")
  return { ending, events: events.filter((event) => "turnId" in event && event.turnId === turnId) }
})

const limited = (
  limits: TurnLimits,
  prove: (host: Host) => Effect.Effect<void, Tagged>
): Rule["prove"] =>
(bench) => bench.onHost(prove, { limits })

export const rules: ReadonlyArray<Rule> = [
  {
    id: "limits/steps",
    promise: "P18",
    title: "calls of the model that bring nothing end their turn; of an agent that tells of none, the limit is refused",
    prove: limited(
      { emptySteps: max },
      Effect.fnUntraced(function*(host) {
        const { capabilities, prompts } = host.bench
        if (!capabilities.steps) {
          yield* refused(start(host), ["LimitUnenforceable"], "a start with a limit of empty steps")
          return
        }
        const { ending, events } = yield* endsOnce(host, yield* needPrompt(prompts, "nothing"))
        const empty = events.filter(is("StepEnded")).filter(({ brought }) => brought === "nothing")
        yield* expect(empty.length > 0, "a call of the model that is told to have brought nothing", events)
        // Some agents give up by themselves before.
        if (empty.length < max) return
        const failure = ending._tag === "TurnFailed" ? ending.failure : undefined
        yield* expect(
          failure?._tag === "ModelFailed" && failure.name === "EmptySteps" && failure.retryable,
          `the model's failure after ${max} empty steps`,
          ending
        )
      })
    )
  },
  {
    id: "limits/calls",
    promise: "P18",
    title: "a call that is made again and again ends its turn, and the session goes on",
    assumes: ["interrupt/streaming"],
    prove: limited(
      { identicalCalls: max },
      Effect.fnUntraced(function*(host) {
        const { ending } = yield* endsOnce(host, host.bench.prompts.loop("echo round"))
        yield* equal(
          ending._tag === "TurnFailed" && ending.failure,
          { _tag: "LimitReached", limit: "identical-calls", max },
          "failure"
        )
      })
    )
  }
]
