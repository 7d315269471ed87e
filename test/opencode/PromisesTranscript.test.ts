/** P16 on the real OpenCode: what a reader was shown of a turn stays in the transcript when its agent dies. */
import { assert, layer } from "@effect/vitest"
import { type Cause, Effect, Fiber, Queue, Stream } from "effect"
import type { Item } from "../../src/domain/Item.ts"
import { ProviderService, type ThreadEvent, type ThreadId } from "../../src/index.ts"
import { ModelReply, ScriptedModel } from "../../src/testing/index.ts"
import { awaitEvent, is, stored } from "../support/Agents.ts"
import { bash, hands, signal, start } from "../support/OpenCodeAgents.ts"
import { lastSeq, modelOnly, withHost } from "../support/OpenCodeFaults.ts"

/** Reads the turn that runs until a fold of its events has what it waits for. */
const readUntil = <A>(
  threadId: ThreadId,
  after: number,
  found: (events: ReadonlyArray<ThreadEvent>) => A | undefined
) =>
  Effect.flatMap(ProviderService, (agents) =>
    agents.streamEvents({ threadId, after }).pipe(
      Stream.scan<ReadonlyArray<ThreadEvent>, ThreadEvent>(() => [], (events, event) => [...events, event]),
      Stream.map(found),
      Stream.filter((value) => value !== undefined),
      Stream.runHead,
      Effect.flatMap(Effect.fromOption)
    ))

const shown = (events: ReadonlyArray<ThreadEvent>) => {
  const deltas = events.filter(is("ItemDelta"))
  return { itemId: deltas.at(-1)?.itemId, text: deltas.map(({ delta }) => delta).join("") }
}

const kill = Effect.flatMap(hands, ({ pid }) => signal(pid, "SIGKILL"))

const completions = (events: ReadonlyArray<ThreadEvent>, itemId: string | undefined) =>
  events.filter(is("ItemCompleted")).filter(({ item }) => item.itemId === itemId)

const textOf = (item: Item | undefined) => item?._tag === "AssistantMessage" ? item.text : ""

layer(modelOnly, { timeout: "60 seconds", excludeTestServices: true })("transcripts", (it) => {
  it.effect(
    "P16 opencode: text that was read before kill -9 of the server is in the transcript, once, after the resume",
    () =>
      withHost(
        {},
        Effect.gen(function*() {
          const agents = yield* ProviderService
          const model = yield* ScriptedModel
          const { threadId } = yield* start()
          yield* agents.runTurn({ threadId, prompt: "P16 before" })
          const chunks = yield* Queue.unbounded<string, Cause.Done>()
          yield* model.on("P16 dies", () => ModelReply.text(Stream.fromQueue(chunks)))
          const after = yield* lastSeq(threadId)
          const reader = yield* readUntil(
            threadId,
            after,
            (events) => shown(events).text.includes("rain") ? shown(events) : undefined
          ).pipe(Effect.forkChild({ startImmediately: true }))
          const { turnId } = yield* agents.sendTurn({ threadId, prompt: "P16 dies" })
          // The end of a text may be held back, where a secret could begin with it.
          for (const word of ["The ", "mountain ", "saw ", "rain", " "]) yield* Queue.offer(chunks, word)
          const seen = yield* Fiber.join(reader)
          yield* kill
          assert.strictEqual((yield* awaitEvent(is("TurnFailed"), threadId)).failure._tag, "SessionLost")

          // The log holds it from the end of the turn on, whatever becomes of the agent.
          const [cut, ...others] = completions(yield* stored(threadId), seen.itemId)
          assert.deepStrictEqual(others, [])
          assert.deepInclude(cut, { turnId, cut: true })
          assert.isTrue(textOf(cut?.item).startsWith(seen.text))

          const next = yield* agents.runTurn({ threadId, prompt: "P16 after" })
          assert.strictEqual(next.continuity._tag, "Resumed")
          const turn = (yield* agents.readTranscript({ threadId })).find((turn) => turn.turnId === turnId)
          const items = (turn?.items ?? []).filter(({ itemId }) => itemId === seen.itemId)
          assert.lengthOf(items, 1)
          assert.isTrue(textOf(items[0]).startsWith(seen.text), `"${textOf(items[0])}" begins with "${seen.text}"`)
        })
      ),
    120_000
  )

  it.effect(
    "P16 opencode: a command that ran at kill -9 of the server is completed as failed, with what was seen of it",
    () =>
      withHost(
        {},
        Effect.gen(function*() {
          const agents = yield* ProviderService
          const model = yield* ScriptedModel
          const { threadId } = yield* start({ runtimeMode: "full-access" })
          const command = "echo visible; exec sleep 600"
          yield* model.on("P16 command", bash(command))
          const after = yield* lastSeq(threadId)
          const reader = yield* readUntil(threadId, after, (events) =>
            events.flatMap((event) =>
              event._tag === "ItemDelta" && event.field === "output" && event.delta.includes("visible")
                ? [event.itemId]
                : []
            )[0]).pipe(Effect.forkChild({ startImmediately: true }))
          const { turnId } = yield* agents.sendTurn({ threadId, prompt: "P16 command" })
          const itemId = yield* Fiber.join(reader)
          yield* kill
          yield* awaitEvent(is("TurnFailed"), threadId)
          const [cut, ...others] = completions(yield* stored(threadId), itemId)
          assert.deepStrictEqual(others, [])
          assert.deepInclude(cut, { turnId, cut: true })
          assert.deepInclude<unknown>(cut?.item, { _tag: "Command", command, status: "failed" })
          assert.include(cut?.item._tag === "Command" ? cut.item.output : "", "visible")

          yield* agents.runTurn({ threadId, prompt: "P16 after the command" })
          const turn = (yield* agents.readTranscript({ threadId })).find((turn) =>
            turn.turnId === turnId
          )
          const items = (turn?.items ?? []).filter((item) =>
            item.itemId === itemId
          )
          assert.deepStrictEqual(items.map((item) => item._tag === "Command" ? item.status : item._tag), ["failed"])
        })
      ),
    120_000
  )
})
