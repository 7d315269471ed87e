/**
 * The SessionStore in memory: for tests, and for apps that want everything but durability.
 *
 * It keeps every rule of the interface (fences, numbering, one terminal status per turn), so whatever runs on it runs on
 * a database. Nothing survives the layer, and nothing is ever dropped before: a long-lived app's memory grows with its
 * conversations.
 */
import { Clock, Effect, Option } from "effect"
import type { Epoch, InstanceId, RequestId, ThreadId, TurnId } from "../../domain/Ids.ts"
import { type EventBody, type ThreadEvent, unknownCompaction } from "../../domain/ThreadEvent.ts"
import type { Binding, TurnRecord } from "../../domain/ThreadRecord.ts"
import type { StoredCursor } from "../../provider/ResumeCursor.ts"
import type { SessionStore } from "../SessionStore.ts"
import { EpochFenced, TurnExists } from "../StoreError.ts"
import type * as MemoryHookOutbox from "./memoryHookOutbox.ts"

interface Thread {
  binding: Binding
  dueAt: number | undefined
  readonly cursors: Map<InstanceId, unknown>
  readonly turns: Map<TurnId, Turn>
  /** Event n is at n - 1. */
  readonly events: Array<ThreadEvent>
  readonly requests: Map<RequestId, Request>
}

interface Turn {
  record: TurnRecord
  reconciled: boolean
}

interface Request {
  readonly kind: "approval" | "question"
  readonly epoch: Epoch
  readonly turnId: TurnId | undefined
  readonly settled: boolean
}

interface Place {
  readonly threadId: ThreadId
  readonly epoch: Epoch
}

/** Empty, and gone with the layer. `record` is told of every event that is appended. */
export const make = (record: MemoryHookOutbox.Record): SessionStore["Service"] => {
  const threads = new Map<ThreadId, Thread>()
  const turns = new Map<TurnId, Turn>()
  /** Threads with a due time: the only ones that a sweep looks at. */
  const due = new Set<Thread>()

  const setDue = (thread: Thread, dueAt: number | undefined) => {
    thread.dueAt = dueAt
    if (dueAt === undefined) due.delete(thread)
    else due.add(thread)
  }

  /** The thread, if the epoch is its live one and the events follow the stored ones. */
  const writable = (
    { epoch, threadId }: Place,
    events: ReadonlyArray<ThreadEvent>,
    status: Binding["status"] = "live"
  ): Thread | undefined => {
    const thread = threads.get(threadId)
    const first = events[0]
    if (thread?.binding.epoch !== epoch || thread.binding.status !== status) return undefined
    return first === undefined || first.seq === thread.binding.lastSeq + 1 ? thread : undefined
  }

  const append = (thread: Thread, events: ReadonlyArray<ThreadEvent>, changes: Partial<Binding> = {}) => {
    for (const event of events) {
      thread.events.push(event)
      note(thread, event)
    }
    record(events, thread.binding)
    thread.binding = { ...thread.binding, ...changes, lastSeq: thread.binding.lastSeq + events.length }
  }

  const write = (
    place: Place,
    events: ReadonlyArray<ThreadEvent>,
    commit: (thread: Thread) => boolean,
    status?: Binding["status"]
  ) =>
    Effect.suspend(() => {
      const thread = writable(place, events, status)
      return thread !== undefined && commit(thread) ? Effect.void : fenced(place)
    })

  const endTurn = (turn: Turn, status: TurnRecord["status"], endedAt: number) => {
    turn.record = { ...turn.record, status, endedAt }
  }

  const putCursor = (thread: Thread, cursor: Option.Option<StoredCursor>) => {
    if (Option.isSome(cursor)) thread.cursors.set(thread.binding.instanceId, cursor.value)
  }

  return {
    getThread: (threadId) => Effect.sync(() => Option.fromUndefinedOr(threads.get(threadId)?.binding)),

    listThreads: ({ before, limit }) =>
      Effect.sync(() =>
        Array.from(threads.values(), (thread) => thread.binding)
          .filter((binding) => before === undefined || newestFirst(before, binding) < 0)
          .toSorted(newestFirst)
          .slice(0, limit)
      ),

    deleteThread: (threadId) =>
      Effect.sync(() => {
        const thread = threads.get(threadId)
        if (thread === undefined) return
        for (const turnId of thread.turns.keys()) turns.delete(turnId)
        due.delete(thread)
        threads.delete(threadId)
      }),

    getCursor: (threadId, instanceId) =>
      Effect.sync(() => Option.fromUndefinedOr(threads.get(threadId)?.cursors.get(instanceId))),

    openEpoch: ({ binding, cursor, dueAt, ends, events, resets }) =>
      Effect.suspend(() => {
        const known = threads.get(binding.threadId)
        const first = events[0]
        const lastSeq = known === undefined ? undefined : known.binding.lastSeq + (ends?.events.length ?? 0)
        const follows = first === undefined || lastSeq === undefined || first.seq === lastSeq + 1
        if (known !== undefined && (known.binding.epoch >= binding.epoch || !follows)) return fenced(binding)
        if (ends !== undefined) {
          const ended = writable({ threadId: binding.threadId, epoch: ends.epoch }, ends.events)
          if (ended === undefined) return fenced(binding)
          append(ended, ends.events)
        }
        const thread: Thread = known ??
          { binding, dueAt, cursors: new Map(), turns: new Map(), events: [], requests: new Map() }
        threads.set(binding.threadId, thread)
        thread.binding = { ...binding, status: "live", lastSeq: known?.binding.lastSeq ?? (first?.seq ?? 1) - 1 }
        append(thread, events)
        if (resets === true) thread.cursors.clear()
        putCursor(thread, cursor)
        setDue(thread, dueAt)
        return Effect.void
      }),

    closeEpoch: ({ at, events, ...place }) =>
      write(place, events, (thread) => {
        append(thread, events, { status: "stopped", activeAt: at })
        setDue(thread, undefined)
        return true
      }),

    settleThread: (threadId) =>
      Effect.gen(function*() {
        const thread = threads.get(threadId)
        if (thread === undefined) return
        const { epoch, lastSeq, status } = thread.binding
        const open = Array.from(thread.turns.values()).filter((turn) => isOpen(turn.record))
        if (status !== "live" && open.length === 0) return
        const at = yield* Clock.currentTimeMillis
        const bodies = [
          ...(status === "live" ? openRequests(thread) : []),
          ...open.flatMap((turn) => endings(turn.record)),
          ...(status === "live"
            ? [
              ...openCompactions(thread),
              {
                _tag: "SessionEnded",
                reason: "host-crash",
                endedAt: Math.max(thread.binding.activeAt, thread.events.at(-1)?.at ?? 0)
              } as const
            ]
            : [])
        ]
        append(
          thread,
          Array.from(bodies, (body, n): ThreadEvent => ({ ...body, seq: lastSeq + n + 1, threadId, epoch, at })),
          { status: "stopped", activeAt: at }
        )
        for (const turn of open) endTurn(turn, "unknown", at)
        setDue(thread, undefined)
      }),

    recordIntent: ({ at, epoch, input, ref, threadId, turnId }) =>
      Effect.suspend((): Effect.Effect<void, TurnExists | EpochFenced> => {
        if (turns.has(turnId)) return new TurnExists({ turnId })
        const thread = writable({ threadId, epoch }, [])
        if (thread === undefined) return fenced({ threadId, epoch })
        const turn: Turn = {
          record: { turnId, threadId, epoch, status: "intent", ref, input, intentAt: at, endedAt: undefined },
          reconciled: false
        }
        turns.set(turnId, turn)
        thread.turns.set(turnId, turn)
        return Effect.void
      }),

    acceptTurn: ({ at, events, turnId, ...place }) =>
      write(place, events, (thread) => {
        const turn = thread.turns.get(turnId)
        if (turn?.record.status !== "intent") return false
        turn.record = { ...turn.record, status: "accepted" }
        append(thread, events, { activeAt: at })
        setDue(thread, undefined)
        return true
      }),

    refuseTurn: (turnId, at) =>
      Effect.sync(() => {
        const turn = turns.get(turnId)
        if (turn?.record.status === "intent") endTurn(turn, "refused", at)
      }),

    endTurn: ({ at, cursor, dueAt, events, status, turnId, ...place }) =>
      write(place, events, (thread) => {
        const turn = thread.turns.get(turnId)
        if (turn === undefined || !isOpen(turn.record)) return false
        endTurn(turn, status, at)
        append(thread, events, { activeAt: at })
        putCursor(thread, cursor)
        setDue(thread, dueAt)
        return true
      }),

    getTurn: (turnId) => Effect.sync(() => Option.fromUndefinedOr(turns.get(turnId)?.record)),

    turnRefs: (threadId) =>
      Effect.sync(() =>
        new Map(
          Array.from(threads.get(threadId)?.turns.values() ?? []).flatMap(({ record: { ref, turnId } }) =>
            ref === undefined ? [] : [[turnId, ref] as const]
          )
        )
      ),

    unreconciledTurns: (threadId) =>
      Effect.sync(() =>
        Array.from(threads.get(threadId)?.turns.values() ?? [])
          .filter((turn) => turn.record.status === "unknown" && !turn.reconciled)
          .map((turn) => turn.record)
          .toSorted((a, b) => a.intentAt - b.intentAt)
      ),

    reconcileTurn: ({ events, turnId, ...place }) =>
      write(place, events, (thread) => {
        const turn = thread.turns.get(turnId)
        if (turn?.record.status === "unknown") turn.reconciled = true
        append(thread, events)
        return true
      }),

    appendEvents: (events) =>
      write(events[0], events, (thread) => {
        append(thread, events)
        return true
      }),

    annotateThread: (events) =>
      write(
        events[0],
        events,
        (thread) => {
          append(thread, events)
          return true
        },
        "stopped"
      ),

    readEvents: ({ after, limit, threadId }) =>
      Effect.sync(() => threads.get(threadId)?.events.slice(after, after + limit) ?? []),

    requestStatus: (threadId, requestId) =>
      Effect.sync(() => {
        const request = threads.get(threadId)?.requests.get(requestId)
        if (request === undefined) return "unknown"
        return request.settled ? "settled" : "open"
      }),

    dueThreads: ({ limit, now }) =>
      Effect.sync(() =>
        Array.from(due)
          .filter((thread) => thread.dueAt !== undefined && thread.dueAt <= now)
          .toSorted((a, b) => (a.dueAt ?? 0) - (b.dueAt ?? 0))
          .slice(0, limit)
          .map(({ binding: { epoch, threadId } }) => ({ threadId, epoch }))
      ),

    setDue: ({ dueAt, ...place }) =>
      Effect.sync(() => {
        const thread = writable(place, [])
        if (thread !== undefined) setDue(thread, dueAt)
      })
  }
}

const fenced = ({ epoch, threadId }: Place) => new EpochFenced({ threadId, epoch })

const newestFirst = (
  a: { readonly activeAt: number; readonly threadId: ThreadId },
  b: { readonly activeAt: number; readonly threadId: ThreadId }
): number => b.activeAt - a.activeAt || (a.threadId < b.threadId ? 1 : a.threadId > b.threadId ? -1 : 0)

const isOpen = (turn: TurnRecord) => turn.status === "intent" || turn.status === "accepted"

/** Remembers what became of a request. */
const note = (thread: Thread, event: ThreadEvent): void => {
  switch (event._tag) {
    case "ApprovalRequested":
    case "QuestionAsked":
      thread.requests.set(event.request.requestId, {
        kind: event._tag === "ApprovalRequested" ? "approval" : "question",
        epoch: event.epoch,
        turnId: event.turnId,
        settled: false
      })
      break
    case "ApprovalSettled":
    case "QuestionSettled": {
      const request = thread.requests.get(event.requestId)
      if (request !== undefined) thread.requests.set(event.requestId, { ...request, settled: true })
      break
    }
  }
}

const openRequests = (thread: Thread): ReadonlyArray<EventBody> => {
  const settled: Array<EventBody> = []
  for (const [requestId, request] of thread.requests) {
    if (request.settled || request.epoch !== thread.binding.epoch) continue
    settled.push({
      _tag: request.kind === "approval" ? "ApprovalSettled" : "QuestionSettled",
      requestId,
      by: "host-crash",
      ...(request.turnId === undefined ? {} : { turnId: request.turnId })
    })
  }
  return settled
}

const openCompactions = ({ binding, events }: Thread): ReadonlyArray<EventBody> => {
  const open = new Map<string, EventBody>()
  for (const event of events) {
    if (event.epoch !== binding.epoch) continue
    if (event._tag === "CompactionGated") open.set(event.compactionId, unknownCompaction(event))
    if (event._tag === "CompactionSettled") open.delete(event.compactionId)
  }
  return Array.from(open.values())
}

/** As `StoreSettlement` ends a turn that a crash left open. */
const endings = ({ input, status, turnId }: TurnRecord): ReadonlyArray<EventBody> =>
  status === "accepted"
    ? [{ _tag: "TurnUnknown", turnId, reason: "host-crash" }]
    : [{ _tag: "TurnStarted", turnId, input }, { _tag: "TurnUnknown", turnId, reason: "delivery-uncertain" }]
