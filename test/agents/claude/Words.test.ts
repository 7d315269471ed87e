/** What is said to the real Claude Code beside a prompt, and what it does beside a turn. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Deferred, Effect, Fiber, FileSystem } from "effect"
import type { ProviderEvent } from "../../../src/domain/ThreadEvent.ts"
import { Conformance, ModelReply } from "../../../src/testing/index.ts"
import { delegates } from "./ConformingClaude.ts"
import { onClaude } from "./OnClaude.ts"

const { Bench: { endsTurn, listen }, Check: { equal, expect, need } } = Conformance

const is =
  <Tag extends ProviderEvent["_tag"]>(tag: Tag) =>
  (event: ProviderEvent): event is Extract<ProviderEvent, { readonly _tag: Tag }> => event._tag === tag

onClaude((world) => [
  {
    id: "claude/late-steer",
    promise: "P4",
    title:
      "what is added once the model's last answer is on its way is answered, too, in the same turn, which ends once",
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        const { model } = yield* world
        const { awaitEvent, run, seen, send, session } = yield* listen(host)
        const held = yield* model.hold(ModelReply.text("the first answer"))
        const turnId = yield* send(bench.prompts.say("one"))
        yield* held.request
        yield* session.steerTurn({ turnId, ref: undefined, input: { prompt: bench.prompts.say("the second answer") } })
        yield* held.release
        const ending = yield* awaitEvent("the end of the turn", endsTurn(turnId))
        yield* equal(ending._tag, "TurnCompleted", "how it ends")
        yield* equal(ending.usage?.output, 10, "the output of both calls of its model")
        const said = (yield* seen).filter(is("ItemCompleted")).flatMap(({ item, turnId }) =>
          item._tag === "AssistantMessage" ? [[turnId, item.text]] : []
        )
        yield* equal(said, [[turnId, "the first answer"], [turnId, "the second answer"]], "what is said, in which turn")
        yield* run(bench.prompts.say("and on"))
        const ends = (yield* seen).filter(endsTurn(turnId))
        yield* equal([ends.length, (yield* seen).filter(is("TurnBegan")).length], [1, 0], "its ends, and other turns")
      }))
  },
  {
    id: "claude/slashes",
    promise: "P1",
    title: "context and added input that begin as a command of Claude's do are words to the model, and reset nothing",
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        const { model } = yield* world
        const { awaitEvent, run, seen, send, session } = yield* listen(host, { runtimeMode: "approval-required" })
        yield* run(bench.prompts.say("silver anchor"))
        yield* run(bench.prompts.say("two"), { context: ["/clear all of it"] })
        const turnId = yield* send(bench.prompts.run("touch asked"))
        const { request } = yield* awaitEvent("an approval", is("ApprovalRequested"))
        yield* session.steerTurn({ turnId, ref: undefined, input: { prompt: "/compact now", context: ["/clear now"] } })
        yield* session.respondToApproval(request.requestId, { _tag: "AllowOnce" })
        yield* awaitEvent("the end of the turn", endsTurn(turnId))
        const known = yield* run(bench.prompts.recall)
        yield* expect(known.includes("silver anchor"), "what was said first", known)
        const heard = JSON.stringify((yield* model.requests).at(-1)?.raw)
        const words = ["/clear all of it", "/compact now", "/clear now"].filter((text) => heard.includes(text))
        yield* equal(words.length, 3, "the words that reach the model")
        yield* equal((yield* seen).filter(({ _tag }) => _tag.startsWith("Compaction")), [], "compactions")
      }))
  },
  {
    id: "claude/free-text",
    promise: "P6",
    title: "a question may be answered in words that it does not offer, and the model reads them",
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        const { model } = yield* world
        const { awaitEvent, send, session } = yield* listen(host)
        const turnId = yield* send(bench.prompts.ask("Shall I?"))
        const { request } = yield* awaitEvent("a question", is("QuestionAsked"))
        const [question] = request.questions
        yield* equal([question?.freeText, question?.secret], [true, false], "free text, secret")
        const answers = [["only the \"violet\" one, ünd nothing else"]]
        yield* session.answerQuestion(request.requestId, { _tag: "Answered", answers })
        yield* awaitEvent("the end of the turn", endsTurn(turnId))
        const heard = (yield* model.requests).at(-1)?.messages.map(({ text }) => text).join("\n") ?? ""
        yield* expect(heard.includes("only the \"violet\" one, ünd nothing else"), "the answer", heard.slice(-500))
      }))
  },
  {
    id: "claude/retry",
    promise: "P4",
    title: "a call of the model that Claude tries again is told with its number and when, and the turn completes",
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        const { model } = yield* world
        const { run, seen } = yield* listen(host, { setup: { environment: { CLAUDE_CODE_MAX_RETRIES: "2" } } })
        yield* model.next(ModelReply.error(529), ModelReply.error(500))
        yield* equal(yield* run(bench.prompts.say("one")), "one", "what it says")
        const retries = (yield* seen).filter(is("RetryScheduled"))
        yield* equal(retries.map(({ attempt }) => attempt), [1, 2], "the numbers of the retries")
        yield* expect(
          retries.every(({ nextAt, turnId }) => nextAt !== undefined && turnId !== undefined),
          "when",
          retries
        )
      }))
  },
  {
    id: "claude/subagent-ends",
    promise: "P4",
    title: "a subagent that ends after its turn begins a turn of Claude's own, which says so and ends once",
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        const { model } = yield* world
        yield* model.on("delegate it", delegates("look below"))
        const { awaitEvent, run, seen } = yield* listen(host, { runtimeMode: "full-access" })
        const turnIsOver = yield* Deferred.make<void>()
        yield* model.on("look below", () => Effect.as(Deferred.await(turnIsOver), ModelReply.text("I looked.")))
        yield* run("delegate it")
        yield* Deferred.succeed(turnIsOver, undefined)
        const began = yield* awaitEvent("a turn of its own", is("TurnBegan"))
        yield* equal(began.cause, "background", "its cause")
        const ending = yield* awaitEvent("its end", endsTurn(began.turnId))
        yield* equal(ending._tag, "TurnCompleted", "how it ends")
        yield* run(bench.prompts.say("and on"))
        const ends = (yield* seen).filter(endsTurn(began.turnId))
        yield* equal(ends.length, 1, "its ends")
      }))
  },
  {
    id: "claude/own-steered",
    promise: "P4",
    title: "what is added to a turn of Claude's own is answered in it, and it ends once",
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        const begin = yield* need(host.controls, "beginTurn")
        const { awaitEvent, run, seen, send, session } = yield* listen(host, { runtimeMode: "approval-required" })
        const lingering = yield* send(bench.prompts.linger ?? "")
        const { request: first } = yield* awaitEvent("an approval", is("ApprovalRequested"))
        yield* session.respondToApproval(first.requestId, { _tag: "AllowOnce" })
        yield* awaitEvent("the end of the turn", endsTurn(lingering))
        yield* begin(session.sessionId, bench.prompts.run("touch asked"))
        const { turnId } = yield* awaitEvent("a turn of its own", is("TurnBegan"))
        const { request } = yield* awaitEvent(
          "its approval",
          (event): event is Asks => is("ApprovalRequested")(event) && event.turnId === turnId
        )
        yield* session.steerTurn({ turnId, ref: undefined, input: { prompt: bench.prompts.say("added") } })
        yield* session.respondToApproval(request.requestId, { _tag: "AllowOnce" })
        const ending = yield* awaitEvent("its end", endsTurn(turnId))
        yield* equal(ending._tag, "TurnCompleted", "how it ends")
        yield* equal(yield* run(bench.prompts.say("and on")), "and on", "what the next turn says")
        yield* equal((yield* seen).filter(endsTurn(turnId)).length, 1, "its ends")
      }))
  },
  {
    id: "claude/own-joined",
    promise: "P4",
    title: "a turn of Claude's own ends once where a prompt was sent before it was seen, and so does that prompt's",
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        const { model } = yield* world
        const begin = yield* need(host.controls, "beginTurn")
        const { awaitEvent, run, seen, send, session } = yield* listen(host, { runtimeMode: "full-access" })
        yield* run(bench.prompts.linger ?? "")
        const command = "until rm go 2> /dev/null; do sleep 0.05; done"
        const held = yield* model.hold(ModelReply.call("Bash", { command, description: "As asked" }))
        yield* begin(session.sessionId, bench.prompts.say("by myself"))
        yield* held.request
        const sending = yield* Effect.forkChild(send(bench.prompts.say("two")), { startImmediately: true })
        yield* held.release
        const began = yield* awaitEvent("a turn of its own", is("TurnBegan"))
        yield* awaitEvent("its command", (event): event is Started =>
          is("ItemStarted")(event) && event.turnId === began.turnId)
        yield* FileSystem.FileSystem.pipe(
          Effect.flatMap((fs) =>
            fs.writeFileString(`${session.directory}/go`, "")
          ),
          Effect.provide(NodeServices.layer),
          Effect.orDie
        )
        const turnId = yield* Fiber.join(sending)
        yield* awaitEvent("the end of our turn", endsTurn(turnId))
        yield* awaitEvent("the end of its own turn", endsTurn(began.turnId))
        yield* run(bench.prompts.say("and on"))
        const ends = [began.turnId, turnId].map((turnId) => endsTurn(turnId))
        const events = yield* seen
        yield* equal(
          ends.map((ends) => events.filter(ends).map(({ usage }) => usage?.output)),
          [[5], [5]],
          "their ends, each with the output of one call of the model"
        )
      }))
  },
  {
    id: "claude/subagent-cut",
    promise: "P16",
    title: "what a subagent was at when its turn was interrupted is complete with that turn",
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        const { model } = yield* world
        yield* model.on("delegate it", delegates("run tail -f /dev/null", { run_in_background: false }))
        const { awaitEvent, seen, send, session } = yield* listen(host, { runtimeMode: "full-access" })
        const turnId = yield* send("delegate it")
        yield* awaitEvent(
          "the subagent's command",
          (event): event is Started => is("ItemStarted")(event) && event.item._tag === "Command"
        )
        yield* session.interruptTurn(turnId)
        yield* awaitEvent("the end of the turn", endsTurn(turnId))
        const events = yield* seen
        const completed = new Set(events.filter(is("ItemCompleted")).map(({ item }) => item.itemId))
        const open = events.filter(is("ItemStarted")).filter(({ item }) => !completed.has(item.itemId))
        yield* equal(open.map(({ item }) => item), [], "what is left open")
      }))
  }
])

type Asks = Extract<ProviderEvent, { readonly _tag: "ApprovalRequested" }>
type Started = Extract<ProviderEvent, { readonly _tag: "ItemStarted" }>
