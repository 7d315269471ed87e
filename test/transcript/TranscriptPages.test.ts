/** P11 of transcripts: read page by page they are what the whole log says, wherever a page ends. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import type { EventBody } from "../../src/domain/ThreadEvent.ts"
import * as Transcript from "../../src/domain/Transcript.ts"
import { ItemId, ProviderService, ThreadId, TurnId } from "../../src/index.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import * as threadArchive from "../../src/transcript/internal/threadArchive.ts"
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
      for (const [n, seq] of starts.entries()) {
        assert.deepStrictEqual(yield* Stream.runCollect(archive.turns(threadId, seq)), whole.slice(n))
      }
      for (const one of whole) {
        assert.deepStrictEqual(yield* Effect.flatMap(archive.turn(threadId, one.turnId), Effect.fromOption), one)
      }
    })))

  it.effect("P11 store: what is read for a page is bounded by the page, and not by the log", () =>
    onStore(Effect.gen(function*() {
      const store = yield* SessionStore
      yield* openThread()
      const turns = Array.from({ length: 3000 }, (_, n) => `t${n}`)
      const [first, ...rest] = turns.flatMap((id) => [began(id), said(id, `${id}.1`, "words"), ended(id)])
      yield* commit(numbered(1, [first ?? began("t"), ...rest]))
      let read = 0
      const archive = threadArchive.make({
        ...store,
        readEvents: (page) =>
          Effect.tap(store.readEvents(page), (events) =>
            Effect.sync(() => {
              read += events.length
            }))
      })
      const middle = yield* Effect.flatMap(store.turnStart(threadId, turn("t1500")), Effect.fromOption)
      const page = yield* Stream.runCollect(Stream.take(archive.turns(threadId, middle.seq), 10))
      assert.deepStrictEqual(page.map(({ turnId }) => turnId), turns.slice(1501, 1511).map(turn))
      assert.isAtMost(read, 1024)
      assert.lengthOf(yield* Stream.runCollect(archive.turns(threadId, 0)), 3000)
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
})
