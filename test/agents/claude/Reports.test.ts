/** What the real Claude Code tells of a turn beside its items, how its model ends one, and that it is too old. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Clock, Effect, Layer } from "effect"
import { env } from "node:process"
import { Claude } from "../../../src/claude/index.ts"
import type { ProviderEvent } from "../../../src/domain/ThreadEvent.ts"
import { AgentProcesses } from "../../../src/process/AgentProcesses.ts"
import { Conformance, ModelReply } from "../../../src/testing/index.ts"
import * as RealAgent from "../../support/RealAgent.ts"
import { executable } from "./agent.ts"
import { delegates, optionsOf } from "./ConformingClaude.ts"
import { onClaude } from "./OnClaude.ts"

const { Bench: { endsTurn, listen, thread }, Check: { equal, expect, refused } } = Conformance

type Listener = Conformance.Bench.Listener

const told = <T extends ProviderEvent["_tag"]>({ seen }: Listener, tag: T) =>
  Effect.map(
    seen,
    (events) => events.filter((event): event is Extract<ProviderEvent, { readonly _tag: T }> => event._tag === tag)
  )

onClaude((world) => [
  {
    id: "claude/steps",
    promise: "P18",
    title: "each call of its model is told with what it brought, and with how full the context is",
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        const listener = yield* listen(host, { runtimeMode: "full-access" })
        yield* listener.run(bench.prompts.run("echo one"))
        const steps = yield* told(listener, "StepEnded")
        yield* equal(
          steps.map(({ brought, usage }) => [brought, usage?.output]),
          [["tool", 5], ["text", 5]],
          "the steps"
        )
        const usage = (yield* told(listener, "UsageUpdated")).map(({ usage }) => usage.output)
        yield* equal(usage, [5, 10], "the output of the turn so far")
        const full = (yield* told(listener, "ContextUpdated")).map(({ used }) => used)
        yield* equal(full, [15, 15], "tokens in the context")
      }))
  },
  {
    id: "claude/finish",
    promise: "P4",
    title: "an answer that meets the model's limit, or that the model's provider withholds, fails its turn as such",
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        const { model } = yield* world
        const listener = yield* listen(host)
        const ends = Effect.fnUntraced(function*(finish: ModelReply.Finish) {
          yield* model.on(`end by ${finish}`, ModelReply.text("Half an an", { finish }))
          const turnId = yield* listener.send(`end by ${finish}`)
          const ending = yield* listener.awaitEvent("the end of the turn", endsTurn(turnId))
          return ending._tag === "TurnFailed" ? ending.failure._tag : ending._tag
        })
        const failures = yield* Effect.forEach(["length", "content-filter"] as const, ends)
        yield* equal(failures, ["OutputTruncated", "OutputFiltered"], "how the turns fail")
        yield* listener.run(bench.prompts.say("and on"))
      }))
  },
  {
    id: "claude/title",
    promise: "P16",
    title: "the title that a session is given is told, once, and nothing of it is left unread",
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        const listener = yield* listen(host, { title: "Walnuts" })
        yield* listener.run(bench.prompts.say("one"))
        yield* equal((yield* told(listener, "TitleUpdated")).map(({ title }) => title), ["Walnuts"], "the titles")
        yield* equal(yield* told(listener, "Unrecognized"), [], "what was not read")
      }))
  },
  {
    id: "claude/progress",
    promise: "P9",
    title: "a subagent in the background tells that it gets on",
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        const { model } = yield* world
        yield* model.on("delegate it", delegates("run echo from-below"))
        const listener = yield* listen(host, { runtimeMode: "full-access" })
        yield* listener.send("delegate it")
        const { task } = yield* listener.awaitEvent(
          "TaskUpdated",
          (event): event is Extract<ProviderEvent, { readonly _tag: "TaskUpdated" }> => event._tag === "TaskUpdated"
        )
        yield* equal([task.kind, task.status], ["subagent", "running"], "the task")
      }))
  },
  {
    id: "claude/timing",
    promise: "P16",
    title: "how long a tool worked is told with it, and it began only once the user had allowed it",
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        const listener = yield* listen(host, { runtimeMode: "approval-required" })
        const turnId = yield* listener.send(bench.prompts.run("sleep 0.3"))
        const { request } = yield* listener.awaitEvent(
          "an approval",
          (event): event is Extract<ProviderEvent, { readonly _tag: "ApprovalRequested" }> =>
            event._tag === "ApprovalRequested"
        )
        const allowedAt = yield* Clock.currentTimeMillis
        yield* listener.session.respondToApproval(request.requestId, { _tag: "AllowOnce" })
        yield* listener.awaitEvent("the end of the turn", endsTurn(turnId))
        const endedAt = yield* Clock.currentTimeMillis
        const [command] = (yield* told(listener, "ItemCompleted")).flatMap(({ item }) =>
          item._tag === "Command" ? [item] : []
        )
        const { durationMillis = 0, startedAt = 0 } = command ?? {}
        yield* expect(durationMillis >= 300, "300 ms and more", durationMillis)
        // Claude's milliseconds are rounded.
        yield* expect(startedAt + 1 >= allowedAt, "no beginning before the user's answer", { startedAt, allowedAt })
        yield* expect(startedAt + durationMillis <= endedAt, "an end within the turn", {
          startedAt,
          durationMillis,
          endedAt
        })
      }))
  },
  {
    id: "claude/too-old",
    promise: "P15",
    title: "one that is older than what the adapter needs is refused by its version",
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*() {
        const real = yield* world
        const binary = yield* Effect.orDie(Effect.flatMap(
          executable(env["PATH"] ?? ""),
          (claude) => RealAgent.disguised(real.home, claude, { from: "2.1.332", to: "2.1.1" })
        ))
        const { startSession } = yield* Claude.make({ ...optionsOf(real), binary })
        const start = startSession({
          threadId: thread,
          directory: bench.directories.home,
          runtimeMode: "full-access",
          projectConfig: "instructions",
          from: { _tag: "New" }
        })
        yield* refused(start, ["AgentTooOld"], "a start")
      }, Effect.provide(Layer.merge(NodeServices.layer, AgentProcesses.layerNoop))))
  }
])
