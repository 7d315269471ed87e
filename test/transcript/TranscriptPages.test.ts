/** P11 of transcripts: read page by page they are what the whole log says, wherever a page ends. */
import { assert, describe, it } from "@effect/vitest"
import { Array as Arr, Effect, Stream } from "effect"
import type { EventBody } from "../../src/domain/ThreadEvent.ts"
import * as Transcript from "../../src/domain/Transcript.ts"
import { ItemId, ProviderService, ThreadId, TurnId } from "../../src/index.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import * as threadArchive from "../../src/transcript/internal/threadArchive.ts"
import type * as transcriptPages from "../../src/transcript/internal/transcriptPages.ts"
import * as Agents from "../support/Agents.ts"
import { allEvents, commit, numbered, onStore, openThread, threadId, turn, usage } from "../support/StoreFixture.ts"

const began = (id: string): EventBody => ({ _tag: "TurnBegan", turnId: turn(id), cause: "background" })
const ended = (id: string): EventBody => ({ _tag: "TurnCompleted", turnId: turn(id), usage })

const text = (itemId: string, words: string) => ({
  _tag: "AssistantMessage" as const,
  itemId: ItemId.make(itemId),
  text: words
})

const said = (turnId: string | undefined, itemId: string, words: string, more: object = {}): EventBody => ({
  _tag: "ItemCompleted",
  ...(turnId === undefined ? {} : { turnId: turn(turnId) }),
  item: text(itemId, words),
  ...more
})

const note = (kind: string, turnId?: string): EventBody => ({
  _tag: "Annotated",
  kind,
  data: null,
  ...(turnId === undefined ? {} : { turnId: turn(turnId) })
})

/** Turns that lie within one another, with items that were told after they had ended, and others taken back. */
const tangled: readonly [EventBody, ...ReadonlyArray<EventBody>] = [
  began("a"),
  said("a", "a1", "first"),
  note("of a", "a"),
  began("b"),
  note("of no turn, in b"),
  said("a", "a2", "half of it", { cut: true }),
  ended("a"),
  { _tag: "ItemDetached", turnId: turn("b"), item: text("b1", "so far") },
  said("b", "b2", "said in b"),
  ended("b"),
  began("c"),
  said("a", "a2", "all of it", { recovered: true }),
  note("late, of a", "a"),
  note("of no turn, in c"),
  { _tag: "TurnSteered", turnId: turn("a"), input: { prompt: "and more" } },
  said(undefined, "b1", "ended after its turn"),
  said("c", "c1", "said in c"),
  ended("c"),
  began("d"),
  ended("d"),
  note("of no turn, after d"),
  { _tag: "ThreadRewound", before: turn("c"), files: "kept" },
  began("e"),
  said("c", "c2", "late, and of a turn that was taken back", { recovered: true }),
  said("e", "e1", "said in e"),
  ended("e"),
  { _tag: "ThreadRewound", before: turn("e"), files: "kept" },
  began("f"),
  said("f", "f1", "so far")
]

describe("transcripts, page by page", () => {
  it.effect("P11 store: a page that begins anywhere has the turns that the whole log has from there on", () =>
    onStore(Effect.gen(function*() {
      yield* openThread()
      yield* commit(numbered(1, tangled))
      const archive = threadArchive.make(yield* SessionStore)
      const read = (range: transcriptPages.Range) => Stream.runCollect(archive.turns(threadId, range))
      const events = yield* allEvents()
      const whole = Transcript.fromEvents(events)
      assert.lengthOf(whole, 6)
      assert.deepStrictEqual(whole[0]?.items.map((item) => "text" in item ? item.text : ""), [
        "first",
        "all of it",
        "and more"
      ])
      assert.deepStrictEqual(whole.map(({ annotations = [] }) => annotations.map(({ kind }) => kind)), [
        ["of a", "late, of a"],
        ["of no turn, in b"],
        ["of no turn, in c"],
        ["of no turn, after d"],
        [],
        []
      ])
      const starts = [0, ...events.flatMap((event) => event._tag === "TurnBegan" ? [event.seq] : [])]
      for (const [n, after] of starts.entries()) {
        assert.deepStrictEqual(yield* read({ after }), whole.slice(n))
        for (const [m, before] of starts.entries()) {
          const between = whole.slice(n, Math.max(n, m - 1))
          assert.deepStrictEqual(yield* read({ after, before }), between)
          for (const limit of [1, 2, 3, 6]) {
            assert.deepStrictEqual(yield* read({ after, before, limit }), between.slice(0, limit))
            const backwards = yield* read({ after, before, from: "end", limit })
            assert.deepStrictEqual(backwards, between.toReversed().slice(0, limit))
          }
        }
      }
      for (const one of whole) {
        assert.deepStrictEqual(yield* Effect.flatMap(archive.turn(threadId, one.turnId), Effect.fromOption), one)
      }
    })))

  it.effect("P11 store: of a log that was pruned, or whose last turns were taken back, the end is what is left of it", () =>
    onStore(Effect.gen(function*() {
      const store = yield* SessionStore
      yield* openThread()
      yield* commit(numbered(1, [...tangled, { _tag: "ThreadRewound", before: turn("d"), files: "kept" }]))
      yield* store.prune({ threadId, through: 10, items: 0 })
      const left = Transcript.fromEvents(yield* allEvents())
      assert.deepStrictEqual(left.map(({ turnId }) => turnId), ["c", "d", "e", "f"].map(turn))
      assert.isTrue(left.every(({ rewound }) => rewound))
      const archive = threadArchive.make(store)
      for (const limit of [1, 3, 5]) {
        const page = yield* Stream.runCollect(archive.turns(threadId, { after: 0, from: "end", limit }))
        assert.deepStrictEqual(page, left.toReversed().slice(0, limit))
      }
    })))

  it.effect("P11 store: what is read for a page is bounded by the page, and not by the log", () =>
    onStore(Effect.gen(function*() {
      const store = yield* SessionStore
      yield* openThread()
      const turns = Array.from({ length: 3000 }, (_, n) => `t${n}`)
      const [first, ...rest] = turns.flatMap((id) => [began(id), said(id, `${id}.1`, "words"), ended(id)])
      yield* commit(numbered(1, [first ?? began("t"), ...rest]))
      let rows = 0
      const counted = <A, E, R>(read: Effect.Effect<ReadonlyArray<A>, E, R>) =>
        Effect.tap(read, ({ length }) =>
          Effect.sync(() => {
            rows += length
          }))
      const archive = threadArchive.make({
        ...store,
        turnStarts: (page) => counted(store.turnStarts(page)),
        readEvents: (page) => counted(store.readEvents(page)),
        lateEvents: (query) => counted(store.lateEvents(query)),
        annotations: (query) => counted(store.annotations(query)),
        rewinds: (id, after) => counted(store.rewinds(id, after))
      })
      const middle = yield* Effect.flatMap(store.turnStart(threadId, turn("t1500")), Effect.fromOption)
      const read = (range: transcriptPages.Range) =>
        Effect.suspend(() => {
          rows = 0
          return Effect.map(Stream.runCollect(archive.turns(threadId, range)), (page) => ({
            rows,
            turns: page.map(({ turnId }) => turnId)
          }))
        })
      const forwards = yield* read({ after: middle.seq, limit: 10 })
      assert.deepStrictEqual(forwards.turns, turns.slice(1501, 1511).map(turn))
      const tail = yield* read({ after: 0, from: "end", limit: 10 })
      assert.deepStrictEqual(tail.turns, turns.slice(-10).toReversed().map(turn))
      // Ten beginnings, and the three events of each turn.
      assert.strictEqual(tail.rows, 40)
      const back = yield* read({ after: 0, before: middle.seq, from: "end", limit: 10 })
      assert.deepStrictEqual(back.turns, turns.slice(1490, 1500).toReversed().map(turn))
      // And the rest of one batch.
      for (const page of [forwards, back]) assert.isAtMost(page.rows, 10 + 1 + 512)
      assert.lengthOf((yield* read({ after: 0 })).turns, 3000)
      assert.deepStrictEqual((yield* read({ after: 0, from: "end" })).turns, turns.toReversed().map(turn))
    })))

  it.effect("P11 mock: pages follow one another by the last turn's id; the Stream is all of them", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      yield* Agents.start()
      for (const prompt of ["one", "two", "three", "four", "five"]) {
        yield* agents.runTurn({ threadId: Agents.threadId, prompt })
      }
      const page = (after?: TurnId) => agents.readTranscript({ threadId: Agents.threadId, after, limit: 2 })
      const first = yield* page()
      const second = yield* page(first.at(-1)?.turnId)
      const third = yield* page(second.at(-1)?.turnId)
      const prompts = [first, second, third].map((turns) => turns.map(({ input }) => input?.prompt))
      assert.deepStrictEqual(prompts, [["one", "two"], ["three", "four"], ["five"]])
      const all = yield* Stream.runCollect(agents.streamTranscript({ threadId: Agents.threadId }))
      assert.deepStrictEqual(all, [...first, ...second, ...third])
      const rest = agents.streamTranscript({ threadId: Agents.threadId, after: second.at(-1)?.turnId })
      assert.deepStrictEqual(yield* Stream.runCollect(rest), third)
      const unheard = agents.readTranscript({ threadId: Agents.threadId, after: TurnId.make("unheard of") })
      assert.strictEqual((yield* Effect.flip(unheard))._tag, "TurnNotFound")
      const nowhere = Stream.runDrain(agents.streamTranscript({ threadId: ThreadId.make("unheard of") }))
      assert.strictEqual((yield* Effect.flip(nowhere))._tag, "ThreadNotFound")
      const none = agents.readTranscript({ threadId: Agents.threadId, limit: 0 })
      assert.strictEqual((yield* Effect.flip(none))._tag, "InputInvalid")
    }).pipe(Effect.provide(Agents.layer())))

  it.effect("P11 mock: a screen that opens at the end goes back by the last turn's id, in a fork too", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const copy = ThreadId.make("copy")
      yield* Agents.start()
      for (const prompt of ["one", "two", "three", "four"]) {
        yield* agents.runTurn({ threadId: Agents.threadId, prompt })
      }
      yield* agents.forkThread({ threadId: Agents.threadId, newThreadId: copy })
      yield* agents.runTurn({ threadId: copy, prompt: "five" })
      for (
        const [threadId, expected] of [
          [Agents.threadId, [["four", "three"], ["two", "one"], []]],
          [copy, [["five", "four"], ["three", "two"], ["one"]]]
        ] as const
      ) {
        const prompts = (turns: ReadonlyArray<Transcript.TranscriptTurn>) => turns.map(({ input }) => input?.prompt)
        const last = yield* agents.readTranscript({ threadId, from: "end", limit: 2 })
        const before = yield* agents.readTranscript({ threadId, before: last.at(-1)?.turnId, limit: 2 })
        const first = yield* agents.readTranscript({ threadId, before: before.at(-1)?.turnId, limit: 2 })
        assert.deepStrictEqual<unknown>([last, before, first].map(prompts), expected)
        // What is new since a turn, newest first, and what lies between two of them.
        const { turnId: known } = yield* Effect.fromOption(Arr.last(before))
        const fresh = yield* agents.readTranscript({ threadId, after: known, from: "end" })
        assert.deepStrictEqual(fresh, [...last, ...before.slice(0, 1)])
        const between = yield* agents.readTranscript({ threadId, after: known, before: last[0]?.turnId })
        assert.deepStrictEqual(between, fresh.slice(1).toReversed())
      }
      const unheard = agents.readTranscript({ threadId: copy, before: TurnId.make("unheard of") })
      assert.strictEqual((yield* Effect.flip(unheard))._tag, "TurnNotFound")
    }).pipe(Effect.provide(Agents.layer())))
})
