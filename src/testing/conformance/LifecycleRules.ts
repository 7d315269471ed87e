/**
 * A scope that closes ends everything of its session, at any time and any number of times, and nothing of another one.
 */
import { Effect, Schedule } from "effect"
import { ThreadId } from "../../domain/Ids.ts"
import type { ProviderEvent } from "../../domain/ThreadEvent.ts"
import { cursorOf, endsTurn, listen, run, send, start, startsItem, stop, within } from "./Bench.ts"
import { equal, expect, need, Violated } from "./Check.ts"
import type { Rule } from "./Rule.ts"

/** The tasks that were started and have not ended. */
const running = (events: ReadonlyArray<ProviderEvent>): ReadonlyArray<string> => {
  const tasks = new Map<string, string>()
  for (const event of events) {
    if (event._tag === "TaskStarted") tasks.set(event.task.taskId, event.task.title)
    if (event._tag === "TaskEnded") tasks.delete(event.task.taskId)
  }
  return Array.from(tasks.values())
}

export const rules: ReadonlyArray<Rule> = [
  {
    id: "close/twice",
    promise: "P8",
    title: "closing a session's scope succeeds, and again, and late; a newer handle of the session lives on",
    assumes: ["cursor/offered"],
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        const first = yield* listen(host)
        yield* first.run(bench.prompts.say("one"))
        const cursor = yield* cursorOf(first)
        const exits = yield* Effect.all([first.close, first.close], { concurrency: 2 })
        const second = yield* listen(host, { from: { _tag: "Resume", cursor } })
        exits.push(yield* first.close)
        yield* equal(exits.map((exit) => exit._tag), ["Success", "Success", "Success"], "how the closes end")
        yield* second.run(bench.prompts.say("two"))
        yield* start(host)
        yield* Effect.all([stop(host), stop(host)], { concurrency: 2 })
        yield* stop(host)
      }))
  },
  {
    id: "close/busy",
    promise: "P8",
    title: "closing a session's scope in the middle of a turn stops the turn, and the session can be resumed",
    assumes: ["cursor/offered", "close/twice"],
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        const first = yield* listen(host)
        yield* first.run(bench.prompts.say("one"))
        const cursor = yield* cursorOf(first)
        const turnId = yield* first.send(bench.prompts.slow)
        yield* first.awaitEvent("the answer to begin", startsItem(turnId))
        yield* equal((yield* first.close)._tag, "Success", "how the close ends")
        const second = yield* listen(host, { from: { _tag: "Resume", cursor } })
        const text = yield* second.run(bench.prompts.say("two"))
        yield* expect(text.includes("two"), "the answer of the next turn", text)
      }))
  },
  {
    id: "close/process",
    promise: "P10",
    title: "what a session starts ends with it: three sessions, one after the other, leave no more than the first",
    assumes: ["orphans"],
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        const processes = Effect.map(yield* need(host.controls, "processes"), (alive) => alive.length)
        const session = Effect.gen(function*() {
          const { close, run } = yield* listen(host)
          yield* run(bench.prompts.say("one"))
          yield* close
        })
        yield* session
        // A process that all sessions share may stay.
        const first = yield* processes
        for (const which of ["second", "third"]) {
          yield* session
          yield* within(
            bench,
            `at most ${first} processes after the ${which} session`,
            Effect.repeat(processes, { until: (count) => count <= first, schedule: Schedule.spaced("20 millis") })
          )
        }
      }))
  },
  {
    id: "background/idle",
    promise: "P9",
    title: "an agent that works on nothing beside its turns has no task that runs",
    assumes: ["interrupt/streaming"],
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        const { awaitEvent, run, seen, send, session } = yield* listen(host)
        const idle = (when: string) => Effect.flatMap(seen, (events) => equal(running(events), [], `tasks ${when}`))
        yield* run(bench.prompts.say("one"))
        yield* idle("after a turn")
        const turnId = yield* send(bench.prompts.slow)
        yield* awaitEvent("the answer to begin", startsItem(turnId))
        yield* within(bench, "interruptTurn to return", session.interruptTurn(turnId))
        yield* awaitEvent("the end of the turn", endsTurn(turnId))
        yield* idle("after an interrupt")
      }))
  },
  {
    id: "background/busy",
    promise: "P9",
    title: "work beside the turns is a task from its start to its end",
    applies: ({ tasks }) => tasks,
    assumes: ["background/idle"],
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        const begin = yield* need(host.controls, "backgroundWork")
        const { awaitEvent, run, session } = yield* listen(host)
        yield* run(bench.prompts.say("one"))
        const { task } = yield* Effect.scoped(
          Effect.andThen(begin(session.sessionId), awaitEvent("TaskStarted", (event) => event._tag === "TaskStarted"))
        )
        const ends = (event: ProviderEvent): event is Extract<ProviderEvent, { readonly _tag: "TaskEnded" }> =>
          event._tag === "TaskEnded" && event.task.taskId === task.taskId
        const ended = yield* awaitEvent("TaskEnded", ends)
        yield* expect(ended.task.status !== "running", "a task that has ended", ended.task)
      }))
  },
  {
    id: "orphans",
    promise: "P10",
    title: "no process outlives its session or its host",
    prove: Effect.fnUntraced(function*(bench) {
      const { processes } = yield* bench.onHost(Effect.fnUntraced(function*(host) {
        const processes = yield* need(host.controls, "processes")
        yield* start(host)
        yield* run(host, bench.prompts.say("one"))
        yield* send(host, bench.prompts.hang)
        yield* expect((yield* processes).length > 0, "a process of the agent while a turn runs", "none")
        return { processes }
      }))
      yield* equal(yield* processes, [], "processes after the host has ended")
    })
  },
  {
    id: "scale/fifty",
    promise: "P8",
    title: "fifty sessions at once, or as many as the fixture says: each has its own turn, and no other's",
    prove: (bench) =>
      bench.onHost((one) => {
        const host = { ...one, bench: { ...bench, patience: 5 * bench.patience } }
        return Effect.forEach(
          Array.from({ length: bench.sessions }, (_, n) => n),
          Effect.fnUntraced(function*(n) {
            const threadId = ThreadId.make(`thread-${n}`)
            const words = `number ${n} speaks`
            yield* start(host, { threadId })
            const { text } = yield* run(host, bench.prompts.say(words), threadId)
            if (!text.includes(words)) return yield* new Violated({ expected: words, seen: text })
            const { status } = yield* host.agents.getThread({ threadId })
            yield* expect(status !== "stopped", "a live thread", status)
          }),
          { concurrency: "unbounded", discard: true }
        )
      })
  }
]
