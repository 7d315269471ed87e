/**
 * The reaper and the transitions of threads against a reference model: schedules of commands as data, played on the
 * real service, store and mock agent under a clock whose host can sleep and be set back, and then judged by what is in
 * the log.
 *
 * The model knows three things only: how long the host was awake between two events (measured where a reader sees them,
 * since the wall time in them may repeat itself), when a session was last used (start, end of a turn, an answer of the
 * user), and when the test said that it had background work.
 */
import { assert } from "@effect/vitest"
import {
  ByteSize,
  Cause,
  Duration,
  Effect,
  Exit,
  Fiber,
  FileSystem,
  Layer,
  Option,
  Order,
  Path,
  Schema,
  type Scope,
  Stream
} from "effect"
import { TestClock } from "effect/testing"
import {
  CodingAgents,
  isTerminal,
  LifecycleHooks,
  ProviderRegistry,
  ProviderService,
  RequestId,
  SessionStore,
  type ThreadEvent,
  ThreadId
} from "../../src/index.ts"
import * as EventPosition from "../../src/store/EventPosition.ts"
import * as SqliteClient from "../../src/store/SqliteClient.ts"
import { MockProvider, MockStep } from "../../src/testing/index.ts"
import { endings, mock, stored } from "./Agents.ts"
import { FaultyStore, writes } from "./FaultyStore.ts"
import * as HostClock from "./HostClock.ts"

const minute = 60_000
const idleAfter = 30 * minute
const sweepEvery = 5 * minute
const pinCap = 120 * minute

const threads = [ThreadId.make("a"), ThreadId.make("b")] as const

const between = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))
const thread = Schema.Literals([0, 1])

export const Command = Schema.TaggedUnion({
  /** A turn that works for so long. */
  Turn: { thread, minutes: between(0, 100) },
  /** The same, but sent so much later: in the moment of a sweep, too. */
  TurnIn: { thread, after: between(0, 40), minutes: between(0, 40) },
  /** A turn that waits for an approval. */
  Ask: { thread },
  /** A subagent in the background asks, outside of any turn. */
  AskOutside: { thread },
  Answer: { thread },
  Interrupt: { thread },
  BackgroundWork: { thread, on: Schema.Boolean },
  Stop: { thread },
  /** Two stops and a turn in one moment. */
  StopsAndTurn: { thread },
  /** The agent's process dies. */
  Crash: { thread },
  /** Whether the agent's sessions end when they are told to. */
  HangStop: { on: Schema.Boolean },
  /** Nothing can be written for so long: shorter and longer than the store is tried again. */
  FailWrites: { seconds: between(1, 60) },
  Advance: { minutes: between(1, 150) },
  /** The host sleeps; its timers do not run. */
  Sleep: { minutes: between(10, 600) },
  /** The host's wall clock is corrected. */
  SetBack: { minutes: between(1, 600) }
})
export type Command = typeof Command.Type

export const Schedule = Schema.Array(Command).check(Schema.isMinLength(3), Schema.isMaxLength(24))

/** A file system in which every directory is there, and which answers at once: what happens depends on the clock only. */
const anyDirectory = FileSystem.layerNoop({
  realPath: Effect.succeed,
  stat: () =>
    Effect.succeed({
      type: "Directory",
      mtime: Option.none(),
      atime: Option.none(),
      birthtime: Option.none(),
      dev: 0n,
      ino: Option.none(),
      mode: 0,
      nlink: Option.none(),
      uid: Option.none(),
      gid: Option.none(),
      rdev: Option.none(),
      size: ByteSize.zero,
      blksize: Option.none(),
      blocks: Option.none()
    })
})

const hostOf = (maxLive: number) =>
  CodingAgents.layerService({
    turnDeadline: "3 days",
    noProgressDeadline: "3 days",
    reaper: {
      idleAfter: Duration.millis(idleAfter),
      sweepEvery: Duration.millis(sweepEvery),
      pinCap: Duration.millis(pinCap),
      maxLive
    }
  }).pipe(
    Layer.provideMerge(MockProvider.layer()),
    Layer.provideMerge([ProviderRegistry.layer, LifecycleHooks.layer]),
    Layer.provideMerge(FaultyStore.layer),
    Layer.provideMerge(Layer.orDie(SessionStore.layer)),
    Layer.provideMerge(Layer.orDie(SqliteClient.layer({ filename: ":memory:" }))),
    Layer.provideMerge(Layer.mergeAll(anyDirectory, Path.layer))
  )

/** Lets everybody run who can run without time passing. */
const quiet = Effect.repeat(
  Effect.callback<void>((resume) => {
    setImmediate(() => resume(Effect.void))
  }),
  { times: 4 }
)

interface Work {
  readonly thread: ThreadId
  readonly epoch: number
  readonly on: boolean
  readonly at: number
}

/**
 * Plays the schedule, brings everything to rest, sends each thread one more turn, and checks all that must hold; with a cap
 * on live sessions, also that none was exceeded for want of a stop.
 */
export const check = (schedule: ReadonlyArray<Command>, maxLive = Number.POSITIVE_INFINITY) =>
  Effect.gen(function*() {
    const agents = yield* ProviderService
    const agent = yield* MockProvider
    const store = yield* SessionStore
    const faults = yield* FaultyStore
    const clock = yield* HostClock.HostClock
    const calls: Array<Fiber.Fiber<unknown, unknown>> = []
    const work: Array<Work> = []
    /** When a reader saw each event of a thread, by its number. */
    const seen = new Map<ThreadId, Map<number, number>>()
    const cursors = new Map<ThreadId, unknown>()

    const call = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
      Effect.map(Effect.forkChild(effect, { startImmediately: true }), (fiber) => calls.push(fiber))
    const heal = Effect.andThen(faults.heal, agent.hangStop(false))

    yield* agent.script(({ prompt }) =>
      prompt === "ask"
        ? [MockStep.command("make"), MockStep.text("made")]
        : [MockStep.sleep(Duration.minutes(Number(prompt))), MockStep.text(prompt)]
    )
    const send = (threadId: ThreadId, prompt: string) => agents.sendTurn({ threadId, prompt })

    /** Answers whatever the log says is open. */
    const answer = Effect.fnUntraced(function*(threadId: ThreadId) {
      const open = new Set<RequestId>()
      for (const event of yield* stored(threadId)) {
        if (event._tag === "ApprovalRequested") open.add(event.request.requestId)
        if (event._tag === "ApprovalSettled") open.delete(event.requestId)
      }
      for (const requestId of open) {
        yield* call(agents.respondToApproval({ threadId, requestId, decision: { _tag: "AllowOnce" } }))
      }
    })
    let asked = 0
    const askOutside = (threadId: ThreadId) =>
      Effect.flatMap(agents.getThread({ threadId }), ({ sessionId }) => {
        if (sessionId === undefined) return Effect.void
        const requestId = RequestId.make(`outside-${asked++}`)
        const request = { requestId, kind: "command", subject: "make", detail: null } as const
        return agent.emit(sessionId, [{ _tag: "ApprovalRequested", request }])
      })

    const perform = (command: Command): Effect.Effect<unknown, unknown, Scope.Scope | SessionStore> => {
      const threadId = "thread" in command ? threads[command.thread] : threads[0]
      switch (command._tag) {
        case "Turn":
          return call(send(threadId, String(command.minutes)))
        case "TurnIn":
          return call(Effect.delay(send(threadId, String(command.minutes)), Duration.minutes(command.after)))
        case "Ask":
          return call(send(threadId, "ask"))
        case "AskOutside":
          return askOutside(threadId)
        case "Answer":
          return answer(threadId)
        case "Interrupt":
          return call(agents.interruptTurn({ threadId }))
        case "BackgroundWork":
          return Effect.flatMap(agents.getThread({ threadId }), ({ epoch, sessionId, status }) => {
            if (status === "stopped" || sessionId === undefined) return Effect.void
            return Effect.andThen(
              agent.backgroundWork(sessionId, command.on),
              Effect.map(clock.awakeMillis, (at) => work.push({ thread: threadId, epoch, on: command.on, at }))
            )
          })
        case "Stop":
          return call(agents.stopSession({ threadId }))
        case "StopsAndTurn":
          return Effect.all([
            call(agents.stopSession({ threadId })),
            call(send(threadId, "1")),
            call(agents.stopSession({ threadId }))
          ])
        case "Crash":
          return Effect.flatMap(agents.getThread({ threadId }), ({ sessionId }) => agent.crash(sessionId))
        case "HangStop":
          return agent.hangStop(command.on)
        case "FailWrites":
          return Effect.andThen(
            faults.fail(...writes),
            call(Effect.delay(faults.heal, Duration.seconds(command.seconds)))
          )
        case "Advance":
          return TestClock.adjust(Duration.minutes(command.minutes))
        case "Sleep":
          return clock.sleep(Duration.minutes(command.minutes))
        case "SetBack":
          return clock.setBack(Duration.minutes(command.minutes))
      }
    }

    /** P3: a cursor that is there stays, and stays the same session's. */
    const checkCursors = Effect.forEach(threads, (threadId) =>
      Effect.map(store.getCursor(threadId, mock), (cursor) => {
        const value = Option.getOrUndefined(cursor)
        if (cursors.has(threadId)) assert.deepStrictEqual(value, cursors.get(threadId), "the cursor was lost")
        if (value !== undefined) cursors.set(threadId, value)
      }), { discard: true })

    const live = Effect.map(
      Effect.forEach(threads, (threadId) => agents.getThread({ threadId })),
      (bindings) => bindings.filter((binding) => binding.status !== "stopped")
    )

    const play = Effect.gen(function*() {
      for (const threadId of threads) {
        yield* agents.startSession({ threadId, instanceId: mock, directory: `/${threadId}` })
        const seenAt = new Map<number, number>()
        seen.set(threadId, seenAt)
        yield* agents.streamEvents({ threadId }).pipe(
          Stream.runForEach((event) =>
            Effect.map(clock.awakeMillis, (at) => {
              if (event._tag !== "ItemDelta" && event._tag !== "ItemUpdated" && event._tag !== "Gap") {
                seenAt.set(event.seq, at)
              }
            })
          ),
          Effect.forkChild
        )
      }
      yield* quiet
      for (const command of schedule) {
        yield* perform(command)
        yield* quiet
        yield* checkCursors
      }

      yield* heal
      for (let round = 0; round < 3; round++) {
        // Until the longest turn, the latest one and what they ask for are over.
        yield* TestClock.adjust("100 minutes")
        yield* quiet
        yield* Effect.forEach(threads, answer)
        yield* quiet
      }
      yield* TestClock.adjust(Duration.millis(idleAfter + 2 * sweepEvery + minute))
      const working = (threadId: ThreadId, epoch: number) =>
        work.findLast((entry) => entry.thread === threadId && entry.epoch === epoch)?.on === true
      for (const { epoch, threadId } of yield* live) {
        assert.isTrue(working(threadId, epoch), `${threadId} is left alive`)
      }
      yield* TestClock.adjust(Duration.millis(pinCap))
      assert.deepStrictEqual(yield* live, [], "background work pins a session past the cap")
      for (const session of yield* agent.sessions) assert.isFalse(session.live, "the agent's session was not stopped")

      for (const fiber of calls) {
        const exit = fiber.pollUnsafe()
        assert.isDefined(exit, "a call hangs")
        if (exit !== undefined && Exit.isFailure(exit)) assert.isFalse(Cause.hasDies(exit.cause), "a call died")
      }

      for (const threadId of threads) {
        const last = yield* Effect.forkChild(agents.runTurn({ threadId, prompt: "0" }), { startImmediately: true })
        yield* quiet
        yield* TestClock.adjust(1)
        assert.strictEqual((yield* Fiber.join(last)).continuity._tag, "Resumed")
        yield* quiet
        const events = yield* stored(threadId)
        const seenAt = seen.get(threadId) ?? new Map<number, number>()
        assert.deepStrictEqual(Array.from(seenAt.keys()), events.map((event) => event.seq))
        judge(schedule, maxLive, events, {
          at: (event) => seenAt.get(event.seq) ?? Number.NaN,
          working: (epoch, at) =>
            work.filter((entry) => entry.thread === threadId && entry.epoch === epoch && entry.at <= at)
        })
      }

      const all = yield* Effect.forEach(threads, (threadId) => stored(threadId))
      if (maxLive === 1) {
        judgeCap(schedule, all.flat(), {
          at: (event) => seen.get(event.threadId)?.get(event.seq) ?? Number.NaN,
          working: (threadId, epoch, at) =>
            work.findLast((entry) => entry.thread === threadId && entry.epoch === epoch && entry.at <= at)?.on === true
        })
      }

      const received = yield* agent.received
      assert.strictEqual(new Set(received.map((turn) => turn.turnId)).size, received.length, "a turn was sent twice")
      const ends = Object.assign({}, ...(yield* Effect.forEach(threads, (id) => Effect.map(stored(id), endings))))
      for (const { turnId } of received) assert.strictEqual(ends[turnId]?.length, 1, "a turn of the agent has no end")
      const sessions = yield* agent.sessions
      assert.strictEqual(sessions.length, threads.length, "a thread was given another session")
      if (schedule.some((command) => command._tag === "HangStop")) return
      for (const session of sessions) assert.strictEqual(session.overlaps, 0, "a session was live twice")
    })

    // Whatever failed: the layers must come down without anybody to move the clock.
    const rest = heal.pipe(
      Effect.andThen(Effect.forEach(threads, (threadId) => call(agents.stopSession({ threadId })))),
      Effect.andThen(Effect.andThen(quiet, TestClock.adjust("2 minutes")))
    )
    yield* play.pipe(Effect.onError(() => rest))
  }).pipe(Effect.scoped, Effect.provide(hostOf(maxLive), { local: true }), HostClock.provide)

/** What holds of one thread's whole log. */
const judge = (
  schedule: ReadonlyArray<Command>,
  maxLive: number,
  events: ReadonlyArray<ThreadEvent>,
  model: {
    /** When the event came, in milliseconds that the host had been awake. */
    readonly at: (event: ThreadEvent) => number
    readonly working: (epoch: number, at: number) => ReadonlyArray<Work>
  }
): void => {
  assert.deepStrictEqual(events.map((event) => event.seq), events.map((_, n) => n + 1))
  for (const ends of Object.values(endings(events))) assert.strictEqual(ends.length, 1, "not one end")
  const faulty = schedule.some((command) => command._tag === "HangStop" || command._tag === "FailWrites")
  // An event that could only be stored at a later attempt comes later than what it tells of.
  const tolerance = faulty ? 10_000 : 0
  let usedAt = 0
  let started = 0
  let ended = 0
  const stopped: Array<ThreadEvent> = []
  /** Requests of no turn in this epoch, and how many of them its end has settled. */
  let outside = 0
  let pinned = 0
  for (const event of events) {
    switch (event._tag) {
      case "SessionStarted":
        started++
        usedAt = model.at(event)
        stopped.length = 0
        outside = 0
        pinned = 0
        assert.strictEqual(event.continuity._tag, event.epoch === 1 ? "Created" : "Resumed")
        assert.strictEqual(started, ended + 1, "two epochs at once")
        break
      case "ApprovalRequested":
        if (event.turnId === undefined) outside++
        break
      case "ApprovalSettled":
        if (event.by === "user" || event.by === "agent") usedAt = model.at(event)
        if (event.by === "session-ended" && event.turnId === undefined) pinned++
        else if (event.by === "session-ended") stopped.push(event)
        break
      case "TurnInterrupted":
        if (event.by === "stop") stopped.push(event)
        usedAt = model.at(event)
        break
      case "SessionEnded": {
        ended++
        if (event.reason !== "reaped") break
        const at = model.at(event)
        const idle = at - usedAt
        // Where the end could only be stored later, work may have begun after the session was told to stop.
        const work = model.working(event.epoch, at - tolerance)
        assert.deepStrictEqual(stopped, [], "a busy session was reaped")
        if (maxLive >= threads.length) assert.isAtLeast(idle, idleAfter - tolerance, "reaped too early")
        if (work.at(-1)?.on === true || pinned > 0) {
          assert.isAtLeast(idle, pinCap - tolerance, "background work was reaped before the cap")
        }
        if (faulty) break
        const longest = work.length === 0 && outside === 0 ? idleAfter : pinCap
        assert.isAtMost(idle, longest + 2 * sweepEvery, "reaped too late")
        break
      }
      default:
        if (isTerminal(event)) usedAt = model.at(event)
    }
  }
}

const byPosition = Order.mapInput(
  Order.Number,
  ({ position }: ThreadEvent) => Option.getOrThrow(EventPosition.parse(position))
)

/** With a cap of one: a session that starts beside another finds that one in use. */
const judgeCap = (
  schedule: ReadonlyArray<Command>,
  events: ReadonlyArray<ThreadEvent>,
  model: {
    readonly at: (event: ThreadEvent) => number
    readonly working: (thread: ThreadId, epoch: number, at: number) => boolean
  }
): void => {
  if (schedule.some((command) => command._tag === "HangStop" || command._tag === "FailWrites")) return
  const inUse = new Map<ThreadId, { readonly epoch: number; readonly open: Set<string>; at: number }>()
  for (const event of events.toSorted(byPosition)) {
    const { threadId } = event
    const at = model.at(event)
    if (event._tag === "SessionStarted") {
      for (const [other, { at: last, epoch, open }] of inUse) {
        // What happens in one moment has no order that a start could go by.
        const used = open.size > 0 || last === at || model.working(other, epoch, at)
        assert.isTrue(used, `${threadId} was started while ${other} was live and idle`)
      }
      inUse.set(threadId, { epoch: event.epoch, open: new Set(), at })
    }
    const session = inUse.get(threadId)
    if (session === undefined) continue
    session.at = at
    if (event._tag === "SessionEnded") inUse.delete(threadId)
    else if (event._tag === "TurnStarted") session.open.add(event.turnId)
    else if (event._tag === "ApprovalRequested") session.open.add(event.request.requestId)
    else if (event._tag === "ApprovalSettled") session.open.delete(event.requestId)
    else if (isTerminal(event)) session.open.delete(event.turnId)
  }
}
