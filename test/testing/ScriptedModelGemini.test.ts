/** Gemini's generateContent and streamGenerateContent. */
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { ModelReply, ScriptedModel } from "../../src/testing/index.ts"
import { ask, at, frames, json } from "../support/ModelClient.ts"

const body = (prompt: string, more: object = {}) => ({
  contents: [{ role: "user", parts: [{ text: prompt }] }],
  systemInstruction: { role: "user", parts: [{ text: "Be good." }] },
  ...more
})

const at1 = (origin: string, method: string) => `${origin}/v1beta/models/gemini-x:${method}`

const chunks = Effect.fnUntraced(function*(prompt: string) {
  const model = yield* ScriptedModel
  const { headers, text } = yield* ask(at1(model.origin, "streamGenerateContent?alt=sse"), body(prompt))
  assert.strictEqual(headers.get("content-type"), "text/event-stream")
  return frames(text).map(({ data }) => data)
})

const part = (chunk: unknown) => at(chunk, "candidates", 0, "content", "parts", 0)

layer(ScriptedModel.layer())("gemini", (it) => {
  it.effect("thoughts, texts and calls are parts; the last chunk says why and how much", () =>
    Effect.gen(function*() {
      const model = yield* ScriptedModel
      yield* model.on(
        "work",
        ModelReply.answer([
          ModelReply.Part.Reasoning({ chunks: "Hm." }),
          ModelReply.Part.Text({ chunks: ["Hel", "lo"] }),
          ModelReply.Part.Call({ call: { id: "c1", name: "ls", arguments: { path: "." } } })
        ], { usage: { input: 30, output: 7, cacheRead: 20, reasoning: 3 } })
      )
      const all = yield* chunks("work")
      assert.deepStrictEqual(all.map(part), [
        { text: "Hm.", thought: true },
        { text: "Hel" },
        { text: "lo" },
        { functionCall: { id: "c1", name: "ls", args: { path: "." } } },
        { text: "" }
      ])
      assert.deepStrictEqual(all.map((chunk) => at(chunk, "candidates", 0, "finishReason")), [
        undefined,
        undefined,
        undefined,
        undefined,
        "STOP"
      ])
      assert.deepStrictEqual(at(all.at(-1), "usageMetadata"), {
        promptTokenCount: 30,
        candidatesTokenCount: 4,
        thoughtsTokenCount: 3,
        cachedContentTokenCount: 20,
        totalTokenCount: 37
      })
      assert.strictEqual(at(all[0], "modelVersion"), "gemini-x")
    }))

  it.effect("without alt=sse a stream is one array, and generateContent one object", () =>
    Effect.gen(function*() {
      const model = yield* ScriptedModel
      yield* model.on("say", ModelReply.text(["Hel", "lo"]))
      const array = yield* ask(at1(model.origin, "streamGenerateContent"), body("say"))
      assert.strictEqual(array.headers.get("content-type"), "application/json")
      assert.deepStrictEqual([0, 1].map((index) => part(at(json(array.text), index))), [{ text: "Hel" }, {
        text: "lo"
      }])
      const whole = json((yield* ask(at1(model.origin, "generateContent"), body("say"))).text)
      assert.deepStrictEqual(part(whole), { text: "Hello" })
      assert.strictEqual(at(whole, "candidates", 0, "finishReason"), "STOP")
    }))

  it.effect("errors are Google's, before the stream and in it", () =>
    Effect.gen(function*() {
      const model = yield* ScriptedModel
      const failure = { status: 429, message: "Quota" }
      yield* model.next(ModelReply.error(429, { message: "Quota" }), ModelReply.failAfter("Half", failure))
      const error = { error: { code: 429, message: "Quota", status: "RESOURCE_EXHAUSTED" } }
      const refused = yield* ask(at1(model.origin, "generateContent"), body("x"))
      assert.deepStrictEqual([refused.status, json(refused.text)], [429, error])
      const all = yield* chunks("x")
      assert.deepStrictEqual([part(all[0]), all[1]], [{ text: "Half" }, error])
    }))

  it.effect("tokens are counted without a call of the model", () =>
    Effect.gen(function*() {
      const model = yield* ScriptedModel
      const { text } = yield* ask(at1(model.origin, "countTokens"), body("x"))
      assert.strictEqual(at(json(text), "totalTokens"), 10)
    }))

  it.effect("the script is given the conversation in one shape", () =>
    Effect.gen(function*() {
      const model = yield* ScriptedModel
      yield* ask(at1(model.origin, "generateContent"), {
        systemInstruction: { parts: [{ text: "Be good." }] },
        tools: [{ functionDeclarations: [{ name: "ls" }, { name: "cat" }] }, { googleSearch: {} }],
        generationConfig: { temperature: 1, thinkingConfig: { thinkingLevel: "low" } },
        contents: [
          {
            role: "user",
            parts: [{ text: "<session_context>x" }, { text: "look around" }, {
              inlineData: { mimeType: "image/png", data: "" }
            }]
          },
          {
            role: "model",
            parts: [{ text: "Hm.", thought: true }, { functionCall: { name: "ls", args: { path: "." } } }]
          },
          { role: "user", parts: [{ functionResponse: { id: "c1", name: "ls", response: { output: "a.txt" } } }] }
        ]
      })
      const request = yield* model.awaitRequest(({ lastUserText }) => lastUserText === "look around")
      assert.deepInclude(request, {
        api: "gemini",
        model: "gemini-x",
        reasoningEffort: "low",
        systemText: "Be good.",
        toolNames: ["ls", "cat"],
        afterToolResult: true,
        lastToolResult: "a.txt",
        stream: false
      })
      assert.deepStrictEqual(request.messages[2], {
        role: "assistant",
        text: "",
        parts: [],
        toolCalls: [{ id: "", name: "ls", arguments: "{\"path\":\".\"}" }],
        toolCallId: undefined
      })
    }))
})
