/** P6 and P7 on the real OpenCode: approvals, questions, and what each mode asks for. */
import { assert, layer } from "@effect/vitest"
import { Effect, Exit, Fiber, FileSystem, Option, Stream } from "effect"
import { isTerminal, ProviderService, RequestId, type RuntimeMode, type ThreadId } from "../../src/index.ts"
import { ModelReply, ScriptedModel } from "../../src/testing/index.ts"
import { awaitEvent, is, stored } from "../support/Agents.ts"
import { bash, hands, start, thenSay } from "../support/OpenCodeAgents.ts"
import * as OpenCodeAgents from "../support/OpenCodeAgents.ts"
import { approval, commands, runApproved } from "../support/OpenCodePromises.ts"

layer(OpenCodeAgents.layer(), { timeout: "60 seconds", excludeTestServices: true })("requests", (it) => {
  it.effect("P6 opencode: an approval is settled once; answering a settled or unknown one is a typed error", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const model = yield* ScriptedModel
      const { threadId } = yield* start()
      yield* model.on("P6 run", bash("echo P6"))
      const { request, result } = yield* runApproved(threadId, "P6 run")
      assert.deepInclude(request, { kind: "command", subject: "echo P6" })
      assert.strictEqual(result.text, "done")
      const again = { threadId, requestId: request.requestId, decision: { _tag: "AllowOnce" } } as const
      assert.strictEqual((yield* Effect.flip(agents.respondToApproval(again)))._tag, "RequestSettled")
      const unknown = { ...again, requestId: RequestId.make("per_unknown") }
      assert.strictEqual((yield* Effect.flip(agents.respondToApproval(unknown)))._tag, "RequestNotFound")
      assert.deepStrictEqual(
        (yield* stored(threadId)).filter(is("ApprovalSettled")).map(({ by, decision }) => [by, decision?._tag]),
        [["user", "AllowOnce"]]
      )
    }))

  it.effect("P6 opencode: of two answers at once one counts, and one that somebody else gave is told of", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const model = yield* ScriptedModel
      const { directory, threadId } = yield* start()
      yield* model.on("P6 race", bash("echo race"))
      yield* agents.sendTurn({ threadId, prompt: "P6 race" })
      const { request } = yield* approval(threadId)
      const answer = { threadId, requestId: request.requestId, decision: { _tag: "AllowOnce" } } as const
      const exits = yield* Effect.all(
        [Effect.exit(agents.respondToApproval(answer)), Effect.exit(agents.respondToApproval(answer))],
        { concurrency: 2 }
      )
      assert.lengthOf(exits.filter(Exit.isSuccess), 1)
      yield* awaitEvent(is("TurnCompleted"), threadId)
      yield* model.on("P6 elsewhere", bash("echo elsewhere"))
      const { lastSeq } = yield* agents.getThread({ threadId })
      yield* agents.sendTurn({ threadId, prompt: "P6 elsewhere" })
      const { request: second } = yield* approval(threadId, lastSeq)
      const { client } = yield* hands
      yield* Effect.promise(() => client(directory).permission.reply({ requestID: second.requestId, reply: "once" }))
      const settled = yield* agents.streamEvents({ threadId, after: lastSeq }).pipe(
        Stream.filter(is("ApprovalSettled")),
        Stream.runHead
      )
      assert.strictEqual(Option.getOrUndefined(settled)?.by, "agent")
      const late = { ...answer, requestId: second.requestId }
      assert.strictEqual((yield* Effect.flip(agents.respondToApproval(late)))._tag, "RequestSettled")
      assert.lengthOf((yield* stored(threadId)).filter(is("ApprovalSettled")), 2)
    }))

  it.effect("P6 opencode: interrupt and stop settle what is open", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const model = yield* ScriptedModel
      const { threadId } = yield* start()
      for (
        const [prompt, end] of [
          ["P6 interrupted", agents.interruptTurn({ threadId })],
          ["P6 stopped", agents.stopSession({ threadId })]
        ] as const
      ) {
        yield* model.on(prompt, bash("echo never"))
        const { lastSeq } = yield* agents.getThread({ threadId })
        yield* agents.sendTurn({ threadId, prompt })
        const { request } = yield* approval(threadId, lastSeq)
        yield* end
        const answer = { threadId, requestId: request.requestId, decision: { _tag: "AllowOnce" } } as const
        assert.strictEqual((yield* Effect.flip(agents.respondToApproval(answer)))._tag, "RequestSettled")
      }
      const events = yield* stored(threadId)
      const asked = events.filter(is("ApprovalRequested")).map(({ request }) => request.requestId)
      assert.deepStrictEqual(events.filter(is("ApprovalSettled")).map(({ requestId }) => requestId), asked)
      assert.deepStrictEqual(commands(events).filter(({ status }) => status === "completed"), [])
    }))

  it.effect("P6 opencode: a question is answered or dismissed, once", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const model = yield* ScriptedModel
      const { threadId } = yield* start()
      const question = {
        question: "Which?",
        header: "Which",
        options: [{ label: "A", description: "a" }, { label: "B", description: "b" }]
      }
      yield* model.on("P6 ask", thenSay(ModelReply.call("question", { questions: [question] }), "thanks"))
      const turn = yield* Effect.forkChild(agents.runTurn({ threadId, prompt: "P6 ask" }), { startImmediately: true })
      const { request } = yield* awaitEvent(is("QuestionAsked"), threadId)
      const answer = { _tag: "Answered", answers: [["B"]] } as const
      const { requestId } = request
      yield* agents.answerQuestion({ threadId, requestId, answer })
      assert.strictEqual((yield* Fiber.join(turn)).text, "thanks")
      const again = yield* Effect.flip(agents.answerQuestion({ threadId, requestId, answer: { _tag: "Dismissed" } }))
      assert.strictEqual(again._tag, "RequestSettled")
      const told = yield* model.awaitRequest((request) => request.lastUserText === "P6 ask" && request.afterToolResult)
      assert.include(told.lastToolResult, "B")
    }))

  for (
    const [runtimeMode, expected] of [
      ["approval-required", ["file-change", "command", "command"]],
      ["auto-accept-edits", ["command", "command"]],
      ["full-access", []]
    ] as const
  ) {
    it.effect(`P7 opencode: ${runtimeMode} holds before and after a resume`, () =>
      Effect.gen(function*() {
        const { asked } = yield* everyTool(runtimeMode)
        assert.deepStrictEqual(asked, [...expected, ...expected])
      }))
  }

  it.effect("P7 opencode: a fork and a change of the mode ask for what they should", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const { asked, threadId } = yield* everyTool("full-access")
      assert.deepStrictEqual(asked, [])
      const changed = yield* agents.startSession({ threadId, runtimeMode: "approval-required" })
      assert.deepInclude(changed, { runtimeMode: "approval-required", continuity: { _tag: "Resumed" } })
      assert.deepStrictEqual(yield* useTools(threadId), ["file-change", "command", "command"])
      const fork = OpenCodeAgents.nextThreadId()
      const copy = yield* agents.forkThread({ threadId, newThreadId: fork })
      assert.strictEqual(copy.continuity._tag, "Forked")
      assert.deepStrictEqual(yield* useTools(fork), ["file-change", "command", "command"])
    }))
})

/** Edits a file, runs a command, and runs another one; answers what the user was asked for. */
const useTools = Effect.fnUntraced(function*(threadId: ThreadId) {
  const agents = yield* ProviderService
  const model = yield* ScriptedModel
  const { directory, epoch, lastSeq } = yield* agents.getThread({ threadId })
  const prompt = `use tools ${threadId} ${epoch} ${lastSeq}`
  const steps = [
    ModelReply.call("write", { filePath: `${directory}/file-${lastSeq}.txt`, content: "written" }),
    ModelReply.call("bash", { command: "echo first", description: "first" }),
    ModelReply.call("bash", { command: "echo second", description: "second" })
  ]
  let step = 0
  yield* model.on(prompt, () => steps[step++] ?? ModelReply.text("used"))
  yield* agents.sendTurn({ threadId, prompt })
  const asked: Array<string> = []
  yield* agents.streamEvents({ threadId, after: lastSeq }).pipe(
    Stream.takeUntil(isTerminal),
    Stream.runForEach((event) => {
      if (event._tag !== "ApprovalRequested") return Effect.void
      asked.push(event.request.kind)
      const { requestId } = event.request
      return agents.respondToApproval({ threadId, requestId, decision: { _tag: "AllowOnce" } })
    })
  )
  const ran = commands(yield* stored(threadId)).slice(-2)
  assert.deepStrictEqual(ran.map(({ output }) => output?.trim()), ["first", "second"])
  const fs = yield* FileSystem.FileSystem
  assert.strictEqual(yield* fs.readFileString(`${directory}/file-${lastSeq}.txt`), "written")
  return asked
})

const everyTool = Effect.fnUntraced(function*(runtimeMode: RuntimeMode) {
  const agents = yield* ProviderService
  const { threadId } = yield* start({ runtimeMode })
  const before = yield* useTools(threadId)
  yield* agents.stopSession({ threadId })
  const after = yield* useTools(threadId)
  assert.strictEqual((yield* agents.getThread({ threadId })).epoch, 2)
  return { threadId, asked: [...before, ...after] }
})
