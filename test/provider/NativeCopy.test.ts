/** P1: copies of sessions, and two homes of one agent between which they are carried: the mock's and the toy's. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem, Layer, Queue, Schema, Stream } from "effect"
import * as Toy from "../../examples/toy-agent/Toy.ts"
import { InstanceId, ProviderName, ProviderRegistry, SessionId, ThreadId, TurnId } from "../../src/index.ts"
import { AgentProcesses } from "../../src/process/AgentProcesses.ts"
import type { ProviderEvent } from "../../src/protocol.ts"
import { type CopyRejected, NativeCopy, type StartFrom } from "../../src/provider/index.ts"
import { Conformance, MockProvider } from "../../src/testing/index.ts"
import { script } from "../support/ConformingMock.ts"

const provider = ProviderName.make("acme")
const instanceId = InstanceId.make("acme")

const copy = (n: number, more: Partial<NativeCopy.NativeCopy> = {}): NativeCopy.NativeCopy => ({
  provider,
  sessionId: SessionId.make("s1"),
  version: 2,
  agentVersion: "1.0.0",
  ...(n === 0 ? {} : { since: `c${n - 1}` }),
  part: { _tag: "Json", value: [n] },
  checkpoint: `c${n}`,
  ...more
})

const accept = (...copies: ReadonlyArray<unknown>) => NativeCopy.accept({ provider, instanceId, version: 2 }, copies)

describe("NativeCopy", () => {
  it.effect("P15 copies: what is stored as JSON is read back, parts of either kind and of older versions", () =>
    Effect.gen(function*() {
      const copies = [copy(0, { version: 1 }), copy(1, { part: { _tag: "Bytes", base64: "AAEC" } }), copy(2)]
      const encoded = yield* Schema.encodeEffect(Schema.Array(NativeCopy.NativeCopy))(copies)
      const stored: ReadonlyArray<unknown> = JSON.parse(JSON.stringify(encoded))
      assert.deepStrictEqual<unknown>(yield* accept(...stored), copies)
    }))

  const refusals: ReadonlyArray<
    readonly [outcome: CopyRejected["outcome"], found: string, copies: ReadonlyArray<unknown>]
  > = [
    ["Absent", "no copy", []],
    ["Malformed", "", [null]],
    ["Malformed", "provider", [{ version: 1 }]],
    ["Malformed", "checkpoint", [{ ...copy(0), checkpoint: 1 }]],
    ["Foreign", "another", [copy(0, { provider: ProviderName.make("another"), version: 3 })]],
    // Of a newer version nothing but that is known.
    ["Unsupported", "version 3", [{ provider: "acme", version: 3, parts: [] }]],
    ["Incomplete", "copy 0", [copy(1)]],
    ["Incomplete", "copy 1", [copy(0), copy(2)]],
    ["Incomplete", "copy 1", [copy(0), copy(0)]],
    ["Incomplete", "copy 1", [copy(0), copy(1, { sessionId: SessionId.make("s2") })]]
  ]
  for (const [index, [outcome, found, copies]] of refusals.entries()) {
    it.effect(`P15 copies: ${outcome} copies are refused as that, case ${index}`, () =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(accept(...copies))
        assert.deepInclude(error, { _tag: "CopyRejected", instanceId, outcome })
        assert.include(error.found, found)
      }))
  }
})

let turns = 0

/** A session of this instance, and a way to run turns in it; closed with the scope. */
const open = Effect.fnUntraced(function*(id: string, directory: string, from: StartFrom) {
  const registry = yield* ProviderRegistry
  const adapter = yield* Effect.flatMap(registry.get(InstanceId.make(id)), Effect.fromOption)
  const session = yield* adapter.startSession({
    threadId: ThreadId.make("thread"),
    directory,
    runtimeMode: "full-access",
    projectConfig: "instructions",
    from
  })
  const events = yield* Queue.unbounded<ProviderEvent>()
  yield* Effect.forkScoped(Stream.runForEach(session.events, (event) => Queue.offer(events, event)))
  const run = Effect.fnUntraced(function*(prompt: string) {
    const turnId = TurnId.make(`turn-${++turns}`)
    const ref = yield* session.turnRef(turnId)
    yield* session.sendTurn({ turnId, ref, input: { prompt } })
    let text = ""
    while (true) {
      const event = yield* Queue.take(events)
      if (event._tag === "ItemCompleted" && event.item._tag === "AssistantMessage") text = event.item.text
      if (event._tag === "TurnCompleted") return { text, place: { turnId, ref } }
    }
  })
  return { session, run }
})

const { recall, say } = Conformance.PlainPrompts.make

/** The agent's two homes are its two instances `one` and `two`. */
const carries = Effect.gen(function*() {
  const directory = yield* (yield* FileSystem.FileSystem).makeTempDirectoryScoped()
  const source = yield* open("one", directory, { _tag: "New" })
  yield* source.run(say("blue walnut"))
  const first = yield* source.session.exportSession()
  const { place } = yield* source.run(say("red lantern"))
  const second = yield* source.session.exportSession(first.checkpoint)
  assert.strictEqual(second.since, first.checkpoint)
  assert.deepInclude(second, { sessionId: source.session.sessionId, provider: first.provider })
  const { text } = yield* Effect.scoped(Effect.gen(function*() {
    const there = yield* open("two", directory, { _tag: "Import", copies: [first, second] })
    assert.strictEqual(there.session.sessionId, source.session.sessionId)
    const cursor = yield* there.session.cursor
    assert.strictEqual(cursor._tag, "Some")
    return yield* there.run(recall)
  }))
  assert.include(text, "blue walnut")
  assert.include(text, "red lantern")
  // Nothing follows from a checkpoint that the session does not have any more.
  yield* source.session.rewind(place)
  yield* source.run(say("green anchor"))
  const third = yield* source.session.exportSession(second.checkpoint)
  assert.isUndefined(third.since)
  const again = yield* open("two", directory, { _tag: "Import", copies: [third] })
  const after = (yield* again.run(recall)).text
  assert.include(after, "blue walnut")
  assert.include(after, "green anchor")
  assert.notInclude(after, "red lantern")
})

describe("between homes", () => {
  it.effect("P1 mock: copies bring a session from one disk to another, where they take the place of what is there", () =>
    carries.pipe(
      Effect.provide(
        Layer.mergeAll(
          Layer.fresh(MockProvider.layer({ instanceId: "one", script })),
          Layer.fresh(MockProvider.layer({ instanceId: "two", script }))
        ).pipe(Layer.provideMerge([ProviderRegistry.layer, NodeServices.layer]))
      )
    ))

  it.live("P1 toy: copies bring a session from one folder to another, where they take the place of what is there", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const [one, two] = [yield* fs.makeTempDirectoryScoped(), yield* fs.makeTempDirectoryScoped()]
      const agents = Layer.merge(
        Toy.layer({ instanceId: "one", folder: one }),
        Toy.layer({ instanceId: "two", folder: two })
      ).pipe(Layer.provideMerge(ProviderRegistry.layer))
      yield* Effect.provide(carries, agents)
    }).pipe(Effect.provide([NodeServices.layer, AgentProcesses.layerNoop])))
})
