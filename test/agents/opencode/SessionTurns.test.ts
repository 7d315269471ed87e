/** Turns on a real OpenCode: how they run, how they fail, how they are interrupted. */
import { assert, layer } from "@effect/vitest"
import { Deferred, Effect, FileSystem, Path, Stream } from "effect"
import { TurnId } from "../../../src/domain/Ids.ts"
import { ModelReply, ModelScript } from "../../../src/testing/index.ts"
import { type Driven, items, OpenCodeSessions } from "../../support/OpenCodeSessions.ts"

const { call, text } = ModelReply

const after = (first: ModelReply.Reply): ModelScript.ModelScript => (request) =>
  request.afterToolResult ? text("Done.") : first

const tags = (driven: Driven) => driven.seen.map(({ _tag }) => _tag)

const soon = { "retry-after-ms": "20" }

/** A turn that is refused, with its error. */
const refused = (driven: Driven, input: Parameters<Driven["session"]["sendTurn"]>[0]["input"]) =>
  Effect.gen(function*() {
    const turnId = TurnId.make(`refused-${driven.seen.length}-${input.prompt}`)
    const ref = yield* driven.session.turnRef(turnId)
    return yield* Effect.flip(driven.session.sendTurn({ turnId, ref, input }))
  })

layer(OpenCodeSessions.layer(), { timeout: "60 seconds", excludeTestServices: true })("turns", (it) => {
  it.effect("P4 opencode: a turn's items are started, streamed and completed once, and it ends once", () =>
    Effect.gen(function*() {
      const { on, start } = yield* OpenCodeSessions
      yield* on("think first", () => ModelReply.reasoning("Hm.", Stream.make("Hello ", "there.")))
      const driven = yield* start({ model: { id: "scripted/scripted-2" } })
      const { usage } = yield* driven.run("think first")
      assert.deepStrictEqual(tags(driven), [
        "ItemStarted",
        "ItemDelta",
        "ItemCompleted",
        "ItemStarted",
        "ItemDelta",
        "ItemDelta",
        "ItemCompleted",
        "StepEnded",
        "UsageUpdated",
        "TurnCompleted"
      ])
      assert.deepStrictEqual(items(driven, "Reasoning").map((item) => item.text), ["Hm."])
      assert.deepStrictEqual(items(driven, "AssistantMessage").map((item) => item.text), ["Hello there."])
      assert.deepStrictEqual(driven.seen.flatMap((event) => event._tag === "ItemDelta" ? [event.offset] : []), [
        0,
        0,
        6
      ])
      assert.deepStrictEqual(usage, { input: 10, output: 5, reasoning: 0, cacheRead: 0, cacheWrite: 0 })
    }))

  it.effect("P4 opencode: a second turn is not ended by what comes late of the first", () =>
    Effect.gen(function*() {
      const { on, start } = yield* OpenCodeSessions
      yield* on("denied key", () => ModelReply.error(401, { body: { error: { message: "bad key" } } }))
      yield* on("after that", () => text("fine"))
      const driven = yield* start()
      for (let round = 0; round < 3; round++) {
        const failed = yield* driven.run("denied key")
        assert.deepInclude(failed, {
          _tag: "TurnFailed",
          failure: { _tag: "ModelFailed", name: "APIError", status: 401, retryable: false, message: "bad key" }
        })
        const completed = yield* driven.run("after that")
        assert.strictEqual(completed._tag, "TurnCompleted")
      }
      assert.notInclude(tags(driven), "ErrorReported")
    }))

  it.effect("P4 opencode: each retry is told, and its end is the turn's", () =>
    Effect.gen(function*() {
      const { on, start } = yield* OpenCodeSessions
      let calls = 0
      yield* on("busy model", () =>
        ++calls < 3 ? ModelReply.error(429, { body: "slow down", headers: soon }) : text("at last"))
      yield* on("never again", () =>
        ModelReply.error(429, { body: "slow down", headers: soon }))
      const driven = yield* start()
      assert.strictEqual((yield* driven.run("busy model"))._tag, "TurnCompleted")
      assert.deepStrictEqual(
        driven.seen.flatMap((event) => event._tag === "RetryScheduled" ? [event.attempt] : []),
        [1, 2]
      )
      const failed = yield* driven.run("never again")
      assert.strictEqual(failed._tag === "TurnFailed" && failed.failure._tag, "ModelFailed")
    }))

  it.effect("P4 opencode: an answer that meets the model's limit, or is withheld, fails its turn as such", () =>
    Effect.gen(function*() {
      const { on, start } = yield* OpenCodeSessions
      yield* on("go on for ever", () => text("Half an an", { finish: "length" }))
      yield* on("say what must not be said", () => text("I", { finish: "content-filter" }))
      yield* on("and on", () => text("Well."))
      const driven = yield* start()
      for (
        const [prompt, failure] of [
          ["go on for ever", "OutputTruncated"],
          ["say what must not be said", "OutputFiltered"]
        ] as const
      ) {
        const ending = yield* driven.run(prompt)
        assert.strictEqual(ending._tag === "TurnFailed" ? ending.failure._tag : ending._tag, failure)
      }
      assert.strictEqual((yield* driven.run("and on"))._tag, "TurnCompleted")
    }))

  it.effect("P4 opencode: an overflow that a compaction mends does not end the turn", () =>
    Effect.gen(function*() {
      const { on, start } = yield* OpenCodeSessions
      let overflown = false
      yield* on("first words", (request) => text(request.toolNames.length === 0 ? "The summary." : "Go on."))
      yield* on("much to say", () => {
        if (overflown) return text("Now it fits.")
        overflown = true
        return ModelReply.error(400, {
          body: { error: { message: "too long", code: "context_length_exceeded", type: "invalid_request_error" } }
        })
      })
      const driven = yield* start()
      yield* driven.run("first words")
      const end = yield* driven.run("much to say")
      assert.strictEqual(end._tag, "TurnCompleted")
      assert.deepStrictEqual(
        driven.seen.flatMap((event) =>
          event._tag === "CompactionStarted" ?
            [event.trigger] :
            event._tag === "CompactionCompleted" ?
            [event.summary] :
            []
        ),
        ["overflow", "The summary."]
      )
      assert.strictEqual(items(driven, "AssistantMessage").at(-1)?.text, "Now it fits.")
    }))

  it.effect("P13 opencode: a compaction on request is told from its start to its summary", () =>
    Effect.gen(function*() {
      const { on, start } = yield* OpenCodeSessions
      yield* on("to be compacted", (request) => text(request.toolNames.length === 0 ? "In short." : "Long story."))
      const driven = yield* start()
      yield* driven.run("to be compacted")
      yield* driven.session.compact
      assert.strictEqual((yield* driven.next("CompactionStarted")).trigger, "manual")
      assert.strictEqual((yield* driven.next("CompactionCompleted")).summary, "In short.")
      const history = (yield* driven.session.history).messages.flatMap(({ items }) => items)
      assert.deepStrictEqual(history.map((item) => "text" in item ? item.text : item._tag), [
        "to be compacted",
        "Long story."
      ])
    }))

  it.effect("P4 opencode: interrupted in the stream, during a retry, and right after sending", () =>
    Effect.gen(function*() {
      const { on, start } = yield* OpenCodeSessions
      yield* on("stream on", () => ModelReply.text(Stream.concat(Stream.make("Half"), Stream.never)))
      yield* on("try later", () => ModelReply.error(429, { body: "no", headers: { "retry-after-ms": "60000" } }))
      yield* on("hang on", () => ModelReply.hang)
      yield* on("go on", () => text("fine"))
      const driven = yield* start()
      const streaming = yield* driven.send("stream on")
      yield* driven.next("ItemDelta")
      yield* driven.session.interruptTurn(streaming)
      assert.deepInclude(yield* driven.ending, { _tag: "TurnInterrupted", turnId: streaming, by: "user" })
      assert.deepStrictEqual(items(driven, "AssistantMessage").map((item) => item.text), ["Half"])

      const retrying = yield* driven.send("try later")
      yield* driven.next("RetryScheduled")
      yield* driven.session.interruptTurn(retrying)
      assert.deepInclude(yield* driven.ending, { _tag: "TurnInterrupted", turnId: retrying })

      for (let round = 0; round < 3; round++) {
        const sent = yield* driven.send("hang on")
        yield* driven.session.interruptTurn(sent)
        assert.deepInclude(yield* driven.ending, { _tag: "TurnInterrupted", turnId: sent })
      }
      assert.strictEqual((yield* driven.run("go on"))._tag, "TurnCompleted")
    }))

  it.effect("P4 opencode: input that joins a running turn belongs to it", () =>
    Effect.gen(function*() {
      const { model, on, start } = yield* OpenCodeSessions
      const hold = yield* Deferred.make<void>()
      yield* on("begin slowly", () =>
        Effect.as(Deferred.await(hold), call("bash", { command: "true", description: "x" })))
      yield* on("and also this", () =>
        text("Both done."))
      const driven = yield* start({ runtimeMode: "full-access" })
      const turnId = yield* driven.send("begin slowly")
      yield* model.awaitRequest((request) => request.lastUserText.includes("begin slowly"))
      yield* driven.session.steerTurn({ turnId, ref: undefined, input: { prompt: "and also this" } })
      yield* Deferred.succeed(hold, undefined)
      assert.deepInclude(yield* driven.ending, { _tag: "TurnCompleted", turnId })
      assert.strictEqual(items(driven, "AssistantMessage").at(-1)?.text, "Both done.")
      const late = yield* Effect.flip(
        driven.session.steerTurn({ turnId, ref: undefined, input: { prompt: "too late" } })
      )
      assert.strictEqual(late._tag, "TurnRefused")
    }))

  it.effect("P5 opencode: an unknown model, variant or agent is refused before it is sent, and poisons nothing", () =>
    Effect.gen(function*() {
      const { start } = yield* OpenCodeSessions
      const driven = yield* start()
      const model = yield* refused(driven, { prompt: "x", model: { id: "scripted/nope" } })
      assert.deepInclude(model, { _tag: "ModelUnavailable", available: ["scripted/scripted-1", "scripted/scripted-2"] })
      const variant = yield* refused(driven, { prompt: "x", model: { id: "scripted/scripted-2", variant: "extreme" } })
      assert.strictEqual(variant._tag, "ModelUnavailable")
      const agent = yield* refused(driven, { prompt: "x", agent: "nobody" })
      assert.deepInclude(agent, { _tag: "TurnRefused", name: "AgentNotFound" })
      assert.deepStrictEqual(driven.seen, [])
      assert.strictEqual((yield* driven.run("still works"))._tag, "TurnCompleted")
      const failed = yield* Effect.flip(start({ model: { id: "scripted/nope" } }))
      assert.strictEqual(failed._tag, "ModelUnavailable")
    }))

  it.effect("P5 opencode: model and variant go with every turn", () =>
    Effect.gen(function*() {
      const { model, start } = yield* OpenCodeSessions
      const driven = yield* start({ model: { id: "scripted/scripted-1" } })
      yield* driven.run("variant one", { model: { id: "scripted/scripted-2", variant: "high" } })
      yield* driven.run("variant two")
      const one = yield* model.awaitRequest((request) => request.lastUserText.includes("variant one"))
      const two = yield* model.awaitRequest((request) => request.lastUserText.includes("variant two"))
      assert.deepInclude(one, { model: "scripted-2", reasoningEffort: "high" })
      assert.deepInclude(two, { model: "scripted-1", reasoningEffort: undefined })
    }))

  it.effect("P7 opencode: only files of the directory are attached", () =>
    Effect.gen(function*() {
      const { directory, model, start } = yield* OpenCodeSessions
      const fs = yield* FileSystem.FileSystem
      const path = yield* Path.Path
      const outside = path.join(yield* fs.makeTempDirectoryScoped(), "secret.txt")
      yield* fs.writeFileString(outside, "a secret")
      yield* fs.writeFileString(path.join(directory, "note.txt"), "the note's text")
      yield* fs.symlink(outside, path.join(directory, "link.txt"))
      const driven = yield* start()
      const attach = (file: string) => refused(driven, { prompt: "x", attachments: [{ _tag: "File", path: file }] })
      assert.deepInclude(yield* attach(outside), { _tag: "AttachmentRefused", reason: "outside-directory" })
      assert.deepInclude(yield* attach("link.txt"), { _tag: "AttachmentRefused", reason: "outside-directory" })
      assert.deepInclude(yield* attach("none.txt"), { _tag: "AttachmentRefused", reason: "missing" })
      yield* driven.run("what is attached", {
        attachments: [
          { _tag: "File", path: "note.txt" },
          { _tag: "File", path: outside, allowOutside: true },
          {
            _tag: "Data",
            name: "words.txt",
            mime: "text/plain",
            base64: Buffer.from("pasted words").toString("base64")
          }
        ]
      })
      const request = yield* model.awaitRequest((request) => request.lastUserText.includes("what is attached"))
      const said = JSON.stringify(request.messages)
      for (const part of ["the note's text", "a secret", "pasted words"]) assert.include(said, part)
    }))

  it.effect("P4 opencode: an edit is a file change with its diff, a todo list a plan", () =>
    Effect.gen(function*() {
      const { directory, on, start } = yield* OpenCodeSessions
      const fs = yield* FileSystem.FileSystem
      const file = (yield* Path.Path).join(directory, "edited.txt")
      yield* fs.writeFileString(file, "first\n")
      yield* on(
        "edit the file",
        after(ModelReply.calls([
          { name: "edit", arguments: { filePath: file, oldString: "first", newString: "second" } },
          { name: "write", arguments: { filePath: `${file}.new`, content: "new\n" } },
          { name: "todowrite", arguments: { todos: [{ content: "one", status: "in_progress", priority: "high" }] } }
        ]))
      )
      const driven = yield* start({ runtimeMode: "auto-accept-edits" })
      assert.strictEqual((yield* driven.run("edit the file"))._tag, "TurnCompleted")
      const edits = items(driven, "FileChange").flatMap((item) => item.edits)
        .toSorted((a, b) => a.path.localeCompare(b.path))
      assert.deepStrictEqual(edits.map(({ kind, path }) => [kind, path]), [["modify", file], ["add", `${file}.new`]])
      assert.include(edits[0]?.patch ?? "", "+second")
      const plan = driven.seen.find((event) => event._tag === "PlanUpdated")
      assert.deepStrictEqual(plan?._tag === "PlanUpdated" && plan.steps, [{ text: "one", status: "in-progress" }])
      assert.notInclude(tags(driven), "ApprovalRequested")
    }))
})
