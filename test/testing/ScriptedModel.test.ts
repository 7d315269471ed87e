/** What holds for every API: what is scripted happens, what happened is seen, and a client that leaves is noticed. */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Deferred, Effect, Fiber, Stream } from "effect"
import { TestClock } from "effect/testing"
import { ModelReply, ScriptedModel } from "../../src/testing/index.ts"
import { ask, at, json } from "../support/ModelClient.ts"

const apis = {
  chat: {
    path: "/v1/chat/completions",
    body: (prompt: string, stream: boolean) => ({ model: "m", stream, messages: [{ role: "user", content: prompt }] })
  },
  responses: {
    path: "/v1/responses",
    body: (prompt: string, stream: boolean) => ({ model: "m", stream, input: prompt })
  },
  messages: {
    path: "/v1/messages",
    body: (prompt: string, stream: boolean) => ({ model: "m", stream, messages: [{ role: "user", content: prompt }] })
  },
  gemini: {
    path: "/v1beta/models/m:streamGenerateContent?alt=sse",
    body: (prompt: string, _stream: boolean) => ({ contents: [{ role: "user", parts: [{ text: prompt }] }] })
  }
} as const

const names = ["chat", "responses", "messages", "gemini"] as const

const prompt = (model: ScriptedModel["Service"], api: keyof typeof apis, text: string, stream = true) =>
  ask(model.origin + apis[api].path, apis[api].body(text, stream))

describe.each(names)("%s", (api) => {
  it.effect("a cut stream ends in the middle, with all that was sent before", () =>
    Effect.gen(function*() {
      const model = yield* ScriptedModel.make(() => ModelReply.cut("Half a word"))
      const { seen } = yield* Effect.flip(prompt(model, api, "x"))
      assert.include(seen, "Half a word")
      assert.notInclude(seen, "stop_reason\":\"end_turn")
    }))

  it.effect("a hang says nothing until the client has gone, and then it is over", () =>
    Effect.gen(function*() {
      const model = yield* ScriptedModel.make()
      const held = yield* model.hold(ModelReply.text("late"))
      const waiting = yield* Effect.forkChild(prompt(model, api, "x"))
      assert.strictEqual((yield* held.request).lastUserText, "x")
      yield* Fiber.interrupt(waiting)
      yield* held.abandoned
    }))

  it.effect("garbage is sent as it is: in place of an answer, and in the middle of one", () =>
    Effect.gen(function*() {
      const model = yield* ScriptedModel.make()
      yield* model.next(
        ModelReply.garbage("<html>", { status: 502 }),
        ModelReply.answer([
          ModelReply.Part.Text({ chunks: "before" }),
          ModelReply.Part.Garbage({ text: "data: {\"choices\":\n\n" }),
          ModelReply.Part.Text({ chunks: "after" })
        ])
      )
      const page = yield* prompt(model, api, "x")
      assert.deepStrictEqual([page.status, page.text, page.headers.get("content-type")], [502, "<html>", "text/html"])
      const { text } = yield* prompt(model, api, "x")
      assert.match(text, /before[^]*data: \{"choices":\n\n[^]*after/)
    }))

  it.effect("a body that is no request is refused in the API's own words, and kept apart", () =>
    Effect.gen(function*() {
      const model = yield* ScriptedModel.make()
      for (const body of [new TextEncoder().encode("{"), {}]) {
        const { status, text } = yield* ask(model.origin + apis[api].path, body)
        assert.strictEqual(status, 400)
        assert.isString(at(json(text), "error", "message"))
      }
      assert.deepStrictEqual(yield* model.others, Array.from({ length: 2 }, () => `POST ${apis[api].path}`))
      assert.deepStrictEqual(yield* model.requests, [])
    }))

  it.effect("a body that is not compressed as it says is refused", () =>
    Effect.gen(function*() {
      const model = yield* ScriptedModel.make()
      const { status } = yield* ask(model.origin + apis[api].path, apis[api].body("x", true), {
        "content-encoding": "gzip"
      })
      assert.strictEqual(status, 400)
      assert.deepStrictEqual(yield* model.others, [`POST ${apis[api].path}`])
    }))

  it.effect("a script that dies is a 400", () =>
    Effect.gen(function*() {
      const model = yield* ScriptedModel.make(() => Effect.die("oops"))
      const { status, text } = yield* prompt(model, api, "x")
      assert.strictEqual(status, 400)
      assert.include(text, "oops")
    }))
})

describe("a scripted model", () => {
  it.effect("answers in this order: the queue, the prompt's own, the script", () =>
    Effect.gen(function*() {
      const model = yield* ScriptedModel
      yield* model.on("one", () => ModelReply.text("its own"))
      yield* model.next(ModelReply.text("queued"))
      const said = (text: string) =>
        Effect.map(prompt(model, "chat", text, false), (answer) =>
          at(json(answer.text), "choices", 0, "message", "content"))
      assert.deepStrictEqual([yield* said("one"), yield* said("one"), yield* said("two")], [
        "queued",
        "its own",
        "echo: two"
      ])
      yield* model.script(() =>
        ModelReply.text("replaced")
      )
      assert.strictEqual(yield* said("two"), "replaced")
      assert.strictEqual((yield* model.asked("one")).length, 2)
      assert.deepStrictEqual((yield* model.requests).map(({ index }) => index), [0, 1, 2, 3])
    }).pipe(Effect.provide(ScriptedModel.layer())))

  it.effect("holds an answer until it is let go", () =>
    Effect.gen(function*() {
      const model = yield* ScriptedModel.make()
      const held = yield* model.hold(({ lastUserText }) => ModelReply.text(`at last: ${lastUserText}`))
      const answer = yield* Effect.forkChild(prompt(model, "chat", "x", false))
      yield* held.request
      yield* held.release
      assert.include((yield* Fiber.join(answer)).text, "at last: x")
    }))

  it.effect("tells a request to a test that waits for it, before or after it has come", () =>
    Effect.gen(function*() {
      const model = yield* ScriptedModel.make()
      const early = yield* Effect.forkChild(model.awaitRequest(({ lastUserText }) => lastUserText === "two"), {
        startImmediately: true
      })
      yield* prompt(model, "chat", "one")
      yield* prompt(model, "messages", "two")
      assert.strictEqual((yield* Fiber.join(early)).index, 1)
      assert.strictEqual((yield* model.awaitRequest(({ api }) => api === "chat")).index, 0)
    }))

  it.effect("interrupts the stream of a client that hangs up", () =>
    Effect.gen(function*() {
      const ended = yield* Deferred.make<void>()
      const endless = Stream.make("on ").pipe(
        Stream.concat(Stream.never),
        Stream.ensuring(Deferred.succeed(ended, undefined))
      )
      const model = yield* ScriptedModel.make(() => ModelReply.text(endless))
      const reading = yield* Effect.forkChild(prompt(model, "responses", "x"))
      yield* model.awaitRequest(() => true)
      yield* Fiber.interrupt(reading)
      yield* Deferred.await(ended)
    }))

  it.effect("waits by the clock of the test", () =>
    Effect.gen(function*() {
      const time = Stream.fromEffect(Effect.map(Clock.currentTimeMillis, (now) => `at ${now}`))
      const model = yield* ScriptedModel.make(() =>
        ModelReply.answer([ModelReply.Part.Wait({ duration: "1 hour" }), ModelReply.Part.Text({ chunks: time })])
      )
      const answer = yield* Effect.forkChild(prompt(model, "gemini", "x"))
      const passing = Effect.forever(Effect.andThen(TestClock.adjust("1 hour"), Effect.yieldNow))
      const { text } = yield* Effect.raceFirst(Fiber.join(answer), passing)
      assert.isAtLeast(Number(/at (\d+)/.exec(text)?.[1]), 3_600_000)
    }))

  it.effect("cuts an answer that is no stream in its middle", () =>
    Effect.gen(function*() {
      const model = yield* ScriptedModel.make(() => ModelReply.cut("Half"))
      assert.strictEqual((yield* Effect.flip(prompt(model, "messages", "x", false)))._tag, "Broken")
    }))

  it.effect("ends with its scope, connections included", () =>
    Effect.gen(function*() {
      const [model, reading] = yield* Effect.scoped(Effect.gen(function*() {
        const model = yield* ScriptedModel.make(() => ModelReply.hang)
        const reading = yield* Effect.forkDetach(Effect.flip(prompt(model, "chat", "x")))
        yield* model.awaitRequest(() => true)
        return [model, reading] as const
      }))
      assert.strictEqual((yield* Fiber.join(reading))._tag, "Broken")
      assert.strictEqual((yield* Effect.flip(prompt(model, "chat", "x")))._tag, "Broken")
    }))
})
