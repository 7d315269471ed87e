/** Threads that are brought along from elsewhere, on the mock. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Path, Stream } from "effect"
import { ItemId, ProviderService, SessionId, SessionStore, ThreadId, Transcript } from "../../src/index.ts"
import { ImportedTurnInvalid, type ImportThread } from "../../src/protocol.ts"
import { MockProvider } from "../../src/testing/index.ts"
import * as Agents from "../support/Agents.ts"
import * as ImportHost from "../support/ImportHost.ts"
import { turn } from "../support/Imports.ts"

const { layer, mock, stored, threadId } = Agents

const bring = Effect.fnUntraced(function*(
  turns: Stream.Stream<Transcript.TranscriptTurn, unknown>,
  more: Partial<Pick<ImportThread, "sessionId" | "title" | "directory" | "labels">> = {}
) {
  const agents = yield* ProviderService
  const directory = more.directory ?? (yield* Agents.folder)
  return yield* agents.importThread({ threadId, instanceId: mock, turns, ...more, directory })
})

const pastedImage = (base64: string) => ({ _tag: "Data", name: "a.png", mime: "image/png", base64 }) as const

const image = pastedImage(Buffer.from("an image").toString("base64"))

const three = Stream.make(turn(0), turn(1), turn(2))

/** As it comes in from JavaScript. */
const untyped = (turns: ReadonlyArray<unknown>): Stream.Stream<never> =>
  Stream.fromIterable(JSON.parse(JSON.stringify(turns)))

/** As a program hands it in that does not mind its types. */
const hostile = (turns: Iterable<unknown>): Stream.Stream<never> =>
  Stream.fromIterable(turns).pipe(Stream.filter((_turn): _turn is never => true))

/** Nothing of the thread is there, and its id is free. */
const nothingStays = Effect.gen(function*() {
  const agents = yield* ProviderService
  const sql = yield* Agents.sql
  assert.strictEqual((yield* Effect.flip(agents.getThread({ threadId })))._tag, "ThreadNotFound")
  for (const table of ["eca_events", "eca_threads", "eca_imports", "eca_blob_refs", "eca_blobs"]) {
    assert.lengthOf(yield* sql`SELECT 1 FROM ${sql(table)}`, 0, table)
  }
  const { turns } = yield* bring(three)
  assert.strictEqual(turns, 3)
})

describe("importThread", () => {
  it.effect("P15 store: of more turns, or more bytes, than may be is refused as soon as it is, and nothing stays", () =>
    Effect.gen(function*() {
      const asked: Array<number> = []
      const endless = (text: string) =>
        Stream.map(Stream.iterate(0, (n) => n + 1), (n) => {
          asked.push(n)
          return turn(n, text)
        })
      const tooMany = yield* Effect.flip(bring(endless("short")))
      assert.deepInclude(tooMany, { _tag: "ImportTooLarge", threadId, of: "turns", limit: 600 })
      assert.isBelow(asked.length, 1000)
      yield* nothingStays
      yield* ProviderService.use((agents) => agents.deleteThread({ threadId }))
      const tooLong = yield* Effect.flip(bring(endless("ä".repeat(1_000_000))))
      assert.deepInclude(tooLong, { _tag: "ImportTooLarge", of: "bytes", limit: 8_000_000 })
      yield* nothingStays
      yield* ProviderService.use((agents) => agents.deleteThread({ threadId }))
      // Exactly as many as there may be.
      assert.strictEqual((yield* bring(Stream.take(endless("short"), 600))).turns, 600)
    }).pipe(Effect.provide(layer({ settings: { importLimit: { turns: 600, bytes: 8_000_000 } } }))))

  it.effect("P15 store: the input of a tool call is anything at all, and is read back as JSON", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const circle: { self?: unknown } = {}
      circle.self = circle
      const deep = Array.from({ length: 20_000 }).reduce((inner) => ({ inner }), {})
      const inputs = [undefined, circle, { digits: 10n }, deep, { toJSON: () => assert.fail("never") }]
      const call = { _tag: "ToolCall", itemId: "call", tool: "t", kind: "other", status: "completed" }
      const calling = (input: unknown, at: number) => ({ ...turn(at), items: [{ ...call, input }] })
      const called = inputs.map(calling)
      yield* bring(hostile(called))
      const calls = (yield* agents.readTranscript({ threadId })).map(({ items }) => items[1])
      const read = calls.map((call) => call?._tag === "ToolCall" ? call.input : "not read")
      assert.deepStrictEqual([read[0], read[1], read[2], read[4]], [
        null,
        { self: "[circular]" },
        { digits: "10" },
        null
      ])
      assert.isObject(read[3])
      const next = yield* agents.runTurn({ threadId, prompt: "go on" })
      assert.deepInclude(next.continuity, { _tag: "Rehydrated", items: 10 })
    }).pipe(Effect.provide(layer())))

  it.effect("P15 store: a turn that cannot be looked at is one that is not valid", () =>
    Effect.gen(function*() {
      const trap = {
        get startedAt() {
          return assert.fail("looked at")
        }
      }
      const error = yield* Effect.flip(
        bring(hostile([turn(0), Object.defineProperties({ ...turn(1) }, Object.getOwnPropertyDescriptors(trap))]))
      )
      assert.deepInclude(error, { _tag: "ImportedTurnInvalid", index: 1 })
      yield* nothingStays
    }).pipe(Effect.provide(layer())))

  it.effect("P1 mock: what the user said is handed over, also where it stands in the input alone", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      yield* bring(Stream.make({ ...turn(0), input: { prompt: "question 0" }, items: turn(0).items.slice(1) }))
      const [first] = yield* agents.readTranscript({ threadId })
      assert.deepStrictEqual(first?.items.map(({ _tag }) => _tag), ["UserMessage", "AssistantMessage"])
      const { continuity } = yield* agents.runTurn({ threadId, prompt: "go on" })
      assert.deepStrictEqual(continuity, { _tag: "Rehydrated", reason: "imported", items: 2, omitted: 0 })
      const [session] = yield* agent.sessions
      assert.include(session?.history.map(({ text }) => text).join(), "question 0")
    }).pipe(Effect.provide(layer())))

  it.effect("P1 mock: starts no agent; the first turn is Rehydrated, and the model has what was brought along", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      const { thread, turns } = yield* bring(three, { title: "old times" })
      assert.strictEqual(turns, 3)
      assert.deepInclude(thread, { threadId, title: "old times", status: "stopped", lastSeq: 3 })
      assert.deepInclude<unknown>(yield* agents.getThread({ threadId }), thread)
      assert.lengthOf(yield* agent.starts, 0)
      const transcript = yield* agents.readTranscript({ threadId })
      assert.deepStrictEqual(transcript, [turn(0), turn(1), turn(2)])
      yield* agent.nextTurn(({ history }) => {
        assert.include(history.map(({ text }) => text).join(), "answer 2")
        return []
      })
      const sent = yield* agents.runTurn({ threadId, prompt: "go on" })
      assert.deepInclude(sent.continuity, { _tag: "Rehydrated", reason: "imported", items: 6, omitted: 0 })
      assert.lengthOf(yield* agents.readTranscript({ threadId }), 4)
    }).pipe(Effect.provide(layer({ settings: { onMissing: "fresh" } }))))

  it.effect("P15 mock: it is found by its labels, which a fork has too", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const labels = { project: "atlas", from: "elsewhere" }
      const { thread } = yield* bring(three, { labels })
      assert.deepStrictEqual(thread.labels, labels)
      const found = (where: Readonly<Record<string, string>>) =>
        Effect.map(
          agents.listThreads({ where: { labels: where } }),
          ({ threads }) => threads.map((one) => one.threadId)
        )
      assert.deepStrictEqual(yield* found({ project: "atlas" }), [threadId])
      assert.deepStrictEqual(yield* found({ project: "other" }), [])
      yield* agents.startSession({ threadId })
      const copy = ThreadId.make("copy")
      yield* agents.forkThread({ threadId, newThreadId: copy })
      assert.sameMembers(yield* found(labels), [threadId, copy])
      yield* agents.deleteThread({ threadId })
      assert.deepStrictEqual(yield* found(labels), [copy])
    }).pipe(Effect.provide(layer())))

  it.effect("P1 mock: with a session that the agent has the first turn is Resumed; with one that it lost, Rehydrated", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      const directory = yield* Agents.folder
      const sessionId = yield* agent.makeSession({ directory, words: "the whole past" })
      const { thread } = yield* bring(three, { directory, sessionId })
      assert.strictEqual(thread.sessionId, sessionId)
      const taken = yield* Effect.flip(agents.adoptSession({
        threadId: ThreadId.make("next"),
        instanceId: mock,
        sessionId,
        directory
      }))
      assert.strictEqual(taken._tag, "SessionTaken")
      const sent = yield* agents.runTurn({ threadId, prompt: "go on" })
      assert.deepStrictEqual(sent.continuity, { _tag: "Resumed" })
      yield* agents.stopSession({ threadId })
      assert.strictEqual((yield* agents.startSession({ threadId })).continuity._tag, "Resumed")
      assert.lengthOf(yield* agents.readTranscript({ threadId }), 4)
      yield* agents.deleteThread({ threadId })
      yield* bring(three, { directory, sessionId: SessionId.make("gone") })
      const again = yield* agents.startSession({ threadId })
      assert.deepInclude(again.continuity, { _tag: "Rehydrated", reason: "session-missing" })
    }).pipe(Effect.provide(layer())))

  it.effect("P1 mock: an agent that cannot adopt is handed the transcript", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      yield* bring(three, { sessionId: SessionId.make("somewhere") })
      const { continuity } = yield* agents.startSession({ threadId })
      assert.deepInclude(continuity, { _tag: "Rehydrated", reason: "imported" })
    }).pipe(Effect.provide(layer({ mock: { capabilities: { adopt: false } } }))))

  it.effect("P1 mock: a reset of a thread that was brought along begins anew, and says so", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      yield* bring(three)
      assert.deepStrictEqual((yield* agents.resetThread({ threadId })).continuity, { _tag: "Fresh", reason: "reset" })
      assert.lengthOf(yield* agents.readTranscript({ threadId }), 3)
    }).pipe(Effect.provide(layer())))

  it.effect("P15 mock: ids that exist, agents, directories and streams that do not, are refused", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const directory = yield* Agents.folder
      yield* bring(three)
      const refused = Effect.fnUntraced(function*(input: object) {
        const whole = { threadId: ThreadId.make("t"), instanceId: mock, directory, turns: three, ...input }
        return (yield* Effect.flip(agents.importThread(whole)))._tag
      })
      assert.strictEqual(yield* refused({ threadId }), "ThreadExists")
      assert.strictEqual(yield* refused({ instanceId: "nobody" }), "InstanceNotFound")
      assert.strictEqual(yield* refused({ directory: "/not/there" }), "DirectoryInvalid")
      assert.strictEqual(yield* refused({ turns: [turn(0)] }), "InputInvalid")
      assert.strictEqual(yield* refused({ threadId: "" }), "InputInvalid")
      assert.lengthOf((yield* agents.listThreads({})).threads, 1)
    }).pipe(Effect.provide(layer())))

  it.effect("P15 mock: a turn that is none, or has the id of one before it, is named by its index; nothing stays", () =>
    Effect.gen(function*() {
      const many = Array.from({ length: 300 }, (_, n) => turn(n))
      const wrong = yield* Effect.flip(
        bring(untyped([...many, { ...turn(300), items: [{ _tag: "AssistantMessage" }] }]))
      )
      assert.deepInclude(wrong, { _tag: "ImportedTurnInvalid", index: 300 })
      assert.match(wrong.message, /items\[0\]/)
      yield* nothingStays
      const agents = yield* ProviderService
      yield* agents.deleteThread({ threadId })
      const twice = yield* Effect.flip(bring(Stream.fromIterable([...many, turn(7)])))
      assert.deepInclude(twice, { _tag: "ImportedTurnInvalid", index: 300 })
      yield* nothingStays
    }).pipe(Effect.provide(layer())))

  it.effect("P15 mock: a turn has the limits of one that is sent: metadata of 17 kB is refused, and so are too many words and bytes", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      // 16,384 bytes of JSON with the braces, the name and the quotes.
      const metadata = (bytes: number) => ({ input: { prompt: "p", metadata: { m: "x".repeat(bytes - 8) } } })
      const annotated = (kind: string, data: string) => ({ annotations: [{ at: 1, kind, data }] })
      const pasted = (...sizes: ReadonlyArray<number>) => ({
        input: {
          prompt: "p",
          attachments: sizes.map((size) => pastedImage(Buffer.alloc(size).toString("base64")))
        }
      })
      const largest = metadata(16_384)
      const within = [
        largest,
        { input: { prompt: "p".repeat(90), context: ["c".repeat(10)] } },
        { input: { prompt: "", actor: "a".repeat(512) } },
        annotated("k".repeat(128), "x".repeat(65_534)),
        pasted(1000, 500)
      ]
      for (
        const [more, path] of [
          [metadata(17_000), "input.metadata"],
          [metadata(16_385), "input.metadata"],
          [{ input: { prompt: "p", actor: "a".repeat(513) } }, "input.actor"],
          [annotated("", "x"), "annotations[0].kind"],
          [annotated("k", "x".repeat(65_535)), "annotations[0].data"],
          [{ input: { prompt: "p".repeat(90), context: ["c".repeat(11)] } }, "input.prompt"],
          [{ input: { prompt: "p".repeat(90), command: { name: "n", arguments: "c".repeat(11) } } }, "input.prompt"],
          [pasted(1001), "input.attachments[0]"],
          [pasted(1000, 501), "input.attachments[1]"]
        ] as const
      ) {
        const refused = yield* Effect.flip(bring(untyped([turn(0), { ...turn(1), ...more }])))
        assert.deepInclude(refused, { _tag: "ImportedTurnInvalid", index: 1 })
        assert.deepStrictEqual(refused._tag === "ImportedTurnInvalid" && refused.issues.map((one) => one.path), [path])
        assert.isBelow(refused.message.length, 1000)
        assert.strictEqual((yield* Effect.flip(agents.getThread({ threadId })))._tag, "ThreadNotFound")
      }
      yield* bring(untyped(within.map((more, n) => Object.assign(turn(n), more))))
      const read = yield* agents.readTranscript({ threadId })
      assert.deepStrictEqual(read[0]?.input, largest.input)
      assert.lengthOf(read, within.length)
    }).pipe(
      Effect.provide(layer({ settings: { promptLimit: 100, attachmentLimit: { each: 1000, turn: 1500 } } }))
    ))

  it.effect("P15 mock: a Stream that fails in the middle leaves nothing, and says after how many turns", () =>
    Effect.gen(function*() {
      const pasted = { ...turn(0), input: { prompt: "see", attachments: [image] } }
      const turns = Stream.make(pasted).pipe(
        Stream.concat(Stream.fromIterable(Array.from({ length: 400 }, (_, n) => turn(n + 1)))),
        Stream.concat(Stream.fail(new Error("the disk is gone")))
      )
      const failed = yield* Effect.flip(bring(turns))
      assert.deepInclude(failed, { _tag: "ImportSourceFailed", turns: 401 })
      yield* nothingStays
    }).pipe(Effect.provide(layer())))

  it.effect("P15 mock: a message whose id is none is refused by its place, and not by a throw", () =>
    Effect.gen(function*() {
      for (const id of ["", "i".repeat(513), "a\0b"]) {
        const messages = ["first", id].map((id, at) => ({ id, role: "user" as const, text: "hello", at }))
        const refused = yield* Effect.flip(bring(Stream.fromIterable(Transcript.fromMessages(messages))))
        assert.instanceOf(refused, ImportedTurnInvalid)
        assert.deepInclude<unknown>(refused, { index: 1 })
        assert.include(refused.issues.map(({ path }) => path), "turnId")
      }
      yield* nothingStays
    }).pipe(Effect.provide(layer())))

  it.effect("P15 mock: a source that throws has failed as one that says so", () =>
    Effect.gen(function*() {
      const cause = new Error("the row is no JSON")
      const rows = function*() {
        yield turn(0)
        throw cause
      }
      const failed = yield* Effect.flip(bring(Stream.fromIterable({ [Symbol.iterator]: rows })))
      assert.deepInclude<unknown>(failed, { _tag: "ImportSourceFailed", cause })
      yield* nothingStays
    }).pipe(Effect.provide(layer())))

  it.effect("P8 mock: nothing is seen before all is there; a stop, and an interruption, end the import", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      for (const ending of ["stop", "interrupt"] as const) {
        const waits = yield* Deferred.make<void>()
        const turns = Stream.fromIterable(Array.from({ length: 300 }, (_, n) => turn(n))).pipe(
          Stream.concat(Stream.fromEffectDrain(Deferred.succeed(waits, undefined))),
          Stream.concat(Stream.never)
        )
        const fiber = yield* Effect.forkChild(bring(turns))
        yield* Deferred.await(waits)
        assert.strictEqual((yield* Effect.flip(agents.getThread({ threadId })))._tag, "ThreadNotFound")
        if (ending === "stop") {
          yield* agents.stopSession({ threadId })
          assert.strictEqual((yield* Effect.flip(Fiber.join(fiber)))._tag, "ThreadStopping")
        } else yield* Fiber.interrupt(fiber)
        yield* nothingStays
        yield* agents.deleteThread({ threadId })
      }
    }).pipe(Effect.provide(layer())))

  it.effect("P15 mock: pasted bytes are kept once and come back; what was rewound is left out", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const pasted = { ...turn(0), input: { prompt: "see", attachments: [image] } }
      const { thread, turns } = yield* bring(Stream.make(pasted, turn(1), { ...turn(2), rewound: true as const }))
      assert.deepStrictEqual([turns, thread.lastSeq], [3, 2])
      const [first] = yield* agents.readTranscript({ threadId })
      const [attachment] = first?.input?.attachments ?? []
      assert(attachment?._tag === "Blob")
      const bytes = yield* agents.readBlob({ threadId, sha256: attachment.sha256 })
      assert.strictEqual(Buffer.from(bytes).toString("base64"), image.base64)
    }).pipe(Effect.provide(layer())))

  it.live("P15 store: a host that is killed in the middle of an import leaves no thread, and its id is free", () =>
    Effect.gen(function*() {
      const directory = yield* Agents.folder
      const filename = (yield* Path.Path).join(directory, "store.db")
      const host = yield* ImportHost.start(filename, directory)
      assert.strictEqual(host.line, "written")
      yield* host.kill
      yield* Effect.gen(function*() {
        const store = yield* SessionStore
        assert.isTrue((yield* store.tombstone(threadId))._tag === "Some")
        assert.lengthOf(yield* stored(), 0)
        yield* nothingStays
      }).pipe(Effect.provide(layer({ filename })))
    }).pipe(Effect.provide(NodeServices.layer)))
})

describe("a thread that was brought along", () => {
  it.effect("P11 mock: its events are those of its turns, numbered without a hole", () =>
    Effect.gen(function*() {
      yield* bring(Stream.fromIterable(Array.from({ length: 600 }, (_, n) => turn(n))))
      const events = yield* stored()
      assert.deepStrictEqual(events.map(({ seq }) => seq), Array.from({ length: 600 }, (_, n) => n + 1))
      assert.isTrue(events.every((event) => event._tag === "TurnRestored" && event.source._tag === "Import"))
      assert.include(
        events.flatMap((event) => event._tag === "TurnRestored" ? event.items.map(({ itemId }) => itemId) : []),
        ItemId.make("old-599.answer")
      )
    }).pipe(Effect.provide(layer())))
})
