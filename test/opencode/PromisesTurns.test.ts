/** P4, P5, P8, P9 and P11 on the real OpenCode: how turns end and are delivered, and who reads of them. */
import { assert, layer } from "@effect/vitest"
import { type Cause, Deferred, Effect, Exit, Fiber, FileSystem, Option, Path, Queue, Stream } from "effect"
import { InstanceId, isTerminal, ProviderService, type ThreadEvent, TurnId } from "../../src/index.ts"
import { ModelReply, ScriptedModel } from "../../src/testing/index.ts"
import { awaitEvent, endings, is, stored, tags } from "../support/Agents.ts"
import * as Loopback from "../support/Loopback.ts"
import { bash, hands, start } from "../support/OpenCodeAgents.ts"
import * as OpenCodeAgents from "../support/OpenCodeAgents.ts"
import { approval, at, commands, deliveries, json, withService } from "../support/OpenCodePromises.ts"
import { tested } from "../support/Versions.ts"

layer(OpenCodeAgents.layer(), { timeout: "60 seconds", excludeTestServices: true })("turns", (it) => {
  it.effect("P4 opencode: clean end, 401 of the model, interrupt and stop are one terminal event each", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const model = yield* ScriptedModel
      const { threadId } = yield* start()
      yield* agents.runTurn({ threadId, prompt: "P4 clean" })
      yield* model.on("P4 unauthorized", () => ModelReply.error(401, { body: { error: { message: "no" } } }))
      const failed = yield* Effect.flip(agents.runTurn({ threadId, prompt: "P4 unauthorized" }))
      assert.strictEqual(failed._tag, "TurnNotCompleted")
      yield* model.on("P4 interrupted", () => ModelReply.hang)
      const { turnId } = yield* agents.sendTurn({ threadId, prompt: "P4 interrupted" })
      yield* model.awaitRequest((request) => request.lastUserText === "P4 interrupted")
      yield* agents.interruptTurn({ threadId, turnId })
      yield* agents.interruptTurn({ threadId, turnId })
      yield* model.on("P4 stopped", () => ModelReply.hang)
      yield* agents.sendTurn({ threadId, prompt: "P4 stopped" })
      yield* model.awaitRequest((request) => request.lastUserText === "P4 stopped")
      yield* agents.stopSession({ threadId })
      yield* agents.runTurn({ threadId, prompt: "P4 goes on" })
      const events = yield* stored(threadId)
      assert.deepStrictEqual(Object.values(endings(events)), [
        ["TurnCompleted"],
        ["TurnFailed"],
        ["TurnInterrupted"],
        ["TurnInterrupted"],
        ["TurnCompleted"]
      ])
      const failure = events.find(is("TurnFailed"))?.failure
      assert.deepInclude(failure, { _tag: "ModelFailed", status: 401, retryable: false })
      assert.deepStrictEqual(events.filter(is("TurnInterrupted")).map(({ by }) => by), ["user", "stop"])
    }))

  it.effect("P4 opencode: interrupting the caller of runTurn interrupts the turn", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const model = yield* ScriptedModel
      const { threadId } = yield* start()
      yield* model.on("P4 given up", () => ModelReply.hang)
      const run = yield* Effect.forkChild(agents.runTurn({ threadId, prompt: "P4 given up" }), {
        startImmediately: true
      })
      yield* model.awaitRequest((request) => request.lastUserText === "P4 given up")
      yield* Fiber.interrupt(run)
      // The caller need not wait for it.
      assert.strictEqual((yield* awaitEvent(is("TurnInterrupted"), threadId)).by, "user")
      assert.deepStrictEqual(Object.values(endings(yield* stored(threadId))), [["TurnInterrupted"]])
    }))

  for (
    const [deadline, settings] of [
      ["no-progress", { noProgressDeadline: "500 millis" }],
      ["turn", { turnDeadline: "500 millis" }]
    ] as const
  ) {
    it.effect(`P4 opencode: a turn that outruns the ${deadline} deadline fails with it, once`, () =>
      withService(
        settings,
        Effect.gen(function*() {
          const agents = yield* ProviderService
          const model = yield* ScriptedModel
          const { threadId } = yield* start()
          yield* model.on("P4 silence", () => ModelReply.hang)
          const error = yield* Effect.flip(agents.runTurn({ threadId, prompt: "P4 silence" }))
          assert.deepInclude(error._tag === "TurnNotCompleted" ? error.ending : error, {
            _tag: "TurnFailed",
            failure: { _tag: "DeadlineExceeded", deadline, millis: 500 }
          })
          assert.deepStrictEqual(Object.values(endings(yield* stored(threadId))), [["TurnFailed"]])
        })
      ))
  }

  it.effect("P5 opencode: a turn id is good for one turn", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const model = yield* ScriptedModel
      const { directory, sessionId, threadId } = yield* start()
      const turn = { threadId, turnId: TurnId.make("P5-mine"), prompt: "P5 mine" }
      const first = yield* agents.runTurn(turn)
      assert.deepStrictEqual(yield* agents.runTurn(turn), first)
      assert.strictEqual((yield* Effect.flip(agents.sendTurn({ ...turn, prompt: "P5 other" })))._tag, "TurnExists")
      assert.lengthOf(yield* model.asked("P5 mine"), 1)
      assert.lengthOf(yield* deliveries(sessionId, directory, "P5 mine"), 1)
    }))

  for (const delivered of [true, false]) {
    const what = delivered ? "arrived and whose answer did not" : "did not arrive"
    const prompt = `P5 ${delivered}`
    it.effect(`P5 opencode: a prompt that ${what} ends as unknown, is not sent again, and is settled by the history`, () =>
      Effect.gen(function*() {
        const agents = yield* ProviderService
        const model = yield* ScriptedModel
        const { baseUrl, password } = yield* hands
        const proxy = yield* Loopback.proxy(baseUrl)
        const name = `uncertain-${delivered}`
        yield* Effect.gen(function*() {
          const { directory, sessionId, threadId } = yield* start({ instanceId: InstanceId.make(name) })
          yield* proxy.cutAt({ text: "prompt_async", delivered, down: true })
          const error = yield* Effect.flip(agents.sendTurn({ threadId, prompt }))
          assert.strictEqual(error._tag, "DeliveryUncertain")
          yield* proxy.mend
          const next = yield* agents.runTurn({ threadId, prompt: `${prompt} again` })
          assert.strictEqual(next.continuity._tag, "Resumed")
          assert.lengthOf(yield* model.asked(prompt), delivered ? 1 : 0)
          const sent = yield* deliveries(sessionId, directory, prompt)
          assert.lengthOf(sent, delivered ? 1 : 0)
          const events = yield* stored(threadId)
          assert.deepStrictEqual(tags(events).filter((tag) => tag.startsWith("Turn")), [
            "TurnStarted",
            "TurnUnknown",
            "TurnReconciled",
            "TurnStarted",
            "TurnCompleted"
          ])
          assert.strictEqual(
            events.find(is("TurnReconciled"))?.evidence,
            delivered ? "completed" : "never-delivered"
          )
          yield* agents.stopSession({ threadId })
        }).pipe(Effect.provide(at(name, proxy.url, password)))
      }))
  }

  it.effect("P5 opencode: a prompt that arrived over a connection that broke is settled at once by the history", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const model = yield* ScriptedModel
      const { baseUrl, password } = yield* hands
      const proxy = yield* Loopback.proxy(baseUrl)
      yield* Effect.gen(function*() {
        const { directory, sessionId, threadId } = yield* start({ instanceId: InstanceId.make("blink") })
        yield* proxy.cutAt({ text: "prompt_async", delivered: true, down: false })
        const turn = yield* agents.runTurn({ threadId, prompt: "P5 blink" })
        assert.strictEqual(turn.text, "echo: P5 blink")
        assert.lengthOf(yield* model.asked("P5 blink"), 1)
        assert.lengthOf(yield* deliveries(sessionId, directory, "P5 blink"), 1)
        assert.deepStrictEqual(Object.values(endings(yield* stored(threadId))), [["TurnCompleted"]])
        yield* agents.stopSession({ threadId })
      }).pipe(Effect.provide(at("blink", proxy.url, password)))
    }))

  it.effect("P15 opencode: bad input of a turn is a typed error before anything is stored or sent", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const model = yield* ScriptedModel
      const { directory, sessionId, threadId } = yield* start()
      const before = yield* stored(threadId)
      for (const prompt of ["", " \n\t"]) {
        assert.strictEqual((yield* Effect.flip(agents.sendTurn({ threadId, prompt })))._tag, "PromptEmpty")
      }
      const long = "x".repeat(20_000_000)
      assert.strictEqual((yield* Effect.flip(agents.sendTurn({ threadId, prompt: long })))._tag, "PromptTooLong")
      // As from a JSON body: the types say nothing of these.
      const bad: ReadonlyArray<readonly [field: string, value: unknown]> = [
        ["turnId", ""],
        ["turnId", "x".repeat(513)],
        ["prompt", 5],
        ["model", { id: 7 }],
        ["attachments", [{ _tag: "Unknown" }]]
      ]
      for (const [field, value] of bad) {
        const input = Object.assign({ threadId, prompt: "P15 never" }, { [field]: value })
        const error = yield* Effect.flip(agents.sendTurn(input))
        assert.deepInclude(error, { _tag: "InputInvalid", operation: "sendTurn" }, field)
      }
      assert.lengthOf(yield* model.asked("P15 never"), 0)
      assert.deepStrictEqual(yield* stored(threadId), before)
      const { client } = yield* hands
      const { data } = yield* Effect.promise(() => client(directory).session.messages({ sessionID: sessionId }))
      assert.deepStrictEqual(data, [])
      assert.lengthOf(yield* model.asked(""), 0)
    }))

  it.effect("P8 opencode: of many turns at once one is accepted, under one epoch", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const model = yield* ScriptedModel
      const { threadId } = yield* start()
      yield* agents.stopSession({ threadId })
      yield* model.on("P8 one of many", () => ModelReply.hang)
      const exits = yield* Effect.forEach(
        Array.from({ length: 10 }),
        () => Effect.exit(agents.sendTurn({ threadId, prompt: "P8 one of many" })),
        { concurrency: "unbounded" }
      )
      const errors = exits.flatMap((exit) => Exit.isFailure(exit) ? Option.toArray(Exit.findErrorOption(exit)) : [])
      assert.deepStrictEqual(errors.map(({ _tag }) => _tag), Array.from({ length: 9 }, () => "TurnInProgress"))
      yield* model.awaitRequest((request) => request.lastUserText === "P8 one of many")
      yield* Effect.all([agents.stopSession({ threadId }), agents.stopSession({ threadId })], { concurrency: 2 })
      yield* agents.stopSession({ threadId })
      assert.lengthOf(yield* model.asked("P8 one of many"), 1)
      const events = yield* stored(threadId)
      assert.deepStrictEqual(events.filter(is("SessionStarted")).map(({ epoch }) => epoch), [1, 2])
      assert.deepStrictEqual(Object.values(endings(events)), [["TurnInterrupted"]])
    }))

  it.effect("P8 opencode: a stop cuts through a start that hangs", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const asked = yield* Deferred.make<void>()
      const mute = yield* Loopback.http((request, response) => {
        if (request.url?.startsWith("/global/health") === true) {
          return void response.writeHead(200, json).end(JSON.stringify({ healthy: true, version: tested.to }))
        }
        Deferred.doneUnsafe(asked, Exit.void)
      })
      yield* Effect.gen(function*() {
        const threadId = OpenCodeAgents.nextThreadId()
        const starting = yield* Effect.forkChild(
          Effect.flip(start({ threadId, instanceId: InstanceId.make("mute") })),
          { startImmediately: true }
        )
        yield* Deferred.await(asked)
        yield* agents.stopSession({ threadId })
        assert.strictEqual((yield* Fiber.join(starting))._tag, "ThreadStopping")
      }).pipe(Effect.provide(at("mute", mute, "any")))
    }))

  it.effect("P9 opencode: a session with an open approval or a running command is not reaped, an idle one is", () =>
    withService(
      { reaper: { idleAfter: "100 millis", sweepEvery: "20 millis" } },
      Effect.gen(function*() {
        const agents = yield* ProviderService
        const model = yield* ScriptedModel
        const fs = yield* FileSystem.FileSystem
        const path = yield* Path.Path
        const { directory, threadId } = yield* start()
        const fifo = path.join(directory, "gate")
        yield* model.on("P9 busy", bash(`mkfifo ${fifo}; echo ready > started; cat ${fifo}`))
        yield* agents.sendTurn({ threadId, prompt: "P9 busy" })
        const { request } = yield* approval(threadId)
        /** Another session has come and was stopped for being idle: so many sweeps went by. */
        const idleOne = Effect.gen(function*() {
          const other = yield* start()
          const ended = yield* awaitEvent(is("SessionEnded"), other.threadId)
          assert.strictEqual(ended.reason, "reaped")
        })
        yield* idleOne
        assert.strictEqual((yield* agents.getThread({ threadId })).status, "waiting")
        yield* agents.respondToApproval({ threadId, requestId: request.requestId, decision: { _tag: "AllowOnce" } })
        yield* idleOne
        assert.strictEqual((yield* agents.getThread({ threadId })).status, "running")
        yield* awaitEvent(
          (event): event is Extract<ThreadEvent, { _tag: "ItemStarted" | "ItemUpdated" }> =>
            event._tag === "ItemUpdated" || event._tag === "ItemStarted",
          threadId
        )
        yield* fs.writeFileString(fifo, "go on\n")
        yield* awaitEvent(is("TurnCompleted"), threadId)
        assert.strictEqual((yield* awaitEvent(is("SessionEnded"), threadId)).reason, "reaped")
        assert.include(commands(yield* stored(threadId)).at(-1)?.output, "go on")
      })
    ))

  it.effect("P11 opencode: a reader has every stored event, then live ones and deltas, without a hole", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const model = yield* ScriptedModel
      const { threadId } = yield* start()
      yield* agents.runTurn({ threadId, prompt: "P11 before" })
      const chunks = yield* Queue.unbounded<string, Cause.Done>()
      yield* model.on("P11 streamed", () => ModelReply.text(Stream.fromQueue(chunks)))
      const read = (after: number) =>
        agents.streamEvents({ threadId, after }).pipe(
          Stream.takeUntil((event) => isTerminal(event) && event.seq > first.lastSeq),
          Stream.runCollect,
          Effect.forkChild({ startImmediately: true })
        )
      const first = yield* agents.getThread({ threadId })
      const all = yield* read(0)
      const some = yield* read(3)
      yield* agents.sendTurn({ threadId, prompt: "P11 streamed" })
      const words = Array.from({ length: 200 }, (_, index) => `${index === 0 ? "" : " "}word${index}`)
      for (const word of words.slice(0, 100)) yield* Queue.offer(chunks, word)
      yield* awaitEvent(is("ItemDelta"), threadId)
      const late = yield* read(first.lastSeq)
      for (const word of words.slice(100)) yield* Queue.offer(chunks, word)
      yield* Queue.end(chunks)
      for (const [after, fiber] of [[0, all], [3, some], [first.lastSeq, late]] as const) {
        const events = yield* Fiber.join(fiber)
        const ephemeral = new Set(["ItemDelta", "ItemUpdated", "Gap"])
        const seqs = events.filter(({ _tag }) => !ephemeral.has(_tag)).map(({ seq }) => seq)
        assert.deepStrictEqual(seqs, Array.from(seqs, (_, index) => after + 1 + index))
        assert.deepStrictEqual(events.filter(is("Gap")), [])
        let joined = ""
        for (const { delta, offset } of events.filter(is("ItemDelta"))) {
          assert.strictEqual(offset, joined.length)
          joined += delta
        }
        assert.strictEqual(joined, words.join(""))
      }
    }))
})
