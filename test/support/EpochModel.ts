/**
 * Random lives of one epoch: what calls, the agent, deadlines and ends may do in any order, and a judge of the events
 * that the machine records. A life is a number, so one that breaks a promise can be lived again.
 */
import * as CodingAgents from "../../src/CodingAgents.ts"
import {
  Epoch as EpochNumber,
  InstanceId,
  ItemId,
  ProviderName,
  RequestId,
  SessionId,
  TaskId,
  ThreadId,
  TurnId
} from "../../src/domain/Ids.ts"
import type { Item } from "../../src/domain/Item.ts"
import type { Task } from "../../src/domain/Task.ts"
import { type EventBody, isEphemeral, isTerminal, type ProviderEvent } from "../../src/domain/ThreadEvent.ts"
import type { Usage } from "../../src/domain/Usage.ts"
import * as LifecycleRecord from "../../src/store/LifecycleRecord.ts"
import type { EpochStep, Input, State, Want } from "../../src/thread/epoch/EpochState.ts"
import * as EpochState from "../../src/thread/epoch/EpochState.ts"

export type Machine = (state: State, input: Input, at: number) => EpochStep

export interface Life {
  readonly inputs: ReadonlyArray<Input>
  readonly events: ReadonlyArray<EventBody>
  readonly wants: ReadonlyArray<Want>
}

/** A small generator of numbers: the same seed, the same life. */
const dice = (seed: number) => {
  let state = (seed * 2_654_435_761 + 1) >>> 0
  return (sides: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 4_294_967_296) * sides)
  }
}

const settledBy = {
  approval: "ApprovalSettled",
  question: "QuestionSettled",
  elicitation: "ElicitationSettled"
} as const

const zero: Usage = { input: 0, output: 0, reasoning: 0, cacheRead: 0, cacheWrite: 0 }

/** Lives through `length` inputs and an end. What the agent does is random, and no worse than agents do. */
export const live = (machine: Machine, seed: number, length: number): Life => {
  const roll = dice(seed)
  const inputs: Array<Input> = []
  const events: Array<EventBody> = []
  const wants: Array<Want> = []
  const held = roll(2) === 0
  let state = EpochState.make(
    {
      policy: { ...CodingAgents.defaults.compaction, tellAgent: roll(2) === 0 },
      held,
      limits: CodingAgents.defaults.limits,
      compactionPrefix: `cmp_${seed}`
    },
    0
  )
  let turns = 0
  let requests = 0
  let items = 0
  let tasks = 0
  let begun = 0
  const take = (input: Input, at: number) => {
    inputs.push(input)
    const next = machine(state, input, at)
    state = next.state
    events.push(...next.events)
    wants.push(...next.wants)
  }
  /** A turn of this epoch, ours or the agent's own, most often the last. */
  const someTurn = () =>
    roll(4) === 0 ? TurnId.make(`own${roll(begun + 1)}`) : TurnId.make(`t${roll(4) === 0 ? roll(turns + 1) : turns}`)
  const turn = (): { readonly turnId?: TurnId } => roll(5) === 0 ? {} : { turnId: someTurn() }
  const itemOf = (n: number): Item =>
    n % 3 === 0
      ? { _tag: "Command", itemId: ItemId.make(`i${n}`), command: "sleep 1", status: "running" }
      : { _tag: "AssistantMessage", itemId: ItemId.make(`i${n}`), text: "" }
  const grown = { field: "text", offset: 1, delta: "word " } as const
  const taskOf = (n: number, status: Task["status"]): Task => ({
    taskId: TaskId.make(`k${n}`),
    kind: "subagent",
    title: "x",
    status
  })
  const said = (): ProviderEvent => {
    switch (roll(20)) {
      case 0:
        return { _tag: "TurnCompleted", turnId: someTurn(), usage: zero }
      case 1:
        return {
          _tag: "TurnFailed",
          turnId: someTurn(),
          failure: { _tag: "ContextOverflow" },
          usage: { ...zero, input: 7 }
        }
      case 2:
        return { _tag: "TurnInterrupted", turnId: someTurn(), by: "agent", usage: zero }
      case 3: {
        const requestId = RequestId.make(`r${++requests}`)
        switch (roll(3)) {
          case 0:
            return {
              _tag: "ApprovalRequested",
              ...turn(),
              request: { requestId, kind: "command", subject: "x", detail: null }
            }
          case 1:
            return { _tag: "QuestionAsked", ...turn(), request: { requestId, questions: [] } }
          default:
            return {
              _tag: "ElicitationRequested",
              ...turn(),
              request: { requestId, message: "x", form: { _tag: "Url", url: "x" } }
            }
        }
      }
      case 4:
        return {
          _tag: (["ApprovalSettled", "QuestionSettled", "ElicitationSettled"] as const)[roll(3)] ?? "ApprovalSettled",
          ...turn(),
          requestId: RequestId.make(`r${roll(requests + 1)}`),
          by: "agent"
        }
      case 5:
      case 6:
        return { _tag: "ItemStarted", ...turn(), item: itemOf(++items) }
      case 7:
      case 8:
      case 9:
        return { _tag: "ItemDelta", ...turn(), itemId: ItemId.make(`i${roll(items + 1)}`), ...grown, delta: "word " }
      case 10:
        return { _tag: "ItemCompleted", ...turn(), item: itemOf(roll(items + 1)) }
      case 11:
        return { _tag: "UsageUpdated", ...turn(), usage: { ...zero, input: 1 + roll(9) } }
      case 12:
        return { _tag: "CompactionStarted", trigger: "auto", ...(roll(3) === 0 ? { unheld: true } : {}) }
      case 13:
        return { _tag: "CompactionCompleted", summary: "short" }
      case 14:
        return { _tag: "TurnBegan", turnId: TurnId.make(`own${++begun}`), cause: "background" }
      case 15:
        return { _tag: "ItemDetached", ...turn(), item: itemOf(1 + roll(items + 1)) }
      case 16:
        return { _tag: "TaskStarted", ...turn(), task: taskOf(roll(3) === 0 ? tasks : ++tasks, "running") }
      case 17:
        return { _tag: "TaskUpdated", task: taskOf(roll(tasks + 1), "running") }
      case 18:
        return { _tag: "TaskEnded", task: taskOf(roll(tasks + 1), "completed") }
      default:
        return { _tag: "CompactionFailed", name: "Other" }
    }
  }
  const compactionId = () => state.compaction?.compactionId ?? `cmp_${seed}-${roll(3)}`
  for (let at = 1; at <= length; at++) {
    switch (roll(22)) {
      case 0:
      case 1:
        // The shell sends one turn at a time, and none while another runs.
        if (state.sending === undefined && state.running === undefined) {
          const turnId = TurnId.make(`t${++turns}`)
          take({ _tag: "Sending", turnId, input: { prompt: "hello" }, notes: state.notes }, at)
        }
        break
      case 2:
      case 3:
        take({ _tag: "Accepted" }, at)
        break
      case 4:
        take({ _tag: roll(2) === 0 ? "Refused" : "Uncertain" }, at)
        break
      case 5:
        take({ _tag: "Interrupting", turnId: someTurn(), by: roll(2) === 0 ? "user" : "shutdown" }, at)
        break
      case 6:
        take({
          _tag: "DeadlinePassed",
          turnId: someTurn(),
          failure: { _tag: "DeadlineExceeded", deadline: "turn", millis: 1 }
        }, at)
        break
      case 7:
        take({ _tag: "Abandoned", turnId: someTurn() }, at)
        break
      case 8: {
        const requestId = RequestId.make(`r${roll(requests + 1)}`)
        const kind = state.requests.get(requestId)?.kind ?? "approval"
        if (roll(2) === 0) take({ _tag: "AnswerBegun", requestId, kind }, at)
        else take({ _tag: "AnswerFailed", requestId }, at)
        if (roll(2) === 0) {
          take({
            _tag: "Answered",
            settled: { _tag: settledBy[kind], requestId, by: "user" }
          }, at)
        }
        break
      }
      case 9:
        take({ _tag: "CompactionAsked", trigger: "manual", by: roll(2) === 0 ? "us" : "agent" }, at)
        break
      case 10:
        take({
          _tag: "CompactionSaved",
          compactionId: compactionId(),
          saved: roll(2) === 0 ? undefined : { _tag: "Failed", failure: { snapshotId: `s${at}`, code: "ENOSPC" } },
          vetoable: true
        }, at)
        break
      case 11:
        take({ _tag: roll(2) === 0 ? "CompactionReleased" : "CompactionAnswered", compactionId: compactionId() }, at)
        break
      case 12:
        take({ _tag: "CompactionVetoed", compactionId: compactionId(), reason: "no" }, at)
        break
      case 13:
        take({
          _tag: "CompactionOver",
          compactionId: compactionId(),
          ending: { outcome: roll(2) === 0 ? "timeout" : "unknown" }
        }, at)
        break
      case 14:
        if (roll(8) === 0) take({ _tag: "Ending", reason: "lost", exit: { signal: "SIGKILL" } }, at)
        break
      default:
        take({ _tag: "Emitted", events: Array.from({ length: 1 + roll(4) }, said) }, at)
    }
  }
  take({ _tag: "Ending", reason: "stopped" }, length + 1)
  return { inputs, events, wants }
}

const who = {
  provider: ProviderName.make("model"),
  instanceId: InstanceId.make("model"),
  sessionId: SessionId.make("session"),
  directory: "/"
}
const place = { seq: 1, at: 1, threadId: ThreadId.make("t"), epoch: EpochNumber.make(1) }

interface OpenItem {
  readonly text: string
  readonly turnId: string | undefined
  readonly detached: boolean
}

/** Everything that a life broke, as sentences. */
export const judge = ({ events, wants }: Life): ReadonlyArray<string> => {
  const wrong: Array<string> = []
  const once = (what: string, ids: Iterable<string>, ended: ReadonlyMap<string, number>) => {
    for (const id of ids) {
      const times = ended.get(id) ?? 0
      if (times !== 1) wrong.push(`${what} ${id} ended ${times} times`)
    }
  }
  const count = (map: Map<string, number>, id: string) => map.set(id, (map.get(id) ?? 0) + 1)
  const started = new Set<string>()
  const terminals = new Map<string, number>()
  const asked = new Set<string>()
  const settled = new Map<string, number>()
  const open = new Map<string, OpenItem>()
  const tasks = new Map<string, number>()
  const gated = new Set<string>()
  const outcomes = new Map<string, number>()
  const told = new Set<string>()
  /** Turns that the agent has, in order, and the last usage that was reported of each. */
  const usages = new Map<string, Usage | undefined>()
  let over = false
  for (const event of events) {
    if (over) wrong.push(`${event._tag} after the end of the epoch`)
    if (isTerminal(event)) {
      if (!started.has(event.turnId)) wrong.push(`turn ${event.turnId} ended before it started`)
      count(terminals, event.turnId)
      const usage = usages.get(event.turnId)
      if (usage !== undefined && (event.usage?.input ?? 0) === 0) {
        wrong.push(`turn ${event.turnId} ended without the usage that was reported`)
      }
      usages.delete(event.turnId)
      for (const [itemId, { detached, turnId }] of open) {
        if (turnId === event.turnId && !detached) wrong.push(`item ${itemId} is open after its turn ${turnId}`)
      }
    }
    switch (event._tag) {
      case "TurnStarted":
      case "TurnBegan":
        if (started.has(event.turnId)) wrong.push(`turn ${event.turnId} started twice`)
        started.add(event.turnId)
        usages.set(event.turnId, undefined)
        break
      case "UsageUpdated": {
        // Of the turn that it names, or of the one that the agent works on.
        const turnId = event.turnId ?? usages.keys().next().value
        if (turnId !== undefined && usages.has(turnId)) usages.set(turnId, event.usage)
        break
      }
      case "ApprovalRequested":
      case "QuestionAsked":
      case "ElicitationRequested":
        asked.add(event.request.requestId)
        break
      case "ApprovalSettled":
      case "QuestionSettled":
      case "ElicitationSettled":
        if (!asked.has(event.requestId)) wrong.push(`request ${event.requestId} settled and never asked`)
        count(settled, event.requestId)
        break
      case "ItemStarted":
        open.set(event.item.itemId, open.get(event.item.itemId) ?? { text: "", turnId: event.turnId, detached: false })
        break
      case "ItemDetached": {
        const known = open.get(event.item.itemId)
        open.set(event.item.itemId, { text: known?.text ?? "", turnId: undefined, detached: true })
        break
      }
      case "ItemDelta": {
        const known = open.get(event.itemId) ?? { text: "", turnId: event.turnId, detached: false }
        open.set(event.itemId, { ...known, text: known.text + event.delta })
        break
      }
      case "TaskStarted":
        if (tasks.get(event.task.taskId) === 1) wrong.push(`task ${event.task.taskId} started twice`)
        tasks.set(event.task.taskId, 1)
        break
      case "TaskEnded":
        if (tasks.get(event.task.taskId) !== 1) wrong.push(`task ${event.task.taskId} ended and does not run`)
        tasks.set(event.task.taskId, 0)
        break
      case "ItemCompleted": {
        const known = open.get(event.item.itemId)
        const text = known?.text
        if (known?.detached === true && event.turnId !== undefined) {
          wrong.push(`item ${event.item.itemId} is detached and completed in turn ${event.turnId}`)
        }
        if (event.cut === true) {
          if (text === undefined) wrong.push(`item ${event.item.itemId} was cut and is not open`)
          const kept = event.item._tag === "Command"
            ? event.item.output ?? ""
            : "text" in event.item
            ? event.item.text
            : ""
          if (text !== undefined && kept !== text) wrong.push(`item ${event.item.itemId} lost text that readers saw`)
        }
        open.delete(event.item.itemId)
        break
      }
      case "CompactionGated":
        gated.add(event.compactionId)
        break
      case "CompactionSettled":
        if (!gated.has(event.compactionId)) wrong.push(`compaction ${event.compactionId} settled and never gated`)
        count(outcomes, event.compactionId)
        break
      case "SessionEnded":
        over = true
        break
    }
    if (isEphemeral(event)) continue
    const eventId = LifecycleRecord.of({ ...event, ...place }, who)?.eventId
    if (eventId === undefined) continue
    if (told.has(eventId)) wrong.push(`hooks are told of ${event._tag} twice`)
    told.add(eventId)
  }
  once("turn", started, terminals)
  once("request", asked, settled)
  once("compaction", gated, outcomes)
  for (const [id, runs] of tasks) if (runs === 1) wrong.push(`task ${id} was started and did not end`)
  for (const id of open.keys()) wrong.push(`item ${id} was started and not completed`)
  if (!over) wrong.push("the epoch did not end")
  const waits = new Map<string, number>()
  for (const want of wants) if (want._tag === "TurnOver") count(waits, want.turnId)
  once("wait for turn", started, waits)
  return wrong
}
