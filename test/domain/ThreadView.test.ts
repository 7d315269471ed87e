/** The one fold of a thread's events that screens, servers, clients and tests share. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Option, Schema, Stream } from "effect"
import { readFileSync } from "node:fs"
import {
  Epoch,
  InstanceId,
  ItemId,
  ProviderName,
  ProviderService,
  SessionId,
  ThreadId,
  Transcript,
  TurnId
} from "../../src/index.ts"
import {
  type EventBody,
  isEphemeral,
  Position,
  RequestId,
  TaskId,
  ThreadEvent,
  ThreadView
} from "../../src/protocol.ts"
import { MockProvider, MockStep } from "../../src/testing/index.ts"
import * as Agents from "../support/Agents.ts"
import { sessionStarted } from "../support/StoreFixture.ts"

const place = { threadId: ThreadId.make("t"), epoch: Epoch.make(1), position: Position.make("1.1") }

/** Events with their numbers, as a thread gives them. */
const log = (bodies: ReadonlyArray<EventBody>): ReadonlyArray<ThreadEvent> => {
  let seq = 0
  return bodies.map((body, n) => ({ ...body, ...place, seq: isEphemeral(body) ? seq : ++seq, at: 1000 + n }))
}

const view = (bodies: ReadonlyArray<EventBody>) => log(bodies).reduce(ThreadView.step, ThreadView.empty)

const turnId = TurnId.make("turn")
const message = (text: string) => ({ _tag: "AssistantMessage" as const, itemId: ItemId.make("message"), text })
const command = (status: "running" | "completed", output?: string) => ({
  _tag: "Command" as const,
  itemId: ItemId.make("command"),
  command: "make",
  status,
  ...(output === undefined ? {} : { output })
})
const delta = (itemId: string, field: "text" | "output", offset: number, delta: string): EventBody => ({
  _tag: "ItemDelta",
  turnId,
  itemId: ItemId.make(itemId),
  field,
  offset,
  delta
})
const started: ReadonlyArray<EventBody> = [
  sessionStarted,
  { _tag: "TurnStarted", turnId, input: { prompt: "build it" } }
]
const usage = { input: 1, output: 2 }
const completed: EventBody = { _tag: "TurnCompleted", turnId, usage }

const items = (found: ThreadView.ThreadView) =>
  ThreadView.turns(found).flatMap((turn) => turn.items.map(({ item, state }) => ({ item, state })))

describe("ThreadView.step", () => {
  it("P16 view: an item grows by its deltas, in its place, and is whole once it is completed", () => {
    const open = [
      ...started,
      { _tag: "ItemStarted", turnId, item: message("") },
      { _tag: "ItemStarted", turnId, item: command("running") },
      delta("message", "text", 0, "I "),
      delta("command", "output", 0, "ok"),
      delta("message", "text", 2, "build"),
      // Comes again, and comes too early: what is there stays.
      delta("message", "text", 2, "build"),
      delta("message", "text", 100, "hole")
    ] satisfies ReadonlyArray<EventBody>
    const [said, ...rest] = items(view(open))
    assert.deepInclude<unknown>(said?.item, { _tag: "UserMessage", text: "build it" })
    assert.deepStrictEqual<unknown>(rest, [
      { item: message("I build"), state: "open" },
      { item: command("running", "ok"), state: "open" }
    ])
    const ended = view([
      ...open,
      { _tag: "ItemCompleted", turnId, item: command("completed", "ok"), cut: true },
      { _tag: "ItemCompleted", turnId, item: message("I build it") },
      delta("message", "text", 10, "late"),
      completed
    ])
    assert.deepStrictEqual<unknown>(items(ended).slice(1), [
      { item: message("I build it"), state: "completed" },
      { item: command("completed", "ok"), state: "cut" }
    ])
    assert.deepStrictEqual(ended.past.map(({ outcome, usage }) => ({ outcome, usage })), [
      { outcome: "completed", usage }
    ])
    assert.deepStrictEqual(ended.current, [])
  })

  it("P6 view: a request is open until it is settled; the status follows the events", () => {
    const bodies: ReadonlyArray<EventBody> = [
      ...started,
      {
        _tag: "ApprovalRequested",
        turnId,
        request: { requestId: RequestId.make("r"), kind: "command", subject: "make", detail: null }
      },
      { _tag: "ApprovalSettled", turnId, requestId: RequestId.make("r"), by: "user" },
      { _tag: "CompactionGated", turnId, compactionId: "c", trigger: "auto", vetoable: true },
      { _tag: "CompactionSettled", turnId, compactionId: "c", trigger: "auto", outcome: "completed", summary: "short" },
      completed,
      { _tag: "SessionEnded", reason: "stopped" }
    ]
    const states = bodies.map((_, n) => ThreadView.status(view(bodies.slice(0, n + 1))))
    assert.deepStrictEqual(states, [
      "idle",
      "running",
      "waiting",
      "running",
      "compacting",
      "running",
      "idle",
      "stopped"
    ])
    assert.deepStrictEqual(view(bodies.slice(0, 3)).requests.map(({ _tag, turnId }) => ({ _tag, turnId })), [
      { _tag: "Approval", turnId }
    ])
    const end = view(bodies)
    assert.deepStrictEqual(end.requests, [])
    assert.deepInclude(end.compactions[0], { after: turnId, outcome: "completed", summary: "short" })
    assert.deepInclude(end.sessions[0], { continuity: { _tag: "Created" }, ended: { at: 1007, reason: "stopped" } })
  })

  it("P9 view: tasks and items that outlive their turn are in the background until they end", () => {
    const task = { taskId: TaskId.make("task"), kind: "subagent" as const, title: "look", status: "running" as const }
    const bodies: ReadonlyArray<EventBody> = [
      ...started,
      { _tag: "TaskStarted", turnId, task },
      { _tag: "TaskUpdated", task: { ...task, title: "look again" } },
      { _tag: "ItemStarted", turnId, item: command("running") },
      { _tag: "ItemDetached", turnId, item: command("running") },
      completed
    ]
    assert.deepStrictEqual<unknown>(view(bodies).background, [
      { _tag: "Task", task: { ...task, title: "look again" } },
      { _tag: "Item", item: command("running") }
    ])
    const end = view([
      ...bodies,
      { _tag: "ItemCompleted", item: command("completed", "done") },
      { _tag: "TaskEnded", task: { ...task, status: "completed" } }
    ])
    assert.deepStrictEqual(end.background, [])
    assert.deepStrictEqual<unknown>(items(end).at(-1), { item: command("completed", "done"), state: "completed" })
    assert.deepStrictEqual(end.loose, [])
  })

  it("P1 view: a session is a band after the turn before it, with what its start did with the past", () => {
    const again: EventBody = {
      _tag: "SessionStarted",
      instanceId: InstanceId.make("acme-1"),
      provider: ProviderName.make("acme"),
      sessionId: SessionId.make("session-2"),
      directory: "/project",
      runtimeMode: "approval-required",
      projectConfig: "instructions",
      continuity: { _tag: "Rehydrated", reason: "session-missing", items: 2, omitted: 0 }
    }
    const end = view([
      ...started,
      { _tag: "ContextUpdated", used: 5, window: 10 },
      { _tag: "TitleUpdated", title: "Building" },
      { _tag: "PlanUpdated", steps: [{ text: "make", status: "pending" }] },
      completed,
      { _tag: "SessionEnded", reason: "lost" },
      again
    ])
    assert.deepStrictEqual(
      end.sessions.map(({ after, continuity, ended }) => [continuity._tag, after, ended?.reason]),
      [
        ["Created", undefined, "lost"],
        ["Rehydrated", turnId, undefined]
      ]
    )
    assert.isUndefined(end.context)
    assert.strictEqual(end.title, "Building")
    assert.deepStrictEqual(end.plan, [{ text: "make", status: "pending" }])
    assert.deepStrictEqual(end.usage, usage)
  })

  it("P11 view: what is in it already changes nothing, what shows nothing is the same view, a replaced log begins anew", () => {
    const events = log([
      ...started,
      { _tag: "ItemStarted", turnId, item: message("") },
      delta("message", "text", 0, "a")
    ])
    const once = events.reduce(ThreadView.step, ThreadView.empty)
    assert.strictEqual(events.slice(0, 3).reduce(ThreadView.step, once), once)
    const unknown: ThreadEvent = { _tag: "Unrecognized", type: "Telepathy", raw: 42, ...place, seq: 4, at: 1 }
    assert.strictEqual(ThreadView.step(once, unknown), once)
    const gap: ThreadEvent = { _tag: "Gap", cause: "log-replaced", lost: "events", ...place, seq: 0, at: 1 }
    assert.deepStrictEqual(ThreadView.step(once, gap), ThreadView.empty)
    const pruned: ThreadEvent = { _tag: "Gap", cause: "pruned", lost: "events", ...place, seq: 9, at: 1 }
    assert.deepInclude(ThreadView.step(ThreadView.empty, pruned), { incomplete: true, seq: 9 })
    // Views before it are as they were.
    const before = JSON.stringify(once)
    ThreadView.step(once, { _tag: "TurnCompleted", turnId, usage, ...place, seq: 4, at: 1 })
    assert.strictEqual(JSON.stringify(once), before)
  })

  it.effect("P15 view: it takes every event of every version, and has the turns and items that the transcript has", () =>
    Effect.gen(function*() {
      const text = readFileSync(new URL("../golden/events-v1.json", import.meta.url), "utf8")
      const golden = yield* Schema.decodeUnknownEffect(Schema.Array(ThreadEvent))(JSON.parse(text))
      let seq = 0
      const events = golden.filter(({ _tag }) => _tag !== "Gap").map((event) =>
        Object.assign(event, { seq: isEphemeral(event) ? seq : ++seq })
      )
      const end = events.reduce(ThreadView.step, ThreadView.empty)
      assert.sameMembers(
        ThreadView.turns(end).map((turn) => turn.turnId),
        Transcript.fromEvents(events).map((turn) => turn.turnId)
      )
    }))
})

describe("ThreadView from the end of a thread", () => {
  it("P1 view: where the thread is taken back to before its first turn, all of its turns are", () => {
    const turns = ["a", "b"].map((id) => TurnId.make(id))
    const opened = ThreadView.fromTranscript(
      turns.map((turnId) => ({ turnId, epoch: place.epoch, startedAt: 1, items: [], outcome: "completed" as const })),
      7
    )
    const back = (before: string): ThreadEvent => ({
      _tag: "ThreadRewound",
      before: TurnId.make(before),
      files: "kept",
      ...place,
      seq: 8,
      at: 1
    })
    const rewound = (before: string) => ThreadView.step(opened, back(before)).past.map((turn) => turn.rewound === true)
    assert.deepStrictEqual(rewound("older"), [true, true])
    assert.deepStrictEqual(rewound("b"), [false, true])
  })
})

describe("ThreadView of a thread", () => {
  it.effect("P16 mock: live with deltas, from the log alone, and from the transcript: one and the same in the end", () =>
    Effect.gen(function*() {
      const { threadId } = Agents
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      yield* Agents.start()
      const live = yield* Effect.forkChild(
        agents.streamEvents({ threadId }).pipe(
          Stream.scan(() => ThreadView.empty, ThreadView.step),
          Stream.takeUntil((view) => view.past.length === 3),
          Stream.runLast
        ),
        { startImmediately: true }
      )
      for (const prompt of ["one", "two", "three"]) {
        yield* agent.nextTurn(() => [
          MockStep.reasoning(["hm", "m"]),
          MockStep.text([`said ${prompt}`, " in pieces"]),
          MockStep.usage({ input: 3 })
        ])
        yield* agents.runTurn({ threadId, prompt })
      }
      const seen = Option.getOrThrow(yield* Fiber.join(live))
      const stored = yield* Agents.stored()
      assert.deepStrictEqual(stored.reduce(ThreadView.step, ThreadView.empty), seen)
      const turns = yield* agents.readTranscript({ threadId })
      const opened = ThreadView.fromTranscript(turns, stored.at(-1)?.seq ?? 0)
      assert.deepStrictEqual(opened.past.map(({ items }) => items), seen.past.map(({ items }) => items))
      assert.deepStrictEqual(Transcript.fromEvents(stored), turns)
    }).pipe(Effect.provide(Agents.layer())))
})
