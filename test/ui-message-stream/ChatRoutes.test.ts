/** The AI SDK's own chat and transport against our routes, on a real socket and the mock agent. */
import { assert, describe, it } from "@effect/vitest"
import { lastAssistantMessageIsCompleteWithApprovalResponses } from "ai"
import { Deferred, Effect, Fiber, Stream } from "effect"
import { InstanceId, ProviderService, ThreadId } from "../../src/index.ts"
import { MockProvider, MockStep } from "../../src/testing/index.ts"
import { ChatRequest } from "../../src/ui-message-stream/index.ts"
import * as Agents from "../support/Agents.ts"
import * as UIChat from "../support/UIChat.ts"

const { threadId } = Agents

const answersItself = { sendAutomaticallyWhen: lastAssistantMessageIsCompleteWithApprovalResponses }

const chat = (init?: ConstructorParameters<typeof UIChat.Chat>[2], id: string = threadId) =>
  Effect.map(UIChat.url, (url) => new UIChat.Chat(url, id, init))

const kinds = (message: UIChat.Message | undefined) => message?.parts.map(({ type }) => type) ?? []

const toolsOf = (message: UIChat.Message | undefined) =>
  message?.parts.flatMap((part) => part.type === "dynamic-tool" ? [part] : []) ?? []

const post = (path: string, body: string, type = "application/json") =>
  Effect.flatMap(
    UIChat.url,
    (url) => Effect.promise(() => fetch(`${url}${path}`, { method: "POST", body, headers: { "content-type": type } }))
  )

const get = (path: string) => Effect.flatMap(UIChat.url, (url) => Effect.promise(() => fetch(`${url}${path}`)))

const user = (id: string, text: string): UIChat.Message => ({ id, role: "user", parts: [{ type: "text", text }] })

describe("a page of the AI SDK", () => {
  it.live("has text, reasoning, tools, plan and usage as one message, which says where the turn is", () =>
    Effect.gen(function*() {
      const agent = yield* MockProvider
      yield* Agents.start()
      yield* agent.nextTurn(() => [
        MockStep.reasoning(["The ", "tests"]),
        MockStep.plan([{ text: "test", status: "pending" }]),
        MockStep.command("npm test", { asks: false, prints: ["1 ", "failed"], exitCode: 1 }),
        MockStep.tool("lookup", { asks: false, input: { q: 1 }, output: "found" }),
        MockStep.usage({ input: 9, output: 4 }),
        MockStep.text(["Men", "ded."])
      ])
      const page = yield* chat()
      yield* page.say("mend it")
      assert.strictEqual(page.status, "ready")
      const [sent, reply] = page.messages
      assert.strictEqual(UIChat.textOf(sent), "mend it")
      assert.strictEqual(UIChat.textOf(reply), "Mended.")
      assert.deepStrictEqual(kinds(reply), [
        "step-start",
        "reasoning",
        "data-plan",
        "dynamic-tool",
        "dynamic-tool",
        "text"
      ])
      const [command, tool] = toolsOf(reply)
      assert.deepInclude(command, { state: "output-error", errorText: "1 failed", toolName: "command" })
      assert.deepInclude(tool, { state: "output-available", input: { q: 1 }, output: { output: "found" } })
      const turnId = ChatRequest.turnOf(sent?.id ?? "")
      assert.strictEqual(reply?.id, turnId)
      assert.deepInclude(reply?.metadata, { threadId, turnId, outcome: "completed" })
      assert.deepInclude(reply?.metadata?.usage, { input: 9, output: 4 })
    }).pipe(Effect.provide(UIChat.layer())))

  it.live("P6 mock: an approval that is granted in the page lets the same message go on", () =>
    Effect.gen(function*() {
      const agent = yield* MockProvider
      yield* Agents.start()
      yield* agent.nextTurn(() => [
        MockStep.text("May I?"),
        MockStep.command("rm -r build", { output: "gone" }),
        MockStep.text("Done.")
      ])
      const page = yield* chat(answersItself)
      yield* page.say("clean")
      const waiting = page.lastMessage
      assert.strictEqual(waiting?.metadata?.outcome, "waiting")
      const [asked] = toolsOf(waiting)
      assert.deepInclude(asked, { state: "approval-requested", title: "rm -r build" })
      assert.deepInclude(asked?.approval?.descriptor, { kind: "command", subject: "rm -r build" })
      yield* Effect.promise(async () => page.addToolApprovalResponse({ id: asked?.approval?.id ?? "", approved: true }))
      yield* page.until(({ lastMessage }) => lastMessage?.metadata?.outcome === "completed")
      yield* page.until(({ status }) => status === "ready")
      assert.lengthOf(page.messages, 2)
      assert.deepStrictEqual(kinds(page.lastMessage), ["step-start", "text", "dynamic-tool", "text"])
      assert.strictEqual(UIChat.textOf(page.lastMessage), "May I?Done.")
      const [done] = toolsOf(page.lastMessage)
      assert.deepInclude(done, { state: "output-available", output: { output: "gone", exitCode: 0 } })
      assert.deepInclude(done?.approval, { approved: true })
    }).pipe(Effect.provide(UIChat.layer())))

  it.live("P6 mock: an approval that is denied with a reason reaches the agent, and the tool shows as denied", () =>
    Effect.gen(function*() {
      const agent = yield* MockProvider
      yield* Agents.start()
      yield* agent.nextTurn(() => [MockStep.command("rm -r build"), MockStep.text("Then not.")])
      const page = yield* chat(answersItself)
      yield* page.say("clean")
      const id = toolsOf(page.lastMessage)[0]?.approval?.id ?? ""
      yield* Effect.promise(async () => page.addToolApprovalResponse({ id, approved: false, reason: "keep it" }))
      yield* page.until(({ lastMessage }) => lastMessage?.metadata?.outcome === "completed")
      assert.deepInclude(toolsOf(page.lastMessage)[0], { state: "output-denied" })
      assert.deepInclude(toolsOf(page.lastMessage)[0]?.approval, { approved: false, reason: "keep it" })
      assert.strictEqual(UIChat.textOf(page.lastMessage), "Then not.")
    }).pipe(Effect.provide(UIChat.layer())))

  it.live("P4 mock: an interrupted turn ends as aborted, and stop is a route of its own", () =>
    Effect.gen(function*() {
      const agent = yield* MockProvider
      yield* Agents.start()
      yield* agent.nextTurn(() => [MockStep.text("so far"), MockStep.hang])
      const page = yield* chat()
      const saying = yield* Effect.forkChild(page.say("go"), { startImmediately: true })
      yield* page.until(({ lastMessage }) => UIChat.textOf(lastMessage) === "so far")
      assert.strictEqual((yield* post(`/chat/${threadId}/stop`, "")).status, 204)
      yield* Fiber.join(saying)
      assert.strictEqual(page.lastMessage?.metadata?.outcome, "interrupted")
      assert.strictEqual(UIChat.textOf(page.lastMessage), "so far")
    }).pipe(Effect.provide(UIChat.layer())))

  it.live("P4 mock: a failed turn is an error of the page, and the message says which", () =>
    Effect.gen(function*() {
      const agent = yield* MockProvider
      yield* Agents.start()
      yield* agent.nextTurn(() => [MockStep.text("well"), MockStep.fail({ _tag: "ContextOverflow" })])
      const page = yield* chat()
      yield* page.say("go")
      assert.strictEqual(page.status, "error")
      assert.strictEqual(page.error?.message, "ContextOverflow")
      const failed = page.lastMessage?.parts.find((part) => part.type === "data-turn-failed")
      assert.deepInclude(failed, { data: { failure: { _tag: "ContextOverflow" } } })
      assert.strictEqual(page.lastMessage?.metadata?.outcome, "failed")
    }).pipe(Effect.provide(UIChat.layer())))

  it.live("P11 mock: a page that comes in the middle of a turn has it from its start, once", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      yield* Agents.start()
      // So long a log that the turn's start is not in the first window.
      for (let n = 0; n < 60; n++) yield* agents.runTurn({ threadId, prompt: String(n) })
      const gate = yield* Deferred.make<void>()
      const words = Array.from({ length: 300 }, (_, n) => MockStep.text(`${n} `))
      yield* agent.nextTurn(() => [
        ...words,
        MockStep.text(Stream.concat(Stream.make("half "), Stream.fromEffect(Effect.as(Deferred.await(gate), "whole"))))
      ])
      const first = yield* chat()
      const saying = yield* Effect.forkChild(first.say("go"), { startImmediately: true })
      yield* first.until(({ lastMessage }) => UIChat.textOf(lastMessage).endsWith("half "))
      const second = yield* chat()
      const resuming = yield* Effect.forkChild(Effect.promise(() => second.resumeStream()), { startImmediately: true })
      yield* second.until(({ lastMessage }) => UIChat.textOf(lastMessage).endsWith("half "))
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(saying)
      yield* Fiber.join(resuming)
      assert.strictEqual(UIChat.textOf(second.lastMessage), UIChat.textOf(first.lastMessage))
      assert.isTrue(UIChat.textOf(second.lastMessage).endsWith("299 half whole"))
      assert.deepStrictEqual(kinds(second.lastMessage), kinds(first.lastMessage))
      // The same page again: what it has is replaced and not doubled.
      assert.strictEqual((yield* get(`/chat/${threadId}/stream`)).status, 204)
    }).pipe(Effect.provide(UIChat.layer())))

  it.live("P6 mock: a question is a part of the message, and answered by its route", () =>
    Effect.gen(function*() {
      const agent = yield* MockProvider
      yield* Agents.start()
      yield* agent.nextTurn(() => [
        MockStep.question([{ question: "Which?", options: [{ label: "left" }, { label: "right" }] }]),
        MockStep.text("So be it.")
      ])
      const page = yield* chat()
      const saying = yield* Effect.forkChild(page.say("go"), { startImmediately: true })
      const question = () => page.lastMessage?.parts.find((part) => part.type === "data-question")
      yield* page.until(() => question() !== undefined)
      const requestId = question()?.data.request.requestId
      const answer = { _tag: "Answered", answers: [["left"]] } as const
      const answered = yield* post(`/chat/${threadId}/answer`, JSON.stringify({ requestId, answer }))
      assert.strictEqual(answered.status, 204)
      yield* Fiber.join(saying)
      assert.deepInclude(question()?.data.settled, { by: "user", answer })
      assert.strictEqual(UIChat.textOf(page.lastMessage), "So be it.")
      const again = yield* post(`/chat/${threadId}/answer`, JSON.stringify({ requestId, answer }))
      assert.strictEqual(again.status, 409)
    }).pipe(Effect.provide(UIChat.layer())))
})

describe("the routes", () => {
  it.live("P5 mock: the same message, posted twice, is one turn", () =>
    Effect.gen(function*() {
      yield* Agents.start()
      const body = JSON.stringify({ id: threadId, messages: [user("m1", "once")] })
      const [first, second] = [yield* post("/chat", body), yield* post("/chat", body)]
      const texts = [yield* Effect.promise(() => first.text()), yield* Effect.promise(() => second.text())]
      assert.strictEqual(first.headers.get("x-vercel-ai-ui-message-stream"), "v1")
      const said = (text: string | undefined) => text?.match(/"delta":"[^"]*"/g)
      assert.deepStrictEqual(said(texts[0]), said(texts[1]))
      assert.isTrue(texts[1]?.endsWith("data: [DONE]\n\n"))
      const other = yield* post("/chat", JSON.stringify({ id: threadId, messages: [user("m1", "something else")] }))
      assert.strictEqual(other.status, 409)
      assert.lengthOf((yield* Agents.stored()).filter(Agents.is("TurnStarted")), 1)
    }).pipe(Effect.provide(UIChat.layer())))

  it.live("a page whose history is another than the thread's is told so, and only its last message counts", () =>
    Effect.gen(function*() {
      yield* Agents.start()
      const page = yield* chat()
      yield* page.say("one")
      yield* page.say("two")
      assert.strictEqual(page.lastMessage?.metadata?.history, "same")
      page.messages = [user("x", "invented"), { id: "y", role: "assistant", parts: [] }]
      yield* page.say("three")
      assert.strictEqual(page.lastMessage?.metadata?.history, "differs")
      assert.strictEqual(UIChat.textOf(page.lastMessage), "echo: three")
    }).pipe(Effect.provide(UIChat.layer())))

  it.live("a chat that is new becomes a thread where the app says how, and is told what became of the past", () =>
    Effect.gen(function*() {
      const page = yield* chat({}, "new-chat")
      yield* page.say("hello")
      assert.strictEqual(UIChat.textOf(page.lastMessage), "echo: hello")
      assert.deepStrictEqual(page.lastMessage?.metadata?.continuity, { _tag: "Created" })
      const agents = yield* ProviderService
      const thread = yield* agents.getThread({ threadId: ThreadId.make("new-chat") })
      assert.strictEqual(thread.runtimeMode, "read-only")
    }).pipe(Effect.provide(UIChat.layer({
      newThread: { instanceId: InstanceId.make("mock"), directory: process.cwd(), runtimeMode: "read-only" }
    }))))

  it.live("P15 what is not of the shape is a typed error before anything is stored", () =>
    Effect.gen(function*() {
      yield* Agents.start()
      const before = (yield* Agents.stored()).length
      const message = user("m", "hi")
      const cases: ReadonlyArray<readonly [status: number, path: string, body: unknown]> = [
        [400, "/chat", "no object"],
        [400, "/chat", { id: threadId, messages: [] }],
        [400, "/chat", { id: threadId, messages: [{ ...message, role: "system" }] }],
        [400, "/chat", { id: threadId, messages: [message], trigger: "regenerate-message" }],
        [400, "/chat", { id: threadId, messages: [{ id: "a", role: "assistant", parts: [] }] }],
        [400, "/chat", {
          id: threadId,
          messages: [{ ...message, parts: [{ type: "file", url: "http://x/", mediaType: "a/b" }] }]
        }],
        [422, "/chat", { id: threadId, messages: [{ ...message, parts: [] }] }],
        [404, "/chat", { id: "nowhere", messages: [message] }],
        [400, `/chat/${threadId}/answer`, { requestId: "r" }],
        [404, `/chat/${threadId}/answer`, { requestId: "r", decision: { _tag: "AllowOnce" } }],
        [404, "/chat/nowhere/stop", {}]
      ]
      for (const [status, path, body] of cases) {
        const answer = yield* post(path, JSON.stringify(body))
        const error: unknown = yield* Effect.promise(() => answer.json())
        assert.strictEqual(answer.status, status, JSON.stringify([body, error]))
        assert.property(error, "_tag")
      }
      // A form of another site can post text, and nothing but text, without asking first.
      const form = yield* post("/chat", JSON.stringify({ id: threadId, messages: [message] }), "text/plain")
      assert.strictEqual(form.status, 400)
      assert.strictEqual((yield* get("/chat/nowhere/stream")).status, 404)
      assert.lengthOf(yield* Agents.stored(), before)
    }).pipe(Effect.provide(UIChat.layer())))
})
