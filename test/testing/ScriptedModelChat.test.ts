/** Chat completions, as OpenAI documents them. */
import { assert, describe, it, layer } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { ModelReply, ModelScript, ScriptedModel } from "../../src/testing/index.ts"
import { ask, at, frames, json } from "../support/ModelClient.ts"

const body = (prompt: string, more: object = {}) => ({
  model: "m",
  stream: true,
  stream_options: { include_usage: true },
  messages: [{ role: "system", content: "Be good." }, { role: "user", content: [{ type: "text", text: prompt }] }],
  ...more
})

const chunks = Effect.fnUntraced(function*(prompt: string, more?: object) {
  const model = yield* ScriptedModel
  const { headers, text } = yield* ask(`${model.url}/chat/completions`, body(prompt, more))
  assert.strictEqual(headers.get("content-type"), "text/event-stream")
  return frames(text).map(({ data }) => data)
})

const deltas = (all: ReadonlyArray<unknown>, key: string) =>
  all.map((chunk) => at(chunk, "choices", 0, "delta", key)).filter((value) => value !== undefined && value !== "")

layer(ScriptedModel.layer())("chat completions", (it) => {
  it.effect("a text comes as it is chunked, then why it ends, the usage and [DONE]", () =>
    Effect.gen(function*() {
      const model = yield* ScriptedModel
      yield* model.on(
        "hello",
        ModelReply.text(Stream.make("Hel", "lo"), { usage: { input: 30, output: 7, cacheRead: 20 } })
      )
      const all = yield* chunks("hello")
      assert.deepStrictEqual(deltas(all, "content"), ["Hel", "lo"])
      assert.deepStrictEqual(deltas(all, "role"), ["assistant"])
      assert.strictEqual(at(all.at(-3), "choices", 0, "finish_reason"), "stop")
      assert.deepStrictEqual(at(all.at(-2), "choices"), [])
      assert.deepInclude(at(all.at(-2), "usage"), { prompt_tokens: 30, completion_tokens: 7, total_tokens: 37 })
      assert.strictEqual(at(all.at(-2), "usage", "prompt_tokens_details", "cached_tokens"), 20)
      assert.strictEqual(all.at(-1), "[DONE]")
    }))

  it.effect("no usage comes to a client that does not ask for it", () =>
    Effect.gen(function*() {
      const all = yield* chunks("anything", { stream_options: null })
      assert.isTrue(all.every((chunk) => at(chunk, "usage") === undefined))
    }))

  it.effect("reasoning comes before the text, and each call with its index and id", () =>
    Effect.gen(function*() {
      const model = yield* ScriptedModel
      yield* model.on(
        "think",
        ModelReply.answer([
          ModelReply.Part.Reasoning({ chunks: ["Hm", "."] }),
          ModelReply.Part.Text({ chunks: "So:" }),
          ModelReply.Part.Call({ call: { id: "one", name: "ls", arguments: { path: "." } } }),
          ModelReply.Part.Call({ call: { name: "raw", arguments: "{\"broken" } })
        ])
      )
      const all = yield* chunks("think")
      assert.deepStrictEqual(deltas(all, "reasoning_content"), ["Hm", "."])
      assert.deepStrictEqual(deltas(all, "content"), ["So:"])
      const calls = deltas(all, "tool_calls").map((call) => at(call, 0))
      assert.deepStrictEqual(calls.map((call) => at(call, "index")), [0, 0, 1, 1])
      assert.deepStrictEqual(calls[0], {
        index: 0,
        id: "one",
        type: "function",
        function: { name: "ls", arguments: "" }
      })
      assert.strictEqual(at(calls[1], "function", "arguments"), "{\"path\":\".\"}")
      assert.match(String(at(calls[2], "id")), /^call_\w+/)
      assert.strictEqual(at(calls[3], "function", "arguments"), "{\"broken")
      assert.strictEqual(at(all.at(-3), "choices", 0, "finish_reason"), "tool_calls")
    }))

  it.effect("an answer that is no stream is one completion", () =>
    Effect.gen(function*() {
      const model = yield* ScriptedModel
      yield* model.next(ModelReply.call("ls", { path: "." }), ModelReply.text("cut", { finish: "length" }))
      const first = json((yield* ask(`${model.url}/chat/completions`, body("x", { stream: false }))).text)
      assert.strictEqual(at(first, "object"), "chat.completion")
      assert.isNull(at(first, "choices", 0, "message", "content"))
      assert.deepInclude(at(first, "choices", 0, "message", "tool_calls", 0, "function"), { name: "ls" })
      assert.strictEqual(at(first, "choices", 0, "finish_reason"), "tool_calls")
      const second = json((yield* ask(`${model.url}/chat/completions`, body("x", { stream: false }))).text)
      assert.deepStrictEqual(
        [at(second, "choices", 0, "message", "content"), at(second, "choices", 0, "finish_reason")],
        ["cut", "length"]
      )
    }))

  it.effect("errors are OpenAI's, with the status and headers that are scripted; in a stream they are a chunk", () =>
    Effect.gen(function*() {
      const model = yield* ScriptedModel
      yield* model.next(
        ModelReply.error(429, { message: "slow", code: "rate_limit_exceeded", headers: { "retry-after": "1" } }),
        ModelReply.error(503, { body: "<p>" }),
        ModelReply.failAfter("Half", { status: 500, message: "broke" })
      )
      const url = `${model.url}/chat/completions`
      const limited = yield* ask(url, body("x"))
      assert.deepStrictEqual([limited.status, limited.headers.get("retry-after")], [429, "1"])
      assert.deepStrictEqual(json(limited.text), {
        error: { message: "slow", type: "rate_limit_error", param: null, code: "rate_limit_exceeded" }
      })
      const page = yield* ask(url, body("x"))
      assert.deepStrictEqual([page.status, page.text], [503, "<p>"])
      const all = yield* chunks("x")
      assert.deepStrictEqual(deltas(all, "content"), ["Half"])
      assert.strictEqual(at(all.at(-1), "error", "message"), "broke")
    }))

  it.effect("the script is given the conversation in one shape", () =>
    Effect.gen(function*() {
      const model = yield* ScriptedModel
      yield* ask(
        `${model.url}/chat/completions`,
        {
          model: "m",
          stream: false,
          reasoning_effort: "high",
          tools: [{ type: "function", function: { name: "ls" } }],
          messages: [
            { role: "developer", content: "Rules." },
            { role: "user", content: "look around" },
            {
              role: "assistant",
              content: null,
              tool_calls: [{ id: "c1", type: "function", function: { name: "ls", arguments: "{}" } }]
            },
            { role: "tool", tool_call_id: "c1", content: "a.txt" }
          ]
        },
        { "x-session-id": "s1" }
      )
      const request = yield* model.awaitRequest(({ lastUserText }) => lastUserText === "look around")
      assert.deepInclude(request, {
        api: "chat",
        model: "m",
        sessionId: "s1",
        reasoningEffort: "high",
        systemText: "Rules.",
        toolNames: ["ls"],
        afterToolResult: true,
        lastToolResult: "a.txt",
        toolRounds: 1,
        stream: false
      })
      assert.deepStrictEqual(request.messages.map(({ role }) => role), ["system", "user", "assistant", "tool"])
      assert.deepStrictEqual(request.messages[2]?.toolCalls, [{ id: "c1", name: "ls", arguments: "{}" }])
    }))

  it.effect("the title that OpenCode asks for is given, and is no request of the conversation", () =>
    Effect.gen(function*() {
      const model = yield* ScriptedModel
      const before = (yield* model.requests).length
      const { text } = yield* ask(`${model.url}/chat/completions`, {
        model: "m",
        messages: [{ role: "system", content: "You are a title generator." }, { role: "user", content: "x" }]
      })
      assert.strictEqual(at(json(text), "choices", 0, "message", "content"), "Scripted title")
      assert.strictEqual((yield* model.requests).length, before)
    }))

  it.effect("models are listed as each vendor lists them", () =>
    Effect.gen(function*() {
      const model = yield* ScriptedModel.make(ModelScript.echo, { models: ["a", "b"] })
      const list = (url: string, headers?: Readonly<Record<string, string>>) =>
        Effect.map(ask(url, undefined, headers), ({ text }) => json(text))
      assert.deepStrictEqual(
        [
          at(yield* list(`${model.url}/models`), "data", 1, "id"),
          at(yield* list(`${model.url}/models`, { "anthropic-version": "2023-06-01" }), "data", 1, "display_name"),
          at(yield* list(`${model.origin}/v1beta/models`), "models", 1, "name")
        ],
        ["b", "b", "models/b"]
      )
      assert.strictEqual((yield* ask(`${model.url}/files`)).status, 404)
      assert.deepStrictEqual((yield* model.others).at(-1), "GET /v1/files")
    }))
})

describe("scripts", () => {
  it.effect("steps answer by how often tools have answered, whatever is asked twice", () =>
    Effect.gen(function*() {
      const model = yield* ScriptedModel.make(
        ModelScript.steps(ModelReply.call("one", {}), ModelReply.calls([]), ({ lastToolResult }) =>
          ModelReply.text(`last: ${lastToolResult}`))
      )
      const tool = (id: string, content: string) => [
        { role: "assistant", content: "", tool_calls: [{ id, function: { name: "one", arguments: "{}" } }] },
        { role: "tool", tool_call_id: id, content }
      ]
      const said = (messages: ReadonlyArray<object>) =>
        Effect.map(ask(`${model.url}/chat/completions`, { model: "m", messages }), ({ text }) =>
          at(json(text), "choices", 0, "message"))
      const user = { role: "user", content: "go" }
      for (const _ of [1, 2]) {
        assert.strictEqual(at(yield* said([user]), "tool_calls", 0, "function", "name"), "one")
      }
      assert.strictEqual(at(yield* said([user, ...tool("a", "A")]), "content"), "")
      const third = [user, ...tool("a", "A"), ...tool("b", "B")]
      assert.strictEqual(at(yield* said(third), "content"), "last: B")
      assert.strictEqual(at(yield* said([...third, ...tool("c", "C")]), "content"), "last: C")
    }))

  it.effect("plain prompts are read among what an agent adds, and a recall says the past", () =>
    Effect.gen(function*() {
      const hands = (name: string) => (what: string) => ModelReply.call(name, { what })
      const model = yield* ScriptedModel.make(
        ModelScript.plainPrompts({ run: hands("run"), edit: hands("edit"), ask: hands("ask") })
      )
      const said = (...messages: ReadonlyArray<object>) =>
        Effect.map(
          ask(`${model.url}/chat/completions`, { model: "m", messages }),
          (
            { status, text }
          ) => [
            status,
            at(json(text), "choices", 0, "message", "content"),
            at(json(text), "choices", 0, "message", "tool_calls", 0, "function", "name")
          ]
        )
      const user = (...parts: ReadonlyArray<string>) => ({
        role: "user",
        content: parts.map((text) => ({ type: "text", text }))
      })
      assert.deepStrictEqual(
        yield* said(user("<system-reminder>say no</system-reminder>", "say blue walnut")),
        [200, "blue walnut", undefined]
      )
      assert.deepStrictEqual((yield* said(user("Attached.\nrun ls")))[2], "run")
      assert.deepStrictEqual((yield* said(user("fail")))[0], 400)
      const [, recalled] = yield* said(
        { role: "system", content: "secret rules" },
        user("say red"),
        { role: "assistant", content: "red" },
        user("An aside.\nrecall")
      )
      assert.strictEqual(recalled, "say red\nred\nAn aside.")
    }))
})
