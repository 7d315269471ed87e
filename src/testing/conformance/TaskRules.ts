/**
 * Work that goes on after the turn that began it: it is told as a task, its item leaves the turn, and it can be stopped.
 */
import { Effect } from "effect"
import type { ThreadEvent } from "../../domain/ThreadEvent.ts"
import {
  awaitEvent,
  awaitOf,
  type Host,
  is,
  run,
  runFreely,
  startFreely,
  stop,
  stored,
  thread,
  within
} from "./Bench.ts"
import { equal, expect, needPrompt, Violated } from "./Check.ts"
import type { Rule } from "./Rule.ts"

/** Longer than any patience. */
const long = "sleep 86400"

/** A turn that has left a command running, and what is told of it. */
const leaveRunning = Effect.fnUntraced(function*(host: Host) {
  const prompt = (yield* needPrompt(host.bench.prompts, "background"))(long)
  yield* startFreely(host)
  const { ending, turnId } = yield* runFreely(host, prompt)
  yield* equal(ending._tag, "TurnCompleted", "how its turn ends")
  const { task } = yield* awaitOf(host, turnId, "TaskStarted")
  const { itemId } = task
  if (itemId === undefined) return yield* new Violated({ expected: "a task with its item", seen: task })
  return { turnId, task, itemId }
})

const ofItem = (itemId: string) => (event: ThreadEvent) => "item" in event && event.item.itemId === itemId

export const rules: ReadonlyArray<Rule> = [
  {
    id: "item/detached",
    promise: "P16",
    title: "a command that outlives its turn leaves it before its end, and is completed once at most, without a turn",
    applies: ({ tasks }) => tasks,
    assumes: ["events/ids"],
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        const { itemId, turnId } = yield* leaveRunning(host)
        yield* run(host, bench.prompts.say("and on"))
        const before = (yield* stored(host)).filter((event) =>
          ofItem(itemId)(event) || (event._tag === "TurnCompleted" && event.turnId === turnId)
        )
        yield* equal(
          before.map((event) => [event._tag, "turnId" in event && event.turnId === turnId]),
          [["ItemStarted", true], ["ItemDetached", true], ["TurnCompleted", true]],
          "what is told of the item, and whether as of its turn"
        )
        yield* stop(host)
        const ends = (yield* stored(host)).filter(is("ItemCompleted")).filter(ofItem(itemId))
        yield* equal(ends.map((event) => event.turnId ?? "none"), ["none"], "the turns of its completions")
        const turns = yield* host.agents.readTranscript({ threadId: thread })
        const holding = turns.filter(({ items }) => items.some((item) => item.itemId === itemId))
        yield* equal(holding.map((turn) => turn.turnId), [turnId], "the turn that has it in the transcript")
      }))
  },
  {
    id: "task/stop",
    promise: "P9",
    title: "a command that outlives its turn is a task, which ends when it is told to stop",
    applies: ({ tasks }) => tasks,
    assumes: ["item/detached", "background/busy"],
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        const { itemId, task: { taskId } } = yield* leaveRunning(host)
        yield* within(bench, "stopTask to return", host.agents.stopTask({ threadId: thread, taskId }))
        const ended = yield* awaitEvent(
          host,
          "TaskEnded",
          (event): event is Extract<ThreadEvent, { readonly _tag: "TaskEnded" }> =>
            event._tag === "TaskEnded" && event.task.taskId === taskId
        )
        yield* expect(ended.task.status === "stopped", "a task that was stopped", ended.task)
        yield* run(host, bench.prompts.say("and on"))
        const all = yield* stored(host)
        yield* equal(all.filter(is("TaskEnded")).length, 1, "ends of the task")
        const ends = all.filter(is("ItemCompleted")).filter(ofItem(itemId))
        yield* equal(ends.map(({ turnId }) => turnId ?? "none"), ["none"], "the turns of the item's completions")
      }))
  }
]
