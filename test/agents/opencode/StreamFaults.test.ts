/** Broken streams, deep subagents and slow readers on the real OpenCode. */
import { assert, it, layer } from "@effect/vitest"
import { type Cause, Deferred, Effect, Fiber, Layer, Queue, Redacted, Schedule, Stream } from "effect"
import { InstanceId, isTerminal, ProviderService, type ThreadEvent, type ThreadId } from "../../../src/index.ts"
import * as OpenCode from "../../../src/opencode/OpenCode.ts"
import { ModelReply, ScriptedModel } from "../../../src/testing/index.ts"
import { awaitEvent, endings, is, stored } from "../../support/Agents.ts"
import { heap } from "../../support/Heap.ts"
import * as Loopback from "../../support/Loopback.ts"
import * as OpenCodeAgents from "../../support/OpenCodeAgents.ts"
import { bash, hands, start, thenSay } from "../../support/OpenCodeAgents.ts"
import { lastSeq, modelOnly, withHost } from "../../support/OpenCodeFaults.ts"

const nested = {
  subagent_depth: 3,
  agent: { general: { permission: { task: "allow" } } }
}

layer(OpenCodeAgents.layer({ agent: { config: nested } }), { timeout: "60 seconds", excludeTestServices: true })(
  "streams and subagents",
  (it) => {
    /** The shared server, over a connection that can be broken. */
    const broken = <A, E, R>(name: string, use: (proxy: Proxy, instanceId: InstanceId) => Effect.Effect<A, E, R>) =>
      Effect.gen(function*() {
        // The shared server is there only once it has had a session.
        yield* start()
        const { baseUrl, password } = yield* hands
        const proxy = yield* Loopback.proxy(baseUrl)
        return yield* Effect.provide(
          use(proxy, InstanceId.make(name)),
          Layer.fresh(Layer.orDie(
            OpenCode.layer({
              instanceId: name,
              baseUrl: proxy.url,
              password: Redacted.make(password),
              projectConfig: "trust"
            })
          ))
        )
      })

    /** The server itself has nothing more to do for the session. */
    const idle = Effect.fnUntraced(function*(sessionId: string, directory: string) {
      const { client } = yield* hands
      yield* Effect.promise(() => client(directory).session.status()).pipe(
        Effect.repeat({ until: ({ data }) => data?.[sessionId] === undefined, schedule: Schedule.spaced("20 millis") })
      )
    })

    /** Everything of one turn, as a live reader sees it. */
    const turnOf = (threadId: ThreadId, after: number) =>
      Effect.flatMap(ProviderService, (agents) =>
        agents.streamEvents({ threadId, after }).pipe(
          Stream.takeUntil(isTerminal),
          Stream.runCollect
        )).pipe(Effect.forkChild({ startImmediately: true }))

    it.effect("P4 P11 opencode: a turn that ends while the stream is down is read from the history, with one Gap", () =>
      broken("down", (proxy, instanceId) =>
        Effect.gen(function*() {
          const agents = yield* ProviderService
          const model = yield* ScriptedModel
          const { directory, sessionId, threadId } = yield* start({ instanceId })
          const chunks = yield* Queue.unbounded<string, Cause.Done>()
          yield* model.on("ends unseen", () => ModelReply.text(Stream.fromQueue(chunks)))
          const seen = yield* turnOf(threadId, yield* lastSeq(threadId))
          yield* agents.sendTurn({ threadId, prompt: "ends unseen" })
          yield* Queue.offer(chunks, "first")
          yield* awaitEvent(is("ItemDelta"), threadId)
          yield* proxy.cutOff
          yield* Queue.offer(chunks, " and last")
          yield* Queue.end(chunks)
          yield* idle(sessionId, directory)
          yield* proxy.mend
          const events = yield* Fiber.join(seen)
          assert.strictEqual(events.at(-1)?._tag, "TurnCompleted")
          assert.lengthOf(events.filter(is("Gap")), 1)
          const message = events.findLast(is("ItemCompleted"))?.item
          assert.strictEqual(message?._tag === "AssistantMessage" ? message.text : message, "first and last")
          const seqs = (yield* stored(threadId)).map(({ seq }) => seq)
          assert.deepStrictEqual(seqs, Array.from(seqs, (_, index) => index + 1))
          yield* agents.stopSession({ threadId })
        })))

    it.effect("P11 opencode: a stream that drops between turns loses nothing and says nothing", () =>
      broken("between", (proxy, instanceId) =>
        Effect.gen(function*() {
          const agents = yield* ProviderService
          const { threadId } = yield* start({ instanceId })
          yield* agents.runTurn({ threadId, prompt: "before the drop" })
          const seen = yield* turnOf(threadId, yield* lastSeq(threadId))
          yield* proxy.cut
          const next = yield* agents.runTurn({ threadId, prompt: "after the drop" })
          assert.strictEqual(next.text, "echo: after the drop")
          assert.strictEqual(next.epoch, 1)
          assert.deepStrictEqual((yield* Fiber.join(seen)).filter(is("Gap")), [])
          yield* agents.stopSession({ threadId })
        })))

    it.effect(
      "P4 P11 opencode: where the history cannot be read either there is one Gap, and the turn still ends",
      () =>
        broken("blind", (proxy, instanceId) =>
          Effect.gen(function*() {
            const agents = yield* ProviderService
            const model = yield* ScriptedModel
            const { directory, sessionId, threadId } = yield* start({ instanceId })
            const chunks = yield* Queue.unbounded<string, Cause.Done>()
            yield* model.on("ends blind", () => ModelReply.text(Stream.fromQueue(chunks)))
            const seen = yield* turnOf(threadId, yield* lastSeq(threadId))
            yield* agents.sendTurn({ threadId, prompt: "ends blind" })
            yield* Queue.offer(chunks, "blind")
            yield* awaitEvent(is("ItemDelta"), threadId)
            yield* proxy.cutOff
            yield* Queue.end(chunks)
            yield* idle(sessionId, directory)
            yield* proxy.mend
            yield* proxy.refuse("/message")
            yield* agents.streamEvents({ threadId, after: yield* lastSeq(threadId) }).pipe(
              Stream.filter(is("Gap")),
              Stream.runHead
            )
            yield* proxy.mend
            const events = yield* Fiber.join(seen)
            assert.strictEqual(events.at(-1)?._tag, "TurnCompleted")
            assert.deepStrictEqual(events.filter(is("Gap")).map(({ cause, lost }) => [cause, lost]), [
              ["provider-stream", "events"]
            ])
            yield* agents.stopSession({ threadId })
          })),
      60_000
    )

    for (const depth of [1, 2]) {
      it.effect(
        `P7 opencode: a subagent at depth ${depth} asks under its parent's turn before it acts`,
        () =>
          Effect.gen(function*() {
            const agents = yield* ProviderService
            const model = yield* ScriptedModel
            const { threadId } = yield* start()
            const prompts = Array.from({ length: depth + 1 }, (_, level) => `level ${level} of ${depth}`)
            for (const [level, prompt] of prompts.entries()) {
              const below = prompts[level + 1]
              yield* model.on(
                prompt,
                below === undefined
                  ? bash(`echo at depth ${level}`)
                  : thenSay(
                    ModelReply.call("task", { description: "Go down", prompt: below, subagent_type: "general" })
                  )
              )
            }
            const turn = yield* agents.sendTurn({ threadId, prompt: prompts[0] ?? "" })
            const asked: Array<Extract<ThreadEvent, { readonly _tag: "ApprovalRequested" }>> = []
            yield* agents.streamEvents({ threadId }).pipe(
              Stream.takeUntil(isTerminal),
              Stream.runForEach((event) => {
                if (event._tag !== "ApprovalRequested") return Effect.void
                asked.push(event)
                const { requestId } = event.request
                return agents.respondToApproval({ threadId, requestId, decision: { _tag: "AllowOnce" } })
              })
            )
            const commands = asked.filter(({ request }) => request.kind === "command")
            assert.deepStrictEqual(commands.map(({ request }) => request.subject), [`echo at depth ${depth}`])
            assert.isDefined(commands[0]?.request.subagent)
            for (const event of asked) assert.strictEqual(event.turnId, turn.turnId)
            assert.deepStrictEqual(Object.values(endings(yield* stored(threadId))), [["TurnCompleted"]])
            const told = yield* model.awaitRequest(({ afterToolResult, lastUserText }) =>
              afterToolResult && lastUserText === prompts.at(-1)
            )
            assert.include(told.lastToolResult, `at depth ${depth}`)
          }),
        60_000
      )
    }

    it.effect("P7 opencode: what is allowed for one session is asked about in another one of the same directory", () =>
      Effect.gen(function*() {
        const agents = yield* ProviderService
        const model = yield* ScriptedModel
        const one = yield* start()
        const two = yield* start({ directory: one.directory })
        const asks = Effect.fnUntraced(
          function*(threadId: ThreadId, prompt: string, allow: "AllowOnce" | "AllowForSession") {
            yield* model.on(prompt, bash("echo shared"))
            const after = yield* lastSeq(threadId)
            yield* agents.sendTurn({ threadId, prompt })
            const settled: Array<string> = []
            yield* agents.streamEvents({ threadId, after }).pipe(
              Stream.takeUntil(isTerminal),
              Stream.runForEach((event) => {
                if (event._tag === "ApprovalSettled") settled.push(event.by)
                if (event._tag !== "ApprovalRequested") return Effect.void
                const { requestId } = event.request
                return agents.respondToApproval({ threadId, requestId, decision: { _tag: allow } }).pipe(
                  // A rule may be faster.
                  Effect.catchTag("RequestSettled", () => Effect.void)
                )
              })
            )
            return settled
          }
        )
        assert.deepStrictEqual(yield* asks(one.threadId, "leak 1", "AllowForSession"), ["user"])
        assert.deepStrictEqual(yield* asks(one.threadId, "leak 2", "AllowOnce"), ["rule"])
        assert.deepStrictEqual(yield* asks(two.threadId, "leak 3", "AllowOnce"), ["user"])
        // The allowance ends with the session.
        yield* agents.stopSession({ threadId: one.threadId })
        assert.deepStrictEqual(yield* asks(one.threadId, "leak 4", "AllowOnce"), ["user"])
      }))
  }
)

type Proxy = Effect.Success<ReturnType<typeof Loopback.proxy>>

it.live(
  "P11 opencode: a reader that stands still in a burst of 100 MB costs little, and then has all but one Gap",
  () =>
    withHost(
      {},
      Effect.gen(function*() {
        const agents = yield* ProviderService
        const model = yield* ScriptedModel
        const { threadId } = yield* start({ runtimeMode: "full-access" })
        const chunk = "0123456789abcdef".repeat(640)
        yield* model.on("burst", () => ModelReply.text(Stream.range(1, 10_000).pipe(Stream.map(() => chunk))))
        yield* agents.runTurn({ threadId, prompt: "before" })
        const after = yield* lastSeq(threadId)
        const standing = yield* Deferred.make<void>()
        const gate = yield* Deferred.make<void>()
        const reader = yield* agents.streamEvents({ threadId, after }).pipe(
          Stream.tap((event) =>
            event._tag === "ItemDelta"
              ? Effect.andThen(Deferred.succeed(standing, undefined), Deferred.await(gate))
              : Effect.void
          ),
          Stream.takeUntil(isTerminal),
          Stream.runFold(() => ({ gaps: 0, seqs: [] as Array<number>, text: "" }), (seen, event) => {
            if (event._tag === "Gap") seen.gaps++
            else if (event._tag !== "ItemDelta" && event._tag !== "ItemUpdated") seen.seqs.push(event.seq)
            if (event._tag === "ItemCompleted" && event.item._tag === "AssistantMessage") seen.text = event.item.text
            return seen
          }),
          Effect.forkChild({ startImmediately: true })
        )
        const before = heap()
        const { text: said } = yield* agents.runTurn({ threadId, prompt: "burst" })
        yield* Deferred.await(standing)
        assert.strictEqual(said.length, 10_000 * chunk.length)
        // OpenCode says it all as one text, which is held here as the turn's result; frames of it may still be read.
        const held = yield* Effect.sync(() => heap() - before - said.length).pipe(
          Effect.repeat({
            until: (held) => held < 32 * 1024 * 1024,
            times: 50,
            schedule: Schedule.spaced("200 millis")
          })
        )
        assert.isBelow(held, 32 * 1024 * 1024)
        yield* Deferred.succeed(gate, undefined)
        const seen = yield* Fiber.join(reader)
        assert.deepStrictEqual(seen.seqs, seen.seqs.map((_, index) => after + 1 + index))
        assert.strictEqual(seen.text, said)
        assert.strictEqual(seen.gaps, 1)
      })
    ).pipe(Effect.provide(modelOnly)),
  300_000
)
