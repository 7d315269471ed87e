/** What a real OpenCode may do in each runtime mode, its subagents included, and who is asked. */
import { assert, layer } from "@effect/vitest"
import { Effect, FileSystem, Option, Path } from "effect"
import { RequestId } from "../../../src/domain/Ids.ts"
import type { RuntimeMode } from "../../../src/domain/RuntimeMode.ts"
import { ModelReply, ModelScript } from "../../../src/testing/index.ts"
import { cursorOf, type Driven, items, OpenCodeSessions } from "../../support/OpenCodeSessions.ts"

const { call, text } = ModelReply

const after = (first: ModelReply.Reply): ModelScript.ModelScript => (request) =>
  request.afterToolResult ? text(`Done: ${request.lastToolResult}`) : first

const bash = (command: string) => call("bash", { command, description: "Runs a command" })

const task = (prompt: string, agent = "general"): ModelScript.ModelScript =>
  after(call("task", { description: "Look around", prompt, subagent_type: agent }))

/** Runs a turn, allowing what is asked, and answers the kinds of action that were asked about. */
const asked = Effect.fnUntraced(function*(driven: Driven, prompt: string) {
  const before = driven.seen.length
  yield* driven.send(prompt)
  while (true) {
    const event = yield* driven.next("ApprovalRequested", "TurnCompleted", "TurnFailed", "TurnInterrupted")
    if (event._tag !== "ApprovalRequested") {
      assert.strictEqual(event._tag, "TurnCompleted")
      break
    }
    yield* driven.session.respondToApproval(event.request.requestId, { _tag: "AllowOnce" })
  }
  return driven.seen.slice(before).flatMap((event) =>
    event._tag === "ApprovalRequested"
      ? [`${event.request.subagent === undefined ? "" : "subagent "}${event.request.kind} ${event.request.subject}`]
      : []
  )
})

const denied = { permission: { bash: { "rm *": "deny", "git *": "allow" } } }

layer(OpenCodeSessions.layer({ config: denied }), { timeout: "60 seconds", excludeTestServices: true })(
  "permissions",
  (it) => {
    const setup = Effect.gen(function*() {
      const { directory, on } = yield* OpenCodeSessions
      const fs = yield* FileSystem.FileSystem
      const path = yield* Path.Path
      const file = path.join(directory, "read.txt")
      yield* fs.writeFileString(file, "inside")
      yield* fs.writeFileString(path.join(directory, ".env"), "KEY=1")
      const outside = path.join(yield* fs.makeTempDirectoryScoped().pipe(Effect.flatMap(fs.realPath)), "out.txt")
      yield* fs.writeFileString(outside, "outside")
      yield* on("run a command", after(bash("echo one")))
      yield* on("run git", after(bash("git --version")))
      yield* on("remove it", after(bash("rm read.txt")))
      yield* on("write it", after(call("write", { filePath: path.join(directory, "w.txt"), content: "x" })))
      yield* on("read inside", after(call("read", { filePath: file })))
      yield* on("read secrets", after(call("read", { filePath: path.join(directory, ".env") })))
      yield* on("read outside", after(call("read", { filePath: outside })))
      for (const what of ["run a command", "remove it", "write it", "read inside"]) {
        yield* on(`delegate ${what}`, task(`subagent: ${what}`))
      }
      yield* on("subagent: run a command", after(bash("echo child")))
      yield* on("delegate the same", task("subagent: the same"))
      yield* on("subagent: the same", after(bash("echo one")))
      yield* on("subagent: remove it", after(bash("rm read.txt")))
      yield* on("subagent: write it", after(call("write", { filePath: path.join(directory, "c.txt"), content: "x" })))
      yield* on("subagent: read inside", after(call("read", { filePath: file })))
      return { directory, outside, file, fs }
    })

    const expected = (mode: RuntimeMode, { directory, outside }: { directory: string; outside: string }) => {
      const full = mode === "full-access"
      const edits = mode !== "approval-required"
      return [
        ["run a command", full ? [] : ["command echo one"]],
        ["run git", full ? [] : ["command git --version"]],
        ["remove it", []],
        ["write it", edits ? [] : [`file-change ${directory}/w.txt`]],
        ["read inside", []],
        ["read secrets", full ? [] : [`file-read ${directory.slice(1)}/.env`]],
        ["read outside", full ? [] : [`file-read ${outside}`]],
        ["delegate run a command", full ? [] : ["subagent command echo child"]],
        ["delegate remove it", []],
        ["delegate write it", edits ? [] : [`subagent file-change ${directory}/c.txt`]],
        ["delegate read inside", []]
      ] as const
    }

    for (const runtimeMode of ["approval-required", "auto-accept-edits", "full-access"] as const) {
      it.effect(
        `P7 opencode: ${runtimeMode} asks what it must and nothing else, before and after a resume`,
        () =>
          Effect.gen(function*() {
            const { start } = yield* OpenCodeSessions
            const place = yield* setup
            const cursor = yield* Effect.scoped(Effect.gen(function*() {
              const driven = yield* start({ runtimeMode })
              for (const [prompt, approvals] of expected(runtimeMode, place)) {
                assert.deepStrictEqual([prompt, yield* asked(driven, prompt)], [prompt, [...approvals]])
              }
              return yield* cursorOf(driven)
            }))
            assert.isTrue(yield* place.fs.exists(place.file), "the user's denial holds")
            const resumed = yield* start({ runtimeMode, from: { _tag: "Resume", cursor } })
            for (const [prompt, approvals] of expected(runtimeMode, place).slice(0, 4)) {
              assert.deepStrictEqual([prompt, yield* asked(resumed, prompt)], [prompt, [...approvals]])
            }
          }),
        180_000
      )
    }

    it.effect("P7 opencode: a resume in a stricter mode asks what the looser one did not", () =>
      Effect.gen(function*() {
        const { start } = yield* OpenCodeSessions
        yield* setup
        const cursor = yield* Effect.scoped(Effect.gen(function*() {
          const loose = yield* start({ runtimeMode: "full-access" })
          assert.deepStrictEqual(yield* asked(loose, "run a command"), [])
          return yield* cursorOf(loose)
        }))
        const strict = yield* start({ runtimeMode: "approval-required", from: { _tag: "Resume", cursor } })
        assert.deepStrictEqual(yield* asked(strict, "run a command"), ["command echo one"])
      }))

    it.effect(
      "P7 opencode: one that began in full-access is held to a stricter mode from its next tool on, subagents too",
      () =>
        Effect.gen(function*() {
          const { directory, on, start } = yield* OpenCodeSessions
          const fs = yield* FileSystem.FileSystem
          const path = yield* Path.Path
          yield* setup
          const driven = yield* start({ runtimeMode: "full-access" })
          assert.deepStrictEqual(yield* asked(driven, "run a command"), [])
          // While a turn runs: the model asks the user, and then uses its next tool.
          const options = [{ label: "A", description: "a" }]
          const question = call("question", { questions: [{ question: "Which?", header: "Choice", options }] })
          yield* on("ask, then run", (request) =>
            !request.afterToolResult
              ? question
              : request.lastToolResult?.includes("Which?") === true
              ? bash("echo one")
              : text("Done."))
          yield* driven.send("ask, then run")
          const { request } = yield* driven.next("QuestionAsked")
          assert.isTrue(yield* driven.session.switchMode("approval-required"))
          yield* driven.session.answerQuestion(request.requestId, { _tag: "Answered", answers: [["A"]] })
          const next = yield* driven.next("ApprovalRequested")
          assert.strictEqual(next.request.subject, "echo one")
          yield* driven.session.respondToApproval(next.request.requestId, { _tag: "AllowOnce" })
          assert.strictEqual((yield* driven.ending)._tag, "TurnCompleted")
          assert.deepStrictEqual(yield* asked(driven, "delegate run a command"), ["subagent command echo child"])
          assert.isTrue(yield* driven.session.switchMode("read-only"))
          const file = path.join(directory, "never.txt")
          yield* on("write it anew", after(call("write", { filePath: file, content: "x" })))
          yield* driven.send("write it anew")
          yield* driven.ending
          assert.isFalse(yield* fs.exists(file))
          assert.deepInclude(Option.getOrThrow(yield* driven.session.cursor).payload, { runtimeMode: "read-only" })
        }),
      60_000
    )

    it.effect("P7 opencode: a fork asks like its source", () =>
      Effect.gen(function*() {
        const { start } = yield* OpenCodeSessions
        yield* setup
        const source = yield* start()
        yield* asked(source, "run a command")
        const fork = yield* start({ from: { _tag: "Resume", cursor: yield* source.session.fork() } })
        assert.notStrictEqual(fork.session.sessionId, source.session.sessionId)
        assert.deepStrictEqual(yield* asked(fork, "run a command"), ["command echo one"])
      }))

    it.effect("P6 opencode: a denial with a reason lets the agent go on, one without ends the turn", () =>
      Effect.gen(function*() {
        const { start } = yield* OpenCodeSessions
        yield* setup
        const driven = yield* start()
        yield* driven.send("run a command")
        const first = yield* driven.next("ApprovalRequested")
        yield* driven.session.respondToApproval(first.request.requestId, { _tag: "Deny", reason: "use another" })
        assert.strictEqual((yield* driven.ending)._tag, "TurnCompleted")
        assert.include(items(driven, "AssistantMessage").at(-1)?.text ?? "", "use another")
        yield* driven.send("run a command")
        const second = yield* driven.next("ApprovalRequested")
        yield* driven.session.respondToApproval(second.request.requestId, { _tag: "Deny" })
        assert.strictEqual((yield* driven.ending)._tag, "TurnCompleted")
        assert.deepStrictEqual(items(driven, "Command").map(({ status }) => status), ["declined", "declined"])
        assert.lengthOf(items(driven, "AssistantMessage"), 1)
        const gone = yield* Effect.flip(
          driven.session.respondToApproval(second.request.requestId, { _tag: "AllowOnce" })
        )
        assert.strictEqual(gone._tag, "RequestGone")
        const unknown = yield* Effect.flip(
          driven.session.respondToApproval(RequestId.make("per_unknown"), { _tag: "AllowOnce" })
        )
        assert.strictEqual(unknown._tag, "RequestGone")
      }))

    it.effect("P7 opencode: what is allowed for a session is exactly what was shown, also in subagents, and in no other session", () =>
      Effect.gen(function*() {
        const { on, start } = yield* OpenCodeSessions
        const { directory, fs } = yield* setup
        yield* on("run another", after(bash("echo two")))
        yield* on("redirect it", after(bash("echo one > written")))
        const cursor = yield* Effect.scoped(Effect.gen(function*() {
          const driven = yield* start()
          yield* driven.send("run a command")
          const { request } = yield* driven.next("ApprovalRequested")
          yield* driven.session.respondToApproval(request.requestId, { _tag: "AllowForSession" })
          yield* driven.ending
          for (const prompt of ["run a command", "delegate the same"]) {
            yield* driven.send(prompt)
            yield* driven.next("ApprovalRequested")
            assert.deepInclude(yield* driven.next("ApprovalSettled"), {
              by: "rule",
              decision: { _tag: "AllowForSession" }
            })
            assert.strictEqual((yield* driven.ending)._tag, "TurnCompleted")
          }
          // It has the same first word, which is what OpenCode's own "always" would cover.
          assert.deepStrictEqual(yield* asked(driven, "delegate run a command"), ["subagent command echo child"])
          for (const prompt of ["run another", "redirect it"]) {
            yield* driven.send(prompt)
            const { request } = yield* driven.next("ApprovalRequested")
            yield* driven.session.respondToApproval(request.requestId, { _tag: "Deny" })
            assert.deepInclude(yield* driven.next("ApprovalSettled"), { by: "user" }, prompt)
            yield* driven.ending
          }
          assert.isFalse(yield* fs.exists(`${directory}/written`))
          const other = yield* start()
          assert.deepStrictEqual(yield* asked(other, "run a command"), ["command echo one"])
          return yield* cursorOf(driven)
        }))
        const again = yield* start({ from: { _tag: "Resume", cursor } })
        assert.deepStrictEqual(yield* asked(again, "run a command"), ["command echo one"])
      }))

    it.effect("P7 opencode: a wider pattern is a choice of its own, named as what it is, for one session", () =>
      Effect.gen(function*() {
        const { on, start } = yield* OpenCodeSessions
        const { directory, fs } = yield* setup
        yield* on("run another", after(bash("echo two")))
        yield* on("redirect it", after(bash("echo one > widened")))
        const driven = yield* start()
        yield* driven.send("run a command")
        const { request } = yield* driven.next("ApprovalRequested")
        assert.deepStrictEqual(request.choices, [{
          id: "allow-matching",
          label: "For this session, every bash that matches: echo *",
          meaning: "allow-session"
        }])
        yield* driven.session.respondToApproval(request.requestId, { _tag: "Choose", choiceId: "allow-matching" })
        assert.strictEqual((yield* driven.ending)._tag, "TurnCompleted")
        yield* driven.send("run another")
        yield* driven.next("ApprovalRequested")
        assert.deepInclude(yield* driven.next("ApprovalSettled"), { by: "rule" })
        assert.strictEqual((yield* driven.ending)._tag, "TurnCompleted")
        yield* driven.send("redirect it")
        const redirect = yield* driven.next("ApprovalRequested")
        yield* driven.session.respondToApproval(redirect.request.requestId, { _tag: "Deny" })
        yield* driven.ending
        assert.isFalse(yield* fs.exists(`${directory}/widened`))
        assert.deepStrictEqual(yield* asked(yield* start(), "run another"), ["command echo two"])
      }))

    it.effect("P6 opencode: a question is asked, answered once, and settled", () =>
      Effect.gen(function*() {
        const { on, start } = yield* OpenCodeSessions
        const options = [{ label: "A", description: "a" }, { label: "B", description: "b" }]
        yield* on("ask me", after(call("question", { questions: [{ question: "Which?", header: "Choice", options }] })))
        const driven = yield* start()
        yield* driven.send("ask me")
        const { request } = yield* driven.next("QuestionAsked")
        assert.deepStrictEqual(request.questions, [
          { id: "0", question: "Which?", header: "Choice", options, multiple: false, freeText: true, secret: false }
        ])
        const answer = { _tag: "Answered", answers: [["B"]] } as const
        yield* driven.session.answerQuestion(request.requestId, answer)
        assert.deepInclude(yield* driven.next("QuestionSettled"), { by: "user", answer })
        assert.strictEqual((yield* driven.ending)._tag, "TurnCompleted")
        assert.include(items(driven, "AssistantMessage").at(-1)?.text ?? "", "\"Which?\"=\"B\"")
        const twice = yield* Effect.flip(driven.session.answerQuestion(request.requestId, answer))
        assert.strictEqual(twice._tag, "RequestGone")
        yield* driven.send("ask me")
        const dismissed = yield* driven.next("QuestionAsked")
        yield* driven.session.answerQuestion(dismissed.request.requestId, { _tag: "Dismissed" })
        yield* driven.ending
      }))

    it.effect("P6 opencode: an interrupted turn settles what a subagent asks, and leaves no ghost", () =>
      Effect.gen(function*() {
        const { start } = yield* OpenCodeSessions
        yield* setup
        const driven = yield* start()
        const turnId = yield* driven.send("delegate run a command")
        const { request, turnId: askedIn } = yield* driven.next("ApprovalRequested")
        assert.strictEqual(askedIn, turnId)
        yield* driven.session.interruptTurn(turnId)
        assert.deepInclude(yield* driven.next("ApprovalSettled"), { requestId: request.requestId })
        // Cutting off the subagent lets OpenCode ask its model once more before the parent stops; a quick model gets its
        // answer out (1.18.33).
        assert.include(["TurnInterrupted", "TurnCompleted"], (yield* driven.ending)._tag)
        const late = yield* Effect.flip(driven.session.respondToApproval(request.requestId, { _tag: "AllowOnce" }))
        assert.strictEqual(late._tag, "RequestGone")
        assert.deepStrictEqual(yield* asked(driven, "run a command"), ["command echo one"])
      }))
  }
)
