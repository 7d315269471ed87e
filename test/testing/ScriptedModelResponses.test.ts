/** OpenAI's Responses API: its events in the documented order, each with the next number. */
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { zstdCompressSync } from "node:zlib"
import { ModelReply, ScriptedModel } from "../../src/testing/index.ts"
import { ask, at, type Frame, frames, json } from "../support/ModelClient.ts"

const message = (role: string, text: string) => ({
  type: "message",
  role,
  content: [{ type: role === "assistant" ? "output_text" : "input_text", text }]
})

const body = (prompt: string, more: object = {}) => ({
  model: "m",
  stream: true,
  instructions: "Be good.",
  input: [message("user", prompt)],
  tools: [{ type: "function", name: "exec_command" }, { type: "custom", name: "apply_patch" }, { type: "web_search" }],
  ...more
})

const events = Effect.fnUntraced(function*(prompt: string, more?: object) {
  const model = yield* ScriptedModel
  const { headers, text } = yield* ask(`${model.url}/responses`, body(prompt, more))
  assert.strictEqual(headers.get("content-type"), "text/event-stream")
  const all = frames(text)
  assert.deepStrictEqual(all.map(({ data }) => at(data, "sequence_number")), all.map((_, index) => index))
  assert.deepStrictEqual(all.map(({ data }) => at(data, "type")), all.map(({ event }) => event))
  return all
})

const names = (all: ReadonlyArray<Frame>) => all.map(({ event }) => event?.slice("response.".length))
const last = (all: ReadonlyArray<Frame>) => at(all.at(-1)?.data, "response")

layer(ScriptedModel.layer())("responses", (it) => {
  it.effect("reasoning and a text are items with their parts, and the whole comes at the end", () =>
    Effect.gen(function*() {
      const model = yield* ScriptedModel
      yield* model.on(
        "think",
        ModelReply.reasoning("Hm.", ["Hel", "lo"], { usage: { input: 30, output: 7, cacheRead: 20, reasoning: 3 } })
      )
      const all = yield* events("think")
      assert.deepStrictEqual(names(all), [
        "created",
        "in_progress",
        "output_item.added",
        "reasoning_summary_part.added",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.done",
        "reasoning_summary_part.done",
        "output_item.done",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed"
      ])
      assert.deepStrictEqual(all.slice(2).map(({ data }) => at(data, "output_index")), [
        ...Array.from({ length: 6 }, () => 0),
        ...Array.from({ length: 7 }, () => 1),
        undefined
      ])
      assert.strictEqual(at(last(all), "status"), "completed")
      assert.strictEqual(at(last(all), "output", 0, "summary", 0, "text"), "Hm.")
      assert.strictEqual(at(last(all), "output", 1, "content", 0, "text"), "Hello")
      assert.deepStrictEqual(at(last(all), "usage"), {
        input_tokens: 30,
        input_tokens_details: { cached_tokens: 20 },
        output_tokens: 7,
        output_tokens_details: { reasoning_tokens: 3 },
        total_tokens: 37
      })
    }))

  it.effect("a function call brings its arguments as JSON, a freeform call its input as text", () =>
    Effect.gen(function*() {
      const model = yield* ScriptedModel
      const patch = "*** Begin Patch\n*** Add File: a\n+\"b\"\n*** End Patch"
      yield* model.on(
        "work",
        ModelReply.answer([
          ModelReply.Part.Text({ chunks: "Now." }),
          ModelReply.Part.Call({ call: { id: "c1", name: "exec_command", arguments: { cmd: "ls" } } }),
          ModelReply.Part.Call({ call: { id: "c2", name: "apply_patch", arguments: patch, freeform: true } })
        ])
      )
      const all = yield* events("work")
      assert.deepStrictEqual(names(all).slice(-9), [
        "output_item.added",
        "function_call_arguments.delta",
        "function_call_arguments.done",
        "output_item.done",
        "output_item.added",
        "custom_tool_call_input.delta",
        "custom_tool_call_input.done",
        "output_item.done",
        "completed"
      ])
      const [, called, freeform] = [0, 1, 2].map((index) => at(last(all), "output", index))
      assert.deepInclude(called, {
        type: "function_call",
        call_id: "c1",
        name: "exec_command",
        arguments: "{\"cmd\":\"ls\"}"
      })
      assert.deepInclude(freeform, { type: "custom_tool_call", call_id: "c2", name: "apply_patch", input: patch })
      const ids = [0, 1, 2].map((index) => at(last(all), "output", index, "id"))
      assert.strictEqual(new Set(ids).size, 3)
    }))

  it.effect("an answer that is cut off is incomplete, with the reason", () =>
    Effect.gen(function*() {
      const model = yield* ScriptedModel
      yield* model.next(ModelReply.text("A", { finish: "length" }), ModelReply.text("A", { finish: "content-filter" }))
      for (const reason of ["max_output_tokens", "content_filter"]) {
        const all = yield* events("x")
        assert.strictEqual(all.at(-1)?.event, "response.incomplete")
        assert.deepStrictEqual(at(last(all), "incomplete_details"), { reason })
      }
    }))

  it.effect("an error in the stream is response.failed with its code", () =>
    Effect.gen(function*() {
      const model = yield* ScriptedModel
      yield* model.next(ModelReply.failAfter("Half", { status: 429, message: "too many" }))
      const all = yield* events("x")
      assert.strictEqual(all.at(-1)?.event, "response.failed")
      assert.deepStrictEqual(at(last(all), "error"), { code: "rate_limit_exceeded", message: "too many" })
    }))

  it.effect("an answer that is no stream is one response", () =>
    Effect.gen(function*() {
      const model = yield* ScriptedModel
      yield* model.next(ModelReply.answer([
        ModelReply.Part.Text({ chunks: ["Hel", "lo"] }),
        ModelReply.Part.Call({ call: { name: "exec_command", arguments: {} } })
      ]))
      const response = json((yield* ask(`${model.url}/responses`, body("x", { stream: false }))).text)
      assert.deepInclude(response, { object: "response", status: "completed" })
      assert.strictEqual(at(response, "output", 0, "content", 0, "text"), "Hello")
      assert.strictEqual(at(response, "output", 1, "type"), "function_call")
    }))

  it.effect("the script is given the conversation in one shape, whatever else is in the input", () =>
    Effect.gen(function*() {
      const model = yield* ScriptedModel
      const inside = {
        type: "namespace",
        name: "clock",
        tools: [{ type: "function", name: "now" }, { type: "web_search" }]
      }
      const request = body("ignored", {
        prompt_cache_key: "thread-1",
        reasoning: { effort: "low", summary: "auto" },
        tools: null,
        input: [
          { type: "additional_tools", tools: [{ type: "custom", name: "exec" }, inside] },
          message("developer", "Rules."),
          message("user", "<environment_context>\n<cwd>/</cwd>\n</environment_context>"),
          message("user", "fix it"),
          { type: "reasoning", summary: [], encrypted_content: "x" },
          { type: "custom_tool_call", call_id: "c1", name: "exec", input: "text(1)" },
          { type: "custom_tool_call_output", call_id: "c1", output: [{ type: "input_text", text: "one" }] },
          { type: "function_call", call_id: "c2", name: "ls", arguments: "{}" },
          { type: "function_call_output", call_id: "c2", output: "two" },
          { type: "something_new", call_id: "c3" }
        ]
      })
      const compressed = zstdCompressSync(JSON.stringify(request))
      yield* ask(`${model.url}/responses`, compressed, { "content-encoding": "zstd" })
      const seen = yield* model.awaitRequest(({ lastUserText }) => lastUserText === "fix it")
      assert.deepInclude(seen, {
        api: "responses",
        sessionId: "thread-1",
        reasoningEffort: "low",
        systemText: "Be good.\nRules.",
        toolNames: ["exec", "now", "web_search"],
        afterToolResult: true,
        lastToolResult: "two",
        toolRounds: 2
      })
      assert.deepStrictEqual(
        seen.messages.flatMap(({ toolCalls }) => toolCalls),
        [{ id: "c1", name: "exec", arguments: "text(1)" }, { id: "c2", name: "ls", arguments: "{}" }]
      )
    }))

  it.effect("an id is used once, also by another server", () =>
    Effect.gen(function*() {
      const model = yield* ScriptedModel
      const other = yield* ScriptedModel.make()
      const id = (url: string) =>
        Effect.map(
          ask(`${url}/responses`, body("x", { stream: false })),
          ({ text }) => at(json(text), "output", 0, "id")
        )
      const ids = [yield* id(model.url), yield* id(model.url), yield* id(other.url)]
      assert.strictEqual(new Set(ids).size, 3)
    }))
})
