/** Requests that a real OpenCode asks at once: each gets its own answer, although it rejects all together with one. */
import { assert, layer } from "@effect/vitest"
import { Effect, Fiber, FileSystem, Path } from "effect"
import type { ApprovalDecision } from "../../../src/domain/UserRequest.ts"
import { ModelReply } from "../../../src/testing/index.ts"
import { type Driven, type EventOf, items, OpenCodeSessions } from "../../support/OpenCodeSessions.ts"

type Asked = EventOf<"ApprovalRequested">["request"]

layer(OpenCodeSessions.layer({ config: { permission: { bash: { "rm *": "deny" } } } }), {
  timeout: "60 seconds",
  excludeTestServices: true
})("parallel requests", (it) => {
  /** The model makes these calls at once, and says what came of the last. */
  const calling = Effect.fnUntraced(function*(prompt: string, commands: ReadonlyArray<string>) {
    const { on, start } = yield* OpenCodeSessions
    yield* on(prompt, (request) =>
      request.afterToolResult
        ? ModelReply.text(request.messages.filter(({ role }) => role === "tool").map(({ text }) => text).join("\n"))
        : ModelReply.calls(
          commands.map((command) => ({ name: "bash", arguments: { command, description: "x" } }))
        ))
    const driven = yield* start()
    const turnId = yield* driven.send(prompt)
    return { driven, turnId }
  })

  /** The requests that are open, in the order of `commands`. */
  const asked = Effect.fnUntraced(function*(driven: Driven, commands: ReadonlyArray<string>) {
    const found = new Map<string, Asked>()
    while (found.size < commands.length) {
      const { request } = yield* driven.next("ApprovalRequested")
      found.set(request.subject, request)
    }
    return commands.flatMap((command) => found.get(command) ?? [])
  })

  const answer = ({ session }: Driven, request: Asked | undefined, decision: ApprovalDecision) =>
    request === undefined ? Effect.die("not asked") : session.respondToApproval(request.requestId, decision)

  const settled = ({ seen }: Driven) =>
    seen.flatMap((event) => event._tag === "ApprovalSettled" ? [`${event.by} ${event.decision?._tag}`] : [])

  const commandsOf = (driven: Driven) => items(driven, "Command").map(({ status }) => status).toSorted()

  const exists = Effect.fnUntraced(function*(name: string) {
    const { directory } = yield* OpenCodeSessions
    const fs = yield* FileSystem.FileSystem
    return yield* fs.exists((yield* Path.Path).join(directory, name))
  })

  it.effect("P6 opencode: an answer reaches the agent although its caller goes away", () =>
    Effect.gen(function*() {
      const commands = ["touch answered"]
      const { driven } = yield* calling("answer and go", commands)
      const [request] = yield* asked(driven, commands)
      const answering = yield* Effect.forkChild(answer(driven, request, { _tag: "AllowOnce" }), {
        startImmediately: true
      })
      yield* Fiber.interrupt(answering)
      yield* driven.ending
      assert.deepStrictEqual(settled(driven), ["user AllowOnce"])
      assert.isTrue(yield* exists("answered"))
    }))

  it.effect("P7 opencode: what is denied first takes nothing along: what is allowed after it is done", () =>
    Effect.gen(function*() {
      const commands = ["touch denied", "touch allowed", "touch allowed-too"]
      const { driven } = yield* calling("deny the first", commands)
      const [first, second, third] = yield* asked(driven, commands)
      yield* answer(driven, first, { _tag: "Deny" })
      const again = yield* Effect.flip(answer(driven, first, { _tag: "AllowOnce" }))
      assert.strictEqual(again._tag, "RequestGone")
      yield* answer(driven, second, { _tag: "AllowOnce" })
      yield* answer(driven, third, { _tag: "AllowOnce" })
      assert.deepInclude(yield* driven.ending, { _tag: "TurnCompleted", refused: "denied" })
      assert.deepStrictEqual(settled(driven), ["user Deny", "user AllowOnce", "user AllowOnce"])
      assert.deepStrictEqual(commandsOf(driven), ["completed", "completed", "declined"])
      assert.deepStrictEqual(yield* Effect.forEach(["denied", "allowed", "allowed-too"], exists), [false, true, true])
    }))

  it.effect("P7 opencode: a denial with a reason reaches the model beside what was allowed", () =>
    Effect.gen(function*() {
      const commands = ["touch reasoned", "touch beside"]
      const { driven } = yield* calling("deny with a reason", commands)
      const [first, second] = yield* asked(driven, commands)
      yield* answer(driven, first, { _tag: "Deny", reason: "because of the moon" })
      yield* answer(driven, second, { _tag: "AllowOnce" })
      const end = yield* driven.ending
      assert.strictEqual(end._tag, "TurnCompleted")
      assert.isFalse("refused" in end)
      assert.include(items(driven, "AssistantMessage").at(-1)?.text ?? "", "because of the moon")
      assert.deepStrictEqual(yield* Effect.forEach(["reasoned", "beside"], exists), [false, true])
    }))

  it.effect("P7 opencode: what the configuration denies takes along nothing that the user is asked", () =>
    Effect.gen(function*() {
      const commands = ["touch wanted", "rm anything"]
      const { driven } = yield* calling("deny by rule", commands)
      const [request] = yield* asked(driven, commands.slice(0, 1))
      yield* answer(driven, request, { _tag: "AllowOnce" })
      const end = yield* driven.ending
      assert.strictEqual(end._tag, "TurnCompleted")
      assert.deepStrictEqual(settled(driven), ["user AllowOnce"])
      assert.deepStrictEqual(commandsOf(driven), ["completed", "declined"])
      assert.isTrue(yield* exists("wanted"))
    }))

  // That the turn ends is OpenCode's own doing, and not to be had otherwise (1.18.33).
  it.effect("P6 opencode: of two that are denied one takes the other along, the turn ends, and the next one has both reasons", () =>
    Effect.gen(function*() {
      const commands = ["touch one", "touch two"]
      const { driven } = yield* calling("deny both", commands)
      const [first, second] = yield* asked(driven, commands)
      yield* answer(driven, first, { _tag: "Deny", reason: "the first reason" })
      yield* answer(driven, second, { _tag: "Deny", reason: "the second reason" })
      assert.deepInclude(yield* driven.ending, { _tag: "TurnCompleted", refused: "denied" })
      assert.deepStrictEqual(settled(driven), ["user Deny", "user Deny"])
      assert.deepStrictEqual(commandsOf(driven), ["declined", "declined"])
      assert.deepStrictEqual(yield* Effect.forEach(["one", "two"], exists), [false, false])
      const { on } = yield* OpenCodeSessions
      yield* on("why not", ({ messages }) => ModelReply.text(messages.map(({ text }) => text).join("\n")))
      yield* driven.run("why not")
      const heard = items(driven, "AssistantMessage").at(-1)?.text ?? ""
      assert.include(heard, "the second reason\nAlso denied:\n- touch one: the first reason")
    }))

  it.effect("P6 opencode: interrupted while a denial is held, nothing is left open, and the session goes on", () =>
    Effect.gen(function*() {
      const commands = ["touch held", "touch open"]
      const { driven, turnId } = yield* calling("deny and stop", commands)
      const [first] = yield* asked(driven, commands)
      yield* answer(driven, first, { _tag: "Deny" })
      yield* driven.session.interruptTurn(turnId)
      assert.strictEqual((yield* driven.ending)._tag, "TurnInterrupted")
      assert.deepStrictEqual(settled(driven), ["user Deny", "turn-ended undefined"])
      assert.deepStrictEqual(yield* Effect.forEach(["held", "open"], exists), [false, false])
      const { on } = yield* OpenCodeSessions
      yield* on("and on", () => ModelReply.text("On."))
      assert.strictEqual((yield* driven.run("and on"))._tag, "TurnCompleted")
    }))
})
