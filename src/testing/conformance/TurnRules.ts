/**
 * A turn that was accepted ends in exactly one terminal event, on every path.
 */
import { Effect, Equal, Struct } from "effect"
import { TurnId } from "../../domain/Ids.ts"
import {
  awaitOf,
  type Bench,
  endings,
  type Host,
  interrupt,
  listen,
  recall,
  run,
  send,
  start,
  startsItem,
  stop,
  stored,
  thread,
  within
} from "./Bench.ts"
import { equal, expect, need, refused, type Tagged } from "./Check.ts"
import * as LongText from "./LongText.ts"
import type { Rule } from "./Rule.ts"

/** Runs the prompt to an end with this tag, and shows that there is one and that the thread goes on in its epoch. */
const endsOnce = Effect.fnUntraced(function*(
  host: Host,
  prompt: string,
  tag: string,
  meanwhile: (turnId: TurnId) => Effect.Effect<unknown, Tagged> = () => Effect.void
) {
  const { end, epoch, turnId } = yield* send(host, prompt)
  yield* meanwhile(turnId)
  const event = yield* end
  yield* equal(event._tag, tag, `how "${prompt}" ends`)
  const next = yield* run(host, host.bench.prompts.say("and on"))
  yield* equal(next.epoch, epoch, "the epoch of the next turn")
  yield* equal(endings(yield* stored(host), turnId), [tag], "terminal events")
  return event
})

const onThread = (prove: (host: Host) => Effect.Effect<unknown, Tagged>): Rule["prove"] => (bench) =>
  bench.onHost((host) => Effect.andThen(start(host), Effect.asVoid(prove(host))))

export const rules: ReadonlyArray<Rule> = [
  {
    id: "turn/completed",
    promise: "P4",
    title: "a turn completes once, and its text is that of its last message",
    prove: onThread(Effect.fnUntraced(function*(host) {
      const words = "one two three"
      const { epoch, text, turnId } = yield* run(host, host.bench.prompts.say(words))
      yield* expect(text.includes(words), `a text with "${words}"`, text)
      const next = yield* run(host, host.bench.prompts.say("four"))
      yield* equal(next.epoch, epoch, "the epoch of the next turn")
      yield* equal(endings(yield* stored(host), turnId), ["TurnCompleted"], "terminal events")
    }))
  },
  {
    id: "turn/failed",
    promise: "P4",
    title: "a turn that fails ends as failed, and the session goes on",
    prove: onThread((host) => endsOnce(host, host.bench.prompts.fail, "TurnFailed"))
  },
  {
    id: "interrupt/silent",
    promise: "P4",
    title: "an interrupt right after the turn was accepted ends it",
    prove: onThread((host) =>
      endsOnce(host, host.bench.prompts.hang, "TurnInterrupted", (turnId) => interrupt(host, turnId))
    )
  },
  {
    id: "interrupt/streaming",
    promise: "P4",
    title: "an interrupt in the middle of an answer ends the turn",
    prove: onThread((host) =>
      endsOnce(
        host,
        host.bench.prompts.slow,
        "TurnInterrupted",
        (turnId) => Effect.andThen(awaitOf(host, turnId, "ItemStarted"), interrupt(host, turnId))
      )
    )
  },
  {
    id: "interrupt/twice",
    promise: "P4",
    title: "interrupts that come together or too late are harmless",
    assumes: ["interrupt/silent"],
    prove: onThread(Effect.fnUntraced(function*(host) {
      const { prompts } = host.bench
      yield* endsOnce(
        host,
        prompts.hang,
        "TurnInterrupted",
        (turnId) => Effect.all([interrupt(host, turnId), interrupt(host, turnId)], { concurrency: 2 })
      )
      const done = yield* run(host, prompts.say("done"))
      yield* interrupt(host, done.turnId)
      yield* equal(endings(yield* stored(host), done.turnId), ["TurnCompleted"], "terminal events")
    }))
  },
  {
    id: "interrupt/idle",
    promise: "P4",
    title: "an interrupt while no turn runs does nothing to the next one",
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        const { run, session } = yield* listen(host)
        yield* within(bench, "interruptTurn to return", session.interruptTurn(TurnId.make("nobody")))
        yield* run(bench.prompts.say("one"))
        yield* within(bench, "interruptTurn to return", session.interruptTurn(TurnId.make("nobody-else")))
        yield* run(bench.prompts.say("two"))
      }))
  },
  {
    id: "deadline/no-progress",
    promise: "P4",
    title: "a silent agent runs into the no-progress deadline, and its session goes on",
    assumes: ["interrupt/silent"],
    prove: (bench) =>
      bench.onHost(
        Effect.fnUntraced(function*(host) {
          yield* start(host)
          const ending = yield* endsOnce(host, bench.prompts.hang, "TurnFailed")
          yield* equal(
            ending._tag === "TurnFailed" && ending.failure,
            { _tag: "DeadlineExceeded", deadline: "no-progress", millis: deadline(bench) },
            "failure"
          )
        }),
        { noProgressDeadline: deadline(bench) }
      )
  },
  {
    id: "deadline/turn",
    promise: "P4",
    title: "a turn without end runs into the turn deadline, and its session goes on",
    assumes: ["interrupt/streaming"],
    prove: (bench) =>
      bench.onHost(
        Effect.fnUntraced(function*(host) {
          yield* start(host)
          const ending = yield* endsOnce(host, bench.prompts.slow, "TurnFailed")
          yield* equal(
            ending._tag === "TurnFailed" && ending.failure,
            { _tag: "DeadlineExceeded", deadline: "turn", millis: deadline(bench) },
            "failure"
          )
        }),
        { turnDeadline: deadline(bench) }
      )
  },
  {
    id: "turn/crash",
    promise: "P4",
    title: "an agent that dies in a turn ends it as failed, and the session is resumed",
    assumes: ["continuity/resumed"],
    prove: onThread(Effect.fnUntraced(function*(host) {
      const { prompts } = host.bench
      const crash = yield* need(host.controls, "crashAgent")
      yield* run(host, prompts.say("green kettle"))
      const { end, turnId } = yield* send(host, prompts.slow)
      yield* awaitOf(host, turnId, "ItemStarted")
      const { sessionId } = yield* host.agents.getThread({ threadId: thread })
      yield* crash(yield* Effect.fromNullishOr(sessionId))
      const event = yield* end
      yield* equal(event._tag, "TurnFailed", "how the turn ends")
      const next = yield* recall(host)
      yield* equal(next.continuity, { _tag: "Resumed" }, "continuity")
      yield* expect(next.text.includes("green kettle"), "the context from before the crash", next.text)
      yield* equal(endings(yield* stored(host), turnId), ["TurnFailed"], "terminal events")
    }))
  },
  {
    id: "exit/known",
    promise: "P4",
    title: "an agent that dies in a turn leaves its exit code or signal, which the turn's failure says",
    assumes: ["turn/crash"],
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        const crash = yield* need(host.controls, "crashAgent")
        const exit = yield* need(host.controls, "crashExit")
        const alone = yield* listen(host)
        const turnId = yield* alone.send(bench.prompts.slow)
        yield* alone.awaitEvent("the answer to begin", startsItem(turnId))
        yield* crash(alone.session.sessionId)
        yield* alone.ended
        const known = yield* within(bench, "the answer to exit", alone.session.exit)
        yield* same(known === undefined ? known : withoutWords(known), exit, "exit of the lost session")
        yield* alone.close

        yield* start(host)
        const sent = yield* send(host, bench.prompts.slow)
        yield* awaitOf(host, sent.turnId, "ItemStarted")
        const { sessionId } = yield* host.agents.startSession({ threadId: thread })
        yield* crash(sessionId)
        const ending = yield* sent.end
        const failure = ending._tag === "TurnFailed" && ending.failure._tag === "SessionLost"
          ? withoutWords(ending.failure)
          : ending
        yield* same(failure, { _tag: "SessionLost", ...exit }, "failure of the turn")
      }))
  },
  {
    id: "stop/busy",
    promise: "P4",
    title: "a stop in the middle of a turn interrupts it, and the session is resumed and takes the next turn",
    assumes: ["continuity/resumed"],
    prove: onThread(Effect.fnUntraced(function*(host) {
      const { prompts } = host.bench
      yield* run(host, prompts.say("green kettle"))
      const { end, turnId } = yield* send(host, prompts.hang)
      yield* Effect.all([stop(host), stop(host)], { concurrency: 2 })
      yield* equal((yield* end)._tag, "TurnInterrupted", "how the turn ends")
      const next = yield* recall(host)
      yield* equal(next.continuity, { _tag: "Resumed" }, "continuity")
      yield* equal(endings(yield* stored(host), turnId), ["TurnInterrupted"], "terminal events")
    }))
  },
  {
    id: "turn/once",
    promise: "P5",
    title: "a turn reaches the agent once",
    prove: onThread(Effect.fnUntraced(function*(host) {
      const received = yield* need(host.controls, "received")
      const prompt = host.bench.prompts.say("only once please")
      const before = yield* received(prompt)
      const turn = { threadId: thread, turnId: TurnId.make("turn-once"), prompt }
      const sent = within(host.bench, "the end of the turn", host.agents.runTurn(turn))
      yield* equal(yield* sent, yield* sent, "the answer to the same turn again")
      yield* refused(host.agents.runTurn({ ...turn, prompt: "another" }), ["TurnExists"], "another one under its id")
      yield* equal((yield* received(prompt)) - before, 1, "deliveries")
    }))
  },
  {
    id: "turn/literal",
    promise: "P1",
    title: "a prompt is words: what looks like a command of the agent's own interface reaches the model as text",
    assumes: ["turn/once"],
    prove: onThread(Effect.fnUntraced(function*(host) {
      const received = yield* need(host.controls, "received")
      const first = yield* run(host, host.bench.prompts.say("green kettle"))
      const { sessionId } = yield* host.agents.getThread({ threadId: thread })
      for (const prompt of ["/clear", "/compact", "!ls", "@file"]) {
        const before = yield* received(prompt)
        const { epoch } = yield* run(host, prompt)
        yield* equal((yield* received(prompt)) - before, 1, `how often the model heard "${prompt}"`)
        yield* equal(epoch, first.epoch, "the epoch of the turn")
      }
      const { text } = yield* recall(host)
      yield* expect(text.includes("green kettle"), "the context from before", text)
      yield* equal((yield* host.agents.getThread({ threadId: thread })).sessionId, sessionId, "the session")
      const compactions = (yield* stored(host)).filter(({ _tag }) => _tag.startsWith("Compaction"))
      yield* equal(compactions, [], "compactions")
    }))
  },
  {
    id: "turn/context",
    promise: "P12",
    title: "what a turn brings as context reaches the model whole, and is not among the user's words",
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        const { run, session } = yield* listen(host)
        const words = "orange lighthouse"
        yield* run(bench.prompts.say(words), { context: [LongText.text(bench.capabilities)] })
        // The words of the prompt itself may not be told from its context by an agent that recalls in the same turn.
        yield* LongText.isWhole(yield* run(bench.prompts.recall))
        if (!bench.capabilities.history) return
        const { messages } = yield* within(bench, "the history", session.history)
        const said = messages.flatMap(({ items }) => items).flatMap((item) =>
          item._tag === "UserMessage" && item.text.includes(words) ? [item.text] : []
        )
        yield* equal(said.map(LongText.isIn), [false], "the user's words that hold the context")
      }))
  }
]

/** The last words of an agent's log are its own. */
const withoutWords = <A extends { readonly stderr?: string }>(ending: A) => Struct.omit(ending, ["stderr"])

const same = (seen: unknown, wanted: object, what: string) =>
  expect(Equal.equals(seen, wanted), `${what}: ${JSON.stringify(wanted)}`, seen)

/** Long enough for a whole turn of the agent's, short enough to wait for. */
const deadline = (bench: Bench) => Math.min(Math.max(1500, bench.patience / 10), Math.floor(bench.patience / 4))
