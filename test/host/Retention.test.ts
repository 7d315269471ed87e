/** What the service removes of old conversations, and how it says so. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { TestClock } from "effect/testing"
import { type CodingAgents, ProviderService, ThreadId, TranscriptArchive, type TurnId } from "../../src/index.ts"
import { MockProvider, MockStep } from "../../src/testing/index.ts"
import * as Agents from "../support/Agents.ts"

const { layer, stored, threadId } = Agents

/** A turn for each prompt; answers their ids. */
const say = (...prompts: ReadonlyArray<string>) =>
  Effect.forEach(
    prompts,
    (prompt) =>
      ProviderService.use((agents) => Effect.map(agents.runTurn({ threadId, prompt }), ({ turnId }) => turnId))
  )

const shown = (id: ThreadId = threadId) =>
  ProviderService.use((agents) => agents.readTranscript({ threadId: id })).pipe(
    Effect.map((turns) => turns.map((turn) => turn.input?.prompt))
  )

const startOf = (turnId: TurnId | undefined) =>
  Effect.map(
    stored(),
    (events) => events.find((event) => event._tag === "TurnStarted" && event.turnId === turnId)?.seq ?? 0
  )

/** The next look at the threads; over when the log begins with this event. */
const prunedUpTo = (first: number) =>
  Effect.andThen(
    TestClock.adjust("1 hour"),
    Effect.repeat(Effect.tap(stored(), Effect.yieldNow), { until: (events) => events[0]?.seq === first })
  )

/** The last two turns are kept, and sessions are not stopped meanwhile. */
const keepTwo = (more: CodingAgents.Settings["retention"] = {}): CodingAgents.Settings => ({
  retention: { keepTurns: 2, ...more },
  reaper: { idleAfter: "1 day" }
})

describe("retention", () => {
  it.effect("P1 mock: of turns that were taken back no model is told, also once the first of them is removed", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      const { sessionId } = yield* Agents.start()
      const [, second, third] = yield* say("one", "two", "three", "four")
      if (second === undefined) return yield* Effect.die("no turn")
      yield* agents.rewindThread({ threadId, before: second })
      yield* prunedUpTo(yield* startOf(third))
      assert.deepStrictEqual(
        (yield* agents.readTranscript({ threadId })).map(({ input, rewound }) => [input?.prompt, rewound]),
        [["three", true], ["four", true]]
      )
      yield* agents.stopSession({ threadId })
      yield* agent.loseSession(sessionId)
      const { continuity } = yield* agents.runTurn({ threadId, prompt: "and now?" })
      // The first turn is the only one that the model should have, and it is not in the archive any more.
      assert.deepStrictEqual(continuity, { _tag: "Rehydrated", reason: "session-missing", items: 0, omitted: 2 })
      const seed = (yield* agent.sessions).find(({ live }) => live)?.history.map(({ text }) => text).join() ?? ""
      for (const prompt of ["three", "four"]) assert.notInclude(seed, prompt)
    }).pipe(Effect.provide(layer({ settings: keepTwo() }))))

  it.effect("P11 mock: a pruned range is one Gap with its cause, wherever in it a reader goes on", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      yield* Agents.start()
      const turnIds = yield* say("one", "two", "three", "four")
      const first = yield* startOf(turnIds[2])
      const kept = (yield* stored()).filter(({ seq }) => seq >= first)
      yield* prunedUpTo(first)
      const read = (after: number, count: number) =>
        agents.streamEvents({ threadId, after }).pipe(Stream.take(count), Stream.runCollect)
      for (const after of [0, 1, first - 2]) {
        const [gap, ...events] = yield* read(after, kept.length + 1)
        assert.deepInclude(gap, { _tag: "Gap", cause: "pruned", lost: "events", seq: first - 1 })
        assert.deepStrictEqual(events, kept)
      }
      assert.deepStrictEqual(yield* read(first - 1, kept.length), kept)
      assert.deepStrictEqual(yield* shown(), ["three", "four"])
      // Who has read up to a turn that is gone goes on with what is left.
      const rest = yield* agents.readTranscript({ threadId, after: turnIds[0] })
      assert.deepStrictEqual(rest.map(({ turnId }) => turnId), turnIds.slice(2))
      const last = yield* agents.readTranscript({ threadId, from: "end" })
      assert.deepStrictEqual(last, rest.toReversed())
      // Before a turn that is gone there is nothing.
      assert.deepStrictEqual(yield* agents.readTranscript({ threadId, before: turnIds[1] }), [])
    }).pipe(Effect.provide(layer({ settings: keepTwo() }))))

  it.effect("P5 mock: the id of a pruned turn stays taken, and the conversation goes on", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      yield* Agents.start()
      const turnIds = yield* say("one", "two", "three")
      yield* prunedUpTo(yield* startOf(turnIds[1]))
      const again = yield* Effect.flip(agents.sendTurn({ threadId, turnId: turnIds[0], prompt: "one" }))
      assert.strictEqual(again._tag, "TurnExists")
      assert.strictEqual((yield* agents.runTurn({ threadId, prompt: "four" })).continuity._tag, "Created")
      assert.deepStrictEqual(yield* shown(), ["two", "three", "four"])
    }).pipe(Effect.provide(layer({ settings: keepTwo() }))))

  it.effect("P1 mock: a rehydration counts what was pruned as omitted, in a fork too, and a reset forgets it", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      const { sessionId } = yield* Agents.start()
      yield* agent.nextTurn(() => [MockStep.text("answer")])
      const turnIds = yield* say("one", "two", "three", "four")
      yield* prunedUpTo(yield* startOf(turnIds[2]))
      const copy = ThreadId.make("copy")
      const forked = yield* agents.forkThread({ threadId, newThreadId: copy })
      for (const [id, session] of [[threadId, sessionId], [copy, forked.sessionId]] as const) {
        yield* agents.stopSession({ threadId: id })
        yield* agent.loseSession(session)
        const { continuity } = yield* agents.startSession({ threadId: id })
        assert.deepInclude(continuity, { _tag: "Rehydrated", items: 4, omitted: 4 })
      }
      const seeded = (yield* agent.sessions).find(({ live }) => live)
      assert.include(seeded?.history[0]?.text, "omitted=\"4\"")
      yield* agents.resetThread({ threadId })
      yield* say("anew")
      const { sessionId: last } = yield* agents.startSession({ threadId })
      yield* agents.stopSession({ threadId })
      yield* agent.loseSession(last)
      const { continuity } = yield* agents.startSession({ threadId })
      assert.deepInclude(continuity, { _tag: "Rehydrated", items: 2, omitted: 0 })
    }).pipe(Effect.provide(layer({ settings: keepTwo() }))))

  it.effect("P13 mock: by choice a snapshot is taken first, and has what is removed", () =>
    Effect.gen(function*() {
      const archive = yield* TranscriptArchive
      yield* Agents.start()
      const turnIds = yield* say("one", "two", "three")
      yield* prunedUpTo(yield* startOf(turnIds[1]))
      const [saved] = yield* archive.list({ threadId })
      const { turns } = yield* archive.read({ snapshotId: saved?.snapshot.snapshotId ?? "" })
      assert.deepStrictEqual(turns.map((turn) => turn.input?.prompt), ["one", "two", "three"])
    }).pipe(Effect.provide(layer({ settings: keepTwo({ archive: true }) }))))

  it.effect("P3 mock: without a limit nothing is removed", () =>
    Effect.gen(function*() {
      yield* Agents.start()
      yield* say("one", "two", "three")
      const before = yield* stored()
      yield* TestClock.adjust("3 hours")
      assert.deepStrictEqual((yield* stored()).slice(0, before.length), before)
    }).pipe(Effect.provide(layer())))
})
