/**
 * The work that an epoch leaves open, and the events that close it: the same for the live end of an epoch, for the
 * opening of the next one, and for the settlement after a crash. Pure.
 *
 * The helpers each close one kind of work, for callers that know what is open. {@link fold} derives it from stored
 * events, and {@link closeAfterCrash} closes all of it.
 *
 * @since 0.1.0
 */
import type { CompactionOutcome, CompactionTrigger } from "./Compaction.ts"
import type { ItemId, RequestId, TaskId, TurnId } from "./Ids.ts"
import type { Item } from "./Item.ts"
import type { Task } from "./Task.ts"
import type { EventBody } from "./ThreadEvent.ts"
import type { RecordedInput } from "./TurnInput.ts"
import type { Usage } from "./Usage.ts"
import type { SettledBy } from "./UserRequest.ts"

/**
 * What an agent can ask a human for.
 *
 * @since 0.1.0
 * @category models
 */
export type RequestKind = "approval" | "question" | "elicitation"

const settledTags = {
  approval: "ApprovalSettled",
  question: "QuestionSettled",
  elicitation: "ElicitationSettled"
} as const

/**
 * A request without an answer.
 *
 * @since 0.1.0
 * @category models
 */
export interface OpenRequest {
  readonly kind: RequestKind
  readonly turnId: TurnId | undefined
}

/**
 * An item that was started and not completed.
 *
 * @since 0.1.0
 * @category models
 */
export interface OpenItem {
  /** The item as far as it was seen. */
  readonly item: Item
  readonly turnId: TurnId | undefined
}

/**
 * A compaction that was gated and has no outcome.
 *
 * @since 0.1.0
 * @category models
 */
export interface OpenCompaction {
  readonly compactionId: string
  readonly trigger: CompactionTrigger
  readonly turnId: TurnId | undefined
  readonly snapshotId: string | undefined
}

/**
 * A turn without a terminal event.
 *
 * @since 0.1.0
 * @category models
 */
export interface OpenTurn {
  /** Absent for a turn that the agent began. */
  readonly input: RecordedInput | undefined
  /** Whether the log has its start. If not, its intent is recorded, and it may have been sent. */
  readonly started: boolean
  /** The agent's last report. */
  readonly usage: Usage | undefined
}

const ofTurn = (turnId: TurnId | undefined) => turnId === undefined ? {} : { turnId }

const belongs = (of: { readonly turnId: TurnId | undefined }, turnId: TurnId | undefined): boolean =>
  turnId === undefined || of.turnId === turnId

/**
 * Completes items as cut: all, or those of one turn. An item with a status has failed.
 *
 * @since 0.1.0
 * @category closing
 */
export const completeItems = (items: Iterable<OpenItem>, turnId?: TurnId): ReadonlyArray<EventBody> =>
  Array.from(Array.from(items).filter((open) => belongs(open, turnId)), (open): EventBody => ({
    _tag: "ItemCompleted",
    ...ofTurn(open.turnId),
    item: "status" in open.item ? { ...open.item, status: "failed" } : open.item,
    cut: true
  }))

/**
 * Settles requests without an answer: all, or those of one turn.
 *
 * @since 0.1.0
 * @category closing
 */
export const settleRequests = (
  requests: Iterable<readonly [RequestId, OpenRequest]>,
  by: SettledBy,
  turnId?: TurnId
): ReadonlyArray<EventBody> =>
  Array.from(Array.from(requests).filter(([, open]) => belongs(open, turnId)), ([requestId, open]): EventBody => ({
    _tag: settledTags[open.kind],
    ...ofTurn(open.turnId),
    requestId,
    by
  }))

/**
 * Ends tasks whose session is over.
 *
 * @since 0.1.0
 * @category closing
 */
export const loseTasks = (tasks: Iterable<Task>): ReadonlyArray<EventBody> =>
  Array.from(tasks, (task): EventBody => ({ _tag: "TaskEnded", task: { ...task, status: "lost" } }))

/**
 * How a compaction ended.
 *
 * @since 0.1.0
 * @category models
 */
export interface CompactionEnding {
  readonly outcome: CompactionOutcome
  readonly reason?: string | undefined
  readonly summary?: string | undefined
}

/**
 * Settles a compaction.
 *
 * @since 0.1.0
 * @category closing
 */
export const settleCompaction = (
  { compactionId, snapshotId, trigger, turnId }: OpenCompaction,
  { outcome, reason, summary }: CompactionEnding
): Extract<EventBody, { readonly _tag: "CompactionSettled" }> => ({
  _tag: "CompactionSettled",
  ...ofTurn(turnId),
  compactionId,
  trigger,
  outcome,
  ...(summary === undefined ? {} : { summary }),
  ...(reason === undefined ? {} : { reason }),
  ...(snapshotId === undefined ? {} : { snapshotId })
})

/**
 * The open work at one point of a log. Each map is in the order of opening.
 *
 * @since 0.1.0
 * @category models
 */
export interface OpenWork {
  readonly turns: ReadonlyMap<TurnId, OpenTurn>
  readonly items: ReadonlyMap<ItemId, OpenItem>
  readonly requests: ReadonlyMap<RequestId, OpenRequest>
  readonly tasks: ReadonlyMap<TaskId, Task>
  readonly compactions: ReadonlyMap<string, OpenCompaction>
}

/**
 * Nothing is open.
 *
 * @since 0.1.0
 * @category constants
 */
export const empty: OpenWork = {
  turns: new Map(),
  items: new Map(),
  requests: new Map(),
  tasks: new Map(),
  compactions: new Map()
}

const put = <K, V>(map: ReadonlyMap<K, V>, key: K, value: V): ReadonlyMap<K, V> => new Map(map).set(key, value)

const without = <K, V>(map: ReadonlyMap<K, V>, key: K): ReadonlyMap<K, V> =>
  map.has(key) ? new Map(Array.from(map).filter(([other]) => other !== key)) : map

/**
 * Adds a recorded turn. `started`: whether the log has its start.
 *
 * @since 0.1.0
 * @category folding
 */
export const recordTurn = (open: OpenWork, turnId: TurnId, turn: Omit<OpenTurn, "usage">): OpenWork => ({
  ...open,
  turns: put(open.turns, turnId, { usage: open.turns.get(turnId)?.usage, ...turn })
})

/** The turn that a report of usage is about: the one that it names, or the only one. */
const turnOf = (open: OpenWork, turnId: TurnId | undefined): TurnId | undefined =>
  turnId ?? (open.turns.size === 1 ? open.turns.keys().next().value : undefined)

/**
 * The item with a delta added to its text or output, at `offset`.
 *
 * @since 0.1.0
 * @category folding
 */
export const extend = (item: Item, offset: number, delta: string): Item => {
  switch (item._tag) {
    case "UserMessage":
    case "AssistantMessage":
    case "Reasoning":
    case "Plan":
      return { ...item, text: item.text.slice(0, offset) + delta }
    case "ToolCall":
    case "Command":
      return { ...item, output: (item.output ?? "").slice(0, offset) + delta }
    case "FileChange":
      return item
  }
}

/**
 * The open work after one more event.
 *
 * @since 0.1.0
 * @category folding
 */
export const fold = (open: OpenWork, event: EventBody): OpenWork => {
  switch (event._tag) {
    case "SessionStarted":
    case "SessionEnded":
      return empty
    case "TurnStarted":
      return recordTurn(open, event.turnId, { input: event.input, started: true })
    case "TurnBegan":
      return recordTurn(open, event.turnId, { input: undefined, started: true })
    case "TurnCompleted":
    case "TurnFailed":
    case "TurnInterrupted":
    case "TurnUnknown":
      return { ...open, turns: without(open.turns, event.turnId) }
    case "UsageUpdated": {
      const turnId = turnOf(open, event.turnId)
      const turn = turnId === undefined ? undefined : open.turns.get(turnId)
      return turnId === undefined || turn === undefined
        ? open
        : { ...open, turns: put(open.turns, turnId, { ...turn, usage: event.usage }) }
    }
    case "ItemStarted":
    case "ItemUpdated":
      return { ...open, items: put(open.items, event.item.itemId, { item: event.item, turnId: event.turnId }) }
    case "ItemDetached":
      return { ...open, items: put(open.items, event.item.itemId, { item: event.item, turnId: undefined }) }
    case "ItemDelta": {
      const found = open.items.get(event.itemId)
      if (found === undefined) return open
      const item = extend(found.item, event.offset, event.delta)
      return { ...open, items: put(open.items, event.itemId, { ...found, item }) }
    }
    case "ItemCompleted":
      return { ...open, items: without(open.items, event.item.itemId) }
    case "ApprovalRequested":
      return {
        ...open,
        requests: put(open.requests, event.request.requestId, { kind: "approval", turnId: event.turnId })
      }
    case "QuestionAsked":
      return {
        ...open,
        requests: put(open.requests, event.request.requestId, { kind: "question", turnId: event.turnId })
      }
    case "ElicitationRequested":
      return {
        ...open,
        requests: put(open.requests, event.request.requestId, { kind: "elicitation", turnId: event.turnId })
      }
    case "TaskStarted":
    case "TaskUpdated":
      return { ...open, tasks: put(open.tasks, event.task.taskId, event.task) }
    case "TaskEnded":
      return { ...open, tasks: without(open.tasks, event.task.taskId) }
    case "ApprovalSettled":
    case "QuestionSettled":
    case "ElicitationSettled":
      return { ...open, requests: without(open.requests, event.requestId) }
    case "CompactionGated":
      return {
        ...open,
        compactions: put(open.compactions, event.compactionId, {
          compactionId: event.compactionId,
          trigger: event.trigger,
          turnId: event.turnId,
          snapshotId: event.snapshot?.snapshotId
        })
      }
    case "CompactionSettled":
      return { ...open, compactions: without(open.compactions, event.compactionId) }
    default:
      return open
  }
}

const crashedTurn = (turnId: TurnId, { input, started, usage }: OpenTurn): ReadonlyArray<EventBody> =>
  started
    ? [{ _tag: "TurnUnknown", turnId, reason: "host-crash", ...(usage === undefined ? {} : { usage }) }]
    // The user's input must be in the log in any case.
    : [
      { _tag: "TurnStarted", turnId, input: input ?? { prompt: "" } },
      { _tag: "TurnUnknown", turnId, reason: "delivery-uncertain" }
    ]

/**
 * Closes all open work after a crash of the host. `endedAt` is the time of the last recorded event, in milliseconds
 * since 1970; `undefined` if the epoch has already ended.
 *
 * @since 0.1.0
 * @category closing
 */
export const closeAfterCrash = (
  open: OpenWork,
  { endedAt }: { readonly endedAt: number | undefined }
): ReadonlyArray<EventBody> => [
  ...completeItems(open.items.values()),
  ...settleRequests(open.requests, "host-crash"),
  ...Array.from(open.turns).flatMap(([turnId, turn]) => crashedTurn(turnId, turn)),
  ...loseTasks(open.tasks.values()),
  ...Array.from(open.compactions.values(), (compaction) => settleCompaction(compaction, { outcome: "unknown" })),
  ...(endedAt === undefined ? [] : [{ _tag: "SessionEnded", reason: "host-crash", endedAt } as const])
]
