/** What a receiver of OTLP is sent of the library's work: real HTTP, on the mock agent. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, Exit, Fiber, FileSystem, Layer, Metric, Path, Scope } from "effect"
import { HttpRouter } from "effect/http"
import { TestClock } from "effect/testing"
import * as AgentProcess from "../../src/adapter/AgentProcess.ts"
import * as Instrumentation from "../../src/domain/Instrumentation.ts"
import { allow, HookDeliveries } from "../../src/hooks/index.ts"
import { InstanceId, LifecycleHooks, ProviderName, ProviderService, Redaction, TurnId } from "../../src/index.ts"
import { AgentProcesses } from "../../src/process/AgentProcesses.ts"
import { Telemetry } from "../../src/telemetry/index.ts"
import { counters, gauges, histograms } from "../../src/telemetry/internal/names.ts"
import { MockProvider, MockStep } from "../../src/testing/index.ts"
import * as Agents from "../support/Agents.ts"
import * as OtlpReceiver from "../support/OtlpReceiver.ts"
import * as TracedHost from "../support/TracedHost.ts"

const { awaitEvent, is, threadId } = Agents

type Receiver = Effect.Success<typeof OtlpReceiver.start>

const telemetry = (receiver: Receiver, options?: Telemetry.Options) =>
  Telemetry.layer(options).pipe(Layer.provide(ConfigProvider.layer(ConfigProvider.fromUnknown(receiver.environment))))

/** Runs on a host with a telemetry of its own, and answers what was received once the host has shut down. */
const traced = <A, E>(
  run: Effect.Effect<A, E, Layer.Success<ReturnType<typeof Agents.layer>> | Scope.Scope>,
  options: Agents.Options & { readonly telemetry?: Telemetry.Options } = {}
) =>
  Effect.gen(function*() {
    const receiver = yield* OtlpReceiver.start
    const host = Agents.layer(options).pipe(Layer.provideMerge(telemetry(receiver, options.telemetry)))
    yield* Effect.scoped(run).pipe(
      Effect.provide(host, { local: true }),
      Effect.provideService(Metric.MetricRegistry, new Map())
    )
    return {
      spans: yield* receiver.spans,
      metrics: yield* receiver.metrics,
      resources: yield* receiver.resources,
      text: yield* receiver.text
    }
  }).pipe(Effect.scoped)

const named = (spans: ReadonlyArray<OtlpReceiver.Received>, name: string) => spans.filter((span) => span.name === name)

const one = (spans: ReadonlyArray<OtlpReceiver.Received>, name: string): OtlpReceiver.Received => {
  const [found, ...more] = named(spans, name)
  assert.strictEqual(more.length, 0, `more than one ${name}`)
  return found ?? assert.fail(`no ${name} in ${spans.map((span) => span.name).join(", ")}`)
}

const secret = `ghp_${"a1B2".repeat(9)}`

const turn = Effect.gen(function*() {
  const agents = yield* ProviderService
  const agent = yield* MockProvider
  yield* Agents.start()
  yield* agent.nextTurn(() => [
    MockStep.command(`make ${secret}`, { output: "built" }),
    MockStep.text("all is built"),
    MockStep.usage({ input: 10, cacheRead: 5, output: 7, costUsd: 0.25 })
  ])
  const running = yield* Effect.forkChild(
    agents.runTurn({ threadId, turnId: TurnId.make("turn"), prompt: "build it", model: { id: "acme/large" } }),
    { startImmediately: true }
  )
  const { request } = yield* awaitEvent(is("ApprovalRequested"))
  yield* agents.respondToApproval({ threadId, requestId: request.requestId, decision: { _tag: "AllowOnce" } })
  yield* Fiber.join(running)
})

/** What Prometheus gets of `/metrics`. */
const scraped = Effect.gen(function*() {
  const registry = yield* Metric.MetricRegistry
  const { dispose, handler } = HttpRouter.toWebHandler(
    Telemetry.layerPrometheus().pipe(Layer.provide(Layer.succeed(Metric.MetricRegistry, registry)))
  )
  yield* Effect.addFinalizer(() => Effect.promise(dispose))
  const response = yield* Effect.promise(() => handler(new Request("http://localhost/metrics")))
  assert.strictEqual(response.status, 200)
  return yield* Effect.promise(() => response.text())
})

describe("telemetry", () => {
  it.live("a turn is one span by the GenAI conventions, with its tool, approval, intent and delivery below it", () =>
    Effect.gen(function*() {
      const { resources, spans } = yield* traced(turn)
      const agent = one(spans, "invoke_agent mock")
      assert.deepInclude(agent.attributes, {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.provider.name": "acme",
        "gen_ai.agent.name": "mock",
        "gen_ai.agent.version": "1.0.0",
        "gen_ai.conversation.id": threadId,
        "session.id": threadId,
        "gen_ai.request.model": "acme/large",
        "gen_ai.usage.input_tokens": 15,
        "gen_ai.usage.output_tokens": 7,
        "gen_ai.usage.cache_read.input_tokens": 5,
        "eca.cost_usd": 0.25,
        "eca.turn.id": "turn",
        "eca.epoch": 1,
        "eca.continuity": "Created",
        "eca.instance": "mock",
        "eca.outcome": "completed"
      })
      assert.strictEqual(agent.status, "ok")
      const tool = one(spans, "execute_tool command")
      assert.strictEqual(tool.parentSpanId, agent.spanId)
      assert.strictEqual(tool.attributes["gen_ai.operation.name"], "execute_tool")
      const approval = one(spans, "eca.approval.wait")
      assert.strictEqual(approval.traceId, agent.traceId)
      assert.deepInclude(approval.attributes, { "eca.decision": "AllowOnce", "eca.settled_by": "user" })
      for (const name of ["eca.turn.intent", "eca.turn.deliver"]) {
        assert.strictEqual(one(spans, name).parentSpanId, agent.spanId)
      }
      assert.strictEqual(one(spans, "eca.store record a turn").parentSpanId, one(spans, "eca.turn.intent").spanId)
      assert.strictEqual(one(spans, "eca.session.start").attributes["eca.continuity"], "Created")
      // The call is the parent of its turn.
      assert.strictEqual(agent.parentSpanId, one(spans, "ProviderService.runTurn").spanId)
      // What is of no thread: the store's opening, whose statements Effect makes spans of, and sweeps.
      const without = spans.filter(({ attributes }) => attributes["gen_ai.conversation.id"] !== threadId)
      assert.deepStrictEqual(
        without.filter(({ name }) =>
          !/^(?:sqlite|sql\.transaction|Migrator .*|MockProvider\.make|.*\.sweep)$/.test(name)
        ),
        []
      )
      assert.deepInclude(resources[0], {
        "service.name": "shop",
        "telemetry.distro.name": "effect-coding-agents"
      })
    }))

  it.live("metrics count turns, sessions by continuity, tokens, and how long work took", () =>
    Effect.gen(function*() {
      const { metrics } = yield* traced(turn)
      const value = (name: string) => metrics.get(name)?.value
      assert.strictEqual(value("eca.turns{eca.instance=mock,eca.outcome=completed}"), 1)
      assert.strictEqual(value("eca.sessions.started{eca.continuity=Created,eca.instance=mock}"), 1)
      assert.strictEqual(value("eca.sessions.ended{eca.end.reason=shutdown,eca.instance=mock}"), 1)
      assert.strictEqual(value("eca.sessions.live{eca.instance=mock}"), 0)
      assert.strictEqual(value("eca.turns.running{eca.instance=mock}"), 0)
      assert.strictEqual(value("eca.requests.open{eca.instance=mock}"), 0)
      const tokens = (type: string) =>
        value(
          `gen_ai.client.inference.tokens{gen_ai.agent.name=mock,gen_ai.provider.name=acme,` +
            `gen_ai.request.model=acme/large,gen_ai.token.type=${type}}`
        )
      assert.deepStrictEqual([tokens("input"), tokens("output")], [15, 7])
      const found = Array.from(metrics.keys(), (name) => name.slice(0, name.indexOf("{")))
      for (
        const name of [
          "gen_ai.invoke_agent.duration",
          "gen_ai.execute_tool.duration",
          "eca.turn.time_to_first_event",
          "eca.requests.wait",
          "eca.store.commit.duration",
          "eca.events.appended"
        ]
      ) assert.include(found, name)
      assert.deepInclude(metrics.get("eca.turns{eca.instance=mock,eca.outcome=completed}"), {
        unit: "{turn}",
        monotonic: true
      })
    }))

  it.live("Prometheus has each metric by its name with `_` for `.`, which alerts and the dashboard are written by", () =>
    Effect.gen(function*() {
      const seen = yield* Effect.andThen(turn, scraped).pipe(
        Effect.scoped,
        Effect.provide(Agents.layer().pipe(Layer.provideMerge(Telemetry.layerInstrumentation()))),
        Effect.provideService(Metric.MetricRegistry, new Map())
      )
      const of = (kind: string) =>
        Array.from(seen.matchAll(new RegExp(`^# TYPE (eca_\\w+|gen_ai_\\w+) ${kind}$`, "gm")), ([, name]) => name)
      for (const [kind, metrics] of [["counter", counters], ["gauge", gauges], ["histogram", histograms]] as const) {
        const known = Object.keys(metrics).map((name) => name.replaceAll(".", "_"))
        assert.isAbove(of(kind).length, 1)
        assert.includeMembers(known, of(kind))
      }
      assert.match(seen, /^eca_turns\{eca_instance="mock",eca_outcome="completed"\} 1$/m)
      assert.match(seen, /^gen_ai_invoke_agent_duration_bucket\{.*gen_ai_agent_name="mock".*le="/m)
    }))

  it.effect("agents' processes and their memory are counted, with their tools, and told with none once they are gone", () =>
    Effect.gen(function*() {
      const registry = new Map()
      const until = (pattern: RegExp) =>
        Effect.andThen(Effect.promise(() => new Promise((done) => setImmediate(done))), scraped).pipe(
          Effect.repeat({ until: (text) => pattern.test(text) })
        )
      yield* Effect.gen(function*() {
        const scope = yield* Scope.make()
        // A tool in the agent's group.
        const agent = yield* AgentProcess.spawn({
          instanceId: InstanceId.make("mock"),
          executable: "/bin/sh",
          args: ["-c", "sleep 600 & echo ready; wait"],
          stdout: "log",
          inputDeadline: "1 millis"
        }).pipe(Scope.provide(scope))
        yield* AgentProcess.awaitReady(agent, agent.said(/ready/), "10 seconds").pipe(TestClock.withLive)
        yield* TestClock.adjust("15 seconds")
        const text = yield* until(/eca_agent_processes\{eca_instance="mock"\} 1\n/)
        const bytes = Number(/eca_agent_memory\{eca_instance="mock"\} (\d+)/.exec(text)?.[1])
        if (process.platform === "linux") assert.isAbove(bytes, 500_000)
        yield* Scope.close(scope, Exit.void).pipe(TestClock.withLive)
        yield* TestClock.adjust("15 seconds")
        yield* until(/eca_agent_processes\{eca_instance="mock"\} 0\n/)
      }).pipe(
        Effect.scoped,
        Effect.provide(Agents.layer().pipe(Layer.provideMerge(Telemetry.layerInstrumentation()))),
        Effect.provideService(Metric.MetricRegistry, registry)
      )
    }))

  it.live("an agent's process is told the span of the session's start that started it, only if the app wants it", () =>
    Effect.gen(function*() {
      const told = Effect.fnUntraced(function*(options: Telemetry.Options) {
        const receiver = yield* OtlpReceiver.start
        const line = yield* Effect.gen(function*() {
          const instrumentation = yield* Instrumentation.Instrumentation
          const agent = yield* Instrumentation.around(
            instrumentation,
            {
              _tag: "SessionStart",
              threadId,
              instanceId: InstanceId.make("mock"),
              provider: ProviderName.make("mock")
            },
            AgentProcess.spawn({
              instanceId: InstanceId.make("mock"),
              executable: "/bin/sh",
              args: ["-c", "echo \"<$TRACEPARENT>\""],
              stdout: "log"
            })
          )
          const [, found] = yield* AgentProcess.awaitReady(agent, agent.said(/<(.*)>/), "10 seconds")
          return found
        }).pipe(Effect.scoped, Effect.provide([telemetry(receiver, options), AgentProcesses.layerNoop]))
        return { line, span: one(yield* receiver.spans, "eca.session.start") }
      })
      assert.strictEqual((yield* told({})).line, "")
      const { line, span } = yield* told({ traceAgents: true })
      assert.strictEqual(line, `00-${span.traceId}-${span.spanId}-01`)
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer)))

  it.live("P14: nothing that was said is sent, unless the app asks for it; then it is redacted", () =>
    Effect.gen(function*() {
      const silent = yield* traced(turn)
      for (const said of ["build it", "all is built", "built", secret]) assert.notInclude(silent.text, said)
      const { spans, text } = yield* traced(turn, { telemetry: { content: true } })
      const { attributes } = one(spans, "invoke_agent mock")
      assert.strictEqual(
        attributes["gen_ai.input.messages"],
        `[{"role":"user","parts":[{"type":"text","content":"build it"}]}]`
      )
      assert.include(attributes["gen_ai.output.messages"], "all is built")
      const tool = one(spans, "execute_tool command").attributes
      assert.strictEqual(tool["gen_ai.tool.call.arguments"], `{"command":"make [redacted]"}`)
      assert.strictEqual(tool["gen_ai.tool.call.result"], "built")
      assert.notInclude(text, secret)
      const waits = Redaction.custom("waits", (text) => Effect.delay(Effect.succeed(text), 1))
      const late = yield* traced(turn, { telemetry: { content: waits } })
      assert.notInclude(late.text, "build it")
    }))

  it.live("a compaction has a span with its snapshot, a hook one below its turn", () =>
    Effect.gen(function*() {
      const failing = LifecycleHooks.observe({ name: "audit", events: ["turn:end"], run: () => Effect.fail("no") })
      const { metrics, spans } = yield* traced(
        Effect.gen(function*() {
          const agents = yield* ProviderService
          yield* Agents.start()
          yield* agents.runTurn({ threadId, prompt: "hello" })
          yield* agents.compactThread({ threadId })
        }),
        {
          hooks: [
            failing,
            LifecycleHooks.guard({
              name: "rules",
              events: ["turn:start"],
              run: () => Effect.succeed(allow)
            })
          ]
        }
      )
      const compaction = one(spans, "eca.compaction")
      assert.deepInclude(compaction.attributes, {
        "eca.compaction.trigger": "manual",
        "eca.outcome": "completed",
        "eca.snapshot.timing": "before",
        "eca.snapshot.completeness": "complete"
      })
      assert.isAbove(Number(one(spans, "eca.snapshot").attributes["eca.snapshot.bytes"]), 0)
      const hook = named(spans, "eca.hook audit")[0]
      assert.deepInclude(hook?.attributes, { "eca.hook.event": "turn:end", "eca.hook.phase": "observe" })
      assert.deepStrictEqual([hook?.status, hook?.message], ["error", "string"])
      assert.strictEqual(metrics.get("eca.hooks.failures{eca.hook.name=audit,error.type=string}")?.value, 1)
      assert.isTrue(Array.from(metrics.keys()).some((name) => name.startsWith("eca.hooks.delivery.lag{")))
    }))

  it.effect("a hook's backlog is what waits for it; what was given up is counted apart", () =>
    Effect.gen(function*() {
      const failing = LifecycleHooks.observe({
        name: "audit",
        events: ["turn:end"],
        delivery: "durable",
        attempts: 1,
        run: () => Effect.fail("no")
      })
      const registry = new Map()
      yield* Effect.gen(function*() {
        const agents = yield* ProviderService
        yield* Agents.start()
        yield* agents.runTurn({ threadId, prompt: "hello" })
        const deliveries = yield* HookDeliveries
        yield* Effect.repeat(Effect.yieldNow, {
          until: () => Effect.map(Effect.orDie(deliveries.givenUp({})), (page) => page.deliveries.length > 0)
        })
        yield* TestClock.adjust("15 seconds")
        const text = yield* scraped
        assert.match(text, /eca_hooks_given_up\{eca_hook_name="audit"\} 1\n/)
        assert.match(text, /eca_hooks_backlog\{eca_hook_name="audit"\} 0\n/)
      }).pipe(
        Effect.scoped,
        Effect.provide(Agents.layer({ hooks: [failing] }).pipe(Layer.provideMerge(Telemetry.layerInstrumentation()))),
        Effect.provideService(Metric.MetricRegistry, registry)
      )
    }))

  it.live("P5: a turn that the agent refused, or that failed, says so by the kind of its error alone", () =>
    Effect.gen(function*() {
      const { spans } = yield* traced(Effect.gen(function*() {
        const agents = yield* ProviderService
        const agent = yield* MockProvider
        yield* Agents.start()
        yield* agent.nextTurn(() => [MockStep.fail({ _tag: "Other", name: "Oops", message: "the secret plan" })])
        yield* Effect.exit(agents.runTurn({ threadId, prompt: "fail" }))
        yield* agent.failNextSend(Agents.refused(TurnId.make("refused")))
        yield* Effect.exit(agents.runTurn({ threadId, turnId: TurnId.make("refused"), prompt: "refuse" }))
      }))
      const [failed, refused] = named(spans, "invoke_agent mock")
      assert.deepStrictEqual([failed?.status, failed?.message], ["error", "Other"])
      assert.deepInclude(failed?.attributes, { "eca.outcome": "failed", "error.type": "Other" })
      assert.deepInclude(refused?.attributes, { "eca.outcome": "refused" })
      for (const span of spans) assert.notInclude(JSON.stringify(span), "secret plan")
    }))

  it.live("P4 P5: a turn whose host was killed is told once, as unknown, with a link to the span that was lost", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const path = yield* Path.Path
      const directory = yield* fs.realPath(yield* fs.makeTempDirectoryScoped())
      const filename = path.join(directory, "store.db")
      const receiver = yield* OtlpReceiver.start
      const host = yield* TracedHost.start(filename, directory, receiver.environment)
      assert.strictEqual(host.line, "running")
      yield* host.kill
      const before = yield* receiver.spans
      const delivered = one(before, "eca.turn.deliver")
      assert.deepStrictEqual(named(before, "invoke_agent mock"), [])
      for (let opening = 1; opening <= 2; opening++) {
        yield* Effect.void.pipe(
          Effect.provide(Agents.layer({ filename }).pipe(Layer.provideMerge(telemetry(receiver))), { local: true }),
          Effect.provideService(Metric.MetricRegistry, new Map())
        )
      }
      const settled = one(yield* receiver.spans, "invoke_agent mock")
      assert.deepInclude(settled.attributes, {
        "gen_ai.conversation.id": threadId,
        "eca.outcome": "unknown",
        "error.type": "host-crash"
      })
      assert.strictEqual(settled.millis, 0)
      // The span that was lost is the parent of what was sent of it.
      assert.deepStrictEqual(settled.links.map(({ spanId, traceId }) => ({ spanId, traceId })), [
        { spanId: delivered.parentSpanId, traceId: delivered.traceId }
      ])
      assert.notStrictEqual(settled.traceId, delivered.traceId)
      assert.strictEqual((yield* receiver.metrics).get("eca.turns{eca.instance=mock,eca.outcome=unknown}")?.value, 1)
      assert.notInclude(yield* receiver.text, "secret plan")
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer)))
})
