/** What becomes of a session whose Claude ends early, on the real binary: killed in each state, or deaf to a stop. */
import { Effect, Fiber } from "effect"
import { kill } from "node:process"
import type { ProviderEvent } from "../../../src/domain/ThreadEvent.ts"
import { Conformance } from "../../../src/testing/index.ts"
import { onClaude } from "./OnClaude.ts"

const { Bench: { cursorOf, listen, within }, Check: { equal, expect } } = Conformance

type Listener = Conformance.Bench.Listener

type Tagged = { readonly _tag: string }

const comes = ({ awaitEvent }: Listener, tag: ProviderEvent["_tag"]) =>
  awaitEvent(tag, (event): event is ProviderEvent => event._tag === tag)

const { ask, background, hang, recall, run, say } = Conformance.PlainPrompts.full

const holding = { auto: true, gate: () => Effect.never }

const allowing = { auto: true, gate: () => Effect.succeed({ _tag: "Allow" as const, context: [] }) }

onClaude((world) => {
  const signal = Effect.fnUntraced(function*(name: NodeJS.Signals) {
    const { processes } = yield* world
    const alive = yield* processes.alive
    const claude = alive.filter(({ command }) => command.includes("--input-format"))
    yield* expect(claude.length === 1, "one Claude", alive)
    yield* Effect.forEach(claude, ({ pid }) => Effect.sync(() => kill(pid, name)), { discard: true })
  })

  const runs = (bench: Conformance.Bench.Bench, command: string) =>
    Effect.flatMap(world, ({ processes }) => within(bench, command, processes.awaitCommand(command)))

  const leavesNothing = Effect.gen(function*() {
    const { processes } = yield* world
    yield* equal((yield* processes.left).map(({ command }) => command), [], "what is left")
  })

  const resumed = Effect.fnUntraced(function*(host: Conformance.Bench.Host, cursor: unknown) {
    const again = yield* listen(host, { compaction: allowing, from: { _tag: "Resume", cursor } })
    const recalled = yield* again.run(recall)
    yield* expect(recalled.includes("violet anchor"), "what was said before", recalled)
    const asks = (yield* again.seen).filter(({ _tag }) => _tag === "ApprovalRequested" || _tag === "QuestionAsked")
    yield* equal(asks, [], "what it asks")
    return again
  })

  /** Of a Claude that is killed once a session with a past is in a state. */
  const killed = (
    id: string,
    title: string,
    reach: (listener: Listener, bench: Conformance.Bench.Bench) => Effect.Effect<unknown, Tagged>,
    { after = () => Effect.void, mode: runtimeMode = "full-access", promise = "P4" }: {
      readonly after?: (again: Listener) => Effect.Effect<unknown, Tagged>
      readonly mode?: "approval-required" | "full-access"
      readonly promise?: string
    } = {}
  ): Conformance.Rule => ({
    id: `claude/killed-${id}`,
    promise,
    title: `a Claude that is killed while ${title} is lost, leaves nothing, and its session is resumed`,
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        const listener = yield* listen(host, { runtimeMode, compaction: holding })
        yield* listener.run(say("violet anchor"))
        const cursor = yield* cursorOf(listener)
        yield* reach(listener, bench)
        yield* signal("SIGKILL")
        yield* listener.ended
        yield* equal((yield* listener.session.exit)?.signal, "SIGKILL", "how it ended")
        yield* listener.close
        yield* leavesNothing
        yield* after(yield* resumed(host, cursor))
      }))
  })

  return [
    {
      id: "claude/killed-starting",
      promise: "P4",
      title:
        "a Claude that is killed while it starts is a failed start that may be tried again, and the next one succeeds",
      prove: (bench) =>
        bench.onHost(Effect.fnUntraced(function*(host) {
          const starting = yield* Effect.forkScoped(Effect.result(listen(host)))
          yield* runs(bench, "--input-format")
          yield* signal("SIGKILL")
          const start = yield* Fiber.join(starting)
          const error = start._tag === "Failure" ? start.failure : start
          const seen = { tag: error._tag, retryable: "retryable" in error && error.retryable }
          yield* equal(seen, { tag: "AgentStartFailed", retryable: true }, "how the start fails")
          yield* leavesNothing
          yield* (yield* listen(host)).run(say("and on"))
        }))
    },
    killed("idle", "it is idle", () => Effect.void),
    killed("answering", "the model answers", (listener) =>
      Effect.gen(function*() {
        yield* listener.send(hang)
        const { model } = yield* world
        yield* model.awaitRequest(({ lastUserText }) => lastUserText === hang)
      })),
    killed(
      "running",
      "a command runs",
      (listener, bench) => Effect.andThen(listener.send(run("tail -f /dev/null")), runs(bench, "tail -f /dev/null")),
      { promise: "P10" }
    ),
    killed(
      "approval",
      "it waits for an approval",
      (listener) => Effect.andThen(listener.send(run("touch asked")), comes(listener, "ApprovalRequested")),
      {
        mode: "approval-required",
        promise: "P6"
      }
    ),
    killed(
      "question",
      "it waits for the answer to a question",
      (listener) => Effect.andThen(listener.send(ask("Which word?")), comes(listener, "QuestionAsked")),
      { promise: "P6" }
    ),
    killed(
      "compacting",
      "its compaction is held",
      (listener) => Effect.andThen(listener.session.compact, comes(listener, "CompactionStarted")),
      {
        promise: "P13",
        after: (again) => Effect.andThen(again.session.compact, comes(again, "CompactionCompleted"))
      }
    ),
    {
      id: "claude/killed-closing",
      promise: "P10",
      title: "a Claude that is killed while it is closed is closed, and so is the command that kept it",
      prove: (bench) =>
        bench.onHost(Effect.fnUntraced(function*(host) {
          const listener = yield* listen(host)
          yield* listener.run(say("violet anchor"))
          yield* listener.run(background("sleep 86404"))
          const cursor = yield* cursorOf(listener)
          const closing = yield* Effect.forkScoped(listener.close)
          // The end of its input is what Claude does not heed then.
          yield* listener.ended
          yield* signal("SIGKILL")
          yield* equal((yield* Fiber.join(closing))._tag, "Success", "how the session's scope closes")
          yield* leavesNothing
          yield* resumed(host, cursor)
        }))
    },
    {
      id: "claude/stop-background",
      promise: "P10",
      title: "a stop takes a command that was left running in the background, and the session is resumed",
      prove: (bench) =>
        bench.onHost(Effect.fnUntraced(function*(host) {
          const listener = yield* listen(host)
          yield* listener.run(say("violet anchor"))
          yield* listener.run(background("sleep 86405"))
          yield* runs(bench, "sleep 86405")
          const cursor = yield* cursorOf(listener)
          yield* equal((yield* listener.close)._tag, "Success", "how the session's scope closes")
          yield* leavesNothing
          yield* resumed(host, cursor)
        }))
    },
    {
      id: "claude/deaf",
      promise: "P8",
      title: "a Claude that hears nothing in the middle of a turn is killed at the deadline of its stop",
      prove: (bench) =>
        bench.onHost(Effect.fnUntraced(function*(host) {
          const listener = yield* listen(host)
          yield* listener.run(say("violet anchor"))
          const cursor = yield* cursorOf(listener)
          yield* listener.send(hang)
          yield* signal("SIGSTOP")
          yield* equal((yield* listener.close)._tag, "Success", "how the session's scope closes")
          yield* equal((yield* listener.session.exit)?.signal, "SIGKILL", "how it ended")
          yield* leavesNothing
          yield* resumed(host, cursor)
        }))
    }
  ]
})
