/** What an app attaches to threads and turns, on the mock: labels, actors, metadata, annotations. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Queue, Struct } from "effect"
import type { LifecycleEvent } from "../../src/domain/LifecycleEvent.ts"
import { allow, LifecycleHooks } from "../../src/hooks/index.ts"
import { ProviderService, SessionStore, ThreadId, TranscriptArchive, TurnId } from "../../src/index.ts"
import { MockProvider, MockStep } from "../../src/testing/index.ts"
import * as Agents from "../support/Agents.ts"
import * as StoreFixture from "../support/StoreFixture.ts"

const { is, layer, mock, stored, threadId } = Agents

const make = Effect.fnUntraced(function*(id: string, labels?: Readonly<Record<string, string>>) {
  const agents = yield* ProviderService
  yield* agents.createThread({ threadId: ThreadId.make(id), instanceId: mock, directory: yield* Agents.folder, labels })
})

/** All threads that a list has, page by page. */
const listed = Effect.fnUntraced(function*(
  where: Parameters<ProviderService["Service"]["listThreads"]>[0]["where"],
  limit = 2
) {
  const agents = yield* ProviderService
  const found: Array<string> = []
  let after: string | undefined
  do {
    const page = yield* agents.listThreads({ where, limit, after })
    assert.isAtMost(page.threads.length, limit)
    found.push(...page.threads.map((thread) => thread.threadId))
    after = page.next
  } while (after !== undefined)
  return found
})

describe("labels", () => {
  it.effect("P15 mock: threads are found by all of the labels that are asked for, page by page", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      for (const [n, team] of ["red", "blue", "red", "red", "red"].entries()) {
        yield* make(`t${n}`, { team, number: String(n % 2) })
      }
      yield* make("plain")
      assert.deepStrictEqual((yield* listed({ labels: { team: "red" } })).toSorted(), ["t0", "t2", "t3", "t4"])
      assert.deepStrictEqual((yield* listed({ labels: { team: "red", number: "0" } }, 1)).toSorted(), [
        "t0",
        "t2",
        "t4"
      ])
      assert.deepStrictEqual(yield* listed({ labels: { team: "green" } }), [])
      assert.deepStrictEqual(yield* listed({ labels: { red: "team" } }), [])
      assert.lengthOf(yield* listed({ labels: {} }), 6)
      yield* agents.deleteThread({ threadId: ThreadId.make("t2") })
      assert.deepStrictEqual((yield* listed({ labels: { number: "0" } })).toSorted(), ["t0", "t4"])
      yield* make("t2")
      assert.deepStrictEqual((yield* listed({ labels: { number: "0" } })).toSorted(), ["t0", "t4"])
    }).pipe(Effect.provide(layer())))

  it.effect("P15 mock: a thread is archived and taken out again, and a list has those, the others, or both", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      for (const id of ["a", "b", "c"]) yield* make(id, { team: "red" })
      const b = ThreadId.make("b")
      assert.deepStrictEqual(yield* agents.configureThread({ threadId: b, archived: true }), {
        threadId: b,
        applied: "now"
      })
      assert.isTrue((yield* agents.getThread({ threadId: b })).archived)
      assert.deepStrictEqual(yield* listed({ archived: true }), ["b"])
      assert.deepStrictEqual((yield* listed({ archived: false, labels: { team: "red" } }, 1)).toSorted(), ["a", "c"])
      assert.lengthOf(yield* listed(undefined), 3)
      yield* agents.runTurn({ threadId: b, prompt: "still there" })
      assert.isTrue((yield* agents.getThread({ threadId: b })).archived)
      yield* agents.configureThread({ threadId: b, archived: false })
      assert.isUndefined((yield* agents.getThread({ threadId: b })).archived)
      assert.deepStrictEqual(yield* listed({ archived: true }), [])
    }).pipe(Effect.provide(layer())))

  it.effect("P15 mock: labels are replaced as a whole, also of a live thread, and outlive its starts and resets", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const directory = yield* Agents.folder
      yield* agents.startSession({ threadId, instanceId: mock, directory, labels: { team: "red", old: "1" } })
      const labelsOf = Effect.map(agents.getThread({ threadId }), ({ labels }) => labels)
      assert.deepStrictEqual(yield* labelsOf, { team: "red", old: "1" })
      yield* agents.runTurn({ threadId, prompt: "one" })
      yield* agents.configureThread({ threadId, labels: { team: "blue" } })
      for (
        const meanwhile of [
          agents.runTurn({ threadId, prompt: "two" }),
          agents.stopSession({ threadId }),
          agents.startSession({ threadId, labels: { team: "not again" } }),
          agents.resetThread({ threadId }),
          agents.startSession({ threadId, runtimeMode: "full-access" })
        ]
      ) {
        yield* meanwhile
        assert.deepStrictEqual(yield* labelsOf, { team: "blue" })
        assert.deepStrictEqual(yield* listed({ labels: { team: "blue" } }), [threadId])
      }
      assert.deepStrictEqual(yield* listed({ labels: { old: "1" } }), [])
      yield* agents.forkThread({ threadId, newThreadId: ThreadId.make("copy") })
      assert.deepStrictEqual((yield* listed({ labels: { team: "blue" } })).toSorted(), ["copy", threadId])
      yield* agents.configureThread({ threadId, labels: {} })
      assert.isUndefined(yield* labelsOf)
      assert.strictEqual(
        (yield* Effect.flip(agents.configureThread({ threadId: ThreadId.make("none"), labels: {} })))._tag,
        "ThreadNotFound"
      )
    }).pipe(Effect.provide(layer())))

  it.effect("P8 mock: labels that are changed while the thread's first session starts are kept", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      yield* make(threadId, { team: "red" })
      const reached = yield* Deferred.make<void>()
      const gate = yield* Deferred.make<void>()
      yield* agent.slowStart(Effect.andThen(Deferred.succeed(reached, undefined), Deferred.await(gate)))
      const turn = yield* Effect.forkChild(agents.runTurn({ threadId, prompt: "hello" }), { startImmediately: true })
      yield* Deferred.await(reached)
      yield* agents.configureThread({ threadId, labels: { team: "blue" } })
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(turn)
      assert.deepStrictEqual((yield* agents.getThread({ threadId })).labels, { team: "blue" })
      assert.deepStrictEqual(yield* listed({ labels: { team: "blue" } }), [threadId])
      assert.deepStrictEqual(yield* listed({ labels: { team: "red" } }), [])
    }).pipe(Effect.provide(layer())))

  it.effect("P12 mock: a hook that its thread waits for labels and annotates it", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      yield* Agents.start()
      yield* agents.runTurn({ threadId, prompt: "hello" })
      yield* agents.stopSession({ threadId })
      assert.deepStrictEqual((yield* agents.getThread({ threadId })).labels, { seen: "session:end" })
      assert.deepStrictEqual(
        (yield* stored()).filter(is("Annotated")).map(({ kind }) => kind),
        ["session:start", "turn:start", "session:end"]
      )
    }).pipe(Effect.provide(layer({ hooks: [labeller, guarding] }))))
})

const label = Effect.fnUntraced(function*({ _tag, threadId }: LifecycleEvent) {
  const agents = yield* ProviderService
  yield* agents.configureThread({ threadId, labels: { seen: _tag } })
  yield* agents.annotate({ threadId, kind: _tag, data: null })
})

const labeller = LifecycleHooks.observe({
  name: "labeller",
  events: ["session:start", "session:end"],
  delivery: "best-effort",
  run: label
})

const guarding = LifecycleHooks.guard({
  name: "guarding",
  events: ["turn:start"],
  failure: "closed",
  run: (event) => Effect.as(label(event), allow)
})

const origin = { actor: "ada", metadata: { channel: "C024", depth: { of: [1, null, "x"] } } }

describe("who and what for", () => {
  it.effect("P12 mock: actor and metadata are in events, hooks and transcripts, and no agent is given them; context is its own", () =>
    Effect.gen(function*() {
      const asked = yield* Queue.unbounded<unknown>()
      const guard = LifecycleHooks.guard({
        name: "guard",
        events: ["turn:start"],
        run: ({ input }) => Effect.as(Queue.offer(asked, input), allow)
      })
      const observer = LifecycleHooks.observe({
        name: "observer",
        events: ["turn:start"],
        run: ({ input }) => Queue.offer(asked, input)
      })
      yield* Effect.gen(function*() {
        const agents = yield* ProviderService
        const agent = yield* MockProvider
        yield* Agents.start()
        const running = yield* Deferred.make<void>()
        yield* agent.nextTurn(() => [MockStep.wait(Deferred.await(running)), MockStep.text("done")])
        const { turnId } = yield* agents.sendTurn({ threadId, prompt: "go", context: ["It is Friday."], ...origin })
        yield* agents.sendTurn({ threadId, prompt: "faster", steer: true, actor: "bob" })
        yield* Deferred.succeed(running, undefined)
        yield* Agents.awaitEvent(is("TurnCompleted"))
        const input = { prompt: "go", context: ["It is Friday."], ...origin }
        const events = yield* stored()
        assert.deepStrictEqual(events.find(is("TurnStarted"))?.input, input)
        assert.deepStrictEqual(events.find(is("TurnSteered"))?.input, { prompt: "faster", actor: "bob" })
        assert.deepStrictEqual((yield* agents.readTranscript({ threadId }))[0]?.input, input)
        assert.deepStrictEqual(yield* Queue.take(asked), input)
        const rest = [yield* Queue.take(asked), yield* Queue.take(asked)]
        assert.deepInclude(rest, input)
        assert.deepInclude(rest, { prompt: "faster", actor: "bob" })
        const received = JSON.stringify([yield* agent.received, yield* agent.starts, (yield* agent.sessions)[0]])
        assert.include(received, "It is Friday.")
        for (const secret of ["ada", "bob", "C024"]) assert.notInclude(received, secret)
        assert.strictEqual(turnId, events.find(is("TurnStarted"))?.turnId)
      }).pipe(Effect.provide(layer({ hooks: [guard, observer] })))
    }))

  it.effect("P5 store: a turn that a crash of its host has settled has its actor and metadata", () =>
    Effect.gen(function*() {
      const filename = yield* StoreFixture.temporaryFile
      const input = { prompt: "go", ...origin }
      const turnId = StoreFixture.turn("a")
      yield* StoreFixture.withStore(
        filename,
        Effect.gen(function*() {
          const store = yield* SessionStore
          yield* StoreFixture.openThread()
          yield* store.recordIntent({
            turnId,
            threadId: StoreFixture.threadId,
            epoch: StoreFixture.first,
            ref: undefined,
            input,
            at: 2000
          })
        })
      )
      const started = (yield* StoreFixture.withStore(filename, StoreFixture.allEvents())).find(is("TurnStarted"))
      assert.deepStrictEqual(started?.input, input)
    }))
})

describe("annotations", () => {
  it.effect("P11 mock: an annotation is a durable event in order with the rest, told to hooks, and in the transcript", () =>
    Effect.gen(function*() {
      const told = yield* Queue.unbounded<LifecycleEvent>()
      const observer = LifecycleHooks.observe({
        name: "observer",
        events: ["thread:annotated"],
        run: (event) => Queue.offer(told, event)
      })
      yield* Effect.gen(function*() {
        const agents = yield* ProviderService
        const agent = yield* MockProvider
        yield* Agents.start()
        const running = yield* Deferred.make<void>()
        yield* agent.nextTurn(() => [MockStep.wait(Deferred.await(running)), MockStep.text("done")])
        const { turnId } = yield* agents.sendTurn({ threadId, prompt: "go" })
        const during = yield* agents.annotate({ threadId, turnId, kind: "seen", data: { by: "ada" } })
        yield* Deferred.succeed(running, undefined)
        const { seq } = yield* Agents.awaitEvent(is("TurnCompleted"))
        assert.isBelow(during.seq, seq)
        const later = yield* agents.annotate({ threadId, kind: "mood", data: "good" })
        yield* agents.stopSession({ threadId })
        const last = yield* agents.annotate({ threadId, turnId, kind: "billed", data: 3 })
        const events = yield* stored()
        assert.deepStrictEqual<unknown>(
          events.filter(is("Annotated")).map(({ data, epoch, kind, seq, turnId }) => [seq, kind, data, turnId, epoch]),
          [
            [during.seq, "seen", { by: "ada" }, turnId, 1],
            [later.seq, "mood", "good", undefined, 1],
            [last.seq, "billed", 3, turnId, 1]
          ]
        )
        const kinds = [{ kind: "seen", data: { by: "ada" } }, { kind: "mood", data: "good" }, {
          kind: "billed",
          data: 3
        }]
        const [turn] = yield* agents.readTranscript({ threadId })
        assert.deepStrictEqual(turn?.annotations?.map(Struct.pick(["kind", "data"])), kinds)
        for (const expected of kinds) assert.deepInclude<unknown>(yield* Queue.take(told), expected)
        yield* agents.runTurn({ threadId, prompt: "again" })
        const received = JSON.stringify(yield* agent.received)
        // In quotes, because ids have all sorts of letters in them.
        for (const said of ["mood", "billed", "ada"]) assert.notInclude(received, JSON.stringify(said))
        yield* agents.forkThread({ threadId, newThreadId: ThreadId.make("copy") })
        const [copied] = yield* agents.readTranscript({ threadId: ThreadId.make("copy") })
        assert.deepStrictEqual(copied?.annotations?.map(Struct.pick(["kind", "data"])), kinds)
      }).pipe(Effect.provide(layer({ hooks: [observer] })))
    }))

  it.effect("P11 mock: a thread that never had a session is annotated; a turn or a thread that is not there is not", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      yield* make(threadId)
      assert.strictEqual((yield* agents.annotate({ threadId, kind: "origin", data: "slack" })).seq, 1)
      const none = TurnId.make("none")
      const tags = yield* Effect.all([
        Effect.flip(agents.annotate({ threadId, turnId: none, kind: "k", data: null })),
        Effect.flip(agents.annotate({ threadId: ThreadId.make("other"), kind: "k", data: null }))
      ])
      assert.deepStrictEqual(tags.map(({ _tag }) => _tag), ["TurnNotFound", "ThreadNotFound"])
      assert.strictEqual((yield* agents.runTurn({ threadId, prompt: "hello" })).continuity._tag, "Created")
      assert.deepStrictEqual(Agents.tags(yield* stored()).slice(0, 2), ["Annotated", "SessionStarted"])
    }).pipe(Effect.provide(layer())))

  it.effect("P1 mock: a thread that a crash has stopped is recovered, however much was recorded of it since", () =>
    Effect.gen(function*() {
      const filename = yield* StoreFixture.temporaryFile
      const directory = yield* Effect.provide(Agents.folder, Agents.platform)
      const host = layer({ filename })
      yield* Effect.gen(function*() {
        yield* Agents.start({ directory })
        yield* (yield* ProviderService).runTurn({ threadId, prompt: "hello" })
      }).pipe(Effect.provide(host, { local: true }))
      // As a host leaves it that dies.
      yield* StoreFixture.behind(
        filename,
        "UPDATE eca_threads SET status = 'idle', last_seq = last_seq - 1; DELETE FROM eca_events WHERE type = 'SessionEnded'"
      )
      yield* Effect.gen(function*() {
        const agents = yield* ProviderService
        for (let n = 0; n < 600; n++) yield* agents.annotate({ threadId, kind: "n", data: n })
        yield* agents.startSession({ threadId })
        assert.isTrue((yield* stored()).findLast(is("SessionStarted"))?.recovered)
      }).pipe(Effect.provide(host, { local: true }))
    }))

  it.effect("P14 mock: a snapshot holds actor, metadata and annotations, redacted", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const archive = yield* TranscriptArchive
      yield* Agents.start()
      const secret = "sk-ant-api03-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
      const { turnId } = yield* agents.runTurn({
        threadId,
        prompt: "go",
        actor: "ada",
        metadata: { id: secret, channel: "C024" }
      })
      yield* agents.annotate({ threadId, turnId, kind: "note", data: { id: secret, text: "fine" } })
      const { snapshotId } = yield* archive.snapshot({ threadId })
      const { turns } = yield* archive.read({ snapshotId })
      const [turn] = turns
      assert.strictEqual(turn?.input?.actor, "ada")
      assert.strictEqual(turn?.input?.metadata?.["channel"], "C024")
      assert.deepInclude<unknown>(turn?.annotations?.[0]?.data, { text: "fine" })
      assert.notInclude(JSON.stringify(turns), secret)
      yield* agents.deleteThread({ threadId })
      yield* archive.restore({ snapshot: { snapshotId }, threadId })
      const [restored] = yield* agents.readTranscript({ threadId })
      assert.deepStrictEqual([restored?.input, restored?.annotations], [turn?.input, turn?.annotations])
    }).pipe(Effect.provide(layer())))
})
