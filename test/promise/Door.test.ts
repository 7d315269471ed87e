/** The door without Effect: the same operations, the same errors, as Promises and AsyncIterables. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { Operations, ServiceError, ThreadId } from "../../src/index.ts"
import { AgentsClosed, CodingAgents } from "../../src/promise/index.ts"
import { MockProvider, type MockProviderOptions, MockStep } from "../../src/testing/index.ts"
import { collect, rejection } from "../support/Promises.ts"

const threadId = "t1"
const directory = process.cwd()

const open = (mock: MockProviderOptions = {}) =>
  CodingAgents.open({ agents: MockProvider.layer(mock), store: ":memory:" })

const start = (agents: CodingAgents.CodingAgents) => agents.startSession({ threadId, instanceId: "mock", directory })

/** A record as its functions are called, whatever they take. */
const functions = (record: object) =>
  Object.entries(record).filter((entry): entry is [string, (input: unknown) => unknown] =>
    typeof entry[1] === "function"
  )

const isIterable = (answer: unknown): answer is AsyncIterable<unknown> =>
  typeof answer === "object" && answer !== null && Symbol.asyncIterator in answer

const settled = (answer: unknown): Promise<unknown> => isIterable(answer) ? collect(answer) : Promise.resolve(answer)

/** A sign-in that waits for the user for ever, and what became of it. */
const endless = () => {
  const ended: Array<string> = []
  const pages = Stream.make({ _tag: "OpenPage", url: "https://example.com/" } as const)
  const waits = Stream.concat(pages, Stream.never).pipe(Stream.ensuring(Effect.sync(() => ended.push("ended"))))
  return { ended, mock: { signIn: { page: waits } } }
}

describe("the door without Effect", () => {
  it("has the operations of the door in Effect and no other, each behind the same decoder", async () => {
    await using agents = await open()
    const own = new Set(["close"])
    const named = (operations: object, prefix: RegExp) =>
      Object.keys(operations).map((name) => name.replace(prefix, (_, first: string) => first.toLowerCase()))
    const doors = [
      [agents, Operations.service, /^stream(.)/],
      [agents.archive, Operations.archive, /^$/],
      [agents.deliveries, Operations.hooks, /^$/]
    ] as const
    for (const [door, operations, prefix] of doors) {
      const found = functions(door).filter(([name]) => !own.has(name))
      assert.sameMembers(found.map(([name]) => name), named(operations, prefix))
      for (const [name, operation] of found) {
        const error = await rejection(settled(operation(null)))
        assert.instanceOf(error, ServiceError.InputInvalid, name)
        assert.strictEqual(error.operation.replace(prefix, (_, first: string) => first.toLowerCase()), name)
      }
    }
  })

  it("ids are strings, and what may be left out may be left out", async () => {
    await using agents = await open()
    const session = await start(agents)
    assert.strictEqual(session.continuity._tag, "Created")
    const turn = await agents.runTurn({ threadId: session.threadId, turnId: "mine", prompt: "hello" })
    assert.deepInclude(turn, { text: "echo: hello" })
    assert.lengthOf((await agents.listThreads()).threads, 1)
    assert.lengthOf(await agents.listAgents(), 1)
    const turns = await collect(agents.transcript({ threadId }))
    assert.deepStrictEqual(turns.map(({ turnId }) => turnId), ["mine"])
  })

  it("errors are those of the operation: tagged, with data, and Errors with a stack", async () => {
    await using agents = await open()
    const error = await rejection(agents.sendTurn({ threadId: "nowhere", prompt: "hello" }))
    assert.instanceOf(error, Error)
    assert.instanceOf(error, ServiceError.ThreadNotFound)
    assert.deepInclude(error, { _tag: "ThreadNotFound", threadId: ThreadId.make("nowhere"), retryable: false })
    assert.match(error.stack ?? "", /ThreadNotFound: There is no thread "nowhere".*\n +at /)
    const iteration = await rejection(collect(agents.events({ threadId: "nowhere" })))
    assert.instanceOf(iteration, ServiceError.ThreadNotFound)
  })

  it("P11 events come in order after those that are known, and leaving the loop ends what runs for it", async () => {
    await using agents = await open()
    await start(agents)
    const { turnId } = await agents.sendTurn({ threadId, prompt: "hello" })
    const seen: Array<number> = []
    for await (const event of agents.events({ threadId, after: 1 })) {
      seen.push(event.seq)
      if (event._tag === "TurnCompleted" && event.turnId === turnId) break
    }
    assert.deepStrictEqual(seen.toSorted((a, b) => a - b), seen)
    assert.isAbove(Math.min(...seen), 1)
  })

  it("leaving the loop of a stream ends its fiber before the loop goes on", async () => {
    const { ended, mock } = endless()
    await using agents = await open(mock)
    for await (const step of agents.signIn({ instanceId: "mock", method: "page" })) {
      assert.deepInclude(step, { _tag: "OpenPage" })
      break
    }
    assert.deepStrictEqual(ended, ["ended"])
  })

  it("a signal gives a call up with its reason: P4 the turn of runTurn is interrupted", async () => {
    await using agents = await open({ script: () => [MockStep.hang] })
    await start(agents)
    const early = await rejection(agents.getThread({ threadId }, { signal: AbortSignal.abort("too late") }))
    assert.strictEqual(early, "too late")
    const { signal, ...controller } = abortable()
    const run = rejection(agents.runTurn({ threadId, prompt: "go" }, { signal }))
    const tags: Array<string> = []
    for await (const event of agents.events({ threadId })) {
      tags.push(event._tag)
      if (event._tag === "TurnStarted") controller.abort(new Error("the user left"))
      if (event._tag === "TurnInterrupted") break
    }
    const error = await run
    assert.instanceOf(error, Error)
    assert.strictEqual(error.message, "the user left")
  })

  it("a signal ends a stream that waits, with its reason, and one that was aborted before does not begin", async () => {
    const { ended, mock } = endless()
    await using agents = await open(mock)
    const { abort, signal } = abortable()
    const pages = agents.signIn({ instanceId: "mock", method: "page" }, { signal })[Symbol.asyncIterator]()
    assert.isFalse((await pages.next()).done)
    const waits = rejection(pages.next())
    abort("enough")
    assert.strictEqual(await waits, "enough")
    assert.deepStrictEqual(ended, ["ended"])
    const before = agents.signIn({ instanceId: "mock", method: "page" }, { signal })
    assert.strictEqual(await rejection(collect(before)), "enough")
    assert.lengthOf(ended, 1)
  })

  it("what an iterable of turns throws is ImportSourceFailed, and one that was not taken to its end is told, in whatever way it iterates", async () => {
    await using agents = await open()
    const ended: Array<string> = []
    const given = (turns: Iterable<unknown> | AsyncIterable<unknown>): any => ({
      threadId,
      instanceId: "mock",
      directory,
      turns
    })
    const throwing: Iterable<unknown> = {
      [Symbol.iterator]: () => ({
        next: () => {
          throw new Error("the file is gone")
        }
      })
    }
    function* holding() {
      try {
        yield { turnId: 7 }
        yield { turnId: 8 }
      } finally {
        ended.push("closed")
      }
    }
    assert.deepInclude(await rejection(agents.importThread(given(throwing))), { _tag: "ImportSourceFailed" })
    assert.deepInclude(await rejection(agents.importThread(given(holding()))), { _tag: "ImportedTurnInvalid" })
    assert.deepStrictEqual(ended, ["closed"])
  })

  it("what goes wrong at the end of a stream that is given up is no unhandled rejection, and keeps no other from ending", async () => {
    const ended: Array<string> = []
    const pages = (end: Effect.Effect<unknown>) =>
      Stream.concat(Stream.make({ _tag: "OpenPage", url: "https://example.com/" } as const), Stream.never).pipe(
        Stream.ensuring(end)
      )
    const signIn = { page: pages(Effect.die("boom")), other: pages(Effect.sync(() => ended.push("other"))) }
    const agents = await open({ signIn })
    const begun = (method: string, options?: { readonly signal: AbortSignal }) => {
      const steps = agents.signIn({ instanceId: "mock", method }, options)[Symbol.asyncIterator]()
      return steps.next().then(() => steps)
    }
    const { abort, signal } = abortable()
    const given = await begun("page", { signal })
    abort("enough")
    assert.strictEqual(await rejection(given.next()), "enough")
    await begun("page")
    await begun("other")
    await agents.close()
    assert.deepStrictEqual(ended, ["other"])
  })

  it("closing ends open loops over all threads, which may be about to look at the store", async () => {
    const ends: Array<unknown> = []
    for (let time = 0; time < 20; time++) {
      const agents = await open({ script: () => [MockStep.hang] })
      await start(agents)
      const loops = [collect(agents.allEvents({})), collect(agents.watchThreads({}))]
      const asked = agents.ask({ instanceId: "mock", prompt: "go" }).catch(() => {})
      await agents.getThread({ threadId })
      await Promise.all([agents.close(), asked, ...loops.map((loop) => loop.then(() => ends.push("ended")))])
    }
    assert.strictEqual(ends.length, 40)
  })

  it("closing ends the sessions as a shutdown does, and with them open loops; then every call is refused", async () => {
    const { ended, mock } = endless()
    const agents = await open({ ...mock, script: () => [MockStep.hang] })
    await start(agents)
    const turn = rejection(agents.runTurn({ threadId, prompt: "go" }))
    const pages = agents.signIn({ instanceId: "mock", method: "page" })[Symbol.asyncIterator]()
    await pages.next()
    const events = agents.events({ threadId })
    const tags: Array<string> = []
    for await (const event of events) {
      tags.push(event._tag)
      if (event._tag === "TurnStarted") void agents.close()
    }
    assert.includeMembers(tags, ["TurnInterrupted", "SessionEnded"])
    assert.deepInclude(await turn, { _tag: "TurnNotCompleted" })
    await agents.close()
    assert.deepStrictEqual(ended, ["ended"])
    assert.isTrue((await pages.next()).done)
    assert.instanceOf(await rejection(agents.getThread({ threadId })), AgentsClosed)
    assert.instanceOf(await rejection(collect(agents.events({ threadId }))), AgentsClosed)
    await agents[Symbol.asyncDispose]()
  })
})

const abortable = () => {
  const controller = new AbortController()
  return { signal: controller.signal, abort: (reason: unknown) => controller.abort(reason) }
}
