/**
 * One session, one input at a time: `(state, input) -> state, events, wants`. Pure, so that every order of frames that Claude
 * has been seen to send can be tested as data.
 *
 * A turn of ours begins when Claude says that it has begun with its message, and ends with the result that names it. Frames of
 * the model that come while no turn runs are the beginning of one of the agent's own, which is over when a message of ours
 * that was on its way then joins it.
 */
import * as ItemLedger from "../../adapter/ItemLedger.ts"
import * as RequestBook from "../../adapter/RequestBook.ts"
import { andThen } from "../../domain/Step.ts"
import * as Usage from "../../domain/Usage.ts"
import type { Of } from "../protocol/Frame.ts"
import * as TurnCompaction from "./TurnCompaction.ts"
import * as TurnEnd from "./TurnEnd.ts"
import * as TurnItems from "./TurnItems.ts"
import * as TurnReports from "./TurnReports.ts"
import * as TurnRequests from "./TurnRequests.ts"
import {
  type Input,
  type Sending,
  type State,
  type Step,
  step,
  type Turn,
  withItems,
  withRequests,
  withTurn
} from "./TurnState.ts"
import * as TurnTasks from "./TurnTasks.ts"

/** `at` is in milliseconds since 1970. */
export const reduce = (state: State, input: Input, at: number): Step => {
  switch (input._tag) {
    case "Sending":
      return step({ ...state, sending: { turnId: input.turnId, uuid: input.uuid } })
    case "NotSent":
      return step(state.sending?.uuid === input.uuid ? { ...state, sending: undefined } : state)
    case "Repeated":
      return TurnEnd.repeated(state, input)
    case "OtherClient":
      return TurnReports.otherClient(state, input.items)
    case "Steering":
      return step(withTurn(state, { steers: new Set(state.turn?.steers).add(input.uuid) }))
    case "NotSteered":
      return step(withTurn(state, {
        steers: new Set(Array.from(state.turn?.steers ?? []).filter((uuid) => uuid !== input.uuid))
      }))
    case "Interrupting":
      return step(state.turn?.turnId === input.turnId ? withTurn(state, { interrupting: true }) : state)
    case "command_lifecycle":
      return lifecycle(state, input)
    case "stream_event":
      return andThen(own(state, input), (state) => TurnItems.streamed(state, input))
    case "assistant":
      return andThen(own(state, input), (state) => TurnItems.said(state, input))
    case "user":
      return TurnItems.answered(state, input)
    case "result":
      return TurnEnd.result(state, input)
    case "conversation_reset":
      return step(state, [{ _tag: "Warning", code: "conversation-reset" }], [{ _tag: "Lost" }])
    case "system/status":
      return andThen(TurnCompaction.status(state, input), (state) => TurnReports.mode(state, input.permissionMode))
    case "system/compact_boundary":
      return TurnCompaction.completed(state)
    case "system/task_started":
      return TurnTasks.started(state, input)
    case "system/task_progress":
      return TurnTasks.progressed(state, input)
    case "system/task_updated":
      return TurnTasks.updated(state, input)
    case "system/task_notification":
      return TurnTasks.notified(state, input)
    case "system/background_tasks_changed":
      return TurnTasks.listed(state, input)
    case "Ran":
      return TurnItems.ran(state, input, at)
    case "Asked":
      return TurnRequests.asked(state, input)
    case "Answering":
      return step({
        ...state,
        requests: RequestBook.answer(state.requests, input.requestId, input.given)?.book ?? state.requests
      })
    case "Settled":
      return withRequests(state, RequestBook.settled(state.requests, input.requestId))
    case "Withdrawn":
      return TurnRequests.withdrawn(state, input.key)
    case "Compacting":
      return TurnCompaction.begins(state, input.trigger)
    case "Behind":
      return TurnReports.warning(state, "history-behind")
    case "Decided":
      return TurnCompaction.decided(state, input.verdict)
    case "Summarized":
      return TurnCompaction.summarized(state, input.summary)
    case "Replaced":
      return replaced(state)
    default:
      return TurnReports.report(state, input, at)
  }
}

/** What worked beside turns has ended with the process, and so has its mode. */
const replaced = (state: State): Step =>
  andThen(
    TurnTasks.listed(
      { ...state, mode: undefined, working: undefined, streaming: new Map(), blocks: new Map() },
      { tasks: [] }
    ),
    (state) => withItems(state, ItemLedger.closeAll(state.items, {}))
  )

/** A new turn. What goes on in the background stays. */
const begin = (state: State, turn: Pick<Turn, "turnId" | "uuid">): State => ({
  ...state,
  turn: { ...turn, steers: new Set(), interrupting: false, usage: {}, counted: {}, error: undefined, limit: undefined },
  items: ItemLedger.nextTurn(state.items)
})

/** What is not to be counted a second time. */
const less = (usage: Usage.Usage): Usage.Usage =>
  Object.fromEntries(
    (["input", "output", "cacheRead", "cacheWrite"] as const).flatMap((field) => {
      const number = usage[field]
      return number === undefined ? [] : [[field, -number]]
    })
  )

/** Claude begins with a message of ours. It may go on from a turn of its own with it: that is over, and both are in one result. */
const ours = (state: State, sending: Sending): Step =>
  state.turn === undefined
    ? step(begin(state, sending))
    : andThen(TurnItems.stepEnded(state), (state) => {
      const counted = less(state.turn?.usage ?? Usage.unknown)
      return andThen(TurnEnd.joined(state), (state) => step(withTurn(begin(state, sending), { counted })))
    })

const lifecycle = (
  state: State,
  { command_uuid: uuid, state: now, wakeup_source: clock }: Of<"command_lifecycle">
): Step => {
  const { sending } = state
  switch (now) {
    case "queued":
      return step(state, [], [{ _tag: "Queued", uuid }])
    case "started":
      return sending?.uuid === uuid
        ? andThen(
          ours(state, sending),
          (state) => step({ ...state, sending: undefined }, [], [{ _tag: "Started", uuid }])
        )
        : step(clock == null ? { ...state, working: uuid } : { ...state, cause: "schedule" })
    default:
      return andThen(
        over(state, uuid, now),
        (state) => step(state.working === uuid ? { ...state, working: undefined } : state, [], [{ _tag: "Done", uuid }])
      )
  }
}

/** Claude is done with a message. The turn that it began is over by then, unless it was taken back before it was begun. */
const over = (state: State, uuid: string, now: string): Step => {
  const { sending, turn } = state
  if (sending?.uuid === uuid) {
    return step({ ...state, sending: undefined }, [], [{ _tag: "Had", ...sending }, { _tag: "Started", uuid }])
  }
  return now === "cancelled" && turn?.uuid === uuid && turn.interrupting ? TurnEnd.cancelled(state) : step(state)
}

/** Frames of the agent itself while no turn runs, and no compaction that was asked for. */
const own = (state: State, frame: Of<"stream_event"> | Of<"assistant">): Step => {
  if (state.turn !== undefined || state.compaction?.trigger === "manual" || frame.parent_tool_use_id != null) {
    return step(state)
  }
  const begins = frame._tag === "assistant" || frame.event.type === "message_start"
  if (!begins) return step(state)
  const turnId = frame.uuid
  return step(begin(state, { turnId, uuid: undefined }), [
    { _tag: "TurnBegan", turnId, cause: state.cause }
  ])
}
