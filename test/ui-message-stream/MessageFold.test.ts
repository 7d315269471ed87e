/** The fold from events to pieces, held against the AI SDK's own types, Schemas and reader. */
import { assert, describe, it } from "@effect/vitest"
import { asSchema, readUIMessageStream, type UIMessageChunk as Theirs, uiMessageChunkSchema } from "ai"
import { Effect, Fiber, Stream } from "effect"
import { TestClock } from "effect/testing"
import { InstanceId, ItemId, ProviderName, RequestId, SessionId, type ThreadEvent, TurnId } from "../../src/index.ts"
import { type EventBody, TaskId } from "../../src/protocol.ts"
import {
  type DataParts,
  encode,
  type EncodeOptions,
  MessageFold,
  type MessageMetadata,
  type UIMessageChunk
} from "../../src/ui-message-stream/index.ts"
import { inOrder as events } from "../support/Events.ts"
import type { Message } from "../support/UIChat.ts"

const turnId = TurnId.make("turn")
const itemId = ItemId.make("item")
const requestId = RequestId.make("request")

const started: EventBody = { _tag: "TurnStarted", turnId, input: { prompt: "go" } }
const completed: EventBody = { _tag: "TurnCompleted", turnId, usage: {} }
const command = (status: "running" | "completed" | "failed" | "declined", output?: string) => ({
  _tag: "Command" as const,
  itemId,
  command: "ls",
  status,
  ...(output === undefined ? {} : { output })
})
const request = { requestId, kind: "command" as const, subject: "ls", detail: null }

const turn = (...bodies: ReadonlyArray<EventBody>) => events(started, ...bodies, completed)

const chunksOf = (all: ReadonlyArray<ThreadEvent>, options?: EncodeOptions) =>
  Effect.gen(function*() {
    const chunks = yield* Stream.runCollect(encode(Stream.fromIterable(all), options))
    const validate = asSchema(uiMessageChunkSchema).validate
    for (const chunk of chunks) {
      const valid = yield* Effect.promise(async () => validate?.(chunk))
      assert.isTrue(valid?.success, JSON.stringify(chunk))
    }
    return chunks
  })

/** What the AI SDK makes of it. */
const messageOf = (all: ReadonlyArray<ThreadEvent>, before?: Message, options?: EncodeOptions) =>
  Effect.gen(function*() {
    const chunks: ReadonlyArray<Theirs<MessageMetadata, DataParts>> = yield* chunksOf(all, options)
    return yield* Effect.promise(async () => {
      const stream = new ReadableStream<Theirs<MessageMetadata, DataParts>>({
        start: (controller) => {
          for (const chunk of chunks) controller.enqueue(chunk)
          controller.close()
        }
      })
      let last: Message | undefined
      for await (
        const message of readUIMessageStream<Message>({ stream, ...(before === undefined ? {} : { message: before }) })
      ) {
        last = message
      }
      return last
    })
  })

const types = (chunks: ReadonlyArray<UIMessageChunk>) => chunks.map(({ type }) => type)

describe("a turn as a message", () => {
  it.effect("text that was shown is not shown again, whichever way it comes", () =>
    Effect.gen(function*() {
      const text = (text: string) => ({ _tag: "AssistantMessage" as const, itemId, text })
      const message = yield* messageOf(turn(
        { _tag: "ItemStarted", turnId, item: text("") },
        { _tag: "ItemDelta", turnId, itemId, field: "text", offset: 0, delta: "one " },
        // A reader that joins late gets all the text so far once more.
        { _tag: "ItemDelta", turnId, itemId, field: "text", offset: 0, delta: "one two " },
        // What follows a hole waits for the end.
        { _tag: "ItemDelta", turnId, itemId, field: "text", offset: 20, delta: "lost" },
        { _tag: "ItemUpdated", turnId, item: text("one two three ") },
        { _tag: "ItemCompleted", turnId, item: text("one two three four") }
      ))
      assert.deepInclude(message?.parts.at(-1), { type: "text", text: "one two three four", state: "done" })
    }))

  it.effect("an item that comes again, longer, after it was cut goes on as a part of its own", () =>
    Effect.gen(function*() {
      const text = (text: string) => ({ _tag: "AssistantMessage" as const, itemId, text })
      const message = yield* messageOf(turn(
        { _tag: "ItemCompleted", turnId, item: text("half"), cut: true },
        { _tag: "ItemCompleted", turnId, item: text("half and half"), recovered: true },
        { _tag: "ItemCompleted", turnId, item: text("half"), recovered: true }
      ))
      assert.deepStrictEqual(
        message?.parts.flatMap((part) => part.type === "text" ? [part.text] : []),
        ["half", " and half"]
      )
    }))

  it.effect("events of another turn, and those before the turn, are no part of it", () =>
    Effect.gen(function*() {
      const other = TurnId.make("other")
      const item = { _tag: "AssistantMessage" as const, itemId, text: "theirs" }
      const chunks = yield* chunksOf(
        events(
          { _tag: "TurnStarted", turnId: other, input: { prompt: "" } },
          { _tag: "Warning", code: "early" },
          started,
          { _tag: "ItemCompleted", turnId: other, item },
          { _tag: "ItemCompleted", item },
          { _tag: "TurnCompleted", turnId: other, usage: {} },
          completed,
          { _tag: "Warning", turnId, code: "late" }
        ),
        { turnId }
      )
      assert.deepStrictEqual(types(chunks), ["start", "start-step", "finish-step", "finish"])
    }))

  it.effect("output that grows is shown from time to time, and at most five times as much as there is", () =>
    Effect.gen(function*() {
      const line = "x".repeat(99) + "\n"
      const lines = Array.from({ length: 500 }, (_, n): EventBody => ({
        _tag: "ItemDelta",
        turnId,
        itemId,
        field: "output",
        offset: n * line.length,
        delta: line
      }))
      const chunks = yield* chunksOf(turn(
        { _tag: "ItemStarted", turnId, item: command("running") },
        ...lines,
        { _tag: "ItemCompleted", turnId, item: command("completed", line.repeat(500)) }
      ))
      const previews = chunks.filter((chunk) => chunk.type === "tool-output-available" && chunk.preliminary === true)
      assert.isAbove(previews.length, 20)
      assert.isBelow(JSON.stringify(previews).length, 5 * line.length * 500)
    }))

  it.effect("P6 every state of a tool that was asked about", () =>
    Effect.gen(function*() {
      const ask: EventBody = { _tag: "ApprovalRequested", turnId, request: { ...request, itemId } }
      const settle = (decision?: "AllowOnce" | "AllowForSession" | "Deny"): EventBody => ({
        _tag: "ApprovalSettled",
        turnId,
        requestId,
        by: "user",
        ...(decision === undefined ? {} : { decision: { _tag: decision } })
      })
      const begin: EventBody = { _tag: "ItemStarted", turnId, item: command("running") }
      const end = (status: "completed" | "failed" | "declined"): EventBody => ({
        _tag: "ItemCompleted",
        turnId,
        item: command(status)
      })
      const cases: ReadonlyArray<readonly [state: string, approved: boolean | undefined, ...bodies: Array<EventBody>]> =
        [
          ["approval-requested", undefined, begin, ask],
          ["approval-requested", undefined, ask, begin],
          ["approval-responded", true, begin, ask, settle("AllowForSession")],
          ["output-available", true, ask, begin, settle("AllowOnce"), end("completed")],
          ["output-denied", false, begin, ask, settle("Deny"), end("declined")],
          // The turn ended, and took the request with it; its settlement comes last.
          ["output-error", false, begin, ask, end("failed"), settle()],
          // Refused by a rule: nothing was asked, so there is no answer to show.
          ["output-error", undefined, begin, end("declined")],
          ["output-error", undefined, end("failed")]
        ]
      for (const [state, approved, ...bodies] of cases) {
        const message = yield* messageOf(turn(...bodies))
        const tool = message?.parts.find((part) => part.type === "dynamic-tool")
        assert.strictEqual(tool?.state, state, JSON.stringify(bodies))
        assert.strictEqual(tool?.approval?.approved, approved, JSON.stringify(bodies))
      }
    }))

  it.effect("P6 an approval of no item has a part of its own, and its end", () =>
    Effect.gen(function*() {
      for (const [decision, state] of [["AllowOnce", "output-available"], ["Deny", "output-denied"]] as const) {
        const message = yield* messageOf(turn(
          { _tag: "ApprovalRequested", turnId, request },
          { _tag: "ApprovalSettled", turnId, requestId, by: "rule", decision: { _tag: decision } }
        ))
        assert.deepInclude(message?.parts.at(-1), { type: "dynamic-tool", toolName: "command", title: "ls", state })
      }
    }))

  it.effect("what is no text and no tool is a data part, a notice or metadata, in shapes that the AI SDK takes", () =>
    Effect.gen(function*() {
      const task = { taskId: TaskId.make("task"), kind: "command", title: "t", status: "running" } as const
      const elicitation = { requestId, message: "m", form: { _tag: "Url", url: "http://x/" } } as const
      const all = yield* chunksOf(events(
        {
          _tag: "SessionStarted",
          continuity: { _tag: "Fresh", reason: "session-missing" },
          instanceId: InstanceId.make("i"),
          provider: ProviderName.make("p"),
          sessionId: SessionId.make("s"),
          directory: "/",
          runtimeMode: "read-only",
          projectConfig: "trust"
        },
        started,
        { _tag: "TurnSteered", turnId, input: { prompt: "faster" } },
        { _tag: "ItemCompleted", turnId, item: { _tag: "Plan", itemId, text: "plan" } },
        { _tag: "PlanUpdated", turnId, steps: [] },
        { _tag: "TaskStarted", turnId, task },
        { _tag: "ElicitationRequested", turnId, request: elicitation },
        { _tag: "ElicitationSettled", turnId, requestId, by: "user", outcome: "accepted" },
        { _tag: "CompactionGated", turnId, compactionId: "c", trigger: "auto", vetoable: true },
        { _tag: "CompactionSettled", turnId, compactionId: "c", trigger: "auto", outcome: "completed", summary: "s" },
        { _tag: "RetryScheduled", turnId, attempt: 1, message: "again" },
        { _tag: "Warning", code: "careful" },
        { _tag: "ErrorReported", name: "broken" },
        { _tag: "ModeChanged", turnId, mode: "plan", by: "agent" },
        { _tag: "ModelChanged", turnId, model: { id: "m" }, by: "agent" },
        { _tag: "DiffUpdated", turnId, diff: "+" },
        { _tag: "ContextUpdated", turnId, used: 5 },
        { _tag: "Gap", cause: "slow-reader", lost: "deltas" },
        { _tag: "Unrecognized", turnId, type: "new", raw: {} },
        { _tag: "TurnUnknown", turnId, reason: "host-crash" }
      ))
      assert.deepInclude(all[0], { type: "start", messageId: turnId })
      assert.deepInclude(all[0]?.type === "start" ? all[0].messageMetadata : {}, {
        continuity: { _tag: "Fresh", reason: "session-missing" }
      })
      assert.deepStrictEqual(types(all.slice(1)), [
        "start-step",
        "steering-message",
        "data-proposal",
        "data-plan",
        "data-task",
        "data-elicitation",
        "data-elicitation",
        "data-compaction",
        "data-compaction",
        "data-notice",
        "data-notice",
        "data-notice",
        "data-notice",
        "message-metadata",
        "data-diff",
        "message-metadata",
        "data-gap",
        "data-turn-unknown",
        "finish-step",
        "message-metadata",
        "error"
      ])
    }))

  it.effect("a stream that goes on after an approval replaces what the reader has", () =>
    Effect.gen(function*() {
      const all = turn(
        { _tag: "ItemCompleted", turnId, item: { _tag: "AssistantMessage", itemId: ItemId.make("t"), text: "May I?" } },
        { _tag: "ApprovalRequested", turnId, request },
        { _tag: "ApprovalSettled", turnId, requestId, by: "user", decision: { _tag: "AllowOnce" } }
      )
      let state = MessageFold.initial()
      for (const event of all.slice(0, 3)) [state] = MessageFold.step(state, event)
      assert.isTrue(MessageFold.isWaiting(state))
      const half = yield* messageOf(all.slice(0, 3))
      assert.lengthOf(half?.parts ?? [], 3)
      const whole = yield* messageOf(all, half, { replaces: true })
      assert.deepStrictEqual(whole?.parts.map(({ type }) => type), ["step-start", "text", "dynamic-tool"])
    }))

  it.effect("the stream pauses only when an approval has been open for the time", () =>
    Effect.gen(function*() {
      const ask: EventBody = { _tag: "ApprovalRequested", turnId, request }
      const waits = Stream.concat(Stream.fromIterable(events(started, ask)), Stream.never)
      const reading = yield* encode(waits, { pauseAfter: "1 second" }).pipe(
        Stream.runCollect,
        Effect.forkChild({ startImmediately: true })
      )
      yield* TestClock.adjust("999 millis")
      assert.isUndefined(reading.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      const chunks = yield* Fiber.join(reading)
      assert.deepInclude(chunks.at(-1), { type: "finish", messageMetadata: { seq: 2, outcome: "waiting" } })
    }))

  it.effect("a stream that breaks off before the turn is over says so", () =>
    Effect.gen(function*() {
      const item = { _tag: "AssistantMessage" as const, itemId, text: "half" }
      const chunks = yield* chunksOf(events(started, { _tag: "ItemStarted", turnId, item }))
      assert.deepStrictEqual(types(chunks).slice(-2), ["text-end", "error"])
      const deleted = yield* chunksOf(events(started, { _tag: "ThreadDeleted" }))
      assert.deepInclude(deleted.at(-1), { type: "error", errorText: "ThreadDeleted" })
    }))
})
