/** A send that is made again under its id, because its answer was lost: it has the first answer, and one turn. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Deferred, Effect, Exit, Fiber, Layer, Scope } from "effect"
import { Epoch } from "../../src/domain/Ids.ts"
import { ProviderService, ThreadId, TurnId } from "../../src/index.ts"
import { MockAgentDisk, MockProvider, MockStep } from "../../src/testing/index.ts"
import * as Agents from "../support/Agents.ts"
import * as Host from "../support/Host.ts"

const { awaitEvent, endings, is, layer, mock, stored, threadId, uncertain } = Agents

const turnId = TurnId.make("mine")

describe("a send that is made again", () => {
  it.effect("P5 mock: has the first answer, also after the session and the conversation have gone on", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      yield* Agents.start()
      const send = agents.sendTurn({ threadId, turnId, prompt: "one", metadata: { a: 1, b: { c: 2, d: 3 } } })
      const answer = yield* send
      yield* awaitEvent(is("TurnCompleted"))
      yield* agents.runTurn({ threadId, prompt: "two" })
      yield* agents.stopSession({ threadId })
      const status = (yield* agents.getThread({ threadId })).status
      assert.deepStrictEqual(yield* send, answer)
      // No session is started to say so, and the order of members is no difference.
      assert.strictEqual((yield* agents.getThread({ threadId })).status, status)
      const turned = { threadId, turnId, prompt: "one", metadata: { b: { d: 3, c: 2 }, a: 1 } }
      assert.deepStrictEqual(yield* agents.sendTurn(turned), answer)
      assert.deepInclude(yield* agents.runTurn(turned), { ...answer, text: "echo: one" })
      assert.lengthOf(yield* agent.received, 2)
    }).pipe(Effect.provide(layer())))

  it.effect("P5 mock: is another one as soon as anything in it differs, and so is one of another thread", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const { directory } = yield* Agents.start()
      const other = ThreadId.make("other")
      yield* agents.startSession({ threadId: other, instanceId: mock, directory })
      const first = { threadId, turnId, prompt: "one", context: ["read this"], actor: "ann" }
      yield* agents.runTurn(first)
      const others = [
        { ...first, prompt: "two" },
        { ...first, context: [] },
        { ...first, context: ["read this", "and that"] },
        { ...first, actor: "bob" },
        { ...first, metadata: { a: 1 } },
        { ...first, attachments: [{ _tag: "Data", name: "a.txt", mime: "text/plain", base64: "aGk=" } as const] },
        { ...first, threadId: other }
      ]
      for (const input of others) {
        assert.strictEqual((yield* Effect.flip(agents.sendTurn(input)))._tag, "TurnExists")
      }
    }).pipe(Effect.provide(layer())))

  it.effect("P5 mock: is not answered for a turn that was taken back, and not sent again under its id", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      yield* Agents.start()
      const one = yield* agents.runTurn({ threadId, prompt: "one" })
      const send = agents.sendTurn({ threadId, turnId, prompt: "two" })
      yield* send
      yield* awaitEvent((event): event is Extract<typeof event, { readonly _tag: "TurnCompleted" }> =>
        event._tag === "TurnCompleted" && event.turnId === turnId
      )
      yield* agents.rewindThread({ threadId, before: one.turnId })
      assert.strictEqual((yield* Effect.flip(send))._tag, "TurnExists")
      assert.lengthOf(yield* agent.received, 2)
    }).pipe(Effect.provide(layer())))

  it.effect("P4 mock: waits for the end of the turn that runs, and is told how it ended", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      yield* Agents.start()
      const gate = yield* Deferred.make<void>()
      yield* agent.nextTurn(
        () => [MockStep.text("half"), MockStep.wait(gate), MockStep.fail({ _tag: "ContextOverflow" })]
      )
      const run = agents.runTurn({ threadId, turnId, prompt: "one" })
      const first = yield* Effect.forkChild(Effect.flip(run), { startImmediately: true })
      yield* awaitEvent(is("TurnStarted"))
      const second = yield* Effect.forkChild(Effect.flip(run), { startImmediately: true })
      yield* Deferred.succeed(gate, undefined)
      const ending = { ...(yield* Fiber.join(first)) }
      assert.deepInclude(ending, { _tag: "TurnNotCompleted", turnId })
      assert.deepStrictEqual({ ...(yield* Fiber.join(second)) }, ending)
      const later = yield* Effect.flip(run)
      assert.strictEqual(later.message, (yield* Fiber.join(first)).message)
      assert.deepStrictEqual(endings(yield* stored()), { mine: ["TurnFailed"] })
    }).pipe(Effect.provide(layer())))

  it.effect("P5 mock: whose delivery was uncertain is uncertain still, and is not sent", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      yield* Agents.start()
      yield* agent.failNextSend((turn) => uncertain(turn.turnId), { delivered: true })
      const send = agents.sendTurn({ threadId, turnId, prompt: "one" })
      assert.strictEqual((yield* Effect.flip(send))._tag, "DeliveryUncertain")
      assert.strictEqual((yield* Effect.flip(send))._tag, "DeliveryUncertain")
      assert.lengthOf(yield* agent.received, 1)
    }).pipe(Effect.provide(layer())))
})

describe("a send that is made again after its host was killed", () => {
  for (const point of ["accepted", "after-end"] as const) {
    it.live(`P5 mock: is the turn that the first call has begun (killed at ${point})`, () =>
      Effect.gen(function*() {
        const directory = yield* Agents.folder
        const filename = `${directory}/threads.db`
        const host = yield* Host.start(filename, directory, point)
        yield* host.kill
        const scope = yield* Scope.make()
        const services = yield* Layer.buildWithScope(
          layer({ filename, mock: { disk: yield* MockAgentDisk.make } }),
          scope
        )
        const agents = Context.get(services, ProviderService)
        const agent = Context.get(services, MockProvider)
        const turn = { threadId, turnId: Host.second, prompt: "what was it?" }
        const answer = yield* agents.sendTurn(turn)
        assert.deepInclude(answer, {
          turnId: Host.second,
          epoch: Epoch.make(1),
          continuity: { _tag: "Created" },
          steered: false
        })
        const end = yield* Effect.exit(agents.runTurn(turn))
        assert.strictEqual(Exit.isSuccess(end), point === "after-end")
        assert.lengthOf(yield* agent.received, 0)
        yield* Scope.close(scope, Exit.void)
      }).pipe(Effect.scoped, Effect.provide(Agents.platform)))
  }
})
