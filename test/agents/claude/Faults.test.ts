/** What goes wrong around a turn, on the real binary: its model, its process, its interrupt. */
import { Effect, Layer, ManagedRuntime } from "effect"
import { kill } from "node:process"
import { afterAll, describe, it } from "vitest"
import { Claude } from "../../../src/claude/index.ts"
import type { ProviderEvent } from "../../../src/domain/ThreadEvent.ts"
import type { TurnFailure } from "../../../src/domain/TurnFailure.ts"
import { Conformance, conformance, ModelReply } from "../../../src/testing/index.ts"
import { fixture, optionsOf, script, World } from "./ConformingClaude.ts"

const runtime = ManagedRuntime.make(World.layer)
afterAll(() => runtime.dispose())

const world = Effect.promise(() => runtime.runPromise(World))

const { Bench: { cursorOf, endsTurn, listen }, Check: { equal, expect } } = Conformance

/** How a turn fails whose model answers so. */
const failing = Effect.fnUntraced(function*(listener: Conformance.Bench.Listener, reply: ModelReply.Reply) {
  const { model } = yield* world
  // After a failure Claude sends the prompts of both turns as one.
  yield* model.script((request) => request.lastUserText.includes("the worst") ? reply : script(request))
  const turnId = yield* listener.send("say the worst")
  const ending = yield* listener.awaitEvent("the end of the turn", endsTurn(turnId))
  yield* model.script(script)
  return ending._tag === "TurnFailed" ? ending.failure : ending
})

type Summary = readonly [string, number | undefined, boolean | undefined]

const summary = (failure: TurnFailure | { readonly _tag: string }): Summary => [
  failure._tag,
  "status" in failure ? failure.status : undefined,
  "retryable" in failure ? failure.retryable : undefined
]

const tooLong = ModelReply.error(400, { message: "prompt is too long: 250000 tokens > 200000 maximum" })

const costOf = (event: ProviderEvent) => event._tag === "TurnCompleted" ? event.usage.costUsd ?? 0 : 0

const rules: ReadonlyArray<Conformance.Rule> = [
  {
    id: "claude/errors",
    promise: "P4",
    title: "each error of the model's provider fails its turn by its own name, and the session goes on",
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        const listener = yield* listen(host, { compaction: { auto: false } })
        const failed: Array<Summary> = []
        for (const status of [400, 401, 404, 429, 500, 529]) {
          failed.push(summary(yield* failing(listener, ModelReply.error(status))))
        }
        failed.push(summary(yield* failing(listener, tooLong)))
        yield* equal(failed, [
          ["ModelFailed", 400, false],
          ["LoginRequired", undefined, undefined],
          ["Refused", undefined, undefined],
          ["ModelFailed", 429, true],
          ["ModelFailed", 500, true],
          ["Overloaded", undefined, undefined],
          ["ContextOverflow", undefined, undefined]
        ], "how the turns failed: name, status, retryable")
        yield* listener.run(bench.prompts.say("and on"))
      }))
  },
  {
    id: "claude/too-long",
    promise: "P4",
    title: "a prompt that is too long with compaction on is compacted and tried again, and then fails as such",
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        const listener = yield* listen(host)
        yield* listener.run(bench.prompts.say("one"))
        yield* listener.run(bench.prompts.say("two"))
        const failure = yield* failing(listener, tooLong)
        yield* equal(failure._tag, "ContextOverflow", "how it failed")
        yield* listener.run(bench.prompts.say("and on"))
      }))
  },
  {
    id: "claude/cut",
    promise: "P4",
    title: "an answer that is cut off is asked for again, and the turn completes",
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        const { model } = yield* world
        const { run } = yield* listen(host)
        yield* model.next(ModelReply.cut("Half an an"))
        yield* equal(yield* run(bench.prompts.say("whole")), "whole", "what it says")
      }))
  },
  {
    id: "claude/refused",
    promise: "P4",
    title: "a model that refuses connections fails the turn as one that may be tried again",
    prove: (bench) =>
      bench.onHost(
        Effect.fnUntraced(function*(host) {
          const listener = yield* listen(host, { setup: { environment: { ANTHROPIC_BASE_URL: "http://127.0.0.1:9" } } })
          const turnId = yield* listener.send(bench.prompts.say("one"))
          const ending = yield* listener.awaitEvent("the end of the turn", endsTurn(turnId))
          const failure = ending._tag === "TurnFailed" ? summary(ending.failure) : ending._tag
          yield* equal(failure, ["ModelFailed", undefined, true], "how it failed")
        })
      )
  },
  {
    id: "claude/login",
    promise: "P4",
    title: "without a key or a login the turn fails as such",
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        const listener = yield* listen(host, { setup: { environment: { ANTHROPIC_API_KEY: "" } } })
        const turnId = yield* listener.send(bench.prompts.say("one"))
        const ending = yield* listener.awaitEvent("the end of the turn", endsTurn(turnId))
        yield* equal(ending._tag === "TurnFailed" ? ending.failure._tag : ending._tag, "LoginRequired", "how it failed")
      }))
  },
  {
    id: "claude/check",
    promise: "P15",
    title: "a check names the credential that is used",
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*({ adapter }) {
        const checked = yield* adapter.check ?? Effect.undefined
        yield* equal([checked?.version, checked?.tested, checked?.login, checked?.account], [
          "2.1.332",
          true,
          "in",
          "ANTHROPIC_API_KEY"
        ], "version, whether it is tested, login, account")
      }))
  },
  {
    id: "claude/interrupt-early",
    promise: "P4",
    title: "an interrupt right behind the prompt ends the turn, ten times of ten",
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        const { awaitEvent, run, send, session } = yield* listen(host)
        for (let time = 0; time < 10; time++) {
          const turnId = yield* send(bench.prompts.hang)
          yield* session.interruptTurn(turnId)
          const ending = yield* awaitEvent("the end of the turn", endsTurn(turnId))
          yield* equal(ending._tag, "TurnInterrupted", "how it ends")
        }
        yield* run(bench.prompts.say("and on"))
      }))
  },
  {
    id: "claude/cost",
    promise: "P16",
    title: "a turn's cost is its own, also after a resume, and counts its subagents",
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        const costs = Effect.fnUntraced(function*(listener: Conformance.Bench.Listener, prompt: string) {
          const turnId = yield* listener.send(prompt)
          const ending = yield* listener.awaitEvent("the end of the turn", endsTurn(turnId))
          return costOf(ending)
        })
        const first = yield* listen(host)
        const one = yield* costs(first, bench.prompts.say("one"))
        const two = yield* costs(first, bench.prompts.say("two"))
        const cursor = yield* cursorOf(first)
        yield* first.close
        const again = yield* listen(host, { from: { _tag: "Resume", cursor } })
        const three = yield* costs(again, bench.prompts.say("three"))
        const four = yield* costs(again, (bench.prompts.subagent ?? bench.prompts.run)("echo four"))
        yield* expect(one > 0, "a cost", one)
        // Calls of the scripted model cost the same, so a turn of one call costs what another does.
        yield* equal([two, three].map((cost) => Math.round(cost / one)), [1, 1], "the costs of turns of one call")
        yield* equal(Math.round(four / one), 4, "the cost of a turn of two calls whose subagent makes two")
      }))
  },
  {
    id: "claude/killed",
    promise: "P10",
    title: "what a Claude that is killed leaves running in the background ends with its session",
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        const { processes } = yield* world
        const { close, ended, run } = yield* listen(host)
        yield* run((bench.prompts.background ?? bench.prompts.run)("sleep 86400"))
        const alive = yield* processes.alive
        const sleeping = alive.filter(({ command }) => command.includes("sleep 86400"))
        yield* expect(sleeping.length > 0, "a command in the background", alive)
        const claude = alive.filter(({ command }) => command.includes("--input-format"))
        yield* Effect.forEach(claude, ({ pid }) => Effect.sync(() => kill(pid, "SIGKILL")))
        yield* ended
        yield* close
        yield* equal((yield* processes.left).map(({ command }) => command), [], "what is left")
      }))
  }
]

conformance(
  "claude",
  Layer.unwrap(Effect.map(world, (world) => Claude.layer(optionsOf(world)))),
  fixture(world),
  { describe, it, rules }
)
