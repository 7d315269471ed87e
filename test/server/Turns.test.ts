/** Turns and imports over HTTP, when they are asked for twice, cut off, or not what they should be. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Fiber, Stream } from "effect"
import { isTerminal, ProviderService } from "../../src/index.ts"
import { MockProvider, MockStep } from "../../src/testing/index.ts"
import * as Agents from "../support/Agents.ts"
import * as HttpHost from "../support/HttpHost.ts"
import { turn } from "../support/Imports.ts"

const { threadId } = Agents

const host = Effect.gen(function*() {
  const host = yield* HttpHost.start()
  const directory = yield* Agents.folder
  const agents = Context.get(host.context, ProviderService)
  yield* agents.startSession({ threadId, instanceId: Agents.mock, directory })
  return { ...host, agents, directory, agent: Context.get(host.context, MockProvider) }
})

describe("turns over HTTP", () => {
  it.live("P5: the same Idempotency-Key asks the agent once, however often and at once it is sent", () =>
    Effect.gen(function*() {
      const { agent, ask } = yield* host
      const post = (path: string, prompt: string) =>
        ask("POST", `/threads/${threadId}/${path}`, { headers: { "idempotency-key": "key-1" }, body: { prompt } })
      const send = post("turns", "do it")
      const [first, ...others] = yield* Effect.all([send, send, send, send], { concurrency: "unbounded" })
      assert.deepInclude(first, { status: 202 })
      for (const other of others) assert.deepStrictEqual(other, first)
      const run = yield* post("run", "do it")
      assert.deepInclude(run.body, { ...Object(first?.body), text: "echo: do it" })
      assert.deepStrictEqual(yield* post("run", "do it"), run)
      assert.deepStrictEqual(yield* send, first)
      const other = yield* post("turns", "do that")
      assert.deepInclude(other, { status: 409 })
      assert.deepInclude(other.body, { _tag: "TurnExists", details: { turnId: "key-1" } })
      assert.deepStrictEqual((yield* agent.received).map(({ turnId }) => turnId), ["key-1"])
    }).pipe(Effect.scoped, Effect.provide(Agents.platform)))

  it.live("P4: a caller that goes away interrupts the turn that it waits for", () =>
    Effect.gen(function*() {
      const { agent, agents, ask } = yield* host
      yield* agent.nextTurn(() => [MockStep.hang])
      const waiting = yield* Effect.forkChild(ask("POST", `/threads/${threadId}/run`, { body: { prompt: "wait" } }))
      yield* agent.awaitTurn(({ input }) => input.prompt === "wait")
      yield* Fiber.interrupt(waiting)
      const end = yield* agents.streamEvents({ threadId }).pipe(Stream.filter(isTerminal), Stream.runHead)
      assert.deepInclude(end, { _tag: "Some" })
      if (end._tag === "Some") assert.strictEqual(end.value._tag, "TurnInterrupted")
    }).pipe(Effect.scoped, Effect.provide(Agents.platform)))
})

describe("answers over HTTP", () => {
  it.live("P15: what is absent is left out, and is no null", () =>
    Effect.gen(function*() {
      const { agent, ask } = yield* host
      yield* agent.nextTurn(() => [MockStep.hang])
      yield* ask("POST", `/threads/${threadId}/turns`, { body: { prompt: "go on" } })
      const paths = [
        "/threads",
        `/threads/${threadId}`,
        "/instances",
        "/hooks/given-up",
        `/threads/${threadId}/transcript`
      ]
      for (const path of paths) {
        const { body, status } = yield* ask("GET", path)
        assert.strictEqual(status, 200, path)
        assert.notInclude(JSON.stringify(body), "null", path)
      }
    }).pipe(Effect.scoped, Effect.provide(Agents.platform)))
})

describe("an import over HTTP", () => {
  it.live("P15: of lines that are not what they should be is the caller's to mend, and makes no thread", () =>
    Effect.gen(function*() {
      const { ask, directory } = yield* host
      const thread = { thread: { threadId: "old", instanceId: Agents.mock, directory } }
      const bring = (...lines: ReadonlyArray<unknown>) =>
        ask("POST", "/import", {
          text: lines.map((line) => typeof line === "string" ? line : JSON.stringify(line)).join("\n"),
          headers: { "content-type": "application/x-ndjson" }
        })
      const wrong = [
        [{ turn: turn(0) }],
        [thread, thread],
        [thread, { turn: turn(0) }, { turn: { turnId: 7 } }],
        [thread, { turn: turn(0) }, "{"],
        [""]
      ]
      for (const lines of wrong) {
        assert.deepInclude((yield* bring(...lines)).body, { _tag: "InputInvalid", status: 400 }, JSON.stringify(lines))
      }
      const long = { turn: { ...turn(0), input: { prompt: "x".repeat(17 * 1024 * 1024) } } }
      assert.deepInclude((yield* bring(thread, long)).body, { _tag: "BodyTooLarge", status: 413 })
      assert.strictEqual((yield* ask("GET", "/threads/old")).status, 404)
      assert.strictEqual((yield* bring(thread, { turn: turn(0) })).status, 201)
    }).pipe(Effect.scoped, Effect.provide(Agents.platform)))
})
