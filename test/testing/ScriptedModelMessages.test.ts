/** Anthropic's Messages API: its events in the documented order. */
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { ModelReply, ScriptedModel } from "../../src/testing/index.ts"
import { ask, at, type Frame, frames, json } from "../support/ModelClient.ts"

const body = (prompt: string, more: object = {}) => ({
  model: "m",
  max_tokens: 100,
  stream: true,
  system: [{ type: "text", text: "Be good." }],
  messages: [{ role: "user", content: prompt }],
  ...more
})

const events = Effect.fnUntraced(function*(prompt: string, more?: object) {
  const model = yield* ScriptedModel
  const { headers, text } = yield* ask(`${model.origin}/v1/messages?beta=true`, body(prompt, more))
  assert.strictEqual(headers.get("content-type"), "text/event-stream")
  const all = frames(text)
  assert.deepStrictEqual(all.map(({ data }) => at(data, "type")), all.map(({ event }) => event))
  return all
})

const show = ({ data, event }: Frame) =>
  [event, at(data, "index"), at(data, "content_block", "type") ?? at(data, "delta", "type")].filter((it) =>
    it !== undefined
  ).join(" ")

layer(ScriptedModel.layer())("messages", (it) => {
  it.effect("thinking, a text and a tool are blocks, each begun, told and ended", () =>
    Effect.gen(function*() {
      const model = yield* ScriptedModel
      yield* model.on(
        "work",
        ModelReply.answer([
          ModelReply.Part.Reasoning({ chunks: "Hm." }),
          ModelReply.Part.Text({ chunks: ["Hel", "lo"] }),
          ModelReply.Part.Call({ call: { id: "toolu_1", name: "Bash", arguments: { command: "ls" } } })
        ], { usage: { input: 30, output: 7, cacheRead: 20, cacheWrite: 4 } })
      )
      const all = yield* events("work")
      assert.deepStrictEqual(all.map(show), [
        "message_start",
        "ping",
        "content_block_start 0 thinking",
        "content_block_delta 0 thinking_delta",
        "content_block_delta 0 signature_delta",
        "content_block_stop 0",
        "content_block_start 1 text",
        "content_block_delta 1 text_delta",
        "content_block_delta 1 text_delta",
        "content_block_stop 1",
        "content_block_start 2 tool_use",
        "content_block_delta 2 input_json_delta",
        "content_block_delta 2 input_json_delta",
        "content_block_stop 2",
        "message_delta",
        "message_stop"
      ])
      assert.deepStrictEqual(at(all[0]?.data, "message", "usage"), {
        input_tokens: 6,
        cache_creation_input_tokens: 4,
        cache_read_input_tokens: 20,
        output_tokens: 1
      })
      assert.deepStrictEqual(at(all[10]?.data, "content_block"), {
        type: "tool_use",
        id: "toolu_1",
        name: "Bash",
        input: {}
      })
      assert.strictEqual(at(all[12]?.data, "delta", "partial_json"), "{\"command\":\"ls\"}")
      assert.deepStrictEqual(at(all.at(-2)?.data, "delta"), { stop_reason: "tool_use", stop_sequence: null })
      assert.strictEqual(at(all.at(-2)?.data, "usage", "output_tokens"), 7)
    }))

  it.effect("an answer that is no stream is one message", () =>
    Effect.gen(function*() {
      const model = yield* ScriptedModel
      yield* model.next(ModelReply.answer([
        ModelReply.Part.Reasoning({ chunks: "Hm." }),
        ModelReply.Part.Text({ chunks: "Hello" }),
        ModelReply.Part.Call({ call: { id: "t", name: "Bash", arguments: { command: "ls" } } })
      ]))
      const message = json((yield* ask(`${model.origin}/v1/messages`, body("x", { stream: false }))).text)
      assert.deepInclude(message, { type: "message", role: "assistant", stop_reason: "tool_use", stop_sequence: null })
      assert.deepStrictEqual(at(message, "content"), [
        { type: "thinking", thinking: "Hm.", signature: "scripted" },
        { type: "text", text: "Hello" },
        { type: "tool_use", id: "t", name: "Bash", input: { command: "ls" } }
      ])
    }))

  it.effect("why it stops is said as Anthropic says it", () =>
    Effect.gen(function*() {
      const model = yield* ScriptedModel
      for (
        const [finish, reason] of [["stop", "end_turn"], ["length", "max_tokens"], [
          "content-filter",
          "refusal"
        ]] as const
      ) {
        yield* model.next(ModelReply.text("A", { finish }))
        assert.strictEqual(at((yield* events("x")).at(-2)?.data, "delta", "stop_reason"), reason)
      }
    }))

  it.effect("errors are Anthropic's, before the stream and in it", () =>
    Effect.gen(function*() {
      const model = yield* ScriptedModel
      yield* model.next(
        ModelReply.error(529, { message: "Overloaded" }),
        ModelReply.failAfter("Half", { status: 529, message: "Overloaded" })
      )
      const refused = yield* ask(`${model.origin}/v1/messages`, body("x"))
      const error = { type: "error", error: { type: "overloaded_error", message: "Overloaded" } }
      assert.deepStrictEqual([refused.status, json(refused.text)], [529, error])
      const all = yield* events("x")
      assert.deepStrictEqual(all.at(-1), { event: "error", data: error })
    }))

  it.effect("tokens are counted without a call of the model", () =>
    Effect.gen(function*() {
      const model = yield* ScriptedModel
      const before = (yield* model.requests).length
      const { text } = yield* ask(`${model.origin}/v1/messages/count_tokens`, body("x"))
      assert.strictEqual(at(json(text), "input_tokens"), 10)
      assert.strictEqual((yield* model.requests).length, before)
    }))

  it.effect("the script is given the conversation in one shape, without the agent's own notes", () =>
    Effect.gen(function*() {
      const model = yield* ScriptedModel
      const result = (id: string, content: unknown) => ({ type: "tool_result", tool_use_id: id, content })
      const conversation = [
        {
          role: "user",
          content: [
            { type: "text", text: "<system-reminder>Today is Monday.</system-reminder>" },
            { type: "text", text: "list the files" }
          ]
        },
        {
          role: "assistant",
          content: [
            { type: "text", text: "Looking." },
            { type: "tool_use", id: "t1", name: "Bash", input: { command: "ls" } },
            { type: "tool_use", id: "t2", name: "Bash", input: { command: "pwd" } }
          ]
        },
        {
          role: "user",
          content: [
            result("t1", "a.txt"),
            result("t2", [{ type: "text", text: "/work" }]),
            { type: "text", text: "<system-reminder>Be brief.</system-reminder>" }
          ]
        }
      ]
      const asked = (messages: ReadonlyArray<unknown>) =>
        ask(
          `${model.origin}/v1/messages`,
          body("", {
            messages,
            stream: false,
            metadata: { user_id: "{\"session_id\":\"s1\"}" },
            output_config: { effort: "high" },
            tools: [{ name: "Bash", input_schema: {} }, { type: "web_search_20250305", name: "web_search" }]
          })
        )
      yield* asked(conversation)
      const request = yield* model.awaitRequest(({ lastUserText }) => lastUserText === "list the files")
      assert.deepInclude(request, {
        api: "messages",
        sessionId: "s1",
        reasoningEffort: "high",
        systemText: "Be good.",
        toolNames: ["Bash", "web_search"],
        afterToolResult: true,
        lastToolResult: "a.txt\n/work",
        toolRounds: 1
      })
      assert.deepStrictEqual(request.messages[2]?.toolCalls[0], {
        id: "t1",
        name: "Bash",
        arguments: "{\"command\":\"ls\"}"
      })
      // As Claude does after an interrupted tool: the result, a note, and the next prompt, in one message.
      yield* asked([
        ...conversation.slice(0, 2),
        {
          role: "user",
          content: [
            result("t1", "rejected"),
            { type: "text", text: "[Request interrupted by user for tool use]" },
            { type: "text", text: "never mind" }
          ]
        }
      ])
      const next = yield* model.awaitRequest(({ lastUserText }) => lastUserText === "never mind")
      assert.isFalse(next.afterToolResult)
      assert.isUndefined(next.lastToolResult)
    }))
})
