/** Questions that belong to no thread, on the mock. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Deferred, Effect, Exit, Fiber, Layer, Schema, Scope } from "effect"
import { TestClock } from "effect/testing"
import { CodingAgents, InstanceId, ProviderService, SessionStore, ThreadId, TurnId } from "../../src/index.ts"
import { AgentUnreachable, type Ask, type Attachment } from "../../src/protocol.ts"
import { MockAgentDisk, MockProvider, MockStep } from "../../src/testing/index.ts"
import * as Agents from "../support/Agents.ts"

const { layer, mock, threadId } = Agents

/** What the agent and the store have of questions: nothing. */
const nothingStays = Effect.gen(function*() {
  const agent = yield* MockProvider
  const sql = yield* Agents.sql
  assert.deepStrictEqual(yield* agent.sessions, [])
  for (const table of ["eca_threads", "eca_events", "eca_turns", "eca_inputs", "eca_hook_events"]) {
    assert.lengthOf(yield* sql`SELECT 1 FROM ${sql(table)}`, 0, table)
  }
})

describe("ask", () => {
  it.effect("mock: answers without a thread, a ledger or a hook, and nothing stays with the agent", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      yield* agent.nextTurn(() => [MockStep.text("Mend the parser"), MockStep.usage({ input: 9, output: 3 })])
      const answer = yield* agents.ask({ instanceId: mock, prompt: "A title, please." })
      assert.deepInclude(answer, { instanceId: mock, text: "Mend the parser" })
      assert.strictEqual(answer.usage.output, 3)
      const [start] = yield* agent.starts
      assert.deepInclude(start, { runtimeMode: "read-only", ephemeral: true, setup: { tools: { only: [] } } })
      assert.isUndefined(start?.compaction?.gate)
      yield* nothingStays
    }).pipe(Effect.provide(layer())))

  it.effect("P1 mock: about a thread it has the thread's transcript, and the thread does not change", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      yield* Agents.start()
      yield* agents.runTurn({ threadId, prompt: "the parser is broken" })
      const before = yield* agents.getThread({ threadId })
      yield* agent.nextTurn(({ history }) => [MockStep.text(history.map(({ text }) => text).join())])
      const { text } = yield* agents.ask({ instanceId: mock, prompt: "A title for this.", about: threadId })
      assert.include(text, "the parser is broken")
      assert.deepStrictEqual(yield* agents.getThread({ threadId }), before)
      const gone = yield* Effect.flip(
        agents.ask({ instanceId: mock, prompt: "A title.", about: ThreadId.make("nowhere") })
      )
      assert.strictEqual(gone._tag, "ThreadNotFound")
    }).pipe(Effect.provide(layer())))

  it.effect("P4 mock: a turn that the agent begins by itself meanwhile does not end the question", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      const over = yield* Deferred.make<void>()
      yield* agent.nextTurn(() => [MockStep.wait(Deferred.await(over)), MockStep.text("the answer")])
      const asked = yield* Effect.forkChild(agents.ask({ instanceId: mock, prompt: "A title." }), {
        startImmediately: true
      })
      yield* agent.awaitTurn()
      const { sessionId } = yield* agent.awaitSession(({ live }) => live)
      const turnId = TurnId.make("own")
      yield* agent.emit(sessionId, [
        { _tag: "TurnBegan", turnId, cause: "background" },
        { _tag: "TurnCompleted", turnId, usage: {} }
      ])
      yield* Effect.repeat(Effect.yieldNow, { times: 16 })
      yield* Deferred.succeed(over, undefined)
      assert.strictEqual((yield* Fiber.join(asked)).text, "the answer")
    }).pipe(Effect.provide(layer())))

  it.effect("P6 P7 mock: what asks is refused, so that a question ends", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      yield* agent.nextTurn(() => [MockStep.command("rm -r build"), MockStep.text("I may not.")])
      const { text } = yield* agents.ask({ instanceId: mock, prompt: "Clean up.", tools: "read" })
      assert.strictEqual(text, "I may not.")
      assert.isUndefined((yield* agent.starts)[0]?.setup)
      yield* nothingStays
    }).pipe(Effect.provide(layer())))

  it.effect("P4 mock: a silent agent, one that fails and one that dies are typed errors, and nothing stays", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      const failure = Effect.fnUntraced(function*(step: MockStep.MockStep) {
        yield* agent.nextTurn(() => [step])
        const asked = yield* Effect.forkChild(
          Effect.flip(agents.ask({ instanceId: mock, prompt: "A title.", deadline: 30_000 })),
          { startImmediately: true }
        )
        if (step._tag === "Hang") {
          yield* agent.awaitTurn()
          yield* TestClock.adjust("1 minute")
        }
        const error = yield* Fiber.join(asked)
        return error._tag === "AskNotCompleted" ? error.failure?._tag : error._tag
      })
      assert.strictEqual(yield* failure(MockStep.hang), "DeadlineExceeded")
      assert.strictEqual(yield* failure(MockStep.fail({ _tag: "ContextOverflow" })), "ContextOverflow")
      assert.strictEqual(yield* failure(MockStep.crash), "SessionLost")
      yield* nothingStays
    }).pipe(Effect.provide(layer())))

  it.effect("P10 mock: a question that waits when the service shuts down ends with it, and so does its session", () =>
    Effect.gen(function*() {
      const disk = yield* MockAgentDisk.make
      const scope = yield* Scope.make()
      const services = yield* Layer.buildWithScope(layer({ mock: { disk } }), scope)
      const agent = Context.get(services, MockProvider)
      yield* agent.nextTurn(() => [MockStep.hang])
      const asked = yield* Effect.forkChild(
        Effect.flip(Context.get(services, ProviderService).ask({ instanceId: mock, prompt: "A title." })),
        { startImmediately: true }
      )
      yield* agent.awaitTurn()
      yield* Scope.close(scope, Exit.void)
      const error = yield* Fiber.join(asked)
      // A client of the service may be told first that its server is gone.
      if (process.env["SERVICES"] !== "remote" || error._tag !== "ServerUnreachable") {
        assert.deepInclude<unknown>(error, { _tag: "AskNotCompleted", failure: { _tag: "SessionLost" } })
      }
      assert.deepStrictEqual(yield* agent.sessions, [])
    }))

  it.effect("mock: of several agents the first that can be used now answers; what is no unavailability ends it", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      const other = InstanceId.make("other")
      const instanceId = [InstanceId.make("nobody"), mock, other] as const
      yield* agent.unreachable(true)
      const answer = yield* agents.ask({ instanceId, prompt: "hi" })
      assert.deepInclude(answer, { instanceId: other, text: "echo: hi" })
      yield* agent.unreachable(false)
      yield* agent.nextTurn(() => [MockStep.fail({ _tag: "Overloaded" })])
      assert.strictEqual((yield* agents.ask({ instanceId, prompt: "hi" })).instanceId, other)
      yield* agent.nextTurn(() => [MockStep.fail({ _tag: "OutputFiltered" })])
      assert.strictEqual((yield* Effect.flip(agents.ask({ instanceId, prompt: "hi" })))._tag, "AskNotCompleted")
      yield* agent.unreachable(true)
      const last = yield* Effect.flip(agents.ask({ instanceId: mock, prompt: "hi" }))
      assert.instanceOf(last, AgentUnreachable)
    }).pipe(Effect.provide(
      CodingAgents.layer({
        agents: [MockProvider.layer(), Layer.effectDiscard(MockProvider.make({ instanceId: "other" }))],
        store: SessionStore.layerMemory
      }).pipe(Layer.provideMerge(Agents.platform))
    )))

  it.effect("P15 mock: a question has the limits of a turn, and the agent is not started for more", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      const tagOf = (input: Partial<Ask>) =>
        Effect.map(Effect.flip(agents.ask({ instanceId: mock, prompt: "a", ...input })), ({ _tag }) => _tag)
      const pasted = (bytes: number): Attachment => ({
        _tag: "Data",
        name: "shot.png",
        mime: "image/png",
        base64: Buffer.alloc(bytes).toString("base64")
      })
      assert.strictEqual(yield* tagOf({ prompt: "x".repeat(201) }), "PromptTooLong")
      assert.strictEqual(yield* tagOf({ output: { description: "x".repeat(200) } }), "PromptTooLong")
      assert.strictEqual(yield* tagOf({ prompt: " \n" }), "PromptEmpty")
      assert.strictEqual(yield* tagOf({ attachments: [pasted(65)] }), "AttachmentTooLarge")
      assert.strictEqual(yield* tagOf({ attachments: [pasted(60), pasted(60)] }), "AttachmentTooLarge")
      assert.lengthOf(yield* agent.starts, 0)
      const answer = yield* agents.ask({ instanceId: mock, prompt: "x".repeat(200), attachments: [pasted(64)] })
      assert.strictEqual(answer.text, `echo: ${"x".repeat(200)}`)
    }).pipe(Effect.provide(layer({ settings: { promptLimit: 200, attachmentLimit: { each: 64, turn: 100 } } }))))

  it.effect("P15 mock: bad questions are refused, and an answer that is no JSON is told", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      for (const input of [{ prompt: "" }, { prompt: "a", deadline: 0 }, { prompt: "a", instanceId: [] }]) {
        const whole: object = { instanceId: mock, ...input }
        const error = yield* Effect.flip(agents.ask(JSON.parse(JSON.stringify(whole))))
        assert.strictEqual(error._tag, "InputInvalid")
      }
      const words = yield* Effect.flip(agents.ask({ instanceId: mock, prompt: "a", output: { type: "object" } }))
      assert.deepInclude(words, { _tag: "AskOutputInvalid", issues: [] })
    }).pipe(Effect.provide(layer())))
})

const Title = Schema.Struct({ title: Schema.String, words: Schema.FiniteFromString })

describe("askFor", () => {
  it.effect("mock: decodes the answer, fenced or not", () =>
    Effect.gen(function*() {
      const agent = yield* MockProvider
      yield* agent.nextTurn(({ prompt }) => {
        assert.include(prompt, `"required":["title","words"]`)
        return [MockStep.text("```json\n{ \"title\": \"Parser\", \"words\": \"1\" }\n```")]
      })
      const { output } = yield* CodingAgents.askFor(Title, { instanceId: mock, prompt: "A title." })
      assert.deepStrictEqual(output, { title: "Parser", words: 1 })
    }).pipe(Effect.provide(layer())))

  it.effect("mock: what does not fit is asked for once more, with the issues; then it fails with them", () =>
    Effect.gen(function*() {
      const agent = yield* MockProvider
      const prompts: Array<string> = []
      const says = (text: string) =>
        agent.nextTurn(({ prompt }) => {
          prompts.push(prompt)
          return [MockStep.text(text)]
        })
      yield* says("{ \"title\": 7 }")
      yield* says("{ \"title\": \"Parser\", \"words\": \"1\" }")
      const { output } = yield* CodingAgents.askFor(Title, { instanceId: mock, prompt: "A title." })
      assert.strictEqual(output.title, "Parser")
      assert.match(prompts[1] ?? "", /You answered:\n\{ "title": 7 \}[^]*title: Expected string/)
      yield* says("no")
      yield* says("{}")
      const error = yield* Effect.flip(CodingAgents.askFor(Title, { instanceId: mock, prompt: "A title." }))
      assert.deepInclude(error, { _tag: "AskOutputInvalid", text: "{}" })
    }).pipe(Effect.provide(layer())))
})
