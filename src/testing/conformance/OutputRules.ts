/**
 * What is told of a turn while it runs: the output of its commands, and the calls of its model.
 */
import { Effect, Fiber, Stream } from "effect"
import type { ItemId } from "../../domain/Ids.ts"
import { isTerminal, type ThreadEvent } from "../../domain/ThreadEvent.ts"
import {
  awaitEvent,
  type Host,
  interrupt,
  is,
  run,
  runFreely,
  send,
  startFreely,
  stored,
  thread,
  within
} from "./Bench.ts"
import { equal, expect, Violated } from "./Check.ts"
import type { Rule } from "./Rule.ts"

type Delta = Extract<ThreadEvent, { readonly _tag: "ItemDelta" }>

const isOutput = (event: ThreadEvent): event is Delta => event._tag === "ItemDelta" && event.field === "output"

/** The agent has left some out, and says so. */
const isLost = (event: ThreadEvent) => event._tag === "Gap" && event.lost === "deltas"

/** The output that is told with deltas, by item; each must go on where it stood. An update of the whole item says anew. */
const joined = Effect.fnUntraced(function*(events: ReadonlyArray<ThreadEvent>) {
  const whole = new Map<ItemId, string>()
  const outputs = new Map<ItemId, string>()
  for (const event of events) {
    if ((event._tag === "ItemStarted" || event._tag === "ItemUpdated") && "output" in event.item) {
      whole.set(event.item.itemId, event.item.output ?? "")
    }
    if (!isOutput(event)) continue
    const { delta, itemId, offset } = event
    const before = offset === 0 ? "" : whole.get(itemId) ?? outputs.get(itemId) ?? ""
    yield* equal(offset, before.length, "a delta's offset")
    outputs.set(itemId, before + delta)
    whole.delete(itemId)
  }
  return outputs
})

const brought = Effect.fnUntraced(function*(host: Host, turnId: string) {
  return (yield* stored(host)).filter(is("StepEnded")).flatMap((event) =>
    event.turnId === turnId ? [event.brought] : []
  )
})

export const rules: ReadonlyArray<Rule> = [
  {
    id: "events/output",
    promise: "P11",
    title:
      "deltas of a command's output, joined, are how its output begins, or a gap says so; a late reader has them as one",
    assumes: ["events/deltas"],
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        const { agents } = host
        yield* startFreely(host)
        const reader = yield* agents.streamEvents({ threadId: thread }).pipe(
          Stream.takeUntil(isTerminal),
          Stream.runCollect,
          Effect.forkChild({ startImmediately: true })
        )
        yield* runFreely(host, bench.prompts.run("echo one; sleep 1; echo two"))
        const events = yield* within(bench, "the events of the turn", Fiber.join(reader))
        const outputs = yield* joined(events)
        for (const { item } of events.filter(is("ItemCompleted"))) {
          const told = outputs.get(item.itemId)
          if (told === undefined) continue
          const output = "output" in item ? item.output ?? "" : ""
          if (events.some(isLost) && !output.startsWith(told)) continue
          yield* expect(output.startsWith(told), `an output that begins with ${JSON.stringify(told)}`, item)
        }
        // An agent that shows no output while it comes has nothing for late readers.
        if (outputs.size === 0) return
        const { turnId } = yield* send(host, bench.prompts.run("sleep 1; echo three; sleep 86400"))
        const isOfTurn = (event: ThreadEvent): event is Delta => isOutput(event) && event.turnId === turnId
        const first = yield* Effect.raceFirst(
          awaitEvent(host, "output of a running command", isOfTurn),
          // Where commands are asked for.
          awaitEvent(
            host,
            "an approval",
            (event): event is Extract<ThreadEvent, { readonly _tag: "ApprovalRequested" }> =>
              event._tag === "ApprovalRequested" && event.turnId === turnId
          ).pipe(
            Effect.flatMap(({ request: { requestId } }) =>
              agents.respondToApproval({ threadId: thread, requestId, decision: { _tag: "AllowOnce" } })
            ),
            Effect.andThen(Effect.never)
          )
        )
        const late = yield* awaitEvent(host, "output for a late reader", isOfTurn)
        yield* equal([late.offset, late.field, late.itemId], [0, "output", first.itemId], "what a late reader has")
        yield* expect(late.delta.includes("three"), "all the output so far", late)
        yield* interrupt(host, turnId)
      }))
  },
  {
    id: "events/steps",
    promise: "P18",
    title: "each call of the model is told with what it brought",
    applies: ({ steps }) => steps,
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        yield* startFreely(host)
        const said = yield* run(host, bench.prompts.say("one"))
        yield* equal(
          yield* brought(host, said.turnId),
          ["text"],
          "what the calls of a turn that says something brought"
        )
        const ran = yield* runFreely(host, bench.prompts.run("echo two"))
        yield* equal(
          yield* brought(host, ran.turnId),
          ["tool", "text"],
          "what the calls of a turn that runs a command brought"
        )
        const loose = (yield* stored(host)).filter(is("StepEnded")).filter(({ turnId }) => turnId === undefined)
        if (loose.length > 0) return yield* new Violated({ expected: "each with its turn", seen: loose })
      }))
  }
]
