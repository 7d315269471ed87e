/**
 * Turns that the agent begins itself are turns as any other: told from their beginning to one end, and not to be joined.
 */
import { Effect, Option } from "effect"
import type { SessionId, TurnId } from "../../domain/Ids.ts"
import {
  awaitEvent,
  awaitOf,
  endings,
  type Host,
  interrupt,
  is,
  run,
  runFreely,
  send,
  start,
  stored,
  thread,
  within
} from "./Bench.ts"
import { equal, expect, need, refused, Violated } from "./Check.ts"
import type { Rule } from "./Rule.ts"

/** A session that knows something, and the control that makes its agent begin a turn. */
const idle = Effect.fnUntraced(function*(host: Host) {
  const begin = yield* need(host.controls, "beginTurn")
  yield* start(host)
  const { epoch } = yield* run(host, host.bench.prompts.say("one"))
  const { sessionId } = yield* host.agents.getThread({ threadId: thread })
  return { begin, epoch, sessionId: yield* Effect.fromNullishOr(sessionId) }
})

/** The turn that the agent begins, once it has told of it. */
const begun = Effect.fnUntraced(function*(
  host: Host,
  { begin, sessionId }: {
    readonly begin: (id: SessionId, prompt: string) => Effect.Effect<void>
    readonly sessionId: SessionId
  },
  prompt: string,
  known: ReadonlyArray<TurnId> = []
) {
  const { linger } = host.bench.prompts
  if (linger !== undefined) yield* runFreely(host, linger)
  yield* begin(sessionId, prompt)
  return yield* awaitEvent(
    host,
    "TurnBegan",
    (event): event is Extract<typeof event, { readonly _tag: "TurnBegan" }> =>
      event._tag === "TurnBegan" && !known.includes(event.turnId)
  )
})

export const rules: ReadonlyArray<Rule> = [
  {
    id: "turn/began",
    promise: "P4",
    title: "a turn that the agent begins is told from its beginning to one end, and recorded as its own",
    applies: ({ ownTurns }) => ownTurns,
    assumes: ["events/in-turn"],
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        const session = yield* idle(host)
        const { cause, turnId } = yield* begun(host, session, bench.prompts.say("by myself"))
        const ended = yield* within(
          bench,
          "an end of the turn that the agent began",
          Effect.raceFirst(
            awaitOf(host, turnId, "TurnCompleted"),
            Effect.raceFirst(awaitOf(host, turnId, "TurnFailed"), awaitOf(host, turnId, "TurnInterrupted"))
          )
        )
        yield* equal(ended._tag, "TurnCompleted", "how it ends")
        yield* run(host, bench.prompts.say("and on"))
        const all = yield* stored(host)
        yield* equal(endings(all, turnId), ["TurnCompleted"], "terminal events")
        const own = all.filter((event) => "turnId" in event && event.turnId === turnId).map(({ _tag }) => _tag)
        yield* equal([own[0], own.at(-1)], ["TurnBegan", "TurnCompleted"], "its first and its last event")
        const texts = all.filter(is("ItemCompleted")).flatMap(({ item, turnId: of }) =>
          of === turnId && item._tag === "AssistantMessage" ? [item.text] : []
        )
        yield* expect(texts.join("\n").includes("by myself"), "an item with what it said", texts)
        const record = Option.getOrUndefined(yield* Effect.orDie(host.store.getTurn(turnId)))
        yield* equal(
          [record?.status, record?.cause, record?.input === undefined],
          ["completed", cause, true],
          "its record: status, cause, no input"
        )
      }))
  },
  {
    id: "interrupt/began",
    promise: "P4",
    title: "a turn that the agent begins makes the thread busy, and an interrupt ends it",
    applies: ({ ownTurns }) => ownTurns,
    assumes: ["turn/began", "interrupt/streaming", "interrupt/idle"],
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        const session = yield* idle(host)
        const { turnId } = yield* begun(host, session, bench.prompts.slow)
        yield* awaitOf(host, turnId, "ItemStarted")
        const { status } = yield* host.agents.getThread({ threadId: thread })
        yield* equal(status, "running", "the thread's status meanwhile")
        const prompt = bench.prompts.say("two")
        yield* refused(host.agents.sendTurn({ threadId: thread, prompt }), ["TurnInProgress"], "a turn meanwhile")
        yield* interrupt(host, turnId)
        yield* awaitOf(host, turnId, "TurnInterrupted")
        const next = yield* run(host, prompt)
        yield* equal(next.epoch, session.epoch, "the epoch of the next turn")
        yield* equal(endings(yield* stored(host), turnId), ["TurnInterrupted"], "terminal events")
        // The agent has let go of it: it can begin another one.
        const again = yield* begun(host, session, bench.prompts.say("three"), [turnId])
        yield* awaitOf(host, again.turnId, "TurnCompleted")
        const sent = yield* send(host, bench.prompts.say("four"))
        if ((yield* sent.end)._tag !== "TurnCompleted") {
          return yield* new Violated({ expected: "a turn of ours afterwards", seen: yield* sent.end })
        }
      }))
  }
]
